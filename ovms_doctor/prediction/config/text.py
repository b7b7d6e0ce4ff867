"""From the bytes of config.json to a document, as RapidJSON reads them for the server.

The server passes a C string to the parser with its default settings: a NUL byte ends the text; the encoding is not
checked; comments, trailing commas, NaN and a byte order mark are refused; of equal keys ``FindMember`` finds the first.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from ovms_doctor.model.config_text import ConfigText
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.parameters.members import Members, pairs_of

_CONTROL_CHARACTER = "Invalid encoding in string."
_MESSAGE = lazy_pattern(r"Parse error at offset (\d+): (.*)", re.DOTALL)


class NotJsonError(Exception):
    """The parser refuses the text. ``message`` is RapidJSON's own; ``at`` the index of the character."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.message = message
        self.at = at

    def message_of(self, release: Release) -> str:
        """Returns the text of the release's RapidJSON: until v2024.2 it is 1.1.0, which names a control character in
        a text in another way."""
        if self.message == _CONTROL_CHARACTER and not release.at_least(2024, 3):
            return "Invalid escape character in string."
        return self.message


#: The escape of a high surrogate with another escape, of a low one alone, and any other escape.
_ESCAPES = lazy_pattern(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4}|\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)
_WRONG_SURROGATE = "The surrogate pair in string is invalid."


class NestingError(Exception):
    """The nesting is deeper than this module supports. The server's parser continues until its stack overflows."""


class Document(Struct, frozen=True):
    """A parsed document."""

    #: The value: objects contain the first of equal keys (and are Members if there are more).
    value: Any
    #: The keys that occur more than once.
    doubled: tuple[str, ...]


def cut_at_nul(value: Any, pointer: str = "") -> tuple[Any, tuple[str, ...]]:
    """Returns the document as the server reads it, and the pointers of the cut texts: the server reads each text as
    a C string (``GetString()``), up to a NUL character."""
    if isinstance(value, str):
        whole, nul, _ = value.partition("\0")
        return whole, (pointer,) if nul else ()
    if isinstance(value, list):
        items = [cut_at_nul(item, f"{pointer}/{index}") for index, item in enumerate(value)]
        return [item for item, _ in items], tuple(at for _, found in items for at in found)
    if not isinstance(value, dict):
        return value, ()
    pairs = []
    cut: list[str] = []
    for key, item in pairs_of(value):
        below = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
        inner, found = cut_at_nul(item, below)
        pairs.append((key.partition("\0")[0], inner))
        cut += [below] if "\0" in key else []
        cut += found
    content: dict[str, Any] = {}
    for key, item in pairs:
        content.setdefault(key, item)
    return (content if len(content) == len(pairs) else Members(content, pairs)), tuple(cut)


class LoneSurrogates(Struct, frozen=True):
    """A text in which the bytes that RapidJSON 1.1.0 stores for a low surrogate without a high one replace its escape:
    it encodes the number as any other (reader.h, ParseStringToStream). RapidJSON refuses it since v2024.3."""

    #: The bytes of the text.
    data: bytes
    #: The indexes of the escapes' first characters in the original text.
    starts: tuple[int, ...]

    @staticmethod
    def accepted(data: bytes, error: NotJsonError, release: Release) -> LoneSurrogates | None:
        """Returns the text that a release reads although the parser here refuses it with ``error``; None if the
        release refuses it too, or if the error is another one."""
        if error.message != _WRONG_SURROGATE or release.at_least(2024, 3):
            return None
        data = data.split(b"\0", 1)[0]
        text = data.decode("utf-8", "surrogateescape")
        found = [match for match in _ESCAPES.finditer(text) if match["low"]]
        if not found:
            return None
        parts, end = [], 0
        for match in found:
            stored = chr(int(match["low"], 16)).encode("utf-8", "surrogatepass")
            parts += [text[end : match.start()].encode("utf-8", "surrogateescape"), stored]
            end = match.end()
        parts.append(text[end:].encode("utf-8", "surrogateescape"))
        return LoneSurrogates(b"".join(parts), tuple(match.start() for match in found))

    def original_index(self, at: int) -> int:
        """Returns the index in the original text of a character of this one: three characters stand for the six of an
        escape."""
        for start in self.starts:
            if at < start + 3:
                break
            at += 3
        return at


def parse(text: ConfigText) -> Document:
    """Returns the document. Raises NotJsonError, NestingError."""
    import rapidjson

    doubled: list[str] = []
    restore = text.restore

    class Reader(rapidjson.Decoder):
        def start_object(self) -> list[tuple[str, Any]]:
            return []

        def end_object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            result: dict[str, Any] = {}
            if text.foreign:
                pairs = [(restore(key), value) for key, value in pairs]
            for key, value in pairs:
                if key in result:
                    doubled.append(key)
                else:
                    result[key] = value
            return result if len(result) == len(pairs) else Members(result, pairs)

        def string(self, value: str) -> str:
            return restore(value)

    try:
        return Document(Reader(number_mode=rapidjson.NM_NATIVE)(text.text), tuple(doubled))
    except rapidjson.JSONDecodeError as error:
        found = _MESSAGE.fullmatch(str(error))
        if found is None:
            raise NotJsonError(str(error), 0) from None
        raise NotJsonError(found[2], text.character(int(found[1]))) from None
    except RecursionError:
        raise NestingError from None
