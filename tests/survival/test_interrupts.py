"""Ctrl-C, SIGTERM and SIGHUP at any moment: nothing is left behind, and the findings so far are reported."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.deadlines import LONG
from tests.survival.hostile import good
from tests.survival.processes import have_ended

pytestmark = pytest.mark.slow

SEED = 20_260_301
_SIGTERM_CAUGHT = 1 << (signal.SIGTERM - 1)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("models")
    for number in range(120):
        version = top / f"m{number:03}" / "1"
        version.mkdir(parents=True)
        good(version)
    return top


def _start(
    models: Path, scratch: Path, *arguments: str, errors: int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    own_ids = f"{os.getuid()}:{os.getgid()}"
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "ovms_doctor",
            *arguments,
            str(models),
            "--load",
            "compile",
            "--user",
            own_ids,
        ],
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
        # Under nohup, SIGHUP is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        env={**os.environ, "TMPDIR": str(scratch), "OVD_TEST_MARK": scratch.name, "TERM": "xterm"},
    )


def _wait_until_it_listens(process: subprocess.Popen[bytes]) -> None:
    """Before this, Python itself is still starting, which is not tested."""
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
        if int(caught, 16) & _SIGTERM_CAUGHT:
            return
        time.sleep(0.001)


@pytest.mark.parametrize("number", range(12))
def test_a_signal_at_any_moment(models: Path, tmp_path: Path, number: int) -> None:
    rng = random.Random(SEED + number)
    signal_number = rng.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    scratch = tmp_path / f"scratch-{number}-{os.getpid()}"
    scratch.mkdir()
    process = _start(models, scratch, "check", "--format", "json")
    _wait_until_it_listens(process)
    time.sleep(rng.uniform(0.0, 1.5))
    # Sent to the whole process group, as a terminal does.
    os.killpg(process.pid, signal_number)
    out, err = process.communicate(timeout=LONG)
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert b"interrupted" in err
    assert have_ended(scratch.name)
    assert list(scratch.iterdir()) == []
    if out:
        assert json.loads(out)["tool"]["name"] == "ovms-doctor"


def _after_some_were_loaded(
    models: Path, scratch: Path, *arguments: str
) -> tuple[subprocess.Popen[bytes], bytes]:
    """Interrupts the command when its progress line on a terminal shows the tenth model: more than the
    children get at a time."""
    terminal, errors = os.openpty()
    fcntl.ioctl(errors, termios.TIOCSWINSZ, struct.pack("4H", 24, 200, 0, 0))
    process = _start(models, scratch, *arguments, "--jobs", "2", errors=errors)
    os.close(errors)
    output = b""
    while not any(int(number) >= 10 for number in re.findall(rb"loading (\d+)/120 ", output)):
        output += os.read(terminal, 4096)
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=LONG)
    # The other end is closed: a terminal then gives an error.
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 4096):
            output += part
    os.close(terminal)
    assert b"Traceback" not in output
    return process, out


def test_interrupted_run_reports_the_existing_findings(models: Path, tmp_path: Path) -> None:
    process, out = _after_some_were_loaded(models, tmp_path, "check", "--format", "json")
    assert process.returncode == 130
    report = json.loads(out)
    assert len(report["models"]) == 120
    assert [model["name"] for model in report["models"]] == sorted(
        model["name"] for model in report["models"]
    )
    assert "interrupted" in json.dumps(report)


def test_interrupted_collect_saves_the_collected_facts(models: Path, tmp_path: Path) -> None:
    process, out = _after_some_were_loaded(models, tmp_path, "collect")
    assert process.returncode == 130
    kinds = {row["question"]["type"] for row in json.loads(out)["facts"]}
    assert {"StatPath", "ListDirectory"} <= kinds


def test_an_interrupt_inside_code_compiled_from_a_text_ends_without_a_signal(tmp_path: Path) -> None:
    """Data classes are created in this way: the exception is caught, but with -m CPython would end by the signal."""
    (tmp_path / "interrupted.py").write_text(
        "import ovms_doctor.cli.app as app, ovms_doctor.cli.entry as entry\n"
        "app.run = lambda words: exec('raise KeyboardInterrupt')\n"
        "entry.main()\n"
    )
    completed = subprocess.run(
        [sys.executable, "-m", "interrupted"], cwd=tmp_path, capture_output=True, timeout=LONG
    )
    assert (completed.returncode, completed.stderr) == (130, b"ovms-doctor: interrupted\n")
