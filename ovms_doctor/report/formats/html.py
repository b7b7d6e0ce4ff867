"""One HTML file without scripts and external resources, for a screen, a telephone or paper."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Sequence
from html import escape

from ovms_doctor.report.document import FindingInfo, ReportDocument
from ovms_doctor.report.formats.charts import charts
from ovms_doctor.report.formats.common import affected, paths_of, safe, safe_lines, step_text, subject_text
from ovms_doctor.report.formats.context import RenderContext
from ovms_doctor.report.formats.tables import Table, header_lines, tables
from ovms_doctor.report.groups import group_findings
from ovms_doctor.report.log_document import LogInfo
from ovms_doctor.report.phrases import MARKS, RECOVERS, occurrences_text
from ovms_doctor.report.request_document import RequestInfo

#: No script runs and nothing is loaded, even with hostile names in the report.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
#: Maximum number of log lines of one finding.
_LOG_LINES = 200
#: A finding with at least this number of lines may be split over two pages.
_LONG = 25


def render(document: ReportDocument, context: RenderContext) -> Iterator[str]:
    """Yields the page in parts: head, tables, charts, then one for each group of findings."""
    sentence = _text(document.summary.sentence)
    mark = {"✓": "good", "✗": "bad"}.get(document.summary.sentence[:1], "unknown")
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>ovms-doctor: {sentence}</title>\n<style>\n{_style()}</style>\n</head>\n<body>\n"
        f'<h1><span class="dim">ovms-doctor</span> <span class="{mark}">{sentence}</span></h1>\n<dl class="head">\n'
    )
    for label, text in header_lines(document):
        yield f"<dt>{_text(label)}</dt><dd>{_text(text)}</dd>\n"
    yield "</dl>\n"
    for table in tables(document):
        yield from _table(table)
    if isinstance(document.log, LogInfo):
        yield from charts(document.log)
    groups = group_findings(document.findings)
    if groups:
        yield "<h2>Findings</h2>\n"
    for group in groups:
        yield _group(group)
    if isinstance(document.request, RequestInfo) and document.request.corrected:
        lines = "\n".join(_text(line) for line in document.request.corrected.split("\n"))
        yield f"<h2>The corrected request</h2>\n<pre>{lines}</pre>\n"
    yield "</body>\n</html>\n"


def _style() -> str:
    data = pkgutil.get_data("ovms_doctor.report.formats", "report.css")
    assert data is not None
    return data.decode()


def _table(table: Table) -> Iterator[str]:
    head = "".join(f"<th>{_text(name)}</th>" for name in table.header)
    yield f"<h2>{_text(table.title)}</h2>\n<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n"
    marks = {"good": "✓ ", "bad": "✗ ", "unknown": "? ", "": ""}
    # The state is coloured; the mark has the same meaning without colour.
    state = table.header.index("state") if "state" in table.header else 0
    for cells, kind in table.rows:
        row = []
        for number, (name, cell) in enumerate(zip(table.header, cells, strict=True)):
            style = f' class="{kind}"' if kind and number == state else ""
            mark = marks[kind] if number == state else ""
            row.append(f'<td data-label="{_text(name)}"{style}>{mark}{_text(cell)}</td>')
        yield f"<tr>{''.join(row)}</tr>\n"
    yield "</tbody>\n</table>\n"
    if table.left_out:
        yield f'<p class="dim">… and {table.left_out:,} more rows</p>\n'


def _group(group: Sequence[FindingInfo]) -> str:
    finding = group[0]
    names = subject_text(finding) if len(group) == 1 else f"{len(group)} models"
    code = _text(finding.code)
    more = ""
    if finding.docs.startswith(("https://", "http://")):
        docs = _text(finding.docs)
        code = f'<a href="{docs}" rel="noreferrer">{code}</a>'
        more = f'<p class=dim>More: <a href="{docs}" rel="noreferrer">{docs}</a></p>\n'
    subject = f'<span class="subject">{_text(names)}</span>' if names else ""
    log = [_text(line) for message in finding.server_log for line in safe_lines(message)]
    long = " long" if len(log) + len(finding.evidence) > _LONG else ""
    parts = [
        f'<article class="{finding.severity}{long}">\n<h3>{subject}<span class="{finding.severity}">'
        f"{MARKS[finding.severity]} {finding.severity}</span> {code} {_text(finding.name)}</h3>\n"
        f"<p><strong>{_text(finding.message)}</strong></p>\n"
    ]
    if finding.detail:
        parts.append(f"<p>{_text(finding.detail)}</p>\n")
    if finding.confidence != "high":
        parts.append(f"<p>Confidence: {finding.confidence}</p>\n")
    if len(group) > 1:
        parts.append(f"<p><span class=dim>Affected:</span> {_text(affected(group))}</p>\n")
    if paths := paths_of(finding):
        parts.append(f"<p><span class=dim>At:</span> <code>{_text(paths)}</code></p>\n")
    if finding.occurrences:
        parts.append(f"<p><span class=dim>When:</span> {_text(occurrences_text(finding.occurrences))}</p>\n")
    if finding.evidence:
        items = "".join(
            f"<li>{_text(f'{item.observation} ({item.method})')}</li>" for item in finding.evidence
        )
        parts.append(f"<p class=dim>Seen:</p><ul>{items}</ul>\n")
    parts.append(_remedy(finding))
    if log:
        rest = [f"… and {len(log) - _LOG_LINES:,} more lines"] if len(log) > _LOG_LINES else []
        lines = "\n".join([*log[:_LOG_LINES], *rest])
        parts.append(f"<details open><summary>The server's log</summary><pre>{lines}</pre></details>\n")
    return "".join([*parts, more, "</article>\n"])


def _remedy(finding: FindingInfo) -> str:
    remedy = finding.remedy
    if remedy is None:
        return ""
    items = [] if remedy.steps else [f"<li>{_text(remedy.summary)}</li>"]
    for step in remedy.steps:
        command = "" if step.command is None else f"<pre>{_text(step.command)}</pre>"
        items.append(f"<li>{_text(step_text(step))}{command}</li>")
    then = ""
    if finding.recovers is not None and finding.severity != "info":
        then = f"<p class=dim>{_text(RECOVERS[finding.recovers].capitalize())}.</p>\n"
    return f"<p class=dim>What to do:</p><ul>{''.join(items)}</ul>\n{then}"


def _text(text: str) -> str:
    return escape(safe(text))
