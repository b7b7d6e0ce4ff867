"""Hints for remedies: the server's forms of parameters, corrected values, similar devices and keys."""

from __future__ import annotations

import json
import re

from ovms_doctor.checks.parameters.text import show_parameter
from ovms_doctor.model.causes import ParameterRefused
from ovms_doctor.model.deployment import ModelEntry
from ovms_doctor.model.facts import Tensor
from ovms_doctor.model.findings import Step
from ovms_doctor.model.parameters import REGISTERED, UNJUDGED, VIRTUAL, DeviceVerdict
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.plan import Attempt
from ovms_doctor.model.releases.release import Release
from ovms_doctor.model.similar import similar_names
from ovms_doctor.prediction.mapping import tensor_name
from ovms_doctor.prediction.parameters.against_model import rank_of, server_shape
from ovms_doctor.prediction.parameters.devices import similar_device, suggestion
from ovms_doctor.prediction.parameters.plugin_config import devices_with, similar_key

_USUAL = {1: "N", 2: "NC", 3: "N...", 4: "NCHW", 5: "NCDHW"}
#: How a JSON object is written as an argument.
QUOTES_OF_OBJECTS = (
    "In a shell's command line it needs single quotes around it; in a list of a YAML or JSON file these quotes would "
    "be a part of the value."
)
_DEVICE_KEY = lazy_pattern(r'"target_device": "([^"]*)"')
#: An old key of plugin_config, which parsePluginConfig (modelconfig.cpp, v2022.3) renames only if its value is a
#: string.
_RENAMED = {"CPU_THREADS_NUM": "INFERENCE_NUM_THREADS"}
_KEY = lazy_pattern(
    r"Plugin config key: (.*) not found in supported config keys for device: (.*)\.", re.DOTALL
)


def form_steps(parameter: str, release: Release, *, argument: bool = False) -> tuple[Step, ...]:
    """Returns a step that shows the form of a parameter, in config.json or as an ``argument``; none if the form is
    obvious."""
    # Booleans since v2023.3 (parsePluginConfig).
    values = "strings, numbers and booleans" if release.at_least(2023, 3) else "strings and numbers"
    forms = {
        "batch_size": "the number of items in a request, or auto",
        "shape": "(1,3,224,224), with -1 for any number and 1:8 for a range; auto; or an object of such strings",
        "layout": "NCHW, or NHWC:NCHW for what clients send and what the model has; letters NCHWD, ? and “...”",
        "plugin_config": f'an object of {values}: {{"NUM_STREAMS": "2"}}',
        "mean": "one number, or a list like [123.6,116.2,103.5]",
        "scale": "one number, or a list like [58.3,57.1,57.3]",
        "color_format": "BGR:RGB, the format of the model first",
        "precision": "FP32:UINT8, two names of precisions of the server",
    }
    form = forms.get(parameter)
    if not form:
        return ()
    quotes = f" {QUOTES_OF_OBJECTS}" if argument and parameter == "plugin_config" else ""
    return (Step(f"Write {parameter} in the server's form: {form}.{quotes}"),)


def correct_value(entry: ModelEntry, attempt: Attempt, cause: ParameterRefused) -> str:
    """Returns a correct value with the model's names and shapes; empty if none is known."""
    source = attempt.report if attempt.report is not None and attempt.report.inputs else attempt.inspection
    inputs = (source.inputs or ()) if source is not None else ()
    names = [attempt.names.alias("input", tensor_name(one)) or tensor_name(one) for one in inputs]
    parameter = cause.parameter
    if cause.reason == "too_high":
        return "Give at most 100000; 0 leaves the number to OpenVINO."
    if parameter in ("mean", "scale"):
        return "Give one number for all channels, or one for each."
    if not names:
        return ""
    if cause.reason == "mapped":
        return f"Use the name that clients use: {_renamed(entry, parameter, cause.tensor, cause.alias)}."
    if cause.reason == "unknown_tensor":
        matches = similar_names(cause.tensor, names, 1, 0.6) or (names if len(names) == 1 else [])
        if matches:
            return f"Name the model's input: {_renamed(entry, parameter, cause.tensor, matches[0])}."
        return f"Name one of the model's inputs: {', '.join(names)}."
    if parameter == "shape":
        own = {name: server_shape(one.shape) for name, one in zip(names, inputs, strict=True)}
        if cause.reason == "anonymous":
            return f"Name each input: {show_parameter(entry, 'shape', _object(entry, own))}."
        return "The model itself has " + ", ".join(f"{name} {shape}" for name, shape in own.items()) + "."
    if parameter == "layout":
        usual = {name: _layout(one) for name, one in zip(names, inputs, strict=True)}
        layout = show_parameter(entry, "layout", _object(entry, usual))
        return f"Give each input one letter for each dimension: {layout}."
    if parameter == "batch_size":
        return "Leave batch_size out, or mark the batch (N) of each input with layout."
    return ""


