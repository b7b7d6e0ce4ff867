"""``diff`` and ``summary`` as Markdown, for a ticket or a job's summary."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.report.comparison.diff import CHANGES, Difference
from ovms_doctor.report.comparison.saved import SavedReport
from ovms_doctor.report.comparison.summary import Totals
from ovms_doctor.report.comparison.text import TITLES, source_line, subject_of
from ovms_doctor.report.formats.markdown import markdown_text, table_text
from ovms_doctor.report.phrases import MARKS


def diff_markdown(
    old: SavedReport, new: SavedReport, differences: tuple[Difference, ...], sentence: str
) -> Iterator[str]:
    """Yields the parts: the verdict, both reports, then a table for each kind of change."""
    yield f"## ovms-doctor: {markdown_text(sentence)}\n\n"
    yield f"- {markdown_text(source_line('old:', old))}\n- {markdown_text(source_line('new:', new))}\n"
    for change in CHANGES:
        chosen = [item for item in differences if item.change == change]
        if not chosen:
            continue
        yield f"\n### {TITLES[change].capitalize()} ({len(chosen):,})\n\n"
        rows = (
            [
                f"{MARKS[item.finding.severity]} {markdown_text(item.finding.code)}",
                markdown_text(subject_of(item.finding)),
                markdown_text(item.finding.message + (f" ({item.note})" if item.note else "")),
            ]
            for item in chosen
        )
        yield table_text(("code", "subject", "finding"), rows)


def summary_markdown(totals: Totals, sentence: str) -> Iterator[str]:
    """Yields the parts: the verdict, the kinds of findings, the hosts."""
    yield f"## ovms-doctor: {markdown_text(sentence)}\n"
    kinds = totals.by_reach()
    if kinds:
        yield "\n### Findings\n\n"
        header = ("code", "name", "hosts", "models", "findings", "examples")
        rows = (
            [
                f"{MARKS[kind.severity]} {markdown_text(kind.code)}",
                markdown_text(kind.name),
                *(f"{number:,}" for number in (len(kind.hosts), kind.models, kind.findings)),
                markdown_text("; ".join(kind.examples)),
            ]
            for kind in kinds
        )
        yield table_text(header, rows)
    hosts = [row for row in totals.by_errors() if row.verdict != "pass"]
    if hosts:
        yield "\n### Hosts\n\n"
        rows = (
            [
                markdown_text(row.host),
                markdown_text(row.verdict),
                f"{row.errors:,}",
                f"{row.warnings:,}",
                markdown_text(
                    ", ".join(f"{code} × {number:,}" for code, number in sorted(row.findings.items()))
                ),
            ]
            for row in hosts
        )
        yield table_text(("host", "verdict", "errors", "warnings", "codes"), rows)
    for each in totals.unreadable:
        yield f"\n- not read: {markdown_text(each)}"
    if totals.unreadable:
        yield "\n"
