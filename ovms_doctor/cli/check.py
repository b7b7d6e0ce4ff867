"""``check`` and ``collect``: collect facts or read recorded ones, report, print."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ovms_doctor import __version__
from ovms_doctor.cli import interrupted
from ovms_doctor.cli.command_line import command_line
from ovms_doctor.cli.deliver import Content, deliver, destinations
from ovms_doctor.cli.document_limits import limits_of
from ovms_doctor.cli.exit_codes import EXIT_INTERRUPTED, EXIT_OK
from ovms_doctor.cli.output import Progress, write
from ovms_doctor.cli.patterns import check_patterns
from ovms_doctor.diagnosis.run_start import begin
from ovms_doctor.diagnosis.saved_options import (
    facts_origin,
    options_from_json,
    options_to_json,
    saved_sentence,
)
from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.output_options import OutputOptions
from ovms_doctor.model.text import escape
from ovms_doctor.plugins.discovery import Plugin, installed
from ovms_doctor.probes import interrupts
from ovms_doctor.probes.named_files import DocumentLimits, passing, read_named_file

if TYPE_CHECKING:
    from ovms_doctor.diagnosis.run import ThirdParty
    from ovms_doctor.diagnosis.settle import SettledRun
    from ovms_doctor.model.facts import Facts
    from ovms_doctor.model.styled import Output
    from ovms_doctor.probes.collector import Collector
    from ovms_doctor.probes.stores import StoreCollector
    from ovms_doctor.report.live_document import LiveInfo
    from ovms_doctor.report.model import FactsOrigin, Report

#: Maximum size in bytes of a facts file that is read.
_LARGEST_FACTS = 4 << 30
_PSEUDONYMS = (
    "Names of hosts, users, files, models and buckets, and addresses, are pseudonyms: the facts were "
    "redacted. The person who collected them can show the real names with --redact-map FILE."
)
#: The most seconds for one request to the running server of a container, however long a query may take: a server that
#: never answers is sent several requests.
_LONGEST_REQUEST = 60.0


def run_check(options: CheckOptions, output: OutputOptions) -> int:
    """Runs ``check`` and returns the exit code. Any failure inside results in a report with the error."""
    with interrupts.deferred():
        code = _check(options, output)
    if interrupts.requested():
        interrupted.report()
        return EXIT_INTERRUPTED
    return code


def _check(typed: CheckOptions, output: OutputOptions) -> int:
    run_start = begin(command_line(), output.host_name)
    destinations(output)
    output = _with_baseline(output, limits_of(typed))
    plugins = () if typed.no_plugins else installed()
    if not plugins:
        # Only built-in checks have codes.
        check_patterns(output)
    origin: FactsOrigin | None = None
    facts: Facts | None = None
    if output.redact_map is not None and not typed.facts_file:
        raise UsageError(
            "--redact-map: names can only be restored in recorded facts: name them with --facts FILE"
        )
    if typed.facts_file:
        options, facts, origin = _recorded(typed, output)
    else:
        options = _with_all_sources(typed, output)
    progress = Progress()
    collector = None
    if facts is None:
        collector = collector_for(options, progress, _import_for_report(output, options))
    # The import of the rules takes as long as the start of the child processes.
    from ovms_doctor.diagnosis.run import NO_THIRD_PARTY, failed_report, report_on

    # Its children are killed by then, and have ended when the report is made.
    with collector or nullcontext():
        third_party = NO_THIRD_PARTY
        try:
            run = _settle(typed, options, facts, collector, progress)
            if plugins and not interrupts.requested():
                third_party = _third_party(plugins, options, run, output)
                named = {plugin.name for plugin in plugins}
                left_out = any(pattern.lower() in named for pattern in output.ignore)
                if not left_out and all(check.status == "ran" for check in third_party.checks):
                    # The codes of a check that did not run are unknown.
                    check_patterns(output, third_party.matched)
            report = _on_facts(report_on(run, output, run_start, third_party), origin)
        except UsageError:
            raise
        except interrupts.InterruptedRunError:
            report = failed_report("interrupted before anything was inspected", run_start)
        except Exception as error:  # noqa: BLE001 - a report in any case, never a traceback
            from ovms_doctor.cli.failure_text import failure_text

            report = failed_report(failure_text(error), run_start)
        if interrupts.requested():
            notes = (
                *report.notes,
                "The run was interrupted. The report does not cover what it had not inspected by then.",
            )
            report = replace(report, notes=notes, exit_code=EXIT_INTERRUPTED)
        if output.write_baseline is not None and report.error is None and not interrupts.requested():
            report = _write_baseline(report, output, limits_of(typed))
        if output.script is not None:
            from ovms_doctor.report.remedy_script import remedy_script

            write(remedy_script(report), output.script)
        _print(report, typed, output)
        return report.exit_code


def _import_for_report(output: OutputOptions, options: CheckOptions) -> Iterator[str]:
    """Imports the parser of a configuration file and the modules of the report in steps, while the children start and
    load; yields each module. A failed import is reported when the module is needed."""
    from ovms_doctor.checks.registry import import_common_checks

    if any(path.endswith(".json") for path in (*options.targets, *(options.arguments or ()))):
        with suppress(Exception):
            import_module("rapidjson")
        yield "rapidjson"
    yield from import_common_checks()
    if any(destination.format == "text" for destination in destinations(output)):
        with suppress(Exception):
            import_module("ovms_doctor.report.text_report")
        yield "text"


def _with_baseline(output: OutputOptions, limits: DocumentLimits) -> OutputOptions:
    """Returns the options with the known findings of the named baseline, and of the baseline file that will be
    replaced."""
    if output.baseline_expires is not None and output.write_baseline is None:
        raise UsageError("--baseline-expires is for the entries that --write-baseline adds")
    if output.baseline is None or output.no_ignores:
        return output
    from ovms_doctor.cli.baseline import read_baseline

    known = read_baseline(output.baseline, limits)
    return replace(output, adjustments=replace(output.adjustments, known=known, baseline=output.baseline))


def _write_baseline(report: Report, output: OutputOptions, limits: DocumentLimits) -> Report:
    """Writes the findings as known ones and returns the report, which no longer fails because of them. Reasons and days
    of the replaced file are kept."""
    from ovms_doctor.cli.baseline import read_baseline, write_baseline
    from ovms_doctor.diagnosis.adjust import known_findings
    from ovms_doctor.diagnosis.verdict import verdict_of

    path = output.write_baseline or ""
    earlier = read_baseline(path, limits) if path != "-" and passing("there", [path], limits.timeout) else ()
    known = known_findings(report.findings, report.suppressed, earlier, output.baseline_expires)
    write_baseline(path, known)
    verdict, code = verdict_of((), report.checks, output)
    note = f"{len(known)} finding{'' if len(known) == 1 else 's'} written to the baseline {path}"
    return replace(report, verdict=verdict, exit_code=code, notes=(*report.notes, note))


def _third_party(
    plugins: Sequence[Plugin], options: CheckOptions, run: SettledRun, output: OutputOptions
) -> ThirdParty:
    """Returns the results of the installed third-party checks; an interruption leaves no results."""
    from ovms_doctor.diagnosis.run import NO_THIRD_PARTY
    from ovms_doctor.plugins.run import run_plugins

    try:
        with interrupts.deferred(begins=False):
            return run_plugins(plugins, run, output, options.check_timeout)
    except KeyboardInterrupt:
        return NO_THIRD_PARTY


def run_collect(typed: CheckOptions, output: OutputOptions) -> int:
    """Saves the facts with the options of the run; after an interruption, the facts collected so far."""
    run_start = begin(command_line())
    if output.redact_map is not None and not output.redact:
        raise UsageError("--redact-map needs --redact")
    redaction_map = None
    if output.redact:
        from ovms_doctor.cli.redaction import map_path

        redaction_map = map_path(output)
    with interrupts.deferred():
        options = _with_all_sources(typed, output)
        progress = Progress()
        with collector_for(options, progress) as collector:
            run = _settle(typed, options, None, collector, progress)
        from ovms_doctor.model.facts import codec

        header: dict[str, Any] = {
            "request": options_to_json(options),
            "collected_at": run_start.text,
            "tool_version": __version__,
        }
        if output.host_name:
            header["host"] = escape(output.host_name)
        text = codec.dump(run.facts, header)
        receipts = []
        if redaction_map is not None:
            from ovms_doctor.cli.redaction import redacted, write_map

            redaction = redacted(text, redaction_map)
            # The facts are never written without their map.
            write_map(redaction.map_document, redaction_map)
            text = redaction.document
            receipts = [
                f"replaced by pseudonyms: {redaction.receipt}",
                "`check --facts` gives the same findings, states and exit code for the redacted facts"
                if redaction.same
                else "the report on the redacted facts differs from the report on the facts: mention this "
                "in the ticket, and add the report",
                f"{redaction_map}: the real names for the pseudonyms, readable by its owner only; keep it, and do not "
                "send it with the facts",
            ]
        write(text, output.facts_output)
        if output.facts_output not in (None, "-"):
            print(
                f"ovms-doctor: {saved_sentence(run.facts, len(text), output.facts_output)}", file=sys.stderr
            )
        for receipt in receipts:
            print(f"ovms-doctor: {receipt}", file=sys.stderr)
    if interrupts.requested():
        interrupted.report()
        return EXIT_INTERRUPTED
    return EXIT_OK


def _with_all_sources(typed: CheckOptions, output: OutputOptions) -> CheckOptions:
    """Returns the options with the data of the container's source, of the log and of the running server."""
    return with_live(with_log(with_sources(typed)), output)


