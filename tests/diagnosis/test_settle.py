"""Prediction and collector in turns."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest

from ovms_doctor.diagnosis.settle import settled_run
from ovms_doctor.model.facts import Answer, AnyQuestion, Facts, InspectModel
from ovms_doctor.model.options import CheckOptions
from tests.prediction.memory import MemoryFiles


class Counting:
    """Answers from files in memory, and records the number of questions at a time."""

    def __init__(self, files: MemoryFiles) -> None:
        self.files = files
        self.portions: list[int] = []
        #: The questions to be collected next.
        self.started: list[list[AnyQuestion]] = []

    def collect(
        self, questions: Sequence[AnyQuestion], progress: Callable[[AnyQuestion], None] | None
    ) -> dict[AnyQuestion, Answer]:
        self.portions.append(len(questions))
        assert not self.started or self.started[0] == list(questions)
        self.started = self.started[1:]
        return {question: self.files.answer(question) for question in questions}

    def begin(self, questions: Sequence[AnyQuestion]) -> None:
        self.started.append(list(questions))


def test_a_repository_needs_few_turns_and_no_question_twice() -> None:
    names = [f"m{number}" for number in range(40)]
    files = MemoryFiles({f"/r/{name}/{version}/a.onnx": "good" for name in names for version in "12"})
    collector = Counting(files)
    run = settled_run(CheckOptions(("/r",), load="none", working_directory="/"), Facts(), collector)
    assert [model.served for model in run.plan.models] == [(2,)] * len(names)
    assert len(collector.portions) <= 10
    assert sum(collector.portions) == len(run.facts)


@pytest.mark.slow
def test_portions_lose_no_questions() -> None:
    names = [f"m{number}" for number in range(2200)]
    files = MemoryFiles({f"/r/{name}/1/a.onnx": "good" for name in names})
    collector = Counting(files)
    run = settled_run(CheckOptions(("/r",), load="none", working_directory="/"), Facts(), collector)
    assert sum(model.served == (1,) for model in run.plan.models) == len(names)
    assert max(collector.portions) <= 8192
    assert sum(collector.portions) == len(run.facts)


def test_models_planned_in_parallel_request_no_further_facts() -> None:
    """Files are not requested for an entry that is a graph, is refused, has a name in use, or comes after the
    entry that ends the reading."""
    files = {f"/r/m{number}/1/a.onnx": "good" for number in range(600)}
    files["/r/m7/graph.pbtxt"] = ""
    entries: list[dict[str, object]] = [
        {"name": f"m{number}", "base_path": f"/r/m{number}"} for number in range(600)
    ]
    entries[9]["name"] = "m8"
    entries[11]["layout"] = "N:C:H:W"
    entries[590]["plugin_config"] = {"NO_SUCH_KEY": "1"}
    text = json.dumps({"model_config_list": [{"config": entry} for entry in entries]})
    collector = Counting(MemoryFiles({"/c.json": text, **files}))
    arguments = ("--config_path", "/c.json", "--port", "9000")
    options = CheckOptions(arguments=arguments, load="none", bare_metal=True, working_directory="/")
    run = settled_run(options, Facts(), collector)
    assert run.plan.outcome == "serves", run.plan.problem
    inspected = {question.path for question, _ in run.facts if isinstance(question, InspectModel)}
    loaded = {number for number in range(600) if f"/r/m{number}/1/a.onnx" in inspected}
    assert loaded == set(range(590)) - {7, 9, 11}
    assert {each.reason for each in run.plan.skipped} == {"refused", "aborts", "after_abort"}
    assert len(collector.portions) > 20
    assert sum(collector.portions) == len(run.facts)
