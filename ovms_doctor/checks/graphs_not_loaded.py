"""Graphs that the server does not load, and why."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ovms_doctor.checks import unmounted_paths as outside
from ovms_doctor.checks.context import Context, describe_denial, describe_failure, quote
from ovms_doctor.checks.permissions import steps_for
from ovms_doctor.checks.positions import line_and_column, locate
from ovms_doctor.model.facts import Failure
from ovms_doctor.model.findings import Confidence, Evidence, Finding, Step
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.plan_problems import GraphFault


def check(context: Context) -> Iterator[Finding]:
    """The graphs of which it is known that they are not loaded."""
    for model in context.plan.models:
        if model.graph is not None:
            yield _not_loaded(context, model, model.graph)


def _not_loaded(context: Context, model: ModelPlan, fault: GraphFault) -> Finding:
    entry = model.entry
    where = f"{locate(context, entry.pointer)}: " if entry.pointer else ""
    reasons = {
        "missing": "is not there",
        "denied": f"may not be read by {context.who}",
        "empty": "is empty",
        "directory": "is a directory, not a file",
    }
    message = f"{where}The graph {entry.name} is not loaded: {fault.path} {reasons[fault.reason]}"
    seen = _evidence(context, fault)
    steps = _steps(context, fault)
    remedy = ""
    confidence: Confidence | None = "medium" if fault.reason == "directory" else None
    words = outside.words_for(context, fault.path, "the graph", directory=False)
    if words is not None:
        message = f"{where}The graph {entry.name} is not loaded: {words.message}"
        seen, confidence, steps, remedy = words.evidence, words.confidence, words.steps, words.remedy
    place = line_and_column(context, entry.pointer) if entry.pointer else None
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
    what = "0 bytes" if fault.reason == "empty" else "a directory"
    return (Evidence(f"{fault.path}: {what}", "stat as the server's user"),)


def _steps(context: Context, fault: GraphFault) -> tuple[Step, ...]:
    host = context.host(fault.path)
    if fault.reason == "denied" and fault.failure is not None and fault.failure.denial is not None:
        denial = fault.failure.denial
        return steps_for(context, denial, directory=denial.right == "search")
    command = f"ls -la {quote(posixpath.dirname(host) or '/')}"
    return (Step("See what is there.", command, "host", "reads"),)
