"""The memory of the loaded versions, as a range, and the limit for it.

Source: measured with OpenVINO 2026.4.1 on the CPU, resident memory after compiling (FP32, FP16, INT8 and packed
weights, 1 MB to 4 GB). The server keeps the model and the compiled model of every version (modelinstance.cpp), and
loads the new version before it retires the old one (modelmanager.cpp); it checks no memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import ModelInspection
from ovms_doctor.model.facts.answers import WeightsInspection
from ovms_doctor.model.graph_plan import GraphPlan
from ovms_doctor.model.host import HostLimits
from ovms_doctor.model.memory import CacheMemory, MemoryEstimate, VersionMemory
from ovms_doctor.model.plan import ModelPlan, VersionPlan

MIB = 1 << 20
#: The memory of a process with OpenVINO and no model, and of one more small model: memory that cannot be reclaimed.
BASE = 35 * MIB
EACH = 2 * MIB
#: By the element type of weights, and their conversion: the part of their size that is kept a second time if the
#: processor computes in bf16, and if it computes in f32.
_KEPT: dict[tuple[str, str], tuple[float, float]] = {
    ("f32", ""): (0.5, 1.0),
    ("f16", ""): (1.0, 2.0),
    ("bf16", ""): (1.0, 2.0),
    ("f16", "decompression"): (1.0, 2.0),
    ("bf16", "decompression"): (1.0, 2.0),
    ("f16", "plain"): (3.0, 4.0),
    ("bf16", "plain"): (3.0, 4.0),
}
_ELSE = (1.0, 1.0)
_REWRITTEN = {("f16", "plain"), ("bf16", "plain")}
#: For a format without the sizes of constants: the file is read into memory, and compiled.
_WHOLE = (1.0, 3.0)


def estimate(models: Iterable[ModelPlan], limits: HostLimits) -> MemoryEstimate | None:
    """Returns the estimate for the plans of models; None if nothing is loaded whose memory is known."""
    versions: list[VersionMemory] = []
    left_out: list[str] = []
    precisions: dict[str, None] = {}
    retried: list[VersionMemory] = []
    graphs: list[VersionMemory] = []
    caches: list[CacheMemory] = []
    for model in models:
        if model.followed is not None:
            if model.tried and model.followed.verdict == "available":
                _add_graph(model.entry.name, model.followed, limits, graphs, caches, left_out, precisions)
            continue
        hint, on_cpu = _compile_options(model, limits)
        for version in model.versions:
            is_retried = _is_retried(version)
            if not is_retried and (version.now is None or not version.now.available):
                continue
            name = f"{model.entry.name} {version.version}"
            inspection = version.attempt.inspection if version.attempt is not None else None
            if model.kind != "classic" or inspection is None or not on_cpu:
                left_out += [] if is_retried else [name]
                continue
            bf16, mapped = _bf16(hint, limits), _is_mapped(hint)
            found = _version(model.entry.name, version.version, inspection, bf16, mapped)
            if is_retried:
                retried.append(found)
                continue
            precisions[_precision(bf16)] = None
            versions.append(found)
    versions += graphs
    if not versions:
        return None
    low = BASE + sum(item.low for item in versions)
    high = BASE + sum(item.high for item in versions)
    # A graph is not loaded while an older graph of the same name is loaded.
    classic = [item for item in versions if item not in graphs]
    more_low, more_high = _largest(classic) if classic else (0, 0)
    return MemoryEstimate(
        low,
        high,
        sum(item.mapped for item in versions),
        low + more_low,
        high + more_high,
        tuple(versions),
        tuple(left_out),
        tuple(precisions),
        tuple(retried),
        tuple(caches),
        sum(item.low for item in graphs),
    )


def is_killed(estimate_: MemoryEstimate | None, deployment: Deployment) -> bool:
    """Whether the kernel kills the process because of the least memory that it needs, before a request arrives. A
    container's swap space counts; a running container that never restarted is not killed."""
    limit, container = deployment.memory, deployment.container
    if estimate_ is None or limit is None:
        return False
    least = estimate_.low - estimate_.with_requests
    if least <= limit:
        return False
    if container is None:
        return True
    swap = container.limits.memory_swap
    if swap is not None and (swap < 0 or (swap > limit and least <= swap)):
        return False
    state = container.state
    return state is None or state.status != "running" or state.restarts > 0


