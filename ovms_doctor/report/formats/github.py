"""Annotations of GitHub Actions: a workflow command for each group of findings, then the verdict.

The form of the commands and their escapes: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.report.document import ReportDocument
from ovms_doctor.report.formats.common import affected, locate, remedy_lines, safe, title
from ovms_doctor.report.formats.context import RenderContext
from ovms_doctor.report.groups import group_findings

_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}


def render(document: ReportDocument, context: RenderContext) -> Iterator[str]:
    """Yields one line for each group. The web interface shows ten of each kind for a step: causes come first."""
    for group in group_findings(document.findings):
        finding = group[0]
        location = locate(finding, document, context)
        properties = {"title": title(finding)}
        if location.is_relative:
            properties["file"] = safe(location.path)
        if location.line is not None:
            properties["line"] = str(location.line)
        if location.column is not None:
            properties["col"] = str(location.column)
        names = affected(group)
        lines = [
            safe(finding.message),
            safe(finding.detail),
            f"Affected: {names}" if names else "",
            *remedy_lines(finding),
            safe(finding.docs),
        ]
        yield _command(_COMMANDS[finding.severity], properties, "\n".join(line for line in lines if line))
    if document.error:
        yield _command("error", {"title": "ovms-doctor could not run"}, safe(document.error))
    # The verdict is a command too: the runner could take a plain line for a command.
    yield _command("notice", {"title": "ovms-doctor"}, safe(document.summary.sentence))


def _command(name: str, properties: dict[str, str], text: str) -> str:
    pairs = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {pairs}::{_data(text)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
