"""Several child processes that share the questions: if one of them ends, only its current answer is lost."""

from __future__ import annotations

import selectors
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct, field

from ovms_doctor.model.facts import Answer, AnyQuestion, InspectModel
from ovms_doctor.probes import interrupts
from ovms_doctor.probes.processes.child import Child, ChildExit
from ovms_doctor.probes.processes.messages import Ready, encode_line
from ovms_doctor.probes.processes.options import WorkerOptions
from ovms_doctor.probes.processes.single import START_DEADLINE, read_answers, read_reply, started_worker
from ovms_doctor.probes.processes.workers import Kind

#: Questions sent to a child at a time: at least the current one and one more, so that it does not wait. A child that
#: inspects models faster than this process reads gets more of them, for at most ``_IN_ADVANCE`` seconds of work: while
#: this process evaluates the rules for many models, it sends nothing.
_AT_A_TIME, _MOST_AT_A_TIME, _IN_ADVANCE = 2, 128, 0.1
#: How many consecutive child processes may fail to start before the pool starts no other.
_MOST_FAILURES = 3


class _Slot(Struct):
    """A child and the questions that were sent to it; the first is its current one.

    ``ends``: the deadline of the current question.
    ``since``: when it began with that question, as far as this process knows.
    ``answer_time``: seconds of its recent answers.
    """

    child: Child | None = None
    pending: deque[AnyQuestion] = field(default_factory=deque)
    ends: float = 0.0
    since: float = 0.0
    answer_time: float = 1.0


class Handling(Struct, frozen=True):
    """How the children of a pool handle questions.

    ``deadline``: returns the seconds for a question, from the time a child process begins with it.
    ``begin``: called when a child process begins with a question.
    ``refuse``: may answer a question instead of a child process.
    ``share``: the number of questions for which another child process is started.
    """

    deadline: Callable[[AnyQuestion], float]
    begin: Callable[[AnyQuestion], None] = lambda question: None
    refuse: Callable[[AnyQuestion], Answer | None] = lambda question: None
    share: int = 1


