"""Links that lead out of the target: fine on this host, nothing in a container that mounts only the target."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.facts import PathStatus, StatPath
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.plan import Attempt, ModelPlan

LINK_LEAVES_TARGET = Code(
    code="OVD124",
    name="link-leaves-target",
    severity="warning",
    summary="A symbolic link leads out of the directory that is mounted into the container",
    remedy=(
        "Copy the files in place of the link, make it a relative link within the mounted directory, "
        "or mount the link's destination at the same path."
    ),
    releases=ALL_RELEASES,
    see_also=("OVD106", "OVD313"),
    example=Example("m/1/model.onnx -> /home/me/model.onnx", "m/1/model.onnx"),
)


CODES = (LINK_LEAVES_TARGET,)


def check(context: Context) -> Iterator[Finding]:
    """One finding for each version some of whose files lie outside everything that was named."""
    deployment = context.deployment
    if deployment.bare_metal or deployment.mounts or context.plan.config_path is not None:
        return
    inside = []
    for target in deployment.targets:
        # A target that is a link itself, or lies behind one, is mounted as what it leads to.
        real = _real(context, target.path)
        inside += [target.path.rstrip("/"), *([real] if real else [])]
    if not inside:
        return
    for model in context.plan.models:
        for version in model.versions:
            if version.attempt is not None:
                finding = _leaves(context, model, version.attempt, inside)
                if finding is not None:
                    yield finding


def _real(context: Context, path: str) -> str | None:
    """Where links on the way lead; None where there are none, or it was not looked at."""
    status = context.facts.get(StatPath(context.absolute(path)))
    return status.resolved if isinstance(status, PathStatus) else None


def _leaves(context: Context, model: ModelPlan, attempt: Attempt, inside: list[str]) -> Finding | None:
    """The outermost place of this version at which a link leads out."""
    for path in (model.entry.base_path, attempt.path, *attempt.opened):
        real = _real(context, path)
        if real is None or any(real == root or real.startswith(root + "/") for root in inside):
            continue
        return _finding(context, model, attempt, path, real)
    return None


def _finding(context: Context, model: ModelPlan, attempt: Attempt, path: str, real: str) -> Finding:
    host = quote(context.host(path))
    return context.finding(
        LINK_LEAVES_TARGET,
        f"A link makes {path} of {real}, which lies outside of what was named here",
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
            Step(
                "Put there what the link leads to.",
                f"rm {host} && cp -rL -- {quote(real)} {host}",
                "host",
                "changes files",
            ),
            Step(
                "Or mount its destination too.",
                f"-v {quote(real)}:{quote(real)}:ro",
                "docker run",
                "restarts the server",
            ),
        ),
    )
