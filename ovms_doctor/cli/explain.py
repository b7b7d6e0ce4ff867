"""``explain`` and ``checks``: print the codes with their pages, without a network."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ovms_doctor.cli.exit_codes import EXIT_FINDINGS, EXIT_OK
from ovms_doctor.cli.output import standard_output, write
from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.redaction import redact_log_text

if TYPE_CHECKING:
    from ovms_doctor.explain.index import SharedPage
    from ovms_doctor.explain.render import Matches
    from ovms_doctor.explain.search import Note


def run_explain(text: str, format_: str, *, no_color: bool) -> int:
    """Explains a code, a name or lines of the server's log, ``-`` from standard input. Returns the exit code: 1 if
    nothing is recognised."""
    from ovms_doctor.explain.index import lookup, lookup_page
    from ovms_doctor.explain.render import explain_json, explain_text
    from ovms_doctor.model.styled import write_styled

    if text == "-":
        text = _standard_input()
    text = redact_log_text(text)
    entry = lookup(text)
    page = lookup_page(text) if entry is None else None
    if page is not None:
        _show_page(page, format_, no_color=no_color)
        return EXIT_OK
    codes, notes = (((entry, {}),), ()) if entry is not None else _elsewhere(text)
    if format_ == "json":
        _write_json(explain_json(codes, notes))
    elif codes or notes:
        output = standard_output(no_color=no_color)
        write_styled([explain_text(codes, notes, width=output.width, encoding=output.encoding)], output)
    else:
        print(
            "ovms-doctor: this is neither a known code nor a known message; name a code (`ovms-doctor "
            "checks` lists them) or paste a whole line of the server's log",
            file=sys.stderr,
        )
    return EXIT_OK if codes or notes else EXIT_FINDINGS


def _standard_input() -> str:
    """Returns standard input, cut to the length that can be explained."""
    from ovms_doctor.explain.search import LIMIT
    from ovms_doctor.probes.named_files import NamedFile

    parts: list[bytes] = []
    left = LIMIT * 4
    with NamedFile("-") as file:
        try:
            while left > 0 and (part := file.read(left)):
                parts.append(part)
                left -= len(part)
        except OSError as error:
            raise UsageError(f"standard input: {error.strerror or error}") from None
    return b"".join(parts).decode("utf-8", "replace")


def _show_page(page: SharedPage, format_: str, *, no_color: bool) -> None:
    from ovms_doctor.explain.render import page_json, page_text
    from ovms_doctor.model.styled import write_styled

    if format_ == "json":
        _write_json(page_json(page))
    else:
        output = standard_output(no_color=no_color)
        write_styled([page_text(page, width=output.width, encoding=output.encoding)], output)


def _elsewhere(text: str) -> tuple[Matches, Sequence[Note]]:
    """Returns the matches for a text that is not a built-in code: a line of the log, or the code of a third-party
    check."""
    from ovms_doctor.cli.third_party import lookup_third_party
    from ovms_doctor.explain.search import explain

    found = explain(text)
    foreign = None if found else lookup_third_party(text)
    return (found.codes, found.notes) if foreign is None else (((foreign, {}),), ())


def run_list(format_: str, *, no_color: bool) -> int:
    """Prints the checks with their codes, and returns the exit code."""
    from ovms_doctor.cli.third_party import list_third_party
    from ovms_doctor.explain.index import codes, index
    from ovms_doctor.explain.render import list_json, list_text
    from ovms_doctor.model.styled import write_styled

    foreign, third_party = list_third_party()
    entries = {**codes(), **foreign}
    summaries = {**{check.name: check.summary for check in index().checks}, **third_party}
    if format_ == "json":
        _write_json(list_json(entries, summaries))
    else:
        output = standard_output(no_color=no_color)
        write_styled([list_text(entries, summaries, width=output.width, encoding=output.encoding)], output)
    return EXIT_OK


def _write_json(document: dict[str, Any]) -> None:
    import json

    write(json.dumps(document, indent=2) + "\n", None)
