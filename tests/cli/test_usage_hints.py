"""Mistakes of usage: one line that names what was probably intended, and where the help is."""

from __future__ import annotations

import shlex

import pytest

from tests.cli.run import ovms_doctor

OPTIONS = "ovms-doctor check --help lists the options"
MISTAKES = [
    ("check --fromat json m", "no such option: --fromat. Did you mean --format? " + OPTIONS),
    ("check m -z", "no such option: -z. ovms-doctor check --help lists the options"),
    ("check m --selct=OVD1", "no such option: --selct. Did you mean --select? " + OPTIONS),
    ("--hlep", "no such option: --hlep. Did you mean --help? ovms-doctor --help lists the options"),
    ("chekc m", "no such command: chekc. Did you mean check? ovms-doctor --help lists the commands"),
    (
        "./models --load none",
        "no such command: ./models. To check a repository or a model: ovms-doctor check ./models --load none. "
        "ovms-doctor --help lists the commands",
    ),
    (
        "'my models'",
        "no such command: my models. To check a repository or a model: ovms-doctor check 'my models'. "
        "ovms-doctor --help lists the commands",
    ),
    ("check m --load deep", "--load: deep is not one of none, read, compile. See ovms-doctor check --help"),
    (
        "logs x -f jsn",
        "--format or -f: jsn is not one of text, json, sarif, junit, github, gitlab, markdown, html. "
        "Did you mean json? See ovms-doctor logs --help",
    ),
    ("explain", "explain needs CODE|LINE|-. See ovms-doctor explain --help"),
    ("check m --jobs x", "--jobs x: write a number from 1 to 1024. See ovms-doctor check --help"),
    (
        "check m --facts f",
        "--facts already contains the target: do not name a target with it. See ovms-doctor check --help",
    ),
    (
        "check m -- --model_path m",
        "name targets, or give the server's own arguments after --, not both. See ovms-doctor check --help",
    ),
    (
        "status h --container c",
        "--container and the address of a server exclude each other. See ovms-doctor status --help",
    ),
    ("logs x --container c", "--container and a log file exclude each other. See ovms-doctor logs --help"),
    (
        "request b --url u --metadata m",
        "--model, --url and --metadata exclude each other. See ovms-doctor request --help",
    ),
    (
        "check m --config c.toml --no-config",
        "--config and --no-config exclude each other. See ovms-doctor check --help",
    ),
    ("check m --jobs", "Option '--jobs' requires an argument. See ovms-doctor check --help"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_mistakes(line: str, message: str) -> None:
    result = ovms_doctor(*shlex.split(line))
    assert (result.code, result.out) == (2, b"")
    assert result.err.decode() == f"ovms-doctor: {message}\n"


def test_a_long_or_hostile_argument_is_shortened() -> None:
    result = ovms_doctor("x" * 5000)
    assert len(result.err) < 700
    assert ovms_doctor("\x1b[31m").err.decode().isprintable() or b"\x1b" not in ovms_doctor("\x1b[31m").err


@pytest.mark.parametrize(
    "command", ["check", "collect", "logs", "status", "request", "explain", "checks", "schema"]
)
def test_help_of_every_command(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    output = ovms_doctor(command, "--help").text
    assert output.startswith(f"Usage: ovms-doctor {command}")
    # Only metavariables, choices and commands are longer than the terminal is wide.
    long = [line for line in output.splitlines() if len(line) > 50]
    assert all("ovms-doctor " in line or line.strip().startswith("-") for line in long), long


def test_check_has_its_options_in_panels() -> None:
    output = ovms_doctor("check", "--help").text
    panels = [line[:-1] for line in output.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert panels == ["Target", "Deployment", "Probes", "Output", "Options", "Examples"]
    assert "ovms-doctor check --container ovms" in output
    assert "-v, --verbose" in output


def test_v_is_verbose(tmp_path: object) -> None:
    assert (
        ovms_doctor("check", str(tmp_path), "-v", "--load", "none").text
        == ovms_doctor("check", str(tmp_path), "--verbose", "--load", "none").text
    )
