"""Several child processes that share out questions: what one of them dies of costs only that answer."""

from __future__ import annotations

import selectors
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from ovms_doctor.model.facts import Answer, AnyQuestion
from ovms_doctor.probes import interrupts
from ovms_doctor.probes.processes.child import Child, ChildExit
from ovms_doctor.probes.processes.messages import Ready, encode_line
from ovms_doctor.probes.processes.single import START_DEADLINE, read_answers, read_reply, started_worker
from ovms_doctor.probes.processes.workers import Kind

#: Questions that a child is given at a time: the one being answered, and one so that it need not wait.
_AT_A_TIME = 2
#: How often in a row a child may fail to come up before it is given up.
_MOST_FAILURES = 3


class _Slot(Struct):
    """A child and the questions it was given; the first is the one it works at, until ``ends``."""

    child: Child | None = None
    pending: deque[AnyQuestion] = field(default_factory=deque)
    ends: float = 0.0


class Pool:
    """Up to ``size`` children of one kind, started when there is work for them. Each takes the next question
    when it has done one. A child that dies is replaced. ``in_hand``: questions that a child is given at a time, for one
    that works at several."""

    def __init__(
        self,
        kind: Kind,
        options: Mapping[str, Any],
        size: int,
        *,
        start_deadline: float = START_DEADLINE,
        at_a_time: int = _AT_A_TIME,
    ) -> None:
        self._kind = kind
        self._at_a_time = at_a_time
        self._options = dict(options)
        self._start_deadline = start_deadline
        self._slots = [_Slot() for _ in range(max(1, size))]
        self._failures = 0
        self._broken: ChildExit | None = None
        #: What a child said when it came up.
        self.hello: dict[str, Any] = {}

    @property
    def pids(self) -> list[int]:
        """The process ids of the children that run."""
        return [slot.child.process.pid for slot in self._slots if slot.child is not None]

    def answer(
        self,
        questions: Sequence[AnyQuestion],
        deadline: Callable[[AnyQuestion], float],
        begin: Callable[[AnyQuestion], None] = lambda question: None,
        refuse: Callable[[AnyQuestion], Answer | None] = lambda question: None,
        share: int = 1,
    ) -> Iterator[tuple[AnyQuestion, Answer | ChildExit]]:
        """Each question with its answer or the end of the child that was answering it, as they come.

        ``deadline`` gives the seconds for a question, from the moment a child turns to it, when ``begin`` is
        told. ``refuse`` may answer in a child's place. Another child is started for each ``share`` questions,
        which are to be worth its start. Raises Interrupted; the children are ended then.
        """
        todo = deque(questions)
        wanted = min(len(self._slots), 1 + len(todo) // share)
        try:
            while todo or any(slot.pending for slot in self._slots):
                for slot in self._slots[:wanted]:
                    yield from self._distribute(slot, todo, deadline, begin, refuse)
                for slot in self._ready_slots():
                    yield from self._listen(slot, todo, deadline, begin)
        finally:
            # Left early: the answers that are still to come would be taken for later questions'.
            for slot in self._slots:
                if slot.pending:
                    self._end(slot)

    def warm(self) -> None:
        """Has one child started, without waiting for it to come up."""
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
        self,
        slot: _Slot,
        todo: deque[AnyQuestion],
        deadline: Callable[[AnyQuestion], float],
        begin: Callable[[AnyQuestion], None],
        refuse: Callable[[AnyQuestion], Answer | None],
    ) -> Iterator[tuple[AnyQuestion, Answer | ChildExit]]:
        while todo and len(slot.pending) < self._at_a_time:
            question = todo.popleft()
            refused = refuse(question) or self._broken or self._started(slot)
            if refused is not None:
                yield question, refused
                continue
            assert slot.child is not None
            slot.child.send(encode_line(question))
            slot.pending.append(question)
            if len(slot.pending) == 1:
                self._turn_to(slot, question, deadline, begin)

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

    def _turn_to(
        self,
        slot: _Slot,
        question: AnyQuestion,
        deadline: Callable[[AnyQuestion], float],
        begin: Callable[[AnyQuestion], None],
    ) -> None:
        begin(question)
        if slot.child is not None:
            # One that was warmed may have been left alone for longer than it may take to come up.
            seconds = deadline(question) if slot.child.ready else self._start_deadline
            slot.ends = time.monotonic() + seconds

    def _ready_slots(self) -> list[_Slot]:
        """Waits until a child says something or one's time is up."""
        interrupts.check()
        busy = [slot for slot in self._slots if slot.child is not None and slot.pending]
        if not busy:
            return []
        with selectors.DefaultSelector() as selector:
            for slot in busy:
                assert slot.child is not None
                selector.register(slot.child.fileno(), selectors.EVENT_READ, slot)
            left = min(slot.ends for slot in busy) - time.monotonic()
            ready = [key.data for key, _ in selector.select(max(0.0, min(left, interrupts.HEARTBEAT)))]
        now = time.monotonic()
        # Not only what is readable is looked at: a child may have ended while another holds its pipes open.
        return ready or [slot for slot in busy if slot.ends <= now or slot.child is None or slot.child.gone()]

    def _listen(
        self,
        slot: _Slot,
        todo: deque[AnyQuestion],
        deadline: Callable[[AnyQuestion], float],
        begin: Callable[[AnyQuestion], None],
    ) -> Iterator[tuple[AnyQuestion, Answer | ChildExit]]:
        """All that a child has to say now."""
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
                    self.hello = reply.ready
                    slot.child.ready = True
                    self._failures = 0
                    slot.ends = time.monotonic() + deadline(slot.pending[0])
                    continue
                answer = reply if isinstance(reply, ChildExit) else slot.child.spoiled()
            if isinstance(answer, ChildExit):
                if not answer.started and not self._gives_up(answer):
                    todo.extendleft(reversed(slot.pending))
                    self._end(slot)
                    return
                question = slot.pending.popleft()
                todo.extendleft(reversed(slot.pending))
                self._end(slot)
                yield question, answer
                return
            yield slot.pending.popleft(), answer
            if slot.pending:
                self._turn_to(slot, slot.pending[0], deadline, begin)

    def _gives_up(self, ended: ChildExit) -> bool:
        """Whether a child that did not come up is the last one tried. One that never did is not tried again,
        one of many may have met a moment without memory."""
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
