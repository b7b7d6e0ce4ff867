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
