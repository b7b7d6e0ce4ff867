"""Which fields of a data type contain texts."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin, get_type_hints

from msgspec import Struct

_fields: dict[type, tuple[str, ...]] = {}


def fields_with_text(kind: type[Struct]) -> tuple[str, ...]:
    """Returns the fields that can contain a text or bytes, directly or in a part; without fields that allow only a
    few texts."""
    known = _fields.get(kind)
    if known is None:
        hints = get_type_hints(kind)
        known = tuple(name for name in kind.__struct_fields__ if _holds(hints[name], parts=True))
        _fields[kind] = known
    return known


def own_texts(kind: type[Struct]) -> tuple[str, ...]:
    """Returns the fields that can directly contain a text or bytes, not in another data type."""
    hints = get_type_hints(kind)
    return tuple(name for name in kind.__struct_fields__ if _holds(hints[name], parts=False))


def data_types(kind: Any) -> set[type[Struct]]:
    """Returns the data types of a type: itself, and those of its fields."""
    found: set[type[Struct]] = set()
    waiting = [kind]
    while waiting:
        item = waiting.pop()
        if isinstance(item, type) and issubclass(item, Struct):
            if item not in found:
                found.add(item)
                waiting.extend(get_type_hints(item).values())
        elif get_origin(item) is not Literal:
            waiting.extend(get_args(item))
    return found


def _holds(hint: Any, *, parts: bool) -> bool:
    if hint in (str, bytes) or hint is Any:
        return True
    if isinstance(hint, type) and issubclass(hint, Struct):
        return parts and hint is not Struct
    return get_origin(hint) is not Literal and any(_holds(item, parts=parts) for item in get_args(hint))
