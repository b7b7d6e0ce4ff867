"""Why a model cannot be compiled for its device."""

from __future__ import annotations

from ovms_doctor.model.causes import ParameterRefused
from ovms_doctor.model.findings import Evidence
from ovms_doctor.model.parameters import DeviceVerdict
from ovms_doctor.model.plan import Attempt, ModelPlan

#: The device nodes of each kind of device.
NODES = {"GPU": "/dev/dri/renderD*", "NPU": "/dev/accel/accel*"}


#: The end of a message, after a colon, by the verdict's reason.
_REASONS = {
    "unknown": "OpenVINO has no device “{name}”",
    "removed": "OpenVINO no longer has the device {name}",
    "number": "{plugin} accepts no device number",
    "bare": "{name} needs devices after a colon",
    "nothing": "no device is left to choose from",
    "several": "BATCH accepts one device only",
    "nested": "{head} does not accept {name} in its list",
    "absent": "the server has no {plugin}",
}


def is_access_denied(attempt: Attempt, model: ModelPlan) -> bool:
    """Whether the attempt fails because the server's user cannot open the device."""
    cause = attempt.cause
    return (
        isinstance(cause, ParameterRefused)
        and cause.reason == "device"
        and model.parameters is not None
        and model.parameters.verdict.reason == "access"
    )


def device_reason(device: str, verdict: DeviceVerdict) -> str:
    """Returns the reason why nothing is compiled for a device; empty if the verdict has none."""
    text = _REASONS.get(verdict.reason, "")
    plugin = verdict.name.partition(".")[0]
    return text.format(name=verdict.name, plugin=plugin, head=device.partition(":")[0])


def describe_device_failure(device: str, verdict: DeviceVerdict) -> tuple[Evidence, ...]:
    """Returns the evidence if OpenVINO did not run: a device that is missing, or the end of OpenVINO's message."""
    plugin = device.partition(":")[0]
    if verdict.reason == "absent":
        return (describe_absence(verdict.name.partition(".")[0]),)
    messages = {
        "unknown": f'Device with "{verdict.name}" name is not registered in the OpenVINO Runtime',
        "number": "CPU plugin supports only '' as device id" if verdict.name.startswith("CPU") else "",
        "nothing": "Please, check environment due to no supported devices can be used",
    }
    messages["removed"] = messages["unknown"]
    text = messages.get(verdict.reason, "")
    if plugin in ("AUTO", "MULTI") and verdict.reason in ("unknown", "removed"):
        text = f"No available device to filter {plugin} plugin"
    return (Evidence(text, "the end of OpenVINO's message"),) if text else ()


def describe_absence(name: str) -> Evidence:
    """Returns the evidence on a kind of device (``GPU``, ``NPU``) that the server does not have."""
    return Evidence(f"no {NODES[name]} of Intel exists", "the devices of the server")
