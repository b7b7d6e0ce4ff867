"""The model parameters: what the server does not understand, ignores, or finds not to fit the model."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.config_place import argument, place_text, with_place
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.devices import foretold, refused_access
from ovms_doctor.checks.parameter_words import (
    as_argument,
    corrected,
    described,
    device_hint,
    device_reason,
    key_hint,
    key_in,
    shown_config,
    spelled,
    wrote,
)
from ovms_doctor.checks.refusal import quote_openvino
from ovms_doctor.model.causes import ParameterRefused
from ovms_doctor.model.deployment import ModelEntry
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.parameters import ANONYMOUS, UNJUDGED, ParameterWarning
from ovms_doctor.model.plan import Attempt, ModelPlan
from ovms_doctor.model.plan_problems import SkippedEntry, StartProblem
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.mapping import tensor_name

_CODES = {
    "unknown_tensor": "OVD425",
    "mapped": "OVD426",
    "anonymous": "OVD427",
    "reshape": "OVD428",
    "batch": "OVD429",
    "scalar": "OVD429",
    "layout": "OVD430",
    "build": "OVD430",
    "rank": "OVD430",
    "preprocessing": "OVD431",
    "device": "OVD432",
    "compile": "OVD433",
    "too_high": "OVD434",
}


def check(context: Context) -> Iterator[Finding]:
    """Entries that are left out, the argument that ends the process, then each model."""
    problem = context.plan.problem
    if problem is not None and problem.kind == "parameter":
        yield _argument(context, problem)
    for skipped in context.plan.skipped:
        if skipped.reason in ("refused", "aborts"):
            yield _entry(context, skipped)
    for model in context.plan.models:
        if model.parameters is None:
            continue
        if model.status == "REQUESTED_DYNAMIC_PARAMETERS_ON_STATEFUL_MODEL":
            yield _stateful(context, model)
        for warning in model.parameters.warnings:
            yield _warned(context, model, warning)
        for version in model.versions:
            attempt = version.attempt
            if attempt is None:
                continue
            if isinstance(attempt.cause, ParameterRefused):
                if not refused_access(attempt, model):
                    yield _refused(context, model, attempt, attempt.cause)
            elif attempt.outcome == "loaded":
                yield from _without_effect(context, model, attempt)


def _placed(
    context: Context, entry: ModelEntry, parameter: str, inside: str = ""
) -> tuple[str, tuple[Evidence, ...]]:
    """Where a parameter stands, to begin a message with (``config.json:3:15: ``), and what stands there.

    ``inside``: a key in the parameter's value; one that is not there means the parameter itself. On the command
    line there is no place, and nothing begins the message.
    """
    given = spelled(entry, parameter, key=inside)
    if entry.parameters.source == "arguments" or not entry.pointer:
        return "", (Evidence(given, "read of the arguments"),)
    pointer = "/".join([entry.pointer, parameter, *([_escaped(inside)] if inside else [])])
    place = place_text(context, pointer)
    what = (Evidence(f"{place or entry.pointer}: {given}", "read of the configuration"),)
    if place is None or context.plan.config_path is None:
        return "", what
    return f"{with_place(context.plan.config_path, place)}: ", what


def _escaped(key: str) -> str:
    """A key as a part of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


# -- what the server does not take at all ----------------------------------------------------------
def _argument(context: Context, problem: StartProblem) -> Finding:
    value = "" if context.plan.problem is None else problem.text
    unsupported = problem.status == "MODEL_CONFIG_INVALID"
    arguments = context.deployment.arguments
    parameter = None if arguments is None else arguments.parameters.get(problem.text)
    if parameter is not None and problem.text == "plugin_config":
        parameter = shown_config(parameter, key_in(problem.log[0]) if problem.log else "")
    given = "" if arguments is None else wrote(parameter)
    hint = key_hint(problem.log[0], context.deployment.release) if unsupported and problem.log else ""
    hint = as_argument(hint)
    place = argument(context, problem.option)
    return context.finding(
        "OVD422" if unsupported else "OVD421",
        (f"{place}: " if place else "")
        + f"--{value} {given}: "
        + ("the device has no such property" if unsupported else "the server does not understand it"),
        detail=f"The server ends with exit code {problem.exit_code}; nothing is served.",
        log=problem.log,
        evidence=(Evidence(f"{f'{place}: ' if place else ''}--{value} {given}", "read of the arguments"),),
        recovers="restart",
        steps=(Step(hint),) if hint else _form(value, context.deployment.release),
    )


