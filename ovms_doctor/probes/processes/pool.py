"""Several child processes that share out questions: what one of them dies of costs only that answer."""

from __future__ import annotations

import selectors
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct, field

from ovms_doctor.model.facts import Answer, AnyQuestion
from ovms_doctor.probes import interrupts
from ovms_doctor.probes.processes.child import Child, ChildExit
from ovms_doctor.probes.processes.messages import Ready, encode_line
from ovms_doctor.probes.processes.options import WorkerOptions
from ovms_doctor.probes.processes.single import START_DEADLINE, read_answers, read_reply, started_worker
from ovms_doctor.probes.processes.workers import Kind

#: Questions that a child is given at a time: the one being answered, and one so that it need not wait; more of those
#: that it answers faster than this process takes notice, but for not more than so many seconds.
_AT_A_TIME, _MOST_AT_A_TIME, _IN_ADVANCE = 2, 16, 0.02
#: How often in a row a child process may fail to start before no other is tried.
_MOST_FAILURES = 3


class _Slot(Struct):
    """A child and the questions it was given; the first is the one it works at, until ``ends``. ``since``: when it
    began with that, as far as this process took notice; ``pace``: seconds that an answer took of late."""

    child: Child | None = None
    pending: deque[AnyQuestion] = field(default_factory=deque)
    ends: float = 0.0
    since: float = 0.0
    pace: float = 1.0


class Handling(Struct, frozen=True):
    """How the children of a pool handle questions.

    * ``deadline``: returns the seconds for a question, from the time a child process begins with it.
    * ``begin``: called when a child process begins with a question.
    * ``refuse``: may answer a question instead of a child process.
    * ``share``: the number of questions for which another child process is started.
    """

    deadline: Callable[[AnyQuestion], float]
    begin: Callable[[AnyQuestion], None] = lambda question: None
    refuse: Callable[[AnyQuestion], Answer | None] = lambda question: None
    share: int = 1


