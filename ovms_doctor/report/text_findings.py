"""Findings for people: what is the case, what the server does, its log, what was seen, what to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TypeVar

from ovms_doctor.model.display_text import cell_len, clip
from ovms_doctor.model.findings import Finding, Remedy, Severity, Step
from ovms_doctor.report.phrases import MARKS, RECOVERS, occurrences_text, plural, subject_of
from ovms_doctor.report.text_writer import TextWriter

#: What is shown of each finding unless everything is asked for: entries, and cells of one text.
_LOGS, _LOG_LINES, _SEEN, _STEPS = 4, 3, 6, 6
_LOG_CELLS, _TEXT_CELLS = 400, 1200
_T = TypeVar("_T")
_STYLES: dict[Severity, str] = {"error": "bold red", "warning": "bold yellow", "info": "bold blue"}


def write_findings(paper: TextWriter, findings: Sequence[Finding]) -> None:
    """Every finding once: below its first cause where that is in the report, else on its own."""
    below, roots = _tree(findings)
    for root in roots:
        _write_branch(paper, root, below, indent=0)


def _tree(findings: Sequence[Finding]) -> tuple[dict[int, list[Finding]], list[Finding]]:
    """What follows from each finding (by ``id``), and the findings that follow from none."""
    by_fingerprint: dict[str, Finding] = {}
    for finding in findings:
        by_fingerprint.setdefault(finding.fingerprint, finding)
    causes: dict[int, Finding] = {}
    for finding in findings:
        cause = next((by_fingerprint[key] for key in finding.caused_by if key in by_fingerprint), None)
        if cause is not None and not _leads_to(cause, finding, causes):
            causes[id(finding)] = cause
    below: dict[int, list[Finding]] = defaultdict(list)
    for finding in findings:
        if id(finding) in causes:
            below[id(causes[id(finding)])].append(finding)
    return below, [finding for finding in findings if id(finding) not in causes]


def _leads_to(start: Finding, end: Finding, causes: dict[int, Finding]) -> bool:
    """Whether ``end`` is ``start`` or one of its causes: a ring has to be opened somewhere."""
    here: Finding | None = start
    while here is not None:
        if here is end:
            return True
        here = causes.get(id(here))
    return False


def _write_branch(paper: TextWriter, root: Finding, below: dict[int, list[Finding]], indent: int) -> None:
    # A chain may be long: no recursion, and it is not moved further to the right than stays readable.
    todo = [(root, indent)]
    while todo:
        finding, indent = todo.pop()
        paper.blank()
        _write(paper, finding, indent)
        todo += [(item, min(indent + 4, 12)) for item in reversed(below[id(finding)])]


def _write(paper: TextWriter, finding: Finding, indent: int) -> None:
    _write_head(paper, finding, indent)
    inner = indent + 2
    paper.prose(_short(paper, finding.message), indent=inner, style="bold")
    if finding.detail:
        paper.prose(_short(paper, finding.detail), indent=inner)
    _write_place(paper, finding, inner)
    if finding.occurrences is not None:
        paper.prose(occurrences_text(finding.occurrences), indent=inner + 6, label="when:")
    _write_log(paper, finding.server_log, inner)
    for number, item in enumerate(_some(paper, finding.evidence, _SEEN)):
        text = f"{item.observation} ({item.how})" if item.how else item.observation
        paper.prose(_short(paper, text), indent=inner + 6, label="" if number else "seen:")
    _more(paper, len(finding.evidence) - _SEEN, "sighting", inner + 6)
    if finding.remedy is not None:
        _write_remedy(paper, finding.remedy, inner)
    if finding.recovers is not None and finding.severity != "info":
        paper.prose(RECOVERS[finding.recovers], indent=inner + 6, label="then:")
    paper.prose(f"ovms-doctor explain {finding.code}", indent=inner + 6, label="more:")


def _write_head(paper: TextWriter, finding: Finding, indent: int) -> None:
    lead = " " * indent + ("↳ follows: " if indent else "")
    kind = f"{MARKS[finding.severity]} {finding.severity} {finding.code}"
    name = f" {finding.name}"
    if finding.confidence != "high":
        name += f" (confidence: {finding.confidence})"
    subject = subject_of(finding)
    parts = [(lead, "dim"), (kind, _STYLES[finding.severity]), (name, "")]
    used = cell_len("".join(paper.show(text) for text, _ in parts))
    gap = paper.width - used - cell_len(paper.show(subject))
    if gap >= 2:
        paper.line(*parts, (" " * gap + subject if subject else "", "bold"))
    else:
        paper.line(*parts)
        paper.prose(_short(paper, subject), indent=indent + 2, style="bold")


def _write_place(paper: TextWriter, finding: Finding, indent: int) -> None:
    """The path on this host where the server calls it otherwise; the server's where the message lacks it."""
    path, server_path = finding.subject.path, finding.subject.server_path
    if server_path is not None and path is not None and path != server_path:
        paper.prose(f"{server_path}, on this host {path}", indent=indent + 6, label="at:")
    elif (shown := server_path or path) is not None and shown not in finding.message:
        paper.prose(shown, indent=indent + 6, label="at:")


