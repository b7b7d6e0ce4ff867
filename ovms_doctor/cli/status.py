"""``status``: query a running server, report, print."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ovms_doctor.cli.command_line import command_line
from ovms_doctor.cli.deliver import Content, deliver, destinations, failed_content
from ovms_doctor.cli.exit_codes import EXIT_OK
from ovms_doctor.cli.patterns import check_patterns
from ovms_doctor.cli.status_options import StatusOptions
from ovms_doctor.cli.working_directory import absolute
from ovms_doctor.diagnosis.run_start import begin
from ovms_doctor.model.errors import ConflictingOptionsError, UsageError
from ovms_doctor.model.output_options import OutputOptions
from ovms_doctor.probes.named_files import passing, read_named_file

if TYPE_CHECKING:
    from ovms_doctor.diagnosis.live import LiveOptions
    from ovms_doctor.diagnosis.run_start import RunStart
    from ovms_doctor.model.container import Engine
    from ovms_doctor.model.live import Address, LiveStatus
    from ovms_doctor.model.styled import Output
    from ovms_doctor.report.model import Report

#: The range of seconds that an option may set.
_LONGEST = 86_400.0
_LONGEST_KEY = 8192


def run_status(options: StatusOptions, output_options: OutputOptions) -> int:
    """Runs ``status`` and returns the exit code: 0 if everything is AVAILABLE, 1 with a finding, 3 if the server
    could not be queried."""
    if options.server is None and options.container is None:
        raise UsageError("status: name a server: http://HOST:PORT, HOST:PORT or HOST; or --container NAME")
    if options.server is not None and options.container is not None:
        raise ConflictingOptionsError("--container and the address of a server exclude each other")
    live_options = _live_options(options)
    written = destinations(output_options)
    if options.watch and (options.wait is not None or options.probe):
        raise ConflictingOptionsError(
            f"--watch and {'--probe' if options.probe else '--wait'} exclude each other"
        )
    if options.watch and any(item.path or item.format != "text" for item in written):
        raise ConflictingOptionsError("--watch writes text to standard output: remove --format and --output")
    check_patterns(output_options)
    run_start = begin(command_line(), output_options.host_name)
    from ovms_doctor.prediction.live.address import AddressError, read_address

    try:
        if options.container is not None:
            address, engine = _of_container(options.container, options.grpc, live_options.settings.timeout)
            live_options = replace(live_options, engine=engine)
        else:
            address = read_address(options.server or "", grpc=options.grpc)
    except AddressError as error:
        typed = options.container or options.server or "''"
        raise UsageError(f"{typed}: {error}") from None
    except _EngineError as error:
        return _report_failure(str(error), output_options, run_start)
    from ovms_doctor.diagnosis.live import live_report, live_status

    if options.watch:
        from ovms_doctor.cli.status_watch import watch

        return watch(address, live_options, output_options, run_start)
    status = live_status(address, live_options, dict(os.environ), _progress())
    report = live_report(status, output_options, run_start)
    _print(report, status, output_options)
    return report.exit_code


class _EngineError(Exception):
    """The container engine does not describe the container. The text states the reason."""


def _of_container(name: str, grpc: bool, timeout: float) -> tuple[Address, Engine]:
    """Returns the address of the server in the container, and the engine that runs the container."""
    from ovms_doctor.inputs import DocumentError
    from ovms_doctor.inputs.inspect.own_address import own_address
    from ovms_doctor.inputs.inspect.read import read_inspect
    from ovms_doctor.prediction.live.container_address import container_address
    from ovms_doctor.probes.containers import query_container

    lookup = query_container(name, max(timeout, 20.0))
    if lookup.document is None:
        raise _EngineError(lookup.problem or "the engine gave no answer")
    try:
        container = read_inspect(
            lookup.document, source="docker", source_name=name, log=lookup.log, info=lookup.info
        )
    except DocumentError as error:
        raise _EngineError(str(error)) from None
    address = own_address(lookup.document, lookup.info) if lookup.local else ""
    return container_address(container, address, grpc=grpc, engine_host=lookup.host), container.engine


def _report_failure(reason: str, output_options: OutputOptions, run_start: RunStart) -> int:
    """Writes the report of a run that could not query the server."""
    from ovms_doctor.diagnosis.run import failed_report

    report = failed_report(reason, run_start)
    print(f"ovms-doctor: {reason}", file=sys.stderr)
    deliver(failed_content(report), output_options)
    return EXIT_OK if output_options.exit_zero else report.exit_code


def _live_options(options: StatusOptions) -> LiveOptions:
    from ovms_doctor.diagnosis.live import LiveOptions
    from ovms_doctor.model.live import QuerySettings

    if options.ca is not None and not passing("file", [options.ca]):
        raise UsageError(f"--ca: {options.ca}: no such file")
    if options.ca is not None and options.insecure:
        raise ConflictingOptionsError("--ca and --insecure exclude each other")
    settings = QuerySettings(
        options.model,
        _seconds("--timeout", options.timeout, 5.0, 0.1),
        _seconds("--interval", options.interval, 1.0, 0.05),
        options.interval is not None,
        None if options.ca is None else absolute(options.ca),
        options.insecure,
        _authorization(options.api_key_file),
        options.probe,
    )
    return LiveOptions(settings, _seconds("--wait", options.wait, 0.0, 0.0), options.container or "")


def _seconds(name: str, text: str | None, default: float, least: float) -> float:
    if text is None:
        return default
    try:
        value = float(text.removesuffix("s"))
    except ValueError:
        value = -1.0
    if not least <= value <= _LONGEST:
        raise UsageError(f"{name}: {text} is not a number of seconds from {least:g} to {_LONGEST:g}")
    return value


def _authorization(path: str | None) -> str:
    """Returns the text of the header Authorization. As in the server, the key is only the first line of the file."""
    if path is None:
        return ""
    data = read_named_file(path, _LONGEST_KEY, shown=f"--api-key-file: {path}")
    key = data.decode("utf-8", "replace").partition("\n")[0].strip()
    if not key or not key.isascii() or not key.isprintable():
        raise UsageError(f"--api-key-file: the first line of {path} is not a key")
    return f"Bearer {key}"


def _progress() -> Callable[[LiveStatus], None] | None:
    """Returns the function that shows the waiting time on a terminal's standard error; None without a terminal."""
    if not sys.stderr.isatty():
        return None

    def show(status: LiveStatus) -> None:
        bad = [item.name for item in status.servables or () if not item.complete and not item.removed]
        from ovms_doctor.model.display_text import visible

        text = f"waiting for {', '.join(bad[:5])}" if bad else f"waiting for {status.address.netloc}"
        sys.stderr.write("\r\x1b[K" + visible(text)[:78] + "\r")
        sys.stderr.flush()

    return show


# -- printing ------------------------------------------------------------------------------------------


def _print(report: Report, status: LiveStatus, output_options: OutputOptions) -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[K")

    def document() -> dict[str, Any]:
        from ovms_doctor.checks.live import live_gap
        from ovms_doctor.report.json_report import to_document
        from ovms_doctor.report.live_json import live_info
        from ovms_doctor.report.live_text import live_verdict

        sentence = " ".join(live_verdict(status, report.findings, live_gap(status)))
        return to_document(report, live=live_info(status), sentence=sentence)

    def write_text(output: Output) -> None:
        from ovms_doctor.cli.status_text import write_status

        write_status(report, status, output_options, output)

    deliver(Content(report.exit_code, document, write_text, status.address.url), output_options)
