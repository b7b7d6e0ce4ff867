"""One worker that answers questions in turn."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import islice

from ovms_doctor.model.facts import Answer, AnyQuestion
from ovms_doctor.probes import interrupts
from ovms_doctor.probes.processes.child import Child, ChildExit, not_started
from ovms_doctor.probes.processes.messages import (
    Answered,
    Batch,
    JsonFormatError,
    Ready,
    decode_reply,
    encode_line,
    prepare_for_replies,
)
from ovms_doctor.probes.processes.options import WorkerOptions
from ovms_doctor.probes.processes.workers import Kind, start_worker

#: Seconds for the start of a child process; longer than any successful start, on a slow disk too.
START_DEADLINE = 60.0
#: Questions of one message.
_BATCH = 256


class Worker:
    """Sends questions to a child process, and starts another one if it ends too early.

    The kernel kills the child process when the thread that started it ends (prctl(2)), so a worker belongs to one
    thread. The first question starts the child.

    ``kind``: the kind of the child.
    ``options``: those of this kind in :mod:`ovms_doctor.probes.processes.options`.
    ``deadline``: in seconds, for each question.
    ``idle_work``: does something in short steps while the child starts.
    """

    def __init__(
        self,
        kind: Kind,
        options: WorkerOptions,
        deadline: float,
        *,
        start_deadline: float = START_DEADLINE,
        idle_work: Iterator[object] | None = None,
    ) -> None:
        self._kind = kind
        self._options = options
        self._deadline = deadline
        self._idle_work = idle_work
        self._start_deadline = start_deadline
        self._child: Child | None = None
        self._broken: ChildExit | None = None
        #: The next questions, and how many of them the child already has; None if that is not tracked.
        self._ahead: deque[list[AnyQuestion]] | None = deque()
        self._sent = 0
        #: The child's first message; None before it.
        self.hello: Ready | None = None

    def answer(
        self, questions: Sequence[AnyQuestion], deadline: Callable[[AnyQuestion], float] | None = None
    ) -> Generator[tuple[AnyQuestion, Answer | ChildExit], None, None]:
        """Yields the questions in order, each with its answer or with the end of the child process that was
        answering it.

        ``deadline`` returns the seconds for a question, if they are not the same for all. A child process that does
        not start is not tried again: its end is the answer to all questions.
        """
        unanswered = deque(questions)
        sent = self._already_sent(unanswered)
        #: How many questions are sent one by one, to find out which of them ended a child process.
        alone = 0
        try:
            while unanswered:
                failed = self._start()
                if failed is not None:
                    yield unanswered.popleft(), failed
                    continue
                child = self._child
                assert child is not None
                batches = _batches(list(unanswered), alone)
                if not sent:
                    _send(child, batches)
                sent = False
                left = deque(map(len, batches))
                while unanswered:
                    seconds = deadline(unanswered[0]) if deadline else self._deadline
                    answers = read_answers(child, child.receive(seconds), left[0])
                    if isinstance(answers, ChildExit):
                        self.close()
                        if left[0] > 1 and not answers.timed_out:
                            # It may have ended at any of those, with answers that were not sent yet.
                            alone = left[0]
                        else:
                            alone = max(0, alone - 1)
                            yield unanswered.popleft(), answers
                        break
                    for answer in answers:
                        yield unanswered.popleft(), answer
                    alone = max(0, alone - len(answers))
                    left[0] -= len(answers)
                    if not left[0]:
                        left.popleft()
        finally:
            if unanswered:
                # Left early: the remaining answers would be read as answers to later questions.
                self.close()

    def begin(self, questions: Sequence[AnyQuestion]) -> None:
        """Makes the child begin with questions, and does not wait for it. The next call of :meth:`answer` gets them,
        after those that began before."""
        if self._ahead is None or not questions:
            return
        self._ahead.append(list(questions))
        child = self._child
        if child is not None and child.ready and self._broken is None:
            for waiting in islice(self._ahead, self._sent, None):
                _send(child, _batches(waiting, 0))
            self._sent = len(self._ahead)
            child.exchange()

    def _already_sent(self, questions: deque[AnyQuestion]) -> bool:
        """Whether the child has these questions already."""
        if not self._ahead:
            return False
        if self._ahead[0] != list(questions):
            # After a read that hangs, other questions follow. The child would answer its queued questions instead.
            if self._sent:
                self.close()
            self._ahead = None
            return False
        self._ahead.popleft()
        sent = self._sent > 0
        self._sent = max(0, self._sent - 1)
        return sent

    @property
    def pid(self) -> int | None:
        """Returns the child's process id, None if none runs."""
        return self._child.process.pid if self._child else None

    def kill(self) -> None:
        """Kills the child, so that :meth:`close` does not wait for it later."""
        if self._child is not None:
            self._child.process.kill()

    def close(self) -> None:
        """Kills the child and all processes that it started. A further question starts a new one."""
        child, self._child = self._child, None
        self._sent = 0
        if child is not None:
            child.end(0.0)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def warm(self) -> None:
        """Starts a child process, without waiting until it is ready."""
        if self._broken is None and self._child is None:
            started = started_worker(self._kind, self._options)
            if isinstance(started, ChildExit):
                self._broken = started
            else:
                self._child = started

    def _start(self) -> ChildExit | None:
        self.warm()
        child = self._child
        if self._broken is None and child is not None and not child.ready:
            reply = read_reply(child, self._first_line(child))
            if isinstance(reply, Ready):
                self.hello = reply
                child.ready = True
            else:
                self._broken = reply if isinstance(reply, ChildExit) else child.end_invalid()
                self.close()
        return self._broken

    def _first_line(self, child: Child) -> bytes | ChildExit:
        """Returns the first line from a child that starts."""
        limit = time.monotonic() + self._start_deadline
        prepare_for_replies()
        while self._idle_work is not None and time.monotonic() < limit:
            line = child.take(0.0)
            if line is not None:
                return line
            interrupts.check()
            if next(self._idle_work, None) is None:
                self._idle_work = None
        return child.receive(limit - time.monotonic())


def started_worker(kind: Kind, options: WorkerOptions) -> Child | ChildExit:
    """Returns a child process that got its options, and that may still be starting; or why there is none."""
    try:
        child = Child(start_worker(kind))
    except (OSError, ValueError) as error:
        return not_started(error)
    child.send(encode_line(options))
    return child


def read_reply(child: Child, line: bytes | ChildExit) -> Ready | Answered | ChildExit:
    """Returns the message in a line from ``child``; another line ends the child process."""
    if isinstance(line, ChildExit):
        return line
    try:
        return decode_reply(line)
    except JsonFormatError:
        return child.end_invalid()


def read_answers(child: Child, line: bytes | ChildExit, most: int = 1) -> list[Answer] | ChildExit:
    """Returns the answers in a line from ``child``, one to ``most``; another line ends the child process."""
    reply = read_reply(child, line)
    if isinstance(reply, Answered) and 0 < len(reply.answers) <= most:
        return reply.answers
    return reply if isinstance(reply, ChildExit) else child.end_invalid()


def _send(child: Child, batches: list[list[AnyQuestion]]) -> None:
    child.send(b"".join(encode_line(batch[0] if len(batch) == 1 else Batch(batch)) for batch in batches))


def _batches(questions: list[AnyQuestion], alone: int) -> list[list[AnyQuestion]]:
    """Returns the questions in batches, in order, the first ones one by one."""
    single_questions = [[question] for question in questions[:alone]]
    rest = range(alone, len(questions), _BATCH)
    return [*single_questions, *(questions[start : start + _BATCH] for start in rest)]
