"""Why a client cannot reach the server: the first step that fails."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import quote
from ovms_doctor.checks.live.codes import (
    ACCESS_REFUSED,
    CERTIFICATE_REFUSED,
    CONNECTION_REFUSED,
    GATEWAY_ERROR,
    NAME_UNKNOWN,
    NO_ANSWER,
    NOT_OVMS,
    OTHER_PROTOCOL,
    TLS_DIFFERS,
)
from ovms_doctor.checks.live.made import answer_evidence, answer_text, container_of, finding
from ovms_doctor.model.container import engine_program
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.live import LiveStatus, host_and_port

#: The statuses of a gateway whose server does not answer.
_OF_GATEWAYS = {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}
#: The number of list entries that a message shows.
_LISTED = 12


def unreachable(status: LiveStatus) -> Iterator[Finding]:
    """Yields the finding about the first step that fails; none if all succeed."""
    failed = next((step for step in status.steps if step.ok is False), None)
    if failed is None:
        return
    if status.observations.problem:
        return
    if failed.name == "name":
        yield _name_unknown(status)
    elif failed.name == "connection":
        yield _not_connected(status)
    elif failed.name == "protocol":
        yield _other_protocol(status)
    elif failed.name == "server":
        yield _not_ovms(status)


def _name_unknown(status: LiveStatus) -> Finding:
    host = status.address.host
    return finding(
        NAME_UNKNOWN,
        status,
        f"The name {host} cannot be resolved on this host: {status.observations.name_problem}.",
        "No client on this host reaches the server by this name.",
        evidence=(Evidence(f"{host}: {status.observations.name_problem}", "getaddrinfo"),),
        steps=(
            Step("Check how this host resolves the name.", f"getent ahosts {quote(host)}", "host", "reads"),
            Step("The names of containers and services are known only inside of their own network."),
        ),
    )


def _not_connected(status: LiveStatus) -> Finding:
    observed, address = status.observations, status.address
    evidence = tuple(
        Evidence(f"{item.address}, port {address.port}: {item.detail or item.result}", "connect")
        for item in observed.connections
    )
    results = {item.result for item in observed.connections}
    if "refused" not in results:
        return finding(
            NO_ANSWER,
            status,
            f"{address.netloc} does not answer: no connection is made within the time for one request.",
            "A firewall or a security group drops the packets, or the host is not up.",
            evidence=evidence,
            steps=(
                Step("Check from another host, or on the server's host, whether the port answers."),
                Step("Allow the port in the firewall, the security group or the network policy."),
            ),
        )
    listening = observed.listening
    detail = "Nothing listens on this port at this address."
    steps: list[Step] = []
    if listening is not None:
        elsewhere = [item for item, port in listening if port == address.port]
        if elsewhere:
            detail = f"On this host port {address.port} is bound to {', '.join(elsewhere)} only."
            steps.append(
                Step(
                    f"Name that address: {host_and_port(elsewhere[0], address.port)}; or start the server with "
                    "--rest_bind_address and --grpc_bind_address 0.0.0.0."
                )
            )
        else:
            ports = sorted({port for _, port in listening})
            if ports:
                listed = _listed(ports)
                detail += f" This host listens on {'the ports ' if len(ports) > 1 else 'port '}{listed}."
            else:
                detail += " No process of this host listens on any port."
            port_list = ", ".join(map(str, ports)) or "none"
            evidence += (Evidence(f"listening ports: {port_list}", "sockets of this host"),)
    steps.append(_port_step(status))
    steps.append(
        Step(
            "Check on which port the server listens: --rest_port for REST, --port for gRPC. Without "
            "--rest_port no REST server is started."
        )
    )
    if not address.port_named:
        steps.insert(0, Step(f"Name the port: {address.port} was assumed."))
    return finding(
        CONNECTION_REFUSED,
        status,
        f"{address.netloc} refuses the connection.",
        detail,
        evidence=evidence,
        steps=tuple(steps),
    )


def _port_step(status: LiveStatus) -> Step:
    """Returns the step that shows the ports at which the engine makes the container's own ports available."""
    program = engine_program(status.engine)
    if program == "kubectl":
        return Step("Check which port a service has for it.", f"{program} get services", "host", "reads")
    command = f"{program} ps --format '{{{{.Names}}}} {{{{.Ports}}}}'"
    return Step("Check which port the container publishes for it.", command, "host", "reads")


