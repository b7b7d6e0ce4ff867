"""The command line: its commands and options, and what becomes of a usage mistake."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from copy import copy
from typing import TYPE_CHECKING, Annotated

import typer

from ovms_doctor.cli import interrupted
from ovms_doctor.cli import options as opt
from ovms_doctor.model.errors import UsageError
from ovms_doctor.probes import interrupts

if TYPE_CHECKING:
    from typer.models import CommandInfo

app = typer.Typer(
    name="ovms-doctor",
    help="Says what OpenVINO Model Server will do with a model repository, and why.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
_SEPARATOR = "--"
#: The server's own words, behind ``--``: kept from the parser, which has its own options by those names.
_server_words: list[str] | None = None


def run(argv: Sequence[str]) -> int:
    """Run the command line; returns the exit code. A usage mistake is one line on standard error."""
    global _server_words
    words = list(argv)
    _server_words = None
    if _SEPARATOR in words:
        cut = words.index(_SEPARATOR)
        words, _server_words = words[:cut], words[cut + 1 :]
    try:
        result = _command(words)(words, prog_name="ovms-doctor", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except typer.TyperException as error:
        return _usage(error.format_message())
    except UsageError as error:
        return _usage(str(error))
    except (KeyboardInterrupt, typer.Abort):
        interrupted.say()
        return opt.EXIT_INTERRUPTED
    except BrokenPipeError:
        if interrupts.requested():
            # The signal went to the children too, and one was gone before it was told what to do.
            interrupted.say()
            return opt.EXIT_INTERRUPTED
        # The reader has gone; there is nobody left to tell.
        sys.stderr.close()
        return opt.EXIT_OK
    except Exception as error:  # noqa: BLE001 - ours, or a broken installation: no traceback, no finding's code
        return _broken(error)


def _command(words: Sequence[str]) -> Callable[..., object]:
    """The parser. Of a command that is named first, the only one that can be meant, not those beside it: to
    build them takes longer than to explain a code."""
    named = [info for info in app.registered_commands if words and _name_of(info) == words[0]]
    parser = copy(app)
    parser.registered_commands = named or app.registered_commands
    return typer.main.get_command(parser)


def _name_of(info: CommandInfo) -> str:
    return info.name or (info.callback.__name__ if info.callback else "")


def _broken(error: Exception) -> int:
    print(f"ovms-doctor: could not go on: {type(error).__name__}: {error!s:.500}", file=sys.stderr)
    return opt.EXIT_INCOMPLETE


def _usage(text: str) -> int:
    from ovms_doctor.model.display_text import visible

    print(f"ovms-doctor: {visible(text)}", file=sys.stderr)
    return opt.EXIT_USAGE


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
        raise typer.Exit(opt.EXIT_USAGE)


@app.command()
def check(
    context: typer.Context,
    targets: opt.Targets = None,
    container: opt.ContainerOption = None,
    inspect: opt.Inspect = None,
    docker_run: opt.DockerRun = None,
    compose: opt.Compose = None,
    kubernetes: opt.Kubernetes = None,
    kernel_log: opt.KernelLog = None,
    as_: opt.As = None,
    ovms_version: opt.OvmsVersion = None,
    user: opt.UserOption = None,
    bare_metal: opt.BareMetal = False,
    mount: opt.MountOption = None,
    env: opt.Env = None,
    env_file: opt.EnvFile = None,
    env_from_process: opt.EnvFromProcess = False,
    model_version_policy: opt.Policy = None,
    cache_dir: opt.CacheDir = None,
    cpu_extension: opt.CpuExtension = None,
    target_device: opt.TargetDevice = None,
    memory: opt.Memory = None,
    probe_write: opt.ProbeWrite = False,
    load: opt.Load = opt.LoadLevel.read,
    download_limit: opt.DownloadLimit = None,
    timeout: opt.Timeout = 10.0,
    jobs: opt.Jobs = None,
    check_timeout: opt.CheckTimeout = 10.0,
    no_plugins: opt.NoPlugins = False,
    facts: Annotated[
        str | None, typer.Option("--facts", metavar="FILE", help="Recorded facts instead of looking.")
    ] = None,
    select: opt.Select = None,
    ignore: opt.Ignore = None,
    format_: opt.Format = opt.OutputFormat.text,
    output: opt.Output = None,
    fail_on: opt.FailOnOption = opt.FailOn.error,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit 0 whatever was found.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="The verdict only.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Everything, nothing shortened.")] = False,
) -> int:
    """Say what the server will do with TARGET... (or with its own arguments, behind --), and why."""
    from ovms_doctor.cli.check import run_check
    from ovms_doctor.cli.option_records import OutputOptions, asked_from

    shown = OutputOptions(
        tuple(select or ()),
        tuple(ignore or ()),
        format_.value,
        output,
        fail_on.value,
        exit_zero,
        no_color,
        quiet,
        verbose,
    )
    asked = asked_from(context.params, _server_words)
    return run_check(asked, shown, facts, None if no_plugins else check_timeout)


@app.command()
def collect(
    context: typer.Context,
    targets: opt.Targets = None,
    container: opt.ContainerOption = None,
    inspect: opt.Inspect = None,
    docker_run: opt.DockerRun = None,
    compose: opt.Compose = None,
    kubernetes: opt.Kubernetes = None,
    kernel_log: opt.KernelLog = None,
    as_: opt.As = None,
    ovms_version: opt.OvmsVersion = None,
    user: opt.UserOption = None,
    bare_metal: opt.BareMetal = False,
    mount: opt.MountOption = None,
    env: opt.Env = None,
    env_file: opt.EnvFile = None,
    env_from_process: opt.EnvFromProcess = False,
    model_version_policy: opt.Policy = None,
    cache_dir: opt.CacheDir = None,
    cpu_extension: opt.CpuExtension = None,
    target_device: opt.TargetDevice = None,
    memory: opt.Memory = None,
    probe_write: opt.ProbeWrite = False,
    load: opt.Load = opt.LoadLevel.read,
    download_limit: opt.DownloadLimit = None,
    timeout: opt.Timeout = 10.0,
    jobs: opt.Jobs = None,
    output: opt.Output = None,
) -> int:
    """Look at the same things as check and save what was seen, for `check --facts` elsewhere."""
    from ovms_doctor.cli.check import run_collect
    from ovms_doctor.cli.option_records import asked_from

    return run_collect(asked_from(context.params, _server_words), output)


@app.command()
def request(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE|-",
            help="The request: a JSON body, a curl line, raw HTTP, a protobuf message or Python; - for standard input.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", metavar="TARGET", help="What is served, as a TARGET of check.", show_default=False
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="A running server; only its metadata are asked for."),
    ] = None,
    metadata: Annotated[
        str | None,
        typer.Option("--metadata", metavar="FILE", help="The answer of /v2/models/NAME, saved."),
    ] = None,
    path: Annotated[
        str | None, typer.Option("--path", metavar="PATH", help="The path that a body is sent to.")
    ] = None,
    api: Annotated[
        opt.ApiName | None, typer.Option("--api", help="The API of a body.", show_default=False)
    ] = None,
    error: Annotated[
        str | None,
        typer.Option("--error", metavar="TEXT", help="Only what the client wrote about its error."),
    ] = None,
    without_mediapipe: Annotated[
        bool, typer.Option("--without-mediapipe", help="The server was built without MediaPipe.")
    ] = False,
    container: opt.ContainerOption = None,
    inspect: opt.Inspect = None,
    docker_run: opt.DockerRun = None,
    compose: opt.Compose = None,
    kubernetes: opt.Kubernetes = None,
    kernel_log: opt.KernelLog = None,
    as_: opt.As = None,
    ovms_version: opt.OvmsVersion = None,
    user: opt.UserOption = None,
    bare_metal: opt.BareMetal = False,
    mount: opt.MountOption = None,
    env: opt.Env = None,
    env_file: opt.EnvFile = None,
    env_from_process: opt.EnvFromProcess = False,
    model_version_policy: opt.Policy = None,
    timeout: opt.Timeout = 10.0,
    jobs: opt.Jobs = None,
    format_: opt.Format = opt.OutputFormat.text,
    output: opt.Output = None,
    fail_on: opt.FailOnOption = opt.FailOn.error,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit 0 whatever was found.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="The verdict only.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Everything, nothing shortened.")] = False,
) -> int:
    """Say whether a client's request fits what is served, and what the server answers."""
    from ovms_doctor.cli.option_records import OutputOptions, asked_from
    from ovms_doctor.cli.request import RequestOptions, run_request

    shown = OutputOptions((), (), format_.value, output, fail_on.value, exit_zero, no_color, quiet, verbose)
    typed = {**context.params, "targets": model, "load": opt.LoadLevel.read}
    options = RequestOptions(
        source,
        url,
        metadata,
        path,
        None if api is None else opt.ApiName(api).value,
        error,
        without_mediapipe,
        timeout,
    )
    return run_request(asked_from(typed, _server_words), options, shown)


@app.command()
def explain(
    what: Annotated[
        list[str], typer.Argument(metavar="CODE|LINE", help="A code, or a line from the server's log.")
    ],
    format_: opt.Format = opt.OutputFormat.text,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours.")] = False,
) -> int:
    """Explain a code, or a line from the server's log."""
    from ovms_doctor.cli.explain import run_explain

    return run_explain(" ".join(what), format_.value, no_color=no_color)


@app.command()
def checks(
    format_: opt.Format = opt.OutputFormat.text,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours.")] = False,
) -> int:
    """List the checks and their codes."""
    from ovms_doctor.cli.explain import run_list

    return run_list(format_.value, no_color=no_color)


@app.command()
def schema(
    which: Annotated[opt.SchemaName, typer.Argument(help="Which document's.")] = opt.SchemaName.report,
) -> int:
    """Print the JSON Schema of what is written."""
    import json

    from ovms_doctor.report.schema import facts_schema, report_schema

    document = report_schema() if which is opt.SchemaName.report else facts_schema()
    print(json.dumps(document, indent=2))
    return opt.EXIT_OK
