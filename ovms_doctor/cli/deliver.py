"""Writes a report: to standard output, and to the files of ``-o``, each in its format."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ovms_doctor.cli.output import standard_output, text_file, write_parts
from ovms_doctor.cli.working_directory import working_directory
from ovms_doctor.model.errors import UnwritableError, UsageError
from ovms_doctor.model.output_options import OutputOptions, ReportFormat
from ovms_doctor.probes.named_files import write_named_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ovms_doctor.model.styled import Output
    from ovms_doctor.report.formats.context import RenderContext, Rule
    from ovms_doctor.report.model import Report

#: File names by which a format is recognised if none is typed.
_SUFFIXES: tuple[tuple[str, ReportFormat], ...] = (
    (".sarif", "sarif"),
    (".sarif.json", "sarif"),
    (".json", "json"),
    (".xml", "junit"),
    (".md", "markdown"),
    (".html", "html"),
    (".htm", "html"),
)
#: The size limit of a step's summary in GitHub's web interface, in bytes.
_LONGEST_SUMMARY = 1 << 20


class Content(Struct, frozen=True):
    """A finished report that can be written in every format."""

    #: The exit code of the run.
    exit_code: int
    #: Makes the JSON document.
    document: Callable[[], dict[str, Any]]
    #: Writes the text for people.
    write_text: Callable[[Output], None]
    #: The file, directory or address that was named first; empty for none. A finding without a file is shown at it.
    target: str = ""
    #: Makes the text of the JSON document in parts, for a report that may be large; None for other reports.
    json_parts: Callable[[], Iterable[str]] | None = None


class Destination(Struct, frozen=True):
    """One report to be written."""

    #: The format.
    format: ReportFormat
    #: The file; None for standard output.
    path: str | None


def destinations(options: OutputOptions) -> tuple[Destination, ...]:
    """Returns standard output first, then the files. Raises UsageError if standard output is requested for two
    outputs.

    A file without a format has the format of ``--format``, else the format of its suffix, else text. Standard output
    has the format of ``--format`` if no file uses it, else text: the log of a CI job is never empty.
    """
    files = []
    output: ReportFormat | None = None
    taken = False
    for item in options.outputs:
        form = item.format
        if form is None and item.path != "-":
            taken = True
            form = options.format or _by_name(item.path)
        elif form is None:
            form = options.format or "text"
        if item.path != "-":
            files.append(Destination(form, item.path))
        elif output is not None and output != form:
            raise UsageError(f"--output: standard output cannot be both {output} and {form}")
        else:
            output = form
    names = [item.path for item in files]
    if options.receipt in names:
        raise UsageError(f"--receipt and --output: {options.receipt} is named twice")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"--output: {twice} is named twice, and each would replace the other")
    if output is None:
        output = "text" if taken or options.format is None else options.format
    return (Destination(output, None), *files)


def _by_name(path: str) -> ReportFormat:
    found = [form for suffix, form in _SUFFIXES if path.lower().endswith(suffix)]
    # The last matching suffix decides, but .sarif.json takes precedence over .json.
    return found[0] if found else "text"


def deliver(content: Content, options: OutputOptions) -> None:
    """Writes the report to each requested destination. Raises UsageError for a file that cannot be written, after all
    others are written."""
    targets = destinations(options)
    document: dict[str, Any] | None = None
    problem: UsageError | None = None
    only_json = all(target.format in ("text", "json") for target in targets)
    for target in targets:
        try:
            if target.format == "text":
                _write_text(content, target, options)
                continue
            if target.format == "json" and content.json_parts is not None and only_json:
                write_parts(content.json_parts(), target.path)
                continue
            document = content.document() if document is None else document
            _write_document(document, content, target, options)
        except UsageError as error:
            problem = problem or error
    if document is not None and any(target.format == "github" for target in targets):
        _write_summary(document, content, options)
    if problem is not None:
        raise problem


def failed_content(report: Report) -> Content:
    """Returns the content for a failed run: its text is empty, because standard error has the reason already."""

    def document() -> dict[str, Any]:
        from ovms_doctor.report.json_report import to_document

        return to_document(report)

    return Content(report.exit_code, document, lambda output: None)


def _write_text(content: Content, target: Destination, options: OutputOptions) -> None:
    if target.path is not None:
        with text_file(target.path) as file:
            content.write_text(file)
        return
    with _commands_stopped():
        content.write_text(standard_output(no_color=options.no_color))


@contextmanager
def _commands_stopped() -> Iterator[None]:
    """Disables workflow commands in a job of GitHub Actions: the report quotes names and log lines, which the runner
    could take for commands. The runner accepts none until the token is repeated."""
    if os.environ.get("GITHUB_ACTIONS") != "true" or sys.stdout.isatty():
        yield
        return
    import secrets

    token = secrets.token_hex(16)
    sys.stdout.write(f"::stop-commands::{token}\n")
    try:
        yield
    finally:
        sys.stdout.write(f"::{token}::\n")
        sys.stdout.flush()


def _write_document(
    document: dict[str, Any], content: Content, target: Destination, options: OutputOptions
) -> None:
    if target.format == "json":
        from ovms_doctor.report.json_report import dumps

        write_parts([dumps(document)], target.path)
        return
    from ovms_doctor.report.formats import render

    write_parts(render(target.format, document, _context(document, content, options)), target.path)


def _write_summary(document: dict[str, Any], content: Content, options: OutputOptions) -> None:
    """Appends the report to the summary of the step if this is a step of GitHub Actions."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    from ovms_doctor.report.formats import render, shortened

    parts = render("markdown", document, _context(document, content, options))
    data = shortened(parts, _LONGEST_SUMMARY).encode("utf-8", "backslashreplace")
    try:
        write_named_file([data], path, append=True)
    except UnwritableError as error:
        print(f"ovms-doctor: GITHUB_STEP_SUMMARY: {error}", file=sys.stderr)


def _context(document: dict[str, Any], content: Content, options: OutputOptions) -> RenderContext:
    from ovms_doctor.report.formats.context import RenderContext

    return RenderContext(
        directory=working_directory(),
        target=content.target,
        fail_on=options.fail_on,
        exit_code=content.exit_code,
        rules=_rules({finding["code"] for finding in document["findings"]}),
    )


def _rules(held: Iterable[str]) -> dict[str, Rule]:
    """Returns the rules of the codes in the report."""
    from ovms_doctor.explain.index import codes, prose
    from ovms_doctor.report.formats.context import Rule

    known = codes()
    return {
        code: Rule(
            entry.code, entry.name, entry.severity, entry.summary, entry.remedy, entry.docs, prose(entry)
        )
        for code in sorted(held)
        if (entry := known.get(code)) is not None
    }
