"""Many reports: how many hosts and models have each finding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ovms_doctor.report.schema import summary_schema
from tests.cli.run import Result, ovms_doctor
from tests.comparison.reports import finding, report, write


def summary(directory: Path, *documents: dict[str, Any], arguments: tuple[str, ...] = ()) -> Result:
    for number, document in enumerate(documents):
        write(directory / "reports" / f"{number}.json", document)
    return ovms_doctor("summary", directory / "reports", *arguments)


def host(name: str) -> dict[str, str]:
    return {"name": name}


def test_hosts_models_and_findings_are_counted(tmp_path: Path) -> None:
    result = summary(
        tmp_path,
        report(finding("OVD111", "m"), finding("OVD111", "m", version=2), host=host("a")),
        report(finding("OVD111", "n"), finding("OVD201", None), host=host("a")),
        report(finding("OVD201", None, "warning"), finding("OVD741", None, "warning"), host=host("b")),
        report(host=host("c")),
        arguments=("--format", "json"),
    )
    document = result.document
    jsonschema.Draft202012Validator(summary_schema()).validate(document)
    assert (result.code, document["reports"], document["models"]) == (1, 4, 8)
    assert document["verdicts"] == {"pass": 2, "fail": 2, "incomplete": 0}
    rows = [
        (kind["code"], kind["severity"], kind["hosts"], kind["models"], kind["findings"])
        for kind in document["affected"]
    ]
    # Errors come before warnings, then the findings on most hosts.
    assert rows == [
        ("OVD201", "error", 2, 0, 2),
        ("OVD111", "error", 1, 2, 3),
        ("OVD741", "warning", 1, 0, 1),
    ]
    assert [(row["host"], row["reports"], row["errors"]) for row in document["hosts"]] == [
        ("a", 2, 4),
        ("b", 1, 0),
        ("c", 1, 0),
    ]


def test_all_passed(tmp_path: Path) -> None:
    result = summary(tmp_path, report(), report())
    assert (result.code, result.text.splitlines()[-1]) == (0, "✓ 2 of 2 reports passed")


def test_an_incomplete_report_is_counted(tmp_path: Path) -> None:
    result = summary(tmp_path, report(), report(finding("OVD903", None, "warning")))
    assert result.code == 3
    assert result.text.splitlines()[-1] == "? 1 of 2 reports passed, 1 could not look at everything"


def test_unreadable_report_is_named(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "broken.json").write_text("{")
    (tmp_path / "reports" / "other.txt").write_text("not looked at")
    result = summary(tmp_path, report())
    assert result.code == 3
    assert "broken.json: is not a report of ovms-doctor" in " ".join(result.text.split())
    assert "other.txt" not in result.text


@pytest.mark.parametrize("arguments", [(), ("/no/such/directory",)])
def test_no_readable_reports_is_an_error(arguments: tuple[str, ...]) -> None:
    assert ovms_doctor("summary", *arguments).code == (3 if arguments else 2)


def test_files_below_directories(tmp_path: Path) -> None:
    write(tmp_path / "reports" / "node1" / "pod" / "report.json", report(finding()))
    result = summary(tmp_path, report(), arguments=("--format", "json"))
    assert result.document["reports"] == 2


def test_facts_are_judged(tmp_path: Path, public_dir: Path) -> None:
    (public_dir / "m").mkdir()
    (public_dir / "m" / "model.onnx").touch()
    facts = tmp_path / "facts.json"
    assert ovms_doctor("collect", public_dir / "m", "--load", "none", "-o", facts).code == 0
    document = ovms_doctor("summary", facts, "--format", "json").document
    assert [kind["code"] for kind in document["affected"]] == ["OVD101"]


def test_text_is_short_and_counts_what_is_left_out(tmp_path: Path) -> None:
    documents = [report(finding(), host=host(f"node-{number:03}")) for number in range(60)]
    text = summary(tmp_path, *documents).text
    assert "60 of 60 hosts, 60 models, 60 findings" in text
    assert "… and 40 more hosts (--verbose)" in text
    assert text.count("node-") < 40
    whole_text = ovms_doctor("summary", tmp_path / "reports", "--verbose").text
    assert "node-059" in whole_text


def test_markdown(tmp_path: Path) -> None:
    text = summary(tmp_path, report(finding(), host=host("a|b")), arguments=("-f", "markdown")).text
    assert "| ✗ OVD111 | a-name | 1 | 1 | 1 |" in text
    assert "a|b" not in text


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--fail-on", "warning"), 1), (("--exit-zero",), 0)])
def test_the_exit_code(tmp_path: Path, options: tuple[str, ...], code: int) -> None:
    assert summary(tmp_path, report(finding(severity="warning")), arguments=options).code == code
