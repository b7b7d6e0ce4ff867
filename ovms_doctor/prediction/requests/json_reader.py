"""RapidJSON's parser: what it accepts, and the text and offset of the first error.

The rules are those of RapidJSON at commit 973dc9c0 (2023), which OVMS 2022.1 to 2026.3 are built with, in two
modes: recursive (`Document::Parse`, up to 2026.1) and iterative (`kParseIterativeFlag` with a limit of 100
levels, from 2026.2). The modes differ in the error of a document that begins with a closing bracket, a comma or a
colon, and in the limit. No flag is set in either: no NaN, no comments, no trailing comma, no check of UTF-8.
"""

from collections.abc import Callable

import msgspec

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.prediction.requests.json_values import (
    JsonArray,
    JsonItem,
    JsonLiteral,
    JsonMember,
    JsonNumber,
    JsonObject,
    JsonString,
    JsonValue,
    LiteralRun,
    NumberRun,
    decode_string,
    integer_of,
)

#: The largest number of separate values that are kept: about 100 MiB.
MAX_VALUES = 500_000
#: The largest total size of the strings that are kept, in bytes.
MAX_TEXT = 1 << 26
#: The size of a block that is searched for plain numbers, in bytes.
_CHUNK = 1 << 16
#: The size of a block that is searched for a NUL, in bytes.
_SEARCHED = 1 << 24

_WHITESPACE = lazy_pattern(rb"[ \t\r\n]*")
_SMALL_INTEGERS = lazy_pattern(rb"(?:[ \t\r\n]*-?(?:0|[1-9][0-9]{0,8})[ \t\r\n]*,)+")
# At most 15 digits before the point and an exponent of two digits: never too big for a double.
_NUMBERS = lazy_pattern(
    rb"(?:[ \t\r\n]*-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,19})?(?:[eE][+-]?[0-9]{1,2})?[ \t\r\n]*,)+"
)
_LITERALS = lazy_pattern(rb"(?:[ \t\r\n]*(?:true|false)[ \t\r\n]*,)+")
_PLAIN_TEXT = lazy_pattern(rb'[^"\\\x00-\x1f]*')
_DIGITS = lazy_pattern(rb"[0-9]*")
_HEX4 = lazy_pattern(rb"[0-9A-Fa-f]{4}")
_OVERFLOW = float("inf")

EMPTY = "The document is empty."
ROOT_NOT_SINGULAR = "The document root must not be followed by other values."
INVALID_VALUE = "Invalid value."
MISSING_NAME = "Missing a name for object member."
MISSING_COLON = "Missing a colon after a name of object member."
MISSING_COMMA_OR_BRACE = "Missing a comma or '}' after an object member."
MISSING_COMMA_OR_BRACKET = "Missing a comma or ']' after an array element."
WRONG_HEX_DIGIT = "Incorrect hex digit after \\u escape in string."
WRONG_SURROGATE = "The surrogate pair in string is invalid."
WRONG_ESCAPE = "Invalid escape character in string."
MISSING_QUOTE = "Missing a closing quotation mark in string."
WRONG_ENCODING = "Invalid encoding in string."
NUMBER_TOO_BIG = "Number too big to be stored in double."
MISSING_FRACTION = "Miss fraction part in number."
MISSING_EXPONENT = "Miss exponent in number."


class JsonSyntaxError(Exception):
    """The document is not valid for RapidJSON."""

    def __init__(self, text: str, offset: int) -> None:
        super().__init__(text)
        #: RapidJSON's own text.
        self.text = text
        #: The offset that RapidJSON reports, in bytes.
        self.offset = offset


