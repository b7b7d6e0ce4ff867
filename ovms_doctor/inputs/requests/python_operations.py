"""Operators and methods of the values in a Python snippet, if this program supports them."""

from __future__ import annotations

import ast
import re
from typing import Any

from ovms_doctor.inputs.requests.python_values import (
    LONGEST_TEXT,
    MOST_ELEMENTS,
    Array,
    Instance,
    Unknown,
    array_of,
    bounded,
    dtype_of,
    encoded,
    is_undetermined,
    new_shape_of,
    transposed,
)
from ovms_doctor.model.client_request import NOT_KNOWN
from ovms_doctor.model.pattern import lazy_pattern

#: A field of a template with a width or precision above 999, or one that a value sets.
_WIDE_FIELD = lazy_pattern(r"\{[^{}]*(?:\d{4}|\{)|%(?:\([^)]*\))?[-+ #0]*(?:\d{4}|\*|\d*\.(?:\d{4}|\*))")
#: The largest powers of integers that are computed.
_LARGEST_EXPONENT, _MOST_BITS_OF_A_BASE = 64, 64


def array_operation(left: Any, right: Any, operation: ast.operator) -> Any:
    array = left if isinstance(left, Array) else right
    other = right if array is left else left
    if is_undetermined(other) or isinstance(other, list | tuple):
        other = array_of(other)
        if not isinstance(other, Array):
            return other
    dtype = array.dtype
    if not dtype or (isinstance(other, Array) and not other.dtype):
        return Array(_common_shape(array, other), "")
    divided = isinstance(operation, ast.Div) and dtype.startswith(("int", "uint", "bool"))
    if divided or (isinstance(other, float) and not dtype.startswith("float")):
        dtype = "float64"
    if isinstance(other, Array):
        dtype = "float64" if "float64" in (dtype, other.dtype) else dtype
    return Array(_common_shape(array, other), dtype)


def _common_shape(array: Array, other: Any) -> tuple[int, ...] | None:
    """Returns the shape of the result of an operator; `None` if it is unknown."""
    if not isinstance(other, Array):
        return array.shape
    if array.shape is None or other.shape is None:
        return None
    return _broadcast(array.shape, other.shape)


def _broadcast(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...] | None:
    """Returns the shape of the result for two arrays of these shapes; None if numpy refuses them."""
    rank = max(len(one), len(other))
    shape = []
    for left, right in zip((1,) * (rank - len(one)) + one, (1,) * (rank - len(other)) + other, strict=True):
        if left != right and 1 not in (left, right):
            return None
        shape.append(right if left == 1 else left)
    return tuple(shape)


