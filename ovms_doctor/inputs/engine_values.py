"""The formats in which Docker and Compose write sizes, processors, times, ports, limits and image names.

Text in, a value out; RefusedValueError for a value that the engine's own client or daemon would refuse. The rules are
those of Docker 28 (docker/cli, docker/go-units, docker/go-connections), which Compose and Podman follow.
"""

from __future__ import annotations

import ipaddress
import math
import posixpath
import re
from collections.abc import Iterable

from ovms_doctor.inputs import DocumentError
from ovms_doctor.model.container import Probe, PublishedPort
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.redaction import without_user
from ovms_doctor.model.text import escape, redact

#: The daemon refuses a smaller limit (6 MiB).
SMALLEST_MEMORY = 6 * 1024 * 1024
#: 255 for the repository, with a tag and a digest.
LONGEST_IMAGE = 600
ULIMITS = frozenset(
    "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split()
)

_SIZE = lazy_pattern(
    r"((?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})(?:e[+-]?\d{1,2})?) ?(b|(?:[kmgtp](?:i?b)?))?",
    re.IGNORECASE | re.ASCII,
)
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_CPUS = lazy_pattern(r"\+?(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})(?:/(\d{1,9}))?", re.ASCII)
_DURATION = lazy_pattern(r"(\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = lazy_pattern(r"[+-]?\d{1,19}", re.ASCII)
_LARGEST_ID = 2**31 - 1
_PORT = lazy_pattern(r"\d{1,5}", re.ASCII)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = lazy_pattern(
    rf"(?:(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?/)?{_PART}(?:/{_PART})*"
    r"(?::[\w][\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)
_CHECKED_URL = lazy_pattern(
    r"(https?)://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]):(\d{1,5})(/[^\s'\"|;&?#]*)?"
)


class RefusedValueError(DocumentError):
    """A value that the engine would refuse; the message names the problem."""


def read_size(text: str) -> int:
    """Returns bytes of ``2g``, ``512MiB`` or ``1.5 gb``: all units are powers of 1024 (go-units, RAMInBytes)."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise RefusedValueError(f'"{for_message(text)}" is not a size: write it as 512m or 2g')
    unit = (match[2] or "b")[0].lower()
    size = float(match[1]) * 1024 ** _POWERS.get(unit, 0)
    if size >= 2**63:
        raise RefusedValueError(f'"{for_message(text)}" is more memory than any machine can have')
    return int(size)


def read_memory(text: str) -> int | None:
    """Returns a memory limit in bytes; None for 0, which means no limit. The daemon refuses less than 6 MiB."""
    size = read_size(text)
    if 0 < size < SMALLEST_MEMORY:
        raise RefusedValueError(
            f'"{for_message(text)}" is less than 6 MB, the smallest memory limit that the engine accepts'
        )
    return size or None


def check_user(text: str) -> str:
    """Returns a user, ``UID[:GID]`` or names; a number must be in the engine's range.

    Source: moby/sys/user, user.go (``uids and gids must be in range 0-2147483647``).
    """
    for part in text.split(":", 1):
        if _NUMBER.fullmatch(part) and not 0 <= int(part) <= _LARGEST_ID:
            raise RefusedValueError(
                f'"{for_message(text)}" is not a user: the engine accepts ids from 0 to {_LARGEST_ID}'
            )
    return text


def read_swap(text: str) -> int | None:
    """Returns the limit of memory and swap together in bytes; None for 0 and for -1, no limit."""
    return None if text == "-1" else read_size(text) or None


def read_cpus(text: str) -> float | None:
    """Returns the number of processors: a decimal number or a fraction; None for 0, which means no limit."""
    match = _CPUS.fullmatch(text)
    if match is None or (match[2] and not int(match[2])):
        raise RefusedValueError(f'"{for_message(text)}" is not a number of processors')
    return float(match[1]) / int(match[2] or 1) or None


def read_whole(text: str, name: str) -> int:
    """Returns a whole number. ``name``: the option's name for the message."""
    if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
        raise RefusedValueError(f'"{for_message(text)}" is not a whole number for {name}')
    return int(text)


def read_duration(text: str) -> float:
    """Returns the seconds of a time as Go writes it: ``1m30s``, ``500ms``, ``0``."""
    if text in ("0", "+0", "-0"):
        return 0.0
    sign = -1 if text.startswith("-") else 1
    start = end = 1 if text.startswith(("+", "-")) else 0
    total = 0.0
    while match := _DURATION.match(text, end):
        total, end = total + float(match[1]) * _SECONDS[match[2]], match.end()
    if end == start or end < len(text):
        raise RefusedValueError(f'"{for_message(text)}" is not a time: write it as 30s or 1m30s')
    return sign * round(total, 9)


def read_ulimit(text: str) -> tuple[str, int]:
    """Returns name and soft limit of ``nofile=1024:4096``; -1 is unlimited."""
    name, equals, values = text.partition("=")
    if not equals:
        raise RefusedValueError(f'"{for_message(text)}" is not a limit: write it as nofile=1024:4096')
    return name, check_ulimit(name, values.split(":"))


def check_ulimit(name: str, values: Iterable[str]) -> int:
    """Returns the soft limit of one or two (soft, hard)."""
    if name not in ULIMITS:
        raise RefusedValueError(f'there is no limit with the name "{for_message(name)}"')
    numbers = [read_whole(value, f"the limit {name}") for value in values]
    if len(numbers) not in (1, 2):
        raise RefusedValueError(f"the limit {name} needs a soft and a hard value, not {len(numbers)} values")
    soft, hard = numbers[0], numbers[-1]
    if hard != -1 and (soft == -1 or soft > hard):
        raise RefusedValueError(f"the soft limit {name} is greater than the hard limit")
    return soft


def read_ports(text: str) -> tuple[PublishedPort, ...]:
    """Returns the ports of ``-p``: ``[[address:]host:]container[/protocol]`` with ranges, or
    ``published=…,target=…``."""
    if "=" in text:
        text = _long_port(text)
    head, _, last = text.rpartition(":")
    address, _, host = head.rpartition(":")
    container, slash, protocol = last.partition("/")
    protocol = protocol.lower() if slash and protocol else "tcp"
    if not container:
        raise RefusedValueError(f'"{for_message(text)}" names no port of the container')
    if protocol not in ("tcp", "udp", "sctp"):
        raise RefusedValueError(f'"{for_message(protocol)}" is not a protocol: tcp, udp or sctp')
    address = _address(address)
    first, end = _port_range(container)
    if not host:
        return tuple(PublishedPort(port, None, address, protocol) for port in range(first, end + 1))
    host_first, host_end = _port_range(host)
    if end == first and host_end != host_first:
        return (PublishedPort(first, None, address, protocol),)  # the engine chooses one of the range
    if end - first != host_end - host_first:
        raise RefusedValueError(f'the ranges of "{for_message(text)}" do not have the same length')
    # Port 0 of the host lets the engine choose as well.
    return tuple(
        PublishedPort(first + step, host_first + step or None, address, protocol)
        for step in range(end - first + 1)
    )


def check_name(name: str) -> str:
    """Returns a container's name."""
    if not re.fullmatch(r"/?[A-Za-z0-9][A-Za-z0-9_.-]+", name, re.ASCII):
        raise RefusedValueError(
            f'"{for_message(name)}" cannot be a container\'s name: a name has two or more of a-z, A-Z, 0-9, _, . and -'
        )
    return name.removeprefix("/")


def check_image(text: str) -> str:
    """Returns the name of an image; upper-case letters are allowed only in the registry and in the tag."""
    if len(text) > LONGEST_IMAGE or not _IMAGE.fullmatch(text):
        raise RefusedValueError(
            f'"{for_message(text)}" is in the position of the image, but cannot be the name of an image'
        )
    return text


def check_directory(text: str) -> str:
    """Returns the container's working directory, which must be absolute; empty for the image's own."""
    if text and not text.startswith("/"):
        raise RefusedValueError(f'the working directory "{for_message(text)}" is not an absolute path')
    return posixpath.normpath(text) if text else ""


def read_restart(text: str) -> str:
    """Returns a restart policy: ``no``, ``always``, ``unless-stopped``, ``on-failure`` or ``on-failure:3``."""
    name, colon, count = text.partition(":")
    if name not in ("", "no", "always", "unless-stopped", "on-failure") or (colon and not name):
        raise RefusedValueError(
            f'"{for_message(text)}" is not a restart policy: no, always, unless-stopped or on-failure[:times]'
        )
    if colon and count and (name != "on-failure" or not re.fullmatch(r"\d{1,9}", count, re.ASCII)):
        raise RefusedValueError(f'"{for_message(text)}": only on-failure accepts a number of times')
    return f"{name}:{count}" if count and int(count) else name or "no"


def health_probe(test: str, interval: float, timeout: float, retries: int, start: float) -> Probe:
    """Returns a health check; a check that calls a URL of the container itself is an ``http`` probe. Zero is the
    engine's default: 30 s, 30 s, 3 times."""
    match = _CHECKED_URL.search(test)
    return Probe(
        kind="health",
        method="http" if match else "exec",
        port=int(match[2]) if match else None,
        path=(match[3] or "/") if match else "",
        initial_delay=start,
        period=interval or 30.0,
        failures=retries or 3,
        timeout=timeout or 30.0,
        scheme=match[1].upper() if match else "HTTP",
    )


def capability(name: str) -> str:
    """Returns a capability as the engine writes it: upper case, without ``CAP_``."""
    return name.upper().removeprefix("CAP_")


def first_open_port(settings: Iterable[str]) -> int | None:
    """Returns ``net.ipv4.ip_unprivileged_port_start`` of settings ``name=value``; the last one counts."""
    found = None
    for text in settings:
        name, _, value = text.partition("=")
        if name.strip().replace("/", ".") == "net.ipv4.ip_unprivileged_port_start":
            found = int(value) if value.isascii() and value.isdigit() and len(value) <= 5 else None
    return found


def for_message(text: str) -> str:
    """Returns ``text`` for a message: without the text after an equals sign, without the user of a URL,
    shortened."""
    name, equals, _ = text.partition("=")
    short = without_user(redact(name if len(name) <= 60 else f"{name[:57]}…"))
    return escape("".join(c if c.isprintable() or "\ud800" <= c <= "\udfff" else "?" for c in short)) + (
        "=…" if equals else ""
    )


def _long_port(text: str) -> str:
    fields = {"protocol": "tcp", "published": "", "target": ""}
    for item in text.split(","):
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise RefusedValueError(f'"{for_message(item)}" of a published port is not name=value')
        fields[key] = value
    return f"{fields['published']}:{fields['target']}/{fields['protocol']}"


def _address(text: str) -> str:
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if text:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            raise RefusedValueError(
                f'"{for_message(text)}" is not an IP address for a published port'
            ) from None
    return text


def _port_range(text: str) -> tuple[int, int]:
    start, dash, end = text.partition("-")
    numbers = [start, end] if dash else [start, start]
    if not all(_PORT.fullmatch(number) for number in numbers) or max(map(int, numbers)) > 65535:
        raise RefusedValueError(f'"{for_message(text)}" is not a port from 0 to 65535')
    if int(numbers[1]) < int(numbers[0]):
        raise RefusedValueError(f'the range of ports "{for_message(text)}" ends before it begins')
    return int(numbers[0]), int(numbers[1])


def number_text(value: float) -> str:
    """Returns a number of a document as the engine would write it."""
    return str(int(value)) if math.isfinite(value) and value == int(value) else str(value)
