"""``logs``: read a log, diagnose it, and say how the run ended."""

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
    """The summary of logs that are given as label and pieces; files with one label are one log."""
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
    """The report on a log; ``problem``: why it could not be read, or not to its end."""
    diagnosis: LogDiagnosis | None = None
    findings: tuple[Finding, ...] = ()
    if log is not None:
        diagnosis, findings = diagnose(
            log, release=release, release_from="--ovms-version" if release else None
        )
        findings = tuple(finding for finding in findings if is_reported(finding, options))
    status: CheckStatus = "could_not_look" if problem else "ran"
    if log is not None and not problem and not log.records and not log.problems:
        status, problem = "could_not_look", "no line of OVMS is in the log"
    checks = (CheckRun(LOG_CHECK, status, problem),)
    done = adjusted(findings, options.adjustments, run_start.text[:10])
    verdict, code = verdict_of(done.findings, checks, options)
    report = Report(
        *(__version__, run_start.run(), verdict, code, None, None, done.findings, checks),
        notes=done.notes,
        suppressed=done.suppressed,
    )
    return report, diagnosis
