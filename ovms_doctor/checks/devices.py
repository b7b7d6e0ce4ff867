"""GPUs and NPUs: what the server may not open, what a list passes over, and what is taken where none is named."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.parameter_words import spelled
from ovms_doctor.model.causes import ParameterRefused
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

_NODES = {"GPU": "/dev/dri/renderD*", "NPU": "/dev/accel/accel*"}


def check(context: Context) -> Iterator[Finding]:
    """The device of each model, then what all models without one have in common."""
    for model in context.plan.models:
        if model.parameters is None or model.kind != "classic":
            continue
        attempts = [version.attempt for version in model.versions if version.attempt is not None]
        for attempt in attempts:
            if refused_access(attempt, model):
                yield _refused(context, model, attempt)
        if any(attempt.outcome == "loaded" for attempt in attempts):
            yield from _with_what_is_there(context, model, model.parameters.verdict)
    yield from _default(context)


def refused_access(attempt: Attempt, model: ModelPlan) -> bool:
    """Whether the attempt fails because the server's user may not open the device."""
    cause = attempt.cause
    return (
        isinstance(cause, ParameterRefused)
        and cause.reason == "device"
        and model.parameters is not None
        and model.parameters.verdict.reason == "access"
    )


# -- a device that is there and cannot be used ----------------------------------------------------------
def _refused(context: Context, model: ModelPlan, attempt: Attempt) -> Finding:
    verdict = model.parameters.verdict if model.parameters is not None else DeviceVerdict()
    name = verdict.name.partition(".")[0]
    return context.of_attempt(
        "OVD731",
        f"{spelled(model.entry, 'target_device')}: the server's user may not open the {name}",
        model,
        attempt,
        confidence="medium",
        evidence=(_rights(name, verdict, context.deployment.user),),
        recovers="restart",
        steps=_let_in(context, name, verdict),
    )


def _rights(name: str, verdict: DeviceVerdict, user: User) -> Evidence:
    groups = ", ".join(str(group) for group in sorted({user.gid, *user.groups}))
    need = " or ".join(str(group) for group in verdict.groups)
    return Evidence(
        f"{_NODES[name]} may be opened by group {need}; the server's user {user.uid} is in {groups}",
        "predicted from the node's rights",
    )


def _let_in(context: Context, name: str, verdict: DeviceVerdict) -> tuple[Step, ...]:
    group = verdict.groups[0]
    if context.deployment.container is not None:
        return (Step(f"Start the container with --group-add {group}."),)
    return (
        Step(
            f"Add the user that the server runs as to group {group}, which owns {_NODES[name]}, and start the server "
            "again."
        ),
    )


def foretold(device: str, verdict: DeviceVerdict) -> tuple[Evidence, ...]:
    """What a device's failure rests on where OpenVINO was not asked: what is not there, or the last of its words."""
    plugin = device.partition(":")[0]
    if verdict.reason == "absent":
        return (_absence(verdict.name.partition(".")[0]),)
    words = {
        "unknown": f'Device with "{verdict.name}" name is not registered in the OpenVINO Runtime',
        "number": "CPU plugin supports only '' as device id" if verdict.name.startswith("CPU") else "",
        "nothing": "Please, check environment due to no supported devices can be used",
    }
    words["removed"] = words["unknown"]
    text = words.get(verdict.reason, "")
    if plugin in ("AUTO", "MULTI") and verdict.reason in ("unknown", "removed"):
        text = f"No available device to filter {plugin} plugin"
    return (Evidence(text, "what OpenVINO says of it"),) if text else ()


def _absence(name: str) -> Evidence:
    return Evidence(f"there is no {_NODES[name]} of Intel's", "among the devices that the server has")


# -- a list that goes without some of its devices -------------------------------------------------------
def _with_what_is_there(context: Context, model: ModelPlan, verdict: DeviceVerdict) -> Iterator[Finding]:
    for passed in verdict.passed_over:
        if passed.reason == "access":
            yield _not_opened(context, model, verdict, passed)
        elif passed.reason == "absent":
            yield _absent(context, model, passed)
        else:
            yield _unknown(context, model, passed, sure=bool(verdict.works))


def _not_opened(context: Context, model: ModelPlan, verdict: DeviceVerdict, passed: PassedOver) -> Finding:
    name = passed.name.partition(".")[0]
    return context.finding(
        "OVD731",
        f"{spelled(model.entry, 'target_device')}: the server's user may not open the {name}, and OpenVINO silently "
        "goes without it",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        detail="The model is served, but not on the device that was meant.",
        severity="warning",
        confidence="medium",
        evidence=(_rights(name, verdict, context.deployment.user),),
        recovers="restart",
        steps=_let_in(context, name, verdict),
    )


def _absent(context: Context, model: ModelPlan, passed: PassedOver) -> Finding:
    name = passed.name.partition(".")[0]
    return context.finding(
        "OVD732",
        f"{spelled(model.entry, 'target_device')}: there is no {name} here, and OpenVINO silently goes without it",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        detail="The model is served on what is left of the list.",
        evidence=(_absence(name),),
    )


def _unknown(context: Context, model: ModelPlan, passed: PassedOver, *, sure: bool) -> Finding:
    """``sure``: what is left of the list is known to work."""
    meant = suggestion(passed.name) or similar_device(passed.name)
    gone = passed.reason == "removed"
    return context.finding(
        "OVD733",
        f"{spelled(model.entry, 'target_device')}: "
        + (f"{passed.name} is a device of older releases" if gone else f"there is no device “{passed.name}”")
        + ", and OpenVINO silently goes without it",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        detail="The model is served on what is left of the list"
        + ("." if sure else ", if the server has any of it: that was not seen."),
        recovers="restart" if context.single else "config_change",
        steps=(Step(f"Did you mean {meant}? Names count letter by letter, spaces too."),)
        if meant and not gone
        else (Step(f"Take {passed.name} out of the list."),),
    )


# -- no device named -------------------------------------------------------------------------------------
def _default(context: Context) -> Iterator[Finding]:
    """Since v2026.3 a GPU that OpenVINO finds comes before the CPU."""
    deployment = context.deployment
    seen = deployment.devices
    if seen is None or not seen.intel_gpu or presence("GPU", seen, deployment.user)[0] != "there":
        return
    models = [model for model in context.plan.models if _takes_the_default(context, model)]
    if not models:
        return
    names = ", ".join(model.entry.name for model in models)
    keys = {
        key: model.entry.name
        for model in models
        if model.parameters is not None
        for key in only_for_the_cpu(model.parameters.plugin_config, deployment.release)
    }
    detail = "The server takes the GPU where OpenVINO finds its driver, else the CPU."
    if keys:
        listed = ", ".join(f"{key} ({name})" for key, name in keys.items())
        detail += (
            f" On the GPU it refuses a plugin_config key that only the CPU has, and with it this entry and all "
            f"behind it: {listed}."
        )
    yield context.finding(
        "OVD734",
        "No target_device is given, and there is a GPU: models go to it, not to the CPU",
        detail=detail,
        severity="warning" if keys else None,
        confidence="medium",
        evidence=(Evidence(f"models without target_device: {names}", "read of the configuration"),),
        recovers="restart" if context.single else "config_change",
        steps=(Step('To stay on the CPU, write "target_device": "CPU" (--target_device CPU).'),),
    )


def _takes_the_default(context: Context, model: ModelPlan) -> bool:
    if model.kind != "classic":
        return False
    release = context.deployment.release
    device = target_device(None, release) if model.parameters is None else model.parameters.device
    return chooses_device(device, release)
