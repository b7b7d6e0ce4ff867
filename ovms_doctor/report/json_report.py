"""The JSON report: one document with frozen keys, whatever the run came to.

The keys are written out here and nowhere derived from our own types, so that a change inside cannot change
what others parse. :mod:`ovms_doctor.report.schema` describes them; docs/json-report.md is the page for users.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, TypeAlias

from ovms_doctor.model.container import Container
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.findings import SEVERITIES, Finding, Remedy
from ovms_doctor.model.plan import ModelPlan, Plan, VersionPlan
from ovms_doctor.model.text import escape, redact
from ovms_doctor.report.model import CheckRun, Report, Run
from ovms_doctor.report.shown_paths import host_path

#: Raised in its second number when keys are added, in its first when one changes or goes.
SCHEMA_VERSION = "1.0"
#: How a selected check can end, in the order of the summary.
STATUSES = ("ran", "not_applicable", "could_not_look", "timed_out", "crashed")

Document: TypeAlias = dict[str, Any]

#: Any character that may need a look; the line ends of the layout do not.
_OTHER = re.compile(r"[^\n\x20-\x7e]")


def to_document(report: Report) -> Document:
    """The report as JSON values, its text escaped as in :mod:`ovms_doctor.model.text`.

    The order is fixed: two reports on the same input differ only in times. ``error`` is there only where the
    run itself failed.
    """
    document: Document = {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "ovms-doctor", "version": report.tool_version},
        "run": _run(report.run, report.notes),
        "server": _server(report.deployment, report.plan, report.runtime),
        "summary": _summary(report),
        "models": [_model(model, report) for model in report.plan.models] if report.plan else [],
        "findings": [_finding(finding) for finding in report.findings],
        "checks": [_check(check) for check in report.checks],
    }
    if report.error is not None:
        document["error"] = report.error
    escaped: Document = _escaped(document)
    return escaped


def dumps(document: Document) -> str:
    """The document as text that UTF-8 can write, with a newline at its end.

    Characters that are not printed as themselves (DEL, C1 controls, bidirectional overrides) are written as
    ``\\uNNNN``, which is the same JSON: a report may be shown with ``cat``.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    return _OTHER.sub(lambda match: _printable(match[0]), text) + "\n"


def _printable(char: str) -> str:
    return char if char.isprintable() else json.dumps(char, ensure_ascii=True)[1:-1]


def _command(value: Any) -> Any:
    """A command is quoted for a shell already, and may have backslashes of its own: it is run as it stands."""
    return "".join(escape(char) for char in redact(value)) if isinstance(value, str) else value


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return escape(redact(value))
    if isinstance(value, dict):
        return {
            escape(key): _command(item) if key == "command" else _escaped(item) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_escaped(item) for item in value]
    return value


# -- the run and the server ----------------------------------------------------------------------------


def _run(run: Run, notes: tuple[str, ...]) -> Document:
    return {
        "started_at": run.started_at,
        "duration_s": round(run.duration_s, 3),
        "arguments": run.arguments,
        "host": dict(run.host),
        "notes": notes,
    }


def _server(deployment: Deployment | None, plan: Plan | None, runtime: str | None) -> Document:
    told = _told(deployment)
    if plan is not None:
        told["mode"] = plan.mode
    return {
        **told,
        "outcome": plan.outcome if plan else "unknown",
        "starts": plan.starts if plan else None,
        "exit_code": plan.exit_code if plan else None,
        "runtime": runtime,
        "ignored": [{"where": item.where, "text": item.text} for item in plan.ignored] if plan else [],
    }


def _told(deployment: Deployment | None) -> Document:
    """What the server was told; nothing but null where that was not found out."""
    if deployment is None:
        keys = (
            "mode",
            "release",
            "release_from",
            "user",
            "user_from",
            "bare_metal",
            "config_path",
            "container",
        )
        return dict.fromkeys(keys)
    user = deployment.user
    return {
        "mode": deployment.mode,
        "release": str(deployment.release),
        "release_from": deployment.release_from,
        "user": {"uid": user.uid, "gid": user.gid, "groups": user.groups},
        "user_from": deployment.user_from,
        "bare_metal": deployment.bare_metal,
        "config_path": deployment.config_path,
        "container": _container(deployment.container),
    }


