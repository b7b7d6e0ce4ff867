"""A fake of Google Cloud Storage and of Google's token server.

No other server refuses requests as Google does: its store is not available offline, and the emulators have no
credentials, refusals or pages. The error texts are Google's own. Whatever an emulator supports is tested with
an emulator.
"""

from __future__ import annotations

import base64
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

EMAIL = "reader@models-of-mine.iam.gserviceaccount.com"
REFRESH_TOKEN = "1//0refresh-token-of-a-person"
CLIENT_SECRET = "GOCSPX-secret-of-a-client"
SKEWED = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)
REASONS = {400: "invalid", 401: "required", 403: "forbidden", 404: "notFound", 429: "rateLimitExceeded"}


@dataclass(frozen=True)
class ReceivedRequest:
    """A received request. ``path`` is decoded, without its query; ``bearer``: the token that was sent."""

    method: str
    path: str
    query: Mapping[str, str]
    bearer: str = ""
    range: str = ""
    proxy: str = ""
    body: bytes = b""
    target: str = ""

    @property
    def kind(self) -> str:
        """``list``, ``get``, ``token`` or ``other``."""
        if self.path == "/token":
            return "token"
        if self.path.startswith("/download/storage/v1/b/"):
            return "get"
        return "list" if self.path.endswith("/o") and self.path.startswith("/storage/v1/b/") else "other"


