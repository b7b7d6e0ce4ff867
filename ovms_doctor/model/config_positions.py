"""Positions in a JSON text: line and column, from an index or from a JSON pointer."""

from __future__ import annotations

import json
import re
from functools import lru_cache

from msgspec import Struct, field

from ovms_doctor.model.config_text import ConfigText
from ovms_doctor.model.pattern import lazy_pattern

_TOKEN = lazy_pattern(r'[ \t\r\n]*(?:("(?:[^"\\]|\\.)*")|([{}\[\],:])|([^\s{}\[\],:"]+))', re.DOTALL)


class LineColumn(Struct, frozen=True):
    """Line and column, from 1; columns count characters."""

    #: The line, from 1.
    line: int
    #: The column, from 1, in characters.
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


def position_of(text: str, index: int) -> LineColumn:
    """Returns the position of the character at ``index``; the end for an index beyond it."""
    index = max(0, min(index, len(text)))
    before = text.rfind("\n", 0, index)
    return LineColumn(text.count("\n", 0, index) + 1, index - before)


@lru_cache(maxsize=4)
def index_of(data: bytes) -> Index:
    """Returns the positions of all keys and values in a text; the last few results are cached."""
    text = ConfigText.of(data)
    index = Index(text.text)
    index.scan()
    return index


class _Open(Struct):
    """An object or array that contains the position of the scan. ``name``: the key, or the index, of the next item."""

    pointer: str
    array: bool
    name: str = ""
    count: int = 0
    expects_key: bool = True


class Index(Struct):
    """The positions of keys and values in a text.

    ``text``: the text.
    ``keys``: pointer → index of the key's first quote; of equal keys the first.
    ``values``: pointer → index of the value.
    ``repeated``: pointers of repeated keys, and their indexes.
    """

    text: str
    keys: dict[str, int] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    repeated: list[tuple[str, int]] = field(default_factory=list)

    def scan(self) -> None:
        """Fills the index in one pass over the text. If it is not JSON, the index is incomplete."""
        stack: list[_Open] = []
        at = 0
        while True:
            match = _TOKEN.match(self.text, at)
            if match is None:
                return
            at = match.end()
            if match[1] is not None:
                self._string(stack, match[1], match.start(1))
            elif match[3] is not None:
                self._value(stack, match.start(3))
            elif match[2] in "{[":
                self._value(stack, match.start(2))
                stack.append(_Open(_pointer(stack), match[2] == "["))
            elif match[2] in "}]":
                if stack:
                    stack.pop()
            elif match[2] == "," and stack:
                stack[-1].count += 1
                stack[-1].expects_key = True

    def _string(self, stack: list[_Open], token: str, at: int) -> None:
        if stack and not stack[-1].array and stack[-1].expects_key:
            stack[-1].expects_key = False
            stack[-1].name = _text(token)
            pointer = _pointer(stack)
            if pointer in self.keys:
                self.repeated.append((pointer, at))
            else:
                self.keys[pointer] = at
            return
        self._value(stack, at)

    def _value(self, stack: list[_Open], at: int) -> None:
        if stack and stack[-1].array:
            stack[-1].name = str(stack[-1].count)
        self.values.setdefault(_pointer(stack), at)

    def position(self, pointer: str) -> LineColumn | None:
        """Returns the position of a pointer (``/a/0/b``, or a fragment ``#/a/0/b``): of its key, in an array of its
        value. For a pointer that does not exist it is the nearest position above."""
        pointer = from_fragment(pointer)
        while True:
            at = self.keys.get(pointer, self.values.get(pointer))
            if at is not None:
                return position_of(self.text, at)
            if not pointer:
                return None
            pointer = pointer.rpartition("/")[0]


def _pointer(stack: list[_Open]) -> str:
    if not stack:
        return ""
    return f"{stack[-1].pointer}/{stack[-1].name.replace('~', '~0').replace('/', '~1')}"


def _text(token: str) -> str:
    try:
        value = json.loads(token)
    except ValueError:
        return token[1:-1]
    return value if isinstance(value, str) else token[1:-1]


def from_fragment(pointer: str) -> str:
    """Returns ``/$schema`` for ``#/%24schema``; any other text unchanged."""
    if not pointer.startswith("#"):
        return pointer
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(pointer[1:]).decode("utf-8", "replace")


def last_key(pointer: str) -> str:
    """Returns the last part of a pointer, unescaped."""
    return from_fragment(pointer).rpartition("/")[2].replace("~1", "/").replace("~0", "~")


class ConfigPositions(Struct, frozen=True):
    """The positions in a configuration file, which are computed only when needed."""

    #: The path of the file.
    path: str
    #: The content of the file.
    data: bytes

    def at(self, pointer: str) -> LineColumn | None:
        """Returns the position of a JSON pointer, or of a fragment with one."""
        return index_of(self.data).position(pointer)

    def repeated(self, key: str) -> LineColumn | None:
        """Returns the second position of a doubled key; the first such position in the file."""
        index = index_of(self.data)
        indexes = [at for pointer, at in index.repeated if last_key(pointer) == key]
        return position_of(index.text, indexes[0]) if indexes else None

    def doubled(self, key: str) -> str | None:
        """Returns the pointer of the position that ``repeated`` returns."""
        return next(
            (pointer for pointer, _ in index_of(self.data).repeated if last_key(pointer) == key), None
        )

    def of_character(self, at: int) -> LineColumn:
        """Returns the position of a character of the text, by its index."""
        return position_of(ConfigText.of(self.data).text, at)
