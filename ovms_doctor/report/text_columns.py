"""Tables of the text report at any width: names wrap, columns are narrowed or left out, and no word is cut.

On a short line, columns are narrowed first, the widest most; then columns are left out in the order of their
``leaves``, and the table says which; then the last column is written on separate lines below its row.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from ovms_doctor.model.display_text import cell_len, wrap_name
from ovms_doctor.report.phrases import plural
from ovms_doctor.report.text_writer import TextWriter

#: Maximum number of rows without --verbose.
ROWS = 40
#: Cells that the last column needs beside the others; with less, it is written below the row.
_LAST = 22
_GAP = 2


class Column(Struct, frozen=True):
    """One column."""

    #: Its heading.
    title: str
    #: Maximum width in cells if the other columns need the line too.
    widest: int = 40
    #: Width in cells to which the column may be narrowed.
    narrowest: int = 8
    #: The order in which columns are left out: 1 first; 0 never.
    leaves: int = 0


class Row(Struct, frozen=True):
    """One row."""

    #: A text for each column.
    cells: tuple[str, ...]
    #: The style of the whole row, or only of the column ``styled``.
    style: str = ""
    #: The column with the style; None for all.
    styled: int | None = None


def write_columns(
    writer: TextWriter, columns: Sequence[Column], rows: Sequence[Row], most: int | None = ROWS
) -> None:
    """Writes the table, without the columns that do not fit; more than ``most`` rows only with --verbose."""
    displayed = rows if writer.verbose or most is None else rows[:most]
    texts = [tuple(writer.show(cell) for cell in row.cells) for row in displayed]
    kept, widths, below = layout(columns, texts, writer.width)
    beside = kept[:-1] if below else kept
    header = tuple(columns[index].title for index in beside)
    writer.ready(*_parts(header, widths, [("bold",)] * len(header)))
    for row, cells in zip(displayed, texts, strict=True):
        _write_row(writer, row, cells, kept, widths, below=below)
    left_out = [column.title for index, column in enumerate(columns) if index not in kept]
    if left_out:
        verb = "is" if len(left_out) == 1 else "are"
        writer.prose(f"{', '.join(left_out)} {verb} not shown at this width", indent=1, style="dim")
    if len(rows) > len(displayed):
        writer.prose(
            f"… and {plural(len(rows) - len(displayed), 'more row')} (--verbose)", indent=1, style="dim"
        )


def layout(
    columns: Sequence[Column], texts: Sequence[tuple[str, ...]], width: int
) -> tuple[list[int], list[int], bool]:
    """Returns the columns that are kept, their widths, and whether the last one is written below its row.

    ``texts``: the cells, safe to show. ``width``: cells of a line.
    """
    kept = list(range(len(columns)))
    longest = [
        max([cell_len(column.title), *(cell_len(cells[index]) for cells in texts)])
        for index, column in enumerate(columns)
    ]
    natural = [min(column.widest, longest[index]) for index, column in enumerate(columns)]
    last = kept[-1]
    needs_last = min(longest[last], max(_LAST, cell_len(columns[last].title)))
    while True:
        widths = {index: natural[index] for index in kept[:-1]}
        excess = _total(widths) + needs_last - width
        _narrow(columns, widths, excess)
        excess = _total(widths) + needs_last - width
        if excess <= 0:
            rest = width - _total(widths)
            return kept, [*(widths[index] for index in kept[:-1]), min(rest, max(longest[last], 1))], False
        leaving = [(columns[index].leaves, index) for index in kept[:-1] if columns[index].leaves]
        if not leaving:
            break
        kept.remove(min(leaving)[1])
    widths = {index: natural[index] for index in kept[:-1]}
    _narrow(columns, widths, _total(widths) - _GAP - width)
    return kept, [widths[index] for index in kept[:-1]], True


def _total(widths: dict[int, int]) -> int:
    """Returns the number of cells before the last column."""
    return 1 + sum(widths.values()) + _GAP * len(widths)


def _narrow(columns: Sequence[Column], widths: dict[int, int], excess: int) -> None:
    """Takes ``excess`` cells from the columns, always from the column with the most spare cells."""
    while excess > 0:
        slack = {index: width - columns[index].narrowest for index, width in widths.items()}
        index = max(slack, key=lambda item: slack[item], default=-1)
        if index < 0 or slack[index] <= 0:
            return
        widths[index] -= 1
        excess -= 1


def _write_row(
    writer: TextWriter, row: Row, cells: tuple[str, ...], kept: list[int], widths: list[int], *, below: bool
) -> None:
    beside = kept[:-1] if below else kept
    pieces = [wrap_name(cells[index], width) for index, width in zip(beside, widths, strict=True)]
    styles = [row.style if row.styled in (None, index) else "" for index in beside]
    for number in range(max(len(lines) for lines in pieces)):
        texts = tuple(lines[number] if number < len(lines) else "" for lines in pieces)
        writer.ready(*_parts(texts, widths, [(style,) for style in styles]))
    if below and cells[kept[-1]]:
        style = row.style if row.styled in (None, kept[-1]) else ""
        for line in wrap_name(cells[kept[-1]], writer.width - 4):
            writer.ready((f"    {line}", style))


def _parts(
    texts: Sequence[str], widths: Sequence[int], styles: Sequence[tuple[str, ...]]
) -> list[tuple[str, str]]:
    """Returns one line with the cells side by side, without trailing blanks."""
    last = max((index for index, text in enumerate(texts) if text), default=0)
    parts = [(" ", "")]
    for index, (text, width, (style, *_)) in enumerate(zip(texts, widths, styles, strict=True)):
        if index > last:
            break
        parts.append((text, style))
        if index < last:
            parts.append((" " * (width - cell_len(text) + _GAP), ""))
    return parts
