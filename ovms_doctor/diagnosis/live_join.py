"""Joins the findings on the running server with those of the rules and of the log: selects the newest, and links
causes."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.live import CHECK as LIVE
from ovms_doctor.checks.live.codes import CONNECTION_REFUSED as REFUSED
from ovms_doctor.checks.live.codes import (
    FILES_CHANGED,
    NO_ANSWER,
    SERVABLE_NOT_AVAILABLE,
    STILL_STARTING,
    VERSION_NOT_NOTICED,
)
from ovms_doctor.checks.registry import check_names
from ovms_doctor.model.findings import CausedBy, Evidence, Finding, Remedy
from ovms_doctor.model.live import LiveServable
from ovms_doctor.prediction.live.drift import live_status_of

#: Checks about the start of one model: a running server shows whether they are right.
_ABOUT_LOADING = (
    "layout", "permissions", "reading", "operations", "versions", "parameters", "devices", "mapping", "extension",
    "cache", "graphs", "storage",
)  # fmt: skip


def joined_live(findings: Sequence[Finding], context: Context) -> list[Finding]:
    """Returns the findings adjusted to the running server: outdated ones are left out, contradicted ones get a lower
    confidence, and a servable that is not AVAILABLE follows from the cause that prevents its load."""
    status = live_status_of(context.deployment)
    if status is None or status.server not in ("ovms", "starting"):
        return [_with_cause_of_silence(item) for item in findings]
    served = {item.name: item for item in status.servables or ()}
    result = []
    for item in findings:
        if _is_over(item, served):
            continue
        item = _doubted(item, served, findings)
        result.append(_explained(item, findings, context))
    return result


def about_now(findings: Sequence[Finding]) -> frozenset[str]:
    """Returns the fingerprints of the findings about the running server; findings about its next start are left out."""
    return frozenset(item.fingerprint for item in findings if check_names().get(item.code) == LIVE.name)


def _versions(finding: Finding, served: dict[str, LiveServable]) -> list[str]:
    """Returns the conditions of the versions that a finding is about."""
    servable = served.get(finding.subject.model or "")
    if servable is None:
        return []
    number = finding.subject.version
    return [item.condition for item in servable.versions if number in (None, item.version)]


def _is_available(finding: Finding, served: dict[str, LiveServable]) -> bool:
    conditions = [item for item in _versions(finding, served) if item != "retired"]
    return bool(conditions) and all(item == "available" for item in conditions)


def _is_over(finding: Finding, served: dict[str, LiveServable]) -> bool:
    """Whether the finding is a failed load in the log of a version that is AVAILABLE now: the server's answer is
    newer."""
    is_logged = finding.occurrences is not None and not any(
        item.how != "log" and not item.how.startswith("log") for item in finding.evidence
    )
    return (
        is_logged
        and check_names().get(finding.code) in _ABOUT_LOADING
        and finding.severity != "error"
        and _is_available(finding, served)
    )


def _doubted(finding: Finding, served: dict[str, LiveServable], findings: Sequence[Finding]) -> Finding:
    """Returns a predicted failure of a version that the running server serves, with lower confidence: either the
    files have changed since the load, which another finding reports, or the prediction is wrong."""
    if (
        finding.severity != "error"
        or check_names().get(finding.code) not in _ABOUT_LOADING
        or finding.subject.model is None
        or not _is_available(finding, served)
    ):
        return finding
    changed = any(
        item.code in (FILES_CHANGED.code, VERSION_NOT_NOTICED.code)
        and item.subject.model == finding.subject.model
        and (finding.subject.version is None or item.subject.version in (None, finding.subject.version))
        for item in findings
    )
    evidence = (*finding.evidence, Evidence("the running server serves it: AVAILABLE", "GET /v1/config"))
    if changed:
        next_load = finding.detail.removeprefix("The ")
        next_load = (
            f"At the next load the {next_load} " if next_load != finding.detail else f"{finding.detail} "
        )
        detail = f"{next_load}Now the running server serves what it loaded before the change."
        return replace(finding, detail=detail.strip(), evidence=evidence)
    detail = (
        f"{finding.detail} The running server serves it nevertheless, and no change since the load is "
        "known. A new start may therefore succeed too."
    )
    return replace(finding, severity="warning", confidence="low", detail=detail.strip(), evidence=evidence)


def _explained(finding: Finding, findings: Sequence[Finding], context: Context) -> Finding:
    """Returns the finding on a servable that is not AVAILABLE with its causes, and with the prediction and the log
    about it."""
    if finding.code == STILL_STARTING.code:
        if context.plan.outcome == "never_ends":
            return replace(finding, causes=(CausedBy(any_model=True),))
        return replace(finding, severity="warning")
    if finding.code != SERVABLE_NOT_AVAILABLE.code:
        return finding
    causes = [
        CausedBy(code=item.code, version=item.subject.version, any_severity=item.severity != "error")
        for item in findings
        if item.subject.model == finding.subject.model
        and check_names().get(item.code) not in (LIVE.name, "requests")
        and item.severity != "info"
        and (finding.subject.version is None or item.subject.version in (None, finding.subject.version))
    ]
    finding = _without_own_command(finding)
    if causes:
        # The reason is in the same report.
        remedy = None if finding.remedy is None else Remedy("Correct its cause.")
        return replace(finding, causes=tuple(dict.fromkeys(causes)), remedy=remedy)
    detail = finding.detail
    if _is_predicted_to_serve(finding, context):
        detail += (
            " The files and the configuration as they are now give no reason for it. The reason is a "
            "condition when the server loaded them, such as memory or a device, or a file that was "
            "changed later."
        )
    return replace(finding, detail=f"{detail}{_logged(finding, context)}".strip())


def _without_own_command(finding: Finding) -> Finding:
    """Returns the finding without the step that names the command that is running."""
    if finding.remedy is None:
        return finding
    steps = tuple(step for step in finding.remedy.steps if "ovms-doctor check " not in (step.command or ""))
    return replace(finding, remedy=replace(finding.remedy, steps=steps))


def _is_predicted_to_serve(finding: Finding, context: Context) -> bool:
    for model in context.plan.models:
        if model.entry.name == finding.subject.model and model.followed is None:
            number = finding.subject.version
            return any(number in (None, item) for item in model.served)
    return False


def _logged(finding: Finding, context: Context) -> str:
    """Returns the last state in the log."""
    log = context.deployment.options.server_log
    if log is None:
        return ""
    for item in log.servables:
        if (
            item.name == finding.subject.model
            and item.version in (None, finding.subject.version)
            and item.state
        ):
            return f" The log has it {item.state} since {item.since}; the answers of the server are newer."
    return ""


def _with_cause_of_silence(finding: Finding) -> Finding:
    """Returns the finding on a server that cannot be reached, with the findings on its container as causes."""
    if finding.code in (REFUSED.code, NO_ANSWER.code):
        return replace(
            finding,
            causes=(
                CausedBy(check="container", any_model=True),
                CausedBy(check="configuration", any_model=True),
            ),
        )
    return finding
