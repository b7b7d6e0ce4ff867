"""``--watch``: without a terminal a line for each change; on a terminal the report is drawn again; ended by
Ctrl-C.
"""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from ovms_doctor.cli.status_watch import changes
from tests.live.servers import JSON, Answer, http_server, replay, status

pytestmark = pytest.mark.server

_RECORDED = replay("2025.4-single")


def _failing(path: str) -> Answer:
    code, kind, body = _RECORDED(path)
    if path == "/v1/config":
        body = body.replace(b"AVAILABLE", b"LOADING").replace(b"OK", b"UNKNOWN")
    return code, kind, body


@contextmanager
def _watching(port: int, output: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        sys.executable,
        "-m",
        "ovms_doctor",
        "status",
        f"127.0.0.1:{port}",
        "--watch",
        "--timeout",
        "2",
    ]
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with subprocess.Popen(
        command,
        stdout=output,
        stderr=subprocess.PIPE,
        env={**clean, "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()


def test_a_line_for_each_change_and_the_last_state_at_the_end() -> None:
    with http_server(_RECORDED) as server, _watching(server.port, subprocess.PIPE) as process:
        assert process.stdout is not None
        first = [process.stdout.readline().decode() for _ in range(2)]
        server.answer = _failing
        second = [process.stdout.readline().decode() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=120)
    assert "✓ the only servable is available" in first[0]
    assert "fc, version 1: AVAILABLE" in first[1]
    assert "✗ the only servable is not available: fc (before: ✓" in second[0]
    assert "fc, version 1: LOADING/UNKNOWN (before: AVAILABLE)" in second[1]
    assert process.returncode == 130
    assert "✗ the only servable is not available: fc" in rest.decode().splitlines()[-1]
    assert errors.decode().splitlines()[-1] == "ovms-doctor: interrupted"


def test_a_server_that_stops_and_restarts() -> None:
    with http_server(_RECORDED) as server:
        port = server.port
        with _watching(port, subprocess.PIPE) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline().decode() for _ in range(2)]
            server.answer = lambda path: (503, JSON, b"")
            lines += [process.stdout.readline().decode() for _ in range(2)]
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=120)
    assert "no OVMS was reached" in lines[2]
    assert "fc, version 1: no longer listed" in lines[3]


def test_on_a_terminal_the_report_is_drawn_anew() -> None:
    ours, theirs = pty.openpty()
    try:
        with http_server(_RECORDED) as server, _watching(server.port, theirs) as process:
            text = b""
            while text.count(b"Ctrl-C ends") < 2:
                text += os.read(ours, 1 << 16)
            process.send_signal(signal.SIGINT)
            process.wait(120)
    finally:
        os.close(ours)
        os.close(theirs)
    assert process.returncode == 130
    assert text.count(b"\x1b[H\x1b[J") >= 2
    assert b"the only servable is available" in text


def test_changes_are_reported_by_name() -> None:
    before = {"a": "AVAILABLE", "b": "LOADING", "c": "END"}
    now = {"a": "AVAILABLE", "b": "AVAILABLE", "d": "START"}
    assert list(changes(before, now)) == [
        "b: AVAILABLE (before: LOADING)",
        "d: START",
        "c: no longer listed",
    ]
    assert list(changes(None, {"a": "END"})) == ["a: END"]


@pytest.mark.parametrize(
    "arguments",
    [("--wait", "5"), ("--probe",), ("--format", "json"), ("-o", "report.txt")],
    ids=lambda row: row[0],
)
def test_options_that_exclude_watch(arguments: tuple[str, ...]) -> None:
    result = status("127.0.0.1:9", "--watch", *arguments)
    assert result.code == 2
    assert b"--watch" in result.err
