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

#: Questions that a child is given at a time: the one in hand, and one so that it need not wait.
_IN_HAND = 2
#: How often in a row a child may fail to come up before it is given up.
_MOST_FAILURES = 3


class _Seat(Struct):
    """A child and the questions it was given; the first is the one it works at, until ``ends``."""

    child: Child | None = None
    hand: deque[AnyQuestion] = field(default_factory=deque)
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
        in_hand: int = _IN_HAND,
    ) -> None:
        self._kind = kind
        self._in_hand = in_hand
        self._options = dict(options)
        self._start_deadline = start_deadline
        self._seats = [_Seat() for _ in range(max(1, size))]
        self._failures = 0
        self._broken: ChildExit | None = None
        #: What a child said when it came up.
        self.hello: dict[str, Any] = {}

    @property
    def pids(self) -> list[int]:
        """The process ids of the children that run."""
        return [seat.child.process.pid for seat in self._seats if seat.child is not None]

    def answer(
        self,
        questions: Sequence[AnyQuestion],
        deadline: Callable[[AnyQuestion], float],
        begin: Callable[[AnyQuestion], None] = lambda question: None,
        refuse: Callable[[AnyQuestion], Answer | None] = lambda question: None,
        share: int = 1,
    ) -> Iterator[tuple[AnyQuestion, Answer | ChildExit]]:
        """Each question with its answer or the end of the child that had it in hand, as they come.

        ``deadline`` gives the seconds for a question, from the moment a child turns to it, when ``begin`` is
        told. ``refuse`` may answer in a child's place. Another child is started for each ``share`` questions,
        which are to be worth its start. Raises Interrupted; the children are ended then.
        """
        todo = deque(questions)
        wanted = min(len(self._seats), 1 + len(todo) // share)
        try:
            while todo or any(seat.hand for seat in self._seats):
                for seat in self._seats[:wanted]:
                    yield from self._hand_out(seat, todo, deadline, begin, refuse)
                for seat in self._ready_seats():
                    yield from self._listen(seat, todo, deadline, begin)
        finally:
            # Left early: the answers that are still to come would be taken for later questions'.
            for seat in self._seats:
                if seat.hand:
                    self._end(seat)

    def warm(self) -> None:
        """Has one child started, without waiting for it to come up."""
        self._started(self._seats[0])

    def kill(self) -> None:
        """Has the children killed, for :meth:`close` not to wait for each of them."""
        for seat in self._seats:
            if seat.child is not None:
                seat.child.process.kill()

    def close(self) -> None:
        """Kills the children and all that they started. Another question starts others."""
        for seat in self._seats:
            self._end(seat)

    def _hand_out(
        self,
        seat: _Seat,
        todo: deque[AnyQuestion],
        deadline: Callable[[AnyQuestion], float],
        begin: Callable[[AnyQuestion], None],
        refuse: Callable[[AnyQuestion], Answer | None],
    ) -> Iterator[tuple[AnyQuestion, Answer | ChildExit]]:
        while todo and len(seat.hand) < self._in_hand:
            question = todo.popleft()
            refused = refuse(question) or self._broken or self._started(seat)
            if refused is not None:
                yield question, refused
                continue
            assert seat.child is not None
            seat.child.send(encode_line(question))
            seat.hand.append(question)
            if len(seat.hand) == 1:
                self._turn_to(seat, question, deadline, begin)

    def _started(self, seat: _Seat) -> ChildExit | None:
        """None if the seat has a child now, which may still be coming up."""
        if seat.child is None:
            started = started_worker(self._kind, self._options)
            if isinstance(started, ChildExit):
                if not self.pids:
                    self._broken = started
                return started
            seat.child = started
            seat.ends = time.monotonic() + self._start_deadline
        return None

    def _turn_to(
        self,
        seat: _Seat,
        question: AnyQuestion,
        deadline: Callable[[AnyQuestion], float],
        begin: Callable[[AnyQuestion], None],
    ) -> None:
        begin(question)
        if seat.child is not None:
            # One that was warmed may have been left alone for longer than it may take to come up.
            seconds = deadline(question) if seat.child.ready else self._start_deadline
            seat.ends = time.monotonic() + seconds

    def _ready_seats(self) -> list[_Seat]:
        """Waits until a child says something or one's time is up."""
        interrupts.check()
        busy = [seat for seat in self._seats if seat.child is not None and seat.hand]
        if not busy:
            return []
        with selectors.DefaultSelector() as selector:
            for seat in busy:
                assert seat.child is not None
                selector.register(seat.child.fileno(), selectors.EVENT_READ, seat)
            left = min(seat.ends for seat in busy) - time.monotonic()
            ready = [key.data for key, _ in selector.select(max(0.0, min(left, interrupts.HEARTBEAT)))]
        now = time.monotonic()
        # Not only what is readable is looked at: a child may have ended while another holds its pipes open.
        return ready or [seat for seat in busy if seat.ends <= now or seat.child is None or seat.child.gone()]

    def _listen(
        self,
        seat: _Seat,
        todo: deque[AnyQuestion],
        deadline: Callable[[AnyQuestion], float],
        begin: Callable[[AnyQuestion], None],
    ) -> Iterator[tuple[AnyQuestion, Answer | ChildExit]]:
        """All that a child has to say now."""
        while seat.child is not None and seat.hand:
            line = seat.child.take(0.0)
            if line is None:
                if seat.ends > time.monotonic():
                    return
                line = seat.child.end(0.0, timed_out=True)
            if seat.child.ready:
                answers = read_answers(seat.child, line)
                answer = answers if isinstance(answers, ChildExit) else answers[0]
            else:
                reply = read_reply(seat.child, line)
                if isinstance(reply, Ready):
                    self.hello = reply.ready
                    seat.child.ready = True
                    self._failures = 0
                    seat.ends = time.monotonic() + deadline(seat.hand[0])
                    continue
                answer = reply if isinstance(reply, ChildExit) else seat.child.spoiled()
            if isinstance(answer, ChildExit):
                if not answer.started and not self._gives_up(answer):
                    todo.extendleft(reversed(seat.hand))
                    self._end(seat)
                    return
                question = seat.hand.popleft()
                todo.extendleft(reversed(seat.hand))
                self._end(seat)
                yield question, answer
                return
            yield seat.hand.popleft(), answer
            if seat.hand:
                self._turn_to(seat, seat.hand[0], deadline, begin)

    def _gives_up(self, died: ChildExit) -> bool:
        """Whether a child that did not come up is the last one tried. One that never did is not tried again,
        one of many may have met a moment without memory."""
        self._failures += 1
        if self.hello and self._failures < _MOST_FAILURES:
            return False
        self._broken = died
        return True

    def _end(self, seat: _Seat) -> None:
        child, seat.child = seat.child, None
        seat.hand.clear()
        if child is not None:
            child.end(0.0)
