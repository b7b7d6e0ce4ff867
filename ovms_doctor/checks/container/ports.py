"""Published ports on which the server does not listen."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.container.listening import Listening, has_own_addresses
from ovms_doctor.checks.context import Context
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.container import Container, PublishedPort
from ovms_doctor.model.findings import Evidence, Finding, Step

PORT_PUBLISHED_NOT_LISTENING = Code(
    code="OVD721",
    name="port-published-not-listening",
    severity="warning",
    summary="A port is published on which the server does not listen",
    remedy="Publish the port on which the server listens, or let it listen on the published one.",
    recovers="restart",
    releases="Without --port gRPC listens on 9178 until 2025.0, and not at all since.",
    see_also=("OVD712",),
    example=Example(
        "docker run -p 9000:9000 … --rest_port 8000", "docker run -p 8000:8000 … --rest_port 8000"
    ),
)


CODES = (PORT_PUBLISHED_NOT_LISTENING,)


def check(context: Context, container: Container, listening: Listening) -> Iterator[Finding]:
    """A finding on each published port on which the server does not listen, where another one is missing."""
    if not has_own_addresses(container):
        return
    published = {port.container for port in container.ports if port.protocol == "tcp"}
    missing = [port for port in listening.reachable if port not in published]
    own = (listening.grpc, listening.rest)
    for port in container.ports:
        if port.protocol != "tcp" or port.container in listening.reachable:
            continue
        # An additional port does no harm where the needed ones are published.
        if missing or port.container in own:
            yield _not_listening(context, container, listening, port, missing)


def _not_listening(
    context: Context, container: Container, listening: Listening, port: PublishedPort, missing: list[int]
) -> Finding:
    number = port.container
    local = number in (listening.grpc, listening.rest)
    kubernetes = container.source == "kubernetes"
    if local:
        message = f"Port {number} is published, but the server listens there on the loopback address only"
        steps: tuple[Step, ...] = (
            Step("Leave out --grpc_bind_address and --rest_bind_address, or give 0.0.0.0."),
        )
    else:
        message = f"Port {number} of the container is published, but the server does not listen on it"
        if kubernetes and port.address:
            message = (
                f"The service {port.address} forwards to port {number}, on which the server does not listen"
            )
        steps = _publish(container, port, missing)
    return context.finding(
        PORT_PUBLISHED_NOT_LISTENING,
        message,
        confidence="medium",
        evidence=(
            Evidence(f"the server listens: {listening.describe()}", "the server's arguments"),
            Evidence(_shown(port, kubernetes), "the ports of the deployment"),
        ),
        recovers="restart",
        steps=steps,
    )


def _shown(port: PublishedPort, kubernetes: bool) -> str:
    if kubernetes and port.address:
        return f"service {port.address}: port {port.host}, targetPort {port.container}"
    host = "chosen by the engine" if port.host is None else str(port.host)
    return f"port {host} of the host, port {port.container} of the container"


def _publish(container: Container, port: PublishedPort, missing: list[int]) -> tuple[Step, ...]:
    """Publish the port of the server that is not published yet, instead of this one."""
    if not missing:
        return (Step(f"Leave out port {port.container}, or let the server listen on it."),)
    needed = missing[0]
    text = f"Publish port {needed}, on which the server listens."
    pair = str(needed) if port.host is None else f"{port.host}:{needed}"
    if container.source == "kubernetes":
        return (Step(text, f"targetPort: {needed}", "kubernetes", "restarts the server"),)
    if container.source == "compose":
        return (Step(text, f'ports: ["{pair}"]', "compose", "restarts the server"),)
    return (Step(text, f"-p {pair}", "docker run", "restarts the server"),)
