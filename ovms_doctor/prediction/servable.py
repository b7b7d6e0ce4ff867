"""One entry of the configuration, from its base path to what it serves after start-up and two polls."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.model import server_log
from ovms_doctor.model.cache_plan import CacheFails
from ovms_doctor.model.causes import CouldNotLook, ParameterRefused, SpecialFile
from ovms_doctor.model.deployment import Deployment, Mode, ModelEntry
from ovms_doctor.model.facts import Facts, ListDirectory, StatPath
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.parameters import ParsedParameters
from ovms_doctor.model.plan import Attempt, Detection, ModelPlan, StatusCode, VersionPlan, VersionState
from ovms_doctor.model.plan_problems import GraphFault
from ovms_doctor.model.text import HIDDEN
from ovms_doctor.prediction.cache import plan_cache, with_cache
from ovms_doctor.prediction.extension import plan_extension
from ovms_doctor.prediction.graphs.files import find_graph, graph_files, open_graph
from ovms_doctor.prediction.graphs.recognition import recognise
from ovms_doctor.prediction.loading import Loader
from ovms_doctor.prediction.manager import LOADING_OK, Manager, StartEndsError, StartNeverEndsError
from ovms_doctor.prediction.nearest_path import nearest_base_path
from ovms_doctor.prediction.parameters.parsed import parse_parameters
from ovms_doctor.prediction.parameters.presence import with_verdict
from ovms_doctor.prediction.paths import absolute
from ovms_doctor.prediction.servables_below import servables_below
from ovms_doctor.prediction.unmapped_paths import unmapped
from ovms_doctor.prediction.versions import DetectionError, apply_policy, detect

if TYPE_CHECKING:
    from ovms_doctor.prediction.storage.stored import Stored

#: The number of polls of the repository after start-up that are followed.
POLLS = 2
_SIGABRT = 6
States = dict[int, VersionState]


class _ModelRun(Struct):
    """The progress of start-up and polls: the states right after start-up, and later."""

    status: StatusCode = "OK"
    now: States | None = None
    later: States | None = None
    stop: StartEndsError | None = None
    never_ends: int | None = None
    at_poll: bool = False


def plan_model(entry: ModelEntry, deployment: Deployment, mode: Mode, facts: Facts) -> ModelPlan:
    """Returns the plan of ``entry``. Raises FactsMissingError until all needed facts are collected."""
    parameters = parse_parameters(entry, deployment.release, deployment.devices) if entry.parameters else None
    if parameters is not None:
        parameters = with_verdict(parameters, deployment, facts)
    cwd = deployment.working_directory
    absolute_path = absolute(entry.base_path, cwd)
    # The base path, graph path and name of an entry of config.json are checked before this function.
    remote = is_remote(entry.base_path)
    if deployment.release.finds_graphs and not entry.pointer and not remote:
        files = graph_files(entry.base_path)
        # Each round of questions costs another plan: facts that are nearly always needed are requested in advance.
        beside = (StatPath(absolute(path, cwd)) for path in files)
        facts.need([StatPath(absolute_path), ListDirectory(absolute_path), *beside])
        try:
            graph = find_graph(files, cwd, facts)
            if isinstance(graph, SpecialFile):
                return ModelPlan(entry, Detection("OK"), blocked=graph)
            if graph is not None:
                return _graph(entry, graph, deployment, mode, facts)
        except DetectionError as error:
            return _unknown(entry, error.cause)
    if parameters is not None and parameters.stateful and parameters.dynamic:
        log = (server_log.STATEFUL_DYNAMIC(model=entry.name),)
        status = "REQUESTED_DYNAMIC_PARAMETERS_ON_STATEFUL_MODEL"
        ended = 1 if mode == "single" else None
        return ModelPlan(entry, Detection(status, log=log), status=status, ended=ended, parameters=parameters)
    if remote:
        from ovms_doctor.prediction.storage.entry import plan_remote

        stored = plan_remote(entry, deployment, mode, facts)
        if isinstance(stored, ModelPlan):
            return stored
        return _follow(entry, stored.detection, deployment, mode, facts, parameters, stored)
    try:
        detection = facts.once(
            ("versions", entry.base_path),
            partial(detect, entry.base_path, absolute_path, deployment.release, facts),
        )
    except DetectionError as error:
        return _unknown(entry, error.cause)
    problem = detection.problem
    # Similar paths are not searched for an address: it can contain a secret.
    if problem is not None and problem.kind == "missing" and HIDDEN not in absolute_path:
        unknown = unmapped(absolute_path, deployment, facts)
        if unknown is not None:
            return _unknown(entry, unknown)
        suggestion = nearest_base_path(absolute_path, deployment.mounts, facts)
        detection = replace(detection, problem=replace(problem, suggestion=suggestion))
    if detection.status != "OK":
        ended = 1 if mode == "single" else None
        return ModelPlan(entry, detection, status=detection.status, ended=ended, parameters=parameters)
    meant = None
    if not detection.found and not detection.single_file:
        detection = replace(detection, below=servables_below(entry.base_path, absolute_path, facts))
        if detection.listing is not None:
            meant = recognise(absolute_path, detection.listing, facts)
    plan = _follow(entry, detection, deployment, mode, facts, parameters)
    return plan if meant is None else replace(plan, meant=meant)


def _graph(entry: ModelEntry, path: str, deployment: Deployment, mode: Mode, facts: Facts) -> ModelPlan:
    """Returns the plan of a graph that was found: started alone, it ends the process if it cannot be loaded."""
    fault = open_graph(entry.name, path, deployment.working_directory, deployment.release, facts)
    plan = ModelPlan(entry, Detection("OK"), kind="graph")
    if fault is None:
        from ovms_doctor.prediction.graphs.follow import follow_graph, with_graph

        fallback = graph_files(entry.base_path)[1]
        base = fallback.rpartition("/")[0] if path == fallback else entry.base_path
        return with_graph(plan, follow_graph(entry.name, path, base, deployment, facts), mode)
    if not isinstance(fault, GraphFault):
        return plan
    # The result of a directory in its place depends on the file system.
    ends = mode == "single" and fault.reason != "directory"
    return replace(plan, status=fault.status, graph=fault, ended=1 if ends else None)


def _unknown(entry: ModelEntry, cause: CouldNotLook) -> ModelPlan:
    return ModelPlan(entry, Detection("OK"), unknown=cause)


def _follow(
    entry: ModelEntry,
    detection: Detection,
    deployment: Deployment,
    mode: Mode,
    facts: Facts,
    parameters: ParsedParameters | None,
    stored: Stored | None = None,
) -> ModelPlan:
    loader = Loader(
        entry.name,
        deployment.release,
        deployment.working_directory,
        deployment.options.load,
        facts,
        parameters,
        facts.once("extension", partial(plan_extension, deployment, facts)),
    )
    cache = facts.once("cache", partial(plan_cache, deployment, facts))
    known: dict[tuple[int, bool], Attempt] = {}
    missed: set[int] = set()
    retired: set[int] = set()

    def attempt(version: int) -> Attempt:
        # A failed version that the search misses is not cleaned up: its model is used again as it was read, and layouts
        # and preprocessing are skipped (needsToApplyLayoutConfiguration).
        kept = (
            version in missed
            and version not in retired
            and (version, False) in known
            and _fails_on_layout(known[version, False])
        )
        if stored is not None:
            # The versions that are downloaded together decide whether it loads; the download keeps the attempts.
            tried = stored.attempt(version, loader, kept=kept)
            known[version, kept] = with_cache(tried, cache, entry.name, parameters)
        elif (version, kept) not in known:
            path = entry.base_path if detection.single_file else f"{entry.base_path}/{version}"
            names = detection.directories(version)
            tried = loader.attempt(version, path, names, single_file=detection.single_file, kept=kept)
            known[version, kept] = with_cache(tried, cache, entry.name, parameters)
        return known[version, kept]

    begin = None if stored is None else partial(stored.begin, loader=loader)
    manager = Manager(detection.found, entry.policy, attempt, begin, missed=missed, retired=retired)
    requested = tuple(sorted(set(apply_policy(entry.policy, list(detection.found)))))
    run, reloaded = _run(manager, mode)
    plan = ModelPlan(
        entry,
        detection,
        requested,
        status=run.status,
        versions=_versions(detection, requested, run, _first_tries(manager.tried, known)),
        missed=tuple(sorted(manager.missed)),
        retired=tuple(sorted(manager.retired)),
        reloaded=reloaded,
        never_ends=run.never_ends,
        at_poll=run.at_poll,
        parameters=parameters,
    )
    if run.stop is not None:
        return _stopped(plan, run.stop.attempt)
    if mode == "single" and not run.status.startswith("OK"):
        plan = replace(plan, ended=1)
    return plan


def _fails_on_layout(attempt: Attempt) -> bool:
    cause = attempt.cause
    return isinstance(cause, ParameterRefused) and cause.reason in ("layout", "build", "preprocessing")


def _first_tries(tried: dict[int, Attempt], known: dict[tuple[int, bool], Attempt]) -> dict[int, Attempt]:
    """Returns the reported attempt of each version: the first, if a later attempt fails in another way."""
    return {
        version: known[version, False] if last.outcome == "failed" and (version, False) in known else last
        for version, last in tried.items()
    }


def _run(manager: Manager, mode: Mode) -> tuple[_ModelRun, tuple[int, ...]]:
    """Runs start-up and the polls after it, as far as they come; returns the result, and the versions that every poll
    loads again."""
    run = _ModelRun()
    reloaded: tuple[int, ...] = ()
    try:
        run.status = manager.poll()
        run.now = dict(manager.states)
        if mode == "single" and not run.status.startswith("OK"):
            return run, ()
        for _ in range(POLLS):
            if manager.poll() == "OK":
                # There was nothing to do, and it is the same at each later poll.
                reloaded = ()
                break
            loaded = {
                v for v in manager.started if v in manager.tried and manager.tried[v].outcome == "loaded"
            }
            reloaded = tuple(sorted(loaded))
        run.later = dict(manager.states)
    except StartNeverEndsError as error:
        run.never_ends = error.version
        _break_off(run, manager)
    except StartEndsError as stop:
        run.stop = stop
        manager.states[stop.attempt.version] = LOADING_OK
        _break_off(run, manager)
    return run, reloaded


def _break_off(run: _ModelRun, manager: Manager) -> None:
    """Sets the states at this point: start-up, or the first poll after it, never ends."""
    if run.now is None:
        run.now = dict(manager.states)
    else:
        run.at_poll = True
        run.later = dict(manager.states)


def _stopped(plan: ModelPlan, attempt: Attempt) -> ModelPlan:
    """Returns the plan with the effect on the process of a load that does not return."""
    if attempt.outcome == "hangs":
        return replace(plan, hangs=attempt.version)
    if attempt.outcome == "crashed" and attempt.report is not None and attempt.report.signal:
        return replace(plan, ended=128 + attempt.report.signal)
    cause = attempt.cause
    if isinstance(cause, CacheFails):
        return replace(plan, ended=128 + _SIGABRT)
    unknown = (
        cause if isinstance(cause, CouldNotLook) else CouldNotLook(attempt.path, "it could not be determined")
    )
    versions = tuple(
        replace(item, now=None, later=None) if item.version == attempt.version else item
        for item in plan.versions
    )
    return replace(plan, unknown=unknown, versions=versions)


def _versions(
    detection: Detection, requested: tuple[int, ...], run: _ModelRun, tried: dict[int, Attempt]
) -> tuple[VersionPlan, ...]:
    return tuple(
        VersionPlan(
            version,
            detection.directories(version),
            version in requested,
            (run.now or {}).get(version),
            (run.later or {}).get(version),
            tried.get(version),
        )
        for version in sorted(set(detection.found))
    )
