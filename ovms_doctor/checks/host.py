"""The server's host: ports, bind addresses and the log file, because of which the server ends before it loads a
model."""

from __future__ import annotations

import errno
import posixpath
from collections.abc import Iterator

from ovms_doctor.checks.api import Check, CouldNotLookError, NotApplicableError
from ovms_doctor.checks.cache.access import describe_rights
from ovms_doctor.checks.context import Context, quote
from ovms_doctor.checks.positions import argument_position
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.facts import CheckWritable, NetworkInspection, Writability
from ovms_doctor.model.findings import Confidence, Evidence, Finding, Step, StepLocation
from ovms_doctor.model.plan_problems import StartProblem
from ovms_doctor.prediction.mounted_paths import is_mounted
from ovms_doctor.prediction.network import first_open_port, network_question, takes_port, uses_host_network

PORT_IN_USE = Code(
    code="OVD801",
    name="port-in-use",
    severity="error",
    summary="A port that the server opens is already in use",
    remedy=(
        "Stop the process that listens there, or give the server another port. Often an earlier server "
        "was not stopped and still listens."
    ),
    log=(server_log.GRPC_BUSY, server_log.REST_BUSY),
    recovers="restart",
    releases=f"{ALL_RELEASES} The messages changed with 2022.2, 2022.3 and 2025.0.",
    see_also=("OVD802", "OVD803", "OVD862"),
    example=Example(
        "ovms --port 9000 …                 while another process listens on 9000", "ovms --port 9001 …"
    ),
)

ADDRESS_NOT_LOCAL = Code(
    code="OVD802",
    name="address-not-local",
    severity="error",
    summary="The address that the server should bind does not belong to its host",
    remedy=(
        "Remove --grpc_bind_address and --rest_bind_address, or name an address that the server's host or "
        "container has."
    ),
    log=(server_log.REST_ADDRESS_MISSING,),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD801", "OVD804"),
    example=Example("ovms --grpc_bind_address 203.0.113.7 …", "ovms --grpc_bind_address 0.0.0.0 …"),
)

PORT_NOT_PERMITTED = Code(
    code="OVD803",
    name="port-not-permitted",
    severity="error",
    summary="The server's user has no right to open a port below 1024",
    remedy="Use a port from 1024 on, and publish it under the low number if needed.",
    log=(server_log.REST_NOT_PERMITTED,),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD801",),
    example=Example("docker run --network host … --port 81", "docker run -p 81:9000 … --port 9000"),
)

ADDRESS_IS_NAME = Code(
    code="OVD804",
    name="rest-address-is-name",
    severity="error",
    summary="--rest_bind_address is a name, and the server binds REST to IP addresses only",
    remedy="Name an IP address: 127.0.0.1 for localhost, 0.0.0.0 for all.",
    log=(server_log.REST_NO_NAMES,),
    recovers="restart",
    releases="Since 2025.0, for REST. gRPC accepts names in all releases.",
    see_also=("OVD802",),
    example=Example("ovms --rest_bind_address localhost …", "ovms --rest_bind_address 127.0.0.1 …"),
)

LOG_FILE_NOT_WRITABLE = Code(
    code="OVD847",
    name="log-file-not-writable",
    severity="error",
    summary="The file of --log_path cannot be written, so the server ends",
    remedy=(
        "Name a path that the server's user may write to, or remove --log_path: the log goes to standard "
        "output anyway."
    ),
    log=(server_log.LOG_NOT_OPENED,),
    recovers="restart",
    releases=f"{ALL_RELEASES} Directories that are missing are made since 2025.3.",
    see_also=("OVD201",),
    example=Example("--log_path /var/log/ovms.log            as uid 5000", "--log_path /tmp/ovms.log"),
)

