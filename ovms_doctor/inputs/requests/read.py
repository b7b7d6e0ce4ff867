"""Reads a request in any of its forms: JSON, curl, HTTP, protobuf or Python."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.body import api_of_body, api_of_path
from ovms_doctor.inputs.requests.curl import parse_curl
from ovms_doctor.inputs.requests.grpcurl import parse_grpcurl
from ovms_doctor.inputs.requests.http_message import is_http, parse_http
from ovms_doctor.inputs.requests.protobuf_message import is_message, parse_message
from ovms_doctor.inputs.requests.python_snippet import is_python, parse_python
from ovms_doctor.inputs.requests.shell import program_of
from ovms_doctor.model.client_request import Api, ClientRequest

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


def read_request(data: bytes, options: ReadOptions, read_file: Callable[[str], bytes]) -> ClientRequest:
    """Returns the request in a file. `read_file` returns the content of a file that a command line names.

    Without a path, a body has an empty one until the served models are known. Raises DocumentError for an invalid
    command line, message or snippet.
    """
    request = _recognised(data, read_file)
    if "@" in request.address:
        # A user and a password before the host.
        request = replace(request, address=request.address.rpartition("@")[2])
    if options.path:
        # The path of the option is used; everything else comes from the content.
        api = options.api or api_of_path(options.path) or request.api
        return replace(request, path=options.path, api=api)
    return replace(request, api=options.api) if options.api is not None else request


def _recognised(data: bytes, read_file: Callable[[str], bytes]) -> ClientRequest:
    if is_http(data):
        return parse_http(data)
    if len(data) <= _LONGEST_TEXT:
        text = data.decode("utf-8", "surrogateescape")
        program = program_of(text)
        if program == "curl":
            return parse_curl(text, read_file)
        if program == "grpcurl":
            return parse_grpcurl(text, read_file)
        if program is not None:
            raise DocumentError(f"a command line of {program} is not read; give the body itself, with --path")
        if is_python(text):
            found = parse_python(text)
            if len(found) == 1:
                return found[0]
            first = next((item for item in found if item.method in ("POST", "")), found[0])
            note = f"The snippet sends {len(found)} requests; this is the first with a body."
            return replace(first, notes=(*first.notes, note))
        if is_message(text):
            return _message_or_body(text, data)
    return _body(data)


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
