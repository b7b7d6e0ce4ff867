r"""JSON of this program's data types: written, and read with a check of the types.

The types define the content of the JSON (msgspec). Text that UTF-8 cannot write is escaped as in
:mod:`ovms_doctor.model.text`, in the JSON text itself and not in each value: a backslash is ``\\`` there, so two of
them before an ``x`` are an escape, and valid JSON has no other ``\\x``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.text import escape_surrogate, unescape_match

T = TypeVar("T")

_SURROGATE = lazy_pattern("[\ud800-\udfff]")
_ESCAPED = lazy_pattern(r"\\\\x(?:(5c)|([89a-f][0-9a-f])|\{(d[89a-f][0-9a-f]{2})\})")


class JsonFormatError(ValueError):
    """A JSON text does not have the expected form; the message names the problem and its position."""


def encode_json(value: Any) -> bytes:
    """Returns ``value`` (data types, JSON values) as JSON on one line, in UTF-8. :func:`decode_json` reads it."""
    try:
        data = msgspec.json.encode(value)
    except UnicodeEncodeError:
        # Names that are not UTF-8: rare, and msgspec refuses their surrogates.
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False, separators=(",", ":"))
        return escape_json(text).encode("utf-8")
    return data.replace(rb"\\x", rb"\\x5cx") if rb"\\x" in data else data


def decode_json(data: bytes, kind: Any) -> Any:
    """Returns the value that :func:`encode_json` wrote, as a ``kind``: a type or a union of types.

    Raises JsonFormatError for anything else.
    """
    try:
        if rb"\\x" in data:
            return msgspec.convert(json.loads(unescape_json(data.decode("utf-8"))), kind)
        return _decoder(kind).decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise JsonFormatError(str(error)) from None


def convert(value: Any, kind: type[T]) -> T:
    """Returns the JSON values in ``value`` as a ``kind``. Raises JsonFormatError if they do not fit."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise JsonFormatError(str(error)) from None


def json_object(text: str | bytes) -> dict[str, Any] | None:
    """Returns the object that is the whole JSON text of another program; None for other JSON and for no JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def escape_json(text: str) -> str:
    """Returns a JSON text with the escape for all characters that UTF-8 cannot write."""
    text = text.replace(r"\\x", r"\\x5cx")
    return text if text.isascii() else _SURROGATE.sub(lambda match: "\\" + escape_surrogate(match[0]), text)


def unescape_json(text: str) -> str:
    """Returns the original JSON text of :func:`escape_json`; it may contain surrogates."""
    return _ESCAPED.sub(_unescaped, text) if r"\\x" in text else text


def map_text(value: Any, change: Callable[[str], str]) -> Any:
    """Returns the JSON values with every text in them changed, keys too."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): map_text(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [map_text(item, change) for item in value]
    return value


@lru_cache(maxsize=16)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _unescaped(match: re.Match[str]) -> str:
    character = unescape_match(match)
    return r"\\" if character == "\\" else character