class JsonDepthError(Exception):
    """The document is nested deeper than the server allows."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"nested too deep at offset {offset}")
        #: The offset of the bracket that exceeds the limit.
        self.offset = offset


class JsonSizeError(Exception):
    """The document has more separate values than this module keeps."""


class JsonRules(msgspec.Struct, frozen=True):
    """How a release parses a request body."""

    #: Whether `kParseIterativeFlag` is set.
    iterative: bool
    #: The deepest nesting that is accepted; `None` without a limit.
    max_depth: int | None


class _Open:
    """An array or object that is not closed yet."""

    __slots__ = ("is_array", "items", "key", "members", "size", "start")

    def __init__(self, start: int, is_array: bool) -> None:
        self.start = start
        self.is_array = is_array
        self.items: list[JsonItem] = []
        self.members: list[JsonMember] = []
        self.key: JsonString | None = None
        self.size = 0


class _Reader:
    """One pass over one document, with its own stack: no input overflows Python's stack."""

    def __init__(self, body: bytes, rules: JsonRules, release: Callable[[int], None] | None) -> None:
        self.body = body
        self.end = len(body)
        self.rules = rules
        self.release = release
        self.values = 0
        self.text = 0
        self.released = 0

    def peek(self, position: int) -> int:
        """Returns the byte at an offset; 0 at the end, as after a C string."""
        return self.body[position] if position < self.end else 0

    def skip(self, position: int) -> int:
        """Returns the offset after white space."""
        match = _WHITESPACE.match(self.body, position)
        assert match is not None
        return match.end()

    def count(self) -> None:
        """Counts one more separate value."""
        self.values += 1
        if self.values > MAX_VALUES:
            raise JsonSizeError

    def document(self) -> JsonValue:
        """Returns the only value of the document."""
        position = self.skip(0)
        first = self.peek(position)
        if first == 0 or (self.rules.iterative and first in b"]},:"):
            raise JsonSyntaxError(EMPTY, position)
        value, position = self.value(position)
        position = self.skip(position)
        if position < self.end:
            raise JsonSyntaxError(ROOT_NOT_SINGULAR, position)
        return value

    def value(self, position: int) -> tuple[JsonValue, int]:
        """Returns the value that begins at an offset, with its content, and the offset after it."""
        stack: list[_Open] = []
        finished: JsonValue | None = None
        while True:
            if finished is None:
                finished, position = self.begin(position, stack)
                if finished is None:
                    continue
            if not stack:
                return finished, position
            holder = stack[-1]
            if holder.is_array:
                holder.items.append(finished)
                holder.size += 1
            else:
                assert holder.key is not None
                holder.members.append(JsonMember(holder.key, finished))
            finished, position = self.after_item(position, stack)

    def begin(self, position: int, stack: list[_Open]) -> tuple[JsonValue | None, int]:
        """Returns a scalar or an empty container, complete; or `None`, with the container pushed and its first value
        next."""
        self.count()
        first = self.peek(position)
        if first == 0x22:
            return self.string(position)
        if first not in b"[{" or first == 0:
            return self.literal(position)
        if self.rules.max_depth is not None and len(stack) >= self.rules.max_depth:
            raise JsonDepthError(position)
        stack.append(_Open(position, first == 0x5B))
        position = self.skip(position + 1)
        if self.peek(position) == (0x5D if first == 0x5B else 0x7D):
            return self.close(position, stack)
        if first == 0x5B:
            return None, self.runs(position, stack[-1])
        return None, self.key(position, stack[-1])

    def close(self, position: int, stack: list[_Open]) -> tuple[JsonValue, int]:
        """Returns the container that ends at an offset."""
        holder = stack.pop()
        if holder.is_array:
            return JsonArray(holder.start, position + 1, tuple(holder.items), holder.size), position + 1
        return JsonObject(holder.start, position + 1, tuple(holder.members)), position + 1

    def after_item(self, position: int, stack: list[_Open]) -> tuple[JsonValue | None, int]:
        """Continues after an element or member: returns the closed container, or `None` with the next value's
        offset."""
        position = self.skip(position)
        holder = stack[-1]
        following = self.peek(position)
        if following == 0x2C:
            position = self.skip(position + 1)
            return (
                (None, self.runs(position, holder)) if holder.is_array else (None, self.key(position, holder))
            )
        if following == (0x5D if holder.is_array else 0x7D):
            return self.close(position, stack)
        raise JsonSyntaxError(
            MISSING_COMMA_OR_BRACKET if holder.is_array else MISSING_COMMA_OR_BRACE, position
        )

    def key(self, position: int, holder: _Open) -> int:
        """Reads the name of a member; returns the offset of its value."""
        if self.peek(position) != 0x22:
            raise JsonSyntaxError(MISSING_NAME, position)
        self.count()
        holder.key, position = self.string(position)
        position = self.skip(position)
        if self.peek(position) != 0x3A:
            raise JsonSyntaxError(MISSING_COLON, position)
        return self.skip(position + 1)

    def runs(self, position: int, holder: _Open) -> int:
        """Fold plain numbers and literals that commas follow; return the offset of the next value."""
        while True:
            if self.release is not None and position - self.released > _SEARCHED:
                self.release(position)
                self.released = position
            limit = min(self.end, position + _CHUNK)
            for pattern in (_SMALL_INTEGERS, _NUMBERS, _LITERALS):
                match = pattern.match(self.body, position, limit)
                # A few small integers may only begin a longer run of mixed numbers.
                if match is not None and (pattern is not _SMALL_INTEGERS or match.end() - position > 64):
                    break
            else:
                return self.skip(position)
            self.count()
            text = match[0]
            count = text.count(b",")
            holder.size += count
            if pattern is _LITERALS:
                holder.items.append(LiteralRun(position, match.end(), count))
            else:
                small = pattern is _SMALL_INTEGERS or _SMALL_INTEGERS.fullmatch(text) is not None
                holder.items.append(NumberRun(position, match.end(), count, small, b"-" in text))
            position = match.end()

    def string(self, position: int) -> tuple[JsonString, int]:
        """Returns the string that begins at an offset."""
        start = position
        position += 1
        while True:
            match = _PLAIN_TEXT.match(self.body, position)
            assert match is not None
            position = match.end()
            byte = self.peek(position)
            if byte == 0x22:
                self.text += position - start
                if self.text > MAX_TEXT:
                    raise JsonSizeError
                return JsonString(
                    start, position + 1, decode_string(self.body, start + 1, position)
                ), position + 1
            if byte != 0x5C:
                raise JsonSyntaxError(MISSING_QUOTE if byte == 0 else WRONG_ENCODING, position)
            position = self.escape(position)

    def escape(self, position: int) -> int:
        """Checks one escape sequence; returns the offset after it."""
        kind = self.peek(position + 1)
        if kind != 0 and kind in b'"\\/bfnrt':
            return position + 2
        if kind != 0x75:
            raise JsonSyntaxError(WRONG_ESCAPE, position)
        point = self.hex4(position + 2, position)
        if not 0xD800 <= point <= 0xDFFF:
            return position + 6
        if point > 0xDBFF or self.body[position + 6 : position + 8] != b"\\u":
            raise JsonSyntaxError(WRONG_SURROGATE, position)
        if not 0xDC00 <= self.hex4(position + 8, position) <= 0xDFFF:
            raise JsonSyntaxError(WRONG_SURROGATE, position)
        return position + 12

    def hex4(self, position: int, escape: int) -> int:
        """Returns the code point of four hexadecimal digits; an error names the offset of the escape."""
        match = _HEX4.match(self.body, position)
        if match is None:
            raise JsonSyntaxError(WRONG_HEX_DIGIT, escape)
        return int(match[0], 16)

    def literal(self, position: int) -> tuple[JsonValue, int]:
        """Returns `true`, `false`, `null` or a number."""
        for text, value in ((b"null", None), (b"true", True), (b"false", False)):
            if self.peek(position) == text[0]:
                for index, byte in enumerate(text):
                    if self.peek(position + index) != byte:
                        raise JsonSyntaxError(INVALID_VALUE, position + index)
                return JsonLiteral(position, position + len(text), value), position + len(text)
        return self.number(position)

    def digits(self, position: int) -> int:
        """Returns the offset after decimal digits."""
        match = _DIGITS.match(self.body, position)
        assert match is not None
        return match.end()

    def number(self, start: int) -> tuple[JsonNumber, int]:
        """Returns one number, checked as `ParseNumber` does without full precision."""
        position = start + (self.peek(start) == 0x2D)
        if self.peek(position) == 0x30:
            whole_end = position + 1
        else:
            whole_end = self.digits(position)
            if whole_end == position:
                raise JsonSyntaxError(INVALID_VALUE, position)
        end = whole_end
        fraction = b""
        if self.peek(end) == 0x2E:
            end = self.digits(end + 1)
            if end == whole_end + 1:
                raise JsonSyntaxError(MISSING_FRACTION, end)
            fraction = self.body[whole_end + 1 : end]
        whole = self.body[position:whole_end]
        exponent, end = self.exponent(end)
        if not fraction and exponent is None:
            integer = integer_of(self.body[start:end])
            if integer is not None:
                return JsonNumber(start, end, integer), end
        if _too_big(whole, self.body[start] == 0x2D, fraction, exponent):
            raise JsonSyntaxError(NUMBER_TOO_BIG, start)
        return JsonNumber(start, end, None), end

    def exponent(self, position: int) -> tuple[bytes | None, int]:
        """Returns the sign and digits of an exponent, `None` without one, and the offset after it."""
        if self.peek(position) not in (0x45, 0x65):
            return None, position
        position += 1
        digits = position + (self.peek(position) in (0x2B, 0x2D))
        end = self.digits(digits)
        if end == digits:
            raise JsonSyntaxError(MISSING_EXPONENT, end)
        return self.body[position:end], end


