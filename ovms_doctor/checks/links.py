"""Links that lead out of the target: fine on this host, nothing in a container that mounts only the target."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.facts import PathStatus, StatPath
from ovms_doctor.findings import Evidence, Finding, Step
from ovms_doctor.serving.model import Attempt, ModelPlan


def check(context: Context) -> Iterator[Finding]:
    """One finding for each version some of whose files lie outside everything that was named."""
    deployment = context.deployment
    if deployment.bare_metal or deployment.mounts or not deployment.targets:
        return
    inside = tuple(target.path.rstrip("/") for target in deployment.targets)
    for model in context.plan.models:
        for version in model.versions:
            if version.attempt is not None:
                finding = _leaves(context, model, version.attempt, inside)
                if finding is not None:
                    yield finding


def _leaves(
    context: Context, model: ModelPlan, attempt: Attempt, inside: tuple[str, ...]
) -> Finding | None:
    for path in (attempt.path, *attempt.opened):
        status = context.facts.seen(StatPath(context.absolute(path)))
        if not isinstance(status, PathStatus) or status.resolved is None:
            continue
        real = status.resolved
        if any(real == root or real.startswith(root + "/") for root in inside):
            continue
        return _finding(context, model, attempt, path, real)
    return None


def _finding(
    context: Context, model: ModelPlan, attempt: Attempt, path: str, real: str
) -> Finding:
    host = quote(context.host(path))
    return context.finding(
        "OVD124",
        f"{path} is a link to {real}, outside of what was named here",
        model=model.entry.name,
        version=attempt.version,
        path=path,
        base=model.entry.base_path,
        confidence="medium",
        detail="In a container that mounts only the target it leads to nothing, unless its destination is "
        "mounted at the same path.",
        evidence=(Evidence(f"{path} → {real}", "realpath on this host"),),
        recovers="restart",
        steps=(
            Step("Put the file itself there.", f"cp --remove-destination -- {quote(real)} {host}", "host",
                 "changes files"),
            Step("Or mount its destination too.", f"-v {quote(real)}:{quote(real)}:ro", "docker run",
                 "restarts the server"),
        ),
    )
