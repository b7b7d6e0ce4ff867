"""Messages of other programs: exit codes, the loader, the container engine, Kubernetes, the kernel, clients.

The rows have the text as key, like those of ``data/signatures.json``: one text may mean several codes of several
topics, likeliest first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ovms_doctor.model.pattern import lazy_pattern

#: Exit code → codes that it can mean, likeliest first.
_EXITS: dict[int, tuple[str, ...]] = {
    1: ("OVD704",),
    3: ("OVD703",),
    64: ("OVD703",),
    127: ("OVD861",),
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

_PATTERNS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (lazy_pattern(pattern), tuple(codes.split()))
    for pattern, codes in (
        (r"\bOOMKilled\b(?![\"']?\s{0,3}[:=]\s{0,3}false)", "OVD701"),
        (r"Memory cgroup out of memory: Killed process \d+ \((?P<process>[^)]{1,40})\)", "OVD701"),
        (r"Out of memory: Killed process \d+ \((?P<process>[^)]{1,40})\)", "OVD701"),
        (r"CrashLoopBackOff|[Bb]ack-off (?:\S{1,20} )?restarting failed container", "OVD710"),
        (r"\bEvicted\b|The node was low on resource: (?P<resource>\S{1,60})", "OVD711"),
        (r"ImagePullBackOff|ErrImagePull|manifest unknown|pull access denied", "OVD865"),
        (
            r"(?:Error response from daemon|docker): .{0,300}"
            r"(?:port is already allocated|address already in use)",
            "OVD862",
        ),
        (
            r"CreateContainerError|RunContainerError|OCI runtime create failed|could not select device driver",
            "OVD713",
        ),
        (r"^exec \S{1,200}: (?P<error>.{1,200})$", "OVD713"),
        (r"SIGILL received: illegal instruction|^Illegal instruction\b", "OVD706"),
        (r"^Segmentation fault\b|^Bus error\b", "OVD708"),
        (r"^terminate called (?:after|without)|^Aborted\b", "OVD707"),
        (r"^Killed$", "OVD701 OVD702"),
        (
            r"(?P<program>\S{0,200}\bovms): error while loading shared libraries: "
            r"(?P<library>[^:\s]{1,200}): (?P<error>.{1,200})",
            "OVD861",
        ),
        (r"Failed to start gRPC server(?: -)? at (?P<address>\S{1,200})$", "OVD802"),
        # The server tries the port once, and reports any failure as busy.
        (
            r"Failed to start gRPC server(?: -)? at (?P<address>\S{1,200}:(?:\d{1,3}|10[01]\d|102[0-3])) "
            r"- port is busy",
            "OVD803",
        ),
        (
            r"[Ff]ailed to connect to all addresses|[Cc]onnection refused|ConnectionRefusedError|"
            r"curl: \((?:6|7|52|56)\)|Received HTTP/0\.9 when not allowed|Trying to connect an http1\.x server|"
            r"[Nn]ame or service not known|[Tt]emporary failure in name resolution|StatusCode\.UNAVAILABLE",
            "OVD884",
        ),
        (r"[Rr]eceived message larger than max \((?P<size>\d+) vs\. (?P<limit>\d+)\)", "OVD884"),
        (r"Sent message larger than max \((?P<size>\d+) vs\. (?P<limit>\d+)\)", "OVD884"),
    )
)  # fmt: skip


def outside_codes(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields the codes that a text of another program means, with its values."""
    for pattern, codes in _PATTERNS:
        match = pattern.search(text)
        if match is not None:
            values = {name: value for name, value in match.groupdict().items() if value}
            yield from ((code, values) for code in codes)
    if len(text) <= _EXIT_TEXT:
        for match in _EXIT.finditer(text):
            number = match["code"] or match["code2"]
            yield from ((code, {"code": number}) for code in _EXITS.get(int(number), ()))
