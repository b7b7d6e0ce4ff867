"""``check`` and ``collect``: look or read recorded facts, report, print."""

from __future__ import annotations

import io
import sys
from typing import Any, cast

from ovms_doctor.cli.asked import request_from
from ovms_doctor.cli.options import EXIT_OK, Asked, Shown
from ovms_doctor.cli.output import Progress, write
from ovms_doctor.driver.look import Seen, look
from ovms_doctor.driver.request import Request, UsageError, request_from_json
from ovms_doctor.driver.run import Options, begin, failed_report, report_on
from ovms_doctor.facts import Facts
from ovms_doctor.report.model import Report

#: A facts file larger than this, in bytes, is not read.
_LARGEST_FACTS = 4 << 30


def run_check(asked: Asked, shown: Shown, facts_file: str | None) -> int:
    """The exit code. Whatever goes wrong inside ends as a report that says so."""
    begun = begin(sys.argv[1:])
    options = Options(shown.select, shown.ignore, cast(Any, shown.fail_on), shown.exit_zero)
    _say_unmatched(options)
    request, facts = _recorded(facts_file, asked) if facts_file else (request_from(asked), None)
    try:
        seen = look(request, facts, None) if facts is not None else _look(request)
        report = report_on(seen, options, begun)
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001 - a report in any case, never a traceback
        report = failed_report(f"{type(error).__name__}: {error}", begun)
    _print(report, shown)
    return report.exit_code


def run_collect(asked: Asked, output: str | None) -> int:
    """Save what was seen, with what was asked for."""
    from ovms_doctor.facts import codec

    request = request_from(asked)
    seen = _look(request)
    write(codec.dump(seen.facts, {"request": request.as_json()}), output)
    return EXIT_OK


def _look(request: Request) -> Seen:
    from ovms_doctor.collect.local import LocalCollector
    from ovms_doctor.driver.deploy import roots

    with Progress() as progress:
        collector = LocalCollector(request.user, roots(request), request.mounts, deadline=request.timeout)
        try:
            return look(request, Facts(), collector, progress.looking_at)
        finally:
            collector.close()


def _recorded(path: str, asked: Asked) -> tuple[Request, Facts]:
    """The request and the facts of a file that ``collect`` wrote; a newer release may be asked for."""
    from dataclasses import replace

    from ovms_doctor.facts import codec

    if asked.names_something:
        raise UsageError("--facts brings what was asked for with it: name no target beside it")
    try:
        with open(path, "rb") as file:
            text = file.read(_LARGEST_FACTS).decode("utf-8", "replace")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    try:
        header, facts = codec.load(text)
        request = request_from_json(header.get("request", {}))
    except (codec.FactsFileError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from None
    if asked.ovms_version is not None:
        request = replace(request, release=asked.ovms_version)
    return request, facts


def _say_unmatched(options: Options) -> None:
    from ovms_doctor.checks.registry import matches_anything
    from ovms_doctor.report.words import visible

    for pattern in (*options.select, *options.ignore):
        if not matches_anything(pattern):
            print(f"ovms-doctor: no check and no code is called {visible(pattern)}", file=sys.stderr)


def _print(report: Report, shown: Shown) -> None:
    if shown.format == "json":
        from ovms_doctor.report.json_report import dumps, to_document

        write(dumps(to_document(report)), shown.output)
        return
    from rich.console import Console

    from ovms_doctor.report.text_report import render

    if shown.output is None:
        width = None if sys.stdout.isatty() else 100
        console = Console(width=width, no_color=shown.no_color or None, highlight=False, markup=False)
        render(report, console, quiet=shown.quiet, verbose=shown.verbose)
        return
    file = io.StringIO()
    console = Console(file=file, width=100, no_color=True, highlight=False, markup=False)
    render(report, console, quiet=shown.quiet, verbose=shown.verbose)
    write(file.getvalue(), shown.output)