class Pool:
    """Up to ``size`` children of one kind, started when there is work for them. Each takes the next question
    when it has done one. A child that dies is replaced. ``at_a_time``: questions that a child is given at a time, for
    one that works at several. ``meanwhile``: does something in short steps while nothing has come yet."""

    def __init__(
        self,
        kind: Kind,
        options: WorkerOptions,
        size: int,
        *,
        start_deadline: float = START_DEADLINE,
        at_a_time: int = _AT_A_TIME,
        meanwhile: Iterator[object] | None = None,
    ) -> None:
        self._kind = kind
        self._meanwhile = meanwhile
        self._at_a_time = at_a_time
        self._options = options
        self._start_deadline = start_deadline
        self._slots = [_Slot() for _ in range(max(1, size))]
        self._failures = 0
        self._broken: ChildExit | None = None
        #: Questions that no child has yet, those that nobody has called for yet, and those of them that are answered.
        self._todo: deque[AnyQuestion] = deque()
        self._requested: set[AnyQuestion] = set()
        self._answered: dict[AnyQuestion, Answer | ChildExit] = {}
        #: The first message of a child process; None before.
        self.hello: Ready | None = None

    @property
    def pids(self) -> list[int]:
        """The process ids of the children that run."""
        return [slot.child.process.pid for slot in self._slots if slot.child is not None]

    def answer(
        self, questions: Sequence[AnyQuestion], handling: Handling
    ) -> Iterator[tuple[AnyQuestion, Answer | ChildExit]]:
        """Yields each question with its answer, or with the end of the child process that was answering it, as they
        come. Raises InterruptedRunError; then the child processes are ended."""
        left = set(questions)
        self._todo.extend(question for question in questions if question not in self._requested)
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
        """Has the children begin with questions that :meth:`answer` is given later, without waiting for them."""
        self._todo.extend(questions)
        self._requested.update(questions)
        self._answered.update(self._exchange(handling, 0.0))

    def _exchange(self, handling: Handling, wait: float) -> Iterator[tuple[AnyQuestion, Answer | ChildExit]]:
        """Gives the children what they have time for, and the answers that they have within so many seconds."""
        needed = 1 + len(self._todo) // handling.share
        for slot in (each for number, each in enumerate(self._slots) if each.child or number < needed):
            yield from self._distribute(slot, handling)
        ready = self._ready_slots(0.0 if self._meanwhile else wait)
        if self._meanwhile and wait and not ready and next(self._meanwhile, None) is None:
            self._meanwhile = None
        for slot in ready:
            yield from self._listen(slot, handling)

    def _forget(self) -> None:
        """Ends the children that work, and drops all questions."""
        for slot in self._slots:
            if slot.pending:
                self._end(slot)
        self._todo.clear()
        self._requested.clear()
        self._answered.clear()

    def warm(self) -> None:
        """Starts one child process, without waiting until it is ready."""
        self._started(self._slots[0])

    def kill(self) -> None:
        """Has the children killed, for :meth:`close` not to wait for each of them."""
        for slot in self._slots:
            if slot.child is not None:
                slot.child.process.kill()

    def close(self) -> None:
        """Kills the children and all that they started. Another question starts others."""
        for slot in self._slots:
            self._end(slot)

    def _distribute(
        self, slot: _Slot, handling: Handling
    ) -> Iterator[tuple[AnyQuestion, Answer | ChildExit]]:
        todo = self._todo
        at_a_time = self._at_a_time
        if self._kind == "inspect" and slot.pace < _IN_ADVANCE / at_a_time:
            # At the end each child has something left to do.
            at_a_time = max(at_a_time, min(_MOST_AT_A_TIME, len(todo) // 2, int(_IN_ADVANCE / slot.pace)))
        lines: list[bytes] = []
        while todo and len(slot.pending) < at_a_time:
            question = todo.popleft()
            refused = handling.refuse(question) or self._broken or self._started(slot)
            if refused is not None:
                yield question, refused
                continue
            assert slot.child is not None
            lines.append(encode_line(question))
            slot.pending.append(question)
            if len(slot.pending) == 1:
                self._turn_to(slot, question, handling)
        if lines and slot.child is not None:
            slot.child.send(b"".join(lines))

    def _started(self, slot: _Slot) -> ChildExit | None:
        """None if the slot has a child now, which may still be coming up."""
        if slot.child is None:
            started = started_worker(self._kind, self._options)
            if isinstance(started, ChildExit):
                if not self.pids:
                    self._broken = started
                return started
            slot.child = started
            slot.ends = time.monotonic() + self._start_deadline
        return None

    def _turn_to(self, slot: _Slot, question: AnyQuestion, handling: Handling) -> None:
        handling.begin(question)
        if slot.child is not None:
            # A child process that was started early may have waited for longer than a start may take.
            seconds = handling.deadline(question) if slot.child.ready else self._start_deadline
            slot.since = time.monotonic()
            slot.ends = slot.since + seconds

    def _ready_slots(self, wait: float) -> list[_Slot]:
        """Waits until a child says something or one's time is up, at most so many seconds."""
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
        # Not only what is readable is looked at: a child may have ended while another holds its pipes open.
        return ready or [slot for slot in busy if slot.ends <= now or slot.child is None or slot.child.gone()]

    def _listen(self, slot: _Slot, handling: Handling) -> Iterator[tuple[AnyQuestion, Answer | ChildExit]]:
        """Yields all messages that a child process has sent."""
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
                answer = reply if isinstance(reply, ChildExit) else slot.child.spoiled()
            if isinstance(answer, ChildExit):
                if not answer.started and not self._gives_up(answer):
                    self._todo.extendleft(reversed(slot.pending))
                    self._end(slot)
                    return
                question = slot.pending.popleft()
                self._todo.extendleft(reversed(slot.pending))
                self._end(slot)
                yield question, answer
                return
            slot.pace = (slot.pace + time.monotonic() - slot.since) / 2 + 1e-6
            yield slot.pending.popleft(), answer
            if slot.pending:
                self._turn_to(slot, slot.pending[0], handling)

    def _gives_up(self, ended: ChildExit) -> bool:
        """Returns whether no other child process is tried after one that did not start. If none has ever started,
        none is tried again; one of many may have failed for a temporary lack of memory."""
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
