"""From a name to a connection: the resolver, TCP, and the ports on which this host listens."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading

from ovms_doctor.model.live import ConnectionResult, ConnectionTry

_UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM)
_MOST_SOCKETS = 200


def resolve(host: str, port: int, timeout: float) -> tuple[tuple[str, ...], str]:
    """Returns the addresses of a name in the resolver's order, and why there are none.

    The resolver has no deadline: it runs in a thread that nothing waits for, because the process ends soon.
    """
    found: list[tuple[tuple[str, ...], str]] = []

    def run() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.append((tuple(dict.fromkeys(str(row[4][0]) for row in rows)), ""))
        except (OSError, UnicodeError) as error:
            found.append(((), getattr(error, "strerror", None) or str(error)))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(timeout)
    return found[0] if found else ((), "the resolver does not answer in time")


def connect(address: str, port: int, timeout: float) -> ConnectionTry:
    """Tries once to connect; the connection is closed at once."""
    try:
        socket.create_connection((address, port), timeout).close()
    except OSError as error:
        result, detail = _failed(error)
        return ConnectionTry(address, result, detail)
    return ConnectionTry(address, "open")


def _failed(error: OSError) -> tuple[ConnectionResult, str]:
    text = error.strerror or str(error)
    if isinstance(error, ConnectionRefusedError):
        return "refused", text
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return "timed_out", text
    if error.errno in _UNREACHABLE:
        return "unreachable", text
    return "failed", text


def listening_sockets(addresses: tuple[str, ...], port: int) -> tuple[tuple[str, int], ...] | None:
    """Returns the addresses and ports on which this host listens, those of ``port`` first, if one of ``addresses`` is
    its own; else None."""
    try:
        import psutil

        own = {item.address for items in psutil.net_if_addrs().values() for item in items}
        if not any(address in own or address.startswith("127.") or address == "::1" for address in addresses):
            return None
        rows = psutil.net_connections(kind="tcp")
    except Exception:  # noqa: BLE001 - what a kernel without /proc/net makes a library raise
        return None
    found = {(row.laddr.ip, row.laddr.port) for row in rows if row.status == psutil.CONN_LISTEN and row.laddr}
    return tuple(sorted(found, key=lambda item: (item[1] != port, item[1], item[0])))[:_MOST_SOCKETS]


def shutdown(connection: socket.socket) -> None:
    """Ends a connection, also for another thread that waits on it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
