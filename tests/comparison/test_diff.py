"""Findings that are fixed, remain or are new; and findings whose state is unknown because the newer run did
not check.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ovms_doctor.report.schema import diff_schema
from tests.cli.run import Result, ovms_doctor
from tests.comparison.reports import finding, report, write

MODELS = Path(__file__).parents[2] / "fixtures" / "models"


def diff(directory: Path, old: dict[str, Any], new: dict[str, Any], *arguments: str) -> Result:
    paths = write(directory / "old.json", old), write(directory / "new.json", new)
    return ovms_doctor("diff", *paths, *arguments)


def changes(directory: Path, old: dict[str, Any], new: dict[str, Any]) -> dict[str, list[str]]:
    """The codes of the findings by change; the document fulfils its schema."""
    document = diff(directory, old, new, "--format", "json").document
    jsonschema.Draft202012Validator(diff_schema()).validate(document)
    result: dict[str, list[str]] = {}
    for item in document["differences"]:
        result.setdefault(item["change"], []).append(item["code"])
    assert {key: len(value) for key, value in result.items()} == {
        key: value for key, value in document["counts"].items() if value
    }
    return result


def test_the_three_changes(tmp_path: Path) -> None:
    old, new = report(finding("OVD101"), finding("OVD111")), report(finding("OVD111"), finding("OVD302"))
    assert changes(tmp_path, old, new) == {"new": ["OVD302"], "still_there": ["OVD111"], "fixed": ["OVD101"]}


def test_the_same_report(tmp_path: Path) -> None:
    same = report(finding("OVD101"))
    assert changes(tmp_path, same, same) == {"still_there": ["OVD101"]}
    result = diff(tmp_path, same, same)
    assert (result.code, result.text.splitlines()[-1]) == (0, "✓ nothing new, 1 still there")


def test_two_findings_with_one_fingerprint(tmp_path: Path) -> None:
    one, two = finding(fingerprint="x"), finding(fingerprint="x")
    assert changes(tmp_path, report(one, two), report(one)) == {
        "still_there": ["OVD111"],
        "fixed": ["OVD111"],
    }
    assert changes(tmp_path, report(one), report(one, two)) == {"new": ["OVD111"], "still_there": ["OVD111"]}


@pytest.mark.parametrize(
    ("new", "note"),
    [
        (report(finding("OVD903", "m", "warning")), "message of OVD903"),
        (report(finding("OVD904", None, "warning")), "message of OVD904"),
        (report(finding("OVD905", "m", "warning")), "message of OVD905"),
        (
            report(checks=[{"name": "layout", "status": "crashed", "reason": "KeyError"}]),
            "layout: KeyError",
        ),
        (report(checks=[{"name": "reading", "status": "ran"}]), "the check layout was not selected"),
        (report(error="out of memory\nmore"), "out of memory"),
    ],
)
def test_finding_that_was_not_checked_is_not_fixed(tmp_path: Path, new: dict[str, Any], note: str) -> None:
    old = report(finding("OVD111"))
    assert changes(tmp_path, old, new) == {"not_known": ["OVD111"]}
    result = diff(tmp_path, old, new)
    assert result.code == 3
    assert note in result.text


@pytest.mark.parametrize(
    "gap", [finding("OVD903", "n", "warning"), finding("OVD903", "m", "warning", version=2)]
)
def test_a_gap_of_another_model_does_not_change_the_result(tmp_path: Path, gap: dict[str, Any]) -> None:
    """Another model, or another version of this one, could not be checked."""
    new = report(gap, checks=[{"name": "layout", "status": "could_not_look", "reason": "closed"}])
    assert changes(tmp_path, report(finding("OVD111", version=1)), new) == {"fixed": ["OVD111"]}


@pytest.mark.parametrize("code", ["OVD906", "OVD907", "OVD908"])
def test_not_every_finding_about_the_doctor_is_a_gap(tmp_path: Path, code: str) -> None:
    new = report(finding(code, None, "warning"))
    assert changes(tmp_path, report(finding("OVD111")), new) == {"fixed": ["OVD111"]}


def test_a_removed_model(tmp_path: Path) -> None:
    result = diff(tmp_path, report(finding()), report(models=["n"]))
    assert result.code == 0
    assert "m is not in the newer report" in result.text


def test_another_severity(tmp_path: Path) -> None:
    document = diff(
        tmp_path, report(finding(severity="warning")), report(finding()), "--format", "json"
    ).document
    (item,) = document["differences"]
    assert (item["change"], item["severity"], item["severity_before"]) == ("still_there", "error", "warning")


@pytest.mark.parametrize(
    ("severity", "options", "code"),
    [
        ("error", [], 1),
        ("warning", [], 0),
        ("warning", ["--fail-on", "warning"], 1),
        ("error", ["--fail-on", "never"], 0),
        ("error", ["--exit-zero"], 0),
    ],
)
def test_the_exit_code(tmp_path: Path, severity: str, options: list[str], code: int) -> None:
    assert diff(tmp_path, report(), report(finding(severity=severity)), *options).code == code


def test_findings_about_the_doctor_take_no_part(tmp_path: Path) -> None:
    assert changes(tmp_path, report(), report(finding("OVD903", None, "warning"))) == {}


def test_real_reports_and_facts(public_dir: Path, tmp_path: Path) -> None:
    """Facts are first turned into findings; what was repaired in between is reported as fixed."""
    shutil.copytree(MODELS, public_dir / "models")
    facts, new = tmp_path / "facts.json", tmp_path / "new.json"
    ovms_doctor("collect", public_dir / "models", "--load", "none", "-o", facts)
    model = public_dir / "models" / "model2"
    (model / "1").mkdir()
    for path in [*model.glob("ir_model.*")]:
        path.rename(model / "1" / path.name)
    ovms_doctor("check", public_dir / "models", "--load", "none", "-o", f"json:{new}")
    document = ovms_doctor("diff", facts, new, "--format", "json").document
    by_change = {(item["change"], item["code"]) for item in document["differences"]}
    assert ("fixed", "OVD101") in by_change
    assert ("still_there", "OVD111") in by_change
    assert not {change for change, _ in by_change} & {"new", "not_known"}


def test_reports_of_the_first_form_are_read(tmp_path: Path) -> None:
    old = report(finding())
    del old["run"], old["models"]
    assert changes(tmp_path, old, report(finding())) == {"still_there": ["OVD111"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a report of ovms-doctor"),
        ("[]", "is not a report of ovms-doctor"),
        ('{"schema_version": "2.0", "summary": {}, "findings": []}', "has the form 2.0"),
        (
            '{"schema_version": "1.0", "summary": {}, "findings": [{"code": 7}]}',
            "is not a report of ovms-doctor",
        ),
        ("\udcff", "is not a report of ovms-doctor"),
    ],
)
def test_documents_that_are_not_a_report(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.json").write_text(text, "utf-8", "surrogateescape")
    good = write(tmp_path / "good.json", report())
    result = ovms_doctor("diff", good, tmp_path / "bad.json")
    assert result.code == 2
    assert message in result.err.decode()
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize("names", [[], ["a.json"], ["a.json", "b.json", "c.json"], ["-", "-"]])
def test_two_files_are_needed(names: list[str]) -> None:
    assert ovms_doctor("diff", *names).code == 2


def test_hostile_texts(tmp_path: Path) -> None:
    bad = finding(model="\x1b[31m<b>|`x`\u202e", path="/a\nb")
    bad["message"] = "::error::\x1b]0;title\x07 | <script>"
    for arguments in ([], ["--format", "markdown"], ["--format", "json"]):
        result = diff(tmp_path, report(), report(bad), *arguments)
        assert result.code == 1
        assert not {"\x1b", "\x07", "\u202e"} & set(result.text)
    markdown = diff(tmp_path, report(), report(bad), "--format", "markdown").text
    assert "<script>" not in markdown


def test_markdown_and_a_file(tmp_path: Path) -> None:
    target = tmp_path / "diff.md"
    result = diff(tmp_path, report(), report(finding()), "--format", "markdown", "-o", str(target))
    assert result.text == ""
    text = target.read_text("utf-8")
    assert text.startswith("## ovms-doctor: ✗ 1 new finding")
    assert "| ✗ OVD111 | m | message of OVD111 |" in text
