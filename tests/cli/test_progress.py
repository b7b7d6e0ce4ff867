"""The progress line on standard error: only on a terminal, not wider than one line, and removed at the end."""

from __future__ import annotations

import io
from contextlib import redirect_stderr

import pytest

from ovms_doctor.cli.output import Progress
from ovms_doctor.diagnosis.settle import numbered
from ovms_doctor.model.facts import HeadBucket, LoadModel, StatPath, StoreAccess

MIB = 1 << 20
PATH = "s3://bucket/resnet/1"


class Terminal(io.StringIO):
    """Replaces the standard error of a terminal, which tests do not have: 80 cells wide, because it has no
    descriptor."""

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        return self.getvalue().split("\r\x1b[K")[1:]


@pytest.fixture(autouse=True)
def xterm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


def download_output(*amounts: tuple[int, int], path: str = PATH) -> Terminal:
    """The output on a terminal for a download."""
    with redirect_stderr(Terminal()) as terminal, Progress() as progress:
        for completed, total in amounts:
            progress.downloading(path, completed, total)
    return terminal


def test_a_download_shows_its_progress() -> None:
    line, end = download_output((120 * MIB, 400 * MIB)).lines
    assert line.endswith(f"downloading {PATH} 120 of 400 MiB [###       ]  30%")
    assert end == ""


@pytest.mark.parametrize(
    ("completed", "total", "expected"),
    [
        (0, 0, "0 of 0 bytes [##########] 100%"),
        (900, 900, "900 of 900 bytes [##########] 100%"),
        (3 << 29, 3 << 30, "1.5 of 3.0 GiB [#####     ]  50%"),
        (9 * MIB, 4 * MIB, "9 of 4 MiB [##########] 100%"),
    ],
)
def test_amounts(completed: int, total: int, expected: str) -> None:
    assert download_output((completed, total), path="gs://b/m").lines[0].endswith(expected)


def test_long_path_leaves_columns_for_the_bar() -> None:
    line = download_output((MIB, MIB), path="s3://bucket/" + "long/" * 40 + "1").lines[0]
    assert len(line) <= 79
    assert "downloading ..." in line
    assert line.endswith("long/1 1 of 1 MiB [##########] 100%")


def test_the_last_byte_is_always_shown() -> None:
    *_, last, end = download_output(*((completed * MIB, 100 * MIB) for completed in range(101))).lines
    assert "100 of 100 MiB" in last
    assert end == ""


def test_control_characters_of_a_key_do_not_reach_the_terminal() -> None:
    expected = download_output((MIB, MIB), path="s3://b/\x1b[31m\n/1").getvalue()
    assert "\n" not in expected
    assert expected.count("\x1b") == expected.count("\x1b[K") == 2


def test_no_progress_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        progress.downloading(PATH, MIB, MIB)
        progress.show_question(HeadBucket(StoreAccess("s3", "b")))
    assert capsys.readouterr().err == ""


def test_a_question_shows_its_number() -> None:
    with redirect_stderr(Terminal()) as terminal, Progress() as progress:
        progress.show_question(LoadModel("/m/1/model.xml", "read"), 14, 60)
    assert terminal.lines[0].endswith("loading 14/60 /m/1/model.xml")
    with redirect_stderr(Terminal()) as terminal, Progress() as progress:
        progress.show_question(StatPath("/m"), 1, 1)
    assert terminal.lines[0].endswith("looking at /m")


def test_questions_are_counted_by_kind() -> None:
    counted: list[tuple[str, int, int]] = []
    questions = [StatPath("/a"), LoadModel("/a/1", "read"), StatPath("/b"), StatPath("/c")]
    count = numbered(
        questions, lambda question, number, total: counted.append((question.path, number, total))
    )
    for question in [*questions, StatPath("/c")]:
        count(question)
    assert counted == [("/a", 1, 3), ("/a/1", 1, 1), ("/b", 2, 3), ("/c", 3, 3), ("/c", 3, 3)]
