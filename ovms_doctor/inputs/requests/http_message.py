"""A raw HTTP request: request line, headers, body."""

import re

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.body import api_of
from ovms_doctor.model.client_request import ClientRequest
from ovms_doctor.model.pattern import lazy_pattern

_REQUEST_LINE = lazy_pattern(rb"([A-Z]{3,10}) +(\S+)(?: +HTTP/\d(?:\.\d)?)?\r?\n")
_CHUNK_SIZE = lazy_pattern(rb"([0-9A-Fa-f]{1,8})(?:;[^\r\n]*)?(?:\r?\n|$)")
_LINE_END = lazy_pattern(rb"\r?\n")
#: More than any client's headers, in bytes.
_MOST_HEADERS = 65_536


def is_http(data: bytes) -> bool:
    """Whether the data begin with a request line."""
    match = _REQUEST_LINE.match(data[:_MOST_HEADERS])
    return match is not None and (b"HTTP/" in match[0] or match[2].startswith((b"/", b"http")))


def parse_http(data: bytes) -> ClientRequest:
    """Returns the request in a message. The body is cut at a shorter Content-Length, as a server does."""
    line = _REQUEST_LINE.match(data[:_MOST_HEADERS])
    if line is None:
        raise DocumentError("the first line is not an HTTP request line")
    end = re.search(rb"\r?\n\r?\n", data[line.end() - 2 : _MOST_HEADERS])
    head_end = len(data) if end is None else line.end() - 2 + end.start()
    body = b"" if end is None else data[line.end() - 2 + end.end() :]
    headers = []
    for row in data[line.end() : head_end].split(b"\n"):
        name, colon, value = row.strip().partition(b":")
        if colon:
            headers.append((name.decode("latin-1").strip(), value.decode("latin-1").strip()))
    notes = []
    by_name = {name.lower(): value for name, value in headers}
    if "chunked" in by_name.get("transfer-encoding", "").lower():
        # A tool that shows a request has often put the chunks together.
        body = _joined_chunks(body) or body
    length = by_name.get("content-length", "")
    if length.isdigit():
        size = int(length[:15])
        if size < len(body):
            body = body[:size]
        elif size > len(body):
            missing = size - len(body)
            notes.append(f"Content-Length is {size:,}, and {missing:,} bytes of the body are missing.")
    target = line[2].decode("utf-8", "surrogateescape")
    api = api_of(target, body)
    return ClientRequest(
        api,
        "REST",
        line[1].decode(),
        target,
        tuple(headers),
        body,
        None,
        by_name.get("host", ""),
        tuple(notes),
        "http",
    )


def _joined_chunks(body: bytes) -> bytes | None:
    """Returns the content of a body in chunks (RFC 9112, 7.1); `None` for a body that is not in chunks."""
    pieces: list[bytes] = []
    position = 0
    while match := _CHUNK_SIZE.match(body, position):
        size = int(match[1], 16)
        start = match.end()
        if size == 0:
            return b"".join(pieces)
        if start + size > len(body):
            return None
        pieces.append(body[start : start + size])
        end = _LINE_END.match(body, start + size)
        if end is None:
            return None
        position = end.end()
    return None
