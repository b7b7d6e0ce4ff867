"""Ctrl-C, SIGTERM and SIGHUP: a run ends at the next safe point, and reports what it has found.

A signal handler can raise between any two instructions, also inside the handling of another exception. So inside
:func:`deferred` the first signal only sets a flag, which every waiting function checks several times a second; the
second signal raises KeyboardInterrupt at once, for a run that does not reach such a point.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds within which a waiting function must check for an interruption.
HEARTBEAT = 0.1
#: SIGHUP is sent where a terminal is closed or a connection lost.
_TAKEN = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)

_noted = 0
_deferred = False


class InterruptedRunError(KeyboardInterrupt):
    """Raised by what waits, at a point where nothing is half done."""


def watch() -> None:
    """Take SIGINT, SIGTERM and SIGHUP from now on; the last not under nohup. Only the main thread may (ValueError)."""
    for number in _TAKEN:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _note)


def requested() -> bool:
    """Whether a signal came."""
    return _noted > 0


def check() -> None:
    """Raises Interrupted if a signal came."""
    if _noted:
        raise InterruptedRunError


@contextmanager
def deferred(*, begins: bool = True) -> Iterator[None]:
    """Inside, the first signal is only noted; ``begins`` False: inside, it raises again, as one that came
    before does, for what waits without looking."""
    global _deferred
    before, _deferred = _deferred, begins
    try:
        if not begins:
            check()
        yield
    finally:
        _deferred = before


def ignore() -> None:
    """Ignores further signals: the report is written, and a signal must not change the exit code."""
    for number in _TAKEN:
        signal.signal(number, signal.SIG_IGN)


def _note(number: int, frame: object) -> None:
    global _noted
    _noted += 1
    if not _deferred or _noted > 1:
        raise KeyboardInterrupt
