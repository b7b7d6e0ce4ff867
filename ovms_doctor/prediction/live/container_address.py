"""The address at which this host reaches the server in a container: a published port, the host's network, or its own
address."""

from __future__ import annotations

from ovms_doctor.model.container import Container
from ovms_doctor.model.live import Address
from ovms_doctor.prediction.live.address import AddressError

_ENDED = ("exited", "dead", "created", "terminated", "restarting", "paused")


def container_address(
    container: Container, own_address: str, *, grpc: bool = False, engine_host: str = ""
) -> Address:
    """Returns the address of the REST port, or of the gRPC port. ``own_address``: the container's IP address in its
    network, empty if this host does not reach it; ``engine_host``: the host of an engine on another host than this.
    Raises AddressError, whose text names what is missing."""
    state = container.state
    if state is not None and state.status in _ENDED:
        code = "" if state.exit_code is None else f" with exit code {state.exit_code}"
        raise AddressError(
            f"it does not run ({state.status}{code}): ovms-doctor check --container reports the reason"
        )
    option = "--port" if grpc else "--rest_port"
    kind = "gRPC" if grpc else "REST"
    if container.arguments is None:
        raise AddressError(
            f"its arguments are not known, and so its {kind} port is not known: name the address"
        )
    port = _port(_value(container.arguments, option))
    if port is None:
        raise AddressError(f"the server has no {option}: no {kind} port is open")
    bind = _value(container.arguments, "--grpc_bind_address" if grpc else "--rest_bind_address") or ""
    if container.network == "host":
        return Address(_reached(bind.split(",")[0], engine_host), port, False, grpc, True)
    for item in container.ports:
        if item.container == port and item.protocol == "tcp" and item.host is not None:
            return Address(_reached(item.address, engine_host), item.host, False, grpc, True)
    if own_address:
        return Address(own_address, port, False, grpc, True)
    listed = ", ".join(f"{item.host}→{item.container}" for item in container.ports if item.host is not None)
    raise AddressError(
        f"its {kind} port {port} is not published"
        + (f" (published: {listed})" if listed else "")
        + f": -p {port}:{port}"
    )


def either_address(container: Container, own_address: str, engine_host: str = "") -> Address:
    """Returns the address of the REST port, or of the gRPC port if there is no REST port. Raises AddressError."""
    arguments = container.arguments or ()
    has_rest, has_grpc = (_port(_value(arguments, option)) for option in ("--rest_port", "--port"))
    grpc = has_rest is None and has_grpc is not None
    return container_address(container, own_address, grpc=grpc, engine_host=engine_host)


def _reached(address: str, engine_host: str) -> str:
    """Returns the address as this host reaches it: a port that is bound to every address is reached at this host, or at
    the engine's host."""
    if address in ("", "0.0.0.0", "::"):  # noqa: S104 - compared with, not bound to
        return engine_host or "127.0.0.1"
    return address


def _value(arguments: tuple[str, ...], option: str) -> str | None:
    """Returns the last value of an option, in either form."""
    found = None
    for position, text in enumerate(arguments):
        if text.startswith(f"{option}="):
            found = text.partition("=")[2]
        elif text == option and position + 1 < len(arguments):
            found = arguments[position + 1]
    return found


def _port(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdecimal() and len(text) <= 5):
        return None
    return int(text) if 0 < int(text) < 65_536 else None
