"""Changes after the running server read its files: the plan for a start now, compared with the running server.

When the server reads what (modelmanager.cpp watcher, updateConfigurationWithoutConfigFile; modelconfig.cpp
isReloadRequired, all releases): config.json if its content changes, and the names of the version directories, at every
poll; the files in a version's directory, mapping_config.json among them, when the version is loaded, and never again.
With ``--file_system_poll_wait_seconds 0`` nothing is read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

from msgspec import Struct

from ovms_doctor.model.container import Container
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Facts, PathTimes, StatTimes
from ovms_doctor.model.live import ChangedPath, Drift, LiveServable, LiveStatus
from ovms_doctor.model.log import LogSummary
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.plan import ModelPlan, Plan, VersionPlan
from ovms_doctor.prediction.live.interpret import interpret

#: The file with the names of tensors, in a version's directory.
_MAPPING = "mapping_config.json"
#: The existing time zones, in minutes from UTC; and the largest time from the start of the server to its first line, in
#: seconds.
_ZONES: tuple[int, ...] = (
    *range(-12 * 60, 15 * 60, 60),
    *(-570, -210, -150, 210, 270, 330, 345, 390, 525, 570, 630, 765, 825),
)
_START_UP = 60.0
#: The number of first lines of an output that contain the first record; the pattern of a record's time.
_BEGINNING = 5
_TIME = lazy_pattern(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3})\]")
#: Without a logged load, a change within this time after the start may be older than the server's reading, in seconds.
_SETTLED = 300.0
#: The largest number of files of one version that are checked.
_MOST_FILES = 200


class ServerTimes(Struct, frozen=True):
    """When the running server started and read its models, in seconds since 1970."""

    #: The start of the container.
    started: float
    #: The number of seconds to add to a time of the log, read as UTC; None if the two cannot be compared.
    offset: float | None
    #: The time of the query of the server.
    queried_at: float
    #: The time of the successful load of each model and version; the version is None for a graph.
    loads: dict[tuple[str, int | None], float]


class _Compared(Struct, frozen=True):
    """What is compared with the running server."""

    #: The deployment.
    deployment: Deployment
    #: The plan for a start now.
    plan: Plan
    #: The facts about the paths.
    facts: Facts
    #: The times of the server.
    times: ServerTimes


def live_status_of(deployment: Deployment) -> LiveStatus | None:
    """Returns the recorded status of the running server; None if the server was not queried."""
    query = deployment.options.live
    if query is None or query.address is None or query.observations is None:
        return None
    return interpret(query.address, (), query.observations, query.model)


def drifts(deployment: Deployment, plan: Plan, facts: Facts, status: LiveStatus) -> tuple[Drift, ...]:
    """Returns the differences that a change explains. Raises FactsMissingError for the times of the paths."""
    times = server_times(deployment)
    if status.server != "ovms" or status.servables is None or times is None:
        return ()
    served = {item.name: item for item in status.servables}
    compared = _Compared(deployment, plan, facts, times)
    found = list(_configuration(compared, served))
    models = [model for model in plan.models if not is_remote(model.entry.base_path)]
    facts.need(
        StatTimes(path)
        for model in models
        if model.entry.name in served
        for path in _paths(model, deployment)
    )
    for model in models:
        if model.entry.name in served:
            found += _of_model(compared, model, served[model.entry.name])
    return tuple(found)


def unlisted(plan: Plan, status: LiveStatus) -> tuple[str, ...]:
    """Returns names that the server is configured with and does not list, though a start now would serve them."""
    if status.server != "ovms" or not status.servables or status.address.grpc:
        return ()
    return _names(plan, {item.name: item for item in status.servables})[0]


# -- times ---------------------------------------------------------------------------------------------


def server_times(deployment: Deployment) -> ServerTimes | None:
    """Returns the times of the server; None if the start of the container is not known."""
    container, query = deployment.container, deployment.options.live
    state = container.state if container is not None else None
    started = None if state is None else _utc(state.started_at)
    if started is None or query is None:
        return None
    log = deployment.options.server_log
    offset = None if log is None or container is None else _offset(log, container, started)
    loads = {} if log is None or offset is None else _loads(log, offset)
    return ServerTimes(started, offset, query.queried_at, loads)


def _utc(text: str) -> float | None:
    """Returns the seconds since 1970 of a time in RFC 3339, with up to nine digits of a second."""
    if not text:
        return None
    whole, point, rest = text.partition(".")
    if point:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        text = f"{whole}.{digits[:6].ljust(6, '0')}{rest[len(digits) :]}"
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return moment.replace(tzinfo=moment.tzinfo or timezone.utc).timestamp()
    except (ValueError, OverflowError):
        return None


def _offset(log: LogSummary, container: Container, started: float) -> float | None:
    """Returns the offset of the log's times: the log has the container's local time, and its first line shows the zone.
    Of a long log only the end is read; then the first lines of the container's output are used."""
    if len(log.sources) > 1 or not log.starts:
        return None
    if log.starts[-1].from_beginning:
        first = log_time(log.starts[-1].at)
    else:
        times = (_TIME.search(line) for line in container.log[:_BEGINNING])
        first = next((log_time(match[1]) for match in times if match), None)
    if first is None:
        return None
    for zone in _ZONES:
        if -1.0 <= first - started - 60 * zone <= _START_UP:
            return -60.0 * zone
    return None


