"""Messages of other programs: exit codes, the loader, the container engine, Kubernetes, the kernel, clients.

The rows have the text as key, like those of ``data/signatures.json``: one text may mean several codes of several
topics, likeliest first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ovms_doctor.model.pattern import lazy_pattern

#: The exit code if the loader does not find a library of the server.
_NOT_LOADED = 127
#: Exit code → codes that it can mean, likeliest first.
_EXITS: dict[int, tuple[str, ...]] = {
    1: ("OVD704",),
    3: ("OVD703",),
    64: ("OVD703",),
    _NOT_LOADED: ("OVD861",),
    130: ("OVD709",),
    132: ("OVD706",),
    134: ("OVD707",),
    135: ("OVD708",),
    137: ("OVD701", "OVD702"),
    139: ("OVD708",),
    143: ("OVD709",),
}
_EXIT = lazy_pattern(
    r"\b(?:exit(?:ed|s)?(?: with)?(?: (?:code|status))?|(?:terminated|returned) with (?:exit )?(?:code|status))"
    r"[\"']?\s{0,3}[:=]?\s{0,3}\(?"
    r"(?P<code>\d{1,3})\)?(?!\d)|\bExit ?Code[\"']?\s{0,3}[:=]\s{0,3}(?P<code2>\d{1,3})(?!\d)",
    re.IGNORECASE,
)
#: A longer text that mentions an exit code is about something else.
_EXIT_TEXT = 300


class _Text(NamedTuple):
    """A text of another program.

    ``pattern``: the regular expression that finds it.
    ``codes``: the codes that it can mean, likeliest first.
    ``explains_server``: whether it is about a port or a library of the server itself: it explains more even where the
    server's own message is recognised.
    """

    pattern: re.Pattern[str]
    codes: tuple[str, ...]
    explains_server: bool


def _text(pattern: str, codes: str, *, explains_server: bool = False) -> _Text:
    return _Text(lazy_pattern(pattern), tuple(codes.split()), explains_server)


#: The beginning of a shell's message on the end of a command of a script, before the signal.
_SHELL = r"(?:^|: line \d{1,6}: {1,8}\d{1,10} )"
#: The same for the server's command, which follows.
_OVMS = r"(?:$|(?= .{0,300}\bovms\b))"

_TEXTS = (
    _text(r"\bOOMKilled\b(?![\"']?\s{0,3}[:=]\s{0,3}false)", "OVD701"),
    _text(r"Memory cgroup out of memory: Killed process \d+ \((?P<process>[^)]{1,40})\)", "OVD701"),
    _text(r"Out of memory: Killed process \d+ \((?P<process>[^)]{1,40})\)", "OVD701"),
    _text(r"CrashLoopBackOff|[Bb]ack-off (?:\S{1,20} )?restarting failed container", "OVD710"),
    _text(r"\bEvicted\b|The node was low on resource: (?P<resource>\S{1,60})", "OVD711"),
    _text(r"ImagePullBackOff|ErrImagePull|manifest unknown|pull access denied", "OVD865"),
    _text(
        r"(?:Error response from daemon|docker): .{0,300}"
        r"(?:port is already allocated|address already in use)",
        "OVD862",
    ),
    _text(
        r"CreateContainerError|RunContainerError|OCI runtime create failed|could not select device driver",
        "OVD713",
    ),
    _text(r"^exec \S{1,200}: (?P<error>.{1,200})$", "OVD713"),
    _text(
        rf"SIGILL received: illegal instruction|^Illegal instruction\b|{_SHELL}Illegal instruction\b{_OVMS}",
        "OVD706",
    ),
    _text(rf"^Segmentation fault\b|^Bus error\b|{_SHELL}(?:Segmentation fault|Bus error)\b{_OVMS}", "OVD708"),
    _text(
        rf"^terminate called (?:after|without)|^Aborted\b|{_SHELL}Aborted\b{_OVMS}",
        "OVD707",
        explains_server=True,
    ),
    _text(rf"{_SHELL}Killed{_OVMS}", "OVD701 OVD702"),
    _text(
        r"(?P<program>\S{0,200}\bovms): error while loading shared libraries: "
        r"(?P<library>[^:\s]{1,200}): (?P<error>.{1,200})",
        "OVD861",
        explains_server=True,
    ),
    _text(r"Failed to start gRPC server(?: -)? at (?P<address>\S{1,200})$", "OVD802", explains_server=True),
    # The server tries the port once, and reports any failure as busy.
    _text(
        r"Failed to start gRPC server(?: -)? at (?P<address>\S{1,200}:(?:\d{1,3}|10[01]\d|102[0-3])) "
        r"- port is busy",
        "OVD803",
        explains_server=True,
    ),
    _text(
        r"[Ff]ailed to connect to all addresses|[Cc]onnection refused|ConnectionRefusedError|"
        r"curl: \((?:6|7|52|56)\)|Received HTTP/0\.9 when not allowed|Trying to connect an http1\.x server|"
        r"[Nn]ame or service not known|[Tt]emporary failure in name resolution|StatusCode\.UNAVAILABLE",
        "OVD884",
    ),
    _text(r"[Rr]eceived message larger than max \((?P<size>\d+) vs\. (?P<limit>\d+)\)", "OVD884"),
    _text(r"Sent message larger than max \((?P<size>\d+) vs\. (?P<limit>\d+)\)", "OVD884"),
)


def outside_codes(text: str, *, in_server_message: bool) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields the codes that a text of another program means, with its values. ``in_server_message``: whether a message
    of the server is recognised in the text; then only what is about the server's ports and libraries counts."""
    for item in _TEXTS:
        match = item.pattern.search(text) if item.explains_server or not in_server_message else None
        if match is not None:
            values = {name: value for name, value in match.groupdict().items() if value}
            yield from ((code, values) for code in item.codes)
    if len(text) <= _EXIT_TEXT:
        for match in _EXIT.finditer(text):
            number = match["code"] or match["code2"]
            if int(number) == _NOT_LOADED or not in_server_message:
                yield from ((code, {"code": number}) for code in _EXITS.get(int(number), ()))
