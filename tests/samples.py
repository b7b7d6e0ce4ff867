"""Large tables of recorded cases: the fast tests use some rows, only the whole suite uses all."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

import pytest

Row = TypeVar("Row")


def sampled(rows: Iterable[Row], kind: Callable[[Row], Hashable], every: int = 10) -> list[Any]:
    """Parameters for all rows; a tuple has one for each of its values. The first row of each ``kind`` and
    every tenth (``every``) are fast tests; all others are marked ``slow``."""
    kinds: set[Hashable] = set()
    parameters = []
    for number, row in enumerate(rows):
        is_fast = number % every == 0 or kind(row) not in kinds
        kinds.add(kind(row))
        values = row if isinstance(row, tuple) else (row,)
        parameters.append(pytest.param(*values, marks=() if is_fast else pytest.mark.slow))
    return parameters
