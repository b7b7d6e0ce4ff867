"""The metadata of a running server's models: the only requests that are sent, and to that server alone."""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import quote, urlsplit

from msgspec import Struct

#: The largest answer that is read, in bytes.
LARGEST_ANSWER = 1 << 24
#: The most models that are asked for.
MOST_MODELS = 50


class MetadataUnavailableError(Exception):
    """The server does not answer, or not with metadata. The text says why."""


class ServerMetadata(Struct, frozen=True):
    """What a server says of itself and its models."""

    #: The text of its version: `2026.3.0.6f3df706b`; empty where it does not say.
    version: str
    #: The answer of `/v1/config`.
    config: bytes
    #: The answer of `/v2/models/NAME`, by name.
    models: dict[str, bytes]


def fetch_metadata(url: str, names: tuple[str, ...], timeout: float) -> ServerMetadata:
    """Ask a server for its version, the state of its models, and the metadata of some. Raises MetadataUnavailableError.

    Environment variables for proxies and redirections are not followed: nothing but the named server is contacted.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise MetadataUnavailableError(f"{url} is no http:// or https:// address")
    try:
        port = parts.port
    except ValueError:
        raise MetadataUnavailableError(f"{url} has no valid port") from None
    client = _Client(parts.scheme, parts.hostname, port, timeout)
    config = client.get("/v1/config")
    if config is None:
        raise MetadataUnavailableError(f"{url}/v1/config is not answered with 200: this is no OVMS REST port")
    about = client.get("/v2") or b""
    models = {}
    for name in names[:MOST_MODELS]:
        answer = client.get(f"/v2/models/{quote(name, safe='')}") or client.get(
            f"/v1/models/{quote(name, safe='')}/metadata"
        )
        if answer is not None:
            models[name] = answer
    return ServerMetadata(_version(about), config, models)


def _version(answer: bytes) -> str:
    import json

    try:
        document = json.loads(answer)
    except ValueError:
        return ""
    version = document.get("version") if isinstance(document, dict) else None
    return version if isinstance(version, str) else ""


class _Client:
    """GET requests to one server."""

    def __init__(self, scheme: str, host: str, port: int | None, timeout: float) -> None:
        self._scheme = scheme
        self._host = host
        self._port = port
        self._timeout = timeout

    def get(self, path: str) -> bytes | None:
        """The body of an answer 200; `None` for any other."""
        connection: http.client.HTTPConnection
        if self._scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=self._timeout, context=context
            )
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        try:
            connection.request("GET", path, headers={"Accept": "application/json"})
            answer = connection.getresponse()
            body = answer.read(LARGEST_ANSWER + 1)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise MetadataUnavailableError(f"{self._host}: {reason}") from None
        finally:
            connection.close()
        if len(body) > LARGEST_ANSWER:
            raise MetadataUnavailableError(f"{self._host}: the answer of {path} is larger than 16 MiB")
        return body if answer.status == 200 else None
