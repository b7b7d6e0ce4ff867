"""``check`` and ``collect``: look or read recorded facts, report, print."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ovms_doctor import __version__
from ovms_doctor.cli import interrupted
from ovms_doctor.cli.deliver import Content, deliver, destinations
from ovms_doctor.cli.exit_codes import EXIT_INTERRUPTED, EXIT_OK
from ovms_doctor.cli.output import Progress, write
from ovms_doctor.cli.patterns import check_patterns
from ovms_doctor.diagnosis.run_start import begin
from ovms_doctor.diagnosis.saved_options import (
    facts_origin,
    facts_to_save,
    options_from_json,
    options_to_json,
    saved_sentence,
    without_secrets,
)
from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.output_options import OutputOptions
from ovms_doctor.model.text import escape
from ovms_doctor.plugins.discovery import Plugin, installed
from ovms_doctor.probes import interrupts
from ovms_doctor.probes.named_files import read_named_file

if TYPE_CHECKING:
    from ovms_doctor.diagnosis.run import ThirdParty
    from ovms_doctor.diagnosis.settle import SettledRun
    from ovms_doctor.model.facts import Facts
    from ovms_doctor.model.styled import Output
    from ovms_doctor.probes.collector import Collector
    from ovms_doctor.probes.stores import StoreCollector
    from ovms_doctor.report.model import FactsOrigin, Report

#: A facts file larger than this, in bytes, is not read.
_LARGEST_FACTS = 4 << 30
#: Seconds for one request to the running server of a container.
_LONGEST_REQUEST = 5.0


def run_check(options: CheckOptions, output: OutputOptions) -> int:
    """The exit code. Whatever goes wrong inside ends as a report that says so."""
    with interrupts.deferred():
        code = _check(options, output)
    if interrupts.requested():
        interrupted.say()
        return EXIT_INTERRUPTED
    return code


def _check(typed: CheckOptions, output: OutputOptions) -> int:
    run_start = begin(sys.argv[1:], output.host_name)
    destinations(output)
    output = _with_baseline(output)
    plugins = () if typed.no_plugins else installed()
    if not plugins:
        # Nobody else has codes.
        check_patterns(output)
    origin: FactsOrigin | None = None
    facts: Facts | None = None
    if typed.facts_file:
        options, facts, origin = _recorded(typed)
    else:
        options = _looked_up(typed, output)
    progress = Progress()
    collector = collector_for(options, progress) if facts is None else None
    # The rules take as long to import as the children take to come up.
    from ovms_doctor.diagnosis.run import NO_THIRD_PARTY, failed_report, report_on

    third_party = NO_THIRD_PARTY
    try:
        run = _settle(typed, options, facts, collector, progress)
        if plugins and not interrupts.requested():
            third_party = _third_party(plugins, options, run, output)
            named = {plugin.name for plugin in plugins}
            left_out = any(pattern.lower() in named for pattern in output.ignore)
            if not left_out and all(check.status == "ran" for check in third_party.checks):
                # Of one that did not run the codes are not known.
                check_patterns(output, third_party.matched)
        report = replace(report_on(run, output, run_start, third_party), facts_from=origin)
    except UsageError:
        raise
    except interrupts.InterruptedRunError:
        report = failed_report("interrupted before anything was looked at", run_start)
    except Exception as error:  # noqa: BLE001 - a report in any case, never a traceback
        from ovms_doctor.cli.failure_text import failure_text

        report = failed_report(failure_text(error), run_start)
    if interrupts.requested():
        notes = (*report.notes, "The run was interrupted: what was not looked at by then is not judged.")
        report = replace(report, notes=notes, exit_code=EXIT_INTERRUPTED)
    if output.write_baseline is not None and report.error is None and not interrupts.requested():
        report = _write_baseline(report, output)
    if output.script is not None:
        from ovms_doctor.report.remedy_script import remedy_script

        write(remedy_script(report), output.script)
    _print(report, typed, output)
    return report.exit_code


def _with_baseline(output: OutputOptions) -> OutputOptions:
    """The options with the known findings of the baseline that is named, and of the one that is to be replaced."""
    if output.baseline_expires is not None and output.write_baseline is None:
        raise UsageError("--baseline-expires is for the entries that --write-baseline adds")
    if output.baseline is None or output.no_ignores:
        return output
    from ovms_doctor.cli.baseline import read_baseline

    known = read_baseline(output.baseline)
    return replace(output, adjustments=replace(output.adjustments, known=known, baseline=output.baseline))


def _write_baseline(report: Report, output: OutputOptions) -> Report:
    """Write the findings as known ones; the report then fails for none of them. Reasons and days that the replaced
    file has stay."""
    from ovms_doctor.cli.baseline import read_baseline, write_baseline
    from ovms_doctor.diagnosis.adjust import known_findings
    from ovms_doctor.diagnosis.verdict import verdict_of

    path = output.write_baseline or ""
    earlier = read_baseline(path) if path != "-" and os.path.exists(path) else ()
    known = known_findings(report.findings, report.suppressed, earlier, output.baseline_expires)
    write_baseline(path, known)
    verdict, code = verdict_of((), report.checks, output)
    note = f"{len(known)} finding{'' if len(known) == 1 else 's'} written to the baseline {path}"
    return replace(report, verdict=verdict, exit_code=code, notes=(*report.notes, note))


def _third_party(
    plugins: Sequence[Plugin], options: CheckOptions, run: SettledRun, output: OutputOptions
) -> ThirdParty:
    """What the installed third-party checks find; nothing, if they are interrupted."""
    from ovms_doctor.diagnosis.run import NO_THIRD_PARTY
    from ovms_doctor.plugins.run import run_plugins

    try:
        with interrupts.deferred(begins=False):
            return run_plugins(plugins, run, output, options.check_timeout)
    except KeyboardInterrupt:
        return NO_THIRD_PARTY


def run_collect(typed: CheckOptions, output: OutputOptions) -> int:
    """Save the facts with the options of the run. Interrupted: the facts that were collected by then."""
    run_start = begin(sys.argv[1:])
    with interrupts.deferred():
        options = _looked_up(typed, output)
        progress = Progress()
        run = _settle(typed, options, None, collector_for(options, progress), progress)
        from ovms_doctor.model.facts import codec

        header: dict[str, Any] = {
            "request": options_to_json(options),
            "collected_at": run_start.text,
            "tool_version": __version__,
        }
        if output.host_name:
            header["host"] = escape(output.host_name)
        # Paths and messages too: any of them can be an address.
        text = without_secrets(codec.dump(facts_to_save(run.facts), header))
        write(text, output.facts_output)
        if output.facts_output not in (None, "-"):
            print(
                f"ovms-doctor: {saved_sentence(run.facts, len(text), output.facts_output)}", file=sys.stderr
            )
    if interrupts.requested():
        interrupted.say()
        return EXIT_INTERRUPTED
    return EXIT_OK


def _looked_up(typed: CheckOptions, output: OutputOptions) -> CheckOptions:
    """The options with what the container's source, the log and the running server give."""
    return with_live(with_log(with_sources(typed)), output)


