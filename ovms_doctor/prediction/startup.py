"""Start-up: from the argument line to the Plan (server.cpp, config.cpp, modelmanager.cpp)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.model import server_log
from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.deployment import (
    DEFAULT_POLICY,
    ArgumentRefusal,
    Deployment,
    Mode,
    ModelEntry,
    ServerArguments,
)
from ovms_doctor.model.facts import (
    AnyQuestion,
    Facts,
    FactsMissingError,
    Failure,
    PathStatus,
    PlanPart,
    ReadFile,
    StatPath,
)
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.plan import Detection, Ignored, ModelPlan, Outcome, Plan, VersionState
from ovms_doctor.model.plan_problems import ConfigNote, StartProblem
from ovms_doctor.model.pull_plan import PullPlan
from ovms_doctor.prediction.cache import cache_problem, plan_cache
from ovms_doctor.prediction.config.monitoring import arguments_enable_metrics, arguments_problem
from ovms_doctor.prediction.config.policy import PolicyReading, argument_notes, read_argument
from ovms_doctor.prediction.configured import plan_configuration
from ovms_doctor.prediction.denials import with_denials
from ovms_doctor.prediction.engine_start import created_mounts
from ovms_doctor.prediction.extension import extension_stops, plan_extension, with_extension
from ovms_doctor.prediction.generative import Generative, detect_generative
from ovms_doctor.prediction.graphs.files import find_graph, graph_files
from ovms_doctor.prediction.host import with_host
from ovms_doctor.prediction.memory import estimate, is_killed
from ovms_doctor.prediction.mounted_facts import MountedFacts, mounted_facts_for
from ovms_doctor.prediction.outside_mounts import mark_outside
from ovms_doctor.prediction.parameters.parsed import parse_parameters
from ovms_doctor.prediction.paths import absolute, join_base_path
from ovms_doctor.prediction.pull_arguments import pull_refusal
from ovms_doctor.prediction.remote import with_routes
from ovms_doctor.prediction.servable import plan_model
from ovms_doctor.prediction.versions import DetectionError

ModelPlanner = Callable[[ModelEntry, Deployment, Mode, Facts], ModelPlan]
#: The arguments that are allowed with a graph (validateUserSettingsInSingleModelCliGraphStart); plugin_config since
#: v2025.4.
_GRAPH_ALLOWS = ("model_name", "model_path", "plugin_config")

#: 128 and SIGKILL.
_KILLED = 137


class Planned(Struct, frozen=True):
    """A plan as far as the facts allow, and the questions whose answers it still needs."""

    #: The plan; None if it needs further facts.
    plan: Plan | None
    #: The questions whose answers the plan needs.
    missing: tuple[AnyQuestion, ...] = ()
    #: The models without all answers, if each can be planned by itself.
    parts: tuple[PlanPart, ...] = ()


def plan(deployment: Deployment, facts: Facts, planner: ModelPlanner = plan_model) -> Planned:
    """Returns the plan of ``deployment``. Pure: the same facts give the same plan.

    ``facts``: all facts, or a view of them for this deployment, which keeps results of rules between calls.
    ``planner``: plans one model; a driver may pass one that keeps the plans of settled models.
    """
    if deployment.unavailable is not None:
        source = deployment.unavailable
        cause = CouldNotLook(source.source, source.reason, source.timed_out)
        return Planned(Plan(deployment.mode, "unknown", unknown=cause))
    ignored = _ignored_arguments(deployment)
    mounted_facts = facts if isinstance(facts, MountedFacts) else mounted_facts_for(facts, deployment)
    try:
        # The sources of the mounts are requested first: everything that is mounted depends on them.
        created_mounts(deployment, mounted_facts)
        planned = with_routes(_plan(deployment, mounted_facts, planner, ignored), deployment, mounted_facts)
        planned = with_host(planned, deployment, mounted_facts)
        planned = with_denials(planned, deployment, mounted_facts)
        if planned.outcome == "serves":
            memory = estimate(planned.models, deployment.limits)
            planned = replace(planned, memory=memory)
            if is_killed(memory, deployment):
                models = tuple(_killed(model) for model in planned.models)
                planned = replace(planned, outcome="exits", exit_code=_KILLED, killed=True, models=models)
        return Planned(mark_outside(planned, mounted_facts, deployment))
    except FactsMissingError as missing:
        return Planned(None, missing.questions, missing.parts)
    except DetectionError as error:
        return Planned(Plan(deployment.mode, "unknown", unknown=error.cause, ignored=ignored))


def _plan(deployment: Deployment, facts: Facts, planner: ModelPlanner, ignored: tuple[Ignored, ...]) -> Plan:
    """Returns the plan. Raises FactsMissingError, DetectionError."""
    generative = Generative()
    pull = None
    if deployment.arguments is not None:
        early, generative = _arguments(deployment, deployment.arguments, facts)
        if early is None and deployment.arguments.mode != "serve":
            from ovms_doctor.prediction.other_modes import begin_other_mode

            early, pull = begin_other_mode(deployment, deployment.arguments, facts, planner)
        if early is not None:
            return replace(early, ignored=ignored)
    elif deployment.mode == "single" and deployment.release.looks_for_generative_model:
        generative = _generative(deployment, None, facts)
    if generative.problem is not None:
        return replace(_exits(deployment.mode, generative.problem), ignored=ignored)
    cache = plan_cache(deployment, facts)
    if cache is not None and cache.ends:
        return replace(_exits(deployment.mode, cache_problem(cache)), ignored=ignored, cache=cache)
    extension = plan_extension(deployment, facts)
    stopped = extension_stops(extension, deployment)
    if stopped is not None:
        return replace(stopped, ignored=ignored, cache=cache)
    if deployment.mode == "single":
        planned = _single(deployment, facts, planner, generative, pull)
    else:
        planned = _config(deployment, facts, planner)
    poll = deployment.arguments is None or deployment.arguments.poll_seconds != 0
    planned = with_extension(planned if poll else _without_polls(planned), extension)
    return replace(planned, ignored=ignored + planned.ignored, cache=cache)


def _exits(mode: Mode, problem: StartProblem) -> Plan:
    return Plan(mode, "exits", problem.exit_code, problem=problem)


def _ignored_arguments(deployment: Deployment) -> tuple[Ignored, ...]:
    arguments = deployment.arguments
    return tuple(Ignored(item, item) for item in arguments.not_predicted) if arguments else ()


# -- the argument line ---------------------------------------------------------------------------------


def _arguments(
    deployment: Deployment, arguments: ServerArguments, facts: Facts
) -> tuple[Plan | None, Generative]:
    """Returns the plan if the arguments end the process, and the result of the search for a generative model. The
    server parses the arguments, then checks the model path, and only then validates."""
    refusals = arguments.refusals
    parsing = [item for item in refusals if item.stage == "parse"]
    if parsing:
        return _refused(deployment.mode, parsing[0]), Generative()
    if arguments.prints_help and not arguments.unmatched:
        problem = StartProblem("help", "OK", 0, ())
        return _exits(deployment.mode, problem), Generative()
    generative = Generative()
    if _may_be_generative(deployment, arguments):
        generative = _generative(deployment, arguments, facts)
        if generative.problem is not None:
            return _exits(deployment.mode, generative.problem), generative
    pulled = pull_refusal(arguments, deployment.release, deployment.environment)
    stages = ("parse", "unmatched", "prepare", "validate")
    if generative.task is not None and arguments.value("task") is None:
        # The parser of the inferred task reads the arguments that are left.
        kept = [
            item for item in refusals if item.stage != "unmatched" or item.option not in arguments.unmatched
        ]
        own = dict(arguments.refusals_by_task).get(generative.task, ())
        refusals = tuple(sorted((*own, *kept), key=lambda item: stages.index(item.stage)))
    for refusal in refusals:
        if pulled is not None and stages.index(refusal.stage) >= stages.index(pulled.stage):
            return _refused(deployment.mode, pulled), generative
        if _holds(refusal, deployment, facts):
            return _refused(deployment.mode, refusal), generative
    if arguments.prints_help:
        return _exits(deployment.mode, StartProblem("help", "OK", 0, ())), generative
    if pulled is not None:
        return _refused(deployment.mode, pulled), generative
    return None, generative


def _refused(mode: Mode, refusal: ArgumentRefusal) -> Plan:
    problem = StartProblem(
        "usage", "OPTIONS_USAGE_ERROR", 64, (refusal.text,), text=refusal.text,
        option=refusal.option, suggestion=refusal.suggestion, hint=refusal.hint,
        remedy=refusal.remedy,
    )  # fmt: skip
    return _exits(mode, problem)


def _holds(refusal: ArgumentRefusal, deployment: Deployment, facts: Facts) -> bool:
    """Returns whether a refusal that depends on a file applies. A file that could not be read counts as valid, and the
    one of ``exists`` too if the server's question fails: then it ends otherwise (``plan_extension``)."""
    demand = refusal.unless_file
    if demand is None:
        return True
    path = absolute(demand.path, deployment.working_directory)
    status = facts.ask(StatPath(path))
    if isinstance(status, Failure):
        return status.missing or demand.demand != "exists"
    if demand.demand == "exists" or not isinstance(status, PathStatus) or status.kind != "regular":
        return False
    return isinstance(facts.ask(ReadFile(path, 1)), Failure)


