"""Changes of files and settings after the running server read them."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.checks.live.codes import (
    CONFIGURATION_NOT_RELOADED,
    FILES_CHANGED,
    SERVABLE_NOT_AVAILABLE,
    VERSION_NOT_NOTICED,
)
from ovms_doctor.model.container import engine_program, state_source
from ovms_doctor.model.findings import CausedBy, Confidence, Evidence, Finding, Severity, Step
from ovms_doctor.model.live import Address, Drift, LiveStatus

#: The number of list entries that a message shows.
_LISTED = 8
_NO_POLLS = "--file_system_poll_wait_seconds is 0"
_WAIT = "Do nothing: the server applies the change by itself."
_NEXT_POLL = "The next poll applies the change: the files are newer than the observations of the server."


def drift_finding(context: Context, status: LiveStatus, drift: Drift) -> Finding:
    """Returns the finding on one difference between the present files and those that the running server read."""
    if drift.kind == "configuration":
        return _configuration(context, status, drift)
    if drift.kind == "version_added":
        return _added(context, status, drift)
    return _removed(context, drift) if drift.kind == "version_removed" else _files(context, drift)


def moment(at: float) -> str:
    """Returns a time as text: ``2026-11-28 14:03:21 UTC``."""
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def _read(drift: Drift) -> str:
    return f"loaded it at {moment(drift.read_at)}" if drift.logged else f"started at {moment(drift.read_at)}"


def _evidence(context: Context, drift: Drift) -> tuple[Evidence, ...]:
    rows = tuple(
        Evidence(
            f"{item.path}: {'content' if item.content else 'status'} changed at {moment(item.at)}", "stat"
        )
        for item in drift.paths[:_LISTED]
    )
    how = "log" if drift.logged else state_source(context.deployment.container)
    return (*rows, Evidence(f"the server {_read(drift)}", how))


# -- the configuration file ----------------------------------------------------------------------------


def _configuration(context: Context, status: LiveStatus, drift: Drift) -> Finding:
    (changed,) = drift.paths
    name = os.path.basename(changed.path)
    polls = context.plan.polls
    read = moment(drift.read_at)
    differences = []
    if drift.missing:
        differences.append(f"it names {_listed(drift.missing)}, which the server does not have")
    if drift.extra:
        differences.append(f"the server still has {_listed(drift.extra)}, which it does not name")
    severity: Severity = "error" if drift.missing else "warning"
    confidence: Confidence = "high"
    if drift.breaks:
        message = f"{name} was changed at {moment(changed.at)} and is invalid: the server keeps what it read before."
        detail = (
            "The running server works with the earlier content. After a restart, it ends with exit code "
            f"{context.plan.exit_code}."
        )
        severity = "warning"
    elif drift.next_poll:
        message = f"{name} was changed at {moment(changed.at)}, after the server's last poll."
        detail, severity = _NEXT_POLL, "info"
    elif not polls:
        message = (
            f"{name} was changed at {moment(changed.at)} and not reloaded: the server read it at {read}."
        )
        detail = f"It does not read it again: {_NO_POLLS}. The file is newer than the server's configuration."
        if not differences:
            detail += " The list of servables does not show what it changes."
            confidence = "medium"
    else:
        message = f"{name} was changed at {moment(changed.at)} and not reloaded, though the server polls it."
        detail = (
            "The file is newer than the server's configuration. If the server read the file, its log "
            "contains the reason."
        )
        confidence = "medium"
    if differences:
        detail = f"{'; '.join(differences).capitalize()}. {detail}"
    if drift.single_file_mount and polls and not drift.breaks and not drift.next_poll:
        detail += (
            " The file is mounted by itself: if an editor replaced it with a new file, the container "
            "still has the old file."
        )
    return context.finding(
        CONFIGURATION_NOT_RELOADED,
        message,
        is_running=True,
        path=changed.path,
        base=os.path.dirname(changed.path),
        detail=detail,
        severity=severity,
        confidence=confidence,
        evidence=(*_evidence(context, drift), Evidence(_served(status), "GET /v1/config")),
        recovers="next_poll" if drift.next_poll else None,
        steps=_reload_steps(context, status, drift),
        remedy=_WAIT if drift.next_poll else "",
        causes=(CausedBy(check="configuration", any_model=True),) if drift.breaks else (),
    )


def _reload_steps(context: Context, status: LiveStatus, drift: Drift) -> tuple[Step, ...]:
    if drift.next_poll:
        return ()
    steps = []
    container = context.deployment.container
    if drift.breaks:
        return (Step("Repair the file before the server is started again."),)
    if drift.single_file_mount and container is not None and container.name:
        (changed,) = drift.paths
        command = _in_container(context, f"cat {quote(changed.path)}")
        steps.append(Step("Check which file the container has.", command, "host", "reads"))
        steps.append(
            Step(
                "Mount the directory that holds the file, not the file: then the container receives a replaced file.",
                None,
                "docker run",
                "restarts the server",
            )
        )
    else:
        steps.append(_request_reload(status.address))
    steps.append(_restart(context, "Or restart the server."))
    return tuple(steps)


def _request_reload(address: Address) -> Step:
    command = f"curl -sS -X POST {quote(address.url + '/v1/config/reload')}"
    return Step("Have the server read its configuration and its directories again.", command, "host")


def _restart(context: Context, text: str) -> Step:
    container = context.deployment.container
    if container is not None and container.source == "kubernetes":
        return Step(text, None, "kubernetes", "restarts the server")
    return Step(
        text, f"{_program(context)} restart {_container_name(context)}", "host", "restarts the server"
    )


def _in_container(context: Context, command: str) -> str:
    """Returns the command line that runs a command in the container."""
    container, name = context.deployment.container, _container_name(context)
    if container is not None and container.source == "kubernetes":
        return f"kubectl exec POD -c {name} -- {command}"
    return f"{_program(context)} exec {name} {command}"


def _program(context: Context) -> str:
    container = context.deployment.container
    return engine_program("" if container is None else container.engine)


def _container_name(context: Context) -> str:
    """Returns the container's name or id, quoted; a placeholder if it is not known."""
    container = context.deployment.container
    return quote((container and (container.name or container.id[:12])) or "CONTAINER")


