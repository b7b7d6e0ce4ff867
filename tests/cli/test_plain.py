"""A simple command line is parsed without the full parser: the options are the same, and all others use the
parser.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.cli import app, check, explain, plain
from ovms_doctor.cli.plain import read_plain
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.output_options import OutputOptions

PLAIN = [
    "check models",
    "check models other s3://bucket/m --load none",
    "check --load=compile models --user 5000:5000,39 --bare-metal --no-plugins",
    "check models --mount /a:/b:ro --mount /c:/d --env A=1 --env B= --jobs 2 -j 3 --timeout 2.5",
    "check --as model models --ovms-version 2025.4 --memory 2g --download-limit=0 --probe-write",
    "check models --select OVD1,layout --ignore OVD101 -f json -o - --fail-on never --exit-zero -q --verbose",
    "check --docker-run 'docker run -v /m:/models ovms' --no-color",
    "check --facts FACTS --ovms-version 2025.4",
    "check -- --model_path /models/m --model_name m --load none",
    "check --bare-metal --",
    "collect models -o facts.json --load none",
    "collect --cache-dir /cache --cpu-extension /x.so --target-device CPU models",
]
NOT_PLAIN = [
    "check --help",
    "check models -h",
    "check --lod none models",
    "check models --load deep",
    "check models --load",
    "check models --user root",
    "check models --mount nothing",
    "check models --bare-metal=yes",
    "check models -fjson",
    "check models -qf json",
    "check models --docker-run -it",
    "check models --as file",
    "collect models --fail-on never",
    "collect models --no-plugins",
]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """The options that the commands receive; the commands themselves do nothing."""
    calls: list[tuple[object, ...]] = []

    def record(*arguments: object, **named: object) -> int:
        calls.append((*arguments, *named.items()))
        return 7

    for module, name in ((check, "run_check"), (check, "run_collect"), (explain, "run_explain")):
        monkeypatch.setattr(module, name, record)
    return calls


@pytest.mark.parametrize("line", [*PLAIN, "explain OVD101", "explain Missing model directory /1"])
def test_both_parsers_read_the_same(
    line: str, ran: list[tuple[object, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # The free memory differs at each call.
    monkeypatch.setattr("ovms_doctor.probes.host.read_host", lambda: None)
    arguments = shlex.split(line)
    command = plain._plain_command(arguments)
    assert command is not None
    assert command() == app.run(arguments) == 7
    assert len(ran) == 2
    assert ran[0] == ran[1]


def values(line: str) -> dict[str, Any] | None:
    command, *arguments = shlex.split(line)
    return read_plain(command, arguments, (CheckOptions, OutputOptions))


@pytest.mark.parametrize("line", NOT_PLAIN)
def test_other_command_lines_are_left_to_the_parser(line: str) -> None:
    assert values(line) is None
    assert plain._plain_command(shlex.split(line)) is None


@pytest.mark.parametrize(
    "line", ["", "checks", "--help", "chek models", "explain", "explain --help", "explain -f json X"]
)
def test_other_commands_are_the_parsers(line: str) -> None:
    assert plain._plain_command(shlex.split(line)) is None
