"""The device of a node: whether the server has it, and the settings that its pipelines accept.

Source: servable_initializer.cpp and pipelines of GenAI (v2024.2 to v2026.3); the names as for classic models. Only the
exact name NPU selects the pipeline for the NPU.
"""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.graph_plan import ServableFault, Verdict
from ovms_doctor.prediction.graphs.kv_cache import default_device, plugin_config
from ovms_doctor.prediction.graphs.servables import LLM_FAILED, ServableContext
from ovms_doctor.prediction.parameters.device_rules import judge_device
from ovms_doctor.prediction.parameters.devices import suggestion, target_device
from ovms_doctor.prediction.parameters.presence import devices_of

_LENGTHS = ("MAX_PROMPT_LEN", "MIN_RESPONSE_LEN")
_ESCAPES = frozenset(("Embeddings", "Rerank", "SpeechToText"))


def device_faults(context: ServableContext, deployment: Deployment, facts: Facts) -> Iterator[ServableFault]:
    """Yields the faults that prevent the load of the node on its device. Raises FactsMissingError."""
    verdict: Verdict = "escaped" if context.node.calculator.title in _ESCAPES else "failed"
    option = "device" if context.text("device") else "target_device"
    devices = context.text(option)
    for text in devices.split() if context.node.calculator.title == "Image Gen" else [devices]:
        if not text:
            continue
        device = target_device(text, context.release)
        found = judge_device(device, context.release, devices_of(deployment, device, facts), deployment.user)
        if found.works is False:
            yield context.fault(
                "device",
                verdict,
                subject=text,
                detail=_reason(found.reason, text),
                status=LLM_FAILED if context.node.calculator.title == "LLM" else "",
                option=option,
            )
            return
    if context.node.calculator.title == "LLM":
        yield from _language_model(context)


def _reason(problem: str, text: str) -> str:
    suggested = suggestion(text)
    texts = {
        "absent": "the server does not have it",
        "access": "the server's user has no right to open it",
        "removed": "the release no longer has it",
        "unknown": f"OpenVINO has no device with this name{f'; {suggested} is one' if suggested else ''}",
    }
    return texts.get(problem, "OpenVINO does not accept it")


def _language_model(context: ServableContext) -> Iterator[ServableFault]:
    """Yields settings that the pipelines of the NPU, and those of other devices, refuse."""
    device = default_device(context)
    properties = plugin_config(context)
    kind = context.text("pipeline_type", "AUTO")
    if device == "NPU" and kind in ("LM_CB", "VLM_CB"):
        yield context.fault(
            "device",
            "failed",
            subject=device,
            detail=f"it does not run pipeline_type {kind}, only LM and VLM",
            status=LLM_FAILED,
            option="pipeline_type",
        )
        return
    if kind not in ("LM", "VLM") and _is_other_npu(device):
        yield context.fault(
            "device",
            "failed",
            subject=device,
            detail="only the name NPU selects the pipeline for an NPU",
            status=LLM_FAILED,
            option="device",
            certain=False,
        )
        return
    for name in _LENGTHS:
        if name not in properties:
            continue
        value = properties[name]
        if device == "NPU":
            number = isinstance(value, int) and not isinstance(value, bool)
            if number and value >= 0:
                continue
            reason = "cannot be negative" if number else "must be a number without quotes"
            exception = (
                f"{name} cannot be negative!" if number else f"Failed to extract {name}. Type mismatch"
            )
        elif device.startswith("CPU") or (device.startswith("GPU") and "," not in device):
            reason = f"is a property of the NPU only, and the device is {device}"
            exception = f"Unsupported property {name}"
        else:
            continue
        yield context.fault(
            "npu_property",
            "failed",
            subject=name,
            detail=reason,
            status=LLM_FAILED,
            option="plugin_config",
            exception=exception,
        )
        return
    if device == "NPU":
        yield from _quantisation(context)


def _is_other_npu(device: str) -> bool:
    """Whether the device is an NPU by another name than NPU, or has one: their pipeline is that of other devices. AUTO
    chooses another device if the list contains one."""
    kind, _, listed = device.rpartition(":")
    names = [name.partition(".")[0] for name in listed.split(",")]
    if device == "NPU" or "NPU" not in names:
        return False
    return kind != "AUTO" or set(names) == {"NPU"}


def _quantisation(context: ServableContext) -> Iterator[ServableFault]:
    """Yields a fault for weights of four bits that have zero points: the NPU is intended for symmetric ones
    (documentation of GenAI)."""
    name = "openvino_config.json"
    document = context.directory.json(name).value
    config = document.get("quantization_config") if isinstance(document, dict) else None
    if isinstance(config, dict) and config.get("bits") == 4 and config.get("sym") is False:
        yield context.fault(
            "npu_quantisation",
            "advice",
            path=context.directory.join(name),
            subject="asymmetric weights of 4 bits",
            certain=False,
        )
