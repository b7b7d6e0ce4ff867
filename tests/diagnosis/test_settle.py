"""Rules and collector in turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ovms_doctor.diagnosis.settle import look
from ovms_doctor.model.facts import Answer, AnyQuestion, Facts
from ovms_doctor.model.options import CheckOptions
from tests.prediction.memory import World


class Counting:
    """Answers from a world, and notes how many questions come at a time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.portions: list[int] = []

    def collect(
        self, questions: Sequence[AnyQuestion], progress: Callable[[AnyQuestion], None] | None
    ) -> dict[AnyQuestion, Answer]:
        self.portions.append(len(questions))
        return {question: self.world.answer(question) for question in questions}


def test_a_repository_takes_few_turns_and_no_question_twice() -> None:
    names = [f"m{number}" for number in range(40)]
    world = World({f"/r/{name}/{version}/a.onnx": "good" for name in names for version in "12"})
    collector = Counting(world)
    run = look(CheckOptions(("/r",), load="none", working_directory="/"), Facts(), collector)
    assert [model.served for model in run.plan.models] == [(2,)] * len(names)
    assert len(collector.portions) <= 10
    assert sum(collector.portions) == len(run.facts)


def test_many_questions_are_collected_in_portions_that_lose_none() -> None:
    names = [f"m{number}" for number in range(2200)]
    world = World({f"/r/{name}/1/a.onnx": "good" for name in names})
    collector = Counting(world)
    run = look(CheckOptions(("/r",), load="none", working_directory="/"), Facts(), collector)
    assert sum(model.served == (1,) for model in run.plan.models) == len(names)
    assert max(collector.portions) <= 8192
    assert sum(collector.portions) == len(run.facts)
