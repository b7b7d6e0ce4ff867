"""Reads a request in any of its forms: JSON, a command line, HTTP, protobuf or Python."""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.body import api_of_body, api_of_path
from ovms_doctor.inputs.requests.curl import curl_request
from ovms_doctor.inputs.requests.grpcurl import grpcurl_request
from ovms_doctor.inputs.requests.http_message import is_http, parse_http
from ovms_doctor.inputs.requests.httpie import httpie_request
from ovms_doctor.inputs.requests.pasted_text import (
    fenced_texts,
    notebook_code,
    without_editor_lines,
    without_prompts,
)
from ovms_doctor.inputs.requests.powershell import is_powershell, parse_powershell
from ovms_doctor.inputs.requests.protobuf_message import is_message, parse_message
from ovms_doctor.inputs.requests.python_snippet import is_python, parse_python
from ovms_doctor.inputs.requests.shell import (
    ReadFile,
    ShellCommand,
    as_bytes,
    commands,
    program_of,
    python_in,
)
from ovms_doctor.inputs.requests.wget import wget_request
from ovms_doctor.model.client_request import Api, ClientRequest
from ovms_doctor.model.pattern import lazy_pattern

#: The readers of command lines.
_COMMANDS: dict[str, Callable[[ShellCommand, ReadFile], ClientRequest]] = {
    "curl": curl_request,
    "grpcurl": grpcurl_request,
    "wget": wget_request,
    "http": httpie_request,
    "https": httpie_request,
}
#: The paths that the server has.
_SERVER_PATH = lazy_pattern(r"/(v[123](/|$)|metrics)|/(inference|tensorflow)\.")
#: The beginnings of a JSON document, of one in the quotes of Python, and of binary content.
_JSON = lazy_pattern(
    rb"\s*(?:[\[{\"'\d\x00-\x08\x0e-\x1f\x7f-\xff-]"
    rb"|(?:true|false|null|NaN|Infinity|None|True|False)\b|$)"
)
_COMMENT = lazy_pattern(rb"\s*(?:(?:#|//)[^\n]*|/\*.*?\*/)", re.DOTALL)
_SINGLE_QUOTES = (
    "cmd has no single quotes: the program receives them, and the text between them is split at its blanks. Put the "
    'body into double quotes, with \\" in it.'
)
_HEAD = 4096
#: The longest command line or snippet, in bytes; a longer text is a body.
_LONGEST_TEXT = 1 << 22


class ReadOptions(Struct, frozen=True):
    """The user's options on a request, in addition to its content."""

    #: The path of the URL; empty if it is not set.
    path: str = ""
    #: The API; `None` to recognise it.
    api: Api | None = None
    #: The HTTP method of a body.
    method: str = "POST"


def read_request(data: bytes, options: ReadOptions, read_file: ReadFile) -> ClientRequest:
    """Returns the request in a file. `read_file` returns the content of a file that a command line names.

    Without a path, a body has an empty one until the served models are known. Raises DocumentError for an invalid
    command line, message or snippet.
    """
    request = _recognised(data, read_file)
    if (
        request.form == "json"
        and not options.path
        and options.api is None
        and not _may_be_json(request.body[:_HEAD])
    ):
        raise DocumentError("this is no request in a form that ovms-doctor reads; for a body, give --path")
    if "@" in request.address:
        # A user and a password before the host.
        request = replace(request, address=request.address.rpartition("@")[2])
    if options.path:
        # The path of the option is used; everything else comes from the content.
        api = options.api or api_of_path(options.path) or request.api
        return replace(request, path=options.path, api=api)
    return replace(request, api=options.api) if options.api is not None else request


def _may_be_json(head: bytes) -> bool:
    """Whether a text may be a JSON document with a fault; another text is a log, a configuration file, code or the
    command line of another program."""
    while match := _COMMENT.match(head):
        head = head[match.end() :]
    return _JSON.match(head) is not None


def _recognised(data: bytes, read_file: ReadFile) -> ClientRequest:
    data = without_editor_lines(data)
    if is_http(data):
        return parse_http(data)
    if len(data) <= _LONGEST_TEXT:
        text = data.decode("utf-8", "surrogateescape")
        block = _code_block(text)
        if block is not None:
            return _recognised(as_bytes(block), read_file)
        text = notebook_code(data) or text
        text = python_in(text) or text
        if is_powershell(without_prompts(text)):
            text = without_prompts(text)
            return _first(parse_powershell(text, read_file), "script")
        if program_of(text) is not None:
            return _first(_command_requests(text, read_file), "script")
        if is_python(text):
            return _first(parse_python(text), "snippet")
        if is_message(text):
            return _message_or_body(text, data)
    return _body(data)


def _code_block(text: str) -> str | None:
    """Returns the first code block of a Markdown text that has a request; `None` if there is none, or if the text
    itself is a script."""
    before = text[: max(0, text.find("```"))]
    if program_of(before) is not None or is_python(before) or is_powershell(before):
        return None
    for block in fenced_texts(text) if "```" in text or "~~~" in text else ():
        data = without_editor_lines(as_bytes(block))
        is_code = program_of(block) is not None or is_python(block) or is_powershell(without_prompts(block))
        if is_code or is_http(data) or is_message(block) or block.lstrip()[:1] in ("{", "["):
            return block
    return None


def _command_requests(text: str, read_file: ReadFile) -> tuple[ClientRequest, ...]:
    """Returns the requests of a shell script. Raises DocumentError if none of them can be read, or if one cannot and no
    other has a body."""
    requests: list[ClientRequest] = []
    first_error: DocumentError | None = None
    for found in commands(text, read_file):
        try:
            if found.program not in _COMMANDS:
                reason = f"a command line of {found.program} is not read; give the body itself, with --path"
                raise DocumentError(reason)
            request = _COMMANDS[found.program](found, read_file)
            if found.next_option:
                note = (
                    f"The line after the command begins with {found.next_option}, but no \\ continues the command: "
                    "its options are not sent."
                )
                request = replace(request, notes=(*request.notes, note))
            if found.is_windows and any("'" in word for word in found.words):
                request = replace(request, notes=(*request.notes, _SINGLE_QUOTES))
            requests.append(request)
        except DocumentError as error:
            first_error = first_error or error
    if first_error is not None and not any(request.has_input for request in requests):
        raise first_error
    if not requests:
        raise DocumentError("the script has no command line that sends a request")
    return tuple(requests)


def _first(found: tuple[ClientRequest, ...], source: str) -> ClientRequest:
    """Returns the first request with a body; without one, the first to a path of the server: a script can also download
    files."""
    if len(found) == 1:
        return found[0]
    with_body = next((item for item in found if item.has_input), None)
    at_server = next((item for item in found if _SERVER_PATH.match(item.path)), None)
    first = with_body or at_server or found[0]
    which = " with a body" if with_body else " to a path of the server" if at_server else ""
    note = f"The {source} sends {len(found)} requests; this is the first{which}."
    return replace(first, notes=(*first.notes, note))


def _message_or_body(text: str, data: bytes) -> ClientRequest:
    """Returns the request of a protobuf message; a JSON document that protobuf refuses is the body of a REST
    request."""
    try:
        return parse_message(text)
    except DocumentError:
        if text.lstrip().startswith("{"):
            return _body(data)
        raise


def _body(data: bytes) -> ClientRequest:
    api, endpoint = api_of_body(data)
    headers = (("Content-Type", "application/json"),)
    # The endpoint of an OpenAI body is kept in the path without its prefix, which the release decides.
    return ClientRequest(api, "REST", "POST", endpoint, headers, data)
