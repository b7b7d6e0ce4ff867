"""Many models in parallel: while the children collect facts about some of them, the rules evaluate others."""

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

#: The number of questions that are collected together, and how many such portions the children have at a time.
_PORTION, _AHEAD = 256, 6
#: A model with more questions is planned alone.
_MOST = 4096
#: Questions with fast answers. Slower ones are collected at once, for all models.
_QUICK = frozenset((StatPath, ListDirectory, ReadFile, InspectModel))
#: Called with each question before it is answered, its number among the questions of its kind, and their total; for
#: questions about many models, the number of the model and the number of models.
Progress = Callable[[AnyQuestion, int, int], None]


class Collector(Protocol):
    """Answers questions about this host, or only from recorded facts."""

    def collect(
        self, questions: Sequence[AnyQuestion], progress: Callable[[AnyQuestion], None] | None
    ) -> dict[AnyQuestion, Answer]:
        """Returns an answer for each question."""
        ...

    def begin(self, questions: Sequence[AnyQuestion]) -> None:
        """Starts the children on the questions that are collected next, without waiting for them."""
        ...


class _Portion(Struct):
    """Questions that are collected together, with their parts."""

    #: The parts that need the answers.
    parts: list[PlanPart]
    #: The questions that no earlier portion contains.
    questions: list[AnyQuestion]


def settle_parts(
    parts: Sequence[PlanPart], facts: Facts, collector: Collector, progress: Progress | None
) -> bool:
    """Evaluates each of the parts as far as fast answers allow, and adds the answers to ``facts``. Returns False if
    there is no such part. Raises InterruptedRunError."""
    quick = [part for part in parts if _is_quick(part)]
    if not quick:
        return False
    requested: set[AnyQuestion] = set()
    left = len(quick)

    def show_progress(question: AnyQuestion) -> None:
        assert progress is not None
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
        facts.add(collector.collect(portion.questions, show_progress if progress else None))
        unsettled = [next_part for part in portion.parts if (next_part := _go_on(part)) is not None]
        left -= len(portion.parts) - len(unsettled)
        for some in _in_portions(unsettled):
            begin(some)
    return True


def _go_on(part: PlanPart) -> PlanPart | None:
    """Returns the questions that the part lacks now; None if it is settled, or if a question is not a fast one."""
    try:
        part.plan()
    except FactsMissingError as error:
        next_part = PlanPart(error.questions, part.plan)
        return next_part if _is_quick(next_part) else None
    return None


def _is_quick(part: PlanPart) -> bool:
    questions = part.questions
    if len(questions) > _MOST or not _QUICK.issuperset(map(type, questions)):
        return False
    return not any(question.path.startswith(REMOTE_PREFIXES) for question in questions)


def _in_portions(parts: Iterable[PlanPart]) -> Iterator[list[PlanPart]]:
    """Yields the parts in portions of a limited number of questions."""
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
