"""Deadlines in tests that hold on a busy machine, where whatever does not hang may still take long."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

#: Seconds, for what must not reach its deadline: only ends a test that hangs.
LONG = 600.0
#: Seconds, for what hangs and must be ended: one after the other, until all else has had its time.
SHORT = (1.0, 4.0, 16.0, 64.0)


def within_some_deadline(attempt: Callable[[float], Result], right: Callable[[Result], bool]) -> Result:
    """The first result of ``attempt(seconds)`` that is ``right``, else the last one.

    A program that hangs at a question also starts, imports and answers others: on a busy machine that
    takes longer than a short deadline. A program that is wrong is so with every deadline.
    """
    for seconds in SHORT:
        result = attempt(seconds)
        if right(result):
            break
    return result