def _entry(context: Context, skipped: SkippedEntry) -> Finding:
    entry, aborts = skipped.entry, skipped.reason == "aborts"
    hint = key_hint(skipped.log[0], context.deployment.release) if aborts and skipped.log else ""
    key = key_in(skipped.log[0]) if aborts and skipped.log else ""
    given = spelled(entry, skipped.parameter, key=key)
    where, evidence = _placed(context, entry, skipped.parameter, key)
    then = (
        "This entry and every one behind it are left out; the server starts and answers “ready”."
        if aborts
        else "This entry alone is left out; the server starts, answers “ready”, and does not know the name."
    )
    return context.finding(
        "OVD422" if aborts else "OVD421",
        f"{where}{given}: "
        + ("the device has no such property" if aborts else "the server does not take it for a value"),
        model=entry.name,
        path=context.plan.config_path,
        detail=then,
        log=skipped.log,
        evidence=evidence,
        recovers="config_change",
        steps=(Step(hint),) if hint else _form(skipped.parameter, context.deployment.release),
    )


def _form(parameter: str, release: Release) -> tuple[Step, ...]:
    # Booleans since v2023.3 (parsePluginConfig).
    values = "texts, numbers and booleans" if release.at_least(2023, 3) else "texts and numbers"
    forms = {
        "shape": "(1,3,224,224), with -1 for any number and 1:8 for a range; auto; or an object of such texts",
        "layout": "NCHW, or NHWC:NCHW for what clients send and what the model has; letters NCHWD, ? and “...”",
        "plugin_config": f'an object of {values}: {{"NUM_STREAMS": "2"}}',
        "mean": "one number, or a list like [123.6,116.2,103.5]",
        "scale": "one number, or a list like [58.3,57.1,57.3]",
        "color_format": "BGR:RGB, what the model has first",
        "precision": "FP32:UINT8, two of the server's names",
    }
    form = forms.get(parameter)
    return (Step(f"Write {parameter} in the server's form: {form}."),) if form else ()


def _stateful(context: Context, model: ModelPlan) -> Finding:
    automatic = "batch_size" if model.entry.parameters.get("shape") is None else "shape"
    where, evidence = _placed(context, model.entry, automatic)
    return context.finding(
        "OVD435",
        f"{where}A stateful model cannot have shape or batch_size auto",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        detail=context.what_then(model),
        log=model.detection.log,
        evidence=evidence,
        recovers="restart" if context.single else "config_change",
    )


# -- what it ignores -------------------------------------------------------------------------------
def _warned(context: Context, model: ModelPlan, warning: ParameterWarning) -> Finding:
    messages = {
        "ignored": "is nothing that the server understands; it goes on as if it were not there",
        "both": "is ignored, for there is a shape as well",
        "deprecated": "is deprecated",
        "reserved": f"has no effect for {ANONYMOUS}, a name that the server keeps for itself",
    }
    if warning.kind == "deprecated" and warning.parameter == "plugin_config":
        return _renamed_keys(context, model, warning)
    given = spelled(model.entry, warning.parameter)
    where, evidence = _placed(context, model.entry, warning.parameter)
    return context.finding(
        "OVD424" if warning.kind == "deprecated" else "OVD423",
        f"{where}{given} {messages[warning.kind]}",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        log=warning.log,
        evidence=evidence,
        recovers="restart" if context.single else "config_change",
        steps=_form(warning.parameter, context.deployment.release)
        if warning.kind in ("ignored", "reserved")
        else (),
        remedy="Give dynamic dimensions instead of auto, such as (-1,3,224,224)."
        if warning.kind == "deprecated"
        else "",
    )


