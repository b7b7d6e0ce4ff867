"""A facts file contains when, where and by which version it was collected; so does the report on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ovms_doctor as package
from tests.cli.run import ovms_doctor

MODELS = Path(__file__).parents[2] / "fixtures" / "models"


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    target = tmp_path / "facts.json"
    result = ovms_doctor("collect", MODELS, "--load", "none", "-o", target, "--host-name", "node\x1b7")
    assert (result.code, result.out) == (0, b"")
    (line,) = result.err.decode().splitlines()
    assert str(target) in line
    number = len(json.loads(target.read_text("utf-8"))["facts"])
    assert f"{number:,} facts" in line
    assert "secrets are replaced" in line
    return target


def test_the_report_names_the_origin(facts: Path) -> None:
    document = ovms_doctor("check", "--facts", facts, "--format", "json").document
    origin = document["run"]["facts_from"]
    assert (origin["host"], origin["tool_version"]) == ("node\x1b7", package.__version__)
    header = json.loads(facts.read_text("utf-8"))["header"]
    assert origin["collected_at"] == header["collected_at"]
    assert document["run"]["started_at"] >= origin["collected_at"]
    text = " ".join(ovms_doctor("check", "--facts", facts).text.split())
    assert "recorded facts, collected on node" in text
    assert "\x1b" not in text


def test_summary_lists_that_host(facts: Path) -> None:
    document = ovms_doctor("summary", facts, "--format", "json").document
    assert [row["host"] for row in document["hosts"]] == ["node\x1b7"]


def test_facts_of_an_older_version(facts: Path) -> None:
    document = json.loads(facts.read_text("utf-8"))
    document["header"] = {"request": document["header"]["request"]}
    facts.write_text(json.dumps(document), "utf-8")
    origin = ovms_doctor("check", "--facts", facts, "--format", "json").document["run"]["facts_from"]
    assert origin == {"collected_at": "", "tool_version": "", "host": "", "redacted": False}


def test_a_run_without_recorded_facts_has_no_facts_origin() -> None:
    document = ovms_doctor(
        "check", MODELS / "dense-ir", "--load", "none", "--format", "json", "--host-name", "here"
    ).document
    assert "facts_from" not in document["run"]
    assert document["run"]["host"]["name"] == "here"


def test_standard_input_and_output(facts: Path) -> None:
    piped = ovms_doctor("collect", MODELS / "dense-ir", "--load", "none")
    assert piped.err == b""
    result = ovms_doctor("check", "--facts", "-", "--format", "json", stdin=piped.out)
    assert (result.code, result.document["models"][0]["served_versions"]) == (0, [1])
