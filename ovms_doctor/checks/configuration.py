"""What the server was told: its arguments, config.json and version policies."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor import server_log
from ovms_doctor.checks.context import Context, quote
from ovms_doctor.findings import Evidence, Finding, Step
from ovms_doctor.serving.model import ModelPlan, StartProblem

_CODES = {
    "usage": "OVD406",
    "policy": "OVD407",
    "task_not_inferred": "OVD408",
    "config_not_json": "OVD403",
    "config_schema": "OVD404",
    "config_unreadable": "OVD405",
}


def check(context: Context) -> Iterator[Finding]:
    plan = context.plan
    if plan.problem is not None and not _denied(plan.problem):
        yield _problem(context, plan.problem)
    if plan.problem is None and plan.config_path is not None and not plan.models:
        if plan.outcome == "serves":
            yield context.finding(
                "OVD409",
                f"{plan.config_path} names no model: the server starts and serves nothing",
                path=plan.config_path,
                recovers="config_change",
            )
    for name in plan.duplicates:
        yield context.finding(
            "OVD402",
            f"The name {name} stands in the configuration more than once: only the first one is loaded",
            model=name,
            path=plan.config_path,
            log=(server_log.DUPLICATE_NAME(model=name),),
            evidence=(Evidence(f"several entries named {name}", "read of the configuration"),),
            recovers="config_change",
        )
    for model in plan.models:
        if model.detection.found and not model.requested and model.kind == "classic":
            yield _matches_nothing(context, model)
    for item in plan.ignored:
        yield context.finding(
            "OVD410",
            f"{item.where} is not looked at: what it changes is not part of this prediction",
            path=plan.config_path if item.where.startswith("/") else None,
        )


def _denied(problem: StartProblem) -> bool:
    return problem.failure is not None and problem.failure.denial is not None


def _problem(context: Context, problem: StartProblem) -> Finding:
    messages = {
        "usage": f"The server refuses its arguments: {problem.text}",
        "policy": f"--model_version_policy is nothing that the server understands: {problem.text}",
        "task_not_inferred": f"{problem.path} makes the server take this for a generative model, and it "
        "finds no task in it",
        "config_not_json": f"{problem.path} is not JSON as the server reads it: {problem.text}",
        "config_schema": f"{problem.path} is JSON, but not a configuration of this release",
        "config_unreadable": f"{problem.path} is not there",
        "model_path_denied": f"The server may not look for {problem.path}",
    }
    steps: tuple[Step, ...] = ()
    if problem.kind == "task_not_inferred" and problem.path:
        host = quote(context.host(problem.path))
        steps = (Step("Move the file away.", f"mv -- {host} {host}.unused", "host", "changes files"),)
    evidence: tuple[Evidence, ...] = ()
    if problem.path:
        evidence = (Evidence(f"{problem.path}: {problem.text or 'seen'}", "as the server's user"),)
    return context.finding(
        _CODES.get(problem.kind, "OVD201"),
        messages[problem.kind],
        path=problem.path,
        detail=f"The server ends with exit code {problem.exit_code}; nothing is served.",
        log=problem.log,
        evidence=evidence,
        recovers="restart",
        steps=steps,
    )


def _matches_nothing(context: Context, model: ModelPlan) -> Finding:
    found = ", ".join(str(version) for version in sorted(set(model.detection.found)))
    return context.finding(
        "OVD401",
        f"The version policy {model.entry.policy} asks for none of the versions there are: {found}",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        detail="The server starts, answers “ready”, logs nothing about it, and serves nothing under this name.",
        evidence=(Evidence(f"versions {found}", "list"),),
        recovers="next_poll",
    )