def with_live(options: CheckOptions, output: OutputOptions) -> CheckOptions:
    """Returns the options with the answers of the container's running server, if that server is queried."""
    query = options.live
    if query is None or query.address is None:
        return options
    from ovms_doctor.checks import live
    from ovms_doctor.checks.registry import selects
    from ovms_doctor.diagnosis.live import query_container_server

    is_ignored = any(pattern.lower() == live.CHECK.name for pattern in output.ignore)
    if is_ignored or (output.select and not selects(output.select, live.CHECK)):
        return replace(options, live=None)
    arguments = options.arguments or ()
    joined = (word.partition("=")[2] for word in arguments if word.startswith("--model_name="))
    name = next((value for word, value in pairwise(arguments) if word == "--model_name"), None) or next(
        joined, None
    )
    return replace(options, live=query_container_server(query, live_request_limit(options), name))


def live_request_limit(options: CheckOptions) -> float:
    """Returns the seconds for one request to the running server of a container."""
    return min(options.timeout, _LONGEST_REQUEST)


def with_sources(options: CheckOptions) -> CheckOptions:
    """Returns the options with the data of the container's source, if one is named."""
    if not options.sources:
        return options
    from ovms_doctor.cli.sources import with_container

    return with_container(options)


def with_log(options: CheckOptions) -> CheckOptions:
    """Returns the options with the content of the server's log, if a log is named or the container's log is known."""
    lines = options.container.log if options.container is not None else ()
    if not options.log_files and not lines:
        return options
    from ovms_doctor.cli.server_log import read_server_log

    return read_server_log(options, lines)


