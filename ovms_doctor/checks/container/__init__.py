"""The container: how it ended, and its mounts, ports, probes, ids and image."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.api import Check
from ovms_doctor.checks.container import ending, engine_start, image, isolation, mounts, ports, probes
from ovms_doctor.checks.container.listening import listening_ports
from ovms_doctor.checks.context import Context
from ovms_doctor.model.findings import Finding


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on the container; none if the target is not a container."""
    container = context.deployment.container
    if container is None:
        return
    yield from ending.check(context)
    yield from engine_start.check(context, container)
    yield from mounts.check(context, container)
    yield from isolation.check(context, container)
    listening = listening_ports(context)
    if listening is not None:
        yield from ports.check(context, container, listening)
        yield from probes.check(context, container, listening)
    yield from image.check(context, container)


CHECK = Check(
    name="container",
    summary="how the container ended, and its mounts, ports, ids and image",
    codes=(
        *ending.CODES,
        *engine_start.CODES,
        *mounts.CODES,
        *isolation.CODES,
        *ports.CODES,
        *probes.CODES,
        *image.CODES,
    ),
    run=check,
)
