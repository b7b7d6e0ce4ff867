"""Objects of which the server reads every member, including equal keys.

``FindMember`` finds the first of equal keys. If the server iterates over an object and puts its members into a map
(shape, layout, plugin_config), the last one overwrites those before it, if it is valid.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

#: The levels that the server reads: plugin_config, its DEVICE_PROPERTIES, a device, a property.
_DEPTH = 4


class Members(dict[str, Any]):
    """An object with equal keys in it; ``pairs``: all of its members, in the order of the text."""

    def __init__(self, content: dict[str, Any], pairs: Iterable[tuple[str, Any]]) -> None:
        super().__init__(content)
        self.pairs = tuple(pairs)


def last_of_equals(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Returns an object that contains the last of equal keys, and keeps the others in ``pairs``."""
    kept = tuple(pairs)
    content = dict(kept)
    return content if len(content) == len(kept) else Members(content, kept)


def pairs_of(value: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Returns all members of an object, including equal keys, in the order of the text."""
    return value.pairs if isinstance(value, Members) else tuple(value.items())


def as_text(value: Any, depth: int = _DEPTH) -> str:
    """Returns ``value`` as JSON, with equal keys at the levels that the server reads; below, as the object has them."""
    if not isinstance(value, dict) or not depth:
        return json.dumps(value)
    parts = (f"{json.dumps(key)}: {as_text(item, depth - 1)}" for key, item in pairs_of(value))
    return "{" + ", ".join(parts) + "}"


def parse_json(text: str, **options: Any) -> Any:
    """Returns a text as RapidJSON reads it, with :func:`last_of_equals`; ``options`` are those of
    ``rapidjson.Decoder``.

    Raises ValueError, RecursionError.
    """
    import rapidjson

    class Reader(rapidjson.Decoder):
        def start_object(self) -> list[tuple[str, Any]]:
            return []

        def end_object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            return last_of_equals(pairs)

    return Reader(**options)(text)
