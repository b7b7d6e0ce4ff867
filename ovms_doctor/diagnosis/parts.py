"""Many models side by side: while the children look at some of them, the rules go on with others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from msgspec import Struct

from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    Facts,
    FactsMissingError,
    InspectModel,
    ListDirectory,
    PlanPart,
    ReadFile,
    StatPath,
)
from ovms_doctor.model.names import REMOTE_PREFIXES

#: Questions of models that are collected together, and how many such portions the children have at a time.
_PORTION, _AHEAD = 256, 6
#: A model with more questions is not one of many.
_MOST = 4096
#: What is answered in a moment. What takes longer is collected at once, for all models.
_QUICK = frozenset((StatPath, ListDirectory, ReadFile, InspectModel))
#: Called with each question before it is answered, its number among those of its kind, and how many these are; of
#: questions about many models, the number of the model and how many there are.
Progress = Callable[[AnyQuestion, int, int], None]


class Collector(Protocol):
    """Something that looks: at this host, or at nothing any more."""

    def collect(
        self, questions: Sequence[AnyQuestion], progress: Callable[[AnyQuestion], None] | None
    ) -> dict[AnyQuestion, Answer]:
        """An answer for each question."""
        ...

    def begin(self, questions: Sequence[AnyQuestion]) -> None:
        """Has the children begin with what is collected next, without waiting for them."""
        ...


class _Portion(Struct):
    """Parts whose questions are collected together, and those of them that no portion before it has."""

    parts: list[PlanPart]
    questions: list[AnyQuestion]


def settle_parts(
    parts: Sequence[PlanPart], facts: Facts, collector: Collector, progress: Progress | None
) -> bool:
    """Goes on with each of the parts as far as quick looks lead, and adds their answers to ``facts``. False where
    there is no such part. Raises InterruptedRunError."""
    quick = [part for part in parts if _is_quick(part)]
    if not quick:
        return False
    requested: set[AnyQuestion] = set()
    left = len(quick)

    def looked_at(question: AnyQuestion) -> None:
        if progress is not None:
            progress(question, len(quick) - left + 1, len(quick))

    def begin(some: list[PlanPart]) -> None:
        questions = []
        for part in some:
            for question in part.questions:
                if question not in requested:
                    requested.add(question)
                    questions.append(question)
        collector.begin(questions)
        started.append(_Portion(some, questions))

    waiting = deque(_in_portions(quick))
    started: deque[_Portion] = deque()
    while waiting or started:
        while waiting and len(started) < _AHEAD:
            begin(waiting.popleft())
        portion = started.popleft()
        facts.add(collector.collect(portion.questions, looked_at))
        unsettled = [again for part in portion.parts if (again := _go_on(part)) is not None]
        left -= len(portion.parts) - len(unsettled)
        for some in _in_portions(unsettled):
            begin(some)
    return True


def _go_on(part: PlanPart) -> PlanPart | None:
    """What the part lacks now; None where it is settled, or has questions that are not for here."""
    try:
        part.plan()
    except FactsMissingError as error:
        again = PlanPart(error.questions, part.plan)
        return again if _is_quick(again) else None
    return None


def _is_quick(part: PlanPart) -> bool:
    questions = part.questions
    if len(questions) > _MOST or not _QUICK.issuperset(map(type, questions)):
        return False
    return not any(question.path.startswith(REMOTE_PREFIXES) for question in questions)


def _in_portions(parts: Iterable[PlanPart]) -> Iterator[list[PlanPart]]:
    """The parts in portions of so many questions."""
    portion: list[PlanPart] = []
    size = 0
    for part in parts:
        portion.append(part)
        size += len(part.questions)
        if size >= _PORTION:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
