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


def shell(line: str, *words: object, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """A line of the shell, in which ``$@`` is the program with these words."""
    command = [sys.executable, "-m", "ovms_doctor", *map(str, words)]
    # Measuring coverage writes a file at the end, which is what must not be possible here.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    return subprocess.run(
        ["sh", "-c", line, "sh", *command], capture_output=True, cwd=cwd, env=environment, check=False
    )


@pytest.fixture
def model(world_dir: Path) -> Path:
    good_model(world_dir / "m" / "1")
    (world_dir / "server.log").write_text(LOG)
    return world_dir


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


#: What the shell does to standard output, and why it takes nothing then.
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
def test_a_standard_output_that_takes_nothing(command: str, refusal: tuple[str, str], model: Path) -> None:
    line, reason = refusal
    done = shell(line, *command.split(), cwd=model)
    assert (done.returncode, done.stdout) == (3, b"")
    assert done.stderr.decode() == f"ovms-doctor: standard output {reason}\n"


@pytest.mark.parametrize("words", ["check m", "collect m", "logs server.log"])
@pytest.mark.parametrize(
    ("line", "file", "reason"),
    [
        ('"$@"', "/dev/full", "No space left on device"),
        ('ulimit -f 0; "$@"', "report", "File too large"),
    ],
)
def test_a_file_that_takes_nothing(words: str, line: str, file: str, reason: str, model: Path) -> None:
    done = shell(line, *words.split(), "-o", file, cwd=model)
    assert done.returncode == 3
    assert done.stderr.decode() == f"ovms-doctor: {file}: {reason}\n"


def test_a_file_that_cannot_be_opened_is_wrong_usage(model: Path) -> None:
    done = shell('"$@"', "check", "m", "-o", "gone/report", cwd=model)
    assert done.returncode == 2
    assert done.stderr == b"ovms-doctor: gone/report: No such file or directory\n"


@pytest.mark.parametrize(
    ("words", "code", "line"),
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
def test_the_document_is_there_without_the_other_streams(
    words: str, code: int, line: str, model: Path
) -> None:
    done = shell(line, *words.split(), "--format", "json", cwd=model)
    assert done.returncode == code
    assert json.loads(done.stdout)["tool"]["name"] == "ovms-doctor"


def test_without_any_stream_the_exit_code_is_left(model: Path) -> None:
    assert shell('"$@" <&- >&- 2>&-', "check", "m", cwd=model).returncode == 3
    assert shell('"$@" <&- >/dev/null 2>&-', "check", "m", cwd=model).returncode == 0


def test_wrong_usage_stays_wrong_usage(model: Path) -> None:
    done = shell('"$@" >/dev/full', "check", "gone", "--format", "json", cwd=model)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)


def test_a_reader_who_has_gone_is_no_failure(model: Path) -> None:
    """It reads nothing, and ends long before Python has started."""
    done = shell('("$@"; echo "code $?" >&2) | :', "schema", cwd=model)
    assert done.stderr == b"code 0\n"


class TestRemovedWorkingDirectory:
    """The shell's own working directory is removed before the program starts."""

    def run(self, model: Path, *words: object) -> subprocess.CompletedProcess[bytes]:
        (model / "removed").mkdir()
        there = shlex.quote(str(model / "removed"))
        return shell(f'cd {there} && rmdir {there} && "$@"', *words, cwd=model)

    @pytest.mark.parametrize(
        "words",
        [
            ["check", "--format", "json", "{}/m"],
            ["check", "--format", "json", "--mount", "{}/m:/models/m", "{}/m"],
            ["logs", "--format", "json", "{}/server.log"],
            ["collect", "--load", "none", "{}/m"],
            ["explain", "OVD101"],
        ],
        ids=lambda words: words[0],
    )
    def test_absolute_paths_are_all_that_is_needed(self, words: list[str], model: Path) -> None:
        done = self.run(model, *(word.replace("{}", str(model)) for word in words))
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout

    @pytest.mark.parametrize("words", [["."], ["m"], ["--compose", "c.yaml"], ["/", "--mount", "m:/m"]])
    def test_a_relative_path_leads_nowhere(self, words: list[str], model: Path) -> None:
        done = self.run(model, "check", "--format", "json", *words)
        assert done.returncode == 2
        assert done.stderr.count(b"\n") == 1
        assert json.loads(done.stdout)["error"]

    def test_the_servers_relative_path_leads_nowhere(self, model: Path) -> None:
        words = ["--model_name", "m", "--model_path", "m", "--port", "9000"]
        done = self.run(model, "check", "--format", "json", "--", *words)
        assert done.returncode == 1
        (finding,) = json.loads(done.stdout)["findings"]
        assert finding["code"] == "OVD106"
        assert finding["subject"]["server_path"] == f"{model}/removed (deleted)/m"
