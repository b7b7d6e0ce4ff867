"""The output of ``explain`` and ``checks``: the codes with their pages, and the codes for a log line.

All text is made safe to show: control characters in a user's log or in a third-party check's text have no effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ovms_doctor.explain.index import CodeEntry, SharedPage, prose
from ovms_doctor.explain.markdown import blocks
from ovms_doctor.model.display_text import clip, visible, wrap
from ovms_doctor.model.styled import Styled
from ovms_doctor.model.text import escape

if TYPE_CHECKING:
    from ovms_doctor.explain.search import Note
    from ovms_doctor.model.findings import Recovers, Severity

Matches: TypeAlias = "Sequence[tuple[CodeEntry, Mapping[str, str]]]"

#: The second number is raised when keys are added, the first when a key changes or is removed.
SCHEMA_VERSION = "1.0"

RECOVERS: dict[Recovers | None, str] = {
    "next_poll": (
        "A running server tries again at its next poll. A server that has ended must be started again."
    ),
    "config_change": (
        "The repair takes effect when the model's configuration changes, or when the server is restarted."
    ),
    "restart": "The repair takes effect when the server is started again.",
    None: "It depends on the case, or there is nothing to repair.",
}
_STYLES: dict[Severity, str] = {"error": "bold red", "warning": "bold yellow", "info": "bold blue"}
#: The number of entries shown in full; for the others, code, name and summary are shown.
_IN_FULL = 1
#: The most characters shown of a value from the log.
_VALUE = 300
_INDENT = 12


def explain_text(
    matches: Matches, notes: Sequence[Note] = (), *, width: int = 100, encoding: str = "utf-8"
) -> Styled:
    """Returns the explanation for people: the first entry in full, the others in one line each.

    ``matches`` and ``notes`` are those of :class:`~ovms_doctor.explain.search.Explanation`, or one entry without
    values. Lines are at most ``width`` cells wide (a path is never broken); characters outside ``encoding`` are
    written as ASCII.
    """
    builder = _TextBuilder(width, encoding)
    for note in notes if not matches else ():
        _write_note(builder, note)
    for number, (code, values) in enumerate(matches):
        if number < _IN_FULL:
            _write_code(builder, code, values)
        else:
            if number == _IN_FULL:
                builder.blank()
                builder.prose("", "The same text can also mean")
            builder.item(code)
    return builder.text


def page_text(page: SharedPage, *, width: int = 100, encoding: str = "utf-8") -> Styled:
    """Returns a page that several codes share, for people."""
    builder = _TextBuilder(width, encoding)
    builder.line((page.title, "bold"))
    builder.page("", page.text)
    return builder.text


def page_json(page: SharedPage) -> dict[str, Any]:
    """Returns the page as JSON values: a document like that of :func:`explain_json`, with the page and no codes."""
    return {**explain_json(()), "page": {"name": page.name, "title": page.title, "text": page.text}}


def explain_json(matches: Matches, notes: Sequence[Note] = ()) -> dict[str, Any]:
    """Returns the complete explanation as JSON values, its text escaped as in :mod:`ovms_doctor.model.text`.

    ``codes``: the entries, most specific first, each with the values that were read from the log. ``general``:
    messages that name no cause, each with the codes of possible causes.
    """
    document = {
        "schema_version": SCHEMA_VERSION,
        "codes": [{**_entry(code), "values": dict(values)} for code, values in matches],
        "general": [
            {
                "name": note.general.name,
                "message": note.general.texts[0],
                "meaning": note.general.meaning,
                "values": dict(note.values),
                "codes": [code.code for code in note.codes],
            }
            for note in notes
        ],
    }
    escaped: dict[str, Any] = _escaped(document)
    return escaped


def list_text(
    entries: Mapping[str, CodeEntry],
    summaries: Mapping[str, str] | None = None,
    *,
    width: int = 100,
    encoding: str = "utf-8",
) -> Styled:
    """Returns the checks, each with its codes. ``summaries``: the summary of each check, by its name."""
    builder = _TextBuilder(width, encoding)
    for check, codes in _by_check(entries, summaries).items():
        builder.blank()
        builder.line((check, "bold"), ("  " + (summaries or {}).get(check, ""), ""))
        for code in codes:
            builder.item(code)
    return builder.text


def list_json(entries: Mapping[str, CodeEntry], summaries: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Returns the checks as JSON values, each with its codes: code, name, usual severity, summary, page."""
    return {
        "schema_version": SCHEMA_VERSION,
        "checks": [
            {
                "name": check,
                "summary": (summaries or {}).get(check, ""),
                "codes": [
                    {
                        "code": code.code,
                        "name": code.name,
                        "severity": code.severity,
                        "summary": code.summary,
                        "docs": code.docs,
                    }
                    for code in codes
                ],
            }
            for check, codes in _by_check(entries, summaries).items()
        ],
    }


