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
    """The status of one selected check."""

    #: The check's name.
    name: str
    #: How it ended; only ``ran`` means a complete check.
    status: CheckStatus
    #: Why it did not simply run; else empty.
    reason: str = ""
    #: Its duration in seconds.
    duration_s: float = 0.0


class Run(Struct, frozen=True):
    """The time, arguments and host of a run."""

    #: The start as ISO 8601 with the offset from UTC.
    started_at: str
    #: The duration in seconds.
    duration_s: float
    #: The program's arguments, secrets replaced.
    arguments: tuple[str, ...]
    #: The host's description of itself: names and values.
    host: tuple[tuple[str, str], ...] = ()


class FactsOrigin(Struct, frozen=True):
    """The origin of recorded facts, as far as their file names it."""

    #: When they were collected, as ISO 8601; empty if the file has no time.
    collected_at: str = ""
    #: The version of ovms-doctor that collected them; empty if the file has none.
    tool_version: str = ""
    #: The name of the host; empty if the file has none.
    host: str = ""
    #: Whether the names in them are pseudonyms.
    redacted: bool = False


class Report(Struct, frozen=True, dict=True):
    """The whole result of a run."""

    #: The version of ovms-doctor.
    tool_version: str
    #: The time, arguments and host of the run.
    run: Run
    #: The verdict by the threshold of ``--fail-on``.
    verdict: Verdict
    #: The exit code of the run.
    exit_code: int
    #: The deployment; None if the run failed before it was known.
    deployment: Deployment | None
    #: The predicted result; None if the run failed before it was known.
    plan: Plan | None
    #: The findings, root causes first.
    findings: tuple[Finding, ...] = ()
    #: The status of each selected check, in the order of running.
    checks: tuple[CheckRun, ...] = ()
    #: The version of the OpenVINO that read the models here; None if none did.
    runtime: str | None = None
    #: Pairs of base paths, of the server and of this host, if the two differ.
    host_paths: tuple[tuple[str, str], ...] = ()
    #: Sentences for a green report.
    coverage: tuple[str, ...] = ()
    #: Remarks on how the request was understood.
    notes: tuple[str, ...] = field(default=())
    #: Why the run itself failed; None if it did not.
    error: str | None = None
    #: The running server; None if it was not queried.
    live: LiveStatus | None = None
    #: Fingerprints of the findings about the running server.
    about_now: frozenset[str] = frozenset()
    #: Findings that a baseline or the project's configuration suppresses.
    suppressed: tuple[Finding, ...] = ()
    #: The origin of the facts; None if this run collected them.
    facts_from: FactsOrigin | None = None

    @cached_property
    def by_model(self) -> dict[str | None, list[Finding]]:
        """The findings by the model that they are about, in their order; the key None holds findings without a
        model."""
        return _by_model(self.findings)

    @cached_property
    def suppressed_by_model(self) -> dict[str | None, list[Finding]]:
        """The suppressed findings by model, like :attr:`by_model`."""
        return _by_model(self.suppressed)


def _by_model(findings: Iterable[Finding]) -> dict[str | None, list[Finding]]:
    found: dict[str | None, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.subject.model, []).append(finding)
    return found
