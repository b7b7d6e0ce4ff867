"""The command line: its commands and options, and the message for a usage mistake."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ovms_doctor.cli import options as opt
from ovms_doctor.cli.completion import complete_explained
from ovms_doctor.cli.exit_codes import EXIT_OK, EXIT_USAGE
from ovms_doctor.cli.help import PanelCommand
from ovms_doctor.cli.outcome import exit_code_of
from ovms_doctor.model.errors import UsageError

if TYPE_CHECKING:
    from typer.models import CommandInfo

app = typer.Typer(
    name="ovms-doctor",
    help="Predict what OpenVINO Model Server does with its models, and explain why.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
_SEPARATOR = "--"
#: Commands for which ``--`` only ends the options.
_WITHOUT_SERVER = ("diff", "explain", "logs", "status", "summary")
#: The server's own arguments, after ``--``. They are not passed to the parser, which has options of its own with the
#: same names.
_server_arguments: list[str] | None = None


def run(argv: Sequence[str]) -> int:
    """Runs the command line and returns the exit code. A usage mistake prints one line on standard error."""
    global _server_arguments
    words = list(argv)
    _server_arguments = None
    if _SEPARATOR in words and words[0] not in _WITHOUT_SERVER:
        cut = words.index(_SEPARATOR)
        words, _server_arguments = words[:cut], words[cut + 1 :]
    return exit_code_of(lambda: _parse_and_run(words), words)


def _parse_and_run(words: Sequence[str]) -> object:
    try:
        return command_for(words)(words, prog_name="ovms-doctor", standalone_mode=False)
    except typer.TyperException as error:
        from ovms_doctor.cli.usage_hints import usage_message

        parameters = getattr(getattr(getattr(error, "ctx", None), "command", None), "params", ())
        options = [name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)]
        commands = [_name_of(info) for info in app.registered_commands]
        named = [name for name in options if name.startswith("-")]
        raise UsageError(usage_message(error.format_message(), words, commands, named)) from error
    except typer.Abort:
        raise KeyboardInterrupt from None


def command_for(words: Sequence[str]) -> Callable[..., object]:
    """Returns the parser: of one command if the first argument names it, else of all. Building all commands takes
    longer than explaining a code."""
    named = [info for info in app.registered_commands if words and _name_of(info) == words[0]]
    parser = copy(app)
    parser.registered_commands = named or app.registered_commands
    # The options that install the completion belong to the program; the shell runs it without a command.
    parser._add_completion = not named
    if names_shell(words):
        # Typer's own switch: the options for the completion then take the shell's name. Otherwise typer searches the
        # parent processes for a shell and finds the `sh` of a script.
        os.environ["_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"] = "1"
    for info in parser.registered_commands:
        records = _records(_name_of(info))
        if info.callback is not None and records:
            from ovms_doctor.cli.parameters import add_parameters

            add_parameters(info.callback, *records)
    return typer.main.get_command(parser)


def names_shell(words: Sequence[str]) -> bool:
    """Whether the arguments are an option for the completion, followed by a shell's name."""
    option, equals, _ = words[0].partition("=") if words else ("", "", "")
    return option in ("--install-completion", "--show-completion") and (bool(equals) or len(words) > 1)


def _name_of(info: CommandInfo) -> str:
    return info.name or (info.callback.__name__ if info.callback else "")


def _records(command: str) -> tuple[type[Any], ...]:
    """Returns the records whose fields are the options of a command; none if the command has parameters of its own."""
    if command in ("explain", "checks", "schema"):
        return ()
    if command in ("diff", "summary"):
        from ovms_doctor.cli.compare_options import CompareOptions

        return (CompareOptions,)
    from ovms_doctor.model.options import CheckOptions
    from ovms_doctor.model.output_options import OutputOptions

    if command in ("check", "collect"):
        return CheckOptions, OutputOptions
    if command == "request":
        from ovms_doctor.cli.request_options import RequestOptions

        return RequestOptions, CheckOptions, OutputOptions
    if command == "logs":
        from ovms_doctor.cli.log_options import LogOptions

        return LogOptions, OutputOptions
    from ovms_doctor.cli.status_options import StatusOptions

    return StatusOptions, OutputOptions


