"""File systems that hang, as a dead NFS server does: the child that looks hangs, and nobody else.

A mount that hangs cannot be had in a test, so a child that does what is asked stands in for it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from ovms_doctor.cli.app import run
from ovms_doctor.probes.processes import child as process

PROJECT = Path(__file__).parents[2]
ODD = PROJECT / "tests" / "probes" / "odd_worker.py"


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children that hang at every path whose last name is ``hang``."""
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))

    def command(kind: str, questions: int, answers: int) -> list[str]:
        return [sys.executable, str(ODD), kind, str(questions), str(answers), str(os.getpid())]

    monkeypatch.setattr(process, "_command", command)


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize("words", [["/dead/hang"], ["/srv/hang", "--mount", "/srv/hang:/srv/hang"]])
def test_a_target_on_a_dead_mount(words: list[str], capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    code = run(["check", *words, "--timeout", "0.5", "--no-plugins", "--format", "json"])
    report = json.loads(capsysbinary.readouterr().out)
    assert code == 3
    statuses = {check["name"]: check["status"] for check in report["checks"]}
    statuses.pop("doctor", None)
    assert set(statuses.values()) == {"timed_out"}
    assert report["summary"]["verdict"] == "incomplete"
