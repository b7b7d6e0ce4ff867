"""The GPUs and NPUs of the server, as far as the deployment or the facts show them."""

from __future__ import annotations

import re

from msgspec.structs import replace

from ovms_doctor.model.container import Container
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Facts, Failure, StatPath, Unavailable
from ovms_doctor.model.host import HostDevices
from ovms_doctor.model.names import is_stock_image
from ovms_doctor.model.parameters import HARDWARE, VIRTUAL, Device, DeviceVerdict, ParsedParameters
from ovms_doctor.prediction.parameters.device_rules import judge_device
from ovms_doctor.prediction.parameters.devices import registration, suggestion

_DRI, _DXG, _ACCEL = "/dev/dri", "/dev/dxg", "/dev/accel"


def with_verdict(parameters: ParsedParameters, deployment: Deployment, facts: Facts) -> ParsedParameters:
    """Returns ``parameters`` with the result for their device. Raises FactsMissingError."""
    verdict = facts.once(("device", parameters.device), lambda: _verdict(parameters, deployment, facts))
    return replace(parameters, verdict=verdict)


def _verdict(parameters: ParsedParameters, deployment: Deployment, facts: Facts) -> DeviceVerdict:
    devices = devices_of(deployment, parameters.device, facts)
    verdict = judge_device(parameters.device, deployment.release, devices, deployment.user)
    container = deployment.container
    own_image = container is not None and not is_stock_image(container.image)
    if own_image and verdict.reason == "unknown" and suggestion(parameters.device.text) is None:
        # A user's own image may have its own plugin.
        verdict = DeviceVerdict(devices_known=verdict.devices_known)
    if verdict.works is None and not verdict.unavailable:
        verdict = replace(verdict, unavailable=_not_known(parameters.device, deployment))
    return verdict


def _not_known(device: Device, deployment: Deployment) -> str:
    """Returns the missing knowledge about the server's OpenVINO and image; empty if nothing is missing."""
    container, release = deployment.container, deployment.release
    for name in device.members or (device.plugin,):
        plain = name.lstrip("-")
        if plain and plain not in VIRTUAL and registration(plain, release) != "known":
            return f"whether the server's OpenVINO has a plugin for {plain} is not known"
        if plain in HARDWARE and container is not None and has_drivers(container, plain) is None:
            image = container.image or "of the container"
            return f"whether the image {image} has a driver for the {plain} is not known"
    return ""


def has_drivers(container: Container, device: str) -> bool | None:
    """Returns whether a container's image has a driver for the GPU or NPU; None if neither label nor name shows it.

    Sources: the label supported-devices since v2023.1; the tags of openvino/model_server.
    """
    label = dict(container.labels).get("supported-devices", "")
    match = re.search(rf"\b{device}=([01])\b", label)
    if match is not None:
        return match[1] == "1"
    if re.search(r"(^|[-_.:/])gpu($|[-_.:@])", container.image):
        return True
    return False if is_stock_image(container.image) else None


def devices_of(deployment: Deployment, device: Device, facts: Facts) -> HostDevices | None:
    """Returns the server's devices, None if they are not known. On bare metal the default is those in /dev, if
    ``device`` needs any. Raises FactsMissingError."""
    if deployment.devices is not None or not deployment.bare_metal or not _matters(device):
        return deployment.devices
    paths = (_DRI, _DXG, _ACCEL)
    facts.need(StatPath(path) for path in paths)
    answers = {path: facts.ask(StatPath(path)) for path in paths}
    if any(isinstance(answer, Unavailable) for answer in answers.values()):
        return None
    existing = {
        path: not (isinstance(answer, Failure) and answer.missing) for path, answer in answers.items()
    }
    return HostDevices(dri=existing[_DRI], accel=existing[_ACCEL], dxg=existing[_DXG])


def _matters(device: Device) -> bool:
    return bool(device.hardware) or (device.plugin in ("AUTO", "MULTI") and any(device.members))
