"""Listening sockets that are not a container engine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: Without "close" a client may send its next request before it notices that the connection is closed.
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nApi-Version: 1.41\r\nConnection: close\r\n"


def body(text: bytes) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(text) + text


@contextmanager
def listening(path: Path | None, answer: Callable[[socket.socket], object]) -> Iterator[str]:
    """A socket that calls ``answer`` with each connection and then closes it. Without a path it is a TCP
    socket on this host. Yields its address in the form of DOCKER_HOST."""

    def serve() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(20)
                with suppress(OSError):
                    answer(connection)

    ended = threading.Event()
    with socket.socket(socket.AF_INET if path is None else socket.AF_UNIX) as listener:
        listener.bind(("127.0.0.1", 0) if path is None else str(path))
        listener.listen()
        listener.settimeout(0.05)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{listener.getsockname()[1]}" if path is None else f"unix://{path}"
        finally:
            ended.set()
            thread.join()


def replying(answer: bytes) -> Callable[[socket.socket], None]:
    """Sends the same answer to the first request of every connection."""

    def reply(connection: socket.socket) -> None:
        if connection.recv(1 << 16):
            connection.sendall(answer)

    return reply


def silent(connection: socket.socket) -> None:
    """Sends no answer until the other side closes the connection."""
    connection.settimeout(None)
    while connection.recv(1 << 16):
        pass
