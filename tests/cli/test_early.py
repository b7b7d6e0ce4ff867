"""Workers start before the command line is parsed: which ones; and no unneeded worker outlives the run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ovms_doctor.cli.early import workers_for
from tests.cli.helpers import good_model
from tests.environments import without_coverage

ROOT = Path(__file__).parents[2]

#: Runs the command line and writes the kind of each worker that was started, and whether it is a copy of the process.
SCRIPT = """
import sys
started = []
def note(event, arguments):
    if event == "os.posix_spawn":
        line = arguments[1]
        started.append((line[-1], "typer" in sys.modules))
    elif event == "os.fork":
        started.append(("copy", "typer" in sys.modules))
sys.addaudithook(note)
from ovms_doctor.cli.entry import main
try:
    main()
finally:
    print(started, file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("check models", ["load", "files"]),
        ("check models --load none", ["files", "inspect"]),
        ("check --load=none models", ["files", "inspect"]),
        ("check models --load none --load compile", ["load", "files"]),
        ("collect models -o facts.json", ["load", "files"]),
        ("check -- --model_path /models/m --load none", ["load", "files"]),
        ("check --help", []),
        ("check --facts facts.json", []),
        ("check --facts=facts.json", []),
        ("check -- --facts x", ["load", "files"]),
        ("check s3://bucket/models", []),
        ("explain OVD101", []),
        ("checks", []),
        ("check", []),
        ("", []),
    ],
)
def test_the_workers_that_a_line_needs(line: str, kinds: list[str]) -> None:
    assert workers_for(line.split()) == kinds


def started(*arguments: object) -> tuple[int, str]:
    completed = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, arguments)],
        capture_output=True,
        cwd=ROOT,
        env=without_coverage(),
        text=True,
        check=False,
    )
    return completed.returncode, completed.stderr.splitlines()[-1]


@pytest.mark.parametrize("load", ["none", "read"])
def test_a_run_starts_each_worker_once_and_before_the_parser(tmp_path: Path, load: str) -> None:
    good_model(tmp_path / "m" / "1")
    assert started("check", tmp_path / "m", "--load", load) == (0, str([("copy", False)] * 2))


def test_a_mistake_on_the_line_leaves_no_worker(tmp_path: Path) -> None:
    code, workers = started("check", "--no-such-option")
    assert (code, workers) == (2, str([("copy", False)] * 2))


def test_the_program_ends_with_all_output_written_and_its_code() -> None:
    """The end without clearing the memory: what is registered for the end of a process runs all the same."""
    script = (
        "import atexit, sys\n"
        "from ovms_doctor.cli.entry import run_program\n"
        "sys.argv = ['ovms-doctor', *sys.argv[1:]]\n"
        "atexit.register(print, 'registered')\n"
        "run_program()\n"
        "print('not reached')\n"
    )
    for arguments, code, first in (
        (["--version"], 0, "ovms-doctor "),
        (["explain", "OVD999"], 1, "registered"),
    ):
        completed = subprocess.run(
            [sys.executable, "-c", script, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert completed.returncode == code, completed.stderr
        assert completed.stdout.startswith(first)
        assert completed.stdout.endswith("registered\n")
