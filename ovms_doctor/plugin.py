"""The API of checks, built-in or third-party: the names here are stable within a major version.

A distribution offers a check as an entry point in the group ``ovms_doctor.checks`` that names a :class:`Check`. It is
imported and run in a child process, on a settled plan and its facts; its findings are validated before they are
reported. docs/plugins.md is the page for authors.
"""

from __future__ import annotations

from ovms_doctor.checks.api import Check, CouldNotLookError, NotApplicableError
from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.config_positions import LineColumn
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
    CausedBy,
    Confidence,
    Effect,
    Evidence,
    Finding,
    Recovers,
    Remedy,
    ServingEffect,
    Severity,
    Step,
    StepLocation,
    Subject,
)
from ovms_doctor.model.plan import Attempt, ModelPlan, Plan, VersionPlan
from ovms_doctor.model.server_log import Message

__all__ = [
    "ALL_RELEASES",
    "Attempt",
    "CausedBy",
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
    "Example",
    "Facts",
    "Failure",
    "Fault",
    "FileContent",
    "Finding",
    "InspectModel",
    "LineColumn",
    "ListDirectory",
    "Listing",
    "LoadModel",
    "LoadReport",
    "Message",
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
    "ServingEffect",
    "Severity",
    "StatPath",
    "Step",
    "StepLocation",
    "Subject",
    "Tensor",
    "Unavailable",
    "VersionPlan",
    "quote",
]
