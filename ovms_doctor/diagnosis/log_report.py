"""``logs``: reads a log, diagnoses it, and makes the report with the exit code."""

from __future__ import annotations

from collections.abc import Iterable

from ovms_doctor import __version__
from ovms_doctor.diagnosis.adjust import adjusted
from ovms_doctor.diagnosis.log_findings import diagnose
from ovms_doctor.diagnosis.run_start import RunStart
from ovms_doctor.diagnosis.selection import is_reported
from ovms_doctor.diagnosis.verdict import verdict_of
from ovms_doctor.inputs.log.reader import LogReader
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.log import LOG_CHECK, LogDiagnosis, LogSummary
from ovms_doctor.model.output_options import OutputOptions
from ovms_doctor.report.model import CheckRun, CheckStatus, Report


def read_log(parts: Iterable[tuple[str, Iterable[bytes]]]) -> LogSummary:
    """Returns the summary of logs, each a label and its pieces; files with the same label are one log."""
    reader = LogReader()
    for label, pieces in parts:
        reader.begin(label)
        for piece in pieces:
            reader.feed(piece)
        reader.end()
    return reader.summary()


def log_report(
    log: LogSummary | None,
    options: OutputOptions,
    run_start: RunStart,
    *,
    release: str | None = None,
    problem: str = "",
) -> tuple[Report, LogDiagnosis | None]:
    """Returns the report on a log. ``problem``: why the log could not be read, or not to its end."""
    diagnosis: LogDiagnosis | None = None
    findings: tuple[Finding, ...] = ()
    if log is not None:
        diagnosis, findings = diagnose(
            log, release=release, release_from="--ovms-version" if release else None
        )
        findings = tuple(finding for finding in findings if is_reported(finding, options))
    status: CheckStatus = "could_not_look" if problem else "ran"
    examined = diagnosis.summary if diagnosis else None
    if examined is not None and not problem and not examined.records and not examined.problems:
        status, problem = "could_not_look", "no line of OVMS is in the log"
    checks = (CheckRun(LOG_CHECK, status, problem),)
    result = adjusted(findings, options.adjustments, run_start.text[:10])
    verdict, code = verdict_of(result.findings, checks, options)
    report = Report(
        *(__version__, run_start.run(), verdict, code, None, None, result.findings, checks),
        notes=result.notes,
        suppressed=result.suppressed,
    )
    return report, diagnosis
