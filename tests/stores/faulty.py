"""A store that misbehaves on request: on its own, or between a client and a real server.

No real server throttles, stalls or breaks off on request, so this one does. Its error texts are those of S3.
The upstream server receives each request as the client signed it.
"""

from __future__ import annotations

import http.client
import re
import socket
import struct
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
}


@dataclass(frozen=True)
class Reply:
    """An answer. ``Content-Length`` is that of the body unless the headers set it."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """A change of an answer: ``reply`` replaces it (None: the store's own answer), and only ``keep`` bytes of
    the body, or ``after`` bytes including the status line, are sent; ``end`` states what follows."""

    reply: Reply | None = None
    keep: int | None = None
    after: int | None = None
    end: Literal["", "close", "reset", "silence", "endless"] = ""
    block: bytes = b""
    pause: float = 0


@dataclass(frozen=True)
class Request:
    """A received request. ``path`` and ``query`` are decoded; ``key``: the access key of its signature, or
    empty; ``status``: the status of the answer, 0 if none was sent."""

    method: str
    target: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    key: str
    status: int


# -- faults --------------------------------------------------------------------------------------------


def stall(after: int = 0) -> Fault:
    """Sends this number of bytes, and then nothing, without an end."""
    return Fault(after=after, end="silence")


def hang_up(after: int = 0) -> Fault:
    """Sends this number of bytes and closes the connection normally."""
    return Fault(after=after, end="close")


def reset(after: int = 0) -> Fault:
    """Sends this number of bytes and resets the connection."""
    return Fault(after=after, end="reset")


def truncated(keep: int) -> Fault:
    """Sends all headers and this number of bytes of the body, and closes the connection."""
    return Fault(keep=keep, end="close")


def endless(block: bytes = b"\0" * 65536, pause: float = 0) -> Fault:
    """A body of unknown length: this block again and again, ``pause`` seconds apart, until the client leaves."""
    headers = {
        "Content-Type": "binary/octet-stream",
        "ETag": '"0"',
        "Content-Length": "",
        "Connection": "close",
    }
    return Fault(Reply(200, b"", headers), end="endless", block=block, pause=pause)


def error(
    status: int, code: str, message: str, more: str = "", headers: Mapping[str, str] | None = None
) -> Fault:
    """An error document of S3. ``more``: further elements of the document."""
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message>{more}"
        "<RequestId>TESTS0000000000A</RequestId><HostId>tests</HostId></Error>"
    )
    reply_headers = {
        "Content-Type": "application/xml",
        "x-amz-request-id": "TESTS0000000000A",
        **(headers or {}),
    }
    return Fault(Reply(status, document.encode(), reply_headers))


def answer(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Fault:
    """Only this answer."""
    return Fault(Reply(status, body, headers or {}))


def slow_down() -> Fault:
    return error(503, "SlowDown", "Please reduce your request rate.")


def denied() -> Fault:
    return error(403, "AccessDenied", "Access Denied")


def vanished() -> Fault:
    return error(404, "NoSuchKey", "The specified key does not exist.")


def invalid_key() -> Fault:
    return error(
        403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
    )


def expired_token() -> Fault:
    return error(400, "ExpiredToken", "The provided token has expired.")


def skewed(seconds: int = 3600) -> Fault:
    """The store's clock is ahead by this time, also in its ``Date`` header."""
    server_time = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    more = f"<ServerTime>{server_time:%Y-%m-%dT%H:%M:%SZ}</ServerTime>"
    more += "<MaxAllowedSkewMilliseconds>900000</MaxAllowedSkewMilliseconds>"
    message = "The difference between the request time and the current time is too large."
    return error(
        403, "RequestTimeTooSkewed", message, more, {"Date": format_datetime(server_time, usegmt=True)}
    )


def moved(region: str) -> Fault:
    """The bucket is in another region, which a header names."""
    message = "The bucket you are attempting to access must be addressed using the specified endpoint."
    headers = {"x-amz-bucket-region": region}
    return error(301, "PermanentRedirect", message, f"<Endpoint>s3.{region}.test</Endpoint>", headers)


def wrong_region(region: str) -> Fault:
    """The signature is for another region than this one."""
    message = f"The authorization header is malformed; the region is wrong; expecting '{region}'"
    return error(400, "AuthorizationHeaderMalformed", message, f"<Region>{region}</Region>")


def redirect(url: str) -> Fault:
    """A redirect to another address."""
    return error(
        307,
        "TemporaryRedirect",
        "Please re-send this request to the specified endpoint.",
        "",
        {"Location": url},
    )


def html(status: int = 200) -> Fault:
    """An HTML page, as a login portal or a wrong load balancer sends it."""
    page = (
        b"<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body><p>Log in &mdash; now<br></html>\n"
    )
    return answer(status, page, {"Content-Type": "text/html; charset=utf-8"})


# -- the store -----------------------------------------------------------------------------------------


@dataclass
class _Rule:
    fault: Fault
    method: str
    path: re.Pattern[str]
    after: int
    times: int | None

    def takes(self, method: str, path: str) -> bool:
        """Whether the fault applies to this request; counts it."""
        if self.method not in ("", method) or not self.path.search(path) or self.times == 0:
            return False
        if self.after:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class FaultyStore:
    """A server on loopback while it is open as a context manager. ``upstream``: the address of the server
    behind it; if empty, every request without a fault gets 501."""

    def __init__(self, upstream: str = "") -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.upstream = upstream
        self.closing = threading.Event()
        self.mistakes: list[BaseException] = []
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._server = _Server(self)
        self.host, self.port = "127.0.0.1", int(self._server.server_address[1])
        self.endpoint = f"http://{self.host}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def misbehave(
        self, fault: Fault, *, method: str = "", path: str = "", after: int = 0, times: int | None = None
    ) -> None:
        """Applies ``fault`` to requests with this method (empty: any) whose decoded path, which starts with
        ``/bucket``, contains this pattern: except the first ``after`` of them, ``times`` times (None:
        always). If several rules match a request, the first one counts."""
        with self._lock:
            self._rules.append(_Rule(fault, method, re.compile(path), after, times))

    def behave(self) -> None:
        """Removes all faults."""
        with self._lock:
            self._rules.clear()

    def method_and_path_pairs(self) -> list[tuple[str, str]]:
        """Method and decoded path of each request."""
        return [(request.method, request.path) for request in self.requests]

    def __enter__(self) -> FaultyStore:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join()
        if self.mistakes and error is None:
            raise AssertionError("the faulty store itself failed") from self.mistakes[0]

    def fault_for(self, method: str, path: str) -> Fault:
        with self._lock:
            return next((rule.fault for rule in self._rules if rule.takes(method, path)), Fault())


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def __init__(self, store: FaultyStore) -> None:
        self.store = store
        self._connected: set[socket.socket] = set()
        self._reset: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]
        self.store.connections += 1
        self._connected.add(request)
        super().process_request(request, client_address)

    def reset(self, connection: socket.socket) -> None:
        """Lets the connection be closed without the orderly end before it."""
        self._reset.add(connection)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        self._connected.discard(request)
        if request in self._reset:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def hang_up(self) -> None:
        """Wakes whoever waits for a client."""
        for connection in list(self._connected):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: object, client_address: object) -> None:
        error = sys.exc_info()[1]
        # A client may leave early.
        if error is not None and not isinstance(error, ConnectionError):
            self.store.mistakes.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def __getattr__(self, name: str) -> object:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, *args: object) -> None:
        pass

    def _serve(self) -> None:
        store = self.server.store
        parts = urlsplit(self.path)
        path = unquote(parts.path, "utf-8", "surrogateescape")
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = store.fault_for(self.command, path)
        silent = fault.after == 0
        # The request was made even if its answer is lost.
        reply = fault.reply or (_ask(store.upstream, self, data) if store.upstream else _NOT_IMPLEMENTED)
        credential = re.search(r"Credential=([^/,]+)/", self.headers.get("Authorization", ""))
        store.requests.append(
            Request(
                method=self.command,
                target=self.path,
                path=path,
                query=dict(parse_qsl(parts.query, keep_blank_values=True)),
                headers={name.lower(): value for name, value in self.headers.items()},
                key=credential[1] if credential else "",
                status=0 if silent else reply.status,
            )
        )
        body = b"" if self.command == "HEAD" else reply.body[: fault.keep]
        wire = (_head(reply) + body)[: fault.after]
        self.wfile.write(wire)
        self.wfile.flush()
        self.close_connection = self.close_connection or fault.end != ""
        if fault.end == "silence":
            store.closing.wait()
        elif fault.end == "reset":
            # Closing then discards the data and sends a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.server.reset(self.connection)
        elif fault.end == "endless" and self.command != "HEAD":
            while not store.closing.wait(fault.pause):
                self.wfile.write(fault.block)


