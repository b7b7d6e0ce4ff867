"""A multipart form as clients send it (RFC 7578)."""

from __future__ import annotations

from typing import NamedTuple

_BOUNDARY = "------------------------0000000000000000"


class FormPart(NamedTuple):
    """One part of a form."""

    #: The name of the field.
    name: bytes
    #: The content.
    content: bytes
    #: The file's name; empty for a field without one.
    file: bytes = b""


def multipart_body(parts: list[FormPart], content_type: str = "multipart/form-data") -> tuple[bytes, str]:
    """Returns the body and the value of Content-Type, which gets the boundary."""
    pieces = []
    for part in parts:
        head = f"--{_BOUNDARY}\r\nContent-Disposition: form-data; name=".encode() + b'"' + part.name + b'"'
        if part.file:
            head += b'; filename="' + part.file + b'"\r\nContent-Type: application/octet-stream'
        pieces.append(head + b"\r\n\r\n" + part.content + b"\r\n")
    return b"".join(pieces) + f"--{_BOUNDARY}--\r\n".encode(), f"{content_type}; boundary={_BOUNDARY}"