ENGINE_PORT_TAKEN = Code(
    code="OVD862",
    name="engine-port-taken",
    severity="error",
    summary="The container engine cannot publish a port: the host's port is already in use",
    remedy=(
        "Publish another port of the host, or stop what listens there; docker ps shows containers "
        "that publish it."
    ),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD801",),
    example=Example(
        "docker run -p 9000:9000 …               while another container publishes 9000",
        "docker run -p 9100:9000 …",
    ),
)

_CODE_OF = {
    "port_in_use": PORT_IN_USE,
    "port_not_permitted": PORT_NOT_PERMITTED,
    "address_not_local": ADDRESS_NOT_LOCAL,
    "address_is_name": ADDRESS_IS_NAME,
    "log_file": LOG_FILE_NOT_WRITABLE,
    "published_port": ENGINE_PORT_TAKEN,
    "published_address": ADDRESS_NOT_LOCAL,
}
_PROC = "/proc/net/tcp"
_PLACES: dict[str, StepLocation] = {"compose": "compose", "kubernetes": "kubernetes"}


def check(context: Context) -> Iterator[Finding]:
    """Yields a finding on each property of the host that ends the server, or prevents the start of its container."""
    arguments = context.deployment.arguments
    question = network_question(context.deployment)
    answer = None if question is None else context.facts.get(question)
    problem = context.plan.host_problem
    if arguments is None or (question is None and problem is None and not arguments.value("log_path")):
        raise NotApplicableError("no ports of this host")
    if problem is None or problem.kind not in _CODE_OF:
        if (
            problem is None
            and question is not None
            and answer is not None
            and not isinstance(answer, NetworkInspection)
        ):
            raise CouldNotLookError(f"the ports of this host: {answer.reason}")  # type: ignore[union-attr]
        return
    network = answer if isinstance(answer, NetworkInspection) else NetworkInspection()
    yield context.finding(
        _CODE_OF[problem.kind],
        _message(context, problem, network),
        path=problem.path,
        detail=_detail(context, problem),
        confidence=_confidence(context, problem),
        log=problem.log,
        evidence=_evidence(context, problem, network),
        recovers="restart",
        steps=_steps(context, problem),
    )


def _message(context: Context, problem: StartProblem, network: NetworkInspection) -> str:
    position = argument_position(context, problem.option)
    prefix = f"{position}: " if position else ""
    if problem.kind == "log_file":
        return f"{prefix}the log file cannot be opened: {problem.text}"
    if problem.kind == "address_is_name":
        return f"{prefix}{problem.text} is a name, and the server binds REST to IP addresses only"
    if problem.kind == "published_address":
        return f"port {problem.port} is published on {problem.text}, and this host has no such address"
    if problem.kind == "address_not_local":
        if uses_host_network(context.deployment):
            return f"{prefix}this host has no address {problem.text}"
        return (
            f"{prefix}{problem.text} is an address of this host, and the container has a network of its own"
        )
    if problem.kind == "port_not_permitted":
        first = first_open_port(context.deployment, network)
        return (
            f"{prefix}{context.user_ids} has no right to open port {problem.port}: without a capability, "
            f"only ports from {first} on can be opened"
        )
    taken = takes_port(problem, network)
    by = f" by {taken.program}" if taken is not None and taken.program else ""
    return f"{prefix}port {problem.port} of this host is in use{by}"


def _detail(context: Context, problem: StartProblem) -> str:
    if problem.of_engine:
        return "The engine does not start the container: the server never runs, and its log is empty."
    end = f"The server ends with exit code {problem.exit_code}; nothing is served."
    if problem.status == "FAILED_TO_START_REST_SERVER" and context.deployment.release.at_least(2025, 0):
        end = f"The server waits 5 seconds and ends with exit code {problem.exit_code}; nothing is served."
    if problem.kind == "port_not_permitted" and problem.option == "--port":
        end += " It reports every such error as a busy port."
    return end


def _confidence(context: Context, problem: StartProblem) -> Confidence | None:
    if problem.kind == "address_is_name":
        # Read in the source of the library, not tried.
        return "medium"
    if problem.kind == "log_file" and not _on_host(context, problem):
        return "medium"
    if problem.kind == "port_not_permitted" and context.deployment.container is None:
        # The program's file may have the capability (setcap).
        return "medium"
    return None


