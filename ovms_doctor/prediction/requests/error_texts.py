"""Finds the server's status texts in a client's error text, in messages and tracebacks."""

from __future__ import annotations

import re

from msgspec import Struct

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.prediction.requests.statuses import TEXTS

_SHAPE = r"\([^()]*\)"
#: The server's additions to a text, with a name for each part.
_DETAILS = {
    "INVALID_NO_OF_INPUTS": r"Expected: (?P<expected>\d+); Actual: (?P<actual>\d+)",
    "INVALID_MISSING_INPUT": r"Required input: (?P<input>[^\n\"}]+)",
    "INVALID_SHAPE": rf"Expected: (?P<expected>{_SHAPE}); Actual: (?P<actual>{_SHAPE})",
    "INVALID_NO_OF_SHAPE_DIMENSIONS": rf"Expected: (?P<expected>{_SHAPE}); Actual: (?P<actual>{_SHAPE})",
    "INVALID_BATCH_SIZE": r"Expected: (?P<expected>[-\d\[\]~]+); Actual: (?P<actual>-?\d+)",
    "INVALID_PRECISION": r"Expected: (?P<expected>\w+); Actual: (?P<actual>\w*)",
    "INVALID_VALUE_COUNT": r"Expected: (?P<expected>\d+)(?: values)?; Actual: (?P<actual>\d+)",
    "INVALID_CONTENT_SIZE": r"Expected: (?P<expected>\d+) bytes; Actual: (?P<actual>\d+) bytes",
    "JSON_INVALID": r"Error: (?P<error>[^\n]+?) Offset: (?P<offset>\d+)",
}
#: The text of a graph's calculator, at the end of the status of a graph; a client may print the line end as an escape.
_CALCULATOR = lazy_pattern(r"Calculator::Process\(\) for node \\?\"[^\"\n]*\" failed: (?P<cause>[^\n]+)")
_INPUT = lazy_pattern(r"; input name: (?:input name: )?(?P<input>[^\n\"}]+)")
#: Texts of clients and of gRPC that name a cause outside the request; and the answer of GET /v3/models/NAME, which
#: is not the text of its status.
_CLIENT_TEXTS = (
    (r"^Model not found$|[\"']error[\"']: ?[\"']Model not found[\"']", "MODEL_NOT_LOADED"),
    (r"failed to connect to all addresses|Connection refused|ECONNREFUSED|Failed to establish a new connection",
     "CONNECTION_REFUSED"),
    (r"StatusCode\.UNIMPLEMENTED|Method not found|unknown service", "GRPC_UNIMPLEMENTED"),
    (r"Trying to connect an http1\.x server|Received http2 header with status|http2 exception",
     "WRONG_PORT"),
    (r"got unexpected (?:datatype|numpy array shape)", "CLIENT_REFUSES"),
    (r"413 Request Entity Too Large|Payload Too Large", "HTTP_413"),
    (r"Received message larger than max|Sent message larger than max|larger than max \(\d+ vs", "GRPC_TOO_LARGE"),
)  # fmt: skip


class ErrorProof(Struct, frozen=True):
    """The facts that an error text proves."""

    #: The name of the status code, or of the cause in a client's own text.
    code: str
    #: The recognised text.
    text: str
    #: The values in the text: `expected`, `actual`, `input`, `error`, `offset`.
    parts: tuple[tuple[str, str], ...] = ()


def recognise_error(text: str) -> ErrorProof | None:
    """Returns the status in a text; `None` if the text contains none of the server's."""
    found: list[tuple[int, int, ErrorProof]] = []
    for code, status in TEXTS.items():
        position = text.find(status) if status else -1
        if position >= 0:
            found.append((-len(status), position, _proof(code, status, text[position:])))
    if found:
        # A text that is part of a longer one is less specific.
        return min(found, key=lambda item: item[:2])[2]
    for pattern, code in _CLIENT_TEXTS:
        match = re.search(pattern, text, re.I)
        if match:
            return ErrorProof(code, match[0])
    return None


def _proof(code: str, status: str, text: str) -> ErrorProof:
    line = text.partition("\n")[0]
    details = re.match(rf"{re.escape(status)} - {_DETAILS[code]}", line) if code in _DETAILS else None
    parts = (
        {} if details is None else {key: value.strip() for key, value in details.groupdict().items() if value}
    )
    match = _INPUT.search(line)
    if match:
        parts["input"] = match["input"].strip().rstrip("'\"}")
    excerpt = re.split(r'["}]', line)[0].strip()
    calculator = _CALCULATOR.search(text) if code == "MEDIAPIPE_EXECUTION_ERROR" else None
    if calculator is not None:
        excerpt = calculator["cause"].strip().rstrip("'\"}")
    return ErrorProof(code, excerpt, tuple(parts.items()))
