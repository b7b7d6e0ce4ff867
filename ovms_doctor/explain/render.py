"""What ``explain`` and ``checks`` say: entries of the catalogue, and a log line's way to them.

Everything is made safe to show by :mod:`ovms_doctor.report.phrases`: what a user pasted is shown, never obeyed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ovms_doctor.model.display_text import clip, visible, wrap
from ovms_doctor.model.styled import Styled
from ovms_doctor.model.text import escape

if TYPE_CHECKING:
    from ovms_doctor.catalogue.entry import Code
    from ovms_doctor.explain.search import Note
    from ovms_doctor.model.findings import Recovers, Severity

Matches: TypeAlias = "Sequence[tuple[Code, Mapping[str, str]]]"

#: Raised in its second number when keys are added, in its first when one changes or goes.
SCHEMA_VERSION = "1.0"

RECOVERS: dict[Recovers | None, str] = {
    "next_poll": "A running server tries again at its next poll; one that has ended must be started.",
    "config_change": "Picked up when the model's configuration changes, or when the server is restarted.",
    "restart": "Picked up when the server is started again.",
    None: "Depends on the case, or there is nothing to repair.",
}
_STYLES: dict[Severity, str] = {"error": "bold red", "warning": "bold yellow", "info": "bold blue"}
#: So many entries are shown in full; of the others, code, name and summary.
_IN_FULL = 1
#: Of a value from the log so many characters are shown.
_VALUE = 300
_INDENT = 12


def explain_text(
    matches: Matches, notes: Sequence[Note] = (), *, width: int = 100, encoding: str = "utf-8"
) -> Styled:
    """The explanation for people: the first entry in full, the others in a line each.

    ``matches`` and ``notes`` are those of :class:`~ovms_doctor.explain.search.Explanation`, or one entry
    without values. Lines are at most ``width`` cells wide (a path is never broken); what ``encoding`` cannot
    write is written as ASCII.
    """
    sheet = _Sheet(width, encoding)
    for note in notes if not matches else ():
        _write_note(sheet, note)
    for number, (code, values) in enumerate(matches):
        if number < _IN_FULL:
            _write_code(sheet, code, values)
        else:
            if number == _IN_FULL:
                sheet.blank()
                sheet.prose("", "The same text can also mean")
            sheet.item(code)
    return sheet.text


def explain_json(matches: Matches, notes: Sequence[Note] = ()) -> dict[str, Any]:
    """The same as JSON values, complete, its text escaped as in :mod:`ovms_doctor.model.text`.

    ``codes``: the entries, most specific first, each with the values that were read from the log.
    ``general``: messages that name no cause, each with the codes that may be behind it.
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
    catalogue: Mapping[str, Code],
    summaries: Mapping[str, str] | None = None,
    *,
    width: int = 100,
    encoding: str = "utf-8",
) -> Styled:
    """The checks, each with its codes. ``summaries``: what each check looks at, by its name."""
    sheet = _Sheet(width, encoding)
    for check, codes in _by_check(catalogue, summaries).items():
        sheet.blank()
        sheet.line((check, "bold"), ("  " + (summaries or {}).get(check, ""), ""))
        for code in codes:
            sheet.item(code)
    return sheet.text


def list_json(catalogue: Mapping[str, Code], summaries: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The checks as JSON values, each with its codes: code, name, usual severity, summary, page."""
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
            for check, codes in _by_check(catalogue, summaries).items()
        ],
    }


def _by_check(catalogue: Mapping[str, Code], summaries: Mapping[str, str] | None) -> dict[str, list[Code]]:
    """In the order of ``summaries``, then in that of the codes."""
    checks: dict[str, list[Code]] = {name: [] for name in summaries or {}}
    for code in catalogue.values():
        checks.setdefault(code.check, []).append(code)
    return checks


def _entry(code: Code) -> dict[str, Any]:
    return {
        "code": code.code,
        "name": code.name,
        "severity": code.severity,
        "check": code.check,
        "summary": code.summary,
        "meaning": code.meaning,
        "remedy": code.remedy,
        "recovers": code.recovers,
        "messages": [message.text for message in code.messages],
        "texts": list(code.texts),
        "releases": code.releases,
        "see_also": list(code.see_also),
        "docs": code.docs,
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


class _Sheet:
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
        """A paragraph with a word before it, in its own column."""
        safe = visible(content, self.encoding)
        for number, piece in enumerate(wrap(safe, self.width - _INDENT)):
            lead = f"  {label}" if number == 0 else ""
            self.text.append(lead.ljust(_INDENT), "dim").append(piece + "\n")

    def item(self, code: Code) -> None:
        """One entry on as many lines as it needs, its code in front."""
        head = f"  {code.code}  "
        pieces = wrap(visible(f"{code.name}: {code.summary}", self.encoding), self.width - len(head))
        for number, piece in enumerate(pieces):
            self.text.append(head if number == 0 else " " * len(head), _STYLES[code.severity])
            self.text.append(piece + "\n")


def _write_code(sheet: _Sheet, code: Code, values: Mapping[str, str]) -> None:
    sheet.line((f"{code.severity} ", _STYLES[code.severity]), (f"{code.code} {code.name}", "bold"))
    sheet.prose("", code.summary + ".")
    _write_values(sheet, values)
    sheet.blank()
    sheet.prose("server:", code.meaning)
    sheet.prose("do:", code.remedy)
    sheet.prose("then:", RECOVERS[code.recovers])
    for number, message in enumerate(code.messages):
        sheet.prose("log:" if number == 0 else "", message.text)
    for number, text in enumerate(code.texts):
        sheet.prose("or with:" if number == 0 else "", text)
    sheet.prose("releases:", code.releases)
    if code.see_also:
        sheet.prose("see also:", ", ".join(code.see_also))


def _write_note(sheet: _Sheet, note: Note) -> None:
    sheet.blank()
    sheet.line((note.general.texts[0], "bold"))
    _write_values(sheet, note.values)
    sheet.prose("", note.general.meaning)
    if note.codes:
        sheet.blank()
        sheet.prose("", "It may be")
        for code in note.codes:
            sheet.item(code)
    elif note.general.status is not None:
        sheet.prose("", "No code ends in this status; the error before it names the cause.")


def _write_values(sheet: _Sheet, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        if value:
            sheet.prose("here:", f"{name} = {clip(value, _VALUE)}")
