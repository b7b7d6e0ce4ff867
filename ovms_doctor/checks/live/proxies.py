"""Proxies that the clients of this shell use."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import quote
from ovms_doctor.checks.live.codes import PROXY_TAKES_REQUESTS
from ovms_doctor.checks.live.made import finding
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.live import ClientRoute, LiveStatus


def proxies(status: LiveStatus) -> Iterator[Finding]:
    """Yields findings on clients of this shell that use a proxy: whether the server answers through it."""
    taken = [route for route in status.routes if route.variable]
    if not taken:
        return
    answer = status.observations.through_proxy
    name = " and ".join(route.client for route in taken)
    first = taken[0]
    verb = "send" if len(taken) > 1 else "sends"
    sentence = (
        f"{name} of this shell {verb} requests to {status.address.host} through the proxy {first.proxy}"
    )
    sentence += f" ({', '.join(dict.fromkeys(route.variable for route in taken))})"
    arrives = answer is not None and answer.status == 200 and not answer.problem
    if answer is not None and not status.address.grpc:
        arrives = arrives and b"OpenVINO Model Server" in answer.body
    if arrives:
        return
    is_reached = status.server in ("ovms", "starting")
    if not is_reached and answer is None:
        return
    if answer is None:
        result, severity = "it was not tested whether they arrive", "warning"
    else:
        answered = f"they are answered with {answer.status}"
        result = answered if answer.status and not answer.problem else f"they fail: {answer.problem}"
        severity = "error" if is_reached else "warning"
    direct = "the direct way works" if is_reached else "the direct way fails too"
    how = "CONNECT" if status.address.grpc else "GET /v2"
    evidence = (Evidence(f"through {first.proxy}: {result}", how),) if answer is not None else ()
    yield finding(
        PROXY_TAKES_REQUESTS,
        status,
        f"{sentence}, and {result}; {direct}.",
        "The proxy runs on another host: for it, localhost and this host's networks are other hosts.",
        severity="error" if severity == "error" else "warning",
        confidence="high" if answer is not None else "medium",
        evidence=evidence,
        steps=_no_proxy_steps(status, taken),
    )


def _no_proxy_steps(status: LiveStatus, taken: list[ClientRoute]) -> tuple[Step, ...]:
    host = quote(status.address.host)
    exports = f'export no_proxy="${{no_proxy:+$no_proxy,}}"{host} NO_PROXY="${{NO_PROXY:+$NO_PROXY,}}"{host}'
    steps = [Step("Exempt the server from the proxy, in the shell of the client.", exports, "host")]
    if any(route.client == "curl" for route in taken):
        command = f"curl --noproxy {host} {quote(status.address.url + '/v2/health/ready')}"
        steps.append(Step("Or for one request.", command, "host", "reads"))
    return tuple(steps)