def _container(container: Container | None) -> Document | None:
    if container is None:
        return None
    state = container.state
    return {
        "source": container.source,
        "name": container.name or container.source_name,
        "id": container.id,
        "image": container.image,
        "arguments": None if container.arguments is None else list(container.arguments),
        "status": None if state is None else state.status,
        "exit_code": None if state is None else state.exit_code,
        "oom_killed": None if state is None else state.oom_killed,
        "memory_limit": container.limits.memory,
        "not_known": list(container.problems),
    }


def _summary(report: Report) -> Document:
    counts: dict[str, int] = dict.fromkeys(SEVERITIES, 0)
    for finding in report.findings:
        counts[finding.severity] += 1
    return {
        "verdict": report.verdict,
        "errors": counts["error"],
        "warnings": counts["warning"],
        "infos": counts["info"],
        "checks": {status: sum(check.status == status for check in report.checks) for status in STATUSES},
    }


# -- models --------------------------------------------------------------------------------------------


def _model(model: ModelPlan, report: Report) -> Document:
    assert report.plan is not None
    # The states of a process that is gone are kept as the ones it reached, but nothing answers for them.
    gone = report.plan.outcome == "exits"
    base = model.entry.base_path
    return {
        "name": model.entry.name,
        "base_path": base,
        "host_path": host_path(base, report),
        "policy": model.entry.policy.as_json(),
        "served_versions": [] if gone else sorted(model.served),
        "later_served_versions": [] if gone else sorted(model.served_later),
        "why": _why(model.entry.name, report.findings),
        "versions": [
            _version(version, gone=gone) for version in sorted(model.versions, key=lambda item: item.version)
        ],
    }


def _version(version: VersionPlan, *, gone: bool) -> Document:
    now, attempt = version.now, version.attempt
    later = None if gone else version.later
    return {
        "version": version.version,
        "directories": version.directories,
        "requested": version.requested,
        "state": now.state if now else None,
        "error_code": now.error_code if now else None,
        "later_state": later.state if later else None,
        "later_error_code": later.error_code if later else None,
        "state_basis": attempt.basis if attempt else None,
        "model_file": attempt.model_file if attempt else None,
        "format": attempt.format if attempt else None,
    }


def _why(model: str, findings: Iterable[Finding]) -> str:
    """Code and name of each error finding on the model, in the report's order (causes first)."""
    errors = (item for item in findings if item.subject.model == model and item.severity == "error")
    return ", ".join(dict.fromkeys(f"{item.code} {item.name}" for item in errors))


# -- findings and checks -------------------------------------------------------------------------------


def _finding(finding: Finding) -> Document:
    subject = finding.subject
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "subject": {
            "model": subject.model,
            "version": subject.version,
            "path": subject.path,
            "server_path": subject.server_path,
        },
        "message": finding.message,
        "detail": finding.detail,
        "server_log": finding.server_log,
        "evidence": [{"what": item.what, "how": item.how} for item in finding.evidence],
        "recovers": finding.recovers,
        "remedy": _remedy(finding.remedy) if finding.remedy else None,
        "docs": finding.docs,
        "caused_by": finding.caused_by,
        "fingerprint": finding.fingerprint,
    }


def _remedy(remedy: Remedy) -> Document:
    return {
        "summary": remedy.summary,
        "steps": [
            {"text": step.text, "command": step.command, "where": step.where, "effect": step.effect}
            for step in remedy.steps
        ],
    }


def _check(check: CheckRun) -> Document:
    return {
        "name": check.name,
        "status": check.status,
        "reason": check.reason,
        "duration_s": round(check.duration_s, 3),
    }
