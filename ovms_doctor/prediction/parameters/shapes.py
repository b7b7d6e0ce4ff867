"""Dimensions and shapes as the server reads them (shape.cpp; the same from v2022.1 on)."""

from __future__ import annotations

import re

from ovms_doctor.model.parameters import ANY, Dimension, Shape
from ovms_doctor.model.pattern import lazy_pattern

_INT_MAX = (1 << 31) - 1
_SPACES = lazy_pattern(r"[ \t\n\v\f\r]+")
_STOI = lazy_pattern(r"([+-]?)([0-9]+)")


class ParameterFormatError(ValueError):
    """The server cannot parse a text. ``log``: its messages in addition to the status."""

    def __init__(self, *log: str) -> None:
        super().__init__(*log)
        self.log = log


class _NoNumber(ValueError):
    pass


class _OutOfRange(ValueError):
    pass


def without_spaces(text: str) -> str:
    """Applies ``erase_spaces``: removes all white space of the C locale, also inside."""
    return _SPACES.sub("", text)


def tokenize(text: str, delimiter: str) -> list[str]:
    """Applies ``std::getline`` in a loop: an empty part after the last delimiter is not a token, and an empty text has
    none."""
    parts = text.split(delimiter)
    return parts[:-1] if parts[-1] == "" else parts


def _stoi(text: str) -> int:
    match = _STOI.match(text)
    if match is None:
        raise _NoNumber
    # The number is longer than any int, even without leading zeros: it is not passed to int(), which refuses 5,000
    # digits.
    digits = match[2].lstrip("0") or "0"
    value = int(digits) if len(digits) <= 10 else _INT_MAX + 2
    value = -value if match[1] == "-" else value
    if not -_INT_MAX - 1 <= value <= _INT_MAX:
        raise _OutOfRange
    return value


def parse_dimension(text: str) -> Dimension:
    """Applies ``Dimension::fromString``, for a batch size. Raises ParameterFormatError."""
    copy = without_spaces(text)
    try:
        return _range(copy) if ":" in copy else _number(copy)
    except _OutOfRange:
        raise ParameterFormatError(f"Parsing dimension string out of range: {copy}, error: stoi") from None
    except _NoNumber:
        raise ParameterFormatError(f"Parsing dimension string: {copy}".rstrip()) from None


def _range(copy: str) -> Dimension:
    if re.search(r"[^0-9:]", copy):
        raise ParameterFormatError(f"Parsing dimension string not a range: {copy}")
    if copy.count(":") != 1:
        raise ParameterFormatError(
            f"Parsing dimension string, wrong amount of ':' - {copy.count(':')}; {copy}"
        )
    tokens = tokenize(copy, ":")
    if len(tokens) != 2:
        raise ParameterFormatError(f"Parsing dimension string, not a number between ':' - {copy}")
    low, high = _stoi(tokens[0]), _stoi(tokens[1])
    if low > 0 and high > 0:
        if low > high:
            raise _NoNumber
        return Dimension(low, high)
    if low >= high:
        raise ParameterFormatError(f"Parsing dimension string range max must be higher than min: {copy}")
    raise ParameterFormatError(f"Parsing dimension string range must be lager than 0: {copy}")


def _number(copy: str) -> Dimension:
    dashes = copy.count("-")
    if dashes > 1:
        raise ParameterFormatError(f"Parsing dimension string: {copy}; too many '-' characters")
    if dashes == 1 and copy[0] != "-":
        raise ParameterFormatError(f"Parsing dimension string: {copy}; invalid '-' position")
    if re.search(r"[^0-9-]", copy):
        raise ParameterFormatError(f"Parsing dimension string not a number: {copy}")
    value = _stoi(copy)
    if value < ANY:
        raise ParameterFormatError(f"Parsing dimension string out of range: {copy}")
    return Dimension(value, value)


def parse_shape(text: str) -> Shape:
    """Applies ``ModelConfig::parseShape``: ``auto`` or ``(1,3,-1,10:20)``. Raises ParameterFormatError."""
    if text == "auto":
        return Shape(auto=True)
    copy = without_spaces(text)
    if re.search(r"[^0-9(),:-]", copy) or copy.count("(") != 1 or copy.count(")") != 1:
        raise ParameterFormatError
    if len(copy) <= 2 or copy[0] != "(" or copy[-1] != ")":
        raise ParameterFormatError
    inner = copy[1:-1]
    try:
        return Shape(tuple(_shape_dimension(token, text) for token in tokenize(inner, ",")))
    except _OutOfRange:
        raise ParameterFormatError(f"Parsing model shape string out of range: {inner}, error: stoi") from None
    except _NoNumber:
        raise ParameterFormatError(f"Parsing model shape string: {text}") from None


def _shape_dimension(token: str, whole: str) -> Dimension:
    dashes = token.count("-")
    if dashes > 1:
        raise ParameterFormatError(f"Parsing model shape string: {token}; too many '-' characters")
    if dashes == 1 and token[0] != "-":
        raise ParameterFormatError(f"Parsing model shape string: {token}; invalid '-' position")
    colons = token.count(":")
    if colons > 1:
        # The server exchanges the two values by mistake.
        raise ParameterFormatError(f"Parsing model shape string: :; too many '{token}' characters")
    if colons == 0:
        value = _stoi(token)
        if value < ANY:
            raise ParameterFormatError(f"Parsing model shape string: {token}; must be -1 (any) or >= 0")
        return Dimension(value, value)
    parts = tokenize(token, ":")
    if len(parts) != 2 or not parts[0] or not parts[1]:
        raise ParameterFormatError(f"Parsing model shape string: {whole}; range must have min and max")
    low, high = _stoi(parts[0]), _stoi(parts[1])
    if low < 0 or high < 0:
        raise ParameterFormatError(
            f"Parsing model shape string: {token}; range must be higher than or equal 0"
        )
    if low >= high:
        raise ParameterFormatError(f"Parsing model shape string: {token}; range max must be higher than min")
    return Dimension(low, high)
