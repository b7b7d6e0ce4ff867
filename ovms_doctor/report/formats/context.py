"""The arguments of a renderer in addition to the document."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from ovms_doctor.model.findings import Severity
from ovms_doctor.model.output_options import FailOn


class Rule(Struct, frozen=True):
    """A code as its page describes it."""

    #: The code.
    code: str
    #: Its name in kebab case.
    name: str
    #: Its usual severity.
    severity: Severity
    #: The summary of the problem, a phrase without a full stop.
    summary: str
    #: The remedy.
    remedy: str
    #: The web address of its page.
    docs: str
    #: The text of its page, Markdown.
    page: str


class RenderContext(Struct, frozen=True):
    """The run around a document."""

    #: This process's working directory: paths below it are written relative to it.
    directory: str
    #: The file, directory or address that was named first; empty for none.
    target: str
    #: The least severe finding that makes the run fail.
    fail_on: FailOn
    #: The exit code of the run.
    exit_code: int
    #: The codes of the findings that this process knows.
    rules: Mapping[str, Rule]
