"""Graphs that the server does not load."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ovms_doctor.checks import path_advice, unmounted_paths
from ovms_doctor.checks.context import Context, describe_denial, describe_failure, quote
from ovms_doctor.checks.layout.servables import advice_below
from ovms_doctor.checks.permission_steps import steps_for
from ovms_doctor.checks.positions import locate
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.facts import Failure
from ovms_doctor.model.findings import Confidence, Evidence, Finding, Step
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.plan_problems import GraphFault

GRAPH_NOT_LOADED = Code(
    code="OVD448",
    name="graph-not-loaded",
    severity="error",
    summary="A graph is not loaded, because its graph.pbtxt is missing, empty or not readable",
    remedy=(
        "Copy or mount the graph at its path, and let the server's user read it. graph_path is relative "
        "to base_path. The default of base_path is a directory with the graph's name, beside the "
        "configuration. The server tries again when the content of the configuration changes."
    ),
    log=(
        server_log.GRAPH_NOT_OPENED,
        server_log.GRAPH_EMPTY,
    ),
    recovers="config_change",
    releases=(
        "mediapipe_config_list since 2023.0, a graph in model_config_list or with --model_path since 2025.1."
    ),
    see_also=("OVD121", "OVD443", "OVD314"),
    example=Example(
        ('"mediapipe_config_list": [{"name": "g", "base_path": "/models/graph"}]\n/models/graph/   empty'),
        ('"mediapipe_config_list": [{"name": "g", "base_path": "/models/graph"}]\n/models/graph/graph.pbtxt'),
    ),
)


CODES = (GRAPH_NOT_LOADED,)


def check(context: Context) -> Iterator[Finding]:
    """Yields a finding on each graph that is known not to be loaded."""
    for model in context.plan.models:
        if model.graph is not None and not path_advice.is_never_mounted(context, model.graph.path):
            yield _not_loaded(context, model, model.graph)


def _not_loaded(context: Context, model: ModelPlan, fault: GraphFault) -> Finding:
    entry = model.entry
    position = f"{locate(context, entry.pointer)}: " if entry.pointer else ""
    reasons = {
        "missing": "does not exist",
        "denied": f"cannot be read by {context.user_ids}",
        "empty": "is empty",
        "directory": "is a directory, not a file",
    }
    message = f"{position}The graph {entry.name} is not loaded: {fault.path} {reasons[fault.reason]}"
    evidence = _evidence(context, fault)
    steps = _steps(context, fault)
    remedy = ""
    confidence: Confidence | None = "medium" if fault.reason == "directory" else None
    advice = unmounted_paths.advice_for(context, fault.path, "the graph", directory=False)
    if advice is not None:
        message = f"{position}The graph {entry.name} is not loaded: {advice.message}"
        evidence, confidence = advice.evidence, advice.confidence
        steps, remedy = advice.steps, advice.remedy
    below = advice_below(context, entry, fault.below)
    if below is not None:
        message += f"; {below.message}"
        steps, remedy = below.steps, below.remedy
    at = context.position(entry.pointer) if entry.pointer else None
    if at is not None:
        evidence = (*evidence, Evidence(f"{at}: name: {entry.name}", "read of the configuration"))
    return context.finding(
        GRAPH_NOT_LOADED,
        message,
        model=entry.name,
        path=fault.path,
        base=entry.base_path,
        detail=context.failure_effect(model),
        confidence=confidence,
        log=fault.log,
        evidence=evidence,
        at=entry.pointer or None,
        recovers="restart" if context.plan.outcome == "exits" else "config_change",
        steps=steps,
        remedy=remedy,
        causes=path_advice.mount_causes(context, fault.path),
    )


def _evidence(context: Context, fault: GraphFault) -> tuple[Evidence, ...]:
    failure = fault.failure
    if isinstance(failure, Failure) and failure.denial is not None:
        return (describe_denial(failure.denial, context),)
    if isinstance(failure, Failure):
        return (describe_failure(failure, fault.path),)
    text = "0 bytes" if fault.reason == "empty" else "a directory"
    return (Evidence(f"{fault.path}: {text}", "stat as the server's user"),)


def _steps(context: Context, fault: GraphFault) -> tuple[Step, ...]:
    host = context.host(fault.path)
    if fault.reason == "denied" and fault.failure is not None and fault.failure.denial is not None:
        denial = fault.failure.denial
        return steps_for(context, denial, directory=denial.right == "search")
    command = f"ls -la {quote(posixpath.dirname(host) or '/')}"
    return (Step("List the directory.", command, "host", "reads"),)
