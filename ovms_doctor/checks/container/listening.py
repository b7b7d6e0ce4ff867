"""The ports on which the server listens, by its own arguments."""

from __future__ import annotations

from msgspec import Struct

from ovms_doctor.checks.context import Context
from ovms_doctor.model.container import Container
from ovms_doctor.model.pattern import lazy_pattern

#: The default gRPC port of the releases that do not require --port (config.cpp until v2025.0).
_DEFAULT_GRPC = 9178
_LOOPBACK = lazy_pattern(r"localhost|127(\.\d{1,3}){3}|::1")


class Listening(Struct, frozen=True):
    """The TCP ports of the server."""

    #: The port for gRPC; None if it does not listen.
    grpc: int | None
    #: The port for REST; None if it does not listen.
    rest: int | None
    #: Whether gRPC is bound to the loopback address, which cannot be reached from outside of the container.
    grpc_local: bool = False
    #: Whether REST is bound to the loopback address.
    rest_local: bool = False

    @property
    def reachable(self) -> tuple[int, ...]:
        """The ports that can be reached from outside of the container."""
        pairs = ((self.rest, self.rest_local), (self.grpc, self.grpc_local))
        return tuple(port for port, local in pairs if port is not None and not local)

    def describe(self) -> str:
        """Returns the ports as text: ``gRPC on 9000 and REST on 8000``."""
        parts = []
        for name, port, local in (("gRPC", self.grpc, self.grpc_local), ("REST", self.rest, self.rest_local)):
            if port is not None:
                parts.append(f"{name} on {port}" + (" of the loopback address only" if local else ""))
        return " and ".join(parts)


def listening_ports(context: Context) -> Listening | None:
    """Returns the ports from the server's arguments; None if they are not known, or if it does not serve."""
    container, arguments = context.deployment.container, context.deployment.arguments
    if container is None or container.arguments is None or arguments is None:
        return None
    if arguments.prints_help or arguments.usage_error is not None or not arguments.serves:
        return None
    grpc = arguments.port
    if grpc is None and not context.deployment.release.needs_a_port:
        grpc = _DEFAULT_GRPC
    ports = Listening(
        grpc or None,
        arguments.rest_port or None,
        _is_loopback(arguments.value("grpc_bind_address"), container),
        _is_loopback(arguments.value("rest_bind_address"), container),
    )
    return ports if ports.grpc or ports.rest else None


def _is_loopback(address: str | None, container: Container) -> bool:
    """Whether an address is the container's own loopback address. Rootless engines forward to this address too."""
    if address is None or container.user_namespace or container.network in ("host", "none"):
        return False
    return container.engine != "podman" and _LOOPBACK.fullmatch(address.strip()) is not None
