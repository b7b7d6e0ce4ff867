"""The listening programs of this host, its addresses, and the ports that need a capability.

The module opens nothing on a port of the question. It reads the listening sockets from the kernel (proc(5),
/proc/net/tcp), so that a server that starts at the same moment finds its port free. The sockets of a child process
are those of this network namespace.
"""

from __future__ import annotations

import errno
import itertools
import os
import socket
import struct
from collections.abc import Collection, Iterator

from ovms_doctor.model.facts import ListeningSocket, NetworkInspection
from ovms_doctor.model.redaction import redact_arguments

#: The state of a listening socket (TCP_LISTEN of linux/tcp_states.h).
_LISTENS = "0A"
#: CAP_NET_BIND_SERVICE (linux/capability.h).
_NET_BIND_SERVICE = 10
#: The program by which Docker publishes a port.
_PROXY = "docker-proxy"
_SERVER = "ovms"
#: The most bytes that are read of a command line or of a table of the kernel.
_LONGEST = 1 << 20
_LARGEST_TABLE = 64 << 20


def inspect_network(ports: Collection[int], addresses: Collection[str], root: str = "") -> NetworkInspection:
    """Returns the listening sockets on ``ports``, and which of ``addresses`` this host does not have. ``root``: the
    directory above /proc."""
    found = [item for item in _listening(root) if item[1] in ports]
    programs = _programs({inode for _, _, inode in found}, root) if found else {}
    listeners = tuple(
        ListeningSocket(address, port, programs.get(inode) or _published_by(port, root))
        for address, port, inode in sorted(found)
    )
    return NetworkInspection(
        listeners=tuple(dict.fromkeys(listeners)),
        missing_addresses=tuple(address for address in addresses if not _has_address(address)),
        first_open_port=_number(f"{root}/proc/sys/net/ipv4/ip_unprivileged_port_start"),
        servers=tuple(_servers(root)) if listeners else (),
        uid=os.geteuid(),
        opens_any_port=_passes_capability(root),
    )


def _listening(root: str) -> Iterator[tuple[str, int, str]]:
    """Yields address, port and inode of each listening TCP socket."""
    for name in ("tcp", "tcp6"):
        for line in _text(f"{root}/proc/net/{name}", _LARGEST_TABLE).splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == _LISTENS:
                address, _, port = fields[1].partition(":")
                yield _address(address), int(port, 16), fields[9]


def _address(digits: str) -> str:
    """Returns an address as the kernel prints it: groups of 32 bits in the host's byte order. An IPv4 address in
    IPv6 becomes IPv4."""
    numbers = [int(digits[start : start + 8], 16) for start in range(0, len(digits), 8)]
    raw = struct.pack(f"={len(numbers)}I", *numbers)
    if len(raw) == 4:
        return socket.inet_ntop(socket.AF_INET, raw)
    if raw.startswith(bytes(10) + b"\xff\xff"):
        return socket.inet_ntop(socket.AF_INET, raw[12:])
    return socket.inet_ntop(socket.AF_INET6, raw)


def _has_address(address: str) -> bool:
    """Whether a socket can be bound to the address, on a port of the kernel's choice: the kernel itself answers."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as one:
            one.bind((address, 0))
    except OSError as error:
        return error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
    return True


def _programs(inodes: Collection[str], root: str) -> dict[str, str]:
    """Returns inode of a socket → name of its program, as far as this process may read it."""
    by_link = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[str, str] = {}
    for pid in _processes(root):
        directory = f"{root}/proc/{pid}/fd"
        try:
            names = os.listdir(directory)
        except OSError:
            continue
        for name in names:
            try:
                inode = by_link.get(os.readlink(f"{directory}/{name}"))
            except OSError:
                continue
            if inode is not None:
                found.setdefault(inode, _name(pid, root))
        if len(found) == len(by_link):
            break
    return found


def _published_by(port: int, root: str) -> str:
    """Returns Docker's proxy if its command line names the port: only root may read the descriptors of other users'
    processes."""
    for pid in _processes(root):
        if _name(pid, root) == _PROXY:
            arguments = _command(pid, root)
            if ("-host-port", str(port)) in itertools.pairwise(arguments):
                return _PROXY
    return ""


def _servers(root: str) -> Iterator[tuple[str, ...]]:
    """Yields the arguments of each server that runs on this host, in a container or not."""
    for pid in _processes(root):
        if _name(pid, root) == _SERVER:
            arguments = _command(pid, root)
            if arguments:
                yield redact_arguments(arguments[1:])


def _processes(root: str) -> list[str]:
    try:
        return sorted((name for name in os.listdir(f"{root}/proc") if name.isdigit()), key=int)
    except OSError:
        return []


def _name(pid: str, root: str) -> str:
    return _text(f"{root}/proc/{pid}/comm", _LONGEST).strip()


def _command(pid: str, root: str) -> list[str]:
    return _text(f"{root}/proc/{pid}/cmdline", _LONGEST).split("\0")[:-1]


def _passes_capability(root: str) -> bool:
    """Whether the capability is in the ambient set (capabilities(7)), which programs without capabilities of their
    own inherit."""
    for line in _text(f"{root}/proc/self/status", _LONGEST).splitlines():
        name, _, value = line.partition(":")
        if name == "CapAmb":
            return bool(int(value.strip() or "0", 16) >> _NET_BIND_SERVICE & 1)
    return False


def _number(path: str) -> int | None:
    text = _text(path, _LONGEST).strip()
    return int(text) if text.isascii() and text.isdigit() else None


def _text(path: str, limit: int) -> str:
    """Returns the beginning of a file of the kernel; empty if it does not exist or this process may not read it."""
    try:
        with open(path, "rb") as file:
            return os.fsdecode(file.read(limit))
    except OSError:
        return ""
