"""Functions for several formats: the position of a finding, and its text in sentences."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from msgspec import Struct

from ovms_doctor.model.display_text import printable
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.report.document import FindingInfo, ReportDocument, StepInfo
from ovms_doctor.report.formats.context import RenderContext
from ovms_doctor.report.phrases import RECOVERS, plural

_SCHEME = lazy_pattern(r"[A-Za-z][A-Za-z0-9+.-]{0,20}")
_HOST = lazy_pattern(r"([\w.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?", re.ASCII)
#: Maximum number of models of a group that a sentence names; the others are counted.
_NAMED = 100


class Location(Struct, frozen=True):
    """The position at which a web interface can show a finding."""

    #: The path: relative to the working directory if below it, else absolute, or an address.
    path: str
    #: Whether the path is relative.
    is_relative: bool
    #: The line, from 1; None if the finding is about the whole file.
    line: int | None = None
    #: The column, from 1; None if unknown.
    column: int | None = None

    @property
    def uri(self) -> str:
        """The path as a URI, relative if the path is."""
        scheme, mark, rest = self.path.partition("://")
        if mark and _SCHEME.fullmatch(scheme):
            host, slash, path = rest.partition("/")
            return f"{scheme}://{host if _HOST.fullmatch(host) else quote(host, safe='')}{slash}{quote(path)}"
        return quote(self.path) if self.is_relative else f"file://{quote(self.path)}"


def locate(finding: FindingInfo, document: ReportDocument, context: RenderContext) -> Location:
    """Returns the position of the finding. A finding without a file of this host is shown at its model's directory,
    else at the first named target."""
    subject = finding.subject
    line, column = subject.line, subject.column
    path = subject.document if line is not None else subject.path
    if path is None and finding.occurrences and context.target:
        return _location(context.target, context.directory, finding.occurrences.first_line, None)
    if path is None:
        directories = {model.name: model.host_path for model in document.models}
        path = directories.get(subject.model or "") or context.target or subject.server_path or "."
    return _location(path, context.directory, line, column)


def _location(path: str, directory: str, line: int | None, column: int | None) -> Location:
    scheme, mark, _ = path.partition("://")
    if mark and _SCHEME.fullmatch(scheme):
        return Location(path, False, line, column)
    absolute = posixpath.normpath(posixpath.join(directory, path))
    if absolute == directory:
        return Location(".", True, line, column)
    below = directory.rstrip("/") + "/"
    if absolute.startswith(below):
        return Location(absolute[len(below) :], True, line, column)
    return Location(absolute, False, line, column)


def safe(text: str) -> str:
    """Returns a text of the document in one line, with all unprintable characters escaped."""
    return printable(text)


def safe_lines(text: str) -> list[str]:
    """Returns the lines of a text of the document, each safe as by :func:`safe`."""
    return [printable(line.expandtabs(8)) for line in text.split("\n")]


def title(finding: FindingInfo) -> str:
    """Returns ``OVD101 no-version-directory``."""
    return safe(f"{finding.code} {finding.name}")


def subject_text(finding: FindingInfo) -> str:
    """Returns ``resnet, version 2``; empty for the server as a whole."""
    subject = finding.subject
    if subject.model is None:
        return ""
    return safe(subject.model if subject.version is None else f"{subject.model}, version {subject.version}")


def affected(group: Sequence[FindingInfo], most: int = _NAMED) -> str:
    """Returns the subjects of a group in one text, the first ``most`` of them by name; empty if there are none."""
    names = list(dict.fromkeys(name for name in map(subject_text, group) if name))
    more = len(names) - most
    separator = "; " if any(", version" in name for name in names) else ", "
    return separator.join(names[:most]) + (f" and {plural(more, 'more')[:-1]}" if more > 0 else "")


def paths_of(finding: FindingInfo) -> str:
    """Returns the path on the server and on this host; empty without a path."""
    path, server_path = finding.subject.path, finding.subject.server_path
    if server_path is not None and path is not None and path != server_path:
        return safe(f"{server_path}, on this host {path}")
    return safe(server_path or path or "")


def step_text(step: StepInfo) -> str:
    """Returns the text of a step, with its location and its effect, unless it only reads on this host."""
    notes = [] if step.location in (None, "host") else [f"in {step.location}"]
    if step.effect not in (None, "reads"):
        notes.append(str(step.effect))
    return safe(step.text) + (f" [{', '.join(notes)}]" if notes else "")


def remedy_lines(finding: FindingInfo) -> Iterator[str]:
    """Yields the remedy, one line for each step, commands indented."""
    if finding.remedy is None:
        return
    if not finding.remedy.steps and finding.remedy.summary:
        yield safe(finding.remedy.summary)
    for step in finding.remedy.steps:
        yield step_text(step)
        if step.command is not None:
            yield f"  {safe(step.command)}"


def text_lines(group: Sequence[FindingInfo]) -> Iterator[str]:
    """Yields a group of findings as plain text: the message, the log, the evidence, the remedy."""
    finding = group[0]
    yield f"{finding.severity} {title(finding)}: {safe(finding.message)}"
    if finding.detail:
        yield safe(finding.detail)
    if len(group) > 1:
        yield f"Affected ({len(group)}): {affected(group)}"
    if paths := paths_of(finding):
        yield f"At: {paths}"
    yield from _labelled("Log:", (line for message in finding.server_log for line in safe_lines(message)))
    yield from _labelled("Seen:", (safe(f"{item.observation} ({item.method})") for item in finding.evidence))
    yield from _labelled("What to do:", remedy_lines(finding))
    if finding.recovers is not None and finding.severity != "info":
        yield f"Then: {RECOVERS[finding.recovers]}"
    if finding.docs:
        yield f"More: {safe(finding.docs)}"


def _labelled(label: str, lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if not number:
            yield label
        yield f"  {line}"
