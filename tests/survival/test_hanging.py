"""File systems that hang, like a dead NFS server: the child that reads hangs, and no other process.

These tests cannot create a hanging mount, so the child itself hangs on request.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.cli.app import run
from ovms_doctor.model.facts import AnyQuestion, StatPath, Unavailable
from ovms_doctor.probes.local import LocalCollector
from ovms_doctor.probes.processes import start
from ovms_doctor.probes.processes.single import Worker
from tests.probes.misbehaving import use_misbehaving_workers
from tests.survival.processes import have_ended

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("started_workers")]


@pytest.fixture
def misbehaving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children that hang at every path whose last component is ``hang``."""
    use_misbehaving_workers(monkeypatch)


@pytest.mark.usefixtures("misbehaving")
@pytest.mark.parametrize("arguments", [["/dead/hang"], ["/srv/hang", "--mount", "/srv/hang:/srv/hang"]])
def test_a_target_on_a_dead_mount(arguments: list[str], capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    code = run(["check", *arguments, "--timeout", "0.5", "--no-plugins", "--format", "json"])
    report = json.loads(capsysbinary.readouterr().out)
    assert code == 3
    statuses = {check["name"]: check["status"] for check in report["checks"]}
    for name in ("doctor", "host", "live", "logs", "requests"):
        statuses.pop(name, None)
    assert set(statuses.values()) == {"timed_out"}
    assert report["summary"]["verdict"] == "incomplete"


def test_the_deadlines_of_several_dead_mounts_do_not_add_up(
    misbehaving: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question that hung halves the time for the next one."""
    waits: list[float] = []
    answer = Worker.answer

    def recorded(self: Worker, questions: Sequence[AnyQuestion], times: Any) -> Any:
        waits.append(times(questions[0]))
        return answer(self, questions, times)

    monkeypatch.setattr(Worker, "answer", recorded)
    mounts: list[AnyQuestion] = [StatPath(f"/dead{number}/hang") for number in range(4)]
    with LocalCollector(None, deadline=2.0) as collector:
        answers = collector.collect(mounts)
    assert [type(item) for item in answers.values()] == [Unavailable] * 4
    assert waits[:4] == [2.0, 1.0, 0.5, 0.5]


def test_a_child_that_cannot_be_killed_is_reported(
    misbehaving: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every test machine can have a hanging mount: here the child's exit status never arrives, as if it
    waited in the kernel."""
    monkeypatch.setattr(start, "TIME_LIMIT", 0.0)
    left: list[int] = []
    with monkeypatch.context() as patched, LocalCollector(None, deadline=0.5) as collector:
        patched.setattr(start.os, "waitpid", lambda pid, options: left.append(pid) or (0, 0))
        (answer,) = collector.collect([StatPath("/dead/hang")]).values()
    assert isinstance(answer, Unavailable)
    assert answer.timed_out
    assert (
        f"process {left[0]} waits in the kernel until the file system answers or is unmounted"
        in answer.reason
    )
    for pid in set(left):
        os.waitpid(pid, 0)


def test_a_signal_before_any_handler_leaves_no_files(tmp_path: Path) -> None:
    """SIGHUP at the first import of the program, and after its first children are started."""
    script = """
import os, signal, sys
moment = sys.argv.pop(1)
def at(event, arguments):
    if event == "import" and arguments[0] == moment:
        os.kill(os.getpid(), signal.SIGHUP)
sys.addaudithook(at)
from ovms_doctor.cli.entry import main
main()
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "OVD_TEST_MARK": tmp_path.name}
    for moment, code in (("ovms_doctor.cli.interrupted", -signal.SIGHUP), ("ovms_doctor.cli.plain", 130)):
        completed = subprocess.run(
            [sys.executable, "-c", script, moment, "check", str(tmp_path), "--load", "none"],
            cwd=Path(__file__).parents[2],
            env=environment,
            capture_output=True,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
            check=False,
        )
        assert completed.returncode == code, completed.stderr
        assert have_ended(tmp_path.name)
        assert list(tmp_path.iterdir()) == []
