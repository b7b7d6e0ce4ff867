"""The connection to Google Cloud Storage: a session that uses no setting of this process, its proxy as libcurl reads
it, and the result of a request that no store answered.

The server's library uses libcurl for all of this, which this module imitates (gcsfilesystem.cpp sets neither proxy
nor timeout, v2022.1 to v2026.3).
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from msgspec import Struct, field

from ovms_doctor.model.facts.store_answers import StoreProblem
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.probes.stores.answers import chain, problem_of

#: libcurl's ports for a proxy without a port (CURL_DEFAULT_PROXY_PORT, CURL_DEFAULT_HTTPS_PROXY_PORT).
_PROXY_PORTS = {"http": 1080, "https": 443}
_TITLE = lazy_pattern(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_TUNNEL = lazy_pattern(r"Tunnel connection failed: (\d{3})")


class ProxyFormatError(ValueError):
    """A variable's value that libcurl does not accept as a proxy (CURLE_COULDNT_RESOLVE_PROXY)."""


class ProxyChangedError(ValueError):
    """A kind of proxy that this program does not support."""


class RequestNotSentError(Exception):
    """A library tries a request that the server's client does not send."""


class StoreProxy(Struct, frozen=True):
    """A proxy.

    ``url``: its address without user and password.
    ``headers``: the headers with user and password for the proxy.
    """

    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """Returns ``host:port``."""
        return self.url.partition("://")[2]


def read_proxy(text: str) -> StoreProxy:
    """Returns the proxy that libcurl reads from a variable's value (lib/url.c parse_proxy): without a scheme it is
    http://, user and password are decoded and end at the first @. Raises ProxyFormatError, ProxyChangedError."""
    if not text:
        return StoreProxy()
    match = re.fullmatch(r"(?:([A-Za-z][A-Za-z0-9+.-]*):/{1,3})?([^/?#]*)(?:[/?#].*)?", text, re.DOTALL)
    if match is None:
        raise ProxyFormatError
    scheme = (match[1] or "http").lower()
    login, at, address = match[2].partition("@") if "@" in match[2] else ("", "", match[2])
    host = re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[^\s\[\]:@!$&'()*+,;=<>\"\\^`{|}]+)(?::(\d*))?", address)
    if host is None or int(host[2] or 0) > 65535 or re.search(r"[\x00-\x20\x7f]", login):
        raise ProxyFormatError
    if scheme not in _PROXY_PORTS:
        raise ProxyChangedError(scheme)
    name = host[1] if host[1].isascii() else host[1].encode("idna").decode("ascii")
    url = f"{scheme}://{name}:{int(host[2] or _PROXY_PORTS[scheme])}"
    if not at:
        return StoreProxy(url)
    user, _, password = login.partition(":")
    pair = b":".join(unquote_to_bytes(os.fsencode(part)) for part in (user, password))
    return StoreProxy(url, {"Proxy-Authorization": "Basic " + base64.b64encode(pair).decode("ascii")})


def proxy_secrets(text: str) -> tuple[str, ...]:
    """Returns the parts of a proxy's value that must never be shown, as written and decoded."""
    login, at, _ = text.rpartition("://")[2].rpartition("@")
    if not at:
        return ()
    parts = (login, *login.split(":", 1))
    return (text, *parts, *(unquote(part, errors="replace") for part in parts))


class LastResponse:
    """The last response, whether or not it was read to its end."""

    def __init__(self) -> None:
        self.response: Any = None

    def __call__(self, response: Any, *_: Any, **__: Any) -> None:
        self.response = response


def open_session(proxy: StoreProxy, last: LastResponse, allowed: Callable[[str, str], bool]) -> Any:
    """Returns a ``requests.Session`` that uses no variable, .netrc or file of this process, follows no redirection
    (which might lead to a host that the user did not name), and stores each response in ``last``.

    ``allowed``: returns whether a method and an address may be requested. Google's libraries send further requests
        (for the bucket, the regions of an account), in their own threads.
    """
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    request = session.request

    def guarded(method: str, url: str, **options: Any) -> Any:
        if not allowed(method, url):
            raise RequestNotSentError
        return request(method, url, **options)

    session.request = guarded
    session.trust_env = False
    session.get_redirect_target = lambda response: None
    session.hooks["response"].append(last)
    adapter = HTTPAdapter(max_retries=0)
    # The library would encode user and password differently from libcurl.
    adapter.proxy_headers = lambda url: dict(proxy.headers)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    if proxy.url:
        session.proxies = {"http": proxy.url, "https": proxy.url}
    return session


# -- the result of a request ---------------------------------------------------------------------------


class ReceivedResponse(Struct, frozen=True):
    """The response instead of the requested data.

    ``problem``: the failure of the connection; empty for none.
    ``status``: the HTTP status; 0 without a response.
    ``code``: the error code in the response.
    ``message``: the error message in the response.
    ``at_proxy``: whether the failure was at the proxy or on the way to it.
    """

    problem: StoreProblem = ""
    status: int = 0
    code: str = ""
    message: str = ""
    at_proxy: bool = False


def of_exception(error: BaseException) -> ReceivedResponse:
    """Returns the meaning of an exception of ``requests``."""
    from requests.exceptions import ProxyError

    found = list(chain(error))
    at_proxy = any(isinstance(item, ProxyError) for item in found)
    tunnel = next((match for item in found if (match := _TUNNEL.search(str(item)))), None)
    if tunnel is not None:
        return ReceivedResponse("proxy", int(tunnel[1]), message=tunnel[0], at_proxy=True)
    problem, message = problem_of(error)
    if problem == "name" and at_proxy:
        problem = "proxy name"
    return ReceivedResponse(problem or "unreadable", message=message, at_proxy=at_proxy)


def of_response(response: Any, proxied: bool) -> ReceivedResponse:
    """Returns the content of a response other than 2xx: Google's JSON, the token server's, or plain text; or that it
    comes from a proxy before the store."""
    from requests.exceptions import RequestException

    status = int(response.status_code)
    try:
        text = response.content[: 1 << 16].decode("utf-8", "replace")
    except (RequestException, RuntimeError, TypeError):
        # The status is the answer, even if its text cannot be read.
        text = ""
    code, message = _google_error(text)
    page = "<html" in text[:1000].lower() or "<!doctype" in text[:1000].lower()
    headers = response.headers
    from_proxy = status == 407 or "X-Squid-Error" in headers
    # Busy servers and proxies answer with web pages too.
    if from_proxy or (page and status < 500 and (proxied or "Via" in headers)):
        title = _TITLE.search(text)
        return ReceivedResponse("proxy", status, message=title[1].strip() if title else "", at_proxy=proxied)
    if 300 <= status < 400 or (page and status < 500):
        return ReceivedResponse(
            "unreadable", status, message=f"a page that is not the store's, status {status}"
        )
    return ReceivedResponse("", status, code, message)


def _google_error(text: str) -> tuple[str, str]:
    """Returns (code, message) of an error's body."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "", "" if text.lstrip().startswith("<") else text.strip()
    error = value.get("error") if isinstance(value, dict) else None
    if isinstance(error, str):
        return error, str(value.get("error_description") or "")
    if not isinstance(error, dict):
        return "", ""
    listed = error.get("errors")
    first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    return str(first.get("reason") or error.get("status") or ""), str(error.get("message") or "")