def _log_command(status: LiveStatus) -> str:
    """Returns the command that shows the log of the container."""
    program, name = engine_program(status.engine), container_of(status)
    return f"{program} logs POD -c {name}" if program == "kubectl" else f"{program} logs {name}"


def _listed(ports: list[int]) -> str:
    """Returns the first ports, and the number of further ports."""
    rest = len(ports) - _LISTED
    return ", ".join(map(str, ports[:_LISTED])) + (f" and {rest} more" if rest > 0 else "")


def _other_protocol(status: LiveStatus) -> Finding:
    observed, address = status.observations, status.address
    tls = observed.tls
    evidence = (
        (Evidence(f"the answer begins with {observed.greeting}", "first bytes"),) if observed.greeting else ()
    )
    if address.tls and tls is not None and not tls.ok and tls.problem in ("certificate", "name"):
        evidence = (Evidence(tls.detail, "TLS handshake"),)
        return finding(
            CERTIFICATE_REFUSED,
            status,
            f"The certificate of {address.netloc} is not accepted: {tls.detail}.",
            "Clients that check certificates refuse the connection.",
            evidence=evidence,
            steps=(
                Step("Name the certificate of the authority that signed it: --ca FILE.")
                if tls.problem == "certificate"
                else Step("Use a name that is in the certificate."),
                Step("Or connect without checking the certificate: --insecure."),
            ),
        )
    if address.tls and observed.protocol in ("http", "http2"):
        scheme = "grpc" if observed.protocol == "http2" else "http"
        return finding(
            TLS_DIFFERS,
            status,
            f"{address.netloc} speaks {'HTTP/2' if scheme == 'grpc' else 'HTTP'} without TLS.",
            "OVMS itself has no TLS. Only a proxy before it can have TLS.",
            evidence=evidence,
            steps=(Step("Do not use TLS.", f"ovms-doctor status {quote(f'{scheme}://{address.netloc}')}"),),
        )
    if observed.protocol == "tls" and not address.tls:
        scheme = "grpcs" if address.grpc else "https"
        return finding(
            TLS_DIFFERS,
            status,
            f"{address.netloc} speaks TLS, and the request is sent without TLS.",
            "OVMS itself has no TLS: there must be a proxy before it.",
            evidence=evidence,
            steps=(Step("Use TLS.", f"ovms-doctor status {quote(f'{scheme}://{address.netloc}')}"),),
        )
    if observed.protocol == "http2" and not address.grpc:
        return finding(
            OTHER_PROTOCOL,
            status,
            f"{address.netloc} is a gRPC port: it speaks HTTP/2 and not HTTP/1.1.",
            "The REST port is another one: --rest_port of the server's arguments.",
            evidence=evidence,
            steps=(
                Step("Check it over gRPC.", f"ovms-doctor status {quote(f'grpc://{address.netloc}')}"),
                Step("Name the REST port: where the server was started without --rest_port, there is none."),
            ),
        )
    if observed.protocol == "http" and address.grpc:
        return finding(
            OTHER_PROTOCOL,
            status,
            f"{address.netloc} is not a gRPC port: it speaks HTTP/1.1.",
            "The gRPC port is another one: --port of the server's arguments.",
            evidence=evidence,
            steps=(
                Step("Check it over HTTP.", f"ovms-doctor status {quote(f'http://{address.netloc}')}"),
                Step("Name the gRPC port: where the server was started without --port, there is none."),
            ),
        )
    if observed.protocol in ("silent", "closed") or (tls is not None and not tls.ok):
        behaviour = {
            "silent": "accepts the connection and does not answer",
            "closed": "closes the connection",
        }
        text = behaviour.get(observed.protocol) or f"fails the TLS handshake: {tls.detail if tls else ''}"
        return finding(
            NO_ANSWER,
            status,
            f"{address.netloc} {text}.",
            "A published port of a container behaves so when nothing listens on it inside: the server listens on "
            "another port, or on 127.0.0.1 of the container only.",
            confidence="medium",
            evidence=evidence,
            steps=(
                Step(
                    "Check on which port and address the server listens in the container: its log has "
                    "“Started REST server at”.",
                    f"{_log_command(status)} 2>&1 | grep -i 'server at'",
                    "host",
                    "reads",
                ),
                Step("Publish that port, and leave --rest_bind_address and --grpc_bind_address at 0.0.0.0."),
            ),
        )
    return finding(
        NOT_OVMS,
        status,
        f"{address.netloc} speaks neither HTTP nor gRPC.",
        "Another program listens there.",
        evidence=evidence,
        steps=(_listener_step(status),),
    )


