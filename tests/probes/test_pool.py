"""Children that share the questions. All are real processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from types import SimpleNamespace

import pytest

from ovms_doctor.model.facts import InspectModel, ModelInspection, PathStatus, StatPath
from ovms_doctor.probes.processes.child import ChildExit
from ovms_doctor.probes.processes.options import ModelOptions
from ovms_doctor.probes.processes.pool import Handling, Pool
from ovms_doctor.probes.processes.single import START_DEADLINE
from tests.deadlines import LONG
from tests.probes.misbehaving import use_misbehaving_workers

pytestmark = pytest.mark.usefixtures("started_workers")


def test_a_child_that_waited_for_its_first_question_is_not_hanging(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts before the files are read, which takes minutes for thousands of files."""
    file = tmp_path / "model.onnx"
    file.write_bytes(b"no model")
    question = InspectModel(str(file), "onnx")
    pool = Pool("inspect", ModelOptions(), 1)
    try:
        pool.warm()
        # As if its time for starting was over.
        later = SimpleNamespace(monotonic=lambda: time.monotonic() + 2 * START_DEADLINE)
        monkeypatch.setattr("ovms_doctor.probes.processes.pool.time", later)
        ((answered_question, answer),) = pool.answer([question], Handling(lambda _: 60.0))
    finally:
        pool.close()
    assert answered_question == question
    assert not isinstance(answer, ChildExit)
    assert isinstance(answer, ModelInspection)


def _some_files(directory: Path, count: int) -> list[InspectModel]:
    questions = []
    for number in range(count):
        file = directory / f"{number}.onnx"
        file.write_bytes(b"x" * number)
        questions.append(InspectModel(str(file), "onnx"))
    return questions


def test_each_early_question_is_answered_once(tmp_path: Path) -> None:
    questions = _some_files(tmp_path, 90)
    portions = [questions[start : start + 30] for start in range(0, 90, 30)]
    pool = Pool("inspect", ModelOptions(), 2)
    try:
        for portion in portions:
            pool.begin(portion, Handling(lambda _: 60.0, share=20))
        answers = [dict(pool.answer(portion, Handling(lambda _: 60.0, share=20))) for portion in portions]
        assert len(pool.pids) == 2
    finally:
        pool.close()
    assert [set(answered) for answered in answers] == [set(portion) for portion in portions]
    for answered in answers:
        for question, answer in answered.items():
            assert isinstance(answer, ModelInspection)
            assert [file.path for file in answer.files] == [question.path]


def test_early_questions_may_end_child_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_misbehaving_workers(monkeypatch)
    names = [*"abc", "exit-3", *"defgh"]
    questions = [StatPath(f"/{name}") for name in names]
    pool = Pool("inspect", ModelOptions(), 1)
    try:
        pool.begin(questions[:6], Handling(lambda _: LONG))
        pool.begin(questions[6:], Handling(lambda _: LONG))
        answers = dict(pool.answer(questions[6:], Handling(lambda _: LONG)))
        answers.update(pool.answer(questions[:6], Handling(lambda _: LONG)))
    finally:
        pool.close()
    assert [type(answers[question]) for question in questions] == [
        ChildExit if name == "exit-3" else PathStatus for name in names
    ]


def test_unused_early_questions_do_not_change_later_answers(tmp_path: Path) -> None:
    early, *questions = _some_files(tmp_path, 4)
    pool = Pool("inspect", ModelOptions(), 1)
    try:
        pool.begin([early], Handling(lambda _: 60.0))
        answers = dict(pool.answer(questions, Handling(lambda _: 60.0)))
    finally:
        pool.close()
    assert list(answers) == questions


@pytest.mark.parametrize(("questions", "children"), [(0, 1), (19, 1), (20, 2), (1000, 3)])
def test_children_for_later_questions_start_early(
    monkeypatch: pytest.MonkeyPatch, questions: int, children: int
) -> None:
    use_misbehaving_workers(monkeypatch)
    pool = Pool("load", ModelOptions(), 3)
    try:
        pool.warm(questions, 20)
        assert len(pool.pids) == children
    finally:
        pool.close()


def test_steps_run_during_the_wait_for_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer comes once the third step is done. The fourth is done while the second one is waited for."""
    use_misbehaving_workers(monkeypatch)
    completed = []

    def steps() -> Iterator[int]:
        for number in range(4):
            completed.append(number)
            (tmp_path / str(number)).touch()
            yield number

    questions = [StatPath(str(tmp_path / f"wait-{number}")) for number in (2, 3)]
    pool = Pool("inspect", ModelOptions(), 1, idle_work=steps())
    try:
        answers = pool.answer(questions, Handling(lambda _: LONG))
        assert next(answers)[0] == questions[0]
        assert completed[:3] == [0, 1, 2]
        assert [question for question, _ in answers] == questions[1:]
        assert completed[:4] == [0, 1, 2, 3]
        # Without any step left, the answer is waited for all the same.
        left = StatPath(str(tmp_path / "wait-late"))
        pool.begin([left], Handling(lambda _: LONG))
        Timer(0.2, (tmp_path / "late").touch).start()
        ((question, answer),) = pool.answer([left], Handling(lambda _: LONG))
    finally:
        pool.close()
    assert question == left
    assert isinstance(answer, PathStatus)
    assert completed == [0, 1, 2, 3]
