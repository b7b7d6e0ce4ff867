r"""Texts in which letters are written by escapes: ``\u0066`` of JSON, ``%66`` of URLs, ``\146`` and ``\x66`` of
protobuf's text format and of logs, bytes with zeros between them (UTF-16).

The change is applied to the unescaped text, and the result is written with the same escapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ovms_doctor.model.pattern import lazy_pattern

Change = Callable[[str], str]

_PERCENT = r"(?P<percent>(?:%(?:25)*[0-9A-Fa-f]{2})+)"
_ESCAPES = lazy_pattern(
    r"(?P<unicode>(?:\\+u[0-9A-Fa-f]{4})+)|(?P<octal>(?:\\[0-3][0-7]{2})+)|(?P<hex>(?:\\x[0-9A-Fa-f]{2})+)|"
    + _PERCENT
    + r"|\\(?P<other>[\"\\/bfnrtav'])"
)
_PERCENT_ONLY = lazy_pattern(_PERCENT)
_WIDE = lazy_pattern(r"(?:[ -~]\x00{1,3}){2,}[ -~]?")
_OTHER = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "a": "\a", "v": "\v"}


def changed(text: str, change: Change, *, backslashes: bool) -> str:
    """Returns ``text`` with ``change`` applied to its unescaped form.

    ``change``: returns as many characters as it gets, each of the same number of bytes.
    ``backslashes``: whether backslashes begin escapes; in names they do not.
    """
    if "%" not in text and not (backslashes and "\\" in text):
        return change(text)
    parts: list[tuple[str, str, str]] = []  # the escaped text, the unescaped text, the kind of escape
    end = 0
    for match in (_ESCAPES if backslashes else _PERCENT_ONLY).finditer(text):
        if match.start() > end:
            parts.append((text[end : match.start()], text[end : match.start()], ""))
        kind = match.lastgroup or ""
        parts.append((match[0], _meaning(match[0], kind), kind))
        end = match.end()
    parts.append((text[end:], text[end:], ""))
    meaning = "".join(part[1] for part in parts)
    new = change(meaning)
    if new == meaning:
        return text
    result = []
    at = 0
    for written, meant, kind in parts:
        piece = new[at : at + len(meant)]
        at += len(meant)
        result.append(written if piece == meant else piece if not kind else _written(piece, written, kind))
    return "".join(result)


def with_wide_letters(text: str, change: Change) -> str:
    """Returns a changed text with zeros between its letters if it is UTF-16 or UTF-32. The text has one character
    for each byte, or not."""
    if "\0" not in text:
        return text

    def one(match: re.Match[str]) -> str:
        new = iter(change(match[0].replace("\0", "")))
        return "".join(char if char == "\0" else next(new) for char in match[0])

    return _WIDE.sub(one, text)


def _meaning(written: str, kind: str) -> str:
    if kind == "unicode":
        units = [int(unit, 16) for unit in re.findall("u([0-9A-Fa-f]{4})", written)]
        data = b"".join(unit.to_bytes(2, "big") for unit in units)
        return data.decode("utf-16-be", "surrogatepass")
    if kind == "other":
        return _OTHER.get(written[1], written[1])
    if kind == "octal":
        data = bytes(int(unit, 8) for unit in written.split("\\")[1:])
    elif kind == "hex":
        data = bytes(int(unit, 16) for unit in written.split("\\x")[1:])
    else:
        data = bytes(int(unit, 16) for unit in re.findall("%(?:25)*([0-9A-Fa-f]{2})", written))
    return data.decode("utf-8", "surrogateescape")


def _written(text: str, before: str, kind: str) -> str:
    """Returns the text with the escapes of the original."""
    if kind == "unicode":
        prefixes = re.findall(r"\\+u", before)
        data = text.encode("utf-16-be", "surrogatepass")
        capitals = any(char in "ABCDEF" for char in before)
        units = [f"{data[index]:02x}{data[index + 1]:02x}" for index in range(0, len(data), 2)]
        return "".join(
            prefix + (unit.upper() if capitals else unit)
            for prefix, unit in zip(prefixes, units, strict=True)
        )
    if kind == "other":
        return before
    data = text.encode("utf-8", "surrogateescape")
    if kind == "octal":
        return "".join(f"\\{byte:03o}" for byte in data)
    if kind == "hex":
        return "".join(f"\\x{byte:02x}" for byte in data)
    prefixes = re.findall("(%(?:25)*)[0-9A-Fa-f]{2}", before)
    return "".join(f"{prefix}{byte:02X}" for prefix, byte in zip(prefixes, data, strict=True))