def with_live(options: CheckOptions, output: OutputOptions) -> CheckOptions:
    """The options with what the running server of the container answers, where it is to be looked at."""
    look = options.live
    if look is None or look.address is None:
        return options
    from ovms_doctor.checks import live
    from ovms_doctor.checks.registry import selects
    from ovms_doctor.diagnosis.live import look_at_container_server

    is_ignored = any(pattern.lower() == live.CHECK.name for pattern in output.ignore)
    if is_ignored or (output.select and not selects(output.select, live.CHECK)):
        return replace(options, live=None)
    words = options.arguments or ()
    joined = (word.partition("=")[2] for word in words if word.startswith("--model_name="))
    name = next((value for word, value in pairwise(words) if word == "--model_name"), None) or next(
        joined, None
    )
    return replace(options, live=look_at_container_server(look, min(options.timeout, _LONGEST_REQUEST), name))


def with_sources(options: CheckOptions) -> CheckOptions:
    """The options with what the container's source gives, where one is named."""
    if not options.sources:
        return options
    from ovms_doctor.cli.sources import with_container

    return with_container(options)


def with_log(options: CheckOptions) -> CheckOptions:
    """The options with what the server's log shows, where one is named or the container's is known."""
    lines = options.container.log if options.container is not None else ()
    if not options.log_files and not lines:
        return options
    from ovms_doctor.cli.server_log import read_server_log

    return read_server_log(options, lines)


