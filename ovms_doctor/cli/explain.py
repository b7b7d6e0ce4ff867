"""``explain`` and ``checks``: the catalogue, offline and at once."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from ovms_doctor.cli.options import EXIT_FINDINGS, EXIT_OK
from ovms_doctor.cli.output import write

if TYPE_CHECKING:
    from rich.console import Console


def run_explain(what: str, format_: str, *, no_color: bool) -> int:
    """Explain a code, a name or a line of the server's log; 1 where nothing is recognised."""
    from ovms_doctor.catalogue import lookup
    from ovms_doctor.catalogue.search import Explanation, explain
    from ovms_doctor.report.explain import explain_json, explain_text

    entry = lookup(what.strip())
    found = Explanation(((entry, {}),)) if entry is not None else explain(what)
    if format_ == "json":
        write(json.dumps(explain_json(found.codes, found.notes), indent=2) + "\n", None)
    elif found:
        console = _console(no_color=no_color)
        text = explain_text(found.codes, found.notes, width=console.width, encoding=console.encoding)
        console.print(text, soft_wrap=True)
    else:
        print(
            "ovms-doctor: nothing known answers to this; name a code (ovms-doctor checks lists them) or "
            "paste a whole line of the server's log",
            file=sys.stderr,
        )
    return EXIT_OK if found else EXIT_FINDINGS


def run_list(format_: str, *, no_color: bool) -> int:
    """The checks, with their codes."""
    from ovms_doctor.catalogue import CATALOGUE
    from ovms_doctor.checks.registry import CHECKS
    from ovms_doctor.report.explain import list_json, list_text

    summaries = {check.name: check.summary for check in CHECKS}
    if format_ == "json":
        write(json.dumps(list_json(CATALOGUE, summaries), indent=2) + "\n", None)
    else:
        console = _console(no_color=no_color)
        text = list_text(CATALOGUE, summaries, width=console.width, encoding=console.encoding)
        console.print(text, soft_wrap=True)
    return EXIT_OK


def _console(*, no_color: bool) -> Console:
    from rich.console import Console

    width = None if sys.stdout.isatty() else 100
    return Console(width=width, no_color=no_color or None, highlight=False, markup=False)
