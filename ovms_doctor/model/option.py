"""How an option is written on the command line, and the options of a record."""

from collections.abc import Callable
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints


class Option(NamedTuple):
    """How an option is written on the command line."""

    #: Its names, with dashes; none for the positional argument.
    names: tuple[str, ...]
    #: One sentence for ``--help``.
    help: str
    #: The placeholder of its value in ``--help``; empty for a switch or if the type determines it.
    metavar: str = ""
    #: Converts the text to the value; None if the value is the text. Raises UsageError.
    parse: Callable[[str], Any] | None = None
    #: The commands that have it.
    commands: tuple[str, ...] = ("check", "collect", "request")
    #: Whether the option can be used with ``--facts``: it did not influence the collected facts.
    beside_facts: bool = False
    #: Whether the value is written into files; False if its content is written instead, or if it may contain secrets.
    saved: bool = True


_options: dict[type[Any], dict[str, tuple[Any, Option]]] = {}


def options_of(record: type[Any]) -> dict[str, tuple[Any, Option]]:
    """Returns type and option of each field of a record that is an option."""
    known = _options.get(record)
    if known is None:
        hints: dict[str, Any] = record.__annotations__
        if any(isinstance(hint, str) for hint in hints.values()):
            hints = get_type_hints(record, include_extras=True)
        known = _options[record] = {
            name: (hint.__origin__, hint.__metadata__[0])
            for name, hint in hints.items()
            if hasattr(hint, "__metadata__")
        }
    return known


def allowed_texts(hint: Any) -> tuple[str, ...]:
    """Returns the texts that a ``Literal``, or a union with one, allows; empty for any text."""
    parts = get_args(hint)
    if get_origin(hint) is tuple or not parts:
        return ()
    if all(isinstance(part, str) for part in parts):
        return parts
    return tuple(text for part in parts for text in allowed_texts(part))
