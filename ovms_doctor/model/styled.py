"""Text with styles, and its output without any.

Most runs write to a file or a pipe, and the import of rich, which is for terminals, takes longer than such a run
needs to write.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO, TypeAlias

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

#: Cells in a line without a terminal.
PLAIN_WIDTH = 100


class Styled:
    """Text in parts, each with a style by rich's name for it (``bold red``; empty for none)."""

    __slots__ = ("parts",)

    def __init__(self, *parts: tuple[str, str]) -> None:
        self.parts = list(parts)

    def append(self, text: str, style: str = "") -> Styled:
        """Adds a part; returns itself."""
        self.parts.append((text, style))
        return self

    @property
    def plain(self) -> str:
        return "".join(text for text, _ in self.parts)

    def rich(self) -> Text:
        """Returns the same for rich, which this imports."""
        from rich.text import Text

        return Text.assemble(*self.parts)


class PlainOutput:
    """The output for text that is not for a terminal: no colour, lines of 100 cells. ``file``: standard output if
    None."""

    width = PLAIN_WIDTH
    is_terminal = False

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = sys.stdout if file is None else file
        self.encoding = (getattr(self._file, "encoding", None) or "utf-8").lower()

    def write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()


#: A terminal, or anything else.
Output: TypeAlias = "Console | PlainOutput"


def write_styled(lines: Iterable[Styled], output: Output) -> None:
    """Writes lines with their line ends. If the output has no colour, all styles are removed."""
    if isinstance(output, PlainOutput):
        output.write("".join(f"{line.plain}\n" for line in lines))
        return
    for line in lines:
        text = Styled((line.plain, "")) if output.no_color else line
        output.print(text.rich(), soft_wrap=True, highlight=False, markup=False, emoji=False)
