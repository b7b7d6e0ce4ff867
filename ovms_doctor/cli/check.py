"""``check`` and ``collect``: look or read recorded facts, report, print."""

from __future__ import annotations

import io
import itertools
import sys
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from ovms_doctor.cli import interrupted
from ovms_doctor.cli.check_options import request_from
from ovms_doctor.cli.option_records import CheckOptions, OutputOptions
from ovms_doctor.cli.options import EXIT_INTERRUPTED, EXIT_OK
from ovms_doctor.cli.output import Progress, standard_output, write
from ovms_doctor.diagnosis.request import Request, request_from_json
from ovms_doctor.diagnosis.run_start import begin
from ovms_doctor.model.errors import UsageError
from ovms_doctor.probes import interrupts

if TYPE_CHECKING:
    from ovms_doctor.diagnosis.run import Options, ThirdParty
    from ovms_doctor.diagnosis.settle import SettledRun
    from ovms_doctor.model.facts import Facts
    from ovms_doctor.probes.collector import Collector
    from ovms_doctor.probes.stores import StoreCollector
    from ovms_doctor.report.model import Report

#: A facts file larger than this, in bytes, is not read.
_LARGEST_FACTS = 4 << 30


def run_check(
    asked: CheckOptions, shown: OutputOptions, facts_file: str | None, check_timeout: float | None = None
) -> int:
    """The exit code. Whatever goes wrong inside ends as a report that says so.

    ``check_timeout``: seconds for each third-party check; None leaves them out.
    """
    with interrupts.deferred():
        code = _check(asked, shown, facts_file, check_timeout)
    if interrupts.requested():
        interrupted.say()
        return EXIT_INTERRUPTED
    return code


def _check(
    asked: CheckOptions, shown: OutputOptions, facts_file: str | None, check_timeout: float | None
) -> int:
    begun = begin(sys.argv[1:])
    request, facts = _recorded(facts_file, asked) if facts_file else (_request(asked), None)
    progress = Progress()
    collector = _collector(request, asked.jobs, progress) if facts is None else None
    # The rules take as long to import as the children take to come up.
    from ovms_doctor.diagnosis.run import NO_THIRD_PARTY, Options, failed_report, report_on

    options = Options(shown.select, shown.ignore, cast(Any, shown.fail_on), shown.exit_zero)
    third_party = NO_THIRD_PARTY
    try:
        seen = _look(asked, request, facts, collector, progress)
        if check_timeout is not None and not interrupts.requested():
            third_party = _third_party(request, seen, options, check_timeout)
        report = report_on(seen, options, begun, third_party)
    except UsageError:
        raise
    except interrupts.InterruptedRunError:
        report = failed_report("interrupted before anything was looked at", begun)
    except Exception as error:  # noqa: BLE001 - a report in any case, never a traceback
        report = failed_report(f"{type(error).__name__}: {error}", begun)
    if interrupts.requested():
        notes = (*report.notes, "The run was interrupted: what was not looked at by then is not judged.")
        report = replace(report, notes=notes, exit_code=EXIT_INTERRUPTED)
    _say_unmatched(options, third_party)
    _print(report, shown)
    return report.exit_code


def _third_party(request: Request, seen: SettledRun, options: Options, limit: float) -> ThirdParty:
    """What the checks from elsewhere find; nothing, if they are interrupted."""
    from ovms_doctor.cli.third_party import run_third_party
    from ovms_doctor.diagnosis.run import NO_THIRD_PARTY

    try:
        with interrupts.deferred(begins=False):
            return run_third_party(request, seen, options, limit)
    except KeyboardInterrupt:
        return NO_THIRD_PARTY


def run_collect(asked: CheckOptions, output: str | None) -> int:
    """Save what was seen, with what was asked for. Interrupted: what was seen by then."""
    with interrupts.deferred():
        request = _request(asked)
        progress = Progress()
        seen = _look(asked, request, None, _collector(request, asked.jobs, progress), progress)
        from ovms_doctor.model.facts import codec

        write(codec.dump(seen.facts, {"request": request.as_json()}), output)
    if interrupts.requested():
        interrupted.say()
        return EXIT_INTERRUPTED
    return EXIT_OK