def _renamed_keys(context: Context, model: ModelPlan, warning: ParameterWarning) -> Finding:
    """plugin_config keys of old, which OpenVINO gets under their present names."""
    pairs = [
        (line.partition(" ")[0], line.rpartition("Use ")[2].partition(" instead")[0].strip())
        for line in warning.log
    ]
    old = pairs[0][0]
    where, evidence = _placed(context, model.entry, "plugin_config", old)
    renamed = ", ".join(f"{key} as {new}" for key, new in pairs)
    return context.finding(
        "OVD424",
        f"{where}plugin_config: OpenVINO gets {renamed}, for the old name is deprecated",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        detail="It has its effect all the same.",
        log=warning.log,
        evidence=evidence,
        recovers="restart" if context.single else "config_change",
        steps=tuple(Step(f"Write {new} for {key}.") for key, new in pairs),
        remedy="Use the key's present name.",
    )


def _without_effect(context: Context, model: ModelPlan, attempt: Attempt) -> Iterator[Finding]:
    """A shape under a second name of an input passes the server's look at names, and is then not found."""
    told = attempt.report or attempt.inspection
    if model.parameters is None or told is None or told.inputs is None:
        return
    used = {attempt.names.alias("input", tensor_name(one)) or tensor_name(one) for one in told.inputs}
    for name, shape in model.parameters.shapes:
        if name == ANONYMOUS or name in used or shape.auto or model.parameters.batch is not None:
            continue
        where, evidence = _placed(context, model.entry, "shape", name)
        yield context.of_attempt(
            "OVD423",
            f"{where}The shape for {name} has no effect: the server calls that input otherwise",
            model,
            attempt,
            severity="warning",
            detail="The model is served with the shape that it has.",
            log=(),
            evidence=(*evidence, *described(attempt)),
            steps=(Step(f"Name the input as the server does: {', '.join(sorted(used))}."),),
        )


# -- what does not fit the model -------------------------------------------------------------------
def _refused(context: Context, model: ModelPlan, attempt: Attempt, cause: ParameterRefused) -> Finding:
    given = spelled(model.entry, cause.parameter)
    device = "" if model.parameters is None else model.parameters.device.text
    verdict = UNJUDGED if model.parameters is None else model.parameters.verdict
    reason = device_reason(device, verdict)
    messages = {
        "unknown_tensor": f"{given}: the model has no input or output called {cause.tensor}",
        "mapped": f"{given}: mapping_config.json calls {cause.tensor} {cause.alias}, and only that name counts",
        "anonymous": f"{given} is for one input, and the model has several",
        "reshape": f"{given}: OpenVINO cannot give the model this shape",
        "batch": f"{given}: OpenVINO cannot give the model this batch size",
        "scalar": f"{given}: the input {cause.tensor} is a scalar, which has no batch",
        "layout": f"{given} is no layout to OpenVINO",
        "build": f"{given} does not fit "
        + (f"the shape of {cause.tensor}" if cause.tensor else "the model's inputs"),
        "rank": f"{given} does not fit the shape of {cause.tensor}",
        "preprocessing": f"{given}: OpenVINO cannot prepare the input like this",
        "device": f"The model cannot be compiled for the device “{device}”{f': {reason}' if reason else ''}",
        "compile": f"{given}: the device's plugin refuses it",
        "too_high": f"{given} is more than the server allows: 100000",
    }
    inside = cause.tensor if cause.reason in ("unknown_tensor", "mapped", "scalar", "rank") else ""
    where, evidence = _placed(context, model.entry, cause.parameter, inside)
    evidence += described(attempt)
    if cause.report is not None and cause.report.message:
        evidence += quote_openvino(cause.report)
    elif cause.reason == "device":
        evidence += foretold(device, verdict)
    hint = (
        device_hint(device, verdict) if cause.reason == "device" else corrected(model.entry, attempt, cause)
    )
    if model.entry.parameters.source == "arguments":
        hint = as_argument(hint)
    return context.of_attempt(
        _CODES[cause.reason],
        where + messages[cause.reason],
        model,
        attempt,
        path=cause.path,
        evidence=evidence,
        recovers="restart" if context.single else "config_change",
        steps=(Step(hint),) if hint else (),
    )
