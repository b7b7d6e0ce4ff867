"""Positions in the configuration file (``config.json:3:14``) and in the arguments, for messages."""

from __future__ import annotations

from ovms_doctor.checks.context import Context
from ovms_doctor.model.findings import Evidence


def line_and_column(context: Context, at: str | int | None) -> str | None:
    """``line 3, column 14`` of a JSON pointer or of a character's index; None where it is not known."""
    places = context.plan.places
    if places is None or at is None:
        return None
    position = places.of_character(at) if isinstance(at, int) else places.at(at)
    return None if position is None else str(position)


def argument_position(context: Context, option: str | None) -> str | None:
    """``argument 5 (--port)``: the number of an option among the arguments; None where it is not one of them."""
    arguments = context.deployment.arguments
    number = arguments.position(option) if arguments is not None and option else None
    return None if number is None else f"argument {number} ({option})"


def key_of(pointer: str) -> str:
    """The last key of a JSON pointer, unescaped."""
    return pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")


def with_position(path: str, position: str | None) -> str:
    """``config.json:3:14`` from the path and ``line 3, column 14``."""
    if position is None:
        return path
    line, column = (part.rpartition(" ")[2] for part in position.split(","))
    return f"{path}:{line}:{column}"


def locate(context: Context, pointer: str) -> str:
    """The path of the configuration file with the line and column of a JSON pointer."""
    return with_position(context.plan.config_path or "the configuration", line_and_column(context, pointer))


def config_evidence(context: Context, pointer: str, text: str) -> tuple[Evidence, ...]:
    """``text`` as evidence, with the line and column of a JSON pointer where they are known."""
    position = line_and_column(context, pointer)
    return (Evidence(f"{position}: {text}" if position else text, "read of the configuration"),)
