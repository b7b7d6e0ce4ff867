"""Mean, scale, colour format and precision (modelconfig.cpp and others, since v2026.0; command line only)."""

from __future__ import annotations

import math
import struct

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.prediction.parameters.shapes import ParameterFormatError, tokenize, without_spaces

COLOR_FORMATS = ("RGB", "BGR", "GRAY", "NV12", "NV12_2", "I420", "I420_3")
PRECISIONS = tuple(
    "BF16 FP64 FP32 FP16 INT64 INT32 INT16 INT8 INT4 UINT64 UINT32 UINT16 UINT8 UINT4 UINT1".split()
)
_FLOAT = lazy_pattern(
    r"[+-]?(0X([0-9A-F]+\.?[0-9A-F]*|\.[0-9A-F]+)(P[+-]?[0-9]+)?|([0-9]+\.?[0-9]*|\.[0-9]+)(E[+-]?[0-9]+)?)"
)


def parse_numbers(text: str) -> float | tuple[float, ...]:
    """Applies ``parseFloatArrayOrValue``: a number, or a list in ``[]`` or ``()``. Raises ParameterFormatError."""
    copy = without_spaces(text).upper()
    if (copy[:1], copy[-1:]) in (("[", "]"), ("(", ")")):
        return tuple(_float(part) for part in tokenize(copy[1:-1], ","))
    return _float(copy)


def _float(text: str) -> float:
    """Applies ``std::stof`` to the whole text: infinity and values outside of a float's range are refused."""
    match = _FLOAT.fullmatch(text)
    if match is None:
        raise ParameterFormatError
    try:
        value = float.fromhex(text) if "X" in text else float(text)
        packed = struct.unpack("f", struct.pack("f", value))[0]
    except (ValueError, OverflowError):
        raise ParameterFormatError from None
    # Smaller than the smallest normal number counts as out of range.
    if math.isinf(packed) or (value != 0 and abs(value) < 2.0**-126):
        raise ParameterFormatError
    return value


def parse_pair(text: str, allowed: tuple[str, ...], kind: str) -> tuple[str, str]:
    """Returns the two parts of ``TARGET:SOURCE``, in any case. ``kind``: the server's name for it. Raises
    ParameterFormatError."""
    target, colon, source = text.upper().partition(":")
    if not colon or target not in allowed or source not in allowed:
        raise ParameterFormatError(f"Invalid {kind} configuration string: {text}")
    return target, source
