"""The values of a JSON document as RapidJSON keeps them, with their byte offsets.

A request body may contain millions of numbers. Consecutive plain numbers of an array are one `NumberRun`, so the tree
of a body is small and every value can still be found in the body's bytes.
"""

from collections.abc import Iterator

import msgspec

from ovms_doctor.model.pattern import lazy_pattern

_ESCAPES = {
    0x22: b'"',
    0x2F: b"/",
    0x5C: b"\\",
    0x62: b"\b",
    0x66: b"\f",
    0x6E: b"\n",
    0x72: b"\r",
    0x74: b"\t",
}
_INT32 = range(-(2**31), 2**31)
_UINT32 = range(2**32)
_INT64 = range(-(2**63), 2**63)
_UINT64 = range(2**64)
_NUMBER = lazy_pattern(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_INTEGER = lazy_pattern(rb"-?(?:0|[1-9][0-9]*)")


class JsonLiteral(msgspec.Struct, frozen=True, gc=False):
    """`true`, `false` or `null`."""

    #: Offset of the first byte.
    start: int
    #: Offset after the last byte.
    end: int
    #: `True`, `False`, or `None` for null.
    value: bool | None


class JsonNumber(msgspec.Struct, frozen=True, gc=False):
    """One number. RapidJSON makes a double of a number with a fraction or exponent, or that does not fit 64 bits."""

    #: Offset of the first byte.
    start: int
    #: Offset after the last byte.
    end: int
    #: The value of an integer; `None` for a double.
    integer: int | None


class JsonString(msgspec.Struct, frozen=True, gc=False):
    """One string; its offsets include the quotation marks."""

    #: Offset of the first quotation mark.
    start: int
    #: Offset after the last quotation mark.
    end: int
    #: The decoded bytes, without the quotation marks. They may be any bytes, including NUL.
    value: bytes

    @property
    def c_string(self) -> bytes:
        """Returns the bytes up to the first NUL, as the server gets them from `GetString()` without the length."""
        return self.value.partition(b"\0")[0]


class NumberRun(msgspec.Struct, frozen=True, gc=False):
    """Consecutive numbers of one array, each followed by a comma."""

    #: Offset of the first byte.
    start: int
    #: Offset after the last comma.
    end: int
    #: The number of numbers.
    count: int
    #: Whether each is an integer of at most nine digits; otherwise at least one is a double or longer.
    small_integers: bool
    #: Whether a minus sign occurs.
    negative: bool


class LiteralRun(msgspec.Struct, frozen=True, gc=False):
    """Consecutive `true` and `false` of one array, each followed by a comma."""

    #: Offset of the first byte.
    start: int
    #: Offset after the last comma.
    end: int
    #: The number of values.
    count: int


class JsonArray(msgspec.Struct, frozen=True):
    """One array."""

    #: Offset of `[`.
    start: int
    #: Offset after `]`.
    end: int
    #: The elements in order, runs of plain numbers and literals folded.
    items: "tuple[JsonItem, ...]"
    #: The number of elements.
    size: int


class JsonMember(msgspec.Struct, frozen=True):
    """One name and value of an object."""

    #: The name.
    name: JsonString
    #: The value.
    value: "JsonValue"


class JsonObject(msgspec.Struct, frozen=True):
    """One object, its members in order and with duplicates."""

    #: Offset of `{`.
    start: int
    #: Offset after `}`.
    end: int
    #: The members in order.
    members: tuple[JsonMember, ...]

    def find(self, name: bytes) -> "JsonValue | None":
        """Returns the value of the first member of that name, as `FindMember` returns it."""
        for member in self.members:
            if member.name.value == name:
                return member.value
        return None


JsonValue = JsonLiteral | JsonNumber | JsonString | JsonArray | JsonObject
JsonItem = JsonValue | NumberRun | LiteralRun


def is_int(number: JsonNumber) -> bool:
    """Whether RapidJSON's `IsInt` holds: an integer of 32 bits."""
    return number.integer is not None and number.integer in _INT32


def is_uint(number: JsonNumber) -> bool:
    """Whether RapidJSON's `IsUint` holds: an integer of 32 bits without a sign."""
    return number.integer is not None and number.integer in _UINT32


def decode_string(body: bytes, start: int, end: int) -> bytes:
    """Returns the bytes of a valid JSON string between two offsets, without its quotation marks, escapes resolved."""
    raw = body[start:end]
    if b"\\" not in raw:
        return raw
    decoded = bytearray()
    position = 0
    while (escape := raw.find(b"\\", position)) >= 0:
        decoded += raw[position:escape]
        kind = raw[escape + 1]
        if kind != 0x75:
            decoded += _ESCAPES[kind]
            position = escape + 2
            continue
        point = int(raw[escape + 2 : escape + 6], 16)
        position = escape + 6
        if 0xD800 <= point <= 0xDBFF:
            low = int(raw[escape + 8 : escape + 12], 16)
            point = ((point - 0xD800) << 10 | (low - 0xDC00)) + 0x10000
            position = escape + 12
        decoded += chr(point).encode()
    decoded += raw[position:]
    return bytes(decoded)


def integer_of(text: bytes) -> int | None:
    """Returns the value of an integer that fits 64 bits; `None` if RapidJSON makes a double of it."""
    if not text.lstrip(b"-").isdigit() or len(text) > 20:
        return None
    value = int(text)
    return value if value in (_INT64 if value < 0 else _UINT64) else None


def numbers_in(body: bytes, run: NumberRun) -> Iterator[JsonNumber]:
    """Yields each number of a run, with its offsets in the body."""
    for match in _NUMBER.finditer(body, run.start, run.end):
        yield JsonNumber(match.start(), match.end(), integer_of(match[0]))


def float_of(body: bytes, number: JsonNumber) -> float:
    """Returns the value of a number as Python reads it."""
    return float(number.integer if number.integer is not None else body[number.start : number.end])
