"""The parent's side of queries to stores: children with the server's secrets, and limits on their libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType

from msgspec.structs import replace

from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    FetchCopy,
    FileContent,
    InspectCopy,
    LoadCopy,
    ReadFile,
    StoreAccess,
    StoreRefusal,
    Unavailable,
)
from ovms_doctor.probes import capacity, interrupts
from ovms_doctor.probes.local import InterruptedCollectionError, LocalCollector
from ovms_doctor.probes.processes.child import ChildExit
from ovms_doctor.probes.processes.options import StoreOptions
from ovms_doctor.probes.processes.pool import Handling, Pool
from ovms_doctor.probes.stores.child import needed
from ovms_doctor.probes.stores.copies import Copies, Progress

#: In bytes; real files of credentials have a few thousand.
_LARGEST_KEY_FILE = 1 << 20
#: The number of questions for which another child process is started; each handles several in parallel, and then
#: Python's own work limits the speed. Of two processors one remains for the inspection of the copies.
_QUESTIONS_PER_CHILD = 300
_MOST_CHILDREN = 4
_PROCESSORS_EACH = 2
#: The questions in a batch: enough for a child process that the parent does not read for a while, and not too many
#: for a store that never answers.
_AT_A_TIME = 32
#: The bytes per second that a download needs to end before its deadline.
_LEAST_RATE = 1_000_000
#: After this number of questions without an answer in time, no further ones are sent to the same store.
_MOST_TIMEOUTS = 3
_UNRESPONSIVE = Unavailable(
    "the store did not answer earlier requests in time, and is no longer queried", timed_out=True
)


class StoreCollector:
    """Queries S3 and Google Cloud Storage like the server's clients.

    The first question or ``warm`` starts the children. Only one thread may use it.

    ``secrets``: values of the server's variables by name.
    ``local``: the collector for the server's files with credentials.
    ``deadline`` and ``load_deadline``: in seconds, for one question.
    ``jobs``: child processes at a time, else by the number of questions.
    ``progress_bytes``: called during a download with its path, received bytes, all bytes.
    """

    def __init__(
        self,
        secrets: Mapping[str, str],
        local: LocalCollector,
        *,
        deadline: float = 10.0,
        load_deadline: float = 60.0,
        jobs: int | None = None,
        progress_bytes: Progress | None = None,
    ) -> None:
        self._secrets = dict(secrets)
        self._local = local
        self._deadline = deadline
        self._jobs = jobs
        self._files: dict[str, bytes | str] = {}
        #: How many consecutive questions were not answered in time.
        self._consecutive_timeouts: dict[StoreAccess, int] = {}
        self._pool: Pool | None = None
        self._copies = Copies(self._request, load_deadline, deadline, jobs, progress_bytes)

    def collect(
        self, questions: Sequence[AnyQuestion], progress: Callable[[AnyQuestion], None] | None = None
    ) -> dict[AnyQuestion, Answer]:
        """Returns an answer for each question; all are about stores. If the run is interrupted, the exception has
        the answers known by then."""
        begin = progress or _ignore_question
        answers: dict[AnyQuestion, Answer] = {}
        distinct = list(dict.fromkeys(questions))
        try:
            copies = [one for one in distinct if isinstance(one, InspectCopy | LoadCopy)]
            plain = [one for one in distinct if not isinstance(one, InspectCopy | LoadCopy)]
            for question, answer in self._request(plain, begin):
                answers[question] = answer
            self._copies.collect(copies, begin, answers)
        except interrupts.InterruptedRunError:
            self.close()
            raise InterruptedCollectionError(answers) from None
        return answers

    def warm(self, load: str) -> None:
        """Starts a child process for requests, and those for downloaded files, and does not wait for them."""
        self._started(uses_s3=True).warm()
        self._copies.warm(load)

    @property
    def pids(self) -> list[int]:
        """Returns the process ids of the running children."""
        return [*(self._pool.pids if self._pool else ()), *self._copies.pids]

    def close(self) -> None:
        """Ends the child processes and removes the downloaded files."""
        if self._pool is not None:
            self._pool.close()
        self._copies.close()

    def __enter__(self) -> StoreCollector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- requests --------------------------------------------------------------------------------------

    def _request(
        self, questions: Sequence[AnyQuestion], begin: Callable[[AnyQuestion], None]
    ) -> Iterator[tuple[AnyQuestion, Answer]]:
        """Yields each question with its answer, in the order of arrival."""
        if not questions:
            return
        accesses = {question: _access(question) for question in questions}
        self._read_files(list(dict.fromkeys(accesses.values())))
        able = []
        for question in questions:
            unavailable = self._unavailable(accesses[question])
            if unavailable is None:
                able.append(question)
            else:
                yield question, unavailable
        if not able:
            return
        pool = self._started()

        def unresponsive(question: AnyQuestion) -> Unavailable | None:
            return (
                _UNRESPONSIVE
                if self._consecutive_timeouts.get(accesses[question], 0) >= _MOST_TIMEOUTS
                else None
            )

        for question, found in pool.answer(
            able, Handling(self._time_for, begin, unresponsive, _QUESTIONS_PER_CHILD)
        ):
            answer = _answered(found)
            access = accesses[question]
            self._consecutive_timeouts[access] = (
                self._consecutive_timeouts.get(access, 0) + 1 if _timed_out(answer) else 0
            )
            yield question, answer

    def _started(self, *, uses_s3: bool = False) -> Pool:
        if self._pool is None:
            most = min(_MOST_CHILDREN, max(1, capacity.jobs(self._jobs) // _PROCESSORS_EACH))
            files = {path: data for path, data in self._files.items() if isinstance(data, bytes)}
            # A request with all its attempts must end before the child's deadline.
            options = StoreOptions(self._secrets, files, self._deadline * 0.8, uses_s3)
            self._pool = Pool("stores", options, most, at_a_time=_AT_A_TIME)
        return self._pool

    def _time_for(self, question: AnyQuestion) -> float:
        if not isinstance(question, FetchCopy):
            # Each page has a deadline of its own in the child: a store that does not answer at all is detected early.
            return self._deadline * max(1, getattr(question, "pages", 1) / 4)
        size = sum(file.size for file in question.copy.files if file.name in question.names)
        return self._deadline + size / _LEAST_RATE

    # -- credentials -----------------------------------------------------------------------------------

    def _read_files(self, accesses: Sequence[StoreAccess]) -> None:
        """Reads the files with credentials as the server's user does; only this object and the children keep their
        content."""
        paths = dict.fromkeys(path for access in accesses for path in access.files)
        distinct = [ReadFile(path, _LARGEST_KEY_FILE) for path in paths if path not in self._files]
        if not distinct:
            return
        for question, answer in self._local.collect(distinct).items():
            if isinstance(answer, FileContent):
                self._files[question.path] = answer.data
            elif isinstance(answer, Unavailable):
                self._files[question.path] = answer.reason
            else:
                self._files[question.path] = (
                    "it does not exist, or the server's user has no read permission on it"
                )
        # The children have only the files from their start.
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _unavailable(self, access: StoreAccess) -> Unavailable | None:
        """Returns why an access cannot be used; None if it can."""
        for name in needed(access):
            if name not in self._secrets:
                return Unavailable(
                    f"the value of {name} is not known: give it with --env, --env-file or --env-from-process"
                )
        unread = [path for path in access.files if not isinstance(self._files.get(path), bytes)]
        # One of a profile's files may be missing.
        if unread and len(unread) == len(access.files):
            reason = self._files.get(unread[0])
            reason_text = reason if isinstance(reason, str) else "it was not read"
            return Unavailable(f"{unread[0]} cannot be read for its credentials: {reason_text}")
        return None


def _access(question: AnyQuestion) -> StoreAccess:
    if isinstance(question, InspectCopy | LoadCopy | FetchCopy):
        return question.copy.access
    access: StoreAccess = question.access  # type: ignore[union-attr]
    return access


def _answered(answer: Answer | ChildExit) -> Answer:
    if not isinstance(answer, ChildExit):
        return answer
    if answer.timed_out and answer.started:
        return Unavailable("the store did not answer in time and is not waited for", timed_out=True)
    if answer.started:
        # Its standard error may contain the secrets of its requests.
        answer = replace(answer, stderr="")
    return Unavailable(f"the process that queries the store failed: {answer}", answer.timed_out)


def _timed_out(answer: Answer) -> bool:
    if isinstance(answer, StoreRefusal):
        return answer.problem == "timeout"
    return isinstance(answer, Unavailable) and answer.timed_out


def _ignore_question(question: AnyQuestion) -> None:
    """Ignores progress."""
