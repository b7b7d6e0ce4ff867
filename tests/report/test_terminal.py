"""On a real terminal: colour only there, and no hostile name controls it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ovms_doctor.cli.output import shows_links
from ovms_doctor.report.text_writer import TextWriter

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from ovms_doctor.report.text_report import render
from tests.report.samples import SAMPLES

name, *options = sys.argv[1:]
from ovms_doctor.cli.output import standard_output

output = standard_output(no_color="--no-color" in options)
render(SAMPLES[name](), output, quiet=False, verbose=True)
"""
COLOUR = re.compile(rb"\x1b\[[0-9;]*m")


def command(name: str, *options: str) -> list[str]:
    return [sys.executable, "-c", SCRIPT, name, *options]


def environment(**more: str) -> dict[str, str]:
    """The environment of a plain terminal, without this process's settings for colours."""
    excluded = (
        "PYTHONIOENCODING",
        "NO_COLOR",
        "FORCE_COLOR",
        "TTY_COMPATIBLE",
        "TTY_INTERACTIVE",
        "COLUMNS",
        "LINES",
        "COLORTERM",
        "FORCE_HYPERLINK",
        "TERM_PROGRAM",
        "VTE_VERSION",
        "WT_SESSION",
        "KITTY_WINDOW_ID",
        "KONSOLE_VERSION",
        "DOMTERM",
    )
    remaining = {key: value for key, value in os.environ.items() if key not in excluded}
    return {**remaining, "TERM": "xterm-256color", "PYTHONUTF8": "1", **more}


def on_terminal(name: str, *options: str, **more: str) -> bytes:
    """The bytes that the terminal receives."""
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
    except OSError:  # Linux returns EIO when the last writer has closed
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
def test_no_colours_if_the_user_disables_them(options: tuple[str, ...], more: dict[str, str]) -> None:
    sent = on_terminal("failures", *options, **more)
    assert b"\x1b" not in sent
    assert "✗ 1 of 4 models".encode() in sent


def test_no_colours_in_a_pipe() -> None:
    result = subprocess.run(command("failures"), cwd=ROOT, env=environment(), capture_output=True, check=True)
    assert b"\x1b" not in result.stdout
    assert "✗ 1 of 4 models".encode() in result.stdout
    assert result.stderr == b""


@pytest.mark.parametrize("name", ["hostile", "hostile_error"])
def test_hostile_names_add_no_control_sequences(name: str) -> None:
    sent = COLOUR.sub(b"", on_terminal(name)).replace(b"\r\n", b"\n")
    assert all(line.isprintable() for line in sent.decode("utf-8").split("\n"))
    assert b"[red]markup[/red]" in sent


def test_only_the_programs_own_colours_are_written() -> None:
    """The name contains a colour sequence: it is displayed as text, not sent."""
    assert b"\\x{1b}[31m" in COLOUR.sub(b"", on_terminal("hostile"))
    assert b"evil\x1b[31m" not in on_terminal("hostile")


# -- links ---------------------------------------------------------------------------------------------

LINK = re.compile(rb"\x1b\]8;[^;\x1b]*;([^\x1b]*)\x1b\\")


def test_a_code_links_to_its_page_if_the_terminal_shows_links() -> None:
    sent = on_terminal("failures", VTE_VERSION="7600")
    addresses = LINK.findall(sent)
    page = b"https://github.com/ovms-doctor/ovms-doctor/blob/main/ovms_doctor/checks/pages/OVD101.md"
    assert page in addresses
    # Each link ends.
    assert addresses[1::2] == [b""] * (len(addresses) // 2)
    assert COLOUR.sub(b"", LINK.sub(b"", sent)) == COLOUR.sub(b"", on_terminal("failures"))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"VTE_VERSION": "4000"},
        {"TERM": "tmux-256color", "VTE_VERSION": "7600"},
        {"FORCE_HYPERLINK": "0", "VTE_VERSION": "7600"},
        {"NO_COLOR": "1", "VTE_VERSION": "7600"},
    ],
    ids=lambda more: "-".join(more),
)
def test_no_links_on_an_unknown_terminal(more: dict[str, str]) -> None:
    assert not LINK.search(on_terminal("failures", **more))


@pytest.mark.parametrize(
    "environment_",
    [
        {"TERM": "xterm-kitty"},
        {"TERM_PROGRAM": "WezTerm"},
        {"WT_SESSION": "x"},
        {"FORCE_HYPERLINK": "1", "TERM": "tmux"},
    ],
    ids=str,
)
def test_terminals_that_show_links(environment_: dict[str, str]) -> None:
    assert shows_links(environment_)


def test_an_address_that_could_end_the_link_is_not_linked() -> None:
    writer = TextWriter(80, "utf-8", False, links=True)
    for address in (
        "",
        "javascript:x",
        "https://a b",
        "https://a\x1b\\",
        "https://\u202e",
        "https://" + "a" * 600,
    ):
        assert writer.link(address, "bold") == "bold"
    assert writer.link("https://a/b#c", "bold") == "bold link https://a/b#c"
