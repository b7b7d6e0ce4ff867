"""Ports: what a container publishes or its probes ask, and what the server in it answers."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from ovms_doctor.checks.context import Context
from ovms_doctor.model.container import Container, Probe, PublishedPort
from ovms_doctor.model.findings import Evidence, Finding, Step, StepLocation
from ovms_doctor.model.pattern import lazy_pattern

#: The gRPC port of releases that need none on the argument line (config.cpp until v2025.0).
_DEFAULT_GRPC = 9178
_LOOPBACK = lazy_pattern(r"localhost|127(\.\d{1,3}){3}|::1")
#: What the server answers with something else than 404 (http_rest_api_handler.cpp). What stands behind the
#: prefix depends on models and releases, and is not judged.
_ANSWERED = lazy_pattern(r".?/v1/.*|/v2/?|/v2/models/.*|/v2/health/(live|ready)|/v3/.*|.?/metrics")


class Listening(Struct, frozen=True):
    """The server's TCP ports, None where it does not listen; ``*_local``: on the loopback address only, which
    nobody outside of the container reaches."""

    grpc: int | None
    rest: int | None
    grpc_local: bool = False
    rest_local: bool = False

    @property
    def reachable(self) -> tuple[int, ...]:
        pairs = ((self.rest, self.rest_local), (self.grpc, self.grpc_local))
        return tuple(port for port, local in pairs if port is not None and not local)

    def words(self) -> str:
        shown = []
        for name, port, local in (("gRPC", self.grpc, self.grpc_local), ("REST", self.rest, self.rest_local)):
            if port is not None:
                shown.append(f"{name} on {port}" + (" of the loopback address alone" if local else ""))
        return " and ".join(shown)


def check(context: Context) -> Iterator[Finding]:
    container = context.deployment.container
    listening = listens(context)
    if container is None or listening is None:
        return
    yield from _published(context, container, listening)
    for probe in container.probes:
        reason = _unanswered(context, container, listening, probe)
        if reason:
            yield _probe(context, container, listening, probe, reason)


def listens(context: Context) -> Listening | None:
    """StepLocation the server listens, by its own argument line; None where that is not known, or it does not serve."""
    container, arguments = context.deployment.container, context.deployment.arguments
    if container is None or container.arguments is None or arguments is None:
        return None
    if (
        arguments.prints_help
        or arguments.usage_error is not None
        or arguments.directive not in (None, "task")
    ):
        return None
    grpc = arguments.port
    if grpc is None and not context.deployment.release.needs_a_port:
        grpc = _DEFAULT_GRPC
    found = Listening(
        grpc or None,
        arguments.rest_port or None,
        _local(arguments.value("grpc_bind_address"), container),
        _local(arguments.value("rest_bind_address"), container),
    )
    return found if found.grpc or found.rest else None


def _local(address: str | None, container: Container) -> bool:
    """Bound to the container's own loopback address. Rootless engines forward to that one as well."""
    if address is None or container.user_namespace or container.network in ("host", "none"):
        return False
    return container.engine != "podman" and _LOOPBACK.fullmatch(address.strip()) is not None


def _alone(container: Container) -> bool:
    """Whether nobody else listens on the container's addresses: a pod's containers share them."""
    network = container.network
    if container.source == "kubernetes":
        return not container.siblings and network != "host"
    return not network.startswith(("host", "none", "container:", "service:", "ns:", "pod:"))


# -- published ports -----------------------------------------------------------------------------------


def _published(context: Context, container: Container, listening: Listening) -> Iterator[Finding]:
    if not _alone(container):
        return
    published = {port.container for port in container.ports if port.protocol == "tcp"}
    missed = [port for port in listening.reachable if port not in published]
    own = (listening.grpc, listening.rest)
    for port in container.ports:
        if port.protocol != "tcp" or port.container in listening.reachable:
            continue
        # One more than needed does no harm where those that are needed are there.
        if missed or port.container in own:
            yield _not_listening(context, container, listening, port, missed)


def _not_listening(
    context: Context, container: Container, listening: Listening, port: PublishedPort, missed: list[int]
) -> Finding:
    number = port.container
    local = number in (listening.grpc, listening.rest)
    kubernetes = container.source == "kubernetes"
    if local:
        message = f"Port {number} is published, but the server listens there on the loopback address alone"
        steps: tuple[Step, ...] = (
            Step("Leave out --grpc_bind_address and --rest_bind_address, or give 0.0.0.0."),
        )
    else:
        message = f"Port {number} of the container is published, but the server does not listen on it"
        if kubernetes and port.address:
            message = (
                f"The service {port.address} leads to port {number}, on which the server does not listen"
            )
        steps = _publish(container, port, missed)
    return context.finding(
        "OVD721",
        message,
        confidence="medium",
        evidence=(
            Evidence(f"it listens: {listening.words()}", "the server's arguments"),
            Evidence(_shown(port, kubernetes), "the ports of the deployment"),
        ),
        recovers="restart",
        steps=steps,
    )