def log_time(text: str | None) -> float | None:
    """Returns a time of the log as if its zone were UTC."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment.replace(tzinfo=timezone.utc).timestamp()


def _loads(log: LogSummary, offset: float) -> dict[tuple[str, int | None], float]:
    last = len(log.starts) - 1
    found: dict[tuple[str, int | None], float] = {}
    for item in log.servables:
        moment = log_time(item.since)
        if item.start == last and item.state == "AVAILABLE" and moment is not None:
            found[item.name, item.version if item.kind == "model" else None] = moment + offset
    return found


# -- the configuration file ----------------------------------------------------------------------------


def _configuration(compared: _Compared, served: dict[str, LiveServable]) -> Iterator[Drift]:
    deployment, plan, times = compared.deployment, compared.plan, compared.times
    if plan.config_path is None:
        return
    path = deployment.absolute(plan.config_path)
    changed = compared.facts.ask(StatTimes(path))
    if not isinstance(changed, PathTimes) or max(changed.modified, changed.changed) <= times.started:
        return
    missing, extra = _names(plan, served)
    polls = plan.polls
    at = max(changed.modified, changed.changed)
    next_poll = polls and at > times.queried_at - 2 * _poll_seconds(deployment)
    is_refused = plan.outcome == "exits" and plan.problem is not None and bool(served)
    if not (missing or extra or is_refused or (not polls and at > times.started + 5)):
        return
    mount = deployment.mount_table.mount_of(path)
    single = mount is not None and mount.server == path
    content = changed.modified > times.started
    yield Drift(
        "configuration",
        None,
        None,
        (ChangedPath(path, changed.modified if content else changed.changed, content),),
        times.started,
        False,
        next_poll and not is_refused,
        missing,
        extra,
        is_refused,
        single,
    )


def _names(plan: Plan, served: dict[str, LiveServable]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns names that a start now would list but the running server does not, and the reverse."""
    if plan.outcome != "serves":
        return (), ()
    listed = {model.entry.name for model in plan.models if model.tried and _is_listed(model)}
    listed |= {item.name for item in plan.pipelines if not item.is_dropped}
    known = {model.entry.name for model in plan.models} | {item.name for item in plan.pipelines}
    known |= set(plan.duplicates)
    missing = sorted(listed - set(served))
    extra = sorted(name for name, item in served.items() if name not in known and not item.removed)
    return tuple(missing), tuple(extra)


def _is_listed(model: ModelPlan) -> bool:
    """Whether /v1/config certainly has the name: it lacks a graph that fails at the stage of an exception."""
    if model.unknown is not None:
        return False
    if model.followed is not None:
        return model.followed.verdict == "available"
    return model.kind == "classic" and bool(model.served)


def _poll_seconds(deployment: Deployment) -> int:
    return deployment.arguments.poll_seconds if deployment.arguments is not None else 1


# -- one model -----------------------------------------------------------------------------------------


def _paths(model: ModelPlan, deployment: Deployment) -> Iterator[str]:
    """Yields every path of a model whose times are compared."""
    if model.followed is not None:
        if model.followed.path:
            yield deployment.absolute(model.followed.path)
        return
    yield deployment.absolute(model.entry.base_path)
    for version in model.versions:
        if version.attempt is not None:
            yield deployment.absolute(version.attempt.path)
            yield from _files(version, deployment)


