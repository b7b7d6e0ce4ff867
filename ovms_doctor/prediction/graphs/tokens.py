"""The tokens of protobuf's text format, and the errors of its tokenizer.

Source: google/protobuf/io/tokenizer.cc with the settings of text_format.cc (comments begin with ``#``, an ``f`` may
follow a number), as in protobuf 3.19, the version in OVMS.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.graph_text import TextFault

Kind: TypeAlias = Literal["identifier", "integer", "float", "string", "symbol", "end"]

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_DIGITS = frozenset("0123456789")
_OCTAL = frozenset("01234567")
_HEX = _DIGITS | frozenset("abcdefABCDEF")
_SPACE = frozenset(" \t\n\r\v\f")
_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    "?": "?",
    "'": "'",
    '"': '"',
}
_TAB = 8


class Token(Struct, frozen=True):
    """One token."""

    #: The kind of the token.
    kind: Kind
    #: Its bytes, one character for each.
    text: str
    #: The line of its first byte, from 1.
    line: int
    #: The column of its first byte, from 1.
    column: int
    #: The column after its last byte.
    end: int


class Tokenizer:
    """Reads the tokens of a text one after the other; ``faults`` collects the errors."""

    def __init__(self, data: bytes) -> None:
        # One character for each byte: positions count bytes.
        self._text = data.decode("latin-1")
        self._at = 0
        self._line = 1
        self._column = 1
        self.faults: list[TextFault] = []
        self.current = Token("symbol", "", 1, 1, 1)
        self.next()

    def next(self) -> None:
        """Reads the next token."""
        previous = self.current
        while True:
            self._skip_blank()
            if self._at >= len(self._text):
                self.current = Token("end", "", self._line, self._column, self._column)
                return
            char = self._text[self._at]
            if char < " ":
                self._error("Invalid control characters encountered in text.")
                while "" < self._peek() < " " and self._peek() not in _SPACE:
                    self._advance()
                continue
            break
        start, line, column = self._at, self._line, self._column
        kind = self._consume(char, previous)
        self.current = Token(kind, self._text[start : self._at], line, column, self._column)

    def _consume(self, char: str, previous: Token) -> Kind:
        if char in _LETTERS:
            self._run(_LETTERS | _DIGITS)
            return "identifier"
        if char in "\"'":
            self._advance()
            self._string(char)
            return "string"
        if char in _DIGITS:
            self._advance()
            return self._number(zero=char == "0", dot=False)
        self._advance()
        if char == "." and self._peek() in _DIGITS:
            self._advance()
            if (
                previous.kind == "identifier"
                and previous.line == self._line
                and previous.end == self._column - 2
            ):
                self._error("Need space between identifier and decimal point.", self._column - 2)
            return self._number(zero=False, dot=True)
        if char >= "\x80":
            self._error(f"Interpreting non ascii codepoint {ord(char)}.", self._column - 1)
        return "symbol"

    def _number(self, *, zero: bool, dot: bool) -> Kind:
        is_float = dot
        if zero and self._peek() in ("x", "X"):
            self._advance()
            if not self._run(_HEX):
                self._error('"0x" must be followed by hex digits.')
        elif zero and self._peek() in _DIGITS:
            self._run(_OCTAL)
            if self._peek() in _DIGITS:
                self._error("Numbers starting with leading zero must be in octal.")
                self._run(_DIGITS)
        else:
            self._run(_DIGITS)
            if not dot and self._peek() == ".":
                is_float = True
                self._advance()
                self._run(_DIGITS)
            if self._peek() in ("e", "E"):
                is_float = True
                self._advance()
                if self._peek() in ("-", "+"):
                    self._advance()
                if not self._run(_DIGITS):
                    self._error('"e" must be followed by exponent.')
            if self._peek() in ("f", "F"):
                is_float = True
                self._advance()
        if self._peek() in _LETTERS:
            self._error("Need space between number and identifier.")
        elif self._peek() == ".":
            self._error(
                "Already saw decimal point or exponent; can't have another one."
                if is_float
                else "Hex and octal numbers must be integers."
            )
        return "float" if is_float else "integer"

    def _string(self, delimiter: str) -> None:
        while True:
            char = self._peek()
            if char in ("", "\0"):
                self._error("Unexpected end of string.")
                return
            if char == "\n":
                self._error("String literals cannot cross line boundaries.")
                return
            self._advance()
            if char == delimiter:
                return
            if char == "\\":
                self._escape()

    def _escape(self) -> None:
        char = self._peek()
        if char in _ESCAPES or char in _OCTAL:
            self._advance()
        elif char in ("x", "X"):
            self._advance()
            if self._peek() in _HEX:
                self._advance()
            else:
                self._error("Expected hex digits for escape sequence.")
        elif char == "u":
            self._advance()
            if not self._digits(4):
                self._error("Expected four hex digits for \\u escape sequence.")
        elif char == "U":
            self._advance()
            if not (
                self._peek() == "0" and self._text[self._at + 1 : self._at + 2] == "0" and self._digits(8)
            ):
                self._error("Expected eight hex digits up to 10ffff for \\U escape sequence")
        else:
            self._error("Invalid escape sequence in string literal.")

    def _digits(self, count: int) -> bool:
        for _ in range(count):
            if self._peek() not in _HEX:
                return False
            self._advance()
        return True

    def _skip_blank(self) -> None:
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == "#":
                while self._peek() not in ("", "\n"):
                    self._advance()
            elif char not in _SPACE:
                return
            else:
                self._advance()

    def _peek(self) -> str:
        return self._text[self._at] if self._at < len(self._text) else ""

    def _advance(self) -> None:
        char = self._text[self._at]
        self._at += 1
        if char == "\n":
            self._line, self._column = self._line + 1, 1
        elif char == "\t":
            self._column += _TAB - (self._column - 1) % _TAB
        else:
            self._column += 1

    def _run(self, characters: frozenset[str]) -> bool:
        start = self._at
        while self._peek() in characters:
            self._advance()
        return self._at > start

    def _error(self, message: str, column: int | None = None) -> None:
        self.faults.append(TextFault(self._line, self._column if column is None else column, message))


def unquote(text: str) -> str:
    """Returns the value of a string token; bytes that are not UTF-8 become the characters of ``os.fsdecode``."""
    result = bytearray()
    body = text[1:-1] if len(text) > 1 and text[-1] == text[0] else text[1:]
    at = 0
    while at < len(body):
        char = body[at]
        at += 1
        if char != "\\" or at >= len(body):
            result += char.encode("latin-1")
            continue
        char = body[at]
        at += 1
        # A sequence that is cut short was reported as an error: its value does not matter.
        if char in _OCTAL:
            digits = _leading(body[at - 1 : at + 2], _OCTAL)
            result.append(int(digits, 8) & 0xFF)
            at += len(digits) - 1
        elif char in "xX":
            digits = _leading(body[at : at + 2], _HEX)
            result.append(int(digits or "0", 16))
            at += len(digits)
        elif char in "uU":
            digits = _leading(body[at : at + (4 if char == "u" else 8)], _HEX)
            result += chr(min(int(digits or "0", 16), 0x10FFFF)).encode("utf-8", "surrogatepass")
            at += len(digits)
        else:
            result += _ESCAPES.get(char, "?").encode("latin-1")
    return result.decode("utf-8", "surrogateescape")


def _leading(text: str, characters: frozenset[str]) -> str:
    count = next((index for index, char in enumerate(text) if char not in characters), len(text))
    return text[:count]


def integer(text: str, most: int) -> int | None:
    """Returns the value of an integer token, decimal, octal (``010``) or hexadecimal; None if it is greater than
    ``most``."""
    base = 16 if text[:2] in ("0x", "0X") else 8 if text.startswith("0") else 10
    digits = text[2:] if base == 16 else text
    try:
        value = int(digits or "0", base)
    except ValueError:
        return None
    return value if value <= most else None
