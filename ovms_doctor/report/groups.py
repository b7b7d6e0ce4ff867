"""Findings with one cause and one remedy: one group for people, however many models are affected."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, TypeVar

from ovms_doctor.model.findings import Finding

if TYPE_CHECKING:
    from ovms_doctor.report.document import FindingInfo

F = TypeVar("F", Finding, "FindingInfo")


def group_findings(findings: Sequence[F]) -> list[tuple[F, ...]]:
    """Returns the findings in groups, each group at the position of its first finding.

    A group contains findings of one code on the same path with the same remedy: a directory without access denies
    access to every model below it. Remedies with identical commands count as one remedy, even for findings on
    different paths.
    """
    groups: dict[Hashable, list[F]] = {}
    for finding in findings:
        groups.setdefault(finding_key(finding), []).append(finding)
    return [tuple(group) for group in groups.values()]


def finding_key(finding: Finding | FindingInfo) -> Hashable:
    """Returns the common properties of the findings of one group."""
    kind = (finding.code, finding.severity, finding.confidence, finding.recovers)
    if finding.remedy is None:
        return (*kind, id(finding))
    steps = tuple((step.text, step.command) for step in finding.remedy.steps)
    changes = tuple(step.command for step in finding.remedy.steps if step.command)
    path = finding.subject.server_path or finding.subject.path
    if changes:
        return (*kind, steps)
    # A general sentence is the same for different causes: only the path shows whether the cause is the same.
    return (*kind, steps, path) if path is not None else (*kind, id(finding))
