"""The limits of the host on the server's workers: the evidence, and the steps that change limits or numbers."""

from __future__ import annotations

from ovms_doctor.checks.context import Context
from ovms_doctor.model.findings import Evidence, Step, StepLocation
from ovms_doctor.model.host import HostLimits
from ovms_doctor.model.plan_problems import StartProblem


def host_limits(limits: HostLimits) -> list[Evidence]:
    """Returns the limits of the host, by which the server limits the numbers of its workers."""
    known = []
    if limits.cores is not None:
        known.append(Evidence(f"processors that the server counts: {limits.cores}", "read from this host"))
    if limits.open_files is not None:
        known.append(
            Evidence(f"open files allowed for a process: {limits.open_files}", "getrlimit of this process")
        )
    return known


def open_files_steps(context: Context, problem: StartProblem) -> tuple[Step, ...]:
    """Returns the steps that raise the limit to the number that the workers need (config.cpp, v2026.2: six files each,
    and fifteen), or reduce the workers."""
    arguments, limit = context.deployment.arguments, context.deployment.limits.open_files
    requested = arguments.value("rest_workers") if arguments is not None else None
    if limit is None:
        return ()
    most = max((limit - 15) // 6, 0)
    steps = []
    if requested is not None and requested.isdecimal():
        needed = int(requested) * 6 + 15
        container = context.deployment.container
        location = step_location(context)
        command: str | None = f"ulimit -n {needed}"
        text = f"Raise the limit of open files to {needed} in the shell or unit that starts the server."
        if container is not None:
            text = f"Raise the limit of open files to {needed}."
            commands: dict[str, str | None] = {
                "compose": f"ulimits: {{nofile: {needed}}}",
                "kubernetes": None,
            }
            command = commands.get(location, f"--ulimit nofile={needed}:{needed}")
        steps.append(Step(text, command, location if command else None, "restarts the server"))
    if most >= 2:
        text = f"{'Or take' if steps else 'Take'} no more than {most} workers."
        steps.append(Step(text, f"--rest_workers {most}", step_location(context), "restarts the server"))
    return tuple(steps)


def step_location(context: Context) -> StepLocation:
    """Returns where the server's arguments are changed."""
    container = context.deployment.container
    if container is None:
        return "host" if context.deployment.bare_metal else "docker run"
    locations: dict[str, StepLocation] = {"compose": "compose", "kubernetes": "kubernetes"}
    return locations.get(container.source, "docker run")