def _served(status: LiveStatus) -> str:
    names = tuple(item.name for item in status.servables or () if not item.removed)
    return f"the server has {_listed(names) or 'no servable'}"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")


# -- versions ------------------------------------------------------------------------------------------


def _added(context: Context, status: LiveStatus, drift: Drift) -> Finding:
    (changed,) = drift.paths
    subject = f"Version {drift.version} of {drift.model} was added at {moment(changed.at)}"
    if drift.next_poll:
        message, detail = f"{subject}, after the server's last poll.", _NEXT_POLL
        severity: Severity = "info"
        steps: tuple[Step, ...] = ()
    elif context.plan.polls:
        message = f"{subject}, and the server, which polls, does not have it."
        detail = (
            "The files are newer than what the server serves. If it tried to load the version, its log contains the "
            "reason. A directory that replaces a mounted one appears in the container only after its restart."
        )
        severity = "error"
        steps = (_list_step(context, changed.path), _restart(context, "Restart the server."))
    else:
        message = f"{subject}, after the server last read its directories."
        detail = (
            f"It read them at its start, {moment(drift.read_at)}, and does not poll: {_NO_POLLS}. The "
            "files are newer than what the server serves."
        )
        severity = "error"
        restart = _restart(context, "Or restart the server." if not context.single else "Restart the server.")
        # Until 2023.0 the request is refused if no configuration file is set.
        steps = (restart,) if context.single else (_request_reload(status.address), restart)
    return context.finding(
        VERSION_NOT_NOTICED,
        message,
        is_running=True,
        model=drift.model,
        version=drift.version,
        path=changed.path,
        base=_base(context, drift),
        detail=detail,
        severity=severity,
        confidence="medium" if context.plan.polls and not drift.next_poll else "high",
        evidence=(*_evidence(context, drift), Evidence(_versions(status, drift), "GET /v1/config")),
        remedy=_WAIT if drift.next_poll else "",
        recovers="next_poll" if drift.next_poll else "restart" if context.single else None,
        steps=steps,
    )


def _list_step(context: Context, path: str) -> Step:
    text = "Check whether the container has the directory."
    return Step(text, _in_container(context, f"ls -la {quote(path)}"), "host", "reads")


def unlisted_finding(context: Context, status: LiveStatus, name: str) -> Finding:
    """Returns the finding about a model that is configured and that the running server does not list."""
    return context.finding(
        SERVABLE_NOT_AVAILABLE,
        f"{name} is configured, and the running server does not list it.",
        is_running=True,
        model=name,
        detail=(
            "The files and the configuration as they are now give no reason for it: requests to it are "
            "answered with 404. If the server read the configuration, its log contains the reason."
        ),
        confidence="medium",
        evidence=(Evidence(_served(status), "GET /v1/config"),),
        recovers="config_change",
        steps=(_request_reload(status.address), _restart(context, "Or restart the server.")),
    )


