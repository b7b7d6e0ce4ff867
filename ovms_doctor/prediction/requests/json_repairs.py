"""Repairs of texts that are almost JSON."""

from __future__ import annotations

import ast
import json
import re

from msgspec.structs import replace

from ovms_doctor.model.client_request import ClientRequest
from ovms_doctor.prediction.requests.compression import sent_uncompressed
from ovms_doctor.prediction.requests.steps import Step, with_document

_LARGEST_BODY = 1 << 22


def repair_json(request: ClientRequest) -> Step | None:
    """Repairs text that is almost JSON: other quotes, a trailing comma, a line break in a string, text after the end, a
    byte order mark."""
    body = request.body
    uncompressed = sent_uncompressed(request)
    if uncompressed is not None:
        return uncompressed
    if body.startswith(b"\xef\xbb\xbf"):
        return Step(
            replace(request, body=body[3:]), "Remove the byte order mark at the beginning of the body."
        )
    text = body.decode("utf-8", "surrogateescape")
    stripped = text.strip()
    if re.search(r"\b(NaN|-?Infinity)\b", text):
        return None
    try:
        document, end = json.JSONDecoder().raw_decode(stripped)
        if end == len(stripped):
            # The answer is about something else than the text: its depth, a name.
            return None
        if end < len(stripped):
            return Step(
                with_document(request, document),
                f"Remove the text after the document: {stripped[end : end + 20]!r}.",
            )
    except (ValueError, RecursionError):
        pass
    try:
        document = json.loads(stripped, strict=False)
        return Step(with_document(request, document), "Write line breaks and tabs in strings as \\n and \\t.")
    except (ValueError, RecursionError):
        pass
    without = re.sub(r",(\s*[\]}])", r"\1", stripped)
    for candidate, text_of in ((without, "Remove the comma before a closing bracket."), *_closed(without)):
        try:
            return Step(with_document(request, json.loads(candidate)), text_of)
        except (ValueError, RecursionError):
            continue
    if len(stripped) < 1_000_000:
        try:
            document = ast.literal_eval(stripped)
            if isinstance(document, dict | list):
                # A set, bytes and keys of other types are not JSON either.
                return Step(
                    with_document(request, document),
                    "Write the body with json.dumps: JSON has double quotes, true, false and null.",
                )
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            return None
    return None


def _closed(text: str) -> list[tuple[str, str]]:
    """Returns texts in which the open brackets at the end are closed, each with its description."""
    stack: list[str] = []
    quoted = escaped = False
    for letter in text[:_LARGEST_BODY]:
        if quoted:
            escaped, quoted = (letter == "\\" and not escaped), letter != '"' or escaped
        elif letter == '"':
            quoted = True
        elif letter in "[{":
            stack.append("]" if letter == "[" else "}")
        elif letter in "]}" and stack:
            stack.pop()
    if not stack or quoted or len(stack) > 4:
        return []
    missing = "".join(reversed(stack))
    return [
        (
            text.rstrip().rstrip(",") + missing,
            (f"Close the open brackets and quotes at the end of the body: {missing}"),
        )
    ]
