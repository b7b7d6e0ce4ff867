"""Start-up: from the argument line to the Plan (server.cpp, config.cpp, modelmanager.cpp)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ovms_doctor import server_log
from ovms_doctor.deployment.model import (
    DEFAULT_POLICY,
    Deployment,
    Mode,
    ModelEntry,
    VersionPolicy,
)
from ovms_doctor.facts import (
    Facts,
    FactsMissing,
    Failure,
    Question,
    ReadFile,
    StatPath,
    Unavailable,
)
from ovms_doctor.serving.config_file import parse_policy, read_config
from ovms_doctor.serving.model import (
    Ignored,
    ModelPlan,
    Outcome,
    Plan,
    StartProblem,
)
from ovms_doctor.serving.paths import absolute, filesystem_error, join_base_path
from ovms_doctor.serving.servable import plan_model
from ovms_doctor.serving.versions import LookFailed

ModelPlanner = Callable[[ModelEntry, Deployment, Mode, Facts], ModelPlan]


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan as far as the facts reach, and the questions whose answers it still needs."""

    plan: Plan | None
    missing: tuple[Question, ...] = ()


def plan(deployment: Deployment, facts: Facts, planner: ModelPlanner = plan_model) -> Planned:
    """What the server does with ``deployment``. Pure: the same facts give the same plan.

    ``planner`` plans one model; a driver may pass one that remembers models already settled.
    """
    try:
        if deployment.arguments is not None and deployment.arguments.usage_error:
            return Planned(_usage(deployment))
        if deployment.mode == "single":
            return Planned(_single(deployment, facts, planner))
        return _config(deployment, facts, planner)
    except FactsMissing as missing:
        return Planned(None, missing.questions)


def _usage(deployment: Deployment) -> Plan:
    text = (deployment.arguments.usage_error or "") if deployment.arguments else ""
    problem = StartProblem("usage", "OPTIONS_USAGE_ERROR", 64, (text,), text=text)
    return Plan(deployment.mode, "exits", 64, problem=problem, ignored=_ignored_arguments(deployment))


def _ignored_arguments(deployment: Deployment) -> tuple[Ignored, ...]:
    arguments = deployment.arguments
    return tuple(Ignored(item, item) for item in arguments.ignored) if arguments else ()


# -- one model, as with --model_path -------------------------------------------------------------------


def _single(deployment: Deployment, facts: Facts, planner: ModelPlanner) -> Plan:
    arguments = deployment.arguments
    ignored = _ignored_arguments(deployment)
    if arguments is None:
        entry, given = deployment.models[0], deployment.models[0].base_path
    else:
        given = arguments.model_path or ""
        root = deployment.working_directory + "/"
        entry = ModelEntry(arguments.model_name or "", join_base_path(given, root))
    if deployment.release.looks_for_generative_model:
        try:
            problem, generative = _generative(given, deployment, facts)
        except LookFailed as error:
            return Plan("single", "unknown", unknown=error.cause, ignored=ignored)
        if problem is not None:
            return Plan("single", "exits", problem.exit_code, problem=problem, ignored=ignored)
        if generative:
            model = replace(planner(entry, deployment, "single", facts), kind="generative")
            return Plan("single", "unknown", models=(model,), ignored=ignored)
    if arguments is not None and arguments.model_version_policy is not None:
        policy, refused = _command_line_policy(arguments.model_version_policy)
        if refused is not None:
            return Plan("single", "exits", 1, problem=refused, ignored=ignored)
        entry = replace(entry, policy=policy)
    return _assemble("single", [planner(entry, deployment, "single", facts)], ignored)


def _generative(given: str, deployment: Deployment, facts: Facts) -> tuple[StartProblem | None, bool]:
    """``isInMemoryGraphMode`` (cli_parser.cpp, v2026.3): looks for files of a generative model before anything
    else, and throws where it may not look."""
    where = absolute(given, deployment.working_directory)
    for name in ("config.json", "model_index.json"):
        answer = facts.ask(StatPath(f"{where}/{name}"))
        if isinstance(answer, Unavailable):
            raise LookFailed(f"{given}/{name}", answer)
        if isinstance(answer, Failure):
            if answer.missing:
                continue
            path = os.path.join(given, name)
            line = server_log.OPTIONS_EXCEPTION(what=filesystem_error("status", answer, path))
            problem = StartProblem(
                "model_path_denied", "OPTIONS_USAGE_ERROR", 64, (line,), path, failure=answer
            )
            return problem, False
        graph = facts.ask(StatPath(f"{where}/graph.pbtxt"))
        if not isinstance(graph, (Failure, Unavailable)):
            return None, True
        if _names_a_task(f"{where}/{name}", facts):
            return None, True
        line = server_log.NO_TASK()
        path = os.path.join(given, name)
        return StartProblem("task_not_inferred", "OPTIONS_USAGE_ERROR", 64, (line,), path), False
    return None, False