def _versions(status: LiveStatus, drift: Drift) -> str:
    found = next((item for item in status.servables or () if item.name == drift.model), None)
    rows = [f"{item.version} {item.state}" for item in (found.versions if found else ())]
    return f"the server has of {drift.model}: {', '.join(rows) or 'no version'}"


def _removed(context: Context, drift: Drift) -> Finding:
    path = drift.paths[0].path if drift.paths else _base(context, drift)
    message = (
        f"Version {drift.version} of {drift.model} is served, and its directory does not exist any more."
    )
    if drift.next_poll:
        detail, severity = f"{_NEXT_POLL} The version is retired then.", "info"
    else:
        detail = (
            "The server keeps what it loaded before; after the next start it does not serve this version."
        )
        severity = "warning"
    return context.finding(
        FILES_CHANGED,
        message,
        is_running=True,
        model=drift.model,
        version=drift.version,
        path=path,
        base=path,
        detail=detail,
        severity="info" if severity == "info" else "warning",
        evidence=_evidence(context, drift),
        recovers="next_poll" if drift.next_poll else None,
        remedy=_WAIT if drift.next_poll else "",
        steps=()
        if drift.next_poll
        else (Step("Restore the directory, or let clients request another version."),),
        causes=(CausedBy(check="layout"), CausedBy(check="permissions")),
    )


def _files(context: Context, drift: Drift) -> Finding:
    newest = drift.paths[0]
    names = list(
        dict.fromkeys(os.path.basename(item.path) for item in drift.paths if item.content == newest.content)
    )
    file_names = _listed(tuple(names[:3])) + (" and more" if len(names) > 3 else "")
    servable = drift.model if drift.version is None else f"{drift.model}, version {drift.version},"
    verb = "was" if len(names) == 1 else "were"
    if newest.content:
        message = (
            f"{file_names} of {servable} {verb} changed at {moment(newest.at)}; "
            f"the server {_read(drift)} and keeps that."
        )
    else:
        message = (
            f"{file_names} of {servable} {verb} replaced, or got another owner or other permissions, "
            f"at {moment(newest.at)}; the server {_read(drift)} and keeps that."
        )
    if drift.version is None:
        detail = (
            "A graph is read again only when config.json changes. The file is newer than the served graph."
        )
    else:
        only_mapping = {"mapping_config.json"} == set(names)
        kept = "the old names of the tensors stay" if only_mapping else "the old model stays"
        detail = (
            f"Files in a version's directory are read when the version is loaded and never again: {kept} "
            "in use. The files are newer than the served version."
        )
    severity: Severity = "warning" if newest.content or drift.breaks else "info"
    if drift.breaks:
        detail += " After the next start, it is not served as the files are now."
    return context.finding(
        FILES_CHANGED,
        message,
        is_running=True,
        model=drift.model,
        version=drift.version,
        path=newest.path,
        base=_base(context, drift),
        detail=detail,
        severity=severity,
        confidence="high" if drift.logged else "medium",
        evidence=_evidence(context, drift),
        recovers="restart",
        steps=_file_steps(context, drift),
        causes=(CausedBy(version=drift.version),) if drift.breaks else (),
    )


def _file_steps(context: Context, drift: Drift) -> tuple[Step, ...]:
    if drift.breaks:
        return (Step("Repair the files before the server is started again."),)
    steps = []
    model = next((item for item in context.plan.models if item.entry.name == drift.model), None)
    if drift.version is not None and model is not None and context.plan.polls:
        base = context.absolute(model.entry.base_path)
        new = max(item.version for item in model.versions) + 1
        if context.on_host(base) and drift.version == new - 1:
            source, target = (context.host(f"{base.rstrip('/')}/{number}") for number in (drift.version, new))
            text = f"Make a new version of the files: the server loads version {new} at its next poll."
            steps.append(Step(text, f"cp -a {quote(source)} {quote(target)}", "host", "changes files"))
    steps.append(_restart(context, "Or restart the server." if steps else "Restart the server."))
    return tuple(steps)


def _base(context: Context, drift: Drift) -> str:
    model = next((item for item in context.plan.models if item.entry.name == drift.model), None)
    return "" if model is None else model.entry.base_path
