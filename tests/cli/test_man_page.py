"""The manual page: generated from the parser, and accepted by ``man`` without a warning."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from scripts.man_page import man_page
from tests.cli.run import ovms_doctor

PAGE = Path(__file__).parents[2] / "docs/ovms-doctor.1"


def test_it_is_current() -> None:
    assert PAGE.read_text() == man_page(), "run scripts/gen_docs.py"


@pytest.mark.needs_command("man")
def test_man_shows_it_without_a_warning() -> None:
    completed = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", str(PAGE)],
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "100", "MANROFFSEQ": ""},
        capture_output=True,
        check=True,
    )
    assert completed.stderr == b""
    output = completed.stdout.decode()
    for text in (
        "--model-version-policy JSON",
        "docker logs ovms 2>&1 | ovms-doctor logs -",
        "EXIT STATUS",
        "130",
    ):
        assert text in output


def test_it_names_every_command_and_option() -> None:
    page = PAGE.read_text().replace("\\-", "-")
    for command in ("check", "collect", "logs", "status", "request", "explain", "checks", "schema"):
        assert f".SS {command}\n" in page
        output = ovms_doctor(command, "--help").text
        options = set(re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", output, re.MULTILINE)) - {"--help"}
        assert options <= set(page.replace(",", " ").split())
