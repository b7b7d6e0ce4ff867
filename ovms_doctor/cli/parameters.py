"""The parser's parameters, made of the options that the records declare."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args, get_origin

import typer
from msgspec.structs import fields

from ovms_doctor.model.option_values import patterns
from ovms_doctor.model.options import Option, OutputOptions, options_of


def add_parameters(command: Callable[..., Any], *records: type[Any]) -> None:
    """Gives a command the parameters of the records' options that are its own."""
    parameters = [inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)]
    for record in records:
        for name, (hint, option) in options_of(record).items():
            if command.__name__ in option.commands:
                parameters.append(_parameter(name, hint, option))
    command.__annotations__ = {item.name: item.annotation for item in parameters}
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]


def values_of(record: type[Any], parsed: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a record's options that were typed, by field."""
    many = {item.name for item in fields(record) if item.default == () and item.name in parsed}
    given = {
        name: value
        for name, value in parsed.items()
        if name in options_of(record) and value not in (None, False)
    }
    return {
        name: tuple(value) if name in many else value
        for name, value in given.items()
        if name not in many or value
    }


def output_options(parsed: Mapping[str, Any]) -> OutputOptions:
    """What was typed about the report."""
    values = values_of(OutputOptions, parsed)
    for name in ("select", "ignore"):
        values[name] = patterns(values.get(name, ()))
    return OutputOptions(**values)


def _parameter(name: str, hint: Any, option: Option) -> inspect.Parameter:
    several = get_origin(hint) is tuple
    kind: Any
    default: Any = None
    if hint is bool:
        kind, default = bool, False
    elif several:
        kind = list[str] | None
    elif option.parse is not None:
        kind = str | None
    else:
        # A value of the record is a text, or one of a few texts.
        kind = hint if type(None) in get_args(hint) else hint | None
    settings: dict[str, Any] = {"help": option.help, "show_default": False}
    if option.metavar:
        settings["metavar"] = option.metavar
    if option.parse is not None:
        settings["parser"] = option.parse
    made = typer.Option(*option.names, **settings) if option.names else typer.Argument(**settings)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, made]
    )
