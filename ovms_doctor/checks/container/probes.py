"""Probes that the server never answers with success."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.container.listening import Listening
from ovms_doctor.checks.context import Context
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.container import Container, Probe
from ovms_doctor.model.findings import Evidence, Finding, ServingEffect, Step, StepLocation
from ovms_doctor.model.pattern import lazy_pattern

PROBE_CANNOT_SUCCEED = Code(
    code="OVD712",
    name="probe-cannot-succeed",
    severity="error",
    summary="A probe sends a request that the server does not answer with success",
    remedy="Probe /v2/health/ready on the REST port, with a startup probe that allows time for loading.",
    recovers="restart",
    releases="/v2/health/live and /v2/health/ready since 2022.2.",
    see_also=("OVD710",),
    example=Example(
        ("--port 9000 --rest_port 8000\nreadinessProbe: {httpGet: {path: /v2/health/ready, port: 9000}}"),
        ("--port 9000 --rest_port 8000\nreadinessProbe: {httpGet: {path: /v2/health/ready, port: 8000}}"),
    ),
)


#: Paths that the server answers with a status other than 404 (http_rest_api_handler.cpp). Whether a path below the
#: prefix exists depends on models and releases, and is not checked.
_ANSWERED = lazy_pattern(r".?/v1/.*|/v2/?|/v2/models/.*|/v2/health/(live|ready)|/v3/.*|.?/metrics")


CODES = (PROBE_CANNOT_SUCCEED,)


def check(context: Context, container: Container, listening: Listening) -> Iterator[Finding]:
    """Yields a finding on each probe that cannot succeed."""
    for probe in container.probes:
        reason = _failure(context, container, listening, probe)
        if reason:
            yield _finding(context, container, listening, probe, reason)


def _failure(context: Context, container: Container, listening: Listening, probe: Probe) -> str:
    """Returns the reason why a probe never succeeds; empty if it can succeed."""
    port, own = probe.port, (listening.grpc, listening.rest)
    healthy = container.state is not None and container.state.health == "healthy"
    if not port or probe.method == "exec" or (probe.kind == "health" and healthy):
        return ""
    if port not in own:
        if not container.has_own_addresses:
            return ""
        return f"the server does not listen on port {port}"
    # An engine's health check runs in the container: the loopback address is the server's.
    if port not in listening.reachable and probe.kind != "health":
        return f"the server listens on port {port} of the loopback address only"
    if probe.method == "grpc":
        return "the server does not have the service grpc.health.v1, which such a probe calls"
    if probe.method == "tcp":
        return ""
    if port != listening.rest:
        return f"port {port} is the server's gRPC port, which does not answer HTTP requests of a probe"
    if probe.scheme.upper() == "HTTPS":
        return "the server does not support TLS"
    if probe.path.startswith("/v2") and not context.deployment.release.at_least(2022, 2):
        return f"OVMS {context.deployment.release} does not have {probe.path}"
    if not _ANSWERED.fullmatch(probe.path):
        return f"the server has no {probe.path}, and answers it with an error"
    return ""


def _finding(
    context: Context, container: Container, listening: Listening, probe: Probe, reason: str
) -> Finding:
    effects = {
        "startup": "Kubernetes restarts the container after the allowed number of failures.",
        "liveness": "Kubernetes restarts the container after the allowed number of failures.",
        "readiness": "The pod never becomes ready, and services send it no requests.",
        "health": "The engine reports the container as unhealthy.",
    }
    serving: dict[str, ServingEffect] = {
        "startup": "container restarts",
        "liveness": "container restarts",
        "readiness": "pod never ready",
    }
    path = f" {probe.path}" if probe.path else ""
    return context.finding(
        PROBE_CANNOT_SUCCEED,
        f"The {probe.kind} probe never succeeds: {reason}",
        # An engine's health check does not restart the container and does not stop requests.
        severity="warning" if probe.kind == "health" else None,
        confidence="medium",
        detail=effects[probe.kind],
        evidence=(
            Evidence(
                f"{probe.kind}: {probe.method}{path}, port {probe.port}", "the probes of the deployment"
            ),
            Evidence(f"the server listens: {listening.describe()}", "the server's arguments"),
        ),
        recovers="restart",
        steps=_steps(context, container, listening),
        serving_effect=serving.get(probe.kind),
    )


def _steps(context: Context, container: Container, listening: Listening) -> tuple[Step, ...]:
    location: StepLocation | None = "kubernetes" if container.source == "kubernetes" else None
    if listening.rest is None:
        if listening.grpc is None:
            return ()
        return (
            Step("Give the server a --rest_port and probe /v2/health/ready there, or its gRPC port by TCP."),
            Step(
                "For the gRPC port:",
                f"tcpSocket: {{port: {listening.grpc}}}",
                location,
                "restarts the server",
            ),
        )
    path = "/v2/health/ready" if context.deployment.release.at_least(2022, 2) else "/v1/config"
    return (
        Step(
            f"Probe {path} on port {listening.rest}.",
            f"httpGet: {{path: {path}, port: {listening.rest}}}",
            location,
            "restarts the server",
        ),
    )