def _by_check(
    entries: Mapping[str, CodeEntry], summaries: Mapping[str, str] | None
) -> dict[str, list[CodeEntry]]:
    """Returns the codes by check, in the order of ``summaries``; within a check in their own order."""
    checks: dict[str, list[CodeEntry]] = {name: [] for name in summaries or {}}
    for code in entries.values():
        checks.setdefault(code.check, []).append(code)
    return checks


def _entry(code: CodeEntry) -> dict[str, Any]:
    return {
        "code": code.code,
        "name": code.name,
        "severity": code.severity,
        "check": code.check,
        "summary": code.summary,
        "meaning": prose(code),
        "remedy": code.remedy,
        "recovers": code.recovers,
        "messages": list(code.messages),
        "texts": list(code.texts),
        "releases": code.releases,
        "see_also": list(code.see_also),
        "docs": code.docs,
        "example": None
        if code.example is None
        else dict(zip(("before", "after"), code.example, strict=True)),
    }


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, dict):
        return {escape(key): _escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    return value


# -- writing -------------------------------------------------------------------------------------------


class _TextBuilder:
    """Lines of text, wrapped and safe to show, put together in one Text."""

    def __init__(self, width: int, encoding: str) -> None:
        self.text = Styled()
        self.width = max(width, 40)
        self.encoding = encoding

    def line(self, *parts: tuple[str, str]) -> None:
        for part, style in parts:
            self.text.append(visible(part, self.encoding), style)
        self.text.append("\n")

    def blank(self) -> None:
        if self.text.parts:
            self.text.append("\n")

    def prose(self, label: str, content: str) -> None:
        """Adds a paragraph with a label before it, in its own column."""
        safe = visible(content, self.encoding)
        for number, piece in enumerate(wrap(safe, self.width - _INDENT)):
            lead = f"  {label}" if number == 0 else ""
            self.text.append(lead.ljust(_INDENT), "dim").append(piece + "\n")

    def page(self, label: str, markdown: str) -> None:
        """Adds the text of a page, with empty lines between its blocks."""
        for number, block in enumerate(blocks(markdown)):
            if number:
                self.blank()
            if block.kind == "code":
                self.verbatim("", block.text)
            else:
                lead = "• " if block.kind == "item" else ""
                self.prose(label if number == 0 else "", lead + block.text)

    def verbatim(self, label: str, content: str) -> None:
        """Adds unchanged lines, in the same column."""
        for number, line in enumerate(content.split("\n")):
            lead = f"  {label}" if number == 0 else ""
            self.text.append(lead.ljust(_INDENT), "dim").append(visible(line, self.encoding).rstrip() + "\n")

    def item(self, code: CodeEntry) -> None:
        """Adds one entry on as many lines as it needs, with its code at the beginning."""
        head = f"  {code.code}  "
        pieces = wrap(visible(f"{code.name}: {code.summary}", self.encoding), self.width - len(head))
        for number, piece in enumerate(pieces):
            self.text.append(head if number == 0 else " " * len(head), _STYLES[code.severity])
            self.text.append(piece + "\n")


def _write_code(builder: _TextBuilder, code: CodeEntry, values: Mapping[str, str]) -> None:
    builder.line((f"{code.severity} ", _STYLES[code.severity]), (f"{code.code} {code.name}", "bold"))
    builder.prose("", code.summary + ".")
    _write_values(builder, values)
    builder.blank()
    builder.page("server:", prose(code))
    builder.blank()
    builder.prose("do:", code.remedy)
    builder.prose("then:", RECOVERS[code.recovers])
    for number, message in enumerate(code.messages):
        builder.prose("log:" if number == 0 else "", message)
    for number, text in enumerate(code.texts):
        builder.prose("or with:" if number == 0 else "", text)
    builder.prose("releases:", code.releases)
    if code.see_also:
        builder.prose("see also:", ", ".join(code.see_also))
    if code.example is not None:
        before, after = code.example
        builder.blank()
        builder.verbatim("before:", before)
        builder.verbatim("after:", after)


def _write_note(builder: _TextBuilder, note: Note) -> None:
    builder.blank()
    builder.line((note.general.texts[0], "bold"))
    _write_values(builder, note.values)
    builder.page("", note.general.meaning)
    if note.codes:
        builder.blank()
        builder.prose("", "It may be")
        for code in note.codes:
            builder.item(code)
    elif note.general.status is not None:
        builder.prose("", "No code has this status. The error before it names the cause.")


def _write_values(builder: _TextBuilder, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        if value:
            builder.prose("here:", f"{name} = {clip(value, _VALUE)}")