def _may_be_generative(deployment: Deployment, arguments: ServerArguments) -> bool:
    if arguments.mode == "in_memory":
        return True
    return (
        arguments.mode == "serve"
        and deployment.release.looks_for_generative_model
        and arguments.model_path is not None
    )


def _generative(deployment: Deployment, arguments: ServerArguments | None, facts: Facts) -> Generative:
    if arguments is None:
        base_path = deployment.models[0].base_path
        return detect_generative(
            base_path, deployment.working_directory, facts, task=None, options_left=False
        )
    return detect_generative(
        arguments.model_path or "",
        deployment.working_directory,
        facts,
        task=arguments.value("task"),
        options_left=bool(arguments.unmatched),
    )


# -- one model, as with --model_path -------------------------------------------------------------------


def _single(
    deployment: Deployment,
    facts: Facts,
    planner: ModelPlanner,
    generative: Generative,
    pull: PullPlan | None,
) -> Plan:
    arguments = deployment.arguments
    if pull is not None and arguments is not None:
        refused = _graph_settings(arguments, deployment)
        if refused is not None:
            return _exits("single", refused)
        from ovms_doctor.prediction.other_modes import pulled_model

        return replace(assemble("single", [pulled_model(pull, deployment, arguments, facts)]), pull=pull)
    notes: tuple[ConfigNote, ...] = ()
    if arguments is None:
        entry = deployment.models[0]
    else:
        root = deployment.working_directory + "/"
        path = join_base_path(arguments.model_path or "", root)
        entry = ModelEntry(arguments.model_name or "", path, parameters=arguments.parameters)
    if generative.task is not None:
        # It is not a model with versions, even if version directories exist.
        model = ModelPlan(entry, Detection("OK"), kind="generative")
        if is_remote(entry.base_path):
            cause = CouldNotLook(entry.base_path, "a generative model in remote storage is not followed")
            return Plan("single", "unknown", models=(replace(model, unknown=cause),))
        from ovms_doctor.prediction.graphs.follow import follow_in_memory, with_graph

        graph = follow_in_memory(entry.name, generative.task, entry.base_path, deployment, facts)
        return assemble("single", [with_graph(model, graph, "single")])
    if arguments is not None:
        if deployment.release.finds_graphs and _opens_graph(entry, deployment, facts):
            refused = _graph_settings(arguments, deployment)
            if refused is not None:
                return _exits("single", refused)
            return _alone(entry, deployment, facts, planner)
        problem, reading = _startup_problem(arguments, entry, deployment)
        if problem is not None and problem.undefined:
            return Plan("single", "unknown", problem=problem)
        if problem is not None:
            return _exits("single", problem)
        entry = replace(entry, policy=reading.policy or DEFAULT_POLICY)
        notes = argument_notes(arguments, reading)
    planned = _alone(entry, deployment, facts, planner)
    return replace(planned, config_notes=(*notes, *planned.config_notes))


