"""The ports: whether the server can open those of its arguments on this host, and whether the engine can open those
that it publishes.

Source: GRPCServerModule::start (grpcservermodule.cpp) binds the port once to every IPv4 address, without SO_REUSEADDR,
and reports any failure as busy; then gRPC binds each address. HTTPServerModule::start comes next
(httpservermodule.cpp): drogon binds each address since v2025.0 (ListenerManager.cc), libevent before. Both come before
any model is loaded, except in v2022.1 (server.cpp). The messages differ: v2022.1 throws, v2022.2 gives no reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model import server_log
from ovms_doctor.model.container import Container, PublishedPort
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Facts, InspectNetwork, ListeningSocket, NetworkInspection
from ovms_doctor.model.plan_problems import StartProblem
from ovms_doctor.model.releases import Release

#: The default port of gRPC, until v2025.0.
_DEFAULT_GRPC = 9178
_ANY = "0.0.0.0"  # noqa: S104 - the server's default, nothing is bound here
#: The arguments that identify a server among those on one host.
_IDENTITY = ("config_path", "model_path", "model_name", "port", "rest_port")
_SERVERS = ("ovms", "docker-proxy", "rootlessport", "")

#: The line of trantor that reports it, in the commit that v2025.0 to v2026.3 are built with.
_SOCKET_LINE = 69

Interface: TypeAlias = Literal["gRPC", "REST"]


class Endpoint(Struct, frozen=True):
    """A port that the server opens."""

    #: The interface.
    interface: Interface
    #: The port.
    port: int
    #: The bind addresses as configured.
    bind_address: str
    #: Those of them that are IP addresses.
    addresses: tuple[str, ...]

    @property
    def option(self) -> str:
        """The argument that names the port."""
        return "--port" if self.interface == "gRPC" else "--rest_port"

    @property
    def address_option(self) -> str:
        """The argument that names the address."""
        return "--grpc_bind_address" if self.interface == "gRPC" else "--rest_bind_address"


def endpoints(deployment: Deployment) -> tuple[Endpoint, ...]:
    """Returns the ports that the server opens, in its order; none if it does not serve or its arguments are not
    known."""
    arguments = deployment.arguments
    if arguments is None or arguments.prints_help or not arguments.serves:
        return ()
    grpc = arguments.port
    if grpc is None and not deployment.release.needs_a_port:
        grpc = _DEFAULT_GRPC
    pairs: tuple[tuple[Interface, int | None], ...] = (("gRPC", grpc), ("REST", arguments.rest_port))
    found = []
    for interface, port in pairs:
        if port:
            addresses = arguments.value(f"{interface.lower()}_bind_address") or _ANY
            found.append(Endpoint(interface, port, addresses, _addresses(addresses, deployment.release)))
    return tuple(found)


def uses_host_network(deployment: Deployment) -> bool:
    """Whether the ports of the server are those of this host."""
    container = deployment.container
    if container is None:
        return deployment.bare_metal
    return container.network == "host" and _is_to_start_here(deployment, container)


def network_question(deployment: Deployment) -> InspectNetwork | None:
    """Returns the question about this host's network; None if the server does not depend on it."""
    container = deployment.container
    opened = endpoints(deployment)
    if uses_host_network(deployment):
        ports = [endpoint.port for endpoint in opened]
        named = [address for endpoint in opened for address in endpoint.addresses if address != _ANY]
    elif container is not None and _is_to_start_here(deployment, container):
        ports = [port.host for port in _published(container) if port.host is not None]
        named = [port.address for port in _published(container) if _is_address(port.address)]
        if _has_own_network(container):
            named += [
                address
                for endpoint in opened
                for address in endpoint.addresses
                if not _is_everywhere(address)
            ]
    else:
        return None
    if not (ports or named):
        return None
    return InspectNetwork(tuple(dict.fromkeys(ports)), tuple(dict.fromkeys(named)))


def network_problem(deployment: Deployment, facts: Facts) -> StartProblem | None:
    """Returns why the server is not started, or ends, because of a port or an address; None if it does not, or if that
    is not known. Raises FactsMissingError."""
    question = network_question(deployment)
    answer = None if question is None else facts.ask(question)
    network = answer if isinstance(answer, NetworkInspection) else None
    container = deployment.container
    if network is not None and container is not None and not uses_host_network(deployment):
        problem = _published_problem(container, deployment, network)
        if problem is not None:
            return problem
    for endpoint in endpoints(deployment):
        problem = _endpoint_problem(endpoint, deployment, network)
        if problem is not None:
            return problem
    return None


