"""Published ports on which the server does not listen."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ovms_doctor.checks.container.listening import Listening
from ovms_doctor.checks.context import Context
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.container import Container, PublishedPort
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.names import is_stock_image

PORT_PUBLISHED_NOT_LISTENING = Code(
    code="OVD721",
    name="port-published-not-listening",
    severity="warning",
    summary="The server does not listen on a published port",
    remedy="Publish the port on which the server listens, or let the server listen on the published port.",
    recovers="restart",
    releases="Without --port gRPC listens on 9178 until 2025.0, and not at all since.",
    see_also=("OVD712",),
    example=Example(
        "docker run -p 9000:9000 … --rest_port 8000", "docker run -p 8000:8000 … --rest_port 8000"
    ),
)


PORT_NOT_PUBLISHED = Code(
    code="OVD720",
    name="port-not-published",
    severity="warning",
    summary="The server listens for REST, but only its gRPC port is published",
    remedy="Publish the REST port too, or remove --rest_port.",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD721",),
    example=Example(
        "docker run -p 9000:9000 … --port 9000 --rest_port 8000",
        "docker run -p 9000:9000 -p 8000:8000 … --port 9000 --rest_port 8000",
    ),
)


CODES = (PORT_PUBLISHED_NOT_LISTENING, PORT_NOT_PUBLISHED)
#: Networks in which the container's name is not known: a port that is not published is probably not for clients.
_DEFAULT_NETWORKS = ("", "bridge", "default")
_RANGE = 4


def check(context: Context, container: Container, listening: Listening) -> Iterator[Finding]:
    """Yields findings on published ports on which the server does not listen, if another port is missing or an
    interface is off; and on REST, if only gRPC is published."""
    if not container.has_own_addresses:
        return
    published = {port.container for port in container.ports if port.protocol == "tcp"}
    missing = [port for port in listening.reachable if port not in published]
    own = (listening.grpc, listening.rest)
    runs = [run for run in _runs(published) if not run.isdisjoint(listening.reachable)]
    found = False
    for port in container.ports:
        if port.protocol != "tcp" or port.container in listening.reachable:
            continue
        if port.container not in own and any(port.container in run for run in runs):
            continue
        # An additional port does no harm if the needed ports are published.
        if missing or port.container in own or _for_interface(container, listening, port):
            found = True
            yield _not_listening(context, container, listening, port, missing)
    if not found and _only_grpc(context, container, listening, published):
        yield _rest_not_published(context, container, listening)


def _runs(ports: Collection[int]) -> list[set[int]]:
    """Returns the groups of consecutive ports: four or more were published as one range, for any server."""
    runs: list[set[int]] = []
    for port in sorted(ports):
        if runs and port - 1 in runs[-1]:
            runs[-1].add(port)
        else:
            runs.append({port})
    return [run for run in runs if len(run) >= _RANGE]


def _for_interface(container: Container, listening: Listening, port: PublishedPort) -> bool:
    """Whether a port can only be for the interface that is off: in the images of OVMS nothing else listens."""
    known = container.source != "kubernetes" or bool(port.address)
    return known and None in (listening.grpc, listening.rest) and is_stock_image(container.image)


def _only_grpc(context: Context, container: Container, listening: Listening, published: set[int]) -> bool:
    """Returns whether --rest_port is set and no client can use it: neither through a published port, nor by a name
    in a network that other containers share, nor a health check."""
    if listening.rest is None or listening.rest_local or listening.rest in published:
        return False
    arguments = context.deployment.arguments
    shared = (
        container.network not in _DEFAULT_NETWORKS
        or container.siblings
        or "ports" in container.unknown_fields
    )
    if listening.grpc not in published or container.source == "kubernetes" or shared:
        return False
    scraped = arguments is not None and arguments.value("metrics_enable") is not None
    return not scraped and not any(probe.kind == "health" for probe in container.probes)


def _rest_not_published(context: Context, container: Container, listening: Listening) -> Finding:
    rest = listening.rest
    steps = (
        _publish_step(container, f"{rest}:{rest}", f"Publish port {rest} too."),
        Step("Or remove --rest_port."),
    )
    port_list = ", ".join(str(port.container) for port in container.ports)
    return context.finding(
        PORT_NOT_PUBLISHED,
        f"The server listens for REST on port {rest}, which is not published: from outside of the container only gRPC "
        "is reachable",
        confidence="medium",
        evidence=(
            Evidence(f"the server listens: {listening.describe()}", "the server's arguments"),
            Evidence(f"published: {port_list}", "the ports of the deployment"),
        ),
        recovers="restart",
        steps=steps,
    )


def _not_listening(
    context: Context, container: Container, listening: Listening, port: PublishedPort, missing: list[int]
) -> Finding:
    number = port.container
    local = number in (listening.grpc, listening.rest)
    kubernetes = container.source == "kubernetes"
    if local:
        message = f"Port {number} is published, but the server listens there on the loopback address only"
        steps: tuple[Step, ...] = (
            Step("Remove --grpc_bind_address and --rest_bind_address, or set them to 0.0.0.0."),
        )
    else:
        message = f"Port {number} of the container is published, but the server does not listen on it"
        if kubernetes and port.address:
            message = (
                f"The service {port.address} forwards to port {number}, on which the server does not listen"
            )
        steps = _publish(container, listening, port, missing)
    return context.finding(
        PORT_PUBLISHED_NOT_LISTENING,
        message,
        confidence="medium",
        evidence=(
            Evidence(f"the server listens: {listening.describe()}", "the server's arguments"),
            Evidence(_port_text(port, kubernetes), "the ports of the deployment"),
        ),
        recovers="restart",
        steps=steps,
    )


def _port_text(port: PublishedPort, kubernetes: bool) -> str:
    if kubernetes and port.address:
        return f"service {port.address}: port {port.host}, targetPort {port.container}"
    host = "chosen by the engine" if port.host is None else str(port.host)
    return f"port {host} of the host, port {port.container} of the container"


def _publish(
    container: Container, listening: Listening, port: PublishedPort, missing: list[int]
) -> tuple[Step, ...]:
    """Returns the steps that publish the port of the server that is not published yet, instead of this one."""
    if not missing:
        option = "--rest_port" if listening.rest is None else "--port"
        if None in (listening.grpc, listening.rest):
            text = f"Let the server listen on it: {option} {port.container}"
            return (Step(text), Step(f"Or do not publish port {port.container}."))
        return (Step(f"Do not publish port {port.container}, or let the server listen on it."),)
    needed = missing[0]
    text = f"Publish port {needed}, on which the server listens."
    if container.source == "kubernetes":
        return (Step(text, f"targetPort: {needed}", "kubernetes", "restarts the server"),)
    return (_publish_step(container, str(needed) if port.host is None else f"{port.host}:{needed}", text),)


def _publish_step(container: Container, pair: str, text: str) -> Step:
    if container.source == "compose":
        return Step(text, f'ports: ["{pair}"]', "compose", "restarts the server")
    return Step(text, f"-p {pair}", "docker run", "restarts the server")