def collector_for(
    options: CheckOptions, progress: Progress, idle_work: Iterator[object] | None = None
) -> Collector:
    """Returns the collector for this host and for stores. Child processes for the host start at once, those for stores
    with the first question about one. ``idle_work``: does work in short steps while the children have no answer
    yet."""
    from ovms_doctor.diagnosis.roots import roots
    from ovms_doctor.probes.collector import Collector
    from ovms_doctor.probes.local import LOAD_DEADLINE, LocalCollector

    local = LocalCollector(
        options.user,
        roots(options),
        options.mount_table,
        deadline=options.timeout,
        jobs=options.jobs,
        idle_work=idle_work,
    )

    def stores() -> StoreCollector:
        from ovms_doctor.probes.stores import StoreCollector

        # The only line where secrets are revealed: the child processes that query the stores get them.
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
    """Returns the plan for the recorded facts or for this host. Kills the collector's children."""
    from ovms_doctor.diagnosis.settle import settled_run
    from ovms_doctor.model.facts import Facts

    if collector is None:
        return settled_run(options, facts or Facts(complete=True), None)
    from ovms_doctor.cli.presence import stat_targets

    try:
        with progress:
            found = stat_targets(typed, options, collector)
            # A call for each question takes longer than most answers.
            show = progress.show_question if progress.shows else None
            return settled_run(options, Facts(found), collector, show)
    finally:
        collector.finish()