def _not_ovms(status: LiveStatus) -> Finding:
    observed, address = status.observations, status.address
    if status.refused_access is not None:
        return access_refused(status)
    if not status.server:
        problem = next((step.detail for step in status.steps if step.ok is False), "")
        return finding(
            NO_ANSWER,
            status,
            f"{address.netloc} accepts the connection, but does not send a complete answer.",
            "The server hangs or is overloaded, or a program between it and this host closes the connection.",
            evidence=tuple(
                Evidence(text, "requests") for text in (problem, *observed.name_problem.split()) if text
            ),
            steps=(
                Step("Check the server's log and the load of its processors."),
                Step("Allow more time for each request: --timeout SECONDS."),
            ),
        )
    statuses = {item.status for item in observed.answers if item.status is not None}
    if statuses and statuses <= _OF_GATEWAYS.keys():
        return _gateway_error(status)
    kind = {"triton": "Triton Inference Server", "openai": "a server with an OpenAI API"}.get(status.server)
    answers = answer_evidence(item for item in observed.answers if item.status is not None) + tuple(
        Evidence(f"{item.call}: {item.code} {item.details}".strip(), "gRPC") for item in observed.calls[:3]
    )
    redirect = next((item.location for item in observed.answers if item.location), "")
    steps = [_listener_step(status)]
    if redirect:
        steps.insert(
            0,
            Step(f"The answer redirects to {redirect}, which ovms-doctor did not follow. Name that address."),
        )
    if any(item.code == "UNIMPLEMENTED" for item in observed.calls):
        steps.insert(0, Step("KServe's API over gRPC exists since 2022.2: an older OVMS answers so, too."))
    return finding(
        NOT_OVMS,
        status,
        f"{address.netloc} answers, but it is {kind or 'not OVMS'}"
        + (f" ({status.server_text})." if status.server_text else "."),
        "Requests for OVMS fail there.",
        evidence=answers,
        steps=tuple(steps),
    )


def _gateway_error(status: LiveStatus) -> Finding:
    """Returns the finding on a gateway's error: OVMS itself answers /v2 and /v1/config with 200 from the moment it
    listens."""
    answers = [item for item in status.observations.answers if item.status is not None]
    code = answers[0].status
    server = f" ({status.server_text})" if status.server_text else ""
    return finding(
        GATEWAY_ERROR,
        status,
        f"A gateway at {status.address.netloc}{server} answers {code} {_OF_GATEWAYS[code or 502]}: "
        "it does not reach the server.",
        "OVMS answers /v2 with 200 from the moment it listens: it has ended, has not started to listen, or is "
        "elsewhere than the gateway expects it.",
        evidence=answer_evidence(answers),
        steps=(
            Step(
                "On the server's host, check the server itself.",
                "ovms-doctor status localhost:8000",
                "host",
                "reads",
            ),
            Step("Compare the address that the gateway forwards to with the one that the server listens on."),
        ),
    )


def _listener_step(status: LiveStatus) -> Step:
    command = f"ss -ltnp 'sport = :{status.address.port}'"
    return Step("Check on the server's host which program listens on the port.", command, "host", "reads")


def access_refused(status: LiveStatus) -> Finding:
    """Returns the finding about a proxy that requires credentials."""
    answer = next(item for item in status.observations.answers if item.status == status.refused_access)
    return finding(
        ACCESS_REFUSED,
        status,
        f"{status.address.netloc} answers {status.refused_access} to GET {answer.path}.",
        "OVMS itself answers its status endpoints without a key: a proxy before it requires credentials.",
        evidence=(Evidence(answer_text(answer), "GET"),),
        steps=(Step("Give the key that the proxy requires, in a file: --api-key-file FILE."),),
    )
