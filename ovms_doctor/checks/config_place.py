"""Where in the configuration file something stands, for people: ``config.json:3:14``."""

from __future__ import annotations

from ovms_doctor.checks.context import Context


def place_text(context: Context, where: str | int | None) -> str | None:
    """Line and column of a JSON pointer or of a character's index; None where it cannot be told."""
    places = context.plan.places
    if places is None or where is None:
        return None
    place = places.of_character(where) if isinstance(where, int) else places.at(where)
    return None if place is None else str(place)


def argument(context: Context, option: str | None) -> str | None:
    """``argument 5 (--port)``: which word of the argument line an option is; None where it is none of them."""
    arguments = context.deployment.arguments
    place = arguments.position(option) if arguments is not None and option else None
    return None if place is None else f"argument {place} ({option})"


def key_of(pointer: str) -> str:
    """The last key of a JSON pointer, unescaped."""
    return pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")


def with_place(path: str, place: str | None) -> str:
    """``config.json:3:14`` from the path and ``line 3, column 14``."""
    if place is None:
        return path
    line, column = (part.rpartition(" ")[2] for part in place.split(","))
    return f"{path}:{line}:{column}"


def located(context: Context, pointer: str) -> str:
    """The configuration's path with the place that a pointer leads to."""
    return with_place(context.plan.config_path or "the configuration", place_text(context, pointer))
