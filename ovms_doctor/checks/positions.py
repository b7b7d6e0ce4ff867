"""Positions in the configuration file (``config.json:3:14``) and in the arguments, for messages."""

from __future__ import annotations

from ovms_doctor.checks.context import Context
from ovms_doctor.model.config_positions import LineColumn
from ovms_doctor.model.findings import Evidence
from ovms_doctor.model.plan_problems import SkippedEntry


def argument_position(context: Context, option: str | None) -> str | None:
    """Returns the number of an option among the arguments, ``argument 5 (--port)``; None if it is not one of them."""
    arguments = context.deployment.arguments
    number = arguments.position(option) if arguments is not None and option else None
    return None if number is None else f"argument {number} ({option})"


def key_of(pointer: str) -> str:
    """Returns the last key of a JSON pointer, unescaped."""
    return pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")


def with_position(path: str, position: LineColumn | None) -> str:
    """Returns a path with line and column: ``config.json:3:14``."""
    return path if position is None else f"{path}:{position.line}:{position.column}"


def locate(context: Context, pointer: str) -> str:
    """Returns the path of the configuration file with the line and column of a JSON pointer."""
    return with_position(context.plan.config_path or "the configuration", context.position(pointer))


def config_evidence(context: Context, pointer: str, text: str) -> tuple[Evidence, ...]:
    """Returns ``text`` as evidence, with the line and column of a JSON pointer if they are known."""
    position = context.position(pointer)
    return (Evidence(f"{position}: {text}" if position else text, "read of the configuration"),)


def subconfig_evidence(entry: SkippedEntry, text: str) -> tuple[Evidence, ...]:
    """Returns ``text`` as evidence, with the JSON pointer of the entry: the positions that are known are those of the
    configuration file, not of a subconfig file."""
    return (Evidence(f"{entry.pointer}: {text}", "read of the configuration"),)
