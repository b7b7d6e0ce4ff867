"""Deadlines for tests that must pass on a busy machine, where code that does not hang may still take long."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

#: Seconds, for an action that must not reach its deadline: it only ends a test that hangs.
LONG = 600.0
#: Seconds, for an action that hangs and must be ended; tried in this order until everything else had enough time.
SHORT = (1.0, 4.0, 16.0, 64.0)


def within_some_deadline(attempt: Callable[[float], Result], right: Callable[[Result], bool]) -> Result:
    """The first result of ``attempt(seconds)`` that is ``right``, else the last one.

    A program that hangs at one question also starts, imports modules and answers other questions: on a busy
    machine that takes longer than a short deadline. A wrong program is wrong with every deadline.
    """
    for seconds in SHORT:
        result = attempt(seconds)
        if right(result):
            break
    return result
