"""File systems that hang, as a dead NFS server does: the child that looks hangs, and nobody else.

A mount that hangs cannot be had in a test, so a child that does what is asked stands in for it.
"""

from __future__ import annotations

import json

import pytest

from ovms_doctor.cli.app import run
from tests.probes.odd import use_odd_workers

pytestmark = pytest.mark.slow


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children that hang at every path whose last name is ``hang``."""
    use_odd_workers(monkeypatch)


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize("words", [["/dead/hang"], ["/srv/hang", "--mount", "/srv/hang:/srv/hang"]])
def test_a_target_on_a_dead_mount(words: list[str], capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    code = run(["check", *words, "--timeout", "0.5", "--no-plugins", "--format", "json"])
    report = json.loads(capsysbinary.readouterr().out)
    assert code == 3
    statuses = {check["name"]: check["status"] for check in report["checks"]}
    for name in ("doctor", "host", "live", "logs", "requests"):
        statuses.pop(name, None)
    assert set(statuses.values()) == {"timed_out"}
    assert report["summary"]["verdict"] == "incomplete"
