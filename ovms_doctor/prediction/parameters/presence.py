"""Which GPUs and NPUs the server has, as far as the deployment or the facts tell."""

from __future__ import annotations

from msgspec.structs import replace

from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Facts, Failure, StatPath, Unavailable
from ovms_doctor.model.host import HostDevices
from ovms_doctor.model.parameters import Device, ParsedParameters
from ovms_doctor.prediction.parameters.device_rules import judge_device

_DRI, _DXG, _ACCEL = "/dev/dri", "/dev/dxg", "/dev/accel"


def with_verdict(parameters: ParsedParameters, deployment: Deployment, facts: Facts) -> ParsedParameters:
    """``parameters`` with what becomes of their device. Raises FactsMissingError."""
    devices = devices_of(deployment, parameters.device, facts)
    verdict = judge_device(parameters.device, deployment.release, devices, deployment.user)
    return replace(parameters, verdict=verdict)


def devices_of(deployment: Deployment, device: Device, facts: Facts) -> HostDevices | None:
    """The server's devices, None where they are not known. On bare metal without a word about them: what is in
    /dev, if ``device`` asks for any. Raises FactsMissingError."""
    if deployment.devices is not None or not deployment.bare_metal or not _matters(device):
        return deployment.devices
    places = (_DRI, _DXG, _ACCEL)
    facts.need(StatPath(place) for place in places)
    answers = {place: facts.ask(StatPath(place)) for place in places}
    if any(isinstance(answer, Unavailable) for answer in answers.values()):
        return None
    there = {place: not (isinstance(answer, Failure) and answer.missing) for place, answer in answers.items()}
    return HostDevices(dri=there[_DRI], accel=there[_ACCEL], dxg=there[_DXG])


def _matters(device: Device) -> bool:
    return bool(device.hardware) or (device.plugin in ("AUTO", "MULTI") and any(device.members))
