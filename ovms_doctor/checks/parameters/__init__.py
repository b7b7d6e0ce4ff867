"""The model parameters: refused, without an effect, deprecated, or not fitting the model."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.parameters import ignored, malformed, refused
from ovms_doctor.checks.parameters.device_failure import is_access_denied
from ovms_doctor.model.causes import ParameterRefused
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.plan import ModelPlan


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on the argument that ends the process, the entries that are left out, then each model."""
    problem = context.plan.problem
    if problem is not None and problem.kind == "parameter":
        yield malformed.finding_on_argument(context, problem)
    for skipped in context.plan.skipped:
        if skipped.reason in ("refused", "aborts"):
            yield malformed.finding_on_entry(context, skipped)
    for model in context.plan.models:
        if model.parameters is not None:
            yield from _model(context, model)


def _model(context: Context, model: ModelPlan) -> Iterator[Finding]:
    if model.status == "REQUESTED_DYNAMIC_PARAMETERS_ON_STATEFUL_MODEL":
        yield refused.finding_on_stateful_model(context, model)
    yield from ignored.check_warnings(context, model)
    for version in model.versions:
        attempt = version.attempt
        if attempt is None:
            continue
        if isinstance(attempt.cause, ParameterRefused):
            # Access that is denied to a device is reported by the check of devices.
            if not is_access_denied(attempt, model):
                yield refused.finding_on_version(context, model, attempt, attempt.cause)
        elif attempt.outcome == "loaded":
            yield from ignored.check_shapes(context, model, attempt)


CHECK = Check(
    name="parameters",
    summary="shape, layout, device and the other model parameters",
    codes=(*malformed.CODES, *ignored.CODES, *refused.CODES),
    run=check,
)
