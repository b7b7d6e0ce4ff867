"""The fields and files of a multipart request, as Drogon reads them (`MultiPartParser::parse`, MultiPart.cc)."""

from __future__ import annotations

import re

from msgspec import Struct

_PARAMETER = r'(?:^|[;\s]){}=(?:"([^"]*)"|([^;]*))'


class Multipart(Struct, frozen=True):
    """The parts of a body."""

    #: The values of each field: a part without a file name.
    fields: dict[str, list[bytes]]
    #: The contents of each file: a part with a file name.
    files: dict[str, bytes]

    def field(self, name: str) -> bytes:
        """Returns the first value of a field; empty if there is none."""
        return self.fields.get(name, [b""])[0]

    def text(self, name: str) -> str:
        """Returns the first value of a field as text; empty if there is none."""
        return self.field(name).decode("utf-8", "surrogateescape")


def read_multipart(content_type: str, body: bytes) -> Multipart | None:
    """Returns the parts of a body; `None` if the server cannot parse it: without a boundary in the header, or with a
    part whose head does not end."""
    kind, semicolon, parameters = content_type.partition(";")
    match = re.search(r'boundary=("[^"]*"|[^;]*)', parameters)
    if kind.strip().lower() != "multipart/form-data" or not semicolon or match is None:
        return None
    boundary = match[1].strip().strip('"').encode("utf-8", "surrogateescape")
    if not boundary:
        return None
    found = Multipart({}, {})
    end = body.find(boundary)
    while end >= 0:
        start = end + len(boundary)
        if body[start : start + 2] == b"\r\n":
            start += 2
        end = body.find(boundary, start)
        if end < 0:
            break
        last = end - 4 if body[end - 4 : end] == b"\r\n--" else end
        if not _add(found, body, start, last):
            return None
    return found


def _add(found: Multipart, body: bytes, start: int, end: int) -> bool:
    """Adds the part between two offsets; returns whether it can be parsed."""
    head_end = body.find(b"\r\n\r\n", start, end)
    if head_end < 0:
        return False
    for line in body[start:head_end].split(b"\r\n"):
        key, colon, value = line.partition(b":")
        if not colon or not value.strip():
            return False
        if key.strip().lower() != b"content-disposition":
            continue
        text = value.decode("utf-8", "surrogateescape")
        name = _parameter(text, "name")
        if name is None:
            return False
        if _parameter(text, "filename") is None:
            found.fields.setdefault(name, []).append(bytes(body[head_end + 4 : end]))
            return True
        found.files[name] = bytes(body[head_end + 4 : end])
    return True


def _parameter(text: str, name: str) -> str | None:
    match = re.search(_PARAMETER.format(name), text)
    if match is None:
        return None
    return match[2].strip() if match[1] is None else match[1]
