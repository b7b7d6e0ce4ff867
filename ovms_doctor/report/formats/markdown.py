"""Markdown for a ticket, a pull request or a job's summary: header, tables, findings, logs that can be collapsed.

GitHub's form of Markdown, which GitLab and Gitea read too. Names and log lines are untrusted text: outside code, they
cannot create markup, an HTML tag, a link, or a name that notifies a user.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.report.document import FindingInfo, ReportDocument
from ovms_doctor.report.formats.common import affected, paths_of, safe, safe_lines, step_text, subject_text
from ovms_doctor.report.formats.context import RenderContext
from ovms_doctor.report.formats.tables import Table, header_lines, tables
from ovms_doctor.report.groups import group_findings
from ovms_doctor.report.phrases import MARKS, RECOVERS, occurrences_text
from ovms_doctor.report.request_document import RequestInfo

_MARKUP = lazy_pattern(r"[\\`*_\[\]<>|~$]")
#: Text that automatically becomes a link, a mention or a reference: an address, @name, #12.
_BY_ITSELF = lazy_pattern(r"(?<=[A-Za-z])(?=://)|(?<=[@#])(?=\w)|(?<=www)(?=\.)", re.IGNORECASE)
_ENTITIES = {"<": "&lt;", ">": "&gt;", "|": "&#124;"}
_ZERO_WIDTH_SPACE = "&#8203;"
#: Maximum number of log lines of one finding.
_LOG_LINES = 200


def render(document: ReportDocument, context: RenderContext) -> Iterator[str]:
    """Yields the parts: header, tables, then one for each group of findings."""
    yield f"## ovms-doctor: {markdown_text(document.summary.sentence)}\n\n"
    yield table_text(
        ("", ""), [(f"**{label}**", markdown_text(text)) for label, text in header_lines(document)]
    )
    for table in tables(document):
        yield from _table(table)
    groups = group_findings(document.findings)
    if groups:
        yield "\n### Findings\n"
    for group in groups:
        yield _group(group)
    if isinstance(document.request, RequestInfo) and document.request.corrected:
        corrected = document.request.corrected.split("\n")
        yield "\n" + _collapsible("The corrected request", [safe(line) for line in corrected])


def _table(table: Table) -> Iterator[str]:
    yield f"\n### {table.title}\n\n"
    marks = {"good": "✓ ", "bad": "✗ ", "unknown": "? ", "": ""}
    rows = [
        (marks[kind] + markdown_text(cells[0]), *map(markdown_text, cells[1:])) for cells, kind in table.rows
    ]
    yield table_text(table.header, rows)
    if table.left_out:
        yield f"\n… and {table.left_out:,} more rows\n"


def table_text(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _group(group: Sequence[FindingInfo]) -> str:
    finding = group[0]
    code = (
        f"[{markdown_text(finding.code)}]({_address(finding.docs)})"
        if finding.docs
        else markdown_text(finding.code)
    )
    names = subject_text(finding) if len(group) == 1 else f"{len(group)} models"
    parts = [
        f"\n#### {MARKS[finding.severity]} {finding.severity} {code} {markdown_text(finding.name)}"
        + (f": {markdown_text(names)}" if names else "")
        + "\n\n",
        f"{markdown_text(finding.message)}\n",
    ]
    if finding.confidence != "high":
        parts.append(f"\nConfidence: {finding.confidence}\n")
    if finding.detail:
        parts.append(f"\n{markdown_text(finding.detail)}\n")
    if len(group) > 1:
        parts.append(f"\n**Affected:** {markdown_text(affected(group))}\n")
    if paths := paths_of(finding):
        parts.append(f"\n**At:** {_code(paths)}\n")
    if finding.occurrences:
        parts.append(f"\n**When:** {markdown_text(occurrences_text(finding.occurrences))}\n")
    if finding.evidence:
        parts.append("\n**Seen:**\n\n")
        parts += [f"- {markdown_text(f'{item.observation} ({item.method})')}\n" for item in finding.evidence]
    parts.append(_remedy(finding))
    log = [line for message in finding.server_log for line in safe_lines(message)]
    if log:
        parts.append("\n" + _collapsible("The server's log", log))
    return "".join(parts)


def _remedy(finding: FindingInfo) -> str:
    remedy = finding.remedy
    if remedy is None:
        return ""
    parts = ["\n**What to do:**\n\n"]
    if not remedy.steps:
        parts.append(f"- {markdown_text(remedy.summary)}\n")
    for step in remedy.steps:
        parts.append(f"- {markdown_text(step_text(step))}\n")
        if step.command is not None:
            block = _fenced([safe(step.command)], "sh")
            parts.append("\n" + "".join(f"  {line}\n" for line in block.splitlines()))
    if finding.recovers is not None and finding.severity != "info":
        parts.append(f"\n{RECOVERS[finding.recovers].capitalize()}.\n")
    return "".join(parts)


def _collapsible(summary: str, lines: Sequence[str]) -> str:
    displayed = list(lines[:_LOG_LINES])
    if len(lines) > len(displayed):
        displayed.append(f"… and {len(lines) - len(displayed):,} more lines")
    return f"<details><summary>{summary}</summary>\n\n{_fenced(displayed, 'text')}\n</details>\n"


def _fenced(lines: Sequence[str], language: str) -> str:
    """Returns a block of code, with a fence that is longer than any in it."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}{language}", *lines, f"{fence}\n"])


def _code(text: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{safe(text)}{pad}{fence}"


def markdown_text(text: str) -> str:
    """Returns one line of prose without markup. It begins with a letter or an escape, so that it does not become a
    list."""
    displayed = safe(text).replace("&", "&amp;")
    displayed = _MARKUP.sub(lambda match: _ENTITIES.get(match[0], "\\" + match[0]), displayed)
    displayed = _BY_ITSELF.sub(_ZERO_WIDTH_SPACE, displayed)
    return re.sub(r"^(?=[#+=-])", r"\\", re.sub(r"^(\d+)(?=\.)", r"\1\\", displayed))


def _address(text: str) -> str:
    return safe(text).replace(" ", "%20").replace("(", "%28").replace(")", "%29").replace("<", "%3C")
