"""Values of JSON and YAML documents whose types are not checked: a value of another type counts as absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LARGEST = 2**63 - 1


def table(value: Any, *keys: str) -> dict[str, Any]:
    """Returns the object below ``keys``; empty for another value."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def items(value: Any, key: str) -> list[Any]:
    """Returns the list ``value[key]``; empty for another value."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, list) else []


def objects(value: Any, key: str) -> list[dict[str, Any]]:
    """Returns the objects in the list ``value[key]``; leaves out other items."""
    return [item for item in items(value, key) if isinstance(item, dict)]


def strings(value: Any, key: str) -> list[str]:
    """Returns the texts in the list ``value[key]``; a single text is a list of one."""
    text = string(value, key)
    return [text] if text else [item for item in items(value, key) if isinstance(item, str)]


def string(value: Any, key: str) -> str:
    """Returns the text ``value[key]``; empty for another value, or one with a NUL, which no path or name can
    have."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) and "\0" not in found else ""


def number(value: Any, key: str) -> int | None:
    """Returns the whole number ``value[key]`` of at most 64 bits; None for another value."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if type(found) is int and abs(found) <= _LARGEST else None


def whole(value: Any, key: str) -> int | None:
    """Returns the number ``value[key]``; None for another value, or one below zero."""
    found = number(value, key)
    return found if found is not None and found >= 0 else None


def positive(value: Any, key: str) -> int | None:
    """Returns the number ``value[key]``; None for another value, or one not above zero."""
    found = number(value, key)
    return found if found is not None and found > 0 else None