def _alone(entry: ModelEntry, deployment: Deployment, facts: Facts, planner: ModelPlanner) -> Plan:
    """Returns the plan of one model or graph; of a graph with the models that its subconfig file lists."""
    model = planner(entry, deployment, "single", facts)
    if model.kind != "graph" or model.graph is not None or model.followed is None:
        return assemble("single", [model])
    from ovms_doctor.prediction.config.reading import ConfigEntry
    from ovms_doctor.prediction.graphs.subconfig import GraphFiles, subconfig_models

    item = ConfigEntry(entry, graph_files(entry.base_path))
    brought = subconfig_models([GraphFiles(item, model.followed.path)], deployment, facts)
    models = plan_models([each.entry for each in brought.entries], deployment, facts, planner)
    if brought.problem is not None and assemble("single", models).outcome not in ("exits", "never_ends"):
        return _exits("single", brought.problem)
    planned = assemble("single", [*models, model])
    return replace(planned, config_notes=brought.notes, skipped=brought.skipped)


def _opens_graph(entry: ModelEntry, deployment: Deployment, facts: Facts) -> bool:
    return find_graph(graph_files(entry.base_path), deployment.working_directory, facts) is not None


def _graph_settings(arguments: ServerArguments, deployment: Deployment) -> StartProblem | None:
    """Returns the problem of a graph with a model's parameters on the command line, which it does not accept
    (v2025.1)."""
    allowed = _GRAPH_ALLOWS if deployment.release.at_least(2025, 4) else _GRAPH_ALLOWS[:2]
    if arguments.mode == "pull_and_start":
        # The device of a model that is pulled is written into its graph.
        allowed = (*allowed, "target_device")
    used = [name for name in arguments.prepared if name not in allowed]
    if not used:
        return None
    log = (server_log.GRAPH_SETTINGS(what="".join(f"{name}, " for name in used)),)
    return StartProblem(
        "graph_settings", "OPTIONS_USAGE_ERROR", 64, log, text=", ".join(used), option=f"--{used[0]}"
    )


