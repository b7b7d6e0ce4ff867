"""What to do about a container, in the form of the deployment that it was read from."""

from __future__ import annotations

import shlex

from ovms_doctor.checks.context import Context
from ovms_doctor.model.container import Container
from ovms_doctor.model.findings import Step

_MIB = 1 << 20


def memory_steps(context: Context, container: Container) -> tuple[Step, ...]:
    """A higher limit: what the models are estimated to take, or else twice the present one."""
    estimate = context.plan.memory
    needed = None
    if estimate is not None:
        needed = max(estimate.high, estimate.swap_high) * 5 // 4
    present = container.limits.memory
    why = "what its models are estimated to take, with room for a new version"
    if present is not None and (needed is None or needed < present * 2):
        # It was not enough, and what the server takes beside its models is not known.
        needed, why = present * 2, "twice as much as now"
    if needed is None:
        return (Step("Give the host more memory, or let less run beside the server."),)
    mib = -(-needed // _MIB)
    text = f"Raise the limit to {mib} MiB ({why})."
    if container.source == "kubernetes":
        command = f"resources: {{requests: {{memory: {mib}Mi}}, limits: {{memory: {mib}Mi}}}}"
        return (Step(text, command, "kubernetes", "restarts the server"),)
    if container.source == "compose":
        return (Step(text, f"mem_limit: {mib}m", "compose", "restarts the server"),)
    if container.source == "docker-run":
        return (Step(text, f"-m {mib}m --memory-swap {mib}m", "docker run", "restarts the server"),)
    engine = container.engine or "docker"
    name = shlex.quote(container.name or container.id[:12])
    update = f"{engine} update --memory {mib}m --memory-swap {mib}m {name} && {engine} restart {name}"
    return (Step(text, update, "host", "restarts the server"),)


def log_step(container: Container, what: str = "log") -> Step:
    """Where more is to be read."""
    if container.source == "kubernetes":
        name = shlex.quote(container.name or container.source_name)
        if what == "events":
            return Step(
                "Look at the pod's events.", "kubectl get events --sort-by=.lastTimestamp", "host", "reads"
            )
        return Step(
            "Read what it wrote last.", f"kubectl logs POD -c {name} --previous --tail 20", "host", "reads"
        )
    engine = container.engine or "docker"
    name = shlex.quote(container.name or container.id[:12] or container.source_name)
    if what == "events":
        return Step(
            "Look who stopped it.",
            f"{engine} events --since 24h --until 0s --filter container={name}",
            "host",
            "reads",
        )
    return Step("Read what it wrote last.", f"{engine} logs --tail 20 {name}", "host", "reads")
