"""The parser's parameters, made from the options that the records declare."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin

import typer

from ovms_doctor.cli.completion import completion_of
from ovms_doctor.cli.help import panel_of
from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.option import Option, options_of


def add_parameters(command: Callable[..., Any], *records: type[Any]) -> None:
    """Adds the parameters of the records' options that belong to a command."""
    parameters = [inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)]
    for record in records:
        for name, (hint, option) in options_of(record).items():
            if command.__name__ in option.commands:
                parameters.append(
                    _parameter(name, hint, option, panel_of(record, option.names), command.__name__)
                )
    command.__annotations__ = {item.name: item.annotation for item in parameters}
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]


def _parameter(name: str, hint: Any, option: Option, panel: str, command: str) -> inspect.Parameter:
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
    settings: dict[str, Any] = {"help": option.help, "show_default": False, "rich_help_panel": panel}
    completes = completion_of(option.names, option.metavar)
    if completes is not None:
        settings["autocompletion"] = completes
    if option.metavar:
        settings["metavar"] = option.metavar
    if option.parse is not None:
        settings["parser"] = _parser(option.parse, command)
    made = typer.Option(*option.names, **settings) if option.names else typer.Argument(**settings)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, made]
    )


def _parser(parse: Callable[[str], Any], command: str) -> Callable[[str], Any]:
    """Returns ``parse`` with errors that also name the help."""

    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except UsageError as error:
            raise UsageError(f"{error}. See ovms-doctor {command} --help") from None

    return parsed