_NOT_IMPLEMENTED = Reply(501, b"", {"Content-Type": "application/xml"})


def _head(reply: Reply) -> bytes:
    """The status line and the headers, without headers whose value is empty."""
    headers = {"Date": format_datetime(datetime.now(timezone.utc), usegmt=True), "Server": "AmazonS3"}
    headers["Content-Length"] = str(len(reply.body))
    known = {name.lower(): name for name in headers}
    for name, value in reply.headers.items():
        headers[known.get(name.lower(), name)] = value
    reason = http.client.responses.get(reply.status, "")
    lines = [
        f"HTTP/1.1 {reply.status} {reason}",
        *(f"{name}: {value}" for name, value in headers.items() if value),
    ]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")


def _ask(upstream: str, request: BaseHTTPRequestHandler, data: bytes) -> Reply:
    """Forwards a request unchanged, with its own Host, which is signed."""
    parts = urlsplit(upstream)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    try:
        connection.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                connection.putheader(name, value)
        connection.endheaders(data)
        answered = connection.getresponse()
        body = answered.read()
        headers = {name: value for name, value in answered.getheaders() if name.lower() not in _HOP_BY_HOP}
        if request.command != "HEAD":
            headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        return Reply(answered.status, body, headers)
    finally:
        connection.close()
