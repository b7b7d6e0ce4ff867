"""Facts: answers by question, and the handling of a fact that is not collected yet."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.model.facts.answers import (
    Answer,
    Failure,
    FileContent,
    Listing,
    ModelInspection,
    PathStatus,
    Unavailable,
)
from ovms_doctor.model.facts.question import Question
from ovms_doctor.model.facts.questions import AnyQuestion

A = TypeVar("A")
#: Answers that are equal in many places.
_OFTEN_EQUAL = (PathStatus, Failure, Listing, FileContent)


class PlanPart(Struct, frozen=True):
    """A part of a plan that needs only its own facts: one of many models.

    * ``questions``: the facts that it lacks.
    * ``plan``: continues with it after their answers; raises FactsMissingError if it lacks more.
    """

    questions: tuple[AnyQuestion, ...]
    plan: Callable[[], object]


class FactsMissingError(Exception):
    """Raised to leave a rule that needs answers not collected yet.

    ``questions``: the missing facts.
    ``parts``: the parts that can be planned one by one, if these questions, or some of them, come from parts.
    """

    def __init__(self, questions: Iterable[AnyQuestion], parts: Iterable[PlanPart] = ()) -> None:
        super().__init__()
        self.questions: tuple[AnyQuestion, ...] = tuple(questions)
        self.parts: tuple[PlanPart, ...] = tuple(parts)


class Facts:
    """A growing set of answers. Rules read it with :meth:`ask`; only the driver adds to it."""

    __slots__ = ("_absent", "_answers", "_results", "_shared", "complete")

    def __init__(
        self, answers: Mapping[AnyQuestion, Answer] | None = None, *, complete: bool = False
    ) -> None:
        """``complete``: whether nothing more can be collected, so that a missing fact is unavailable."""
        # The type of an answer follows from its question, which a dictionary's type cannot express.
        self._answers: dict[Any, Any] = dict(answers or {})
        self.complete = complete
        self._absent: Any = Unavailable("not among the recorded facts")
        self._shared: dict[Any, Any] = {}
        self._results: dict[Any, Any] = {}

    def close(self, reason: str) -> None:
        """Ends the collection: a missing fact is unavailable for this reason."""
        self.complete = True
        self._absent = Unavailable(reason)

    def ask(self, question: Question[A]) -> A:
        """Returns the answer, of a type that belongs to the question. Raises FactsMissingError if it must be
        collected first."""
        answer: A | None = self._answers.get(question)
        if answer is None:
            if not self.complete:
                raise FactsMissingError((cast(AnyQuestion, question),))
            answer = cast(A, self._absent)
        return answer

    def need(self, questions: Iterable[AnyQuestion]) -> None:
        """Requests many facts at once. Raises FactsMissingError with all missing ones."""
        if self.complete:
            return
        answers = self._answers
        missing = [question for question in questions if question not in answers]
        if missing:
            raise FactsMissingError(missing)

    def get(self, question: AnyQuestion) -> Answer | None:
        """Returns the answer if it was collected; never requests it."""
        answer: Answer | None = self._answers.get(question)
        return answer

    def has_mount_below(self, directory: str) -> bool:
        """Whether something is mounted for the server at or below a directory, which the directory's list may lack."""
        return False

    def once(self, key: Hashable, rule: Callable[[], A]) -> A:
        """Returns the result of the rule, cached by ``key``: the first call that lacks nothing is kept. So a rule
        that starts again with more facts does not repeat finished parts. Raises FactsMissingError."""
        results = self._results
        if key not in results:
            results[key] = rule()
        result: A = results[key]
        return result

    def add(self, answers: Mapping[AnyQuestion, Answer]) -> None:
        """Adds collected answers. Of equal answers only one is kept: in a repository of thousands most are equal,
        and the models very similar."""
        shared = self._shared
        for question, answer in answers.items():
            if isinstance(answer, ModelInspection):
                answer = _with_shared_parts(answer, shared)
            elif isinstance(answer, _OFTEN_EQUAL):
                answer = shared.setdefault(answer, answer)
            self._answers[question] = answer

    def __iter__(self) -> Iterator[tuple[AnyQuestion, Answer]]:
        return iter(self._answers.items())

    def __len__(self) -> int:
        return len(self._answers)


def _with_shared_parts(answer: ModelInspection, shared: dict[Any, Any]) -> ModelInspection:
    """Returns an equal answer that shares equal parts with an earlier one."""
    parts: dict[str, Any] = {
        name: shared.setdefault(part, part)
        for name, part in (
            ("operations", answer.operations),
            ("element_types", answer.element_types),
            ("inputs", answer.inputs),
            ("outputs", answer.outputs),
            ("weights", answer.weights),
        )
    }
    return replace(answer, **parts)
