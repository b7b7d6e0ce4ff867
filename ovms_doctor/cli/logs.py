"""``logs``: read a server's log, report, print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ovms_doctor.cli.command_line import command_line
from ovms_doctor.cli.deliver import Content, deliver, destinations
from ovms_doctor.cli.log_options import LogOptions
from ovms_doctor.cli.output import Progress
from ovms_doctor.cli.patterns import check_patterns
from ovms_doctor.diagnosis.run_start import begin
from ovms_doctor.model.errors import ConflictingOptionsError, UsageError
from ovms_doctor.model.log import LogDiagnosis, LogSummary
from ovms_doctor.model.output_options import OutputOptions
from ovms_doctor.model.styled import Output
from ovms_doctor.report.model import Report


def run_logs(source: LogOptions, output_options: OutputOptions) -> int:
    """Runs ``logs`` and returns the exit code. An unreadable file is a usage mistake; an engine that does not answer is
    reported."""
    _check(source)
    destinations(output_options)
    release = _release(source.release)
    tail = _tail(source.tail)
    run_start = begin(command_line(), output_options.host_name)
    from ovms_doctor.diagnosis.log_report import log_report, read_log
    from ovms_doctor.probes.log_files import LogReadError

    check_patterns(output_options)
    log: LogSummary | None = None
    problem = ""
    with Progress() as progress:
        try:
            log = read_log(_parts(source, tail, progress))
        except LogReadError as error:
            if source.container is None:
                raise UsageError(str(error)) from None
            problem = str(error)
    report, diagnosis = log_report(log, output_options, run_start, release=release, problem=problem)
    _print(report, diagnosis, source, output_options)
    return report.exit_code


def _tail(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or not 1 <= len(text) <= 9 or int(text) == 0:
        raise UsageError(f"--tail: {text} is not a number of lines")
    return int(text)


def _check(source: LogOptions) -> None:
    if source.container is None:
        if not source.files:
            raise UsageError("logs: name a log file, - for standard input, or --container NAME")
        if source.since is not None or source.tail is not None:
            raise UsageError("--since and --tail need --container; for a file, cut it with tail or sed")
    elif source.files:
        raise ConflictingOptionsError("--container and a log file exclude each other")


def _release(text: str | None) -> str | None:
    if text is None:
        return None
    from ovms_doctor.model.releases import ReleaseError, parse_release

    try:
        return str(parse_release(text))
    except ReleaseError as error:
        raise UsageError(f"--ovms-version: {error}") from None


def _parts(source: LogOptions, tail: int | None, progress: Progress) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Yields the label and the pieces of each log, in the order of reading."""
    if source.container is not None:
        from ovms_doctor.probes.containers.log_stream import container_pieces, since_seconds

        since = None
        if source.since is not None:
            since = since_seconds(source.since)
            if since is None:
                raise UsageError("--since: a duration like 10m or 2h, or a time like 2026-11-28T13:00")
        yield (
            "",
            container_pieces(source.container, since=since, tail=tail, on_bytes=progress.reading),
        )
        return
    from ovms_doctor.probes.log_files import grouped, pieces

    for label, paths in grouped(source.files):
        for path in paths:
            yield label, pieces(path, progress.reading)


def _print(
    report: Report, diagnosis: LogDiagnosis | None, source: LogOptions, output_options: OutputOptions
) -> None:
    def document() -> dict[str, Any]:
        from ovms_doctor.report.json_report import to_document
        from ovms_doctor.report.log_json import log_info
        from ovms_doctor.report.log_text import verdict

        if diagnosis is None:
            return to_document(report, sentence=_not_read(report))
        sentence = " ".join(verdict(diagnosis, report.findings))
        return to_document(report, log=log_info(diagnosis), sentence=sentence)

    def write_text(output: Output) -> None:
        _render(report, diagnosis, output_options, output)

    target = next((path for path in source.files if path != "-"), "")
    deliver(Content(report.exit_code, document, write_text, target), output_options)


def _not_read(report: Report) -> str:
    reason = next((check.reason for check in report.checks if check.reason), "")
    return f"? the log could not be read: {reason}"


def _render(
    report: Report, diagnosis: LogDiagnosis | None, output_options: OutputOptions, output: Output
) -> None:
    from ovms_doctor.explain.index import codes
    from ovms_doctor.report.log_text import write_log_report, write_verdict
    from ovms_doctor.report.text_writer import writer_for

    writer = writer_for(output, verbose=output_options.verbose, quiet=output_options.quiet)
    if diagnosis is None:
        writer.prose(_not_read(report))
        writer.print(output)
        return
    if not output_options.quiet:
        titles = {code: entry.name.replace("-", " ") for code, entry in codes().items()}
        write_log_report(writer, diagnosis, report.findings, titles)
    write_verdict(writer, diagnosis, report.findings)
    writer.print(output)