def channel_argument_problem(deployment: Deployment) -> StartProblem | None:
    """Returns why the server ends because of --grpc_channel_arguments; None if it does not.

    Source: parseGrpcChannelArgs (grpcservermodule.cpp, v2022.1: server.cpp). Each item between commas has exactly one
    key and one value; std::getline reads no empty item at the end, of the list and of an item. Since v2025.1 the server
    does not read the option without a port of gRPC.
    """
    arguments, release = deployment.arguments, deployment.release
    if arguments is None or arguments.prints_help or not arguments.serves:
        return None
    if release.needs_a_port and not arguments.port:
        return None
    value = arguments.value("grpc_channel_arguments") or ""
    if all(len(_tokens(item, "=")) == 2 for item in _tokens(value, ",")):
        return None
    if release.at_least(2022, 3):
        line = server_log.CHANNEL_ARGUMENTS_WRONG(value=value)
    else:
        line = server_log.CHANNEL_ARGUMENTS_WRONG_OLD(value=value)
    return StartProblem(
        "usage",
        "GRPC_CHANNEL_ARG_WRONG_FORMAT",
        1,
        (line,),
        text=line,
        option="--grpc_channel_arguments",
        hint="The value is a list of key=value with commas between the items.",
        remedy="Write each item of --grpc_channel_arguments as key=value, or remove the option.",
    )


def _tokens(text: str, delimiter: str) -> list[str]:
    """Returns the parts of a text as the server splits it (``tokenize``, stringutils.cpp): without an empty last
    one."""
    parts = text.split(delimiter)
    return parts if parts[-1] else parts[:-1]


def first_open_port(deployment: Deployment, network: NetworkInspection | None) -> int | None:
    """Returns the first port that needs no capability; None if that is not known. Docker allows all ports for a
    container with a network of its own, unless configured otherwise."""
    if uses_host_network(deployment):
        return None if network is None else network.first_open_port
    container = deployment.container
    if container is None or container.network == "host":
        return None
    return container.first_open_port


def takes_port(problem: StartProblem, network: NetworkInspection) -> ListeningSocket | None:
    """Returns the socket that uses the port of a problem."""
    return next((item for item in network.listeners if item.port == problem.port), None)


# -- the server ----------------------------------------------------------------------------------------


def _endpoint_problem(
    endpoint: Endpoint, deployment: Deployment, network: NetworkInspection | None
) -> StartProblem | None:
    release = deployment.release
    if _lacks_right(endpoint, deployment, network):
        return _not_opened("port_not_permitted", endpoint, release, endpoint.bind_address)
    if network is not None and uses_host_network(deployment):
        if not _is_itself(endpoint.port, deployment, network):
            # gRPC's port is first tried on all addresses of IPv4, for any bind address.
            binds = (_ANY,) if endpoint.interface == "gRPC" else endpoint.addresses
            for address in binds:
                if any(_overlaps(item, endpoint.port, address) for item in network.listeners):
                    return _not_opened("port_in_use", endpoint, release, address)
        for address in endpoint.addresses:
            if address in network.missing_addresses:
                return _not_opened("address_not_local", endpoint, release, address)
    elif network is not None and _has_own_network(deployment.container):
        # A container with a network of its own does not have the host's addresses.
        for address in endpoint.addresses:
            if not _is_everywhere(address) and address not in network.missing_addresses:
                return _not_opened("address_not_local", endpoint, release, address)
    if endpoint.interface == "REST" and release.at_least(2025, 0):
        name = next((part for part in _parts(endpoint.bind_address, release) if not _is_address(part)), None)
        if name is not None:
            line = server_log.REST_NO_NAMES(address=name)
            return StartProblem(
                "address_is_name",
                "",
                134,
                (line,),
                text=name,
                option=endpoint.address_option,
                port=endpoint.port,
            )
    return None


def _lacks_right(endpoint: Endpoint, deployment: Deployment, network: NetworkInspection | None) -> bool:
    first, container = first_open_port(deployment, network), deployment.container
    if first is None or endpoint.port >= first:
        return False
    user = deployment.user
    if container is not None:
        if "user" in container.unknown_fields or container.user_namespace or container.privileged:
            return False
        if container.engine == "podman" and not uses_host_network(deployment):
            # It grants added capabilities to users other than root, too.
            return False
        if user.uid == 0:
            return "NET_BIND_SERVICE" in container.capabilities_dropped
        return True
    return user.uid != 0 and network is not None and not (network.opens_any_port and network.uid == user.uid)


def _overlaps(listener: ListeningSocket, port: int, address: str) -> bool:
    """Returns whether the kernel refuses to bind ``address`` because of a listening socket (inet_csk_get_port): both
    have the port, and one of them has all addresses, or both have the same. A socket at ``::`` has the addresses of
    IPv4 too, unless its program sets IPV6_V6ONLY, which is rare."""
    if listener.port != port:
        return False
    import ipaddress

    own, other = ipaddress.ip_address(address), ipaddress.ip_address(listener.address)
    if other.is_unspecified and (other.version == 6 or own.version == 4):
        return True
    if own.is_unspecified and (own.version == 6 or other.version == 4):
        return True
    return own == other


def _not_opened(
    kind: Literal["port_in_use", "port_not_permitted", "address_not_local"],
    endpoint: Endpoint,
    release: Release,
    address: str,
) -> StartProblem:
    grpc = endpoint.interface == "gRPC"
    lines = _grpc_lines(kind, endpoint, release) if grpc else _rest_lines(kind, endpoint, release, address)
    status = "FAILED_TO_START_GRPC_SERVER" if grpc else "FAILED_TO_START_REST_SERVER"
    option = endpoint.address_option if kind == "address_not_local" else endpoint.option
    return StartProblem(kind, status, 1, tuple(lines), text=address, option=option, port=endpoint.port)