def _add_graph(
    name: str,
    graph: GraphPlan,
    limits: HostLimits,
    graphs: list[VersionMemory],
    caches: list[CacheMemory],
    left_out: list[str],
    precisions: dict[str, None],
) -> None:
    """Adds the models that a graph's nodes load: they are packed for the processor at the first request, and kept."""
    found: list[VersionMemory] = []
    for node in graph.models:
        if node.device not in ("CPU", "") or (not node.device and limits.gpu):
            left_out.append(name)
            continue
        hint = _properties(node.properties)
        bf16, mapped = _bf16(hint, limits), _is_mapped(hint)
        precisions[_precision(bf16)] = None
        found += [_version(name, 1, inspection, bf16, mapped) for inspection in node.inspections]
        caches += [CacheMemory(name, cache) for cache in node.caches]
    if found:
        low, high, kept = (sum(getattr(item, field) for item in found) for field in ("low", "high", "mapped"))
        graphs.append(VersionMemory(name, 1, low, high, kept, any(item.read for item in found)))


def _bf16(hint: Mapping[str, Any], limits: HostLimits) -> bool | None:
    """Whether weights are computed in bf16; None if it is not known whether the processor can."""
    precision = str(hint.get("INFERENCE_PRECISION_HINT", "")).lower()
    if precision in ("f32", "bf16"):
        return precision == "bf16" and limits.bf16 is not False
    return limits.bf16


def _is_mapped(hint: Mapping[str, Any]) -> bool:
    return str(hint.get("ENABLE_MMAP", "YES")).upper() in ("YES", "TRUE", "1")


def _precision(bf16: bool | None) -> str:
    return "bf16" if bf16 else "f32" if bf16 is False else "bf16 or f32"


def _is_retried(version: VersionPlan) -> bool:
    """Whether the server reads the version at every poll, and fails to compile it. An earlier failure needs little
    memory."""
    attempt = version.attempt
    return (
        attempt is not None
        and attempt.outcome == "failed"
        and attempt.status == "CANNOT_COMPILE_MODEL_INTO_TARGET_DEVICE"
    )


def _version(
    model: str, version: int, inspection: ModelInspection, bf16: bool | None, mapped: bool
) -> VersionMemory:
    if inspection.format != "ir":
        files = sum(item.size or 0 for item in inspection.files)
        return VersionMemory(model, version, EACH + int(files * _WHOLE[0]), EACH + int(files * _WHOLE[1]), 0)
    return VersionMemory(model, version, *_of_weights(inspection.weights, bf16, mapped), read=not mapped)


@lru_cache(maxsize=1 << 10)
def _of_weights(
    inspected: tuple[WeightsInspection, ...], bf16: bool | None, mapped: bool
) -> tuple[int, int, int]:
    """Returns the least and the most memory of a model, and how much of its file is mapped, in bytes."""
    low = high = 0.0
    for item in inspected:
        in_bf16, in_f32 = _KEPT.get((item.element_type, item.converted), _ELSE)
        low += item.size * (in_f32 if bf16 is False else in_bf16)
        high += item.size * (in_bf16 if bf16 else in_f32)
    # Half floats that are computed during compilation are not read from the file any more.
    used = sum(item.size for item in inspected if (item.element_type, item.converted) not in _REWRITTEN)
    if not mapped:
        # They are read into memory instead, which cannot be reclaimed.
        weights = sum(item.size for item in inspected)
        low, high = low + weights, high + weights
    return EACH + int(low), EACH + int(high), used if mapped else 0


def _largest(versions: list[VersionMemory]) -> tuple[int, int]:
    """Returns the memory of the largest version, as the estimate for a new version of its model."""
    top = max(versions, key=lambda item: item.high)
    return top.low, top.high


def _compile_options(model: ModelPlan, limits: HostLimits) -> tuple[Mapping[str, Any], bool]:
    """Returns the plugin's properties, and whether the model is compiled for the CPU alone."""
    parameters = model.parameters
    if parameters is None:
        return {}, not limits.gpu
    device = parameters.device
    on_cpu = set(device.members or (device.plugin,)) == {"CPU"} and not (
        device.chosen_by_server and limits.gpu
    )
    return _properties(parameters.plugin_config.values), on_cpu


@lru_cache(maxsize=1 << 10)
def _properties(values: tuple[tuple[str, str], ...]) -> Mapping[str, Any]:
    """Returns the values of the plugin's properties."""
    return {key: json.loads(value) for key, value in values}
