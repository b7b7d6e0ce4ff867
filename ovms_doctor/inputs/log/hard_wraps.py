"""Joins the lines that a terminal or a console has broken at its width, and that were copied in this form."""

from __future__ import annotations

from collections.abc import Sequence

from ovms_doctor.model.pattern import lazy_pattern

#: The widths of terminals, in bytes.
_MIN_WIDTH, _MAX_WIDTH = 40, 400
#: The least number of lines that are as long as the width, and of different texts and last characters among them: the
#: lines of a document in JSON all end alike.
_FULL, _DIFFERENT = 5, 3
#: The most bytes at the beginning of a file that are examined.
_PROBED = 1 << 16
#: The largest share of lines of this length that are whole by chance.
_WHOLE = 0.25
#: The beginning of a record, also after a wrapper's prefix.
_STAMP = lazy_pattern(rb".{0,200}?\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\] ?\[")
#: The length of a record's prefix, at least: the texts behind it are compared.
_PREFIX = 30


class HardWraps:
    """The lines of one file: :meth:`used` for the next ones, then :meth:`join` them."""

    def __init__(self) -> None:
        #: The width at which lines are broken; 0 if they are whole, None if that is not known yet.
        self._width: int | None = None
        self._texts: list[bytes] = []
        self._number = 0

    def used(self, block: bytes, end: int) -> bool:
        """Whether the lines of this file are broken.

        ``block``: the next ones up to ``end``, a line end before each."""
        if self._width is None:
            lines = block[1 : min(end, _PROBED)].split(b"\n")
            if len(lines) > _FULL:
                self._width = _width(lines)
        return bool(self._width)

    def join(self, lines: Sequence[bytes], first: int) -> tuple[list[bytes], list[int]]:
        """Returns the whole lines, and the number of the first part of each. The last one is kept for later.

        ``first``: the number of the first line."""
        texts: list[bytes] = []
        numbers: list[int] = []
        for number, line in enumerate(lines, first):
            if self._texts and len(self._texts[-1]) == self._width and not _STAMP.match(line):
                self._texts.append(line)
                continue
            if self._texts:
                texts.append(b"".join(self._texts))
                numbers.append(self._number)
            self._texts, self._number = [line], number
        return texts, numbers

    def rest(self) -> tuple[list[bytes], list[int]]:
        """Returns the kept line and its number, as lists."""
        texts, self._texts = self._texts, []
        return ([b"".join(texts)], [self._number]) if texts else ([], [])


def _width(lines: Sequence[bytes]) -> int:
    """Returns the length at which the lines are broken, else 0: the length of the longest ones, if there are several
    different ones, and few of them are followed by a record."""
    width = max(len(line) for line in lines)
    if not _MIN_WIDTH <= width <= _MAX_WIDTH:
        return 0
    full = [index for index, line in enumerate(lines[:-1]) if len(line) == width]
    records = {lines[index][_PREFIX:] for index in full if _STAMP.match(lines[index])}
    ends = {lines[index][-1] for index in full}
    if len(full) < _FULL or min(len(records), len(ends)) < _DIFFERENT:
        return 0
    whole = sum(_STAMP.match(lines[index + 1]) is not None for index in full)
    return width if whole <= _WHOLE * len(full) else 0
