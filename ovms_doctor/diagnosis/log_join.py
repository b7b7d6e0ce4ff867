"""Joins a log with the findings of the rules: the log confirms findings, and shows further ones."""

from __future__ import annotations

from msgspec.structs import replace

from ovms_doctor.checks.logs import CHECK
from ovms_doctor.checks.registry import check_names
from ovms_doctor.diagnosis.log_findings import diagnose
from ovms_doctor.model.findings import Evidence, Finding, Occurrences
from ovms_doctor.model.log import LogSummary

#: Checks whose findings only a running server can show.
_ONLY_LOGGED = (CHECK.name, "requests")
_CHANGED = "The rules do not find this problem now: something has changed since the log was written."


def joined(findings: list[Finding], log: LogSummary) -> list[Finding]:
    """Returns the findings: those that the log confirms have a note; then the lasting ones that only the log shows."""
    diagnosis, logged = diagnose(log)
    result = list(findings)
    for item in logged:
        codes = diagnosis.candidates.get(item.fingerprint, (item.code,))
        indexes = [number for number, finding in enumerate(result) if _same(finding, item, codes)]
        for number in indexes:
            result[number] = _confirmed(result[number], item)
        if not indexes and item.severity != "info" and not _is_over(item):
            known = check_names().get(item.code) in _ONLY_LOGGED
            detail = item.detail if known else f"{item.detail} {_CHANGED}".strip()
            severity = item.severity if known else "warning"
            result.append(replace(item, detail=detail, severity=severity))
    return result


def _same(finding: Finding, logged: Finding, codes: tuple[str, ...]) -> bool:
    if finding.code not in codes:
        return False
    models = {finding.subject.model, logged.subject.model} - {None}
    versions = {finding.subject.version, logged.subject.version} - {None}
    path, other = finding.subject.server_path, logged.subject.server_path
    if logged.subject.model is None and path and other and not _nested(path, other):
        return False
    return len(models) <= 1 and len(versions) <= 1


def _nested(first: str, second: str) -> bool:
    """Whether one path is the other or its ancestor."""
    return (
        first == second
        or first.startswith(second.rstrip("/") + "/")
        or second.startswith(first.rstrip("/") + "/")
    )


def _confirmed(finding: Finding, logged: Finding) -> Finding:
    found = logged.occurrences or Occurrences(1, None, None, 0, 0)
    times = "once" if found.count == 1 else f"{found.count:,} times"
    return replace(
        finding,
        occurrences=found if finding.occurrences is None else finding.occurrences,
        evidence=(*finding.evidence, Evidence(f"the server's log shows it {times}", "log")),
    )


def _is_over(finding: Finding) -> bool:
    return "The problem is over" in finding.detail
