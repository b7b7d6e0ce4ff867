"""The part of the protobuf wire format that finds fields; long fields are skipped, never read."""

from __future__ import annotations

import os
from collections.abc import Iterator

_BLOCK = 1 << 20
#: The most bytes that are read of one field.
_SHORT = 1 << 20
_MAX_GROUPS = 90


class ProtobufError(Exception):
    """The bytes are not a message: they end within a field or have an impossible field."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset


class Source:
    """A file by offset, with one block of 1 MiB in memory. ``size`` in bytes."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self.size = size
        self._start = 0
        self._block = b""

    def byte(self, offset: int) -> int:
        """Returns one byte. Raises ProtobufError if the file has become shorter."""
        index = offset - self._start
        if not 0 <= index < len(self._block):
            self._start = offset
            self._block = os.pread(self._descriptor, _BLOCK, offset)
            index = 0
            if not self._block:
                raise ProtobufError("the file ends within a field", offset)
        return self._block[index]

    def read(self, start: int, end: int) -> bytes:
        """Returns the bytes of a span, 1 MiB at most."""
        end = min(end, start + _SHORT)
        index = start - self._start
        if index >= 0 and end - self._start <= len(self._block):
            return self._block[index : index + end - start]
        return os.pread(self._descriptor, end - start, start)


#: A field: its number, its value (-1 for a message, string or bytes) and the span of its content.
Field = tuple[int, int, int, int]


def fields(source: Source, start: int, end: int) -> Iterator[Field]:
    """Yields the fields of the message in ``source`` between two offsets, in their order.

    Raises ProtobufError if protobuf would refuse to parse. Skips groups, which no format read here uses.
    """
    position = start
    groups: list[int] = []
    while position < end:
        begin = position
        key, position = _varint(source, position, end)
        number, wire = key >> 3, key & 7
        if number == 0 or key >= 1 << 32:
            raise ProtobufError("impossible field number", begin)
        value, content = 0, position
        if wire == 0:
            value, position = _varint(source, position, end)
        elif wire == 2:
            length, content = _varint(source, position, end)
            if length > end - content:
                raise ProtobufError(f"a field of {length} bytes has only {end - content} left", begin)
            value, position = -1, content + length
        elif wire in (1, 5):
            position += 8 if wire == 1 else 4
            if position > end:
                raise ProtobufError("the file ends within a number", begin)
        elif wire == 3 and len(groups) < _MAX_GROUPS:
            groups.append(number)
            continue
        elif wire == 4 and groups and groups[-1] == number:
            groups.pop()
            continue
        else:
            raise ProtobufError(f"impossible wire type {wire}", begin)
        if not groups:
            yield number, value, content, position
    if groups:
        raise ProtobufError("the file ends within a group", end)


def string(source: Source, start: int, end: int, limit: int = 4096) -> str:
    """Returns a string field, cut at ``limit`` bytes."""
    return source.read(start, min(end, start + limit)).decode("utf-8", "replace")


def signed(value: int) -> int:
    """Returns a varint of 64 bits as int64."""
    return value - (1 << 64) if value >= 1 << 63 else value


def _varint(source: Source, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    begin = position
    while position < end:
        byte = source.byte(position)
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & 0xFFFFFFFFFFFFFFFF, position
        shift += 7
        if shift >= 70:
            raise ProtobufError("a number longer than 10 bytes", begin)
    raise ProtobufError("the file ends within a number", begin)
