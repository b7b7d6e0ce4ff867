"""The actions of a run according to the kernel: the command line under strace."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ovms_doctor.model.text import unescape

#: Calls that open a file or a directory, and those that only look a path up.
_OPENS = ("open", "openat", "openat2", "creat", "execve")
_LOOKS = (
    "stat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "statfs",
)  # fmt: skip
_CALL = re.compile(r"^(\d+) +(\w+)\((.*)$")
_RESULT = re.compile(r" = (-?\d+)(?:<((?:[^<>\\]|\\.)*)>)?")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$")
_TEXT = r'"((?:[^"\\]|\\.)*)"'
_ADDRESS = re.compile(r'sin6?_port=htons\((\d+)\).*?inet_(?:addr\(|pton\(AF_INET6, )"([^"]+)"')
_SOCKET = re.compile(r"sa_family=AF_UNIX, sun_path=" + _TEXT)


class Trace:
    """The content of a trace.

    * ``opened``, ``looked_up``: absolute paths.
    * ``processes``: ids of all processes that were started.
    * ``addresses``: IP addresses and ports of connect or send calls; ``sockets``: paths of sockets.
    * ``connections``: the number of connect calls by address and port.
    """

    def __init__(self, text: str) -> None:
        self.opened: set[str] = set()
        self.looked_up: set[str] = set()
        self.processes: set[int] = set()
        self.addresses: set[tuple[str, int]] = set()
        self.sockets: set[str] = set()
        self.connections: dict[tuple[str, int], int] = defaultdict(int)
        #: By process: the path of each descriptor.
        self._descriptors: dict[int, dict[str, str]] = {}
        self._directories: dict[int, str] = defaultdict(os.getcwd)
        self._unfinished: dict[int, tuple[str, str]] = {}
        for line in text.splitlines():
            self._line(line)

    def below(self, top: Path) -> tuple[set[str], set[str]]:
        """The opened paths and the looked-up paths at and below a directory."""
        inside = (str(top), f"{top}/")
        opened = {path for path in self.opened if path == inside[0] or path.startswith(inside[1])}
        lookup = {path for path in self.looked_up if path == inside[0] or path.startswith(inside[1])}
        return opened, lookup

    def _line(self, line: str) -> None:
        resumed = _RESUMED.match(line)
        if resumed is not None:
            pid, name, rest = int(resumed[1]), resumed[2], resumed[3]
            before = self._unfinished.pop(pid, ("", ""))[1]
            self._call(pid, name, before + rest)
            return
        call = _CALL.match(line)
        if call is None:
            return
        pid, name, rest = int(call[1]), call[2], call[3]
        if rest.endswith("<unfinished ...>"):
            self._unfinished[pid] = (name, rest.removesuffix("<unfinished ...>"))
            if name in ("connect", "sendto", "sendmsg", *_OPENS, *_LOOKS):
                # It may never be resumed.
                self._paths(pid, name, rest)
            return
        self._call(pid, name, rest)

    def _call(self, pid: int, name: str, rest: str) -> None:
        results = list(_RESULT.finditer(rest))
        number = int(results[-1][1]) if results else -1
        if name in ("fork", "vfork", "clone", "clone3"):
            if number > 0:
                own = self._of(pid)
                self._descriptors[number] = own if "CLONE_THREAD" in rest else dict(own)
                self._directories[number] = self._directories[pid]
                if "CLONE_THREAD" not in rest:
                    self.processes.add(number)
            return
        if name == "chdir" and number == 0:
            found = re.match(_TEXT, rest)
            if found is not None:
                self._directories[pid] = os.path.join(self._directories[pid], _decoded(found[1]))
            return
        self._paths(pid, name, rest)
        if name in _OPENS and number >= 0 and results[-1][2]:
            self._of(pid)[str(number)] = _decoded(results[-1][2])

    def _of(self, pid: int) -> dict[str, str]:
        return self._descriptors.setdefault(pid, {})

    def _paths(self, pid: int, name: str, rest: str) -> None:
        if name in ("connect", "sendto", "sendmsg"):
            for port, found_address in _ADDRESS.findall(rest):
                # An IPv6 socket writes an IPv4 address like this.
                address = found_address.removeprefix("::ffff:")
                self.addresses.add((address, int(port)))
                self.connections[address, int(port)] += name == "connect"
            self.sockets.update(_decoded(path) for path in _SOCKET.findall(rest))
            return
        # With O_PATH nothing is opened for reading.
        is_opened = name in _OPENS and "O_PATH" not in rest
        target = self.opened if is_opened else self.looked_up if name in (*_LOOKS, *_OPENS) else None
        found = re.search(_TEXT, rest)
        if target is None or found is None or (name == "execve" and pid not in self._descriptors):
            return
        path = _decoded(found[1])
        if not path:
            return
        target.add(self._absolute(pid, path, rest))

    def _absolute(self, pid: int, path: str, rest: str) -> str:
        if path.startswith("/proc/self/fd/"):
            number, slash, more = path.removeprefix("/proc/self/fd/").partition("/")
            held = self._of(pid).get(number, f"/proc/self/fd/{number}")
            return f"{held}{slash}{more}".rstrip("/")
        if not path.startswith("/"):
            relative = re.match(r"(?:AT_FDCWD|\d+)<((?:[^<>\\]|\\.)*)>", rest)
            path = os.path.join(_decoded(relative[1]) if relative else self._directories[pid], path)
        return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def _decoded(text: str) -> str:
    """A text in the output of strace, whose bytes are escaped as in C."""
    return os.fsdecode(text.encode("latin-1").decode("unicode_escape").encode("latin-1"))


def traced(
    directory: Path, *arguments: str | bytes | Path, environment: Mapping[str, str] | None = None
) -> tuple[Trace, dict[str, Any]]:
    """Runs the command line with these arguments and ``--receipt``; returns its trace and its receipt."""
    trace, receipt = directory / "trace", directory / "receipt.json"
    command: list[Any] = [
        "strace", "-f", "-y", "-qq", "-s", "4096", "-e", "signal=none",
        "-e", "trace=%file,connect,sendto,sendmsg,clone,clone3,fork,vfork,chdir",
        "-o", trace, sys.executable, "-m", "ovms_doctor", *arguments, f"--receipt={receipt}",
    ]  # fmt: skip
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    completed = subprocess.run(
        command, env={**clean, **(environment or {})}, capture_output=True, timeout=600, check=False
    )
    assert completed.returncode in (0, 1, 3), completed.stderr
    document = json.loads(receipt.read_text("utf-8"))
    assert document["receipt"]["complete"], document["receipt"]
    assert document["receipt"]["exit_code"] == completed.returncode
    return Trace(trace.read_text("utf-8", "surrogateescape")), document


def compare(trace: Trace, receipt: dict[str, Any], *tops: Path) -> None:
    """Fails if trace and receipt differ: in a path at and below ``tops``, a process, or an address."""
    found = {unescape(item["path"]): set(item["actions"]) for part in _PATHS for item in receipt[part]}
    libraries = [f"{path}/" for path, actions in found.items() if "read_below" in actions]
    for top in tops:
        inside = {path: found[path] for path in found if path == str(top) or path.startswith(f"{top}/")}
        opened, looked_up = trace.below(top)
        assert opened, "else this compares nothing"
        listed = {path for path, actions in inside.items() if actions & _OPENED}
        by_library = {path for path in opened if path.startswith(tuple(libraries))}
        _empty("opened, not in the receipt", opened - listed - by_library)
        _empty("in the receipt, not opened", listed - opened)
        _empty("looked up, not in the receipt", looked_up - set(inside))
        lookup = {path for path, actions in inside.items() if "looked_up" in actions}
        _empty("in the receipt, not looked up", lookup - looked_up - opened)
    pids = {pid for item in receipt["processes"] for pid in item["pids"]}
    _empty("in the receipt, not started", pids - trace.processes)
    assert sum(item["count"] for item in receipt["processes"]) == len(trace.processes), receipt["processes"]
    network = [item for item in receipt["contacts"] if item["protocol"] != "unix"]
    _empty("another address", {(item["host"], item["port"]) for item in network} ^ trace.addresses)
    sockets = {item["host"] for item in receipt["contacts"] if item["protocol"] == "unix"}
    _empty("another socket", sockets ^ trace.sockets)
    for address in trace.addresses:
        counts = [item["connections"] for item in network if (item["host"], item["port"]) == address]
        assert None in counts or sum(counts) == trace.connections[address], (address, counts)


def _empty(name: str, values: set[Any]) -> None:
    assert not values, f"{name}: {sorted(map(repr, values))}"


_PATHS = ("files", "system", "written")
_OPENED = {"read", "listed", "written", "loaded"}