def _on_host(context: Context, problem: StartProblem) -> bool:
    path = context.absolute(problem.path or "")
    return context.deployment.bare_metal or is_mounted(path, context.deployment)


# -- evidence ------------------------------------------------------------------------------------------


def _evidence(context: Context, problem: StartProblem, network: NetworkInspection) -> tuple[Evidence, ...]:
    if problem.kind == "log_file":
        return _evidence_of_file(context, problem)
    if problem.kind == "address_is_name":
        return (Evidence(f"{problem.option} {problem.text}", "the arguments"),)
    if problem.kind == "published_address":
        return (
            Evidence(
                f"{problem.text} cannot be bound here",
                "bind of the address, with a port of the kernel's choice",
            ),
        )
    if problem.kind == "address_not_local":
        action = (
            "cannot be bound here" if uses_host_network(context.deployment) else "can be bound on this host"
        )
        return (
            Evidence(f"{problem.text} {action}", "bind of the address, with a port of the kernel's choice"),
        )
    if problem.kind == "port_not_permitted":
        own = not uses_host_network(context.deployment)
        source = "the container's settings" if own else "/proc/sys/net/ipv4/ip_unprivileged_port_start"
        first = first_open_port(context.deployment, network)
        return (Evidence(f"net.ipv4.ip_unprivileged_port_start is {first}", source),)
    return tuple(
        Evidence(
            f"{item.program or 'a process of another user'} listens on {item.address}, port {item.port}",
            _PROC,
        )
        for item in network.listeners
        if item.port == problem.port
    )


def _evidence_of_file(context: Context, problem: StartProblem) -> tuple[Evidence, ...]:
    """Returns the rights that decide: those of the file, else those of the lowest existing directory."""
    path = context.absolute(problem.path or "")
    if not _on_host(context, problem):
        return (
            Evidence(f"{path} is not on a mount, and root owns the directories of the image", "the mounts"),
        )
    existing = path
    while True:
        rights = context.facts.get(CheckWritable(existing))
        if isinstance(rights, Writability):
            return (describe_rights(context, existing, rights),)
        if existing == "/":
            break
        existing = posixpath.dirname(existing)
    return (Evidence(problem.text, "stat"),)


# -- steps ---------------------------------------------------------------------------------------------


def _steps(context: Context, problem: StartProblem) -> tuple[Step, ...]:
    if problem.kind == "log_file":
        return _steps_for_file(context, problem)
    if problem.kind == "published_address":
        return (
            Step("List the addresses of this host.", "ip -brief address", "host", "reads"),
            Step("Publish the port on one of them, or without an address on all."),
        )
    if problem.kind == "address_is_name":
        address = "127.0.0.1" if problem.text.lower() == "localhost" else "0.0.0.0"  # noqa: S104
        return (_argument(context, "Name an IP address.", f"{problem.option} {address}"),)
    if problem.kind == "address_not_local":
        if uses_host_network(context.deployment):
            step = Step("List the addresses of this host.", "ip -brief address", "host", "reads")
            return (step, Step(f"Remove {problem.option}, or name one of them."))
        publish = f"-p {problem.text}:{problem.port}:{problem.port}"
        location = _step_location(context)
        if location == "compose":
            publish = f'ports: ["{problem.text}:{problem.port}:{problem.port}"]'
        return (
            Step(f"Remove {problem.option}."),
            Step(
                "Publish the port on that address of the host instead.",
                publish,
                location,
                "restarts the server",
            ),
        )
    if problem.kind == "port_not_permitted":
        return _steps_for_right(context, problem)
    command = f"ss --listening --tcp --numeric --processes 'sport = :{problem.port}'"
    step = Step("Check which process listens there.", command, "host", "reads")
    if problem.kind == "published_port":
        return (step, Step("Stop it, or publish another port of the host."))
    return (step, Step(f"Stop it, or give the server another port with {problem.option}."))


