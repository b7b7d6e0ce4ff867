"""``diff`` and ``summary`` for people: changes that need attention first, the verdict last."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.report.comparison.diff import CHANGES, Change, Difference
from ovms_doctor.report.comparison.saved import SavedFinding, SavedReport
from ovms_doctor.report.comparison.summary import Totals
from ovms_doctor.report.phrases import MARKS, plural
from ovms_doctor.report.text_writer import TextWriter
from ovms_doctor.report.verdict import BAD, GOOD, OPEN, STYLES

TITLES: dict[Change, str] = {
    "new": "new",
    "not_known": "not known: the newer run did not examine it",
    "still_there": "still there",
    "fixed": "fixed",
}
#: The changes that the last line counts after the new findings.
_COUNTED: tuple[tuple[Change, str], ...] = (
    ("fixed", "fixed"),
    ("still_there", "still there"),
    ("not_known", "not known"),
)
#: The most hosts that are listed without --verbose.
_HOSTS = 20
#: Maximum number of codes of one host in its line.
_CODES = 8


def subject_of(finding: SavedFinding) -> str:
    """Returns model, version and path of a finding, as far as they are known."""
    subject = finding.subject
    model = subject.model or ""
    if model and subject.version is not None:
        model += f", version {subject.version}"
    return model or subject.path or subject.server_path or ""


def source_line(label: str, report: SavedReport) -> str:
    """Returns one line on one of the two reports."""
    parts = [report.source]
    if report.run.started_at:
        parts.append(report.run.started_at)
    if report.server.release:
        parts.append(f"OVMS {report.server.release} rules")
    return f"{label} {', '.join(parts)}: {report.summary.sentence or report.summary.verdict}"


def diff_verdict(differences: tuple[Difference, ...], *, failed: bool) -> tuple[str, str]:
    """Returns the mark and the sentence of the last line; ``failed``: a new finding counts as a failure."""
    counts = {change: sum(item.change == change for item in differences) for change in CHANGES}
    parts = [plural(counts["new"], "new finding") if counts["new"] else "nothing new"]
    parts += [f"{counts[change]:,} {label}" for change, label in _COUNTED if counts[change]]
    mark = BAD if failed else OPEN if counts["not_known"] else GOOD
    return mark, ", ".join(parts)


def write_diff(
    writer: TextWriter, old: SavedReport, new: SavedReport, differences: tuple[Difference, ...]
) -> None:
    """Writes both reports, then the findings by change."""
    writer.prose(source_line("old:", old), style="dim")
    writer.prose(source_line("new:", new), style="dim")
    for change in CHANGES:
        chosen = [item for item in differences if item.change == change]
        if not chosen:
            continue
        writer.blank()
        writer.prose(f"{TITLES[change]} ({len(chosen):,})", style="bold")
        for item in chosen:
            _write_difference(writer, item)
    writer.blank()


def _write_difference(writer: TextWriter, item: Difference) -> None:
    finding = item.finding
    subject = subject_of(finding)
    mark = GOOD if item.change == "fixed" else MARKS[finding.severity]
    head = f"{mark} {finding.severity} {finding.code} {finding.name}"
    writer.prose(f"{head}: {subject}" if subject else head, indent=2)
    if item.change != "fixed" or writer.verbose:
        writer.prose(finding.message, indent=4)
    if item.note:
        writer.prose(f"({item.note})", indent=4, style="dim")


def summary_verdict(totals: Totals) -> tuple[str, str]:
    """Returns the mark and the sentence of the last line."""
    failed, open_ = totals.verdicts.get("fail", 0), totals.verdicts.get("incomplete", 0)
    unreadable = len(totals.unreadable)
    sentence = f"{totals.verdicts.get('pass', 0):,} of {plural(totals.reports, 'report')} passed"
    for number, label in ((failed, "failed"), (open_, "could not look at everything")):
        sentence += f", {number:,} {label}" if number else ""
    if unreadable:
        sentence += f"; {plural(unreadable, 'file')} could not be read"
    return BAD if failed else OPEN if open_ or unreadable or not totals.reports else GOOD, sentence


def write_summary(writer: TextWriter, totals: Totals) -> None:
    """Writes the kinds of findings, then the hosts that have errors."""
    reports = f"{plural(totals.reports, 'report')} of {plural(len(totals.hosts), 'host')}"
    writer.prose(f"{reports}, {plural(totals.models, 'model')}", style="bold")
    for sentence in totals.unreadable[: None if writer.verbose else _HOSTS]:
        writer.prose(f"not read: {sentence}")
    for kind in totals.by_reach():
        writer.blank()
        writer.prose(f"{MARKS[kind.severity]} {kind.severity} {kind.code} {kind.name}", style="bold")
        models = f", {plural(kind.models, 'model')}" if kind.models else ""
        hosts = f"{len(kind.hosts):,} of {plural(len(totals.hosts), 'host')}"
        writer.prose(f"{hosts}{models}, {plural(kind.findings, 'finding')}", indent=2)
        more = ", …" if kind.findings > len(kind.examples) else ""
        writer.prose("; ".join(kind.examples) + more, indent=2, style="dim")
    rows = [row for row in totals.by_errors() if row.verdict != "pass" or writer.verbose]
    if rows:
        writer.blank()
        writer.prose("hosts", style="bold")
    for row in rows if writer.verbose else rows[:_HOSTS]:
        counts = f"{plural(row.errors, 'error')}, {plural(row.warnings, 'warning')}"
        codes = ", ".join(_codes(row.findings))
        writer.prose(f"{row.host}: {row.verdict}, {counts}" + (f" ({codes})" if codes else ""), indent=2)
    if not writer.verbose and len(rows) > _HOSTS:
        writer.prose(f"… and {plural(len(rows) - _HOSTS, 'more host')} (--verbose)", indent=2)
    writer.blank()


def _codes(counts: dict[str, int]) -> Iterator[str]:
    found = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    for code, number in found[:_CODES]:
        yield code if number == 1 else f"{code} × {number:,}"
    if len(found) > _CODES:
        yield f"and {len(found) - _CODES} more codes"


def write_verdict(writer: TextWriter, mark: str, sentence: str) -> None:
    """Writes the last line."""
    writer.line((f"{mark} {sentence}", STYLES[mark]))