def _request(asked: CheckOptions) -> Request:
    """What is asked for, with what the container's source tells where one is named."""
    request = request_from(asked)
    if not asked.sources:
        return request
    from ovms_doctor.cli.sources import with_container

    return with_container(request, asked)


def _collector(request: Request, jobs: int | None, progress: Progress) -> Collector:
    """What looks at this host, its child processes on their way; and at stores, once a question about one comes."""
    from ovms_doctor.diagnosis.roots import roots
    from ovms_doctor.probes.collector import Collector
    from ovms_doctor.probes.local import LOAD_DEADLINE, LocalCollector

    local = LocalCollector(
        request.user,
        roots(request),
        request.mount_table,
        deadline=request.timeout,
        jobs=jobs,
    )

    def stores() -> StoreCollector:
        from ovms_doctor.probes.stores import StoreCollector

        # The one place where secrets are opened: they go to the children that ask the stores.
        secrets = {
            item.name: item.secret_value.open()
            for item in request.environment
            if item.secret_value is not None
        }
        return StoreCollector(
            secrets,
            local,
            deadline=request.timeout,
            load_deadline=LOAD_DEADLINE,
            jobs=jobs,
            progress_bytes=progress.downloading,
        )

    collector = Collector(local, stores, request.container.files if request.container is not None else ())
    if request.untold is None:
        collector.warm(request.load, request.targets)
    return collector


def _look(
    asked: CheckOptions,
    request: Request,
    facts: Facts | None,
    collector: Collector | None,
    progress: Progress,
) -> SettledRun:
    """What the rules make of the recorded facts, or of this host. Ends the collector."""
    from ovms_doctor.diagnosis.settle import look
    from ovms_doctor.model.facts import Facts

    if collector is None:
        return look(request, facts or Facts(complete=True), None)
    from ovms_doctor.cli.presence import look_for

    try:
        with progress:
            found = look_for(asked, request, collector)
            return look(request, Facts(found), collector, progress.looking_at)
    finally:
        collector.close()


def _recorded(path: str, asked: CheckOptions) -> tuple[Request, Facts]:
    """The request and the facts of a file that ``collect`` wrote; a newer release may be asked for."""
    from ovms_doctor.model.facts import codec

    if asked.names_something:
        raise UsageError("--facts brings what was asked for with it: name no target beside it")
    told = (asked.user, asked.mounts, asked.bare_metal, asked.policy, asked.as_, asked.env, asked.env_file)
    more = (asked.memory, asked.cache_dir, asked.cpu_extension, asked.target_device, asked.kernel_log)
    if (
        any(told)
        or any((*more, asked.download_limit))
        or asked.env_from_process
        or asked.probe_write
        or asked.load != "read"
    ):
        raise UsageError(
            "--facts brings what was asked for with it: of that, only --ovms-version can be changed"
        )
    try:
        with open(path, "rb") as file:
            # Not read(limit), which takes memory for as much at once; and the file may be a pipe.
            parts = itertools.takewhile(bool, (file.read(1 << 20) for _ in range(_LARGEST_FACTS >> 20)))
            text = b"".join(parts).decode("utf-8", "replace")
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


def _say_unmatched(options: Options, third_party: ThirdParty) -> None:
    patterns = (*options.select, *options.ignore)
    if not patterns:
        return
    from ovms_doctor.checks.registry import matches_anything
    from ovms_doctor.model.display_text import visible

    for pattern in patterns:
        if not matches_anything(pattern) and pattern not in third_party.matched:
            print(f"ovms-doctor: no check and no code is called {visible(pattern)}", file=sys.stderr)


def _print(report: Report, shown: OutputOptions) -> None:
    if shown.format == "json":
        from ovms_doctor.report.json_report import dumps, to_document

        write(dumps(to_document(report)), shown.output)
        return
    from ovms_doctor.model.styled import PlainOutput
    from ovms_doctor.report.text_report import render

    if shown.output is None:
        output = standard_output(no_color=shown.no_color)
        render(report, output, quiet=shown.quiet, verbose=shown.verbose)
        return
    file = io.StringIO()
    render(report, PlainOutput(file), quiet=shown.quiet, verbose=shown.verbose)
    write(file.getvalue(), shown.output)
