"""GET requests to one server, each with a limit of size and a deadline for the whole answer."""

from __future__ import annotations

import base64
import http.client
import os
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from ovms_doctor.model.live import HttpAnswer
from ovms_doctor.probes.live.connect import shutdown
from ovms_doctor.probes.live.greeting import first_answer_on, tls_context

if TYPE_CHECKING:
    from ovms_doctor.probes.live.question import LiveQuestion

#: How many bytes of a body are read: metrics of many models are some megabytes.
LARGEST_BODY = 16 << 20
#: Bytes of all bodies of a run together.
LARGEST_TOTAL = 40 << 20
_HEADERS = {"Accept": "*/*", "User-Agent": "ovms-doctor", "Connection": "close"}


class HttpClient:
    """Requests to one address of the server, with the name that was typed as Host."""

    def __init__(self, question: LiveQuestion, address: str) -> None:
        self._question = question
        self._address = address
        self._total = 0

    def get(self, path: str, query: int, timeout: float, began: float) -> HttpAnswer:
        """Returns the answer, or why there is none. ``began``: the time from which :attr:`HttpAnswer.at` counts."""
        return self._send("GET", path, None, {}, query, timeout, began)

    def post(
        self, path: str, body: bytes, headers: dict[str, str], timeout: float, began: float
    ) -> HttpAnswer:
        """Returns the answer to a request for inference."""
        return self._send("POST", path, body, headers, 0, timeout, began)

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        more: dict[str, str],
        query: int,
        timeout: float,
        began: float,
    ) -> HttpAnswer:
        question = self._question
        connection: http.client.HTTPConnection
        connection = http.client.HTTPConnection(question.address.host, question.address.port, timeout=timeout)
        try:
            plain = socket.create_connection((self._address, question.address.port), timeout)
            connection.sock = plain
            if question.address.tls:
                connection.sock = tls_context(question).wrap_socket(
                    plain, server_hostname=question.address.host
                )
        except (OSError, ssl.SSLError) as error:
            return HttpAnswer(query, path, problem=_text(error), at=time.monotonic() - began)
        headers = {**_HEADERS, **more}
        if question.settings.authorization:
            headers["Authorization"] = question.settings.authorization
        most = LARGEST_TOTAL - self._total
        answer = _exchange(connection, path, headers, query, timeout, began, most, method=method, sent=body)
        self._total += len(answer.body)
        return answer


def _exchange(
    connection: http.client.HTTPConnection,
    target: str,
    headers: dict[str, str],
    query: int,
    timeout: float,
    began: float,
    most: int = LARGEST_BODY,
    path: str | None = None,
    method: str = "GET",
    sent: bytes | None = None,
) -> HttpAnswer:
    """Sends one request and reads its answer. A timer ends an answer that takes longer than the deadline in all."""
    displayed = target if path is None else path
    late = threading.Event()
    open_socket = connection.sock

    def end() -> None:
        late.set()
        shutdown(open_socket)

    timer = threading.Timer(timeout, end)
    timer.daemon = True
    timer.start()
    found: dict[str, str | int | None] = {}
    sent_at = time.monotonic()
    body, problem = b"", ""
    try:
        connection.request(method, target, body=sent, headers=headers)
        response = connection.getresponse()
        found = {
            "status": response.status,
            "content_type": (response.getheader("Content-Type") or "")[:200],
            "server": (response.getheader("Server") or "")[:200],
            "location": (response.getheader("Location") or "")[:500],
        }
        limit = max(0, min(LARGEST_BODY, most))
        body = response.read(limit + 1)
        if len(body) > limit:
            body, problem = b"", "too large"
        elif response.length:
            problem = "cut off"
    except http.client.IncompleteRead as error:
        body, problem = error.partial, "cut off"
    except (OSError, http.client.HTTPException, ValueError) as error:
        problem = _text(error)
    finally:
        timer.cancel()
        connection.close()
    if late.is_set():
        problem = "timed out"
    status = found.get("status")
    return HttpAnswer(
        query,
        displayed,
        status if isinstance(status, int) else None,
        str(found.get("content_type", "")),
        str(found.get("server", "")),
        str(found.get("location", "")),
        body,
        problem,
        time.monotonic() - began,
        1000 * (time.monotonic() - sent_at),
    )


def through_proxy(question: LiveQuestion, timeout: float, began: float) -> HttpAnswer | None:
    """Returns the answer to ``GET /v2`` through the proxy of a variable; None if the proxy's form is not supported."""
    proxy = _named_proxy(question.proxy_variable)
    if proxy is None:
        return None
    headers = dict(_HEADERS)
    try:
        if question.address.tls:
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                proxy.host, proxy.port, timeout=timeout, context=tls_context(question)
            )
            connection.set_tunnel(question.address.host, question.address.port, headers=proxy.headers)
            target = "/v2"
        else:
            connection = http.client.HTTPConnection(proxy.host, proxy.port, timeout=timeout)
            headers.update(proxy.headers)
            target = f"http://{question.address.netloc}/v2"
        connection.connect()
    except (OSError, http.client.HTTPException) as error:
        return HttpAnswer(0, "/v2", problem=_text(error), at=time.monotonic() - began)
    return _exchange(connection, target, headers, 0, timeout, began, path="/v2")


def grpc_through_proxy(question: LiveQuestion, timeout: float, began: float) -> HttpAnswer | None:
    """Returns the result of a tunnel through the proxy of a variable, as gRPC makes it: status 200 if the other end
    speaks HTTP/2; None if the proxy's form is not supported."""
    proxy = _named_proxy(question.proxy_variable)
    if proxy is None:
        return None
    connection = http.client.HTTPConnection(proxy.host, proxy.port, timeout=timeout)
    connection.set_tunnel(question.address.host, question.address.port, headers=proxy.headers)
    try:
        connection.connect()
        plain = connection.sock
        protocol = first_answer_on(question, plain, timeout)
    except (OSError, http.client.HTTPException) as error:
        return HttpAnswer(0, "CONNECT", problem=_text(error), at=time.monotonic() - began)
    finally:
        connection.close()
    problem = "" if protocol == "http2" else "the other end of the tunnel does not speak HTTP/2"
    return HttpAnswer(0, "CONNECT", 200, problem=problem, at=time.monotonic() - began)


class _Proxy(NamedTuple):
    """A proxy of a variable: its address, and the header with its credentials."""

    host: str
    port: int
    headers: dict[str, str]


def _named_proxy(variable: str) -> _Proxy | None:
    value = os.environ.get(variable, "")
    parts = urlsplit(value if "://" in value else f"http://{value}")
    try:
        port = parts.port or (80 if "://" in value else 1080)
    except ValueError:
        return None
    if parts.scheme != "http" or not parts.hostname:
        return None
    headers = {}
    if parts.username is not None:
        text = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = "Basic " + base64.b64encode(text.encode()).decode("ascii")
    return _Proxy(parts.hostname, port, headers)


def _text(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError):
        return "cut off"
    if isinstance(error, http.client.BadStatusLine | http.client.LineTooLong | http.client.HTTPException):
        return f"no HTTP answer ({type(error).__name__})"
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:300]