def _steps_for_right(context: Context, problem: StartProblem) -> tuple[Step, ...]:
    port, option = problem.port, problem.option
    if context.deployment.container is not None and not uses_host_network(context.deployment):
        return (
            Step("Remove the setting net.ipv4.ip_unprivileged_port_start of the container, or lower it."),
            Step(f"Or give {option} a port from {context.deployment.container.first_open_port} on."),
        )
    if context.deployment.container is not None:
        # In the host's network Docker does not remove this limit, and a capability has no effect for a user other than
        # root.
        text = f"Do not use the host's network, and publish a high port as {port}."
        command = f"-p {port}:9000 … {option} 9000"
        if _step_location(context) == "compose":
            command = f'ports: ["{port}:9000"]   # and {option} 9000'
        return (Step(text, command, _step_location(context), "restarts the server"),)
    return (
        Step(f"Give {option} a port from 1024 on."),
        Step(
            f"Or let every user of this host open ports from {port} on, until it restarts.",
            f"sysctl -w net.ipv4.ip_unprivileged_port_start={port}",
            "host",
            "needs root",
        ),
    )


def _steps_for_file(context: Context, problem: StartProblem) -> tuple[Step, ...]:
    user, path = context.deployment.user, context.absolute(problem.path or "")
    steps = [Step("Remove --log_path: the log goes to standard output anyway.")]
    if problem.failure is not None and problem.failure.errno == errno.EISDIR:
        name = quote(posixpath.join(problem.path or "", "ovms.log"))
        return (*steps, _argument(context, "Or name a file in the directory.", f"--log_path {name}"))
    denial = problem.failure.denial if problem.failure is not None else None
    unreachable = denial is not None and denial.right == "search"
    if not _on_host(context, problem) or (unreachable and context.deployment.mounts):
        command = f"install -d -o {user.uid} -g {user.gid} -m 0750 /srv/ovms-log"
        mount = "-v /srv/ovms-log:/ovms-log"
        if _step_location(context) == "compose":
            mount = "volumes: [/srv/ovms-log:/ovms-log]"
        return (
            *steps,
            Step("Or create a directory for the log.", command, "host", "needs root"),
            Step("Mount it.", mount, _step_location(context), "restarts the server"),
            _argument(context, "Name a file there.", "--log_path /ovms-log/ovms.log"),
        )
    # The server cannot use a path below a directory that its user may not enter, whatever the path's owner.
    directory = "/var/log" if unreachable else posixpath.dirname(path)
    own = posixpath.join(directory, "ovms")
    rights = context.facts.get(CheckWritable(directory))
    if (isinstance(rights, Writability) and rights.read_only) or problem.path is None:
        return tuple(steps)
    host = context.host(own)
    return (
        *steps,
        Step(
            "Or create a directory for the server's user, and name a file there.",
            f"install -d -o {user.uid} -g {user.gid} -m 0750 {quote(host)}",
            "host",
            "needs root",
        ),
        _argument(context, "Name a file there.", f"--log_path {quote(posixpath.join(own, 'ovms.log'))}"),
    )


def _argument(context: Context, text: str, arguments: str) -> Step:
    location = _step_location(context)
    if location == "kubernetes":
        return Step(text, f"args: [{arguments}]", location, "restarts the server")
    return Step(text, arguments, location, "restarts the server")


def _step_location(context: Context) -> StepLocation:
    container = context.deployment.container
    if container is None:
        return "host"
    return _PLACES.get(container.source, "docker run")


CHECK = Check(
    name="host",
    summary="the server's ports, bind addresses and log file on this host",
    codes=(
        PORT_IN_USE,
        ADDRESS_NOT_LOCAL,
        PORT_NOT_PERMITTED,
        ADDRESS_IS_NAME,
        LOG_FILE_NOT_WRITABLE,
        ENGINE_PORT_TAKEN,
    ),
    run=check,
)