# -- the server's log ----------------------------------------------------------------------------------


def _write_log(paper: TextWriter, messages: tuple[str, ...], indent: int) -> None:
    """Word for word, one line of the log a line, to be searched for; never wrapped."""
    label = "log:"
    for message in _some(paper, messages, _LOGS):
        for line in _log_lines(paper, message):
            lead = " " * indent + label.ljust(6) if line or label else ""
            paper.line((lead, "dim"), (line, "italic"))
            label = ""
    _more(paper, len(messages) - _LOGS, "message", indent + 6)


def _log_lines(paper: TextWriter, message: str) -> list[str]:
    """All lines; in short, the last that are not empty: OpenVINO says what is wrong there."""
    lines = message.split("\n")
    if paper.verbose:
        return lines
    filled = [line for line in lines if line.strip()]
    kept = [clip(line, _LOG_CELLS) for line in filled[-_LOG_LINES:]]
    hidden = len(filled) - len(kept)
    return [f"… ({plural(hidden, 'line')} before this: --verbose)", *kept] if hidden else kept


# -- what to do ----------------------------------------------------------------------------------------


def _write_remedy(paper: TextWriter, remedy: Remedy, indent: int) -> None:
    steps = _some(paper, remedy.steps, _STEPS)
    label = "do:"
    if remedy.summary and (paper.verbose or not steps):
        paper.prose(_short(paper, remedy.summary), indent=indent + 6, label=label)
        label = ""
    for step in steps:
        paper.prose(_short(paper, _step(step)), indent=indent + 6, label=label)
        label = ""
        if step.command is not None:
            paper.command(step.command, indent + 8)
    _more(paper, len(remedy.steps) - _STEPS, "step", indent + 6)


def _step(step: Step) -> str:
    """The text, with where it is done and what it does, unless it only reads on this host."""
    aside = [] if step.location in (None, "host") else [f"in {step.location}"]
    if step.effect not in (None, "reads"):
        aside.append(str(step.effect))
    return f"{step.text} [{', '.join(aside)}]" if aside else step.text


# -- at most a screen ----------------------------------------------------------------------------------


def _some(paper: TextWriter, items: Sequence[_T], most: int) -> Sequence[_T]:
    return items if paper.verbose else items[:most]


def _more(paper: TextWriter, number: int, word: str, indent: int) -> None:
    if number > 0 and not paper.verbose:
        paper.prose(f"… and {plural(number, f'more {word}')} (--verbose)", indent=indent, style="dim")


def _short(paper: TextWriter, text: str) -> str:
    return text if paper.verbose else clip(text, _TEXT_CELLS)
