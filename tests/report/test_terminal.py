"""On a real terminal: colour there and nowhere else, and no byte of a hostile name acts on it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from rich.console import Console
from ovms_doctor.report.text_report import render
from tests.report.samples import SAMPLES

name, *options = sys.argv[1:]
render(SAMPLES[name](), Console(no_color="--no-color" in options or None), quiet=False, verbose=True)
"""
COLOUR = re.compile(rb"\x1b\[[0-9;]*m")


def command(name: str, *options: str) -> list[str]:
    return [sys.executable, "-c", SCRIPT, name, *options]


def environment(**more: str) -> dict[str, str]:
    """A plain terminal's, without what this process was told about colours."""
    told = (
        "PYTHONIOENCODING",
        "NO_COLOR",
        "FORCE_COLOR",
        "TTY_COMPATIBLE",
        "TTY_INTERACTIVE",
        "COLUMNS",
        "LINES",
        "COLORTERM",
    )
    kept = {key: value for key, value in os.environ.items() if key not in told}
    return {**kept, "TERM": "xterm-256color", "PYTHONUTF8": "1", **more}


def on_terminal(name: str, *options: str, **more: str) -> bytes:
    """What the terminal is sent."""
    master, slave = pty.openpty()
    with os.fdopen(master, "rb", buffering=0) as terminal:
        process = subprocess.Popen(
            command(name, *options), cwd=ROOT, env=environment(**more), stdin=slave, stdout=slave
        )
        os.close(slave)
        sent = b""
        while chunk := _read(terminal.fileno()):
            sent += chunk
        assert process.wait() == 0
    return sent


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says EIO when the last writer is gone
        return b""


def test_colours_on_a_terminal() -> None:
    sent = on_terminal("failures")
    assert COLOUR.search(sent)
    assert "✗ 1 of 4 models".encode() in COLOUR.sub(b"", sent)


@pytest.mark.parametrize(
    ("options", "more"),
    [((), {"NO_COLOR": "1"}), (("--no-color",), {}), ((), {"TERM": "dumb"})],
    ids=["NO_COLOR", "--no-color", "dumb"],
)
def test_no_colours_where_they_are_not_wanted(options: tuple[str, ...], more: dict[str, str]) -> None:
    sent = on_terminal("failures", *options, **more)
    assert b"\x1b" not in sent
    assert "✗ 1 of 4 models".encode() in sent


def test_no_colours_in_a_pipe() -> None:
    result = subprocess.run(command("failures"), cwd=ROOT, env=environment(), capture_output=True, check=True)
    assert b"\x1b" not in result.stdout
    assert "✗ 1 of 4 models".encode() in result.stdout
    assert result.stderr == b""


@pytest.mark.parametrize("name", ["hostile", "hostile_error"])
def test_hostile_names_send_nothing_but_our_own_colours(name: str) -> None:
    sent = COLOUR.sub(b"", on_terminal(name)).replace(b"\r\n", b"\n")
    assert all(line.isprintable() for line in sent.decode("utf-8").split("\n"))
    assert b"[red]markup[/red]" in sent


def test_the_colours_are_only_ever_ours() -> None:
    """The name holds a colour sequence of its own: it is written out, not sent."""
    assert b"\\x{1b}[31m" in COLOUR.sub(b"", on_terminal("hostile"))
    assert b"evil\x1b[31m" not in on_terminal("hostile")
