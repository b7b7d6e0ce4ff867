"""The pipelines of a configuration, after its models were loaded (``loadPipelinesConfig``)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from msgspec.structs import replace

from ovms_doctor.model import server_log
from ovms_doctor.model.pipelines import PipelineFault, PipelinePlan
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.prediction.pipelines.definition import read_pipeline
from ovms_doctor.prediction.pipelines.models import models_for_pipelines
from ovms_doctor.prediction.pipelines.validation import validate_pipeline


def plan_pipelines(
    document: dict[str, Any],
    occupied: Collection[str],
    libraries: Collection[str],
    models: Sequence[ModelPlan],
) -> tuple[PipelinePlan, ...]:
    """Returns the state of each entry of ``pipeline_config_list``. ``occupied``: names of models and graphs, served or
    not; ``libraries``: those of custom nodes that opened."""
    now, later = (models_for_pipelines(models, later=each) for each in (False, True))
    plans: list[PipelinePlan] = []
    known: set[str] = set()
    for index, config in enumerate(document.get("pipeline_config_list", [])):
        pointer = f"/pipeline_config_list/{index}"
        name = config["name"]
        if name in known:
            line = server_log.DUPLICATE_PIPELINE(name=name)
            fault = PipelineFault(name, pointer, "duplicate", name, (line,))
            plans.append(PipelinePlan(name, pointer, False, False, fault))
            continue
        known.add(name)
        pipeline = read_pipeline(config, pointer)
        plan = validate_pipeline(pipeline, occupied, libraries, now)
        # Validated again at every change of a model it uses.
        after = validate_pipeline(pipeline, occupied, libraries, later)
        feeds, parts = pipeline.feeds(), pipeline.nodes[0].demultiply
        plans.append(replace(plan, later_available=after.available, feeds=feeds, parts=parts))
    return tuple(plans)
