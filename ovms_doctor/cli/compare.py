"""``diff`` and ``summary``: read saved reports (or facts, which are checked first), compare, print."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ovms_doctor.cli.compare_options import CompareOptions
from ovms_doctor.cli.exit_codes import EXIT_FINDINGS, EXIT_INCOMPLETE, EXIT_OK
from ovms_doctor.cli.output import standard_output, write_parts
from ovms_doctor.model.errors import UsageError
from ovms_doctor.probes.named_files import DocumentLimits, json_files_below, passing, read_named_file
from ovms_doctor.report.comparison.saved import SavedReport, SavedReportError, fails, read_report

if TYPE_CHECKING:
    from ovms_doctor.report.text_writer import TextWriter

#: Maximum size in bytes of a file that is read.
_LARGEST = 4 << 30
#: The first bytes of a facts file (model/facts/codec.py).
_FACTS = b'"format":"ovms-doctor facts"'
_BEGINNING = 200


def run_diff(options: CompareOptions) -> int:
    """Runs ``diff`` and returns the exit code: 1 for a new finding that counts, 3 if the newer run did not check
    something that the older run found."""
    if len(options.files) != 2:
        raise UsageError(f"diff: OLD and NEW are two files; {len(options.files)} were named")
    from ovms_doctor.explain.index import codes
    from ovms_doctor.report.comparison.diff import compare
    from ovms_doctor.report.comparison.documents import diff_document
    from ovms_doctor.report.comparison.markdown import diff_markdown
    from ovms_doctor.report.comparison.text import diff_verdict, write_diff

    if options.files[0] == options.files[1] == "-":
        raise UsageError("diff: standard input is one file, not both")
    try:
        old, new = (_read(path, options.document_limit) for path in options.files)
    except SavedReportError as error:
        raise UsageError(str(error)) from None
    check_of = {code: entry.check for code, entry in codes().items()}
    gaps = {code for code, entry in codes().items() if entry.is_gap}
    differences = compare(old, new, check_of, gaps)
    failed = fails([item.finding for item in differences if item.change == "new"], options.fail_on)
    mark, sentence = diff_verdict(differences, failed=failed)
    _write(
        options,
        lambda: diff_document(old, new, differences),
        lambda: diff_markdown(old, new, differences, f"{mark} {sentence}"),
        lambda writer: write_diff(writer, old, new, differences),
        mark,
        sentence,
    )
    unknown = any(item.change == "not_known" for item in differences)
    return _exit_code(options, failed=failed, incomplete=unknown)


def run_summary(options: CompareOptions) -> int:
    """Runs ``summary`` and returns the exit code: 1 if a report has a finding that counts, 3 if a report is incomplete
    or unreadable."""
    if not options.files:
        raise UsageError("summary: name reports, facts or directories of them")
    from ovms_doctor.report.comparison.documents import summary_document
    from ovms_doctor.report.comparison.markdown import summary_markdown
    from ovms_doctor.report.comparison.summary import Totals
    from ovms_doctor.report.comparison.text import summary_verdict, write_summary

    totals = Totals()
    failed = False
    for path in _files(options.files, totals.unreadable):
        try:
            report = _read(path, options.document_limit)
        except (SavedReportError, UsageError) as error:
            totals.unreadable.append(str(error))
            continue
        totals.add(report)
        failed = failed or fails(report.findings, options.fail_on)
    mark, sentence = summary_verdict(totals)
    _write(
        options,
        lambda: summary_document(totals),
        lambda: summary_markdown(totals, f"{mark} {sentence}"),
        lambda writer: write_summary(writer, totals),
        mark,
        sentence,
    )
    incomplete = bool(totals.unreadable or totals.verdicts.get("incomplete") or not totals.reports)
    return _exit_code(options, failed=failed, incomplete=incomplete)


def _files(named: tuple[str, ...], unreadable: list[str]) -> Iterator[str]:
    """Yields the named files, and the ``.json`` files of the named directories in the order of their names. Adds to
    ``unreadable`` why a file or directory cannot be read."""
    for path in named:
        try:
            is_directory = path != "-" and bool(passing("directory", [path]))
            files = json_files_below(path) if is_directory else (path,)
        except UsageError as error:
            unreadable.append(str(error))
            continue
        yield from files


def _read(path: str, limit: int | None) -> SavedReport:
    """Returns the report in a file, or the report on the facts in it. Raises SavedReportError and UsageError."""
    data = read_named_file(path, _LARGEST, DocumentLimits(limit))
    label = "standard input" if path == "-" else path
    if _FACTS in data[:_BEGINNING].replace(b" ", b"").replace(b"ovms-doctorfacts", b"ovms-doctor facts"):
        data = _judged(data, path)
    return read_report(data, label)


def _judged(data: bytes, path: str) -> bytes:
    """Returns the report on recorded facts, as JSON."""
    from ovms_doctor.cli.check import report_on_facts
    from ovms_doctor.report.json_report import dumps, to_document

    return dumps(to_document(report_on_facts(data, path))).encode()


def _write(
    options: CompareOptions,
    document: Callable[[], dict[str, Any]],
    markdown: Callable[[], Iterator[str]],
    write_text: Callable[[TextWriter], None],
    mark: str,
    sentence: str,
) -> None:
    """Writes the result in its format to its file or to standard output."""
    if options.format == "json":
        from ovms_doctor.report.json_report import dumps

        write_parts([dumps(document())], options.output)
        return
    if options.format == "markdown":
        write_parts(markdown(), options.output)
        return
    import io

    from ovms_doctor.model.styled import PlainOutput
    from ovms_doctor.report.comparison.text import write_verdict
    from ovms_doctor.report.text_writer import writer_for

    buffer = None if options.output in (None, "-") else io.StringIO()
    output = standard_output(no_color=options.no_color) if buffer is None else PlainOutput(buffer)
    writer = writer_for(output, verbose=options.verbose)
    if not options.quiet:
        write_text(writer)
    write_verdict(writer, mark, sentence)
    writer.print(output)
    if buffer is not None:
        write_parts([buffer.getvalue()], options.output)


def _exit_code(options: CompareOptions, *, failed: bool, incomplete: bool) -> int:
    if options.exit_zero:
        return EXIT_OK
    return EXIT_FINDINGS if failed else EXIT_INCOMPLETE if incomplete else EXIT_OK
