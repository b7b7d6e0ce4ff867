"""A running server: why a client cannot reach it, and what it does not serve.

The findings are made when a running server is queried.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ovms_doctor.checks.api import Check, CouldNotLookError, NotApplicableError
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.live.codes import CODES, METRICS_OFF
from ovms_doctor.checks.live.drift import drift_finding, unlisted_finding
from ovms_doctor.checks.live.proxies import proxies
from ovms_doctor.checks.live.reach import unreachable
from ovms_doctor.checks.live.states import states
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.live import LiveStatus
from ovms_doctor.prediction.live.drift import drifts, live_status_of, unlisted


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on the running server of a container: servables that it does not serve, and files that changed
    after it read them."""
    query = context.deployment.options.live
    if query is None:
        return
    status = live_status_of(context.deployment)
    if status is None:
        raise NotApplicableError(query.skipped or "it was not examined")
    container = context.deployment.container
    if container is not None:
        name = container.name or container.source_name
        status = replace(status, container=name, engine=container.engine)
    if query.own_address and not _is_reached(status):
        raise NotApplicableError(
            f"{status.address.netloc}, the container's own address, cannot be reached from this host"
        )
    problem = live_gap(status)
    if problem and not (status.address.grpc and status.server):
        # Over gRPC a server does not list its servables.
        raise CouldNotLookError(problem)
    yield from (item for item in live_findings(status) if item.code != METRICS_OFF.code)
    found = drifts(context.deployment, context.plan, context.facts, status)
    yield from (drift_finding(context, status, drift) for drift in found)
    if not any(drift.kind == "configuration" for drift in found):
        yield from (unlisted_finding(context, status, name) for name in unlisted(context.plan, status))


def _is_reached(status: LiveStatus) -> bool:
    """Whether the address answers, even with a refusal."""
    tries = status.observations.connections
    return bool(tries) and tries[-1].result in ("open", "refused")


def live_gap(status: LiveStatus) -> str:
    """Returns why ovms-doctor could not query the server; empty if it could."""
    observed = status.observations
    if observed.problem:
        return observed.problem
    if observed.grpc_installed is False:
        return "gRPC is not installed in this Python: pip install grpcio"
    is_reported = any(path == "/v1/config" for path, _ in status.unusable)
    if status.server == "ovms" and status.servables is None and not is_reported:
        if status.address.grpc and status.model is None:
            return "over gRPC a server lists no servables: name one with --model, or check the REST port"
        if not status.address.grpc and status.refused_access is None:
            return "the server does not list its servables"
    return ""


def live_findings(status: LiveStatus) -> tuple[Finding, ...]:
    """Returns the findings on the first failed step, or on servables that are not served; and on obstacles between the
    server and its clients."""
    if status.observations.problem and not status.observations.addresses:
        return ()
    found = list(unreachable(status)) or list(states(status))
    return (*found, *proxies(status))


CHECK = Check(name="live", summary="a running server: reachability and states", codes=CODES, run=check)
