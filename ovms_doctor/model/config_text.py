"""The text of a configuration file as the server's parser reads it."""

from __future__ import annotations

import re

from msgspec import Struct

from ovms_doctor.model.pattern import lazy_pattern

#: Bytes that are not UTF-8 are replaced by private characters while the text is parsed.
_FOREIGN = 0x10FF00
#: Such a character in a URI fragment: from 0x10FF80 to 0x10FFFF.
_IN_FRAGMENT = lazy_pattern("%F4%8F%B([EF])%([89AB][0-9A-F])")


def bytes_in_fragment(pointer: str) -> str:
    """Returns a fragment that RapidJSON wrote for a text with replaced bytes as it writes it for these bytes."""

    def byte(match: re.Match[str]) -> str:
        number = (0x80 if match[1] == "E" else 0xC0) + int(match[2], 16) - 0x80
        return f"%{number:02X}"

    return _IN_FRAGMENT.sub(byte, pointer)


class ConfigText(Struct, frozen=True):
    """The text that the parser reads."""

    #: The text.
    text: str
    #: Whether it has bytes that are not UTF-8.
    foreign: bool

    @staticmethod
    def of(data: bytes) -> ConfigText:
        data = data.split(b"\0", 1)[0]
        try:
            return ConfigText(data.decode("utf-8"), foreign=False)
        except UnicodeDecodeError:
            kept = data.decode("utf-8", "surrogateescape")
            moved = "".join(
                chr(_FOREIGN + ord(letter) - 0xDC00) if "\udc80" <= letter <= "\udcff" else letter
                for letter in kept
            )
            return ConfigText(moved, foreign=True)

    def restore(self, text: str) -> str:
        """Returns a string of the document, with bytes that are not UTF-8 as in ``os.fsdecode``."""
        if not self.foreign:
            return text
        return "".join(
            chr(0xDC00 + ord(letter) - _FOREIGN)
            if _FOREIGN + 0x80 <= ord(letter) <= _FOREIGN + 0xFF
            else letter
            for letter in text
        )

    def character(self, offset: int) -> int:
        """Returns the index of the character at a byte offset of the text."""
        return len(self.text.encode("utf-8")[:offset].decode("utf-8", "ignore"))
