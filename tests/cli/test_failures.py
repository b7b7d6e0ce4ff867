"""Runs that end before there is a report: one line, the exit code, and a document in the requested format."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ovms_doctor.cli.failure_text import failure_text
from tests.cli.run import Result, ovms_doctor

COMPOSE = "services:\n  ovms:\n    image: openvino/model_server:2026.3\n    command: --port 9000\n"


def without(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """Behaves as if the package was not installed."""
    for name in [name for name in sys.modules if name == module or name.startswith(f"{module}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)


@pytest.mark.parametrize("option", ["--compose", "--kubernetes"])
def test_a_missing_yaml_names_the_package(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file.yml"
    file.write_text(COMPOSE)
    without(monkeypatch, "yaml")
    run = ovms_doctor("check", option, file, "-f", "json")
    assert run.code == 3
    assert b"the Python package PyYAML is missing: python3 -m pip install PyYAML" in run.err
    assert b"ModuleNotFoundError" not in run.err
    assert "PyYAML" in run.document["error"]
    assert run.document["summary"]["verdict"] == "incomplete"


def test_any_package_of_ours() -> None:
    assert failure_text(ModuleNotFoundError("No module named 'google'", name="google.cloud.storage")) == (
        "the Python package google-cloud-storage is missing: python3 -m pip install google-cloud-storage"
    )
    # For a third-party module, the name of its distribution is not known.
    assert failure_text(ModuleNotFoundError("No module named 'x'", name="x")).startswith(
        "ModuleNotFoundError"
    )
    assert failure_text(ValueError("why")) == "ValueError: why"


def is_one_document(run: Result, code: int) -> None:
    assert run.code == code
    assert run.err.count(b"\n") == 1
    document = run.document
    assert document["error"]
    assert document["models"] == document["findings"] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("check",),
        ("check", "/x", "--no-such-option"),
        ("check", "/x", "--user", "nobody-at-all"),
        ("check", "--compose", "/nonexistent.yml"),
        ("check", "--select", "OVD998", "."),
        ("logs",),
        ("status", "http://h:x"),
        ("request",),
        ("chekc", "/x"),
    ],
)
def test_a_mistake_of_usage_writes_the_document(arguments: tuple[str, ...], tmp_path: Path) -> None:
    is_one_document(ovms_doctor(*arguments, "--format", "json", cwd=tmp_path), 2)
    to_file = ovms_doctor(*arguments, "-o", "out.json", cwd=tmp_path)
    assert to_file.code == 2
    assert json.loads((tmp_path / "out.json").read_text())["error"]


@pytest.mark.parametrize("arguments", [("check",), ("logs",), ("explain",), ("schema", "nothing")])
def test_without_a_format_no_document_is_written(arguments: tuple[str, ...]) -> None:
    run = ovms_doctor(*arguments)
    assert (run.code, run.out) == (2, b"")
