"""The requests of HTTP clients: requests, httpx, urllib and openai."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from ovms_doctor.inputs.requests.body import api_of_body, api_of_path
from ovms_doctor.inputs.requests.python_values import SAMPLE_IMAGE, Array, ClientError, Instance, Unknown
from ovms_doctor.model.client_request import ClientRequest

Requests = list[ClientRequest]


def dumped(value: Any, keywords: dict[str, Any] | None = None) -> str:
    """The text that `json.dumps` makes of a value, with NaN as Python writes it."""
    ascii_only = (keywords or {}).get("ensure_ascii", True)
    return json.dumps(plain(value), ensure_ascii=bool(ascii_only))


def plain(value: Any) -> Any:
    """Returns a value that json can write; an unknown value becomes a text, with a note."""
    if isinstance(value, Array):
        raise ClientError("json.dumps raises TypeError: Object of type ndarray is not JSON serializable")
    if isinstance(value, dict):
        return {
            key if isinstance(key, str | int | float | bool | None) else str(key): plain(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        raise ClientError("json.dumps raises TypeError: Object of type bytes is not JSON serializable")
    if isinstance(value, Unknown | Instance):
        return "<not known>"
    return value


def has_unknown_parts(value: Any) -> bool:
    if isinstance(value, dict):
        return any(has_unknown_parts(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(has_unknown_parts(item) for item in value[:1000])
    return isinstance(value, Unknown | Instance) or (isinstance(value, str) and "<not known>" in value)


def _body_of(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, Instance) and value.kind == "file content":
        return SAMPLE_IMAGE
    if isinstance(value, dict):
        # requests sends a dict under `data` as a form.
        return urlencode(plain(value), doseq=True).encode()
    return b""


#: The doubt about a request with values that are computed when the snippet runs.
_UNKNOWN_VALUES = ("Values that only a run of the snippet shows are read as texts.",)


def send_http(method: str, url: Any, keywords: dict[str, Any], sent: Requests) -> Any:
    if not isinstance(url, str):
        raise ClientError("the URL of the request is not known")
    headers = (
        {
            str(key): str(value)
            for key, value in (keywords.get("headers") or {}).items()
            if isinstance(value, str | int)
        }
        if isinstance(keywords.get("headers"), dict)
        else {}
    )
    is_known = True
    names = {name.lower() for name in headers}
    data = keywords.get("data", keywords.get("content"))
    if "json" in keywords and keywords["json"] is not None:
        body = dumped(keywords["json"]).encode()
        is_known = not has_unknown_parts(keywords["json"])
        if "content-type" not in names:
            headers["Content-Type"] = "application/json"
    else:
        body = _body_of(data)
        if isinstance(data, dict) and "content-type" not in names:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        is_known = not has_unknown_parts(data)
    match = re.match(r"[a-zA-Z][\w+.-]*://([^/?#]*)(/[^?#]*)?", url)
    address, path = (match[1], match[2] or "/") if match else ("", url)
    api = api_of_path(path) or (api_of_body(body)[0] if body else "other")
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
            doubts=() if is_known else _UNKNOWN_VALUES,
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
    return send_http(str(method), url, keywords, sent)


def urllib_request(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
    names = ("url", "data", "headers")
    return Instance("urllib.request.Request", **{**dict(zip(names, arguments, strict=False)), **keywords})


def urlopen(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
    target = arguments[0] if arguments else keywords.get("url")
    merged: dict[str, Any] = {"data": arguments[1]} if len(arguments) > 1 else dict(keywords)
    if isinstance(target, Instance):
        merged = {**target.attributes, **merged}
        target = merged.get("url")
    headers = dict(merged.get("headers") or {})
    data = merged.get("data")
    method = merged.get("method") or ("POST" if data is not None else "GET")
    if data is not None and "content-type" not in {str(key).lower() for key in headers}:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    return send_http(str(method), target, {"data": data, "headers": headers}, sent)


OPENAI_CALLS = {
    "chat.completions.create": "chat/completions",
    "completions.create": "completions",
    "embeddings.create": "embeddings",
    "responses.create": "responses",
    "images.generate": "images/generations",
}
#: Arguments that the client keeps for itself.
_OWN = {"extra_headers", "extra_query", "timeout"}


def openai_client(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
    return Instance("openai.OpenAI", **{"base_url": "", "api_key": "", **keywords})


def openai_create(client: Instance, endpoint: str, keywords: dict[str, Any], sent: Requests) -> Any:
    base = client.attributes.get("base_url")
    base = base if isinstance(base, str) else ""
    match = re.match(r"[a-zA-Z][\w+.-]*://([^/?#]*)(/[^?#]*)?", base)
    address, prefix = (match[1], match[2] or "") if match else ("", base)
    fields = {key: value for key, value in keywords.items() if key not in _OWN}
    extra = fields.pop("extra_body", None)
    if isinstance(extra, dict):
        fields.update(extra)
    doubts = _UNKNOWN_VALUES if has_unknown_parts(fields) else ()
    key = client.attributes.get("api_key")
    headers = [("Content-Type", "application/json")]
    if isinstance(key, str) and key:
        headers.append(("Authorization", f"Bearer {key}"))
    body = dumped(fields).encode()
    path = f"{prefix.rstrip('/')}/{endpoint}"
    sent.append(
        ClientRequest(
            "OpenAI", "REST", "POST", path, tuple(headers), body, None, address, form="python", doubts=doubts
        )
    )
    return Unknown("an answer")
