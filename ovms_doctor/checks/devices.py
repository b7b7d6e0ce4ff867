"""GPUs and NPUs: those without access, those in a list that are left out, and the default device."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.parameters.device_failure import NODES, describe_absence, is_access_denied
from ovms_doctor.checks.parameters.text import show_parameter
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.host import User
from ovms_doctor.model.parameters import DeviceVerdict, PassedOver
from ovms_doctor.model.plan import Attempt, ModelPlan
from ovms_doctor.prediction.parameters.device_rules import presence
from ovms_doctor.prediction.parameters.devices import (
    chooses_device,
    similar_device,
    suggestion,
    target_device,
)
from ovms_doctor.prediction.parameters.plugin_config import only_for_the_cpu

_RELEASES = (
    "AUTO leaves out missing devices since 2023.1, MULTI since 2024.0; before, the load fails (OVD432)."
)

DEVICE_NOT_ACCESSIBLE = Code(
    code="OVD731",
    name="device-not-accessible",
    severity="error",
    summary="The server's user has no permission to open the GPU or NPU of the target device",
    remedy=(
        "Add the server's user to the group of /dev/dri/renderD* or /dev/accel/accel*, usually "
        'render; for a container with --group-add=$(stat -c "%g" /dev/dri/render* | head -n 1). The '
        "image's own user is not in that group."
    ),
    log=(
        "[GPU] Context was not initialized for 0 device",
        "No NPU devices were found.",
    ),
    recovers="restart",
    releases=_RELEASES,
    see_also=("OVD432", "OVD732"),
    example=Example(
        "docker run --device /dev/dri --user 5000 … --target_device GPU",
        "docker run --device /dev/dri --user 5000 --group-add 109 … --target_device GPU",
    ),
)

DEVICE_NOT_PRESENT = Code(
    code="OVD732",
    name="device-not-present",
    severity="info",
    summary="AUTO or MULTI names a device that the server does not have",
    remedy=(
        "If the list is for several machines, do nothing. Otherwise give the server the device; for a "
        "container, with --device /dev/dri or /dev/accel."
    ),
    log=("No available device to filter AUTO plugin",),
    releases=_RELEASES,
    see_also=("OVD432", "OVD731"),
    example=Example('"target_device": "AUTO:GPU,CPU"        no GPU', '"target_device": "CPU"'),
)

DEVICE_NAME_UNKNOWN = Code(
    code="OVD733",
    name="device-name-unknown",
    severity="warning",
    summary="The list of AUTO or MULTI contains a name that is not a device",
    remedy="Correct the name, or remove it from the list.",
    recovers="config_change",
    releases="Since 2023.1; in 2023.0 the load fails (OVD432).",
    see_also=("OVD432", "OVD732"),
    example=Example('"target_device": "AUTO:GPU, CPU"', '"target_device": "AUTO:GPU,CPU"'),
)

DEFAULT_DEVICE_IS_GPU = Code(
    code="OVD734",
    name="default-device-is-gpu",
    severity="info",
    summary="No target device is configured, and the server has a GPU, which it prefers to the CPU",
    remedy='Write "target_device": "CPU", or the device to use.',
    log=(
        (
            "No target device specified for model: {model}; version: {version}; using recommended "
            "device: {device}"
        ),
    ),
    recovers="config_change",
    releases="Since 2026.3; before, the server uses the CPU.",
    see_also=("OVD422", "OVD432"),
    example=Example(
        '{"name": "m", "base_path": "m"}', '{"name": "m", "base_path": "m", "target_device": "CPU"}'
    ),
)


CODES = (DEVICE_NOT_ACCESSIBLE, DEVICE_NOT_PRESENT, DEVICE_NAME_UNKNOWN, DEFAULT_DEVICE_IS_GPU)


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on the device of each model, then one on all models without a target device."""
    for model in context.plan.models:
        if model.parameters is None or model.kind != "classic":
            continue
        attempts = [version.attempt for version in model.versions if version.attempt is not None]
        for attempt in attempts:
            if is_access_denied(attempt, model):
                yield _denied(context, model, attempt)
        if any(attempt.outcome == "loaded" for attempt in attempts):
            yield from _left_out(context, model, model.parameters.verdict)
    yield from _default(context)


# -- no access to the device ----------------------------------------------------------
def _denied(context: Context, model: ModelPlan, attempt: Attempt) -> Finding:
    verdict = model.parameters.verdict if model.parameters is not None else DeviceVerdict()
    name = verdict.name.partition(".")[0]
    return context.of_attempt(
        DEVICE_NOT_ACCESSIBLE,
        f"{show_parameter(model.entry, 'target_device')}: the server's user has no permission to open the {name}",
        model,
        attempt,
        confidence="medium",
        evidence=(_rights(name, verdict, context.deployment.user),),
        recovers="restart",
        steps=_group_steps(context, name, verdict),
    )


