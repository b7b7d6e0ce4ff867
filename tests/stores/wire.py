"""A server in front of moto that forwards every request without a rule: refusals with Amazon's texts, and
network faults. It replaces what is not available offline: Amazon's own refusals and bad networks.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Literal

Behaviour = Literal["answer", "stall", "reset", "truncate", "drip", "hang up"]
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>'


@dataclass
class Rule:
    """A fault for requests: ``method`` and a pattern for their path with query; ``first``: the number of
    requests that it applies to, -1 for all. ``answer``: with ``status``, ``code``, ``headers`` and, except
    for HEAD, a body; ``stall``: no answer without end; ``reset``: the connection is reset after ``after``
    bytes of the real answer; ``truncate``: the answer ends there normally; ``drip``: it is sent byte by byte."""

    does: Behaviour = "answer"
    method: str = ""
    path: str = ""
    status: int = 503
    code: str = "SlowDown"
    message: str = "Please reduce your request rate."
    more: str = ""
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    first: int = -1
    after: int = 0
    matched: int = 0

    def takes(self, method: str, path: str) -> bool:
        if self.method not in ("", method) or not re.search(self.path, path) or self.matched == self.first:
            return False
        self.matched += 1
        return True


class Faulty:
    """``port``: that of moto. ``requests``: (method, path) of every received request; ``heads``: all header lines."""

    def __init__(self, port: int, rules: Sequence[Rule] = ()) -> None:
        self._port = port
        self._rules = list(rules)
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.requests: list[tuple[str, str]] = []
        self.heads: list[str] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        port: int = self._listening.getsockname()[1]
        return port

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._closed.set()
        # Without this the thread would keep on waiting, with the port.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                self._answer(connection)
        except OSError:
            pass

    def _answer(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            data = connection.recv(65536)
            if not data:
                return
            head += data
        lines = head.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        with self._lock:
            self.requests.append((method, path))
            self.heads.append("\n".join(lines))
            rule = next((one for one in self._rules if one.takes(method, path)), None)
        if rule is None:
            connection.sendall(self._true(method, path, lines[1:]))
        elif rule.does == "answer":
            connection.sendall(_made(rule, method))
        elif rule.does == "stall":
            self._closed.wait()
        elif rule.does != "hang up":
            self._spoil(connection, rule, self._true(method, path, lines[1:]))

    def _spoil(self, connection: socket.socket, rule: Rule, answer: bytes) -> None:
        if rule.does == "drip":
            for index in range(len(answer)):
                connection.sendall(answer[index : index + 1])
                if self._closed.wait(0.5):
                    return
            return
        connection.sendall(answer[: rule.after] if rule.after > 0 else answer[: len(answer) + rule.after])
        if rule.does == "reset":
            time.sleep(0.05)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _true(self, method: str, path: str, headers: list[str]) -> bytes:
        """The answer of moto."""
        connection_to_moto = HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection_to_moto.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for line in headers:
                name, _, value = line.partition(":")
                if name.lower() != "connection":
                    connection_to_moto.putheader(name, value.strip())
            connection_to_moto.endheaders()
            answer = connection_to_moto.getresponse()
            body = answer.read()
            headers_to_send = [
                (name, value) for name, value in answer.getheaders() if name.lower() not in _OWN
            ]
        finally:
            connection_to_moto.close()
        length = answer.getheader("Content-Length") or str(len(body))
        lines = [
            f"HTTP/1.1 {answer.status} {answer.reason}",
            f"Content-Length: {length}",
            "Connection: close",
        ]
        return (
            "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers_to_send), "", ""]).encode()
            + body
        )


_OWN = frozenset({"content-length", "connection", "transfer-encoding"})


@contextmanager
def faulty_servers(endpoint: str) -> Iterator[Callable[..., Faulty]]:
    """Yields a function from rules to a server in front of ``endpoint`` that follows them."""
    made: list[Faulty] = []

    def make(*rules: Rule) -> Faulty:
        made.append(Faulty(int(endpoint.rpartition(":")[2]), rules))
        return made[-1]

    yield make
    for one in made:
        one.close()


def _made(rule: Rule, method: str) -> bytes:
    body = rule.body
    if body is None:
        body = _XML.format(code=rule.code, message=rule.message, more=rule.more).encode()
    if method == "HEAD":
        body = b""
    headers = {"Content-Type": "application/xml", "Content-Length": str(len(body)), "Connection": "close"}
    lines = [
        f"HTTP/1.1 {rule.status} Made",
        *(f"{name}: {value}" for name, value in {**headers, **rule.headers}.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