def plain_operation(left: Any, right: Any, operation: ast.operator) -> Any:
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    try:
        if isinstance(operation, ast.Add) and (
            numbers or (type(left) is type(right) and _addable(left, right))
        ):
            return bounded(left + right)
        if isinstance(operation, ast.Mult):
            if numbers:
                return bounded(left * right)
            if isinstance(left, list | tuple | str | bytes) and isinstance(right, int):
                return left * right if len(left) * right <= MOST_ELEMENTS else Unknown("a long list")
        if isinstance(operation, ast.Add) and isinstance(left, str) != isinstance(right, str):
            texts = [item if isinstance(item, str) else NOT_KNOWN for item in (left, right)]
            both = is_undetermined(left) or is_undetermined(right)
            return "".join(texts) if both and sum(map(len, texts)) <= LONGEST_TEXT else Unknown("a text")
        if numbers and isinstance(operation, ast.Sub):
            return bounded(left - right)
        if isinstance(operation, ast.Pow) and isinstance(left, int) and isinstance(right, int):
            is_small = 0 <= right <= _LARGEST_EXPONENT and left.bit_length() <= _MOST_BITS_OF_A_BASE
            return bounded(left**right) if is_small else Unknown("a very large number")
        if numbers and isinstance(operation, ast.Div):
            return left / right
        if numbers and isinstance(operation, ast.FloorDiv):
            return bounded(left // right)
        if isinstance(operation, ast.Mod) and isinstance(left, str):
            values = right if isinstance(right, tuple) else (right,)
            simple = tuple(_as_simple(value) for value in values)
            return left % simple if _is_short(left, simple) else Unknown("a long text")
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return Unknown("an expression")
    return Unknown("an expression")


def _addable(left: Any, right: Any) -> bool:
    limit = LONGEST_TEXT if isinstance(left, str | bytes) else MOST_ELEMENTS
    return isinstance(left, str | bytes | list | tuple) and len(left) + len(right) <= limit


def _is_short(template: str, values: tuple[Any, ...]) -> bool:
    """Whether a template with these values makes a text short enough to build: no wide field, not too many large
    ones."""
    if _WIDE_FIELD.search(template.replace("{{", "")):
        return False
    longest = max((len(value) for value in values if isinstance(value, str)), default=0)
    fields = template.count("{") + template.count("%")
    return len(template) + fields * max(longest, 1000) <= LONGEST_TEXT


def array_method(array: Array, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    if name == "astype":
        return array.with_dtype(dtype_of(arguments[0] if arguments else keywords.get("dtype"), array.dtype))
    if name == "reshape":
        shape = new_shape_of(arguments[0] if len(arguments) == 1 else arguments)
        return Array(None, array.dtype) if shape is None else array.reshaped(shape)
    if name == "transpose":
        axes = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], list | tuple) else arguments
        return transposed(array, list(axes) or None)
    if name == "tolist":
        return array.to_list()
    if name in ("flatten", "ravel"):
        return array.reshaped([-1])
    if name == "squeeze" and array.shape is not None:
        return Array(tuple(size for size in array.shape if size != 1), array.dtype, array.data)
    if name in ("copy", "numpy", "cpu", "detach"):
        return array
    if name == "tobytes":
        return Instance("bytes of an array")
    return Unknown("an array's method")


def _as_simple(value: Any) -> str | int | float:
    """Returns a value of a template; the text of an unknown value for one that is not a text or a number."""
    return value if isinstance(value, str | int | float) else NOT_KNOWN


def text_method(text: str, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    if name == "encode":
        return encoded(text)
    if name == "format":
        simple = tuple(map(_as_simple, arguments))
        named = {key: _as_simple(value) for key, value in keywords.items()}
        if not _is_short(text, (*simple, *named.values())):
            return Unknown("a long text")
        try:
            return text.format(*simple, **named)
        except (IndexError, KeyError, ValueError, TypeError, AttributeError, OverflowError):
            return text
    if name == "join" and arguments and isinstance(arguments[0], list | tuple):
        parts = [item for item in arguments[0] if isinstance(item, str)]
        if sum(map(len, parts)) + len(text) * len(parts) > LONGEST_TEXT:
            return Unknown("a long text")
        return text.join(parts)
    if name in ("strip", "lower", "upper"):
        return getattr(text, name)()
    return Unknown("a text")


def dict_method(holder: dict[Any, Any], name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    if name == "update":
        if arguments and isinstance(arguments[0], dict):
            holder.update(arguments[0])
        holder.update(keywords)
        return None
    if name == "get" and arguments and isinstance(arguments[0], str | int):
        return holder.get(arguments[0], arguments[1] if len(arguments) > 1 else None)
    if name == "items":
        return list(holder.items())
    return (
        list(holder) if name == "keys" else list(holder.values()) if name == "values" else Unknown("a dict")
    )


def formatted(value: Any, conversion: str, spec: Any) -> str:
    """Returns the text of a value in an f-string; that of an unknown value if it cannot be determined."""
    if not isinstance(value, str | int | float) or not isinstance(spec, str) or re.search(r"\d{4}", spec):
        return NOT_KNOWN
    try:
        return format(repr(value) if conversion == "r" else value, spec)
    except ValueError:
        return NOT_KNOWN