def _object(entry: ModelEntry, value: dict[str, str]) -> object:
    return json.dumps(value) if entry.parameters.source == "arguments" else value


def _renamed(entry: ModelEntry, parameter: str, old: str, new: str) -> str:
    value = entry.parameters.get(parameter)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if not isinstance(value, dict):
        return new
    return show_parameter(
        entry, parameter, _object(entry, {new if key == old else key: v for key, v in value.items()})
    )


def _layout(tensor: Tensor) -> str:
    rank = rank_of(tensor.shape)
    return _USUAL.get(rank, "N...") if rank else "..."


def as_argument(hint: str) -> str:
    """Returns a hint with ``--target_device`` instead of the JSON key."""
    return _DEVICE_KEY.sub(r"--target_device \1", hint)


def device_hint(device: str, verdict: DeviceVerdict = UNJUDGED) -> str:
    """Returns a hint on a device for which the model cannot be compiled."""
    matches = suggestion(device)
    if matches is not None:
        return f'Did you mean "target_device": "{matches}"? Device names are in upper case, without spaces.'
    plugin = device.partition(":")[0].partition(".")[0]
    if verdict.reason == "number":
        return f"Leave the device number out: {verdict.name.partition('.')[0]}."
    if verdict.reason == "several":
        return f"Name one device: {device.partition(',')[0]}."
    if verdict.reason == "nested":
        return f"Name the devices themselves: {plugin}:CPU."
    if verdict.reason == "removed":
        return f'Use "target_device": "CPU": OpenVINO no longer has {verdict.name}.'
    if verdict.reason == "unknown" and verdict.name != device:
        close = similar_device(verdict.name)
        return f"Did you mean {close} for {verdict.name}?" if close else f"Remove {verdict.name}."
    if verdict.reason == "absent" and plugin in VIRTUAL:
        return f"Give the server the {verdict.name.partition('.')[0]}, or name devices that it has: {plugin}:CPU."
    if plugin in REGISTERED:
        return (
            f"Give the server the device (in a container: --device /dev/dri or /dev/accel), or let OpenVINO choose: "
            f'"target_device": "AUTO:{device},CPU".'
            if plugin in ("GPU", "NPU")
            else f"Name the devices after a colon, such as {plugin if plugin in VIRTUAL else 'AUTO'}:CPU."
        )
    close = similar_device(plugin)
    return f'Did you mean "target_device": "{close}"?' if close else 'Use "target_device": "CPU".'


def key_in(line: str) -> str:
    """Returns the plugin_config key in a log line; empty if it names none."""
    match = _KEY.fullmatch(line)
    return "" if match is None else match[1]


def key_hint(line: str, release: Release) -> str:
    """Returns a hint on a plugin_config key that no plugin of the device has."""
    match = _KEY.fullmatch(line)
    if match is None:
        return ""
    key, device = match.groups()
    if suggestion(device):
        return f'Correct the device first: "target_device": "{suggestion(device)}".'
    if device.partition(":")[0].partition(".")[0] not in REGISTERED:
        return f"Correct the device first: OpenVINO does not support it. {device_hint(device)}"
    renamed = _RENAMED.get(key)
    if renamed is not None and device.partition(":")[0].partition(".")[0] in devices_with(renamed, release):
        return f"Replace {key} by {renamed}: the server does that by itself only where the value is a string."
    similar = similar_key(key, device, release)
    if similar is not None:
        return f"Did you mean {similar}?"
    others = devices_with(key, release)
    if "CPU" in others and device in ("AUTO", "MULTI", "HETERO", "BATCH"):
        return f"Name the devices after a colon, which adds their properties: {device}:CPU."
    if others:
        return f"Remove {key}: only {', '.join(others)} has it."
    return f"Remove {key}: no device has such a property."
