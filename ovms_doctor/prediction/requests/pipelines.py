"""The inputs of pipelines of models (``PipelineDefinition::updateInputsInfo``, the same from v2022.1 to v2026.3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from ovms_doctor.model.parameters import ANY, Dimension
from ovms_doctor.model.pipelines import PipelineFeed, PipelinePlan
from ovms_doctor.model.served_models import ServedGraph, ServedInput, ServedModels


def served_pipelines(plans: Iterable[PipelinePlan], models: ServedModels) -> Iterator[ServedGraph]:
    """Yields the pipelines that requests can reach. The inputs of a graph without inputs are not known."""
    for plan in plans:
        if plan.is_dropped:
            continue
        if plan.available is False:
            yield ServedGraph(plan.name, "pipeline", "not_loaded")
        else:
            inputs = _inputs(plan, models) if plan.available else ()
            yield ServedGraph(plan.name, "pipeline", "available", inputs)


def _inputs(plan: PipelinePlan, models: ServedModels) -> tuple[ServedInput, ...]:
    found: dict[str, ServedInput] = {}
    for feed in plan.feeds:
        item = _input(feed, models)
        if item is None:
            return ()
        known = found.setdefault(feed.name, item)
        if known != item:
            common = _intersection(known, item)
            if common is None:
                return ()
            found[feed.name] = common
    inputs = (found[name] for name in sorted(found))
    if plan.parts is None:
        return tuple(inputs)
    parts = Dimension(ANY, ANY) if plan.parts < 0 else Dimension(plan.parts, plan.parts)
    return tuple(
        replace(
            item,
            shape=(parts, *item.shape),
            layout="N" + item.layout.replace("N", "?", 1),
            is_split=True,
        )
        for item in inputs
    )


def _input(feed: PipelineFeed, models: ServedModels) -> ServedInput | None:
    version = feed.version or models.default_version(feed.model)
    model = None if version is None else models.find(feed.model, version)
    if model is None or not model.known:
        return None
    item = next((item for item in model.inputs if item.name == feed.input), None)
    return None if item is None else replace(item, name=feed.name, model_name=feed.name)


def _intersection(left: ServedInput, right: ServedInput) -> ServedInput | None:
    """Returns the input that two nodes both accept; None if they have none in common or their layouts differ."""
    if (
        left.precision != right.precision
        or left.layout != right.layout
        or len(left.shape) != len(right.shape)
    ):
        return None
    shape = []
    for one, other in zip(left.shape, right.shape, strict=True):
        if ANY in (one.low, other.low):
            shape.append(other if one.low == ANY else one)
            continue
        low, high = max(one.low, other.low), min(one.high, other.high)
        if low > high:
            return None
        shape.append(Dimension(low, high))
    return replace(left, shape=tuple(shape))
