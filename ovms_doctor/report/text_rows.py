"""A table of texts, its columns as wide as their widest cell."""

from __future__ import annotations

from ovms_doctor.model.display_text import cell_len, clip
from ovms_doctor.report.phrases import plural
from ovms_doctor.report.text_writer import TextWriter

#: Rows that are shown unless everything is requested, and cells of a column.
_ROWS, _WIDEST = 40, 40


def write_rows(paper: TextWriter, header: tuple[str, ...], rows: list[tuple[tuple[str, ...], str]]) -> None:
    """Rows of cells with a style each; the last column takes what the line has left."""
    shown = rows if paper.verbose else rows[:_ROWS]
    texts = [tuple(paper.show(cell) for cell in cells) for cells, _ in shown]
    last = len(header) - 1
    columns = zip(header, *texts, strict=True)
    widths = [min(_WIDEST, max(cell_len(cell) for cell in column)) for column in columns]
    widths[last] = max(12, paper.width - 1 - sum(width + 2 for width in widths[:last]))
    for cells, style in [(header, "bold"), *zip(texts, (style for _, style in shown), strict=True)]:
        parts = [clip(cell, width) for cell, width in zip(cells, widths, strict=True)]
        padded = [part + " " * (width - cell_len(part)) for part, width in zip(parts, widths, strict=True)]
        paper.ready(((" " + "  ".join(padded)).rstrip(), style))
    if len(rows) > len(shown):
        paper.line((f" … and {plural(len(rows) - len(shown), 'more row')} (--verbose)", "dim"))
