"""Failures, one line each, at the end of the text report, which may be many screens long."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from ovms_doctor.model.findings import Finding
from ovms_doctor.report.model import Report
from ovms_doctor.report.phrases import plural, subject_of, title_of
from ovms_doctor.report.text_writer import TextWriter
from ovms_doctor.report.verdict import BAD, model_status

#: Maximum number of lines without --verbose.
_MOST = 40


class Failure(Struct, frozen=True):
    """One line."""

    #: The model, or another part that failed; empty for the server as a whole.
    subject: str
    #: The short reason.
    reason: str


def failures(report: Report) -> list[Failure]:
    """Returns the models that are not served as requested with their first error, then the errors about no model."""
    if report.plan is None:
        return []
    errors = [finding for finding in report.findings if finding.severity == "error"]
    first: dict[str, Finding] = {}
    for finding in errors:
        if finding.subject.model is not None:
            first.setdefault(finding.subject.model, finding)
    found = [
        Failure(finding.subject.path or "", title_of(finding))
        for finding in errors
        if finding.subject.model is None
    ]
    # If the process ends, or one cause prevents the service of all models, that is named instead of each model.
    explained = bool(found) or report.plan.outcome in ("exits", "never_ends")
    known = {finding.subject.model for finding in report.suppressed}
    for model in report.plan.models:
        name = model.entry.name
        if name in first:
            found.append(_of_model(first.pop(name)))
        elif not explained and name not in known and model_status(model, report) == "bad":
            is_loaded = model.followed is not None and model.followed.verdict == "available" and model.tried
            found.append(Failure(name, "AVAILABLE, and requests fail" if is_loaded else "not served"))
    # Pipelines, and models that the server never starts to load.
    found += [_of_model(finding) for finding in first.values()]
    return list(dict.fromkeys(found))


def _of_model(finding: Finding) -> Failure:
    return Failure(subject_of(finding), title_of(finding))


def write_failures(writer: TextWriter, found: Sequence[Failure]) -> None:
    """Writes a line for each failure, in the order of the report."""
    if not found:
        return
    writer.blank()
    displayed = found if writer.verbose else found[:_MOST]
    for failure in displayed:
        subject = f"{failure.subject}: " if failure.subject else ""
        writer.prose(f"{BAD} {subject}{failure.reason}", style="red")
    if len(found) > len(displayed):
        writer.prose(f"… and {plural(len(found) - len(displayed), 'more failure')} (--verbose)", style="dim")
