"""Reading the model: files with wrong content, and models that OVMS or OpenVINO refuse."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.reading import (
    files,
    ir,
    links,
    refusal,
    runtime,
    special_files,
    tensors,
    unnoticed,
    weights,
)
from ovms_doctor.model.causes import CompileRefused, NoTensors, ReadRefused, RuntimeCrashes, SpecialFile
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.plan import Attempt, ModelPlan


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on each version whose load fails, crashes or never returns, or that is served with faulty
    files."""
    for model in context.plan.models:
        if model.blocked is not None:
            yield special_files.check_blocked(context, model, model.blocked)
        for version in model.versions:
            if version.attempt is not None:
                yield from _attempt(context, model, version.attempt)


def _attempt(context: Context, model: ModelPlan, attempt: Attempt) -> Iterator[Finding]:
    cause = attempt.cause
    if isinstance(cause, ReadRefused):
        yield from refusal.check(context, model, attempt, cause)
    elif isinstance(cause, NoTensors):
        yield tensors.check(context, model, attempt, cause)
    elif isinstance(cause, SpecialFile):
        yield special_files.check_attempt(context, model, attempt, cause)
    elif isinstance(cause, RuntimeCrashes):
        yield runtime.check_crash(context, model, attempt, cause)
    elif isinstance(cause, CompileRefused):
        yield runtime.check_compile(context, model, attempt, cause)
    elif attempt.inspection is not None and attempt.outcome == "loaded":
        yield from unnoticed.check(context, model, attempt, attempt.inspection)


CHECK = Check(
    name="reading",
    summary="whether the files are complete and OpenVINO reads them",
    codes=(
        *files.CODES,
        *weights.CODES,
        *ir.CODES,
        *links.CODES,
        *special_files.CODES,
        *tensors.CODES,
        *runtime.CODES,
        *refusal.CODES,
    ),
    run=check,
)