def _too_big(whole: bytes, negative: bool, fraction: bytes, exponent: bytes | None) -> bool:
    """Whether `ParseNumber` reports that a number does not fit a double."""
    value, significant, converted = _significand(whole, negative)
    scale = 0
    for index, digit in enumerate(fraction):
        if not converted and value <= 0x1FFFFFFFFFFFFF:
            value = value * 10 + digit - 0x30
            scale -= 1
            significant += value != 0
            continue
        converted = True
        if significant < 17:
            value = float(value) * 10.0 + (digit - 0x30)
            scale -= 1
            significant += value > 0.0
        elif index > 400:
            break
    power = 0
    if exponent is not None:
        negative_exponent = exponent[:1] == b"-"
        text = exponent.lstrip(b"+-").lstrip(b"0")
        # This many digits, more than any limit below has, give the same result as all digits.
        power = int(text[:12] or b"0")
        # The limit is compared after each digit except the first.
        if not negative_exponent and len(exponent.lstrip(b"+-")) > 1 and power > 308 - scale:
            return True
        power = -power if negative_exponent else power
    return _scaled(float(value), power + scale) == _OVERFLOW


def _significand(whole: bytes, negative: bool) -> tuple[float, int, bool]:
    """Returns the digits before the point as a number, the number of digits that count, and whether it is a double
    already."""
    integer = integer_of(b"-" * negative + whole)
    if integer is not None:
        return abs(integer), len(whole) - 1, False
    limit = 2**63 if negative else 2**64 - 1
    value: float = 0
    significant = -1
    digits = iter(whole)
    for digit in digits:
        following = int(value) * 10 + digit - 0x30
        if following > limit:
            value = float(value) * 10 + (digit - 0x30)
            break
        value = following
        significant += 1
    for digit in digits:
        value = float(value) * 10 + (digit - 0x30)
        if value == _OVERFLOW:
            break
    return float(value), significant, True


def _scaled(value: float, power: int) -> float:
    """Applies `StrtodNormalPrecision`: a significand times a power of ten, infinity if that is too big."""
    if power < -308:
        return 0.0 if power + 308 < -308 else value / 1e308 / 10.0 ** -(power + 308)
    return value * float(f"1e{power}") if power >= 0 else value / float(f"1e{-power}")


def read_json(body: bytes, rules: JsonRules) -> JsonValue:
    """Returns the document in a body as the server's parser reads it.

    The server passes a C string: the bytes after a NUL are not read. A body that is a mapped file may have a method
    `release_before`, which is called with an offset before which nothing is read again soon.
    """
    release: Callable[[int], None] | None = getattr(body, "release_before", None)
    end = -1
    for start in range(0, len(body), _SEARCHED):
        end = body.find(b"\0", start, start + _SEARCHED)
        if end >= 0:
            break
        if release is not None:
            release(start)
    return _Reader(body[:end] if end >= 0 else body, rules, release).document()
