"""Real servers on loopback: recorded answers over HTTP and gRPC, and listeners that misbehave."""

from __future__ import annotations

import json
import lzma
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import unquote

from tests.cli.run import Result, ovms_doctor

DATA = Path(__file__).parents[1] / "data/answers/recorded.json.xz"
#: Status, Content-Type and body.
Answer = tuple[int, str, bytes]
JSON = "application/json; charset=utf-8"


@cache
def recorded() -> dict[str, Any]:
    """Recorded answers by server: for GET by path, for gRPC as a list; and the answers during a start, by time."""
    with lzma.open(DATA, "rt", encoding="utf-8") as file:
        document: dict[str, Any] = json.load(file)
    return document


def replay(server: str, **replaced: Answer) -> Callable[[str], Answer]:
    """A recorded server. A path that was not recorded is answered as the server answers unknown URLs or
    unknown versions. ``replaced``: answers by path, with ``_`` for ``/``."""
    answers = recorded()[server]["http"]
    others = {"/" + path.replace("_", "/"): answer for path, answer in replaced.items()}

    def answer(path: str) -> Answer:
        if path in others:
            return others[path]
        found = answers.get(path)
        if found is None and "/versions/" in path:
            return 404, JSON, b'{"error":"Model with requested version is not found"}'
        if found is None:
            return 400, JSON, b'{"error":"Invalid request URL"}'
        status, content_type, body = found
        return status, content_type, body.encode()

    return answer


@contextmanager
def http_server(
    answer: Callable[[str], Answer], tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[HttpServer]:
    """A server that answers GET and records the requests."""
    server = HttpServer(answer, host)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class HttpServer(ThreadingHTTPServer):
    """Answers from a function."""

    daemon_threads = True

    def __init__(self, answer: Callable[[str], Answer], host: str = "127.0.0.1") -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.answer = answer
        #: Method and path of each request, and its headers.
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        #: Method, path and body of each POST.
        self.posted: list[tuple[str, str, bytes]] = []
        #: The answer to POST.
        self.result: Answer = (500, JSON, b'{"error":"unexpected"}')
        super().__init__((host, 0), _Handler)

    @property
    def port(self) -> int:
        port: int = self.server_address[1]
        return port

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores the error: a client that leaves early is not a fault."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HttpServer

    def do_GET(self) -> None:
        self.server.requests.append(("GET", self.path, dict(self.headers.items())))
        self._write(*self.server.answer(self.path))

    def _write(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in (line.split(": ", 1) for line in content_type.split("\n")[1:]):
            self.send_header(name, value)
        self.send_header("Content-Type", content_type.split("\n")[0])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.server.requests.append(("POST", self.path, dict(self.headers.items())))
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.posted.append(("POST", self.path, body))
        self._write(*self.server.result)

    def log_message(self, *args: Any) -> None:
        """Writes nothing to standard error."""


@contextmanager
def listener(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that handles each connection with ``behave`` in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=run, args=(connection,), daemon=True).start()

        def run(connection: socket.socket) -> None:
            with connection:
                try:
                    behave(connection)
                except (OSError, IndexError):
                    # The client has closed the connection or only tested it.
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            ended.set()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def grpc_server(
    server: str, change: Callable[[dict[str, Any]], dict[str, Any]] = lambda row: row
) -> Iterator[int]:
    """The port of a gRPC server with the recorded answers to status calls."""
    import grpc

    rows = {
        (row["call"], json.dumps(row.get("request", {}), sort_keys=True)): change(dict(row))
        for row in recorded()[server]["grpc"]
    }

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: Any) -> Any:
            call = details.method.rpartition("/")[2]
            return grpc.unary_unary_rpc_method_handler(lambda request, context: run(call, request, context))

    def run(call: str, request: bytes, context: Any) -> bytes:
        fields = _strings(request)
        requested = {
            name: fields[number] for name, number in (("name", 1), ("version", 2)) if number in fields
        }
        row = rows.get((call, json.dumps(requested, sort_keys=True)))
        if row is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "Model with requested name is not found")
            raise AssertionError
        if row["code"] != "OK":
            context.abort(grpc.StatusCode[row["code"]], row["details"])
        return _encoded(row["response"])

    served = grpc.server(ThreadPoolExecutor(2), handlers=(Handler(),))
    port: int = served.add_insecure_port("127.0.0.1:0")
    served.start()
    try:
        yield port
    finally:
        served.stop(None).wait()


def _strings(message: bytes) -> dict[int, str]:
    """The short string fields of a message, by number."""
    found, position = {}, 0
    while position < len(message):
        number, length = message[position] >> 3, message[position + 1]
        found[number] = message[position + 2 : position + 2 + length].decode()
        position += 2 + length
    return found


def _encoded(response: dict[str, Any]) -> bytes:
    """Encodes a message: flags are field 1; name, version and versions are the fields 1 and 2."""
    message = b""
    if response.get("live") or response.get("ready"):
        message += b"\x08\x01"
    for number, values in (
        (1, [response["name"]] if "name" in response else []),
        (2, response.get("versions", [response["version"]] if "version" in response else [])),
    ):
        for value in values:
            raw = value.encode()
            message += bytes([number << 3 | 2, len(raw)]) + raw
    return message


def status(*arguments: str | int, environment: dict[str, str] | None = None) -> Result:
    """``status`` with these arguments and without proxies, except those in ``environment``. Without ``--timeout`` it
    has a long one, since an answer may take long on a busy machine."""
    time_limit = () if "--timeout" in arguments else ("--timeout", "60")
    with mock.patch.dict("os.environ"):
        import os

        for name in list(os.environ):
            if name.lower().endswith("_proxy"):
                del os.environ[name]
        os.environ.update(environment or {})
        return ovms_doctor("status", *map(str, arguments), *time_limit)


def live(*arguments: str | int, environment: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON document of ``status``."""
    result = status(*arguments, "--format", "json", environment=environment)
    assert result.err == b""
    return result.code, result.document


def codes(document: dict[str, Any]) -> list[str]:
    """The codes of the findings in order, without the one about metrics."""
    return [item["code"] for item in document["findings"] if item["code"] != "OVD898"]


def named(path: str) -> str:
    """The model with a path."""
    return unquote(path.split("/")[3])
