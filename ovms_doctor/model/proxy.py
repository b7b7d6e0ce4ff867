"""The value of a proxy variable, parsed once, so that neither its user nor its password is kept."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from msgspec import Struct, field

from ovms_doctor.model.pattern import lazy_pattern

#: How the server's S3 client reads a value: it uses it, ends because of it, or cannot read it and connects directly.
S3Reading: TypeAlias = Literal["", "taken", "ends", "unread"]
#: The problem of a value that cannot be read, or that a client reads in another way than intended.
ProxyProblem: TypeAlias = Literal[
    "",
    "no scheme",
    "capital scheme",
    "other scheme",
    "IPv6 address",
    "path",
    "empty password",
    "blank",
    "port",
    "form",
]

#: s3filesystem.cpp proxy_regex_, the same in every release v2022.1 to v2026.3; matched as a whole.
_S3 = lazy_pattern(r"(https?)://(([^:]{1,128}):([^@]{1,256})@)?([^:/]{1,255})(:([0-9]{1,5}))?/?", re.DOTALL)


class Proxy(Struct, frozen=True, omit_defaults=True):
    """A proxy as a variable names it.

    ``scheme``: in lower case.
    ``host``: without user and password.
    ``port``: None if none is named.
    ``s3``: how the S3 client reads it, empty for a variable with an empty value.
    ``user``: whether it has a user.
    ``odd_password``: whether its password has ``%`` or ``@``, which clients read in different ways.
    ``problem``: the fault of its form, empty for none.
    """

    scheme: str = ""
    host: str = ""
    port: int | None = None
    s3: S3Reading = ""
    user: bool = False
    odd_password: bool = False
    problem: ProxyProblem = field(default="", name="trouble")


def read_proxy(text: str) -> Proxy:
    """Returns the proxy in ``text``, a variable's whole value."""
    if not text:
        return Proxy()
    scheme, _, rest = text.rpartition("://") if "://" in text else ("", "", text)
    # A password may contain a slash: the last @ ends it.
    credentials, at, after = rest.rpartition("@")
    address = re.split(r"[/?#]", after, maxsplit=1)[0]
    host, port = _host_and_port(address.strip())
    match = _S3.fullmatch(text)
    reading: S3Reading = "unread"
    if match is not None:
        reading = "taken" if match[7] else "ends"
    password = credentials.partition(":")[2]
    return Proxy(
        scheme.strip().lower(),
        host,
        port,
        reading,
        bool(at),
        "%" in password or "@" in credentials,
        "" if reading != "unread" else _problem(text, scheme, rest, credentials, address),
    )


def _host_and_port(text: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d{1,9}))?.*", text, re.DOTALL)
    assert match is not None
    return match[1], None if match[2] is None else int(match[2])


def _problem(text: str, scheme: str, rest: str, credentials: str, address: str) -> ProxyProblem:
    if text != text.strip():
        return "blank"
    if not scheme:
        return "no scheme"
    if scheme not in ("http", "https"):
        return "capital scheme" if scheme.lower() in ("http", "https") else "other scheme"
    if credentials.endswith(":"):
        return "empty password"
    if "[" in address:
        return "IPv6 address"
    if "/" in rest.rstrip("/") or rest.endswith("//"):
        return "path"
    if address.count(":") == 1 and (address.endswith(":") or not re.fullmatch(r"[^:]+:\d{1,5}", address)):
        return "port"
    return "form"
