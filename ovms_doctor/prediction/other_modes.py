"""Starts with other tasks than serving existing models: they pull a model, write a graph, change or list a
configuration.

Source: server.cpp startModules; hf_pull_model_module.cpp, config_export.cpp, graph_export.cpp (v2025.2 to v2026.3).
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable

from msgspec.structs import replace

from ovms_doctor.model import server_log
from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.deployment import Deployment, Mode, ModelEntry, ServerArguments
from ovms_doctor.model.facts import (
    CheckWritable,
    Facts,
    Failure,
    PathStatus,
    StatPath,
    Writability,
)
from ovms_doctor.model.plan import Detection, ModelPlan, Plan
from ovms_doctor.model.plan_problems import StartProblem
from ovms_doctor.model.pull_plan import PullFault, PullFaultKind, PullPlan
from ovms_doctor.prediction.directives import (
    OCCUPIED,
    NotKnownError,
    changed_path,
    ending_of_change,
    ending_of_list,
    usage_text,
)
from ovms_doctor.prediction.generative import infer_task
from ovms_doctor.prediction.graphs.follow import follow_in_memory, with_graph
from ovms_doctor.prediction.paths import absolute, join_base_path
from ovms_doctor.prediction.pull import plan_pull
from ovms_doctor.prediction.pull_arguments import repository_path

Planner = Callable[[ModelEntry, Deployment, Mode, Facts], ModelPlan]


def begin_other_mode(
    deployment: Deployment, arguments: ServerArguments, facts: Facts, planner: Planner
) -> tuple[Plan | None, PullPlan | None]:
    """Returns the whole plan if the process serves nothing, None if it then serves; and the model that it pulls first.
    Raises FactsMissingError."""
    mode = arguments.mode
    if mode in ("pull", "pull_and_start"):
        return _pull(deployment, arguments, facts)
    if mode == "configure":
        return _configure(deployment, arguments, facts), None
    if mode == "modify_config":
        return _modify(deployment, arguments, facts, planner), None
    if mode == "list_models":
        return _list(deployment, arguments, facts), None
    return None, None


# -- pulling --------------------------------------------------------------------------------------------


def _pull(
    deployment: Deployment, arguments: ServerArguments, facts: Facts
) -> tuple[Plan | None, PullPlan | None]:
    pull = plan_pull(deployment, arguments, arguments.mode, facts)
    if not pull.task and pull.existing != "absent":
        # Since v2026.3 the task is inferred before anything else, from the directory if it exists.
        task = infer_task(_absolute(pull.directory, deployment), facts)
        if task is None:
            log = (server_log.NO_TASK(),)
            problem = StartProblem("task_not_inferred", "OPTIONS_USAGE_ERROR", 64, log, pull.directory)
            return Plan(deployment.mode, "exits", 64, problem=problem), None
        pull = replace(pull, task=task)
    fault = pull.ends
    if fault is not None:
        problem = StartProblem("pull", fault.status, 1, fault.log, fault.path or None, text=fault.subject)
        return Plan(deployment.mode, "exits", 1, problem=problem, pull=pull), pull
    if arguments.mode == "pull_and_start":
        return None, pull
    if pull.downloads:
        cause = CouldNotLook(_address(pull, deployment), "the server downloads it, and it was not examined")
        return Plan(deployment.mode, "unknown", unknown=cause, pull=pull), pull
    return Plan(deployment.mode, "exits", 0, pull=pull), pull


def pulled_model(
    pull: PullPlan, deployment: Deployment, arguments: ServerArguments, facts: Facts
) -> ModelPlan:
    """Returns the model that is served after the pull; an existing directory is followed. Raises FactsMissingError."""
    path = join_base_path(pull.directory, deployment.working_directory.rstrip("/") + "/")
    name = arguments.model_name or pull.source
    model = ModelPlan(ModelEntry(name, path), Detection("OK"), kind="graph")
    if pull.existing != "kept" or not pull.directory:
        reason = "the server downloads it when it starts, and it was not examined"
        if pull.existing == "resumed":
            reason = "an unfinished download continues at the start"
        return replace(model, unknown=CouldNotLook(_address(pull, deployment), reason))
    file = arguments.value("gguf_filename")
    models_path = f"./{file}" if file else "./"
    graph = follow_in_memory(name, pull.task, path, deployment, facts, models_path)
    return with_graph(model, graph, "single")


def _address(pull: PullPlan, deployment: Deployment) -> str:
    """Returns the address of the model: at HF_ENDPOINT, else on Hugging Face."""
    endpoint = next((item.text for item in deployment.environment if item.name == "HF_ENDPOINT"), None)
    top = endpoint if endpoint and endpoint.startswith(("http://", "https://")) else "https://huggingface.co"
    return f"{top.rstrip('/')}/{pull.source}"


def _absolute(path: str, deployment: Deployment) -> str:
    return absolute(path, deployment.working_directory).rstrip("/") or "/"


# -- --configure ----------------------------------------------------------------------------------------


def _configure(deployment: Deployment, arguments: ServerArguments, facts: Facts) -> Plan:
    """Returns the plan of --configure: graph.pbtxt is written into --model_path, and nothing is loaded (v2026.3)."""
    directory = arguments.model_path or ""
    path = _absolute(directory, deployment)
    task = arguments.value("task") or infer_task(path, facts) or ""
    if not task:
        problem = StartProblem(
            "task_not_inferred", "OPTIONS_USAGE_ERROR", 64, (server_log.NO_TASK(),), directory
        )
        return Plan("single", "exits", 64, problem=problem)
    file = posixpath.join(directory, "graph.pbtxt")
    pull = PullPlan("configure", directory=file, task=task)
    fault = _not_written(path, posixpath.join(path, "graph.pbtxt"), file, deployment, facts)
    return _written(pull, fault)


def _written(pull: PullPlan, fault: PullFault | None, models: tuple[ModelPlan, ...] = ()) -> Plan:
    if fault is None:
        return Plan("config" if models else "single", "exits", 0, models, pull=pull)
    problem = StartProblem("pull", fault.status, 1, fault.log, fault.path or None, text=fault.subject)
    return Plan("single", "exits", 1, problem=problem, pull=replace(pull, faults=(fault,)))


def _not_written(
    directory: str, path: str, file_text: str, deployment: Deployment, facts: Facts
) -> PullFault | None:
    """Returns why a file of the directory cannot be written; None if it can, or if that is not known."""
    status = facts.ask(StatPath(path))
    rights = facts.ask(CheckWritable(path if isinstance(status, PathStatus) else directory))
    log = (server_log.FILE_NOT_WRITTEN(path=file_text),)
    if isinstance(rights, Failure):
        return PullFault("not_directory", True, file_text, status="FILE_INVALID", log=log)
    if not isinstance(rights, Writability) or (
        rights.writable and (isinstance(status, PathStatus) or rights.searchable)
    ):
        return None
    read_only = rights.read_only or deployment.mount_table.read_only(directory)
    kind: PullFaultKind = "read_only" if read_only else "denied"
    at = file_text if isinstance(status, PathStatus) else posixpath.dirname(file_text) or "."
    return PullFault(kind, True, at, status="FILE_INVALID", log=log, rights=rights)


# -- --list_models, --add_to_config, --remove_from_config -----------------------------------------------


def _list(deployment: Deployment, arguments: ServerArguments, facts: Facts) -> Plan:
    usage = usage_text(deployment, arguments)
    if usage:
        return _usage(deployment, usage, "--list_models")
    pull = PullPlan("list_models")
    try:
        ending = ending_of_list(deployment, arguments, facts)
    except NotKnownError as error:
        return Plan(deployment.mode, "unknown", unknown=error.cause, pull=pull)
    if ending is None:
        return Plan(deployment.mode, "exits", 0, pull=pull)
    problem = ending.problem("--list_models")
    return Plan(deployment.mode, "exits", ending.exit_code, problem=problem, pull=pull)


def _usage(deployment: Deployment, text: str, option: str) -> Plan:
    problem = StartProblem("usage", "OPTIONS_USAGE_ERROR", 64, (text,), text=text, option=option)
    return Plan(deployment.mode, "exits", 64, problem=problem)


def _modify(deployment: Deployment, arguments: ServerArguments, facts: Facts, planner: Planner) -> Plan:
    """Returns the plan of a configuration that gets or loses an entry; the base path is not read. It includes the plan
    of a server that then reads the entry."""
    adds = arguments.value("add_to_config") is not None
    option = "--add_to_config" if adds else "--remove_from_config"
    usage = usage_text(deployment, arguments)
    if usage:
        return _usage(deployment, usage, option)
    config_path = changed_path(deployment, arguments)
    if not config_path:
        cause = CouldNotLook("--config_path", "the path of the configuration is not known")
        return Plan("config", "unknown", unknown=cause)
    path = _absolute(config_path, deployment)
    if deployment.release.numbers[:2] == (2025, 3):
        # getConfigPath of that release.
        status = facts.ask(StatPath(path))
        if isinstance(status, PathStatus) and status.kind == "directory":
            config_path, path = (
                posixpath.join(config_path, "config.json"),
                posixpath.join(path, "config.json"),
            )
    name = arguments.model_name or ""
    pull = PullPlan("modify_config", name, config_path)
    try:
        ending = ending_of_change(config_path, deployment, arguments, facts)
    except NotKnownError as error:
        return Plan("config", "unknown", unknown=error.cause, pull=pull)
    if ending is not None and ending.status == OCCUPIED:
        return _written(pull, PullFault("listed", True, config_path, name, ending.status, ending.log))
    if ending is not None and ending.exit_code:
        return Plan("config", "exits", ending.exit_code, problem=ending.problem(option), pull=pull)
    fault = _not_written(posixpath.dirname(path), path, config_path, deployment, facts)
    if fault is not None:
        return _written(pull, fault)
    if ending is not None:
        return Plan("config", "exits", 0, problem=ending.problem(option), pull=pull)
    if not adds:
        return _written(pull, None)
    repository = repository_path(arguments, deployment.release, deployment.environment)
    base = arguments.model_path or (posixpath.join(repository, name) if repository else "")
    root = posixpath.dirname(config_path) + "/" if "/" in config_path else ""
    entry = ModelEntry(name, join_base_path(base, root), parameters=arguments.parameters)
    return _written(pull, None, (planner(entry, deployment, "config", facts),))
