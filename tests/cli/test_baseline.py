"""--write-baseline and --baseline: known findings are counted and do not fail the run; new ones do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ovms_doctor.cli.baseline import FORMAT, Baseline
from ovms_doctor.report.schema import schema_of
from tests.cli.run import Result, ovms_doctor

MODELS = Path(__file__).parents[2] / "fixtures" / "models"


@pytest.fixture
def project(public_dir: Path) -> Path:
    for name in ("dense-ir", "model1", "model2"):
        shutil.copytree(MODELS / name, public_dir / "models" / name)
    return public_dir


def check(project: Path, *arguments: str | Path) -> Result:
    return ovms_doctor("check", project / "models", "--load", "none", "--format", "json", *arguments)


def written(project: Path, *arguments: str) -> dict[str, Any]:
    """The baseline of the project in its current state; it fulfils its schema."""
    assert check(project, "--write-baseline", project / "known.json", *arguments).code == 0
    document: dict[str, Any] = json.loads((project / "known.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema_of(Baseline, "baseline", FORMAT)).validate(document)
    return document


def edit(project: Path, **keys: object) -> None:
    document = json.loads((project / "known.json").read_text("utf-8"))
    for entry in document["findings"]:
        entry.update(keys)
    (project / "known.json").write_text(json.dumps(document), "utf-8")


def test_known_finding_does_not_fail(project: Path) -> None:
    assert check(project).code == 1
    assert [entry["code"] for entry in written(project)["findings"]] == ["OVD101", "OVD111"]
    result = check(project, "--baseline", project / "known.json")
    summary = result.document["summary"]
    assert (result.code, summary["verdict"], summary["errors"], summary["suppressed"]) == (0, "pass", 0, 2)
    assert summary["sentence"].endswith("the known findings do not fail the run")
    assert {one["suppressed"]["by"] for one in result.document["findings"]} == {"baseline"}


def test_new_finding_fails(project: Path) -> None:
    written(project)
    (project / "models" / "dense-ir" / "1" / "model.bin").unlink()
    result = check(project, "--baseline", project / "known.json")
    new = [one for one in result.document["findings"] if "suppressed" not in one]
    assert (result.code, [one["subject"]["model"] for one in new]) == (1, ["dense-ir"])


def test_on_another_host_under_another_path(project: Path, tmp_path: Path) -> None:
    written(project)
    elsewhere = tmp_path / "copy"
    shutil.copytree(project / "models", elsewhere / "models")
    assert check(elsewhere, "--baseline", project / "known.json").code == 0


def test_known_finding_that_no_longer_occurs_is_noted(project: Path) -> None:
    written(project)
    shutil.rmtree(project / "models" / "model2")
    result = check(project, "--baseline", project / "known.json")
    assert result.code == 0
    assert any("1 entry of the baseline" in note and "no longer occurs" in note for note in notes(result))


def notes(result: Result) -> list[str]:
    found: list[str] = result.document["run"]["notes"]
    return found


def test_an_entry_is_valid_until_its_day(project: Path) -> None:
    written(project, "--baseline-expires", "2999-12-31")
    assert check(project, "--baseline", project / "known.json").code == 0
    edit(project, expires="2000-01-01")
    result = check(project, "--baseline", project / "known.json")
    assert result.code == 1
    assert any("expired on 2000-01-01" in note for note in notes(result))


def test_reasons_stay_when_it_is_written_again(project: Path) -> None:
    written(project)
    edit(project, reason="accepted in March")
    (project / "models" / "dense-ir" / "1" / "model.bin").unlink()
    again = written(project, "--baseline", str(project / "known.json"))
    assert [(entry["model"], entry["reason"]) for entry in again["findings"]] == [
        ("model2", "accepted in March"),
        ("dense-ir", ""),
        ("model1", "accepted in March"),
    ]


def test_failed_check_is_never_a_known_finding(project: Path) -> None:
    config = project / "config.json"
    config.write_text('{"model_config_list": [{"config": {"name": "m", "base_path": "/of-no-host/m"}}]}')
    arguments = ("check", config, "--load", "none", "--format", "json")
    result = ovms_doctor(*arguments, "--write-baseline", project / "known.json")
    assert result.code == 3
    assert json.loads((project / "known.json").read_text())["findings"] == []
    assert ovms_doctor(*arguments, "--baseline", project / "known.json").code == 3


def test_no_ignores_shows_all(project: Path) -> None:
    written(project)
    assert check(project, "--baseline", project / "known.json", "--no-ignores").code == 1


@pytest.mark.parametrize("form", ["sarif", "junit", "github", "gitlab", "markdown", "html"])
def test_other_formats(project: Path, form: str) -> None:
    written(project)
    result = ovms_doctor(
        "check", project / "models", "--load", "none", "-f", form, "--baseline", project / "known.json"
    )
    assert result.code == 0
    if form == "sarif":
        results = json.loads(result.out)["runs"][0]["results"]
        assert [len(one["suppressions"]) for one in results] == [1, 1]
    elif form == "gitlab":
        assert json.loads(result.out) == []
    elif form == "github":
        assert "::error" not in result.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "is not a baseline"),
        ('{"format": "other", "schema_version": "1.0", "findings": []}', "is not a baseline"),
        ("\udcff", "is not a baseline"),
        (
            '{"format": "ovms-doctor baseline", "schema_version": "1.0", "findings": '
            '[{"fingerprint": "x", "code": "OVD101", "expires": "soon"}]}',
            "is not a date",
        ),
    ],
)
def test_documents_that_are_not_a_baseline(project: Path, text: str, message: str) -> None:
    (project / "known.json").write_text(text, "utf-8", "surrogateescape")
    result = check(project, "--baseline", project / "known.json")
    assert (result.code, message in result.err.decode()) == (2, True)


def test_wrong_usage(project: Path) -> None:
    assert check(project, "--baseline", project / "gone.json").code == 2
    assert check(project, "--baseline-expires", "2999-01-01").code == 2
    assert check(project, "--write-baseline", project / "x", "--baseline-expires", "soon").code == 2
    assert check(project, "--write-baseline", project / "no" / "such" / "x.json").code == 2