def _recorded(typed: CheckOptions, output: OutputOptions) -> tuple[CheckOptions, Facts, FactsOrigin]:
    """Returns the options, the facts and their origin, read from a file that ``collect`` wrote. ``--ovms-version``
    replaces the release of the file, ``--redact-map`` its pseudonyms."""
    path = typed.facts_file or ""
    options, facts, origin = _loaded(read_named_file(path, _LARGEST_FACTS, limits_of(typed)), path)
    if output.redact_map is not None:
        from ovms_doctor.cli.redaction import restored

        facts, options, host = restored(facts, options, origin.host, output.redact_map)
        origin = replace(origin, host=host, redacted=False)
    options = replace(options, check_timeout=typed.check_timeout)
    return options if typed.release is None else replace(options, release=typed.release), facts, origin


def _loaded(data: bytes, path: str) -> tuple[CheckOptions, Facts, FactsOrigin]:
    """Returns the options, the facts and their origin, read from a document. Raises UsageError for an invalid
    document."""
    from ovms_doctor.model.facts import codec

    try:
        header, facts = codec.load(data.decode("utf-8", "replace"))
        return options_from_json(header.get("request", {})), facts, facts_origin(header)
    except (codec.FactsFileError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from None


def report_on_facts(data: bytes, path: str) -> Report:
    """Returns the report of ``check --facts`` on a document that was read from ``path``. Raises UsageError for an
    invalid document."""
    from ovms_doctor.diagnosis.run import report_on

    options, facts, origin = _loaded(data, path)
    report = report_on(_settle(options, options, facts, None, Progress()), OutputOptions(), begin(()))
    return _on_facts(report, origin)


def _on_facts(report: Report, origin: FactsOrigin | None) -> Report:
    """Returns the report with the origin of its facts; None if the run collected them itself."""
    notes = report.notes
    if origin is not None and origin.redacted:
        notes = (*notes, _PSEUDONYMS)
    return replace(report, facts_from=origin, notes=notes)


def _print(report: Report, typed: CheckOptions, options: OutputOptions) -> None:
    def live() -> LiveInfo | None:
        if report.live is None:
            return None
        from ovms_doctor.report.live_json import live_info

        return live_info(report.live)

    def document() -> dict[str, Any]:
        from ovms_doctor.report.json_report import to_document

        return to_document(report, live=live())

    def json_parts() -> Iterator[str]:
        from ovms_doctor.report.json_report import document_parts

        return document_parts(report, live=live())

    def write_text(output: Output) -> None:
        from ovms_doctor.report.text_report import render

        render(report, output, quiet=options.quiet, verbose=options.verbose)

    deliver(Content(report.exit_code, document, write_text, _first_named(typed), json_parts), options)


def _first_named(typed: CheckOptions) -> str:
    """Returns the first named target or document; an empty text for a container or a run line."""
    documents = (typed.compose, typed.kubernetes, typed.inspect, typed.facts_file)
    return next((text for text in (*typed.typed_targets, *documents) if text and text != "-"), "")
