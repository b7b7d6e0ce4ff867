"""What the server was told: its arguments, config.json and version policies."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks import (
    config_entries,
    config_lists,
    config_paths,
    config_start,
    environment,
    graphs_not_loaded,
)
from ovms_doctor.checks import path_advice as where
from ovms_doctor.checks.context import Context
from ovms_doctor.model.findings import CausedBy, Evidence, Finding, Step
from ovms_doctor.model.plan import ModelPlan


def check(context: Context) -> Iterator[Finding]:
    plan = context.plan
    if plan.problem is not None:
        yield from config_start.check(context, plan.problem)
    if plan.config_path is not None and plan.outcome == "serves" and not (plan.models or plan.skipped):
        yield _names_nothing(context, plan.config_path)
    yield from config_entries.check(context)
    yield from config_lists.check(context)
    yield from config_paths.check(context)
    yield from graphs_not_loaded.check(context)
    yield from environment.check(context)
    for model in plan.models:
        if model.detection.found and not model.requested and model.kind == "classic":
            yield _matches_nothing(context, model)
    if plan.problem is None or plan.problem.kind != "usage":
        yield from _not_heeded(context)


def _names_nothing(context: Context, path: str) -> Finding:
    return context.finding(
        "OVD409",
        f"{path} names no model: the server starts and serves nothing",
        path=path,
        evidence=(Evidence("model_config_list is empty", "read of the configuration"),),
        recovers="config_change",
    )


def _matches_nothing(context: Context, model: ModelPlan) -> Finding:
    found = ", ".join(str(version) for version in sorted(set(model.detection.found)))
    seen = [item.facts for item in context.plan.stores if item.model == model.entry.name]
    # In a store the version asked for may be there, where the server does not see it.
    hidden = {version for one in seen if one is not None for version in one.hidden}
    return context.finding(
        "OVD401",
        f"The version policy {model.entry.policy} asks for none of the versions there are: {found}",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        detail="The server starts, answers “ready”, logs nothing about it, and serves nothing under this "
        "name.",
        evidence=(where.listed(model.entry.base_path, f"versions {found}"),),
        recovers="next_poll",
        causes=(CausedBy("OVD660", any_severity=True),) if hidden & set(model.entry.policy.versions) else (),
    )


def _not_heeded(context: Context) -> Iterator[Finding]:
    """Options that change nothing, and those that are not followed here."""
    arguments = context.deployment.arguments
    if arguments is not None and arguments.without_effect:
        options = ", ".join(arguments.without_effect)
        stray = [word for word in arguments.without_effect if word in arguments.unmatched]
        why = "beside --config_path" if arguments.config_path else "here"
        yield context.finding(
            "OVD416",
            f"{options}: no effect {why}; the server takes it and forgets it",
            detail="" if not stray else f"From OVMS 2024.0 on the server refuses {', '.join(stray)}.",
            evidence=(Evidence(options, "the argument line"),),
            recovers="restart",
            steps=(Step(f"Remove {' and '.join(stray)}: no option takes it."),) if stray else (),
        )
    for item in context.plan.ignored:
        yield context.finding(
            "OVD410",
            f"{item.location} is not looked at: {item.text} is not part of this prediction"
            if item.text != item.location
            else f"{item.location} is not looked at: what it changes is not part of this prediction",
            path=context.plan.config_path if item.location.startswith("/") else None,
        )
