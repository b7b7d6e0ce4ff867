"""Ctrl-C, SIGTERM and SIGHUP: a run ends at the next safe point, and reports its findings so far.

A signal handler can raise between any two instructions, also during the handling of another exception. So inside
:func:`deferred` the first signal only sets a flag, which every waiting function checks several times a second; the
second signal raises KeyboardInterrupt at once, for a run that does not reach such a point.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds within which a waiting function must check for an interruption.
HEARTBEAT = 0.1
#: SIGHUP is sent when a terminal is closed or a connection is lost.
_TAKEN = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)

_noted = 0
_deferred = False


class InterruptedRunError(KeyboardInterrupt):
    """Raised by waiting functions, at a point where nothing is half done."""


def watch() -> None:
    """Handles SIGINT, SIGTERM and SIGHUP from now on; SIGHUP not under nohup. Only the main thread may call it
    (ValueError)."""
    for number in _TAKEN:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _note)


def requested() -> bool:
    """Whether a signal arrived."""
    return _noted > 0


def check() -> None:
    """Raises InterruptedRunError if a signal arrived."""
    if _noted:
        raise InterruptedRunError


@contextmanager
def deferred(*, begins: bool = True) -> Iterator[None]:
    """Inside, the first signal only sets a flag.

    ``begins`` False: inside, a signal raises again, also one that arrived before, for code that waits without a
    check.
    """
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
