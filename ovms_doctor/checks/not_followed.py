"""Graphs and generative models: that they are not looked into, and what keeps a graph from being loaded at all."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ovms_doctor.checks import unmounted_paths as outside
from ovms_doctor.checks.config_place import located, place_text
from ovms_doctor.checks.context import Context, describe_denial, describe_failure, quote
from ovms_doctor.checks.permissions import steps_for
from ovms_doctor.model.facts import Failure, PathStatus, StatPath
from ovms_doctor.model.findings import Confidence, Evidence, Finding, Step
from ovms_doctor.model.plan import GraphFault, ModelPlan

#: The files that make a generative model of a path (cli_parser.cpp, v2026.3).
_GENERATIVE = ("config.json", "model_index.json")


def check(context: Context, model: ModelPlan) -> Iterator[Finding]:
    """What is to be known of one entry that is a graph or a generative model."""
    if model.kind == "generative":
        yield _generative(context, model)
    elif model.graph is None and model.blocked is None and model.unknown is None:
        yield context.finding(
            "OVD121",
            f"{model.entry.name} is a MediaPipe graph: the server loads graph.pbtxt, not a model version",
            model=model.entry.name,
            path=model.entry.base_path,
        )


def not_loaded(context: Context) -> Iterator[Finding]:
    """The graphs of which it is known that they are not loaded."""
    for model in context.plan.models:
        if model.graph is not None:
            yield _not_loaded(context, model, model.graph)


def _not_loaded(context: Context, model: ModelPlan, fault: GraphFault) -> Finding:
    entry = model.entry
    where = f"{located(context, entry.pointer)}: " if entry.pointer else ""
    reasons = {
        "missing": "is not there",
        "denied": f"may not be read by {context.who}",
        "empty": "is empty",
        "directory": "is a directory, not a file",
    }
    message = f"{where}The graph {entry.name} is not loaded: {fault.path} {reasons[fault.why]}"
    seen = _evidence(context, fault)
    steps = _steps(context, fault)
    remedy = ""
    confidence: Confidence | None = "medium" if fault.why == "directory" else None
    words = outside.words_for(context, fault.path, "the graph", directory=False)
    if words is not None:
        message = f"{where}The graph {entry.name} is not loaded: {words.message}"
        seen, confidence, steps, remedy = words.evidence, words.confidence, words.steps, words.remedy
    place = place_text(context, entry.pointer) if entry.pointer else None
    if place is not None:
        seen = (*seen, Evidence(f"{place}: name: {entry.name}", "read of the configuration"))
    return context.finding(
        "OVD448",
        message,
        model=entry.name,
        path=fault.path,
        base=entry.base_path,
        detail=context.what_then(model),
        confidence=confidence,
        log=fault.log,
        evidence=seen,
        recovers="restart" if context.plan.outcome == "exits" else "config_change",
        steps=steps,
        remedy=remedy,
    )


def _evidence(context: Context, fault: GraphFault) -> tuple[Evidence, ...]:
    failure = fault.failure
    if isinstance(failure, Failure) and failure.denial is not None:
        return (describe_denial(failure.denial, context),)
    if isinstance(failure, Failure):
        return (describe_failure(failure, fault.path),)
    what = "0 bytes" if fault.why == "empty" else "a directory"
    return (Evidence(f"{fault.path}: {what}", "stat as the server's user"),)


def _steps(context: Context, fault: GraphFault) -> tuple[Step, ...]:
    host = context.host(fault.path)
    if fault.why == "denied" and fault.failure is not None and fault.failure.denial is not None:
        denial = fault.failure.denial
        return steps_for(context, denial, "OVD201" if denial.right == "search" else "OVD448")
    command = f"ls -la {quote(posixpath.dirname(host) or '/')}"
    return (Step("See what is there.", command, "host", "reads"),)


def _generative(context: Context, model: ModelPlan) -> Finding:
    """The task is given, or files of the model's tell it: what to do where that is not meant depends on it."""
    entry = model.entry
    arguments = context.deployment.arguments
    task = None if arguments is None else arguments.value("task")
    if task is not None:
        what, why = f"--task {task}", "the argument line"
        remedy = "Nothing, if it is meant as a generative model. If it is not, leave out --task."
    else:
        base = context.absolute(entry.base_path).rstrip("/")
        there = [
            name
            for name in _GENERATIVE
            if isinstance(context.facts.seen(StatPath(f"{base}/{name}")), PathStatus)
        ]
        what, why = ", ".join(f"{base}/{name}" for name in there), "stat as the server's user"
        files = " and ".join(there) or "config.json"
        remedy = f"Nothing, if it is meant as a generative model. If it is not, move {files} away."
    return context.finding(
        "OVD122",
        f"{entry.name} is a generative model: the server builds a graph for it in memory",
        model=entry.name,
        path=entry.base_path,
        evidence=(Evidence(what, why),) if what else (),
        remedy=remedy,
    )