def _shown(port: PublishedPort, kubernetes: bool) -> str:
    if kubernetes and port.address:
        return f"service {port.address}: port {port.host}, targetPort {port.container}"
    host = "a port that the engine chooses" if port.host is None else str(port.host)
    return f"{host} of the host is {port.container} of the container"


def _publish(container: Container, port: PublishedPort, missed: list[int]) -> tuple[Step, ...]:
    """The port that was meant: the one that is not published yet."""
    if not missed:
        return (Step(f"Leave out port {port.container}, or let the server listen on it."),)
    right = missed[0]
    text = f"Publish port {right}, on which it listens."
    pair = str(right) if port.host is None else f"{port.host}:{right}"
    if container.source == "kubernetes":
        return (Step(text, f"targetPort: {right}", "kubernetes", "restarts the server"),)
    if container.source == "compose":
        return (Step(text, f'ports: ["{pair}"]', "compose", "restarts the server"),)
    return (Step(text, f"-p {pair}", "docker run", "restarts the server"),)


# -- probes --------------------------------------------------------------------------------------------


def _unanswered(context: Context, container: Container, listening: Listening, probe: Probe) -> str:
    """Why the server never answers a probe well; empty where it may."""
    port, own = probe.port, (listening.grpc, listening.rest)
    healthy = container.state is not None and container.state.health == "healthy"
    if not port or probe.method == "exec" or (probe.kind == "health" and healthy):
        return ""
    if port not in own:
        if not _alone(container):
            return ""
        return f"the server does not listen on port {port}"
    # An engine's health check runs in the container, where the loopback address is the server's.
    if port not in listening.reachable and probe.kind != "health":
        return f"the server listens on port {port} of the loopback address alone"
    if probe.method == "grpc":
        return "the server does not have the service grpc.health.v1, which such a probe calls"
    if probe.method == "tcp":
        return ""
    if port != listening.rest:
        return f"port {port} is the server's gRPC port, which answers no HTTP request of a probe's"
    if probe.scheme.upper() == "HTTPS":
        return "the server speaks no TLS"
    if probe.path.startswith("/v2") and not context.deployment.release.at_least(2022, 2):
        return f"OVMS {context.deployment.release} does not have {probe.path}"
    if not _ANSWERED.fullmatch(probe.path):
        return f"the server has no {probe.path}, and answers it with an error"
    return ""


def _probe(
    context: Context, container: Container, listening: Listening, probe: Probe, reason: str
) -> Finding:
    effects = {
        "startup": "Kubernetes ends the container when the probe has failed often enough, and starts it again.",
        "liveness": "Kubernetes ends the container when the probe has failed often enough, and starts it again.",
        "readiness": "The pod never becomes ready, and gets no requests from a service.",
        "health": "The container is called unhealthy.",
    }
    where = f" {probe.path}" if probe.path else ""
    return context.finding(
        "OVD712",
        f"The {probe.kind} probe never succeeds: {reason}",
        confidence="medium",
        detail=effects[probe.kind],
        evidence=(
            Evidence(
                f"{probe.kind}: {probe.method}{where}, port {probe.port}", "the probes of the deployment"
            ),
            Evidence(f"it listens: {listening.words()}", "the server's arguments"),
        ),
        recovers="restart",
        steps=_right_probe(context, container, listening),
    )


def _right_probe(context: Context, container: Container, listening: Listening) -> tuple[Step, ...]:
    where: StepLocation | None = "kubernetes" if container.source == "kubernetes" else None
    if listening.rest is None:
        if listening.grpc is None:
            return ()
        return (
            Step("Give the server a --rest_port and probe /v2/health/ready there, or its gRPC port by TCP."),
            Step(
                "The second of them:", f"tcpSocket: {{port: {listening.grpc}}}", where, "restarts the server"
            ),
        )
    path = "/v2/health/ready" if context.deployment.release.at_least(2022, 2) else "/v1/config"
    return (
        Step(
            f"Probe {path} on port {listening.rest}.",
            f"httpGet: {{path: {path}, port: {listening.rest}}}",
            where,
            "restarts the server",
        ),
    )
