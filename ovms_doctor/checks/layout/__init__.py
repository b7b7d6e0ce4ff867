"""Base paths, version directories and the files in them: whether they are in the paths that the server reads."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.layout import base_path, files, kinds, links, targets, version_names
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.plan import ModelPlan


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on the layout of each model's directory."""
    yield from targets.check(context)
    for model in context.plan.models:
        yield from _model(context, model)
    yield from links.check(context)


def _model(context: Context, model: ModelPlan) -> Iterator[Finding]:
    if model.kind != "classic":
        yield from kinds.check(context, model)
    elif model.detection.problem is not None:
        yield from base_path.check(context, model, model.detection.problem)
    else:
        yield from version_names.check(context, model)
        yield from files.check(context, model)


CHECK = Check(
    name="layout",
    summary="base paths, version directories and model files",
    codes=(*version_names.CODES, *base_path.CODES, *files.CODES, *kinds.CODES, *targets.CODES, *links.CODES),
    run=check,
)
