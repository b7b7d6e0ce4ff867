"""Standard streams that are closed or full, a limit on files, and a working directory that was removed."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.helpers import good_model

LOG = "[2026-11-28 12:00:00.000][1][serving][info][server.cpp:1] OpenVINO Model Server 2026.3.0.abc\n"


def shell(line: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """Runs a line of the shell, in which ``$@`` is the program with these arguments."""
    command = [sys.executable, "-m", "ovms_doctor", *map(str, arguments)]
    # Coverage would write a file at the end, and writing must not be possible here.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    return subprocess.run(
        ["sh", "-c", line, "sh", *command], capture_output=True, cwd=cwd, env=environment, check=False
    )


@pytest.fixture
def model(public_dir: Path) -> Path:
    good_model(public_dir / "m" / "1")
    (public_dir / "server.log").write_text(LOG)
    return public_dir


COMMANDS = [
    "check m --load none",
    "check m --load none --format json",
    "collect m --load none",
    "logs server.log --format json",
    "explain OVD101",
    "schema",
    "--version",
    "check --help",
]


#: What the shell does to standard output, and the reason why writing fails then.
CLOSED = ('"$@" >&-', "is closed")
FULL = ('"$@" >/dev/full', "cannot be written: No space left on device")
TOO_LARGE = ('ulimit -f 0; "$@" >report', "cannot be written: File too large")


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        *((command, CLOSED) for command in COMMANDS),
        *((command, FULL) for command in COMMANDS[1::2]),
        *((command, TOO_LARGE) for command in COMMANDS[::2]),
    ],
)
@pytest.mark.sample(every=4)
def test_a_full_standard_output_is_an_error(command: str, refusal: tuple[str, str], model: Path) -> None:
    line, reason = refusal
    completed = shell(line, *command.split(), cwd=model)
    assert (completed.returncode, completed.stdout) == (3, b"")
    assert completed.stderr.decode() == f"ovms-doctor: standard output {reason}\n"


@pytest.mark.parametrize("arguments", ["check m", "collect m", "logs server.log"])
@pytest.mark.parametrize(
    ("line", "file", "reason"),
    [
        ('"$@"', "/dev/full", "No space left on device"),
        ('ulimit -f 0; "$@"', "report", "File too large"),
    ],
)
@pytest.mark.sample(every=3)
def test_an_unwritable_output_file_is_an_error(
    arguments: str, line: str, file: str, reason: str, model: Path
) -> None:
    completed = shell(line, *arguments.split(), "-o", file, cwd=model)
    assert completed.returncode == 3
    assert completed.stderr.decode() == f"ovms-doctor: {file}: {reason}\n"


def test_a_file_that_cannot_be_opened_is_wrong_usage(model: Path) -> None:
    completed = shell('"$@"', "check", "m", "-o", "gone/report", cwd=model)
    assert completed.returncode == 2
    assert completed.stderr == b"ovms-doctor: gone/report: No such file or directory\n"


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        ("check m", 0, '"$@" 2>&-'),
        ("check m", 0, '"$@" 2>/dev/full'),
        ("check m", 0, '"$@" <&-'),
        ("check m", 0, '"$@" <&- 2>&-'),
        ("check ./gone", 2, '"$@" 2>&-'),
        ("check ./gone", 2, '"$@" <&- 2>&-'),
        ("logs server.log", 0, '"$@" 2>/dev/full'),
        ("logs server.log", 0, '"$@" <&- 2>&-'),
        ("check m --nonsense", 2, '"$@" 2>&-'),
        ("check m --nonsense", 2, '"$@" 2>/dev/full'),
    ],
)
@pytest.mark.sample(every=3)
def test_the_document_is_written_without_the_other_streams(
    arguments: str, code: int, line: str, model: Path
) -> None:
    completed = shell(line, *arguments.split(), "--format", "json", cwd=model)
    assert completed.returncode == code
    assert json.loads(completed.stdout)["tool"]["name"] == "ovms-doctor"


def test_without_any_stream_the_exit_code_is_left(model: Path) -> None:
    assert shell('"$@" <&- >&- 2>&-', "check", "m", cwd=model).returncode == 3
    assert shell('"$@" <&- >/dev/null 2>&-', "check", "m", cwd=model).returncode == 0


def test_wrong_usage_stays_wrong_usage(model: Path) -> None:
    completed = shell('"$@" >/dev/full', "check", "gone", "--format", "json", cwd=model)
    assert (completed.returncode, completed.stderr.count(b"\n")) == (2, 1)


def test_a_closed_pipe_is_not_a_failure(model: Path) -> None:
    """The reader reads nothing and ends long before Python has started."""
    completed = shell('("$@"; echo "code $?" >&2) | :', "schema", cwd=model)
    assert completed.stderr == b"code 0\n"


class TestRemovedWorkingDirectory:
    """The shell's own working directory is removed before the program starts."""

    def run(self, model: Path, *arguments: object) -> subprocess.CompletedProcess[bytes]:
        (model / "removed").mkdir()
        removed = shlex.quote(str(model / "removed"))
        return shell(f'cd {removed} && rmdir {removed} && "$@"', *arguments, cwd=model)

    @pytest.mark.parametrize(
        "arguments",
        [
            ["check", "--format", "json", "{}/m"],
            ["check", "--format", "json", "--mount", "{}/m:/models/m", "{}/m"],
            ["logs", "--format", "json", "{}/server.log"],
            ["collect", "--load", "none", "{}/m"],
            ["explain", "OVD101"],
        ],
        ids=lambda arguments: arguments[0],
    )
    def test_absolute_paths_are_sufficient(self, arguments: list[str], model: Path) -> None:
        completed = self.run(model, *(word.replace("{}", str(model)) for word in arguments))
        assert (completed.returncode, completed.stderr) == (0, b"")
        assert completed.stdout

    @pytest.mark.parametrize("arguments", [["."], ["m"], ["--compose", "c.yaml"], ["/", "--mount", "m:/m"]])
    def test_a_relative_path_does_not_resolve(self, arguments: list[str], model: Path) -> None:
        completed = self.run(model, "check", "--format", "json", *arguments)
        assert completed.returncode == 2
        assert completed.stderr.count(b"\n") == 1
        assert json.loads(completed.stdout)["error"]

    def test_the_servers_relative_path_does_not_resolve(self, model: Path) -> None:
        arguments = ["--model_name", "m", "--model_path", "m", "--port", "9000"]
        completed = self.run(model, "check", "--format", "json", "--", *arguments)
        assert completed.returncode == 1
        (finding,) = json.loads(completed.stdout)["findings"]
        assert finding["code"] == "OVD106"
        assert finding["subject"]["server_path"] == f"{model}/removed (deleted)/m"