def _rights(name: str, verdict: DeviceVerdict, user: User) -> Evidence:
    groups = ", ".join(str(group) for group in sorted({user.gid, *user.groups}))
    needed = " or ".join(str(group) for group in verdict.groups)
    return Evidence(
        f"{NODES[name]} can be opened by group {needed}; the groups of uid {user.uid}: {groups}",
        "predicted from the rights of the device node",
    )


def _group_steps(context: Context, name: str, verdict: DeviceVerdict) -> tuple[Step, ...]:
    group = verdict.groups[0]
    if context.deployment.container is not None:
        return (Step(f"Start the container with --group-add {group}."),)
    return (Step(f"Add the server's user to the group {group} of {NODES[name]}, and restart the server."),)


# -- devices in a list that OpenVINO leaves out -------------------------------------------------------
def _left_out(context: Context, model: ModelPlan, verdict: DeviceVerdict) -> Iterator[Finding]:
    for device in verdict.passed_over:
        if device.reason == "access":
            yield _denied_in_list(context, model, verdict, device)
        elif device.reason == "absent":
            yield _absent(context, model, device)
        else:
            yield _unknown(context, model, device, certain=bool(verdict.works))


def _denied_in_list(
    context: Context, model: ModelPlan, verdict: DeviceVerdict, device: PassedOver
) -> Finding:
    name = device.name.partition(".")[0]
    return context.finding(
        DEVICE_NOT_ACCESSIBLE,
        f"{show_parameter(model.entry, 'target_device')}: the server's user has no permission to open the {name}, and "
        "OpenVINO uses the other devices of the list",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        detail="The model is served, but not on that device.",
        severity="warning",
        confidence="medium",
        evidence=(_rights(name, verdict, context.deployment.user),),
        recovers="restart",
        steps=_group_steps(context, name, verdict),
    )


def _absent(context: Context, model: ModelPlan, device: PassedOver) -> Finding:
    name = device.name.partition(".")[0]
    return context.finding(
        DEVICE_NOT_PRESENT,
        f"{show_parameter(model.entry, 'target_device')}: the server has no {name}, and OpenVINO uses the other "
        "devices of the list",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        detail="The model is served on the other devices of the list.",
        evidence=(describe_absence(name),),
    )


def _unknown(context: Context, model: ModelPlan, device: PassedOver, *, certain: bool) -> Finding:
    """Returns the finding on a name in a list that is not a device. ``certain``: whether the rest of the list is
    known to work."""
    similar = suggestion(device.name) or similar_device(device.name)
    removed = device.reason == "removed"
    return context.finding(
        DEVICE_NAME_UNKNOWN,
        f"{show_parameter(model.entry, 'target_device')}: "
        + (
            f"{device.name} is a device of older releases"
            if removed
            else f"OpenVINO has no device “{device.name}”"
        )
        + ", and OpenVINO uses the other devices of the list",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        detail="The model is served on the other devices of the list"
        + ("." if certain else ", if the server has one of them; its devices are not known."),
        recovers="restart" if context.single else "config_change",
        steps=(Step(f"Did you mean {similar}? Names must match exactly, without spaces."),)
        if similar and not removed
        else (Step(f"Remove {device.name} from the list."),),
    )


# -- no target device -------------------------------------------------------------------------------------
def _default(context: Context) -> Iterator[Finding]:
    """Yields a finding on the models without a target device: since v2026.3 the server prefers a GPU to the CPU."""
    deployment = context.deployment
    devices = deployment.devices
    if devices is None or not devices.intel_gpu or presence("GPU", devices, deployment.user)[0] != "there":
        return
    models = [model for model in context.plan.models if _has_default_device(context, model)]
    if not models:
        return
    names = ", ".join(model.entry.name for model in models)
    keys = {
        key: model.entry.name
        for model in models
        if model.parameters is not None
        for key in only_for_the_cpu(model.parameters.plugin_config, deployment.release)
    }
    detail = "The server uses the GPU if OpenVINO finds its driver, else the CPU."
    if keys:
        listed = ", ".join(f"{key} ({name})" for key, name in keys.items())
        detail += (
            f" On the GPU it refuses a plugin_config key that only the CPU supports, and leaves out this entry and "
            f"all entries after it: {listed}."
        )
    yield context.finding(
        DEFAULT_DEVICE_IS_GPU,
        "No target_device is configured, and the server has a GPU: it loads the models there, not on the CPU",
        detail=detail,
        severity="warning" if keys else None,
        confidence="medium",
        evidence=(Evidence(f"models without target_device: {names}", "read of the configuration"),),
        recovers="restart" if context.single else "config_change",
        steps=(Step('To use the CPU, write "target_device": "CPU" (--target_device CPU).'),),
    )


def _has_default_device(context: Context, model: ModelPlan) -> bool:
    release = context.deployment.release
    if model.kind != "classic":
        loaded = () if model.followed is None else model.followed.models
        return release.at_least(2026, 3) and any(not node.device for node in loaded)
    device = target_device(None, release) if model.parameters is None else model.parameters.device
    return chooses_device(device, release)


CHECK = Check(
    name="devices",
    summary="GPUs and NPUs: access to them, and which of them are used",
    codes=CODES,
    run=check,
)
