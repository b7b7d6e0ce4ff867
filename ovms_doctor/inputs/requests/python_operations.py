"""Operators and methods of the values in a Python snippet, as far as they are followed."""

from __future__ import annotations

import ast
from typing import Any

from ovms_doctor.inputs.requests.python_values import (
    MOST_ELEMENTS,
    Array,
    Instance,
    Unknown,
    dtype_of,
    transposed,
)


def array_operation(left: Any, right: Any, operation: ast.operator) -> Any:
    array = left if isinstance(left, Array) else right
    other = right if array is left else left
    dtype = array.dtype
    divided = isinstance(operation, ast.Div) and dtype.startswith(("int", "uint", "bool"))
    if divided or (isinstance(other, float) and not dtype.startswith("float")):
        dtype = "float64"
    shape = array.shape
    if isinstance(other, Array) and shape is not None and other.shape is not None:
        shape = _broadcast(shape, other.shape)
        dtype = "float64" if "float64" in (dtype, other.dtype) else dtype
    return Array(shape, dtype)


def _broadcast(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...] | None:
    """Returns the shape of the result for two arrays of these shapes; None where numpy refuses them."""
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
        if isinstance(operation, ast.Add) and (numbers or type(left) is type(right)):
            return left + right
        if isinstance(operation, ast.Mult):
            if numbers:
                return left * right
            if isinstance(left, list | tuple | str | bytes) and isinstance(right, int):
                return left * right if len(left) * right <= MOST_ELEMENTS else Unknown("a long list")
        if numbers and isinstance(operation, ast.Sub):
            return left - right
        if numbers and isinstance(operation, ast.Div):
            return left / right
        if numbers and isinstance(operation, ast.FloorDiv):
            return left // right
        if isinstance(operation, ast.Mod) and isinstance(left, str):
            return left % right
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return Unknown("an expression")
    return Unknown("an expression")


def array_method(array: Array, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    if name == "astype":
        return array.with_dtype(dtype_of(arguments[0] if arguments else keywords.get("dtype"), array.dtype))
    if name == "reshape":
        shape = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], list | tuple) else arguments
        return (
            array.reshaped(shape)
            if all(isinstance(item, int) for item in shape)
            else Array(None, array.dtype)
        )
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
        return Instance("bytes of an array", array=array)
    return Unknown("an array's method")


def text_method(text: str, name: str, arguments: list[Any]) -> Any:
    if name == "encode":
        return text.encode("utf-8", "surrogateescape")
    if name == "format":
        try:
            return text.format(*(item if isinstance(item, str | int | float) else "…" for item in arguments))
        except (IndexError, KeyError, ValueError):
            return text
    if name == "join" and arguments and isinstance(arguments[0], list | tuple):
        return text.join(str(item) for item in arguments[0] if isinstance(item, str))
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