def collector_for(options: CheckOptions, progress: Progress) -> Collector:
    """What looks at this host, its child processes on their way; and at stores, once a question about one comes."""
    from ovms_doctor.diagnosis.roots import roots
    from ovms_doctor.probes.collector import Collector
    from ovms_doctor.probes.local import LOAD_DEADLINE, LocalCollector

    local = LocalCollector(
        options.user,
        roots(options),
        options.mount_table,
        deadline=options.timeout,
        jobs=options.jobs,
    )

    def stores() -> StoreCollector:
        from ovms_doctor.probes.stores import StoreCollector

        # The one place where secrets are opened: they go to the children that ask the stores.
        secrets = {
            item.name: item.secret_value.open()
            for item in options.environment
            if item.secret_value is not None
        }
        return StoreCollector(
            secrets,
            local,
            deadline=options.timeout,
            load_deadline=LOAD_DEADLINE,
            jobs=options.jobs,
            progress_bytes=progress.downloading,
        )

    def copies() -> LocalCollector:
        return LocalCollector(
            None, roots(options), options.mount_table, deadline=options.timeout, jobs=options.jobs
        )

    files = options.container.files if options.container is not None else ()
    collector = Collector(local, stores, files, copies, options.mount_table)
    if options.unavailable is None:
        collector.warm(options.load, options.targets)
    return collector


def _settle(
    typed: CheckOptions,
    options: CheckOptions,
    facts: Facts | None,
    collector: Collector | None,
    progress: Progress,
) -> SettledRun:
    """What the rules make of the recorded facts, or of this host. Ends the collector."""
    from ovms_doctor.diagnosis.settle import look
    from ovms_doctor.model.facts import Facts

    if collector is None:
        return look(options, facts or Facts(complete=True), None)
    from ovms_doctor.cli.presence import look_for

    try:
        with progress:
            found = look_for(typed, options, collector)
            return look(options, Facts(found), collector, progress.looking_at)
    finally:
        collector.close()


def _recorded(typed: CheckOptions) -> tuple[CheckOptions, Facts, FactsOrigin]:
    """The options and the facts of a file that ``collect`` wrote, and where they come from; another release can be
    named beside it."""
    path = typed.facts_file or ""
    options, facts, origin = _loaded(read_named_file(path, _LARGEST_FACTS), path)
    options = replace(options, check_timeout=typed.check_timeout)
    return options if typed.release is None else replace(options, release=typed.release), facts, origin


def _loaded(data: bytes, path: str) -> tuple[CheckOptions, Facts, FactsOrigin]:
    """The options and the facts of a document, and where they come from; UsageError for what is none."""
    from ovms_doctor.model.facts import codec

    try:
        header, facts = codec.load(data.decode("utf-8", "replace"))
        return options_from_json(header.get("request", {})), facts, facts_origin(header)
    except (codec.FactsFileError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from None


def report_on_facts(data: bytes, path: str) -> Report:
    """The report of ``check --facts`` on a document that was read from ``path``. Raises UsageError for what is none."""
    from ovms_doctor.diagnosis.run import report_on

    options, facts, origin = _loaded(data, path)
    report = report_on(_settle(options, options, facts, None, Progress()), OutputOptions(), begin(()))
    return replace(report, facts_from=origin)


def _print(report: Report, typed: CheckOptions, options: OutputOptions) -> None:
    def document() -> dict[str, Any]:
        from ovms_doctor.report.json_report import to_document

        live = None
        if report.live is not None:
            from ovms_doctor.report.live_json import live_info

            live = live_info(report.live)
        return to_document(report, live=live)

    def write_text(output: Output) -> None:
        from ovms_doctor.report.text_report import render

        render(report, output, quiet=options.quiet, verbose=options.verbose)

    deliver(Content(report.exit_code, document, write_text, _first_named(typed)), options)


def _first_named(typed: CheckOptions) -> str:
    """The target or document that was named first; empty for a container or a line."""
    documents = (typed.compose, typed.kubernetes, typed.inspect, typed.facts_file)
    return next((text for text in (*typed.typed_targets, *documents) if text and text != "-"), "")