@dataclass(frozen=True)
class Reply:
    """``stall``: no answer is ever sent. ``cut``: this number of bytes of the body is sent, then the
    connection ends as ``ending`` states."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    stall: bool = False
    cut: int | None = None
    ending: str = "reset"


#: Returns the reply to a request; None for the normal reply.
Behaviour = Callable[[ReceivedRequest], Reply | None]


def error_reply(status: int, message: str, reason: str = "") -> Reply:
    """An error of the JSON interface."""
    reason = reason or REASONS.get(status, "backendError")
    error = {
        "code": status,
        "message": message,
        "errors": [{"message": message, "domain": "global", "reason": reason}],
    }
    return Reply(
        status, json.dumps({"error": error}).encode(), {"Content-Type": "application/json; charset=UTF-8"}
    )


def grant_refused(description: str, status: int = 400, error: str = "invalid_grant") -> Reply:
    """An error of the token server."""
    body = {"error": error, "error_description": description}
    return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/json; charset=utf-8"})


def first(kind: str, times: int, reply: Reply) -> Behaviour:
    """``reply`` to the first ``times`` requests of a kind."""
    left = [times]

    def behave(request: ReceivedRequest) -> Reply | None:
        if request.kind != kind or not left[0]:
            return None
        left[0] -= 1
        return reply

    return behave


def always(kind: str, reply: Reply) -> Behaviour:
    """``reply`` to every request of a kind."""
    return lambda request: reply if request.kind == kind else None


@cache
def _key() -> Any:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def private_key() -> str:
    """The private key of :data:`EMAIL`, PEM."""
    from cryptography.hazmat.primitives import serialization

    form = serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    return _key().private_bytes(serialization.Encoding.PEM, form, plain).decode()


def certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that no authority has signed, and its key, as files."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(_key().public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(_key(), hashes.SHA256())
    )
    from cryptography.hazmat.primitives.serialization import Encoding

    paths = directory / "cert.pem", directory / "key.pem"
    paths[0].write_bytes(made.public_bytes(Encoding.PEM))
    paths[1].write_text(private_key())
    return paths


class FakeGcs:
    """``objects`` of the bucket ``models``. Everybody can list and read them; with ``private``, only clients
    with a token from here or one that the service account signed. ``clock``: seconds by which its clock is
    ahead. ``page``: keys of a page. ``behaviours`` are applied first."""

    def __init__(
        self,
        objects: Mapping[str, bytes] | None = None,
        *,
        private: bool = False,
        page: int = 1000,
        clock: float = 0,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        self.objects = dict(objects or {})
        self.private, self.page, self.clock = private, page, clock
        self.behaviours: list[Behaviour] = []
        self.requests: list[ReceivedRequest] = []
        self.issued: list[str] = []
        self.stopping = threading.Event()
        self._server = _Server(self, tls)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.port: int = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.token_uri = f"{self.url}/token"

    def __enter__(self) -> FakeGcs:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def service_account(self, **changes: Any) -> bytes:
        """A key file of :data:`EMAIL`."""
        info = {
            "type": "service_account",
            "project_id": "models-of-mine",
            "private_key_id": "0123456789abcdef",
            "private_key": private_key(),
            "client_email": EMAIL,
            "client_id": "1234567890",
            "token_uri": self.token_uri,
        }
        return json.dumps({**info, **changes}).encode()

    def authorized_user(self, **changes: Any) -> bytes:
        """A file as gcloud writes it for a user account."""
        info = {
            "type": "authorized_user",
            "client_id": "1234567890-a.apps.googleusercontent.com",
            "client_secret": CLIENT_SECRET,
            "refresh_token": REFRESH_TOKEN,
            "token_uri": self.token_uri,
            "quota_project_id": "another-project",
        }
        return json.dumps({**info, **changes}).encode()

    def kinds(self) -> list[str]:
        """The kinds of all requests so far."""
        return [request.kind for request in self.requests]

    # -- what it answers -------------------------------------------------------------------------------

    def answer(self, request: ReceivedRequest) -> Reply:
        self.requests.append(request)
        for behave in self.behaviours:
            reply = behave(request)
            if reply is not None:
                return reply
        if request.kind == "token" and request.method == "POST":
            return self._token(parse_qs(request.body.decode()))
        if request.kind not in ("list", "get") or request.method != "GET":
            return error_reply(404, "Not Found")
        call = "storage.objects.list" if request.kind == "list" else "storage.objects.get"
        if self.private and not request.bearer:
            return _denied(request, 401, f"Anonymous caller does not have {call} access", call)
        if self.private and request.bearer not in self.issued and not self._signed_here(request.bearer):
            return error_reply(401, "Invalid Credentials", "authError")
        bucket = request.path.partition("/b/")[2].partition("/")[0]
        if bucket != "models":
            return error_reply(404, "The specified bucket does not exist.")
        return self._list(request.query) if request.kind == "list" else self._get(request)

    def _list(self, query: Mapping[str, str]) -> Reply:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        entries: dict[str, bool] = {}
        for key in self.objects:
            if not key.startswith(prefix):
                continue
            head, cut, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            entries[prefix + head + cut if cut else key] = bool(cut)
        names = sorted(entries, key=lambda name: name.encode())
        first = int(base64.b64decode(query["pageToken"])) if "pageToken" in query else 0
        end = first + min(self.page, int(query.get("maxResults", "1000")))
        page = names[first:end]
        body: dict[str, Any] = {"kind": "storage#objects"}
        items = [{"name": name, "size": str(len(self.objects[name]))} for name in page if not entries[name]]
        if items:
            body["items"] = items
        if delimiter and any(entries[name] for name in page):
            body["prefixes"] = [name for name in page if entries[name]]
        if end < len(names):
            body["nextPageToken"] = base64.b64encode(str(end).encode()).decode()
        return Reply(200, json.dumps(body).encode(), {"Content-Type": "application/json; charset=UTF-8"})

    def _get(self, request: ReceivedRequest) -> Reply:
        key = request.path.partition("/o/")[2]
        data = self.objects.get(key)
        if data is None:
            return Reply(
                404, f"No such object: models/{key}".encode(), {"Content-Type": "text/html; charset=UTF-8"}
            )
        headers = {
            "X-Goog-Stored-Content-Length": str(len(data)),
            "X-Goog-Stored-Content-Encoding": "identity",
        }
        if not request.range:
            return Reply(200, data, headers)
        low, _, high = request.range.removeprefix("bytes=").partition("-")
        first, end = int(low), min(int(high or len(data)), len(data) - 1)
        if first > end:
            return Reply(
                416, b"The requested range cannot be satisfied.", {"Content-Range": f"bytes */{len(data)}"}
            )
        headers["Content-Range"] = f"bytes {first}-{end}/{len(data)}"
        return Reply(206, data[first : end + 1], headers)

    def _token(self, form: Mapping[str, list[str]]) -> Reply:
        grant = form.get("grant_type", [""])[0]
        if grant == "refresh_token":
            if form.get("client_secret") != [CLIENT_SECRET]:
                return grant_refused("The provided client secret is invalid.", 401, "invalid_client")
            if form.get("refresh_token") != [REFRESH_TOKEN] or "scope" in form:
                return grant_refused("Bad Request")
        elif grant == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            claims = self._claims(form["assertion"][0])
            if claims is None:
                return grant_refused("Invalid JWT Signature.")
            now = time.time() + self.clock
            if claims["iat"] > now + 300 or claims["exp"] < now or claims["exp"] - claims["iat"] > 3600:
                return grant_refused(SKEWED)
            if claims["iss"] != EMAIL or claims["aud"] != self.token_uri:
                return grant_refused("Invalid grant: account not found")
        else:
            return grant_refused("Invalid grant_type: ", error="unsupported_grant_type")
        self.issued.append(f"ya29.c.token-number-{len(self.issued)}-of-this-server")
        body = {"access_token": self.issued[-1], "expires_in": 3599, "token_type": "Bearer"}
        return Reply(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _signed_here(self, token: str) -> bool:
        claims = self._claims(token)
        return (
            claims is not None and claims.get("sub") == claims["iss"] == EMAIL and bool(claims.get("scope"))
        )

    @staticmethod
    def _claims(token: str) -> Mapping[str, Any] | None:
        """The claims of a signed token; None if the key of :data:`EMAIL` has not signed it."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        signed, _, signature = token.rpartition(".")
        header, dot, payload = signed.partition(".")
        if not dot or _part(header).get("alg") != "RS256":
            return None
        try:
            _key().public_key().verify(
                _bytes(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            return None
        return _part(payload)


def _denied(request: ReceivedRequest, status: int, identity: str, call: str) -> Reply:
    resource = "bucket" if request.kind == "list" else "object"
    text = (
        f"{identity} to the Google Cloud Storage {resource}. "
        f"Permission '{call}' denied on resource (or it may not exist)."
    )
    # The refusal of a read is plain text.
    return (
        error_reply(status, text)
        if request.kind == "list"
        else Reply(status, text.encode(), {"Content-Type": "text/html"})
    )


def tunnel_refused(status: int) -> Behaviour:
    """A proxy that refuses tunnels to encrypted stores."""
    return lambda request: Reply(status) if request.method == "CONNECT" else None


def denied(identity: str = EMAIL) -> Behaviour:
    """The account lacks the right for the request."""

    def behave(request: ReceivedRequest) -> Reply | None:
        if request.kind not in ("list", "get"):
            return None
        call = f"storage.objects.{request.kind}"
        return _denied(request, 403, f"{identity} does not have {call} access", call)

    return behave


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _part(text: str) -> Mapping[str, Any]:
    found = json.loads(_bytes(text))
    assert isinstance(found, dict)
    return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Clients that close early or do not trust the certificate are tested here.
    block_on_close = False

    def __init__(self, fake: FakeGcs, tls: tuple[Path, Path] | None) -> None:
        self.fake = fake
        self.tls: ssl.SSLContext | None = None
        if tls is not None:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*tls)
        super().__init__(("127.0.0.1", 0), _Handler)

    def finish_request(self, request: Any, address: Any) -> None:
        if self.tls is None:
            super().finish_request(request, address)
            return
        with self.tls.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, address)

    def handle_error(self, request: Any, address: Any) -> None:
        """A connection that ends early is expected."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_GET

    def do_CONNECT(self) -> None:
        self._serve()

    def log_message(self, *_: object) -> None:
        """Writes nothing; tests read ``requests``."""

    def _serve(self) -> None:
        parts = urlsplit(self.path if self.command != "CONNECT" else f"//{self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        request = ReceivedRequest(
            self.command,
            unquote(parts.path),
            query,
            self.headers.get("Authorization", "").removeprefix("Bearer "),
            self.headers.get("Range", ""),
            self.headers.get("Proxy-Authorization", ""),
            body,
            self.path,
        )
        self._send(self.server.fake.answer(request))

    def _send(self, reply: Reply) -> None:
        if reply.stall:
            self.server.fake.stopping.wait()
            self.close_connection = True
            return
        head = {"Content-Length": str(len(reply.body)), **reply.headers}
        self.send_response(reply.status)
        for name, value in head.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])
        self.wfile.flush()
        if reply.cut is None:
            return
        self.close_connection = True
        if reply.ending == "stall":
            self.server.fake.stopping.wait()
        elif reply.ending == "reset":
            # Closing with this option sends RST instead of FIN, after the client has received the data.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


@contextmanager
def hung_up() -> Iterator[str]:
    """An address where every connection is accepted and closed without an answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    thread.join()