class Pool:
    """Up to ``size`` children of one kind, started when there is work for them. Each gets the next question when it
    has answered one. A child that ends is replaced.

    ``at_a_time``: questions that are sent to a child at a time, for a child that handles several in parallel.
    ``idle_work``: does something in short steps while no answer has arrived.
    """

    def __init__(
        self,
        kind: Kind,
        options: WorkerOptions,
        size: int,
        *,
        start_deadline: float = START_DEADLINE,
        at_a_time: int = _AT_A_TIME,
        idle_work: Iterator[object] | None = None,
    ) -> None:
        self._kind = kind
        self._idle_work = idle_work
        self._at_a_time = at_a_time
        self._options = options
        self._start_deadline = start_deadline
        self._slots = [_Slot() for _ in range(max(1, size))]
        self._failures = 0
        self._broken: ChildExit | None = None
        #: Questions that are not sent to a child, questions that no caller has requested yet, and the answered ones
        #: of those.
        self._waiting: deque[AnyQuestion] = deque()
        self._requested: set[AnyQuestion] = set()
        self._answered: dict[AnyQuestion, Answer | ChildExit] = {}
        #: The first message of a child process; None before.
        self.hello: Ready | None = None

    @property
    def pids(self) -> list[int]:
        """Returns the process ids of the running children."""
        return [slot.child.process.pid for slot in self._slots if slot.child is not None]

    def answer(
        self, questions: Sequence[AnyQuestion], handling: Handling
    ) -> Iterator[tuple[AnyQuestion, Answer | ChildExit]]:
        """Yields each question with its answer, or with the end of the child process that was answering it, in the
        order of arrival. Raises InterruptedRunError; then the child processes are ended."""
        left = set(questions)
        self._waiting.extend(question for question in questions if question not in self._requested)
        self._requested -= left
        try:
            for question in questions:
                if question in self._answered:
                    left.remove(question)
                    yield question, self._answered.pop(question)
            while left:
                for question, answer in self._exchange(handling, interrupts.HEARTBEAT):
                    if question in left:
                        left.remove(question)
                        yield question, answer
                    else:
                        self._answered[question] = answer
        finally:
            if left:
                # Stopped early: the outstanding answers would be read as answers to later questions.
                self._forget()

    def begin(self, questions: Sequence[AnyQuestion], handling: Handling) -> None:
        """Makes the children begin with questions that :meth:`answer` gets later, and does not wait for them."""
        self._waiting.extend(questions)
        self._requested.update(questions)
        self._answered.update(self._exchange(handling, 0.0))

    def _exchange(self, handling: Handling, wait: float) -> Iterator[tuple[AnyQuestion, Answer | ChildExit]]:
        """Sends questions to the children that have time, and yields the answers that arrive within ``wait``
        seconds."""
        needed = 1 + len(self._waiting) // handling.share
        for slot in (each for number, each in enumerate(self._slots) if each.child or number < needed):
            yield from self._distribute(slot, handling)
        ready = self._ready_slots(0.0 if self._idle_work else wait)
        if self._idle_work and wait and not ready and next(self._idle_work, None) is None:
            self._idle_work = None
        for slot in ready:
            yield from self._listen(slot, handling)

    def _forget(self) -> None:
        """Ends the working children, and drops all questions."""
        for slot in self._slots:
            if slot.pending:
                self._end(slot)
        self._waiting.clear()
        self._requested.clear()
        self._answered.clear()

    def warm(self, questions: int = 0, share: int = 1) -> None:
        """Starts the children that will get this number of questions, at least one, without waiting until they are
        ready. ``share`` as in Handling."""
        for slot in self._slots[: 1 + questions // share]:
            self._started(slot)

    def kill(self) -> None:
        """Kills the children, so that :meth:`close` does not wait for each of them."""
        for slot in self._slots:
            if slot.child is not None:
                slot.child.process.kill()

    def close(self) -> None:
        """Kills the children and all processes that they started. A further question starts new children."""
        for slot in self._slots:
            self._end(slot)

    def _distribute(
        self, slot: _Slot, handling: Handling
    ) -> Iterator[tuple[AnyQuestion, Answer | ChildExit]]:
        waiting = self._waiting
        at_a_time = self._at_a_time
        if waiting and isinstance(waiting[0], InspectModel) and slot.answer_time < _IN_ADVANCE / at_a_time:
            # At the end every child still has a question.
            at_a_time = max(
                at_a_time, min(_MOST_AT_A_TIME, len(waiting) // 2, int(_IN_ADVANCE / slot.answer_time))
            )
        lines: list[bytes] = []
        while waiting and len(slot.pending) < at_a_time:
            question = waiting.popleft()
            refused = handling.refuse(question) or self._broken or self._started(slot)
            if refused is not None:
                yield question, refused
                continue
            assert slot.child is not None
            lines.append(encode_line(question))
            slot.pending.append(question)
            if len(slot.pending) == 1:
                self._begin_question(slot, question, handling)
        if lines and slot.child is not None:
            slot.child.send(b"".join(lines))

    def _started(self, slot: _Slot) -> ChildExit | None:
        """Returns None if the slot has a child now, which may not be ready yet."""
        if slot.child is None:
            started = started_worker(self._kind, self._options)
            if isinstance(started, ChildExit):
                if not self.pids:
                    self._broken = started
                return started
            slot.child = started
            slot.ends = time.monotonic() + self._start_deadline
        return None

    def _begin_question(self, slot: _Slot, question: AnyQuestion, handling: Handling) -> None:
        handling.begin(question)
        if slot.child is not None:
            # A child process that was started early may have waited longer than the limit of a start.
            seconds = handling.deadline(question) if slot.child.ready else self._start_deadline
            slot.since = time.monotonic()
            slot.ends = slot.since + seconds

    def _ready_slots(self, wait: float) -> list[_Slot]:
        """Waits until a child sends a line or reaches its deadline, at most ``wait`` seconds."""
        interrupts.check()
        busy = [slot for slot in self._slots if slot.child is not None and slot.pending]
        if not busy:
            return []
        with selectors.DefaultSelector() as selector:
            for slot in busy:
                assert slot.child is not None
                selector.register(slot.child.fileno(), selectors.EVENT_READ, slot)
            left = min(slot.ends for slot in busy) - time.monotonic()
            ready = [key.data for key, _ in selector.select(max(0.0, min(left, wait)))]
        now = time.monotonic()
        # Not only readable descriptors count: a child may have ended while another process keeps its pipes open.
        return ready or [
            slot for slot in busy if slot.ends <= now or slot.child is None or slot.child.is_ended()
        ]

    def _listen(self, slot: _Slot, handling: Handling) -> Iterator[tuple[AnyQuestion, Answer | ChildExit]]:
        """Yields all answers that a child process has sent."""
        while slot.child is not None and slot.pending:
            line = slot.child.take(0.0)
            if line is None:
                if slot.ends > time.monotonic():
                    return
                line = slot.child.end(0.0, timed_out=True)
            if slot.child.ready:
                answers = read_answers(slot.child, line)
                answer = answers if isinstance(answers, ChildExit) else answers[0]
            else:
                reply = read_reply(slot.child, line)
                if isinstance(reply, Ready):
                    self.hello = reply
                    slot.child.ready = True
                    self._failures = 0
                    slot.since = time.monotonic()
                    slot.ends = slot.since + handling.deadline(slot.pending[0])
                    continue
                answer = reply if isinstance(reply, ChildExit) else slot.child.end_invalid()
            if isinstance(answer, ChildExit):
                if not answer.started and not self._gives_up(answer):
                    self._waiting.extendleft(reversed(slot.pending))
                    self._end(slot)
                    return
                question = slot.pending.popleft()
                self._waiting.extendleft(reversed(slot.pending))
                self._end(slot)
                yield question, answer
                return
            slot.answer_time = (slot.answer_time + time.monotonic() - slot.since) / 2 + 1e-6
            yield slot.pending.popleft(), answer
            if slot.pending:
                self._begin_question(slot, slot.pending[0], handling)

    def _gives_up(self, ended: ChildExit) -> bool:
        """Whether the pool stops after a child process that did not start.

        If no child has ever started, it stops; one of many may have failed because memory was short for a while.
        """
        self._failures += 1
        if self.hello and self._failures < _MOST_FAILURES:
            return False
        self._broken = ended
        return True

    def _end(self, slot: _Slot) -> None:
        child, slot.child = slot.child, None
        slot.pending.clear()
        if child is not None:
            child.end(0.0)
