"""Ctrl-C, SIGTERM and SIGHUP: a run that looks ends at the next point where all is in order, and says what it has.

A signal handler that raises does so between any two instructions, inside the handling of another exception
too. So inside :func:`deferred` the first signal only leaves a note, which whatever waits looks at several times
a second; the second one raises KeyboardInterrupt at once, for a run that does not come to such a point.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds within which whatever waits is to look whether it was interrupted.
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
    """All is said: a signal that comes now must not change how the process ends."""
    for number in _TAKEN:
        signal.signal(number, signal.SIG_IGN)


def _note(number: int, frame: object) -> None:
    global _noted
    _noted += 1
    if not _deferred or _noted > 1:
        raise KeyboardInterrupt