def _startup_problem(
    arguments: ServerArguments, entry: ModelEntry, deployment: Deployment
) -> tuple[StartProblem | None, PolicyReading]:
    """Applies ``startFromConfig``: metrics, plugin_config, version policy, then the other parameters; the first fault
    ends the process."""
    release = deployment.release
    if arguments_enable_metrics(arguments, release):
        metrics = arguments_problem(arguments, release)
        if metrics is not None:
            return metrics, PolicyReading(DEFAULT_POLICY)
    parsed = parse_parameters(entry, release, deployment.devices)
    refusal = parsed.abort or parsed.problem
    problem = None
    if refusal is not None:
        problem = StartProblem(
            "parameter", refusal.status, 1, refusal.log, text=parsed.at, option=f"--{parsed.at}"
        )
        if parsed.at == "plugin_config":
            return problem, PolicyReading(DEFAULT_POLICY)
    policy, refused = read_argument(arguments.model_version_policy or "", release)
    return refused or problem, policy


# -- a configuration of several models -----------------------------------------------------------------


def _config(deployment: Deployment, facts: Facts, planner: ModelPlanner) -> Plan:
    if deployment.config_path is not None:
        return plan_configuration(deployment, facts, planner, assemble)
    return assemble("config", plan_models(deployment.models, deployment, facts, planner))


def plan_models(
    entries: Iterable[ModelEntry], deployment: Deployment, facts: Facts, planner: ModelPlanner
) -> list[ModelPlan]:
    """Returns the plan of every entry. Raises FactsMissingError with the missing facts of all of them."""
    models = []
    missing: list[AnyQuestion] = []
    parts: list[PlanPart] = []
    for entry in entries:
        try:
            models.append(planner(entry, deployment, "config", facts))
        except FactsMissingError as error:
            missing.extend(error.questions)
            parts.append(PlanPart(error.questions, partial(planner, entry, deployment, "config", facts)))
    if missing:
        raise FactsMissingError(missing, parts)
    return models


def assemble(mode: Mode, models: list[ModelPlan]) -> Plan:
    """Returns the plan of models that are loaded one after the other: after a load that does not return, the next ones
    are not tried."""
    plans: list[ModelPlan] = []
    outcome: Outcome = "serves"
    exit_code = None
    for index, model in enumerate(models):
        plans.append(model)
        if model.at_poll:
            continue
        if model.ended is not None:
            outcome, exit_code = "exits", model.ended
        elif model.never_ends is not None or model.hangs is not None or model.blocked is not None:
            outcome = "never_ends"
        elif model.unknown is not None or (
            model.followed is not None and model.followed.verdict == "unknown"
        ):
            outcome = "unknown"
            continue
        else:
            continue
        plans += [_not_tried(later) for later in models[index + 1 :]]
        settled = _as_ended if outcome == "exits" else _as_now
        plans = [settled(item) for item in plans]
        break
    if any(model.at_poll and model.ended is not None for model in plans):
        # The server starts, and ends at its first poll.
        plans = [_as_ended(item) for item in plans]
    return Plan(mode, outcome, exit_code, tuple(plans))


def _not_tried(model: ModelPlan) -> ModelPlan:
    versions = tuple(replace(item, now=None, later=None) for item in model.versions)
    return replace(model, versions=versions, tried=False)


def _as_now(model: ModelPlan) -> ModelPlan:
    """Returns the model with unchanged later states: the repository is not read again before start-up ends."""
    return replace(model, versions=tuple(replace(item, later=item.now) for item in model.versions))


def _as_ended(model: ModelPlan) -> ModelPlan:
    """Returns the model without later states, because the process ended."""
    return replace(model, versions=tuple(replace(item, later=None) for item in model.versions))


def _killed(model: ModelPlan) -> ModelPlan:
    """Returns the model with no version AVAILABLE: it is not known at which version the memory is used up."""
    loading = VersionState("LOADING", "OK")
    versions = tuple(
        replace(item, now=loading if item.now is not None and item.now.available else item.now, later=None)
        for item in model.versions
    )
    return replace(model, versions=versions)


def _without_polls(planned: Plan) -> Plan:
    """Returns the plan for ``--file_system_poll_wait_seconds 0``: the server never polls, so the states after start-up
    do not change."""
    if planned.outcome not in ("serves", "unknown"):
        return replace(planned, polls=False)
    models = tuple(replace(_as_now(model), reloaded=(), retired=()) for model in planned.models)
    return replace(planned, models=models, polls=False)


__all__ = ["ModelPlanner", "Planned", "assemble", "plan", "plan_models"]
