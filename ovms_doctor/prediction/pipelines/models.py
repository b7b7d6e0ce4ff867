"""The models of a plan as the nodes of pipelines find them: by name and version, right after start-up or later."""

from __future__ import annotations

from collections.abc import Iterable

from ovms_doctor.model.facts import LoadReport, Tensor
from ovms_doctor.model.parameters import ParsedParameters, read_dimensions
from ovms_doctor.model.pipelines import PipelineTensor
from ovms_doctor.model.plan import Attempt, ModelPlan
from ovms_doctor.model.served_models import PRECISIONS
from ovms_doctor.prediction.mapping import tensor_name
from ovms_doctor.prediction.pipelines.validation import Found, ModelLookup, PipelineModel


def models_for_pipelines(plans: Iterable[ModelPlan], *, later: bool) -> ModelLookup:
    """Returns a look-up of the models of a configuration. ``later``: whether it uses their states after two further
    polls."""
    known = {plan.entry.name: plan for plan in plans if plan.kind == "classic"}

    def find(name: str, version: int) -> Found:
        plan = known.get(name)
        if plan is None:
            return "missing"
        if plan.unknown is not None or plan.blocked is not None:
            return "unknown"
        served = plan.served_later if later else plan.served
        # Without a version: the newest that is served (``Model::updateDefaultVersion``).
        number = version or max(served, default=0)
        if number not in served:
            return "unavailable"
        attempt = next(item.attempt for item in plan.versions if item.version == number)
        return PipelineModel() if attempt is None else _model(attempt, plan.parameters)

    return find


def _model(attempt: Attempt, parameters: ParsedParameters | None) -> PipelineModel:
    inputs, outputs = _tensors(attempt)
    changed = parameters is not None and bool(
        parameters.batch
        or parameters.batch_auto
        or parameters.shapes
        or parameters.layout
        or parameters.layouts
    )
    report = attempt.report
    prepared = report.prepared_inputs if isinstance(report, LoadReport) else ()
    if changed and prepared:
        inputs = prepared
    return PipelineModel(
        _named(attempt, "input", inputs, shapes_known=not changed or bool(prepared)),
        # Only the runtime determines the outputs' shapes.
        _named(attempt, "output", outputs, shapes_known=not changed),
        parameters is not None and parameters.dynamic,
    )


def _tensors(attempt: Attempt) -> tuple[tuple[Tensor, ...] | None, tuple[Tensor, ...] | None]:
    report = attempt.report
    if isinstance(report, LoadReport) and report.outcome == "ok":
        return report.inputs, report.outputs
    inspection = attempt.inspection
    return (None, None) if inspection is None else (inspection.inputs, inspection.outputs)


def _named(
    attempt: Attempt, side: str, tensors: tuple[Tensor, ...] | None, *, shapes_known: bool
) -> dict[str, PipelineTensor] | None:
    """Returns the tensors by the names that clients use; None if one of them has no name that is known here."""
    if tensors is None:
        return None
    found: dict[str, PipelineTensor] = {}
    for tensor in tensors:
        real = tensor_name(tensor)
        if not real:
            return None
        alias = attempt.names.alias("input" if side == "input" else "output", real)
        precision = PRECISIONS.get(tensor.element_type, "UNDEFINED")
        found[alias or real] = PipelineTensor(
            precision, read_dimensions(tensor.shape) if shapes_known else None
        )
    return found
