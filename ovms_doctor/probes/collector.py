"""The collector of facts: from this host for the server's paths, and from stores, whose collector starts only when
it is needed."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ovms_doctor.model.container import DocumentFile
from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    Failure,
    FetchCopy,
    HeadBucket,
    InspectCopy,
    InspectNetwork,
    ListStore,
    LoadCopy,
    ReadObject,
    StatHost,
    Unavailable,
    Writability,
)
from ovms_doctor.model.mounts import NO_MOUNTS, MountTable
from ovms_doctor.model.names import is_remote
from ovms_doctor.probes import interrupts
from ovms_doctor.probes.documents import DocumentFiles
from ovms_doctor.probes.local import InterruptedCollectionError, LocalCollector
from ovms_doctor.probes.redacted_answers import without_secrets

if TYPE_CHECKING:
    from ovms_doctor.probes.stores import StoreCollector

_S3 = "s3://"
#: The questions about stores, and those about this host itself.
_REMOTE = frozenset((HeadBucket, ListStore, ReadObject, InspectCopy, LoadCopy, FetchCopy))
_OF_HOST = (StatHost, InspectNetwork)


class Collector:
    """Collects the facts of a deployment.

    ``local``: answers all questions but those about stores.
    ``stores``: makes the collector for questions about stores.
    ``files``: the files of the document that the container was read from; they are on no host.
    ``copies``: makes the collector for the paths of ``table`` that are copies, with this process's own rights.
    """

    def __init__(
        self,
        local: LocalCollector,
        stores: Callable[[], StoreCollector],
        files: Sequence[DocumentFile] = (),
        copies: Callable[[], LocalCollector] | None = None,
        table: MountTable = NO_MOUNTS,
    ) -> None:
        self._files = DocumentFiles(files) if files else None
        self._local = local
        self._make_copies, self._table = copies, table
        self._has_copies = copies is not None and any(mount.rights == "copy" for mount in table.mounts)
        self._copies: LocalCollector | None = None
        self._make = stores
        self._stores: StoreCollector | None = None

    def collect(
        self, questions: Sequence[AnyQuestion], progress: Callable[[AnyQuestion], None] | None = None
    ) -> dict[AnyQuestion, Answer]:
        """Returns an answer for each question, in the questions' order, without secrets. If the run is interrupted,
        the exception has the answers known by then."""
        try:
            return without_secrets(self._collect(questions, progress))
        except interrupts.InterruptedRunError as stop:
            raise InterruptedCollectionError(without_secrets(getattr(stop, "answers", {}))) from None

    def _collect(
        self, questions: Sequence[AnyQuestion], progress: Callable[[AnyQuestion], None] | None
    ) -> dict[AnyQuestion, Answer]:
        answers: dict[AnyQuestion, Answer] = {}
        if self._files:
            answers = {one: answer for one in questions if (answer := self._files.answer(one)) is not None}
        if answers:
            rest = [one for one in questions if one not in answers]
            answers.update(self._collect(rest, progress) if rest else {})
            return {one: answers[one] for one in dict.fromkeys(questions)}
        if not _any_remote(questions):
            return self._collect_local(questions, progress)
        remote = [one for one in questions if _is_remote(one)]
        try:
            local = [one for one in questions if not _is_remote(one)]
            if local:
                answers.update(self._collect_local(local, progress))
            if self._stores is None:
                self._stores = self._make()
            answers.update(self._stores.collect(remote, progress))
        except interrupts.InterruptedRunError as stop:
            self.close()
            answers.update(getattr(stop, "answers", {}))
            raise InterruptedCollectionError(
                {one: answers[one] for one in questions if one in answers}
            ) from None
        return {one: answers[one] for one in dict.fromkeys(questions)}

    def begin(self, questions: Sequence[AnyQuestion]) -> None:
        """Makes the children begin with the questions that are collected next, in this order, and does not wait for
        them. Questions about anything but this host wait until they are collected."""
        if not self._files and not self._has_copies and not _any_remote(questions):
            self._local.begin(questions)

    def _collect_local(
        self, questions: Sequence[AnyQuestion], progress: Callable[[AnyQuestion], None] | None
    ) -> dict[AnyQuestion, Answer]:
        """Returns the answers on this host: for a copy, nothing that depends on its rights."""
        copied = [one for one in questions if self._is_copied(one)] if self._has_copies else []
        if not copied or self._make_copies is None:
            return self._local.collect(questions, progress)
        rest = [one for one in questions if not self._is_copied(one)]
        answers = self._local.collect(rest, progress) if rest else {}
        if self._copies is None:
            self._copies = self._make_copies()
        found = self._copies.collect(copied, progress)
        return {**answers, **{one: _without_rights(answer) for one, answer in found.items()}}

    def _is_copied(self, question: AnyQuestion) -> bool:
        if isinstance(question, _OF_HOST) or _is_remote(question):
            return False
        mount = self._table.mount_of(question.path)
        return mount is not None and mount.rights == "copy"

    def warm(self, load: str, targets: Sequence[str]) -> None:
        """Starts the children that ``targets`` need, and does not wait for them; ``load`` as for LocalCollector."""
        if any(target.startswith(_S3) and target[len(_S3) :].strip("/") for target in targets):
            self._stores = self._make()
            self._stores.warm(load)
        if not targets or not all(map(is_remote, targets)):
            self._local.warm(load)

    def finish(self) -> None:
        """Ends the collectors of copies and stores, and kills the child processes for this host, so that
        :meth:`close` does not wait for them."""
        self._local.kill()
        copies, self._copies = self._copies, None
        stores, self._stores = self._stores, None
        if copies is not None:
            copies.close()
        if stores is not None:
            stores.close()

    def close(self) -> None:
        """Ends the child processes."""
        self.finish()
        self._local.close()

    def __enter__(self) -> Collector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _without_rights(answer: Answer) -> Answer:
    """Returns the content of a copy, without its rights on this host."""
    if isinstance(answer, Failure) and answer.errno == errno.EACCES:
        return Unavailable("this program's own user has no right to read the copy")
    if isinstance(answer, Writability):
        return replace(answer, writable=not answer.read_only, searchable=True, readable=True)
    return answer


def _is_remote(question: AnyQuestion) -> bool:
    return type(question) in _REMOTE


def _any_remote(questions: Sequence[AnyQuestion]) -> bool:
    return not _REMOTE.isdisjoint(map(type, questions))
