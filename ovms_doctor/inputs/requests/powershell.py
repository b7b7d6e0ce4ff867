"""A PowerShell script with Invoke-WebRequest or Invoke-RestMethod as the requests that it sends."""

from __future__ import annotations

import os.path
import re
from typing import Any
from urllib.parse import urlencode

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.body import api_of
from ovms_doctor.inputs.requests.multipart import FormPart, multipart_body
from ovms_doctor.inputs.requests.powershell_values import FileItem, Script, UnknownValue, text_of, unknown_in
from ovms_doctor.inputs.requests.shell import ReadFile, url_of
from ovms_doctor.model.client_request import ClientRequest
from ovms_doctor.model.pattern import lazy_pattern

_COMMAND = lazy_pattern(
    r"(?im)(?:^|[;|(={])[ \t]*(?:(?:Invoke-WebRequest|Invoke-RestMethod|iwr|irm)[ \t]+[-\"'$@(h]"
    r"|(?:curl|wget)[ \t](?:[^\n]{0,300}[ \t])?-(?:Uri|Method|Body|ContentType)[ \t])"
)
#: The parameters that decide the request, by their names in small letters.
_PARAMETERS = ("uri", "method", "custommethod", "headers", "body", "contenttype", "infile", "form")
_FORM = "application/x-www-form-urlencoded"
_NOT_ASCII = (
    "Windows PowerShell sends characters that are not ASCII in ISO-8859-1 if the content type has no charset. The body "
    "is checked as UTF-8."
)


def is_powershell(text: str) -> bool:
    """Whether a text is a script with a command of PowerShell that sends a request."""
    return text.lstrip()[:1] not in ("{", "[", '"', "") and _COMMAND.search(text) is not None


def parse_powershell(text: str, read_file: ReadFile) -> tuple[ClientRequest, ...]:
    """Returns the requests that a script sends, in order. Raises DocumentError if it has none, or one with a value that
    is not known."""
    requests: list[ClientRequest] = []

    def send(named: dict[str, Any], plain: list[Any], piped: Any) -> UnknownValue:
        requests.append(_request(named, plain, piped, read_file))
        return UnknownValue("the answer of the server")

    try:
        Script(text, read_file, send).run()
    except RecursionError:
        raise DocumentError("the PowerShell script is nested too deeply") from None
    if not requests:
        raise DocumentError("the PowerShell script sends no request that ovms-doctor can read")
    return tuple(requests)


def _request(named: dict[str, Any], plain: list[Any], piped: Any, read_file: ReadFile) -> ClientRequest:
    options = {_full_name(name): value for name, value in named.items()}
    url = options.get("uri", plain[0] if plain else None)
    method = options.get("method", options.get("custommethod", "GET"))
    _refuse_unknown(method, "the method")
    method = text_of(method).upper()
    if url is None:
        raise DocumentError("the command has no URL (-Uri)")
    _refuse_unknown(url, "the URL")
    address, path = url_of(text_of(url))
    headers = _headers(options.get("headers"))
    content_type = options.get("contenttype")
    _refuse_unknown(content_type, "the content type")
    body, form_type = _body(options, piped, method, read_file)
    if form_type:
        content_type = form_type
    if content_type is not None:
        headers = [item for item in headers if item[0].lower() != "content-type"]
        headers.append(("Content-Type", text_of(content_type)))
    elif method in ("POST", "PUT") and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", _FORM))
    types = [value for name, value in headers if name.lower() == "content-type"]
    is_text = isinstance(options.get("body", piped), str) and not any(
        "charset" in item.lower() for item in types
    )
    notes = (_NOT_ASCII,) if is_text and not body.isascii() else ()
    return ClientRequest(
        api_of(path, body), "REST", method, path, tuple(headers), body, None, address, notes, form="curl"
    )


def _full_name(name: str) -> str:
    """Returns the parameter that an unambiguous beginning means."""
    if name in _PARAMETERS:
        return name
    known = [item for item in _PARAMETERS if item.startswith(name)]
    return known[0] if len(known) == 1 else name


def _refuse_unknown(value: Any, part: str) -> None:
    unknown = unknown_in(value)
    if unknown is not None:
        raise DocumentError(
            f"{part} contains {unknown.source}, whose value is not known. Give {part} itself."
        )


def _headers(table: Any) -> list[tuple[str, str]]:
    if table is None:
        return []
    if not isinstance(table, dict):
        raise DocumentError("the headers are not known")
    # A header with an unknown value, such as a key of the API, is kept.
    return [
        (name, f"$({value.source})" if isinstance(value, UnknownValue) else text_of(value))
        for name, value in table.items()
        if value is not None
    ]


def _body(options: dict[str, Any], piped: Any, method: str, read_file: ReadFile) -> tuple[bytes, str]:
    """Returns the body, and the type that a form has."""
    form = options.get("form")
    if form is not None:
        if not isinstance(form, dict):
            raise DocumentError("the form is not known")
        return multipart_body(_parts(form, read_file))
    body = options.get("body", piped)
    if body is None:
        file = options.get("infile")
        _refuse_unknown(file, "the name of the file")
        return (read_file(text_of(file)), "") if file is not None else (b"", "")
    _refuse_unknown(body, "the body")
    if isinstance(body, dict):
        if method == "GET":
            # It becomes the query of the URL.
            return b"", ""
        return urlencode({key: text_of(value) for key, value in body.items()}).encode(), ""
    if isinstance(body, bytes):
        return body, ""
    return text_of(body).encode("utf-8", "surrogateescape"), ""


def _parts(form: dict[str, Any], read_file: ReadFile) -> list[FormPart]:
    parts = []
    for name, value in form.items():
        _refuse_unknown(value, f"the field {name} of the form")
        for item in value if isinstance(value, list) else [value]:
            key = name.encode("utf-8", "surrogateescape")
            if isinstance(item, FileItem):
                base = re.split(r"[\\/]", os.path.basename(item.name))[-1]
                parts.append(FormPart(key, read_file(item.name), base.encode("utf-8", "surrogateescape")))
            else:
                parts.append(FormPart(key, text_of(item).encode("utf-8", "surrogateescape")))
    return parts
