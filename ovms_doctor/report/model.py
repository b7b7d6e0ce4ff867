"""A Report: the whole result of a run, before it is rendered."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct, field

from ovms_doctor.model.findings import Finding

if TYPE_CHECKING:
    from ovms_doctor.model.deployment import Deployment
    from ovms_doctor.model.live import LiveStatus
    from ovms_doctor.model.plan import Plan

CheckStatus: TypeAlias = Literal["ran", "not_applicable", "could_not_look", "timed_out", "crashed"]
Verdict: TypeAlias = Literal["pass", "fail", "incomplete"]


class CheckRun(Struct, frozen=True):
    """How one selected check ended. ``reason`` where it did not simply run."""

    name: str
    status: CheckStatus
    reason: str = ""
    duration_s: float = 0.0


class Run(Struct, frozen=True):
    """When, with what and where. ``arguments`` with secrets already replaced; ``host`` as it calls itself."""

    started_at: str
    duration_s: float
    arguments: tuple[str, ...]
    host: tuple[tuple[str, str], ...] = ()


class FactsOrigin(Struct, frozen=True):
    """Where recorded facts come from, as far as their file says."""

    #: When they were collected, as ISO 8601; empty where the file has no time.
    collected_at: str = ""
    #: The version of ovms-doctor that collected them; empty where the file has none.
    tool_version: str = ""
    #: The name of the host; empty where none was given.
    host: str = ""
    #: Whether the names in them are pseudonyms.
    redacted: bool = False


class Report(Struct, frozen=True, dict=True):
    """``findings`` root causes first; ``host_paths``: base paths of the server and of this host, where the two
    differ.

    ``runtime``: the OpenVINO that read the models here, None where none did. ``looked_at``: sentences for a green
    report. ``live``: the running server, None where it was not looked at;
    ``about_now``: fingerprints of the findings about it as it runs. ``verdict`` by the threshold of ``--fail-on``.
    """

    tool_version: str
    run: Run
    verdict: Verdict
    exit_code: int
    deployment: Deployment | None
    plan: Plan | None
    findings: tuple[Finding, ...] = ()
    checks: tuple[CheckRun, ...] = ()
    runtime: str | None = None
    host_paths: tuple[tuple[str, str], ...] = ()
    looked_at: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    error: str | None = None
    live: LiveStatus | None = None
    about_now: frozenset[str] = frozenset()
    #: Findings that a baseline or the project's configuration takes out of account.
    suppressed: tuple[Finding, ...] = ()
    #: Where the facts come from; None where this run collected them.
    facts_from: FactsOrigin | None = None

    @cached_property
    def by_model(self) -> dict[str | None, list[Finding]]:
        """The findings by the model that they are about, in their order; None for those about no model."""
        return _by_model(self.findings)

    @cached_property
    def suppressed_by_model(self) -> dict[str | None, list[Finding]]:
        """The same of the suppressed findings."""
        return _by_model(self.suppressed)


def _by_model(findings: Iterable[Finding]) -> dict[str | None, list[Finding]]:
    found: dict[str | None, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.subject.model, []).append(finding)
    return found
