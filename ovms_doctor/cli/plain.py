"""Runs a plain command line without the parser, whose import and setup take a quarter of a run.

A command line is plain if it has no help option, no mistake, and nothing abbreviated or joined. The parser handles
all other command lines, as if this module did not exist; both read the same records of options.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, get_origin

from ovms_doctor.cli.completion import VARIABLE
from ovms_doctor.cli.outcome import exit_code_of
from ovms_doctor.cli.receipt import with_value
from ovms_doctor.model.errors import UsageError

_SEPARATOR = "--"


def run(argv: Sequence[str]) -> int:
    """Runs the command line and returns the exit code. A usage mistake prints one line on standard error."""
    try:
        typed = with_value(argv)
    except UsageError as error:
        return exit_code_of(_refusing(error), argv)
    command = None if VARIABLE in os.environ else _plain_command(typed)
    if command is None:
        from ovms_doctor.cli.app import run

        return run(typed)
    cut = typed.index(_SEPARATOR) if _SEPARATOR in typed else len(typed)
    return exit_code_of(command, typed[:cut])


def _refusing(error: UsageError) -> Callable[[], object]:
    def command() -> object:
        raise error

    return command


def _plain_command(typed: list[str]) -> Callable[[], int] | None:
    name, rest = "".join(typed[:1]), typed[1:]
    if name in ("check", "collect"):
        return _check_command(name, rest)
    if name == "logs":
        return _logs(rest)
    if name == "explain" and rest and not any(word.startswith("-") for word in rest):
        from ovms_doctor.cli.explain import run_explain

        return lambda: run_explain(" ".join(rest), "text", no_color=False)
    return None


def _check_command(name: str, typed: list[str]) -> Callable[[], int] | None:
    from ovms_doctor.model.options import CheckOptions
    from ovms_doctor.model.output_options import OutputOptions

    cut = typed.index(_SEPARATOR) if _SEPARATOR in typed else len(typed)
    parsed = read_plain(name, typed[:cut], (CheckOptions, OutputOptions))
    if parsed is None:
        return None
    arguments = typed[cut + 1 :] if cut < len(typed) else None

    def command() -> int:
        from ovms_doctor.cli.check import run_check, run_collect
        from ovms_doctor.cli.check_options import options_from
        from ovms_doctor.cli.configuration import with_configuration
        from ovms_doctor.cli.parsed import output_options

        run_command = run_check if name == "check" else run_collect
        configured = with_configuration(parsed, (CheckOptions, OutputOptions))
        return run_command(options_from(configured, arguments), output_options(configured))

    return command


def _logs(typed: list[str]) -> Callable[[], int] | None:
    from ovms_doctor.cli.log_options import LogOptions
    from ovms_doctor.model.output_options import OutputOptions

    parsed = None if _SEPARATOR in typed else read_plain("logs", typed, (LogOptions, OutputOptions))
    if parsed is None:
        return None

    def command() -> int:
        from ovms_doctor.cli.configuration import with_configuration
        from ovms_doctor.cli.logs import run_logs
        from ovms_doctor.cli.parsed import output_options, values_of

        configured = with_configuration(parsed, (LogOptions, OutputOptions))
        return run_logs(LogOptions(**values_of(LogOptions, configured)), output_options(configured))

    return command


def read_plain(command: str, typed: Sequence[str], records: Sequence[type[Any]]) -> dict[str, Any] | None:
    """Returns the values of the options of ``records`` that ``command`` has, by field, as the parser returns them; None
    if the command line is not plain."""
    from ovms_doctor.model.option import options_of
    from ovms_doctor.model.option_values import read_value

    options = {
        field: (hint, option)
        for record in records
        for field, (hint, option) in options_of(record).items()
        if command in option.commands
    }
    named = {name: field for field, (_, option) in options.items() for name in option.names}
    (positional,) = (field for field, (_, option) in options.items() if not option.names)
    values: dict[str, Any] = {field: False if hint is bool else None for field, (hint, _) in options.items()}
    rest = iter(typed)
    for word in rest:
        name, equals, text = word.partition("=") if word.startswith("--") else (word, "", "")
        if word[:1] != "-" or word == "-":
            field, text = positional, word
        elif name not in named:
            return None
        else:
            field = named[name]
            if options[field][0] is bool:
                if equals:
                    return None
                values[field] = True
                continue
            if not equals:
                text = next(rest, "--")
                # An argument that begins like an option may be a mistake; - alone is standard input or output.
                if text.startswith("-") and text != "-":
                    return None
        hint, option = options[field]
        try:
            value = read_value(text, hint, option, name)
        except (UsageError, ValueError):
            return None
        if get_origin(hint) is tuple:
            values[field] = [*(values[field] or ()), value]
        else:
            values[field] = value
    return values
