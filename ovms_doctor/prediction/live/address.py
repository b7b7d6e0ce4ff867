"""Reads the typed address of a server: a URL with or without a path, a host, a host and a port."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ovms_doctor.model.live import Address

#: The ports of the documentation's examples: the server itself has no default for REST.
REST_PORT, GRPC_PORT = 8000, 9000
_SCHEMES = {"http": (False, False), "https": (True, False), "grpc": (False, True), "grpcs": (True, True)}
_LONGEST = 2000


class AddressError(ValueError):
    """The text is not the address of a server. The message is the reason."""


def read_address(text: str, *, grpc: bool = False) -> Address:
    """Returns the server that ``text`` names: ``http://host:8000/v3``, ``host:8000``, ``host``, ``[::1]:8000``,
    ``:8000``, ``grpc://host:9000``, ``8000``. A path is a separate field. Raises AddressError."""
    typed = text.strip()
    if not typed or len(typed) > _LONGEST or any(char.isspace() or not char.isprintable() for char in typed):
        raise AddressError("it is not an address of a server: give URL, HOST or HOST:PORT")
    scheme, separator, rest = typed.partition("://")
    if not separator:
        scheme, rest = "", typed
    elif scheme.lower() not in _SCHEMES:
        raise AddressError(f"the scheme {scheme} is not known: http, https, grpc and grpcs are")
    tls, is_grpc = _SCHEMES.get(scheme.lower(), (False, False))
    location = re.split(r"[/?#]", rest, maxsplit=1)[0]
    path = rest[len(location) :]
    host, port = _host_and_port(_without_user(location))
    is_grpc = is_grpc or grpc
    if port is None:
        assumed = {"http": 80, "https": 443}.get(scheme.lower(), GRPC_PORT if is_grpc else REST_PORT)
        return Address(host, assumed, tls, is_grpc, False, path if path != "/" else "")
    return Address(host, port, tls, is_grpc, True, path if path != "/" else "")


def _without_user(location: str) -> str:
    if "@" in location:
        raise AddressError("it contains a user name: remove that, and give a key with --api-key-file FILE")
    return location


def _host_and_port(location: str) -> tuple[str, int | None]:
    """Returns the host and the port. ``location``: the part between the scheme and the path."""
    if location.isascii() and location.isdecimal():
        return "localhost", _port(location)
    if location.count(":") > 1 and not location.startswith("["):
        location = f"[{location}]"
    try:
        parts = urlsplit(f"//{location}")
        host = parts.hostname or ""
    except ValueError:
        raise AddressError("it is not an address of a server: give URL, HOST or HOST:PORT") from None
    tail = (
        location[location.rfind("]") + 1 :].rpartition(":")[2]
        if ":" in location[location.rfind("]") + 1 :]
        else ""
    )
    if not host and tail:
        host = "localhost"
    if not host:
        raise AddressError("it does not name a host")
    return host, _port(tail) if tail else None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text[:6]) < 65_536 or len(text) > 5:
        raise AddressError(f"{text[:20]} is not a port: ports are 1 to 65535")
    return int(text)
