"""The text report as tests read it."""

from __future__ import annotations

import io

from rich.console import Console

from ovms_doctor.report.model import Report
from ovms_doctor.report.text_report import render


def written(
    report: Report,
    *,
    quiet: bool = False,
    verbose: bool = False,
    encoding: str = "utf-8",
    width: int | None = None,
) -> bytes:
    """The bytes of the report for a file or, with a ``width``, for a terminal without colour."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    console = Console(file=file, width=width, force_terminal=width is not None, no_color=True)
    render(report, console, quiet=quiet, verbose=verbose)
    file.flush()
    return raw.getvalue()


def text(report: Report, *, quiet: bool = False, verbose: bool = False, width: int | None = None) -> str:
    return written(report, quiet=quiet, verbose=verbose, width=width).decode("utf-8")
