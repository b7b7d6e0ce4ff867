"""The text of a configuration file as the server's parser reads it."""

from __future__ import annotations

from msgspec import Struct

#: Bytes that are not UTF-8 are replaced by private characters while the text is parsed.
_FOREIGN = 0x10FF00


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
