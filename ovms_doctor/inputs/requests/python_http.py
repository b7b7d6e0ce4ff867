"""The requests of HTTP clients: requests, httpx, urllib."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urljoin

from ovms_doctor.inputs.requests.body import api_of
from ovms_doctor.inputs.requests.multipart import FormPart, multipart_body
from ovms_doctor.inputs.requests.python_values import (
    MOST_ELEMENTS,
    SAMPLE_IMAGE,
    Array,
    ClientError,
    ClientRefusalError,
    Instance,
    Unknown,
    dict_of,
    encoded,
    is_undetermined,
    text_of,
)
from ovms_doctor.model.client_request import NOT_KNOWN, ClientRequest

Requests = list[ClientRequest]
#: The most characters of a written document.
_MOST_CHARACTERS = 1 << 26


#: The clients that keep headers and a base URL.
SESSIONS = ("requests.Session", "httpx.Client", "httpx.AsyncClient", "aiohttp.ClientSession")
#: The clients that send a request with `request(method, url, body)`.
CONNECTIONS = ("http.client.HTTPConnection", "http.client.HTTPSConnection", "urllib3.PoolManager")
#: The content in place of a file of sound: the head of a WAV file.
_SAMPLE_AUDIO = b"RIFF\x24\x00\x00\x00WAVEfmt "


def dumped(value: Any, keywords: dict[str, Any] | None = None) -> str:
    """Returns the text of `json.dumps` for a value, with NaN as Python writes it."""
    return json_of(value, keywords)[0]


def json_of(value: Any, keywords: dict[str, Any] | None = None) -> tuple[str, bool]:
    """Returns the text of `json.dumps` for a value, and whether all of it is known."""
    ascii_only = (keywords or {}).get("ensure_ascii", True)
    plain_value = _PlainValue()
    return json.dumps(plain_value.of(value), ensure_ascii=bool(ascii_only)), plain_value.is_known


def plain(value: Any) -> Any:
    """Returns a value that json can write; an unknown value becomes a text. Raises ClientError for a value that json
    refuses, and for too many elements."""
    return _PlainValue().of(value)


class _PlainValue:
    """The conversion of one value into a value that json can write."""

    def __init__(self) -> None:
        #: Whether all of it is known.
        self.is_known = True
        self._elements = 0
        self._characters = 0

    def of(self, value: Any) -> Any:
        """Returns a value that json can write."""
        self._count(value)
        if isinstance(value, dict):
            return {
                key if isinstance(key, str | int | float | bool | None) else str(key): self.of(item)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.of(item) for item in value]
        if is_undetermined(value):
            self.is_known = False
            return NOT_KNOWN
        if value is None or isinstance(value, str | int | float | bool):
            self.is_known = self.is_known and not (isinstance(value, str) and NOT_KNOWN in value)
            return value
        name = "ndarray" if isinstance(value, Array) else type(value).__name__
        raise ClientRefusalError(
            f"json.dumps raises TypeError: Object of type {name} is not JSON serializable"
        )

    def _count(self, value: Any) -> None:
        self._elements += 1
        self._characters += len(value) if isinstance(value, str) else 0
        if self._elements > MOST_ELEMENTS or self._characters > _MOST_CHARACTERS:
            raise ClientError("the document that is sent is too large to be evaluated")


def _body_of(value: Any) -> tuple[bytes, bool]:
    """Returns the bytes of the argument `data` and whether they are known."""
    if isinstance(value, bytes):
        return value, True
    if isinstance(value, str):
        return encoded(value), NOT_KNOWN not in value
    if is_undetermined(value):
        raise ClientError("the body of the request is not known")
    if isinstance(value, dict):
        # requests sends a dict in `data` as a form.
        form = _PlainValue()
        try:
            return urlencode(form.of(value), doseq=True).encode(), form.is_known
        except UnicodeEncodeError:
            raise ClientRefusalError("urlencode raises UnicodeEncodeError: surrogates not allowed") from None
    return b"", value is None


#: The doubt about a request with values that are only known when the snippet runs.
UNKNOWN_VALUES = ("Values that are known only when the snippet runs are read as strings.",)


def form_of(data: Any, files: Any, path: str) -> tuple[bytes, str, bool]:
    """Returns the body of a form with files, its Content-Type, and whether all of it is known."""
    parts, is_known = _fields(data)
    items = list(files.items()) if isinstance(files, dict) else files
    if not isinstance(items, list | tuple):
        raise ClientError("the files of the request are not known")
    for item in items:
        if not isinstance(item, list | tuple) or len(item) != 2 or not isinstance(item[0], str):
            raise ClientError("the files of the request are not known")
        name, value = item
        # Without a name of its own, a file gets that of its field.
        file: Any = name
        if isinstance(value, list | tuple) and len(value) >= 2:
            file, value = value[0], value[1]
        content, content_known = _file_content(value, path)
        is_known = is_known and content_known
        parts.append(
            FormPart(encoded(name), content, b"" if file is None else encoded(text_of(file)) or b"file")
        )
    body, content_type = multipart_body(parts)
    return body, content_type, is_known


def _fields(data: Any) -> tuple[list[FormPart], bool]:
    """Returns the fields of a form, and whether they are known."""
    parts, is_known = [], True
    for name, value in dict_of(data).items():
        for one in value if isinstance(value, list | tuple) else [value]:
            if one is None:
                continue
            text = str(one) if isinstance(one, str | int | float) else NOT_KNOWN
            is_known = is_known and text != NOT_KNOWN
            parts.append(FormPart(encoded(str(name)), encoded(text)))
    return parts, is_known


def _file_content(value: Any, path: str) -> tuple[bytes, bool]:
    """Returns the content of a file in a form and whether it is known."""
    if isinstance(value, bytes):
        return value, True
    if isinstance(value, str):
        return encoded(value), True
    return (_SAMPLE_AUDIO if "/audio/" in path else SAMPLE_IMAGE), False


def split_url(url: str) -> tuple[str, str]:
    """Returns the address and the path of a URL; the address may have parts that are not known. Raises ClientError for
    a path that is not known."""
    encoded(url)
    match = re.match(rf"(?:[a-zA-Z][\w+.-]*://|(?={NOT_KNOWN}))([^/?#]*)([^?#]*)", url)
    address, path = (match[1], match[2]) if match else ("", url)
    if NOT_KNOWN in path or (url.startswith(NOT_KNOWN) and not re.match(r"/v[123](/|$)", path)):
        raise ClientError("the path of the URL is not known")
    return address, path


def send_http(method: str, url: Any, keywords: dict[str, Any], sent: Requests) -> Any:
    if not isinstance(url, str):
        raise ClientError("the URL of the request is not known")
    address, path = split_url(url)
    path = path or "/"
    headers = {
        name: str(value)
        for name, value in dict_of(keywords.get("headers")).items()
        if isinstance(value, str | int)
    }
    names = {name.lower() for name in headers}
    if keywords.get("files") is not None:
        body, content_type, is_known = form_of(keywords.get("data"), keywords["files"], path)
        if "content-type" not in names:
            headers["Content-Type"] = content_type
    elif keywords.get("json") is not None:
        text, is_known = json_of(keywords["json"])
        body = encoded(text)
        if "content-type" not in names:
            headers["Content-Type"] = "application/json"
    else:
        data = keywords.get("data", keywords.get("content"))
        body, is_known = _body_of(data)
        if isinstance(data, dict) and "content-type" not in names:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
    api = api_of(path, body)
    sent.append(
        ClientRequest(
            api,
            "REST",
            method.upper(),
            path,
            tuple(headers.items()),
            body,
            None,
            address,
            form="python",
            doubts=() if is_known else UNKNOWN_VALUES,
        )
    )
    return Unknown("an answer")


def http_call(method: str) -> Callable[[list[Any], dict[str, Any], Requests], Any]:
    def call(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
        merged = dict(keywords)
        url = merged.pop("url", arguments[0] if arguments else None)
        if len(arguments) > 1:
            merged.setdefault("data", arguments[1])
        if len(arguments) > 2 and method == "post":
            merged.setdefault("json", arguments[2])
        return send_http(method, url, merged, sent)

    return call


def http_request(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
    method = arguments[0] if arguments else keywords.get("method", "GET")
    url = arguments[1] if len(arguments) > 1 else keywords.get("url")
    return send_http(_method_of(method), url, keywords, sent)


def http_session(kind: str) -> Callable[[list[Any], dict[str, Any], Requests], Any]:
    """Returns the function that makes a session or client of a kind."""

    def make(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
        base_url = keywords.get("base_url", arguments[0] if arguments else None)
        return Instance(kind, {"base_url": base_url, "headers": dict(dict_of(keywords.get("headers")))})

    return make


def session_call(
    session: Instance, name: str, arguments: list[Any], keywords: dict[str, Any], sent: Requests
) -> Any:
    """Returns the result of a request with the headers and the base URL of a session."""
    merged = dict(keywords)
    merged["headers"] = {**dict_of(session.attributes.get("headers")), **dict_of(keywords.get("headers"))}
    values = list(arguments)
    position = 1 if name in ("request", "stream") else 0
    url = merged.pop("url", values[position] if len(values) > position else None)
    base_url = session.attributes.get("base_url")
    if isinstance(url, str) and base_url is not None and "://" not in url:
        if not isinstance(base_url, str):
            raise ClientError("the base_url of the client is not known")
        if session.kind.startswith("aiohttp."):
            url = urljoin(base_url, url)
        else:
            url = f"{base_url.rstrip('/')}/{url.lstrip('/')}"
    values[position : position + 1] = [url]
    call = http_request if position else http_call(name)
    return call(values, merged, sent)


def _method_of(value: Any) -> str:
    if not isinstance(value, str):
        raise ClientError("the method of the request is not known")
    return value


def urllib_request(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
    names = ("url", "data", "headers")
    return Instance("urllib.request.Request", {**dict(zip(names, arguments, strict=False)), **keywords})


def urlopen(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
    target = arguments[0] if arguments else keywords.get("url")
    merged: dict[str, Any] = {"data": arguments[1]} if len(arguments) > 1 else dict(keywords)
    if isinstance(target, Instance):
        merged = {**target.attributes, **merged}
        target = merged.get("url")
    headers = dict_of(merged.get("headers"))
    data = merged.get("data")
    method = merged.get("method") or ("POST" if data is not None else "GET")
    if data is not None and "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    return send_http(_method_of(method), target, {"data": data, "headers": headers}, sent)


def connection(kind: str) -> Callable[[list[Any], dict[str, Any], Requests], Any]:
    """Returns the function that makes a connection or a pool of them."""

    def make(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
        named = {**dict(zip(("host", "port"), arguments, strict=False)), **keywords}
        host, port = text_of(named.get("host")) or NOT_KNOWN, named.get("port")
        base_url = f"http://{host}:{port}" if isinstance(port, int) else f"http://{host}"
        is_pool = kind.startswith("urllib3.")
        headers = dict_of(named.get("headers")) if is_pool else {}
        return Instance(kind, {"base_url": None if is_pool else base_url, "headers": headers})

    return make


def connection_request(
    client: Instance, arguments: list[Any], keywords: dict[str, Any], sent: Requests
) -> Any:
    """Returns the result of `request`: the path of a connection, the whole URL of a pool."""
    names = ("method", "url", "body", "headers" if client.attributes["base_url"] else "fields")
    named = {**dict(zip(names, arguments, strict=False)), **keywords}
    url = named.get("url")
    if isinstance(url, str) and client.attributes["base_url"]:
        url = f"{client.attributes['base_url']}{url}"
    headers = {**client.attributes["headers"], **dict_of(named.get("headers"))}
    content = {"data": named.get("body"), "json": named.get("json"), "headers": headers}
    return send_http(_method_of(named.get("method")), url, content, sent)


def joined_url(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
    """Returns the result of `urllib.parse.urljoin`."""
    if len(arguments) != 2 or not isinstance(arguments[1], str) or is_undetermined(arguments[0]):
        return Unknown("a URL")
    return urljoin(text_of(arguments[0]), arguments[1])


def environment_value(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
    """Returns the value of a variable of the environment: the default of the call, if it has one."""
    default = arguments[1] if len(arguments) > 1 else keywords.get("default")
    return Unknown("a variable of the environment") if default is None else default