def _grpc_lines(kind: str, endpoint: Endpoint, release: Release) -> Iterator[str]:
    address_text = f"{endpoint.bind_address}:{endpoint.port}"
    if not release.at_least(2022, 2):
        address_text = str(endpoint.port) if kind == "address_not_local" else address_text
        yield server_log.ENDS_BY_EXCEPTION(what=server_log.GRPC_NOT_STARTED_2022_1(address=address_text))
    elif not release.at_least(2022, 3):
        yield server_log.GRPC_NOT_STARTED_OLD(address=address_text)
    elif kind == "address_not_local":
        yield server_log.GRPC_NOT_STARTED(address=address_text)
    else:
        yield server_log.GRPC_BUSY(address=address_text)


def _rest_lines(kind: str, endpoint: Endpoint, release: Release, address: str) -> Iterator[str]:
    address_text = f"{endpoint.bind_address}:{endpoint.port}"
    if not release.at_least(2022, 2):
        yield server_log.ENDS_BY_EXCEPTION(what=server_log.REST_NOT_STARTED_OLD(address=address_text))
        return
    if not release.at_least(2022, 3):
        yield server_log.REST_NOT_STARTED_OLD(address=address_text)
        return
    if release.at_least(2025, 0):
        bound = endpoint.addresses[0] if kind == "port_not_permitted" and endpoint.addresses else address
        message = {
            "port_in_use": server_log.REST_BUSY,
            "port_not_permitted": server_log.REST_NOT_PERMITTED,
            "address_not_local": server_log.REST_ADDRESS_MISSING,
        }[kind]
        yield message(address=f"{bound}:{endpoint.port}", line=_SOCKET_LINE)
        yield server_log.DROGON_THREW()
        yield server_log.DROGON_NOT_STARTED()
    yield server_log.REST_NOT_STARTED(address=address_text)


# -- the engine ----------------------------------------------------------------------------------------


def _published_problem(
    container: Container, deployment: Deployment, network: NetworkInspection
) -> StartProblem | None:
    """Returns the problem of a published port: the engine opens these ports before it starts the server."""
    for port in _published(container):
        address = port.address or _ANY
        if port.host is None or not _is_address(address) or _is_itself(port.host, deployment, network):
            continue
        if any(_overlaps(item, port.host, address) for item in network.listeners):
            return StartProblem("published_port", "", None, (), text=address, port=port.host)
        if address in network.missing_addresses:
            return StartProblem("published_address", "", None, (), text=address, port=port.host)
    return None


def _published(container: Container) -> tuple[PublishedPort, ...]:
    return tuple(port for port in container.ports if port.protocol == "tcp")


# -- what is here --------------------------------------------------------------------------------------


def _is_to_start_here(deployment: Deployment, container: Container) -> bool:
    """Whether the engine of this host will start the container. A running container has its ports already."""
    state = container.state
    running = state is not None and state.status in ("running", "paused", "restarting")
    return deployment.options.container_here and not running and "ports" not in container.unknown_fields


def _has_own_network(container: Container | None) -> bool:
    """Returns whether its addresses are its own: it does not share the network of another container, and has no
    driver that gives it those of the host."""
    if container is None:
        return False
    return container.network in ("", "default", "bridge") or container.source == "compose"


def _is_itself(port: int, deployment: Deployment, network: NetworkInspection) -> bool:
    """Returns whether the program that listens on a port is this server, which is already running: the check is then
    not about a second start."""
    programs = {item.program for item in network.listeners if item.port == port}
    if not programs or not programs.intersection(_SERVERS):
        return False
    own = _identity(deployment.options.arguments or ())
    return any(_identity(arguments) == own for arguments in network.servers)


def _identity(arguments: tuple[str, ...]) -> tuple[str | None, ...]:
    values: dict[str, str] = {}
    for position, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if name.startswith("--"):
            following = arguments[position + 1] if position + 1 < len(arguments) else ""
            values[name[2:]] = value if equals else following
    return tuple(values.get(name) for name in _IDENTITY)


def _parts(addresses: str, release: Release) -> list[str]:
    """Returns the addresses: a list with commas since v2025.4."""
    return [part for part in addresses.split(",") if part] if release.at_least(2025, 4) else [addresses]


def _addresses(addresses: str, release: Release) -> tuple[str, ...]:
    """Returns the IP addresses; those of IPv6 since v2025.4, which puts them in brackets for gRPC."""
    parts = [part for part in _parts(addresses, release) if _is_address(part)]
    return tuple(part for part in parts if release.at_least(2025, 4) or ":" not in part)


def _is_address(text: str) -> bool:
    import ipaddress

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _is_everywhere(address: str) -> bool:
    """Whether every network has the address."""
    import ipaddress

    one = ipaddress.ip_address(address)
    return one.is_unspecified or one.is_loopback