def _names_a_task(where: str, facts: Facts) -> bool:
    """Whether the file looks like one that the server infers a task from; what it infers is not followed."""
    content = facts.ask(ReadFile(where, 1 << 20))
    if isinstance(content, (Failure, Unavailable)):
        return False
    try:
        document = json.loads(content.data)
    except ValueError:
        return False
    return isinstance(document, dict) and bool(
        document.get("architectures") or document.get("_class_name") or "n_mels" in document
    )


def _command_line_policy(text: str) -> tuple[VersionPolicy, StartProblem | None]:
    """``--model_version_policy``: no schema stands before it; what is wrong ends the process."""
    import rapidjson

    if not text:
        return DEFAULT_POLICY, None
    try:
        value = rapidjson.loads(text)
    except ValueError:
        value = None
    policy = parse_policy(value)
    if policy is not None:
        return policy, None
    known = isinstance(value, dict) and len(value) == 1 and not {"all", "specific", "latest"} & set(value)
    status = "MODEL_VERSION_POLICY_UNSUPPORTED_KEY" if known else "MODEL_VERSION_POLICY_WRONG_FORMAT"
    line = server_log.POLICY_UNPARSABLE(status=server_log.STATUS_TEXT[status])
    return DEFAULT_POLICY, StartProblem("policy", status, 1, (line,), text=text)


# -- a configuration of several models -----------------------------------------------------------------


def _config(deployment: Deployment, facts: Facts, planner: ModelPlanner) -> Planned:
    ignored = _ignored_arguments(deployment)
    entries: Iterable[ModelEntry] = deployment.models
    duplicates: tuple[str, ...] = ()
    if deployment.config_path is not None:
        reading = read_config(deployment.config_path, deployment, facts)
        ignored += reading.ignored
        base = Plan("config", "unknown", ignored=ignored, config_path=deployment.config_path)
        if reading.unknown is not None:
            return Planned(replace(base, unknown=reading.unknown))
        if reading.problem is not None:
            problem = reading.problem
            return Planned(replace(base, outcome="exits", exit_code=problem.exit_code, problem=problem))
        entries, duplicates = reading.entries, reading.duplicates
    models = []
    missing: list[Question] = []
    for entry in entries:
        try:
            models.append(planner(entry, deployment, "config", facts))
        except FactsMissing as error:
            missing.extend(error.questions)
    if missing:
        return Planned(None, tuple(missing))
    assembled = _assemble("config", models, ignored)
    return Planned(replace(assembled, duplicates=duplicates, config_path=deployment.config_path))


def _assemble(mode: Mode, models: list[ModelPlan], ignored: tuple[Ignored, ...]) -> Plan:
    """Models are loaded one after the other: what does not come back keeps the next ones from being tried."""
    done: list[ModelPlan] = []
    outcome: Outcome = "serves"
    exit_code = None
    for index, model in enumerate(models):
        done.append(model)
        if model.ended is not None:
            outcome, exit_code = "exits", model.ended
        elif model.never_ends is not None or model.hangs is not None:
            outcome = "never_ends"
        elif model.unknown is not None or model.kind == "generative":
            outcome = "unknown"
            continue
        else:
            continue
        done += [_not_tried(later) for later in models[index + 1 :]]
        settled = _gone if outcome == "exits" else _as_now
        done = [settled(item) for item in done]
        break
    return Plan(mode, outcome, exit_code, tuple(done), ignored=ignored)


def _not_tried(model: ModelPlan) -> ModelPlan:
    versions = tuple(replace(item, now=None, later=None) for item in model.versions)
    return replace(model, versions=versions, tried=False)


def _as_now(model: ModelPlan) -> ModelPlan:
    """The repository is not looked at again before start-up is over: what is stays."""
    return replace(model, versions=tuple(replace(item, later=item.now) for item in model.versions))


def _gone(model: ModelPlan) -> ModelPlan:
    """Nothing comes later where the process ended."""
    return replace(model, versions=tuple(replace(item, later=None) for item in model.versions))
