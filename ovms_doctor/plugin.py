"""What a third-party check is written with: the names here are stable within a major version.

A distribution offers a check as an entry point in the group ``ovms_doctor.checks`` that names a
:class:`Check`. It is imported and run in a child process, on a settled plan and the facts it rests on; what
it yields is taken over once it has been looked through. docs/plugins.md is the page for authors.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from msgspec import Struct

from ovms_doctor.checks.context import quote
from ovms_doctor.model.deployment import Deployment, ModelEntry
from ovms_doctor.model.facts import (
    Denial,
    Entry,
    Facts,
    Failure,
    Fault,
    FileContent,
    InspectModel,
    ListDirectory,
    Listing,
    LoadModel,
    LoadReport,
    ModelInspection,
    Operation,
    PathStatus,
    ReadFile,
    StatPath,
    Tensor,
    Unavailable,
)
from ovms_doctor.model.findings import (
    Confidence,
    Effect,
    Evidence,
    Finding,
    Recovers,
    Remedy,
    Severity,
    Step,
    Subject,
    Where,
)
from ovms_doctor.model.plan import Attempt, ModelPlan, Plan, VersionPlan

__all__ = [
    "Attempt",
    "Check",
    "Code",
    "Confidence",
    "Context",
    "CouldNotLookError",
    "Denial",
    "Deployment",
    "Effect",
    "Entry",
    "Evidence",
    "Facts",
    "Failure",
    "Fault",
    "FileContent",
    "Finding",
    "InspectModel",
    "ListDirectory",
    "Listing",
    "LoadModel",
    "LoadReport",
    "ModelEntry",
    "ModelInspection",
    "ModelPlan",
    "NotApplicableError",
    "Operation",
    "PathStatus",
    "Plan",
    "ReadFile",
    "Recovers",
    "Remedy",
    "Severity",
    "StatPath",
    "Step",
    "Subject",
    "Tensor",
    "Unavailable",
    "VersionPlan",
    "Where",
    "quote",
]


class NotApplicableError(Exception):
    """Raised by a check that has nothing to look at; the text says why. It changes no exit code."""


class CouldNotLookError(Exception):
    """Raised by a check that lacks what it needs; the text says what. The run is incomplete then (exit 3)."""


class Code(Struct, frozen=True):
    """One code of a check, for ever: a prefix of its own (2–8 capital letters, not ``OVD``) and a number.

    ``name`` in kebab case; ``severity`` the usual one (a case may be milder); ``summary`` a phrase;
    ``meaning`` what is the case and what the server does about it; ``remedy`` what to do; ``docs`` the
    address of its page (https), or empty.
    """

    code: str
    name: str
    severity: Severity
    summary: str
    meaning: str
    remedy: str
    recovers: Recovers | None = None
    releases: str = ""
    docs: str = ""


class Check(Struct, frozen=True):
    """What the entry point names; the entry point's own name is the check's.

    ``summary``: one line on what it looks at. ``run`` yields findings with these ``codes`` and no others; it
    may raise :class:`NotApplicableError` or :class:`CouldNotLookError`.
    """

    summary: str
    codes: tuple[Code, ...]
    run: Callable[[Context], Iterable[Finding]]


class Context(Struct, frozen=True):
    """What a check is given. ``facts`` hold what the server's rules asked for, and nothing more can be
    collected: what is not among them is answered by ``Unavailable``."""

    deployment: Deployment
    plan: Plan
    facts: Facts
    codes: tuple[Code, ...]

    def host(self, path: str) -> str:
        """Where the server's path lies on this host."""
        return self.deployment.host_path(path)

    def finding(
        self,
        code: str,
        message: str,
        *,
        model: str | None = None,
        version: int | None = None,
        path: str | None = None,
        base: str | None = None,
        detail: str = "",
        severity: Severity | None = None,
        confidence: Confidence = "medium",
        server_log: tuple[str, ...] = (),
        evidence: tuple[Evidence, ...] = (),
        recovers: Recovers | None = None,
        steps: tuple[Step, ...] = (),
        remedy: str = "",
        caused_by_versions: tuple[int, ...] = (),
    ) -> Finding:
        """A finding with the name, severity, remedy and page of its code; KeyError where it has no such.

        ``path`` is the server's; ``base`` the base path from which the fingerprint counts;
        ``caused_by_versions`` the versions of the same model from whose errors this follows.
        """
        entry = {item.code: item for item in self.codes}[code]
        relative = ""
        if path is not None:
            relative = os.path.relpath(path, base) if base and path.startswith(base) else path
        return Finding(
            code,
            entry.name,
            severity or entry.severity,
            Subject(model, version, None if path is None else self.host(path), path),
            message,
            detail,
            confidence,
            server_log,
            evidence,
            recovers or entry.recovers,
            Remedy(remedy or entry.remedy, steps),
            entry.docs,
            tuple(str(number) for number in caused_by_versions),
            relative,
        )
