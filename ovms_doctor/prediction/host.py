"""Parts of the host that the server cannot use: its log file, its ports, its addresses; and the channel arguments,
which it reads when it opens the port of gRPC.

The log file is opened once the arguments are valid, before anything else; the ports after the model cache and the CPU
extension (ModelManager's constructor), before the configuration and the models (Server::startModules), except in
v2022.1.
"""

from __future__ import annotations

from msgspec.structs import replace

from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.plan import ModelPlan, Plan
from ovms_doctor.model.plan_problems import StartProblem
from ovms_doctor.prediction.engine_start import created_mounts, engine_problem, hidden_config
from ovms_doctor.prediction.log_file import log_file_problem
from ovms_doctor.prediction.network import channel_argument_problem, network_problem

#: Problems with which the process ends before it opens its log file.
_BEFORE_LOG = ("usage", "help", "task_not_inferred", "model_path_denied")
#: Problems with which the process ends before it opens its ports.
_BEFORE_PORTS = ("cache", "extension")


def with_host(planned: Plan, deployment: Deployment, facts: Facts) -> Plan:
    """Returns the plan with the effect of the host. Raises FactsMissingError."""
    problem = engine_problem(deployment, facts)
    if problem is not None:
        return _ended(planned, problem)
    created, hidden = created_mounts(deployment, facts), hidden_config(deployment, facts)
    if created or hidden is not None:
        planned = replace(planned, created_mounts=created, hidden_config=hidden)
    arguments = deployment.arguments
    if arguments is None or (planned.problem is not None and planned.problem.kind in _BEFORE_LOG):
        return planned
    problem = log_file_problem(deployment, facts)
    if problem is not None:
        return _ended(planned, problem)
    channel = channel_argument_problem(deployment)
    if channel is not None and not deployment.release.at_least(2022, 2):
        # The first thing that the server looks at then.
        return _ended(_with_read_option(planned, channel), channel)
    problem = network_problem(deployment, facts)
    if channel is not None and not (problem is not None and problem.of_engine):
        problem = channel
        if not _ends_before_ports(planned):
            planned = _with_read_option(planned, channel)
    if problem is None or (not problem.of_engine and _ends_before_ports(planned)):
        return planned
    if not problem.of_engine and not deployment.release.at_least(2022, 2):
        # The models are already loaded at this point.
        if planned.outcome != "serves":
            return planned
        models = tuple(_with_nothing_later(model) for model in planned.models)
        return replace(planned, outcome="exits", exit_code=1, host_problem=problem, models=models)
    return _ended(planned, problem)


def _ends_before_ports(planned: Plan) -> bool:
    extension, problem = planned.extension, planned.problem
    return (problem is not None and problem.kind in _BEFORE_PORTS) or (
        extension is not None and (extension.ends or extension.hangs)
    )


def _ended(planned: Plan, problem: StartProblem) -> Plan:
    """Returns the plan with nothing loaded; the models' own plans are kept."""
    models = tuple(
        replace(
            model,
            tried=False,
            versions=tuple(replace(item, now=None, later=None) for item in model.versions),
        )
        for model in planned.models
    )
    return replace(planned, outcome="exits", exit_code=problem.exit_code, host_problem=problem, models=models)


def _with_read_option(planned: Plan, problem: StartProblem) -> Plan:
    """Returns the plan without the note that the option of a problem is not predicted."""
    return replace(
        planned, ignored=tuple(item for item in planned.ignored if item.location != problem.option)
    )


def _with_nothing_later(model: ModelPlan) -> ModelPlan:
    return replace(model, versions=tuple(replace(item, later=None) for item in model.versions))
