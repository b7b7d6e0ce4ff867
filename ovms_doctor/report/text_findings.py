"""Findings as text: the fact, the server's behaviour, its log, the evidence, the remedy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TypeAlias, TypeVar

from ovms_doctor.model.display_text import cell_len, clip
from ovms_doctor.model.findings import Finding, Remedy, Severity, Step
from ovms_doctor.model.styled import PLAIN_WIDTH
from ovms_doctor.report.groups import group_findings
from ovms_doctor.report.phrases import MARKS, RECOVERS, occurrences_text, plural, subject_of
from ovms_doctor.report.text_writer import TextWriter

#: The limits for each finding without --verbose: entries, and cells of one text.
_LOGS, _LOG_LINES, _EVIDENCE, _STEPS = 4, 3, 6, 6
#: Maximum number of models of a group that are named.
_NAMED = 100
_LOG_CELLS, _TEXT_CELLS = 400, 1200
_T = TypeVar("_T")
_STYLES: dict[Severity, str] = {"error": "bold red", "warning": "bold yellow", "info": "bold blue"}


def write_findings(writer: TextWriter, findings: Sequence[Finding]) -> None:
    """Writes every group of findings once: below its first cause if that is in the report, else separately."""
    below, roots = _tree(findings)
    for root in roots:
        _write_branch(writer, root, below, indent=0)


#: Findings with one cause and one remedy; the first represents all.
_Group: TypeAlias = list[Finding]


def _tree(findings: Sequence[Finding]) -> tuple[dict[int, list[_Group]], list[_Group]]:
    """Returns the groups that follow from each group (by its ``id``), and the groups that follow from none."""
    by_fingerprint: dict[str, Finding] = {}
    for finding in findings:
        by_fingerprint.setdefault(finding.fingerprint, finding)
    causes: dict[int, Finding] = {}
    for finding in findings:
        cause = next((by_fingerprint[key] for key in finding.caused_by if key in by_fingerprint), None)
        if cause is not None and not _leads_to(cause, finding, causes):
            causes[id(finding)] = cause
    followers: dict[int, list[Finding]] = defaultdict(list)
    for finding in findings:
        if id(finding) in causes:
            followers[id(causes[id(finding)])].append(finding)
    below: dict[int, list[_Group]] = defaultdict(list)
    roots = _grouped([finding for finding in findings if id(finding) not in causes])
    remaining = list(roots)
    while remaining:
        group = remaining.pop()
        # Groups that follow from one group in the same way are merged too.
        below[id(group)] = _grouped([item for finding in group for item in followers[id(finding)]])
        remaining += below[id(group)]
    return below, roots


def _grouped(findings: Sequence[Finding]) -> list[_Group]:
    return [list(group) for group in group_findings(findings)]


def _leads_to(start: Finding, end: Finding, causes: dict[int, Finding]) -> bool:
    """Whether ``end`` is ``start`` or one of its causes: a cycle must be broken at some point."""
    current: Finding | None = start
    while current is not None:
        if current is end:
            return True
        current = causes.get(id(current))
    return False


def _write_branch(writer: TextWriter, root: _Group, below: dict[int, list[_Group]], indent: int) -> None:
    # A chain may be long: no recursion, and a limited indentation.
    remaining = [(root, indent)]
    step = 4 if writer.width >= PLAIN_WIDTH else 2
    while remaining:
        group, indent = remaining.pop()
        writer.blank()
        _write(writer, group, indent)
        remaining += [(item, min(indent + step, 3 * step)) for item in reversed(below[id(group)])]


def _write(writer: TextWriter, group: _Group, indent: int) -> None:
    finding = group[0]
    _write_head(writer, group, indent)
    inner = indent + 2
    writer.prose(_short(writer, finding.message), indent=inner, style="bold")
    if finding.detail:
        writer.prose(_short(writer, finding.detail), indent=inner)
    if len(group) > 1:
        _write_affected(writer, group, inner)
    _write_place(writer, finding, inner)
    if finding.occurrences is not None:
        writer.prose(occurrences_text(finding.occurrences), indent=inner + 6, label="when:")
    _write_log(writer, finding.server_log, inner)
    for number, item in enumerate(_shown_items(writer, finding.evidence, _EVIDENCE)):
        text = f"{item.observation} ({item.how})" if item.how else item.observation
        writer.prose(_short(writer, text), indent=inner + 6, label="" if number else "seen:")
    _more(writer, len(finding.evidence) - _EVIDENCE, "sighting", inner + 6)
    if finding.remedy is not None:
        _write_remedy(writer, finding.remedy, inner)
    if finding.recovers is not None and finding.severity != "info":
        writer.prose(RECOVERS[finding.recovers], indent=inner + 6, label="then:")
    writer.prose(f"ovms-doctor explain {finding.code}", indent=inner + 6, label="more:")


def _write_head(writer: TextWriter, group: _Group, indent: int) -> None:
    finding = group[0]
    lead = " " * indent + ("↳ follows: " if indent else "")
    kind = f"{MARKS[finding.severity]} {finding.severity} "
    name = f" {finding.name}"
    if finding.confidence != "high":
        name += f" (confidence: {finding.confidence})"
    subject = subject_of(finding) if len(group) == 1 else _count(group)
    style = _STYLES[finding.severity]
    code = (finding.code, writer.link(finding.docs, style))
    used = cell_len("".join(writer.show(text) for text in (lead, kind, finding.code, name)))
    gap = writer.width - used - cell_len(writer.show(subject))
    if gap >= 2:
        writer.line(
            (lead, "dim"), (kind, style), code, (name, ""), (" " * gap + subject if subject else "", "bold")
        )
        return
    if used > writer.width:
        writer.line((lead, "dim"), (kind, style), code)
        writer.prose(name.strip(), indent=indent + 2)
    else:
        writer.line((lead, "dim"), (kind, style), code, (name, ""))
    writer.prose(_short(writer, subject), indent=indent + 2, style="bold")


def _count(group: _Group) -> str:
    """Returns ``60 models``, or ``3 versions of m``."""
    names = list(dict.fromkeys(finding.subject.model or "" for finding in group))
    if len(names) == 1:
        return f"{len(group)} × {names[0]}" if names[0] else f"{len(group)} ×"
    return f"{len(names)} models"


def _write_affected(writer: TextWriter, group: _Group, indent: int) -> None:
    """Writes the models of a group by name, and their versions if these differ."""
    names = list(dict.fromkeys(subject_of(finding) for finding in group))
    names = [name for name in names if name]
    displayed = names if writer.verbose else names[:_NAMED]
    separator = "; " if any(", version" in name for name in displayed) else ", "
    more = len(names) - len(displayed)
    text = separator.join(displayed) + (f" … and {more} more (--verbose)" if more else "")
    if text:
        writer.prose(text, indent=indent + 6, label="for:")


def _write_place(writer: TextWriter, finding: Finding, indent: int) -> None:
    """Writes the path on this host if it differs from the server's path, and the server's path if the message lacks
    it."""
    path, server_path = finding.subject.path, finding.subject.server_path
    if server_path is not None and path is not None and path != server_path:
        writer.prose(f"{server_path}, on this host {path}", indent=indent + 6, label="at:")
    elif (displayed := server_path or path) is not None and displayed not in finding.message:
        writer.prose(displayed, indent=indent + 6, label="at:")


# -- the server's log ----------------------------------------------------------------------------------


def _write_log(writer: TextWriter, messages: tuple[str, ...], indent: int) -> None:
    """Writes the log unchanged, one log line per line, so that users can search for it; wrapped only on a narrow
    terminal."""
    label = "log:"
    for message in _shown_items(writer, messages, _LOGS):
        for line in _log_lines(writer, message):
            if writer.width < PLAIN_WIDTH and not writer.verbose:
                # The terminal would break the line inside a word.
                writer.prose(line, indent=indent + 6, label=label, style="italic")
            else:
                lead = " " * indent + label.ljust(6) if line or label else ""
                writer.line((lead, "dim"), (line, "italic"))
            label = ""
    _more(writer, len(messages) - _LOGS, "message", indent + 6)


def _log_lines(writer: TextWriter, message: str) -> list[str]:
    """Returns all lines; in a short report, the non-empty ones: the first line, which names the loaded model, and the
    last lines, in which OpenVINO names the problem."""
    lines = message.split("\n")
    if writer.verbose:
        return lines
    filled = [clip(line, _LOG_CELLS) for line in lines if line.strip()]
    hidden = len(filled) - 1 - _LOG_LINES
    if hidden <= 0:
        return filled
    return [filled[0], f"… ({plural(hidden, 'line')} between: --verbose)", *filled[-_LOG_LINES:]]


# -- remedies ------------------------------------------------------------------------------------------


def _write_remedy(writer: TextWriter, remedy: Remedy, indent: int) -> None:
    steps = _shown_items(writer, remedy.steps, _STEPS)
    label = "do:"
    if remedy.summary and (writer.verbose or not steps):
        writer.prose(_short(writer, remedy.summary), indent=indent + 6, label=label)
        label = ""
    for step in steps:
        writer.prose(_short(writer, _step(step)), indent=indent + 6, label=label)
        label = ""
        if step.command is not None:
            writer.command(step.command, indent + 8)
    _more(writer, len(remedy.steps) - _STEPS, "step", indent + 6)


def _step(step: Step) -> str:
    """Writes the text, its location and its effect, unless it only reads on this host."""
    notes = [] if step.location in (None, "host") else [f"in {step.location}"]
    if step.effect not in (None, "reads"):
        notes.append(str(step.effect))
    return f"{step.text} [{', '.join(notes)}]" if notes else step.text


# -- at most a screen ----------------------------------------------------------------------------------


def _shown_items(writer: TextWriter, items: Sequence[_T], most: int) -> Sequence[_T]:
    return items if writer.verbose else items[:most]


def _more(writer: TextWriter, number: int, word: str, indent: int) -> None:
    if number > 0 and not writer.verbose:
        writer.prose(f"… and {plural(number, f'more {word}')} (--verbose)", indent=indent, style="dim")


def _short(writer: TextWriter, text: str) -> str:
    return text if writer.verbose else clip(text, _TEXT_CELLS)