def _files(version: VersionPlan, deployment: Deployment) -> list[str]:
    """Returns the files of a version that the server reads, and its mapping of names."""
    attempt = version.attempt
    if attempt is None:
        return []
    names = [attempt.model_file or "", *attempt.opened]
    if attempt.inspection is not None:
        names += [file.path for file in attempt.inspection.files]
    names.append(f"{attempt.path.rstrip('/')}/{_MAPPING}")
    absolute = (deployment.absolute(name) for name in names if name)
    return list(dict.fromkeys(path.rstrip("/") for path in absolute))[:_MOST_FILES]


def _of_model(compared: _Compared, model: ModelPlan, served: LiveServable) -> Iterator[Drift]:
    deployment, plan, times = compared.deployment, compared.plan, compared.times
    name = model.entry.name
    if model.followed is not None:
        path = deployment.absolute(model.followed.path) if model.followed.path else ""
        if path and served.available:
            is_broken = model.followed.verdict in ("failed", "escaped", "killed")
            yield from _changed_files(compared, name, None, [path], breaks=is_broken)
        return
    live = {item.version: item.condition for item in served.versions}
    gone_after = times.queried_at - 2 * _poll_seconds(deployment)
    for version in model.versions:
        attempt = version.attempt
        if attempt is None:
            continue
        condition = live.get(version.version)
        if condition == "available":
            directory = deployment.absolute(attempt.path).rstrip("/")
            is_broken = not (version.now is not None and version.now.available)
            names = [*_files(version, deployment), *([directory] if is_broken else [])]
            breaks = is_broken and version.requested
            yield from _changed_files(compared, name, version.version, names, breaks=breaks)
        elif condition in (None, "retired") and version.requested and _is_served(version):
            added = compared.facts.ask(StatTimes(deployment.absolute(attempt.path)))
            if not isinstance(added, PathTimes):
                continue
            if not plan.polls and added.changed <= times.started:
                # The version existed when the server read the directory: the files are not the reason.
                continue
            change = ChangedPath(attempt.path, added.changed, True)
            next_poll = plan.polls and added.changed > gone_after
            yield Drift("version_added", name, version.version, (change,), times.started, False, next_poll)
    yield from _removed(compared, model, served)


def _is_served(version: VersionPlan) -> bool:
    """Whether it is AVAILABLE after start-up and stays so."""
    return not version.fails


def _removed(compared: _Compared, model: ModelPlan, served: LiveServable) -> Iterator[Drift]:
    """Yields versions that are served although their directories are gone."""
    if model.unknown is not None or model.detection.single_file:
        return
    times = compared.times
    known = {version.version for version in model.versions}
    base = compared.deployment.absolute(model.entry.base_path)
    answer = compared.facts.ask(StatTimes(base))
    paths = (ChangedPath(base, answer.modified, True),) if isinstance(answer, PathTimes) else ()
    # If the whole base path is missing, no version is retired: the polls fail.
    next_poll = compared.plan.polls and model.detection.problem is None
    for version in served.versions:
        if version.condition == "available" and version.version not in known:
            yield Drift(
                "version_removed",
                model.entry.name,
                version.version,
                paths,
                times.loads.get((model.entry.name, version.version), times.started),
                (model.entry.name, version.version) in times.loads,
                next_poll,
            )


def _changed_files(
    compared: _Compared, name: str, version: int | None, paths: Sequence[str], *, breaks: bool
) -> Iterator[Drift]:
    """Yields files that are newer than the load of the served version."""
    times = compared.times
    load = times.loads.get((name, version))
    if load is None and (compared.plan.polls or version is None):
        # It may have been loaded at any time since the start, or be a graph that was pulled before it was loaded.
        return
    read_at = times.started + _SETTLED if load is None else load
    found = []
    for path in paths:
        answer = compared.facts.ask(StatTimes(path))
        if isinstance(answer, PathTimes) and max(answer.modified, answer.changed) > read_at:
            content = answer.modified > read_at
            found.append(ChangedPath(path, answer.modified if content else answer.changed, content))
    if found:
        found.sort(key=lambda item: (not item.content, -item.at, item.path))
        read = times.started if load is None else load
        yield Drift("files", name, version, tuple(found), read, load is not None, False, breaks=breaks)
