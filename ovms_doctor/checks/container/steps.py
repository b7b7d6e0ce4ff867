"""The steps of the remedies for a container, in the form of its deployment."""

from __future__ import annotations

import shlex

from ovms_doctor.checks.context import Context
from ovms_doctor.model.container import Container, engine_program
from ovms_doctor.model.findings import Step

_MIB = 1 << 20


def memory_steps(context: Context, container: Container) -> tuple[Step, ...]:
    """Returns a step that raises the memory limit: to the estimate for the models, or else to twice the present
    limit."""
    estimate = context.plan.memory
    needed = None
    if estimate is not None:
        needed = max(estimate.high, estimate.swap_high) * 5 // 4
    present = container.limits.memory
    reason = "the estimate for its models, with a new version beside the old one"
    if present is not None and (needed is None or needed < present * 2):
        # The present limit was not enough, and the memory that the server needs in addition to its models is not
        # known.
        needed, reason = present * 2, "twice the present limit"
    if needed is None:
        return (Step("Give the host more memory, or run fewer programs beside the server."),)
    mib = -(-needed // _MIB)
    text = f"Raise the limit to {mib} MiB ({reason})."
    if container.source == "kubernetes":
        command = f"resources: {{requests: {{memory: {mib}Mi}}, limits: {{memory: {mib}Mi}}}}"
        return (Step(text, command, "kubernetes", "restarts the server"),)
    if container.source == "compose":
        return (Step(text, f"mem_limit: {mib}m", "compose", "restarts the server"),)
    if container.source == "docker-run":
        return (Step(text, f"-m {mib}m --memory-swap {mib}m", "docker run", "restarts the server"),)
    engine = engine_program(container.engine)
    name = shlex.quote(container.name or container.id[:12])
    update = f"{engine} update --memory {mib}m --memory-swap {mib}m {name} && {engine} restart {name}"
    return (Step(text, update, "host", "restarts the server"),)


def log_step(container: Container, source: str = "log") -> Step:
    """Returns a step that reads the log of the container, or the events of the engine."""
    if container.source == "kubernetes":
        name = shlex.quote(container.name or container.source_name)
        if source == "events":
            return Step(
                "See the events of the pod.", "kubectl get events --sort-by=.lastTimestamp", "host", "reads"
            )
        return Step(
            "Read the end of its log.", f"kubectl logs POD -c {name} --previous --tail 20", "host", "reads"
        )
    engine = engine_program(container.engine)
    name = shlex.quote(container.name or container.id[:12] or container.source_name)
    if source == "events":
        return Step(
            "Check what stopped it.",
            f"{engine} events --since 24h --until 0s --filter container={name}",
            "host",
            "reads",
        )
    return Step("Read the end of its log.", f"{engine} logs --tail 20 {name}", "host", "reads")
