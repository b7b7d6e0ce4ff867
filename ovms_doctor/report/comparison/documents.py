"""The JSON documents of ``diff`` and ``summary`` as types; docs/comparison.md is the page for users."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, to_builtins

from ovms_doctor.model.findings import Severity
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.text import escape
from ovms_doctor.report.comparison.diff import Change, Difference
from ovms_doctor.report.comparison.saved import SavedReport, SavedSubject
from ovms_doctor.report.comparison.summary import Totals

#: The second number is raised when keys are added, the first when a key changes or is removed.
SCHEMA_VERSION = "1.0"

_SURROGATE = lazy_pattern(r"[\ud800-\udfff]")


class ReportRef(Struct, frozen=True):
    """One of the two reports.

    * ``source``: the file that it was read from.
    * ``host``: the host, or the file if the report names none.
    * ``started_at``: when its run began, as ISO 8601; empty if the report does not name it.
    * ``release``: the OVMS release whose rules were used; null if unknown.
    * ``verdict``: pass, fail or incomplete.
    """

    source: str
    host: str
    started_at: str
    release: str | None
    verdict: str


class DifferenceInfo(Struct, frozen=True):
    """The change of one finding.

    * ``change``: new; still_there; fixed; or not_known, if the newer run did not check it.
    * ``code``: the code.
    * ``name``: the name that belongs to the code.
    * ``severity``: the severity in the newer report, else in the older one.
    * ``severity_before``: the severity in the older report if it differs, else null.
    * ``subject``: the subject of the finding.
    * ``message``: the finding in one sentence.
    * ``fingerprint``: the same in both reports.
    * ``note``: why the change is unknown, or what else changed; or empty.
    """

    change: Change
    code: str
    name: str
    severity: Severity
    severity_before: Severity | None
    subject: SavedSubject
    message: str
    fingerprint: str
    note: str


class DiffDocument(Struct, frozen=True):
    """The comparison of two reports.

    * ``schema_version``: version of the form; its second number grows with added keys, its first with any other
      change.
    * ``old``: the older report.
    * ``new``: the newer report.
    * ``counts``: number of findings by change.
    * ``differences``: the change of each finding, new ones first.
    """

    schema_version: str
    old: ReportRef
    new: ReportRef
    counts: dict[str, int]
    differences: tuple[DifferenceInfo, ...]


class AffectedInfo(Struct, frozen=True):
    """One kind of finding over all reports.

    * ``code``: the code.
    * ``name``: the name that belongs to the code.
    * ``severity``: the worst severity in any report.
    * ``hosts``: number of affected hosts.
    * ``models``: number of affected models, counted on each host.
    * ``findings``: number of findings.
    * ``examples``: the first affected hosts and models.
    """

    code: str
    name: str
    severity: Severity
    hosts: int
    models: int
    findings: int
    examples: tuple[str, ...]


class HostInfo(Struct, frozen=True):
    """All reports of one host.

    * ``host``: the host, or the file if the report names none.
    * ``reports``: number of its reports.
    * ``verdict``: the worst of their verdicts.
    * ``errors``: number of errors.
    * ``warnings``: number of warnings.
    * ``findings``: number of findings by code.
    """

    host: str
    reports: int
    verdict: str
    errors: int
    warnings: int
    findings: dict[str, int]


class SummaryDocument(Struct, frozen=True):
    """Many reports together.

    * ``schema_version``: version of the form; its second number grows with added keys, its first with any other
      change.
    * ``reports``: number of reports.
    * ``verdicts``: number of reports by verdict.
    * ``models``: number of models in all reports.
    * ``affected``: the kinds of findings, the worst severity first, then those on most hosts.
    * ``hosts``: the hosts, those with most errors first.
    * ``unreadable``: the unreadable files, a sentence each.
    """

    schema_version: str
    reports: int
    verdicts: dict[str, int]
    models: int
    affected: tuple[AffectedInfo, ...]
    hosts: tuple[HostInfo, ...]
    unreadable: tuple[str, ...]


def diff_document(old: SavedReport, new: SavedReport, differences: tuple[Difference, ...]) -> dict[str, Any]:
    """Returns the document of ``diff`` as JSON values."""
    counts = dict.fromkeys(("new", "still_there", "fixed", "not_known"), 0)
    for item in differences:
        counts[item.change] += 1
    rows = tuple(
        DifferenceInfo(
            item.change,
            item.finding.code,
            item.finding.name,
            item.finding.severity,
            item.severity_before,
            item.finding.subject,
            item.finding.message,
            item.finding.fingerprint,
            item.note,
        )
        for item in differences
    )
    return _values(DiffDocument(SCHEMA_VERSION, _reference(old), _reference(new), counts, rows))


def summary_document(totals: Totals) -> dict[str, Any]:
    """Returns the document of ``summary`` as JSON values."""
    return _values(
        SummaryDocument(
            SCHEMA_VERSION,
            totals.reports,
            {name: totals.verdicts.get(name, 0) for name in ("pass", "fail", "incomplete")},
            totals.models,
            tuple(
                AffectedInfo(
                    kind.code,
                    kind.name,
                    kind.severity,
                    len(kind.hosts),
                    kind.models,
                    kind.findings,
                    tuple(kind.examples),
                )
                for kind in totals.by_reach()
            ),
            tuple(
                HostInfo(row.host, row.reports, row.verdict, row.errors, row.warnings, dict(row.findings))
                for row in totals.by_errors()
            ),
            tuple(totals.unreadable),
        )
    )


def _reference(report: SavedReport) -> ReportRef:
    return ReportRef(
        report.source, report.host, report.run.started_at, report.server.release, report.summary.verdict
    )


def _values(document: Struct) -> dict[str, Any]:
    """Returns JSON values whose text UTF-8 can write. Text from a report is escaped already, file names are not."""
    made: dict[str, Any] = _escaped(to_builtins(document))
    return made


def _escaped(value: Any) -> Any:
    """Returns the values without lone surrogates, which file names can have; text of a report is escaped already."""
    if isinstance(value, str):
        return value if value.isascii() or not _SURROGATE.search(value) else escape(value)
    if isinstance(value, dict):
        return {_escaped(key): _escaped(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(item) for item in value]
    return value