def _configured(context: typer.Context) -> Mapping[str, Any]:
    """Returns the typed options of a command, with the defaults of the project's configuration."""
    from ovms_doctor.cli.configuration import with_configuration

    return with_configuration(context.params, _records(context.command.name or ""))


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        from ovms_doctor import __version__

        print(f"ovms-doctor {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(EXIT_USAGE)


@app.command(cls=PanelCommand)
def check(context: typer.Context, **_: object) -> int:
    """Predict what the server will do with TARGET... (or with its own arguments, after --), and why."""
    from ovms_doctor.cli.check import run_check
    from ovms_doctor.cli.check_options import options_from
    from ovms_doctor.cli.parsed import output_options

    parsed = _configured(context)
    return run_check(options_from(parsed, _server_arguments), output_options(parsed))


@app.command(cls=PanelCommand)
def collect(context: typer.Context, **_: object) -> int:
    """Collect the facts that check uses, and save them for `check --facts` on any host."""
    from ovms_doctor.cli.check import run_collect
    from ovms_doctor.cli.check_options import options_from
    from ovms_doctor.cli.parsed import output_options

    parsed = _configured(context)
    return run_collect(options_from(parsed, _server_arguments), output_options(parsed))


@app.command(cls=PanelCommand)
def request(context: typer.Context, **_: object) -> int:
    """Check whether a client's request fits the served model, and show what the server answers."""
    from ovms_doctor.cli.check_options import options_from
    from ovms_doctor.cli.parsed import output_options, values_of
    from ovms_doctor.cli.request import run_request
    from ovms_doctor.cli.request_options import RequestOptions

    configured = _configured(context)
    request_options = RequestOptions(**values_of(RequestOptions, configured))
    parsed = {**configured, "targets": request_options.models}
    options = options_from(parsed, _server_arguments, optional=True)
    return run_request(options, request_options, output_options(configured))


@app.command(cls=PanelCommand)
def logs(context: typer.Context, **_: object) -> int:
    """Analyse a server's log: causes, states of servables, requests."""
    from ovms_doctor.cli.log_options import LogOptions
    from ovms_doctor.cli.logs import run_logs
    from ovms_doctor.cli.parsed import output_options, values_of

    parsed = _configured(context)
    return run_logs(LogOptions(**values_of(LogOptions, parsed)), output_options(parsed))


@app.command(cls=PanelCommand)
def status(context: typer.Context, **_: object) -> int:
    """Show what a running server serves, and why a client cannot reach it."""
    from ovms_doctor.cli.parsed import output_options, values_of
    from ovms_doctor.cli.status import run_status
    from ovms_doctor.cli.status_options import StatusOptions

    parsed = _configured(context)
    return run_status(StatusOptions(**values_of(StatusOptions, parsed)), output_options(parsed))


@app.command(cls=PanelCommand)
def diff(context: typer.Context, **_: object) -> int:
    """Compare two reports (or facts), OLD and NEW: new, remaining and fixed findings."""
    from ovms_doctor.cli.compare import run_diff
    from ovms_doctor.cli.compare_options import CompareOptions
    from ovms_doctor.cli.parsed import values_of

    return run_diff(CompareOptions(**values_of(CompareOptions, context.params)))


@app.command(cls=PanelCommand)
def summary(context: typer.Context, **_: object) -> int:
    """Summarise many reports (or facts): each finding, on how many hosts and models."""
    from ovms_doctor.cli.compare import run_summary
    from ovms_doctor.cli.compare_options import CompareOptions
    from ovms_doctor.cli.parsed import values_of

    return run_summary(CompareOptions(**values_of(CompareOptions, context.params)))


@app.command(cls=PanelCommand)
def explain(
    texts: Annotated[
        list[str],
        typer.Argument(
            metavar="CODE|LINE|-",
            help="A code, or a line from the server's log; - for standard input.",
            autocompletion=complete_explained,
        ),
    ],
    format_: opt.Format = opt.OutputFormat.text,
    no_color: Annotated[bool, typer.Option("--no-color", help="Use no colours.")] = False,
) -> int:
    """Explain a code, or a line from the server's log."""
    from ovms_doctor.cli.explain import run_explain

    return run_explain(" ".join(texts), format_.value, no_color=no_color)


@app.command(cls=PanelCommand)
def checks(
    format_: opt.Format = opt.OutputFormat.text,
    no_color: Annotated[bool, typer.Option("--no-color", help="Use no colours.")] = False,
) -> int:
    """List the checks and their codes."""
    from ovms_doctor.cli.explain import run_list

    return run_list(format_.value, no_color=no_color)


@app.command(cls=PanelCommand)
def schema(
    which: Annotated[
        opt.SchemaName,
        typer.Argument(
            metavar="DOCUMENT",
            help="report, facts, config, baseline, diff, summary or receipt.",
            show_default=False,
        ),
    ] = opt.SchemaName.report,
) -> int:
    """Print the JSON Schema of a document that ovms-doctor reads or writes."""
    import json

    from ovms_doctor.cli.baseline import FORMAT, Baseline
    from ovms_doctor.cli.configuration_schema import configuration_schema
    from ovms_doctor.report import schema as schemas

    makers = {
        opt.SchemaName.report: schemas.report_schema,
        opt.SchemaName.facts: schemas.facts_schema,
        opt.SchemaName.config: configuration_schema,
        opt.SchemaName.baseline: lambda: schemas.schema_of(Baseline, "baseline", FORMAT),
        opt.SchemaName.diff: schemas.diff_schema,
        opt.SchemaName.summary: schemas.summary_schema,
        opt.SchemaName.receipt: schemas.receipt_schema,
    }
    print(json.dumps(makers[which](), indent=2))
    return EXIT_OK
