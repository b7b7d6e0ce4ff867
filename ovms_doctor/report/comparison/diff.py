"""Compares two reports on the same deployment: which findings are new, still there, or fixed.

A finding that is missing from the newer report is fixed only if the newer run checked it. If its check could not run,
or the model's files were not read, the change is unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.findings import Severity
from ovms_doctor.report.comparison.saved import SavedFinding, SavedReport

Change: TypeAlias = Literal["new", "still_there", "fixed", "not_known"]
#: The order of display: changes that need attention come first.
CHANGES: tuple[Change, ...] = ("new", "not_known", "still_there", "fixed")


class Difference(Struct, frozen=True):
    """The change of one finding between two reports."""

    #: What changed.
    change: Change
    #: The finding; the newer report's version if both have it.
    finding: SavedFinding
    #: Why the change is unknown, what else disappeared, or the earlier severity; empty without a remark.
    note: str = ""
    #: The severity in the older report, if it differs; else None.
    severity_before: Severity | None = None


def compare(
    old: SavedReport, new: SavedReport, check_of: Mapping[str, str], gap_codes: Collection[str]
) -> tuple[Difference, ...]:
    """Returns the changes of the findings, in the order of :data:`CHANGES`. ``check_of``: the check that reports
    each code; ``gap_codes``: the codes that say that something was not looked at.

    The findings about ovms-doctor itself are not compared: their effect on the others is in the notes.
    """
    before = _by_fingerprint(old)
    after = _by_fingerprint(new)
    result: list[Difference] = []
    for fingerprint, findings in after.items():
        earlier = before.get(fingerprint, [])
        for number, finding in enumerate(findings):
            if number < len(earlier):
                was = earlier[number].severity
                changed = was if was != finding.severity else None
                note = f"was {was}" if changed else ""
                result.append(Difference("still_there", finding, note, changed))
            else:
                reason = _gap(finding, old, check_of, gap_codes)
                result.append(
                    Difference(
                        "new", finding, f"the older run did not examine it: {reason}" if reason else ""
                    )
                )
    models = {model.name for model in new.models}
    for fingerprint, findings in before.items():
        for finding in findings[len(after.get(fingerprint, ())) :]:
            reason = _gap(finding, new, check_of, gap_codes)
            model = finding.subject.model
            if reason:
                result.append(Difference("not_known", finding, f"the newer run did not examine it: {reason}"))
            elif model is not None and new.models and model not in models:
                result.append(Difference("fixed", finding, f"{model} is not in the newer report"))
            else:
                result.append(Difference("fixed", finding))
    return tuple(sorted(result, key=lambda item: CHANGES.index(item.change)))


def _by_fingerprint(report: SavedReport) -> dict[str, list[SavedFinding]]:
    """Returns the findings about the server, grouped by fingerprint."""
    result: dict[str, list[SavedFinding]] = {}
    for finding in report.findings:
        if not finding.about_itself:
            result.setdefault(finding.fingerprint, []).append(finding)
    return result


def _gap(
    finding: SavedFinding, report: SavedReport, check_of: Mapping[str, str], gap_codes: Collection[str]
) -> str:
    """Returns why this run could not have found the finding; empty if it could."""
    if report.error is not None:
        return report.error.partition("\n")[0]
    gaps = [one for one in report.findings if one.code in gap_codes]
    model = finding.subject.model
    for gap in gaps:
        # A gap without a model is about the whole deployment.
        whole = gap.subject.model is None
        version = gap.subject.version
        same = gap.subject.model == model and version in (None, finding.subject.version)
        if whole or (model is not None and same):
            return gap.message
    name = check_of.get(finding.code)
    if name is None or not report.checks:
        return ""
    check = next((item for item in report.checks if item.name == name), None)
    if check is None:
        return f"the check {name} was not selected"
    # A check that failed for one model still checked the others.
    if check.is_gap and (model is None or not any(gap.subject.model is not None for gap in gaps)):
        return f"{name}: {check.reason or check.status}"
    return ""
