"""Facts: answers by question, and what to do where one is not there yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import overload

from ovms_doctor.model.facts.answers import (
    Answer,
    Failure,
    FileContent,
    KeyFileSeen,
    LibrarySeen,
    Listing,
    LoadReport,
    ModelInspection,
    PathStatus,
    Probed,
    Unavailable,
    Writability,
)
from ovms_doctor.model.facts.questions import (
    CheckWritable,
    InspectKeyFile,
    InspectLibrary,
    InspectModel,
    ListDirectory,
    LoadExtension,
    LoadModel,
    ProbeWrite,
    Question,
    ReadFile,
    StatHost,
    StatPath,
)
from ovms_doctor.model.facts.stores import (
    HeadBucket,
    InspectCopy,
    ListStore,
    LoadCopy,
    ReadObject,
    StoreAnswered,
    StoreListing,
    StoreRefusal,
)


class FactsMissingError(Exception):
    """Raised to leave a rule that needs answers not collected yet. ``questions`` names them."""

    def __init__(self, questions: Iterable[Question]) -> None:
        super().__init__()
        self.questions: tuple[Question, ...] = tuple(questions)


class Facts:
    """A growing set of answers. Rules read it with :meth:`ask`; only the driver adds to it."""

    __slots__ = ("_absent", "_answers", "complete")

    def __init__(self, answers: Mapping[Question, Answer] | None = None, *, complete: bool = False) -> None:
        """``complete``: nothing more can be collected; what is not there is "could not look"."""
        self._answers: dict[Question, Answer] = dict(answers or {})
        self.complete = complete
        self._absent = Unavailable("not among the recorded facts")

    def close(self, reason: str) -> None:
        """Nothing more is collected: what is not there could not be looked at for this reason."""
        self.complete = True
        self._absent = Unavailable(reason)

    @overload
    def ask(self, question: StatPath | StatHost) -> PathStatus | Failure | Unavailable: ...
    @overload
    def ask(self, question: ListDirectory) -> Listing | Failure | Unavailable: ...
    @overload
    def ask(self, question: CheckWritable) -> Writability | Failure | Unavailable: ...
    @overload
    def ask(self, question: ProbeWrite) -> Probed | Failure | Unavailable: ...
    @overload
    def ask(self, question: ReadFile) -> FileContent | Failure | Unavailable: ...
    @overload
    def ask(self, question: InspectModel) -> ModelInspection | Failure | Unavailable: ...
    @overload
    def ask(self, question: LoadModel | LoadExtension) -> LoadReport | Unavailable: ...
    @overload
    def ask(self, question: InspectLibrary) -> LibrarySeen | Failure | Unavailable: ...
    @overload
    def ask(self, question: InspectKeyFile) -> KeyFileSeen | Failure | Unavailable: ...
    @overload
    def ask(self, question: HeadBucket) -> StoreAnswered | StoreRefusal | Unavailable: ...
    @overload
    def ask(self, question: ListStore) -> StoreListing | StoreRefusal | Unavailable: ...
    @overload
    def ask(self, question: ReadObject) -> FileContent | StoreRefusal | Unavailable: ...
    @overload
    def ask(self, question: InspectCopy) -> ModelInspection | Failure | StoreRefusal | Unavailable: ...
    @overload
    def ask(self, question: LoadCopy) -> LoadReport | StoreRefusal | Unavailable: ...
    def ask(self, question: Question) -> Answer:
        """The answer, or FactsMissing to be collected first."""
        answer = self._answers.get(question)
        if answer is None:
            if self.complete:
                return self._absent
            raise FactsMissingError((question,))
        return answer

    def need(self, questions: Iterable[Question]) -> None:
        """Ask for many at once: FactsMissing names all that are not there."""
        if self.complete:
            return
        missing = [question for question in questions if question not in self._answers]
        if missing:
            raise FactsMissingError(missing)

    def seen(self, question: Question) -> Answer | None:
        """The answer if it was collected; never asks for it."""
        return self._answers.get(question)

    def add(self, answers: Mapping[Question, Answer]) -> None:
        self._answers.update(answers)

    def __iter__(self) -> Iterator[tuple[Question, Answer]]:
        return iter(self._answers.items())

    def __len__(self) -> int:
        return len(self._answers)
