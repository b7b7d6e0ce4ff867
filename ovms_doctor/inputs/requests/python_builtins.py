"""Python's own functions in a snippet, if this program supports them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ovms_doctor.inputs.requests.python_arguments import OPTIONS
from ovms_doctor.inputs.requests.python_definitions import OWN
from ovms_doctor.inputs.requests.python_http import plain
from ovms_doctor.inputs.requests.python_values import MOST_ELEMENTS, Array, Instance, Unknown, bounded, named


def items_of(value: Any) -> Sequence[Any] | None:
    """Returns the items of a loop over a value; `None` if they are unknown."""
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, dict):
        return list(value)
    if isinstance(value, str) and len(value) <= MOST_ELEMENTS:
        return list(value)
    if isinstance(value, Array) and value.shape and value.shape[0] <= MOST_ELEMENTS // 10:
        return [Array(value.shape[1:], value.dtype)] * value.shape[0]
    return None


def builtin_call(name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """Returns the result of a call of a function that is built into Python; for another function, an object of which
    only the name is known."""
    first = arguments[0] if arguments else None
    if name == "range":
        return _range(arguments)
    if name == "str" and isinstance(first, dict | list | tuple):
        return str(plain(first))
    if name in ("list", "tuple", "sorted", "reversed") and arguments:
        items = items_of(first)
        return Unknown("a list") if items is None else list(items)
    if name in ("list", "tuple"):
        return []
    if name == "len" and isinstance(first, str | list | tuple | dict | bytes):
        return len(first)
    if name in ("str", "int", "float", "bool") and isinstance(first, str | int | float):
        try:
            return bounded({"str": str, "int": int, "float": float, "bool": bool}[name](first))
        except (ValueError, OverflowError):
            return Unknown("a number")
    if name == "bytes":
        return bytes(first) if isinstance(first, int) and 0 <= first <= MOST_ELEMENTS else first
    if name == "dict":
        return _made_dict(arguments, keywords)
    if name in ("vars", "dataclasses.asdict") and isinstance(first, Instance):
        is_known = first.kind == OPTIONS or first.kind.startswith(OWN)
        return dict(first.attributes) if is_known else Unknown("the fields of an object")
    if name in ("open", "pathlib.Path", "Path"):
        return Instance("file")
    return named(name) if name else Unknown("a call")


def _range(arguments: list[Any]) -> Any:
    numbers = [item for item in arguments if isinstance(item, int)]
    if len(numbers) != len(arguments) or not 1 <= len(numbers) <= 3 or 0 in numbers[2:]:
        return Unknown("a range")
    found = range(*numbers)
    return list(found) if len(found[: MOST_ELEMENTS + 1]) <= MOST_ELEMENTS else Unknown("a long range")


def _made_dict(arguments: list[Any], keywords: dict[str, Any]) -> Any:
    if not arguments:
        return dict(keywords)
    return {**arguments[0], **keywords} if isinstance(arguments[0], dict) else Unknown("a dict")


#: Functions and methods that call the function among their arguments.
CALLERS = (
    "map", "imap", "imap_unordered", "map_async", "submit", "run_in_executor", "to_thread", "apply", "apply_async",
    "Thread", "Process", "Timer", "run_sync",
)  # fmt: skip


def called_by(
    name: str, arguments: list[Any], keywords: dict[str, Any]
) -> tuple[Instance, list[Any], dict[str, Any]] | None:
    """Returns the function that one of CALLERS calls, and its arguments; `None` if there is none."""
    if name in ("Thread", "Process"):
        function, rest = keywords.get("target"), list(items_of(keywords.get("args", ())) or ())
        named_arguments = keywords.get("kwargs", {})
    else:
        at = next((at for at, item in enumerate(arguments[:2]) if isinstance(item, Instance)), len(arguments))
        function, rest = (arguments[at], arguments[at + 1 :]) if at < len(arguments) else (None, [])
        named_arguments = keywords if name in ("submit", "to_thread") else {}
    if name in ("apply", "apply_async", "Timer"):
        rest = list(items_of(keywords.get("args", rest[0] if rest else ())) or ())
    elif "map" in name:
        items = [items_of(item) for item in rest]
        rest = [item[0] if item else Unknown("an item") for item in items]
    if not isinstance(function, Instance) or not isinstance(named_arguments, dict):
        return None
    return function, rest, named_arguments
