"""How findings on model parameters speak of them: as they were written, and as they would be right."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches

from ovms_doctor.model.causes import ParameterRefused
from ovms_doctor.model.deployment import ModelEntry
from ovms_doctor.model.facts import Tensor
from ovms_doctor.model.findings import Evidence
from ovms_doctor.model.parameters import REGISTERED, UNJUDGED, VIRTUAL, DeviceVerdict
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.plan import Attempt
from ovms_doctor.model.releases import Release
from ovms_doctor.model.text import HIDDEN, redact
from ovms_doctor.prediction.mapping import tensor_name
from ovms_doctor.prediction.parameters.against_model import rank_of, server_shape
from ovms_doctor.prediction.parameters.devices import similar_device, suggestion
from ovms_doctor.prediction.parameters.plugin_config import devices_with, similar_key

#: What was given for a parameter is shown up to so many characters.
_SHOWN = 200
_USUAL = {1: "N", 2: "NC", 3: "N...", 4: "NCHW", 5: "NCDHW"}
#: A key of which the value is not shown.
_SECRET = lazy_pattern(r"key|token|secret|passw|credential|encrypt", re.IGNORECASE)
_DEVICE_KEY = lazy_pattern(r'"target_device": "([^"]*)"')
_KEY = lazy_pattern(
    r"Plugin config key: (.*) not found in supported config keys for device: (.*)\.", re.DOTALL
)


def wrote(value: object) -> str:
    """A value as JSON, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def spelled(entry: ModelEntry, parameter: str, value: object | None = None, key: str = "") -> str:
    """A parameter with its value (``value``, else what was given), as it is written where it was given; without
    what may be secret. ``key``: the one key of a plugin_config to show, empty for all."""
    given = entry.parameters.get(parameter) if value is None else value
    if given is None:
        return parameter
    if parameter == "plugin_config":
        given = shown_config(given, key)
    if entry.parameters.source == "arguments":
        return f"--{parameter} {wrote(given)}"
    return f'"{parameter}": {wrote(json.dumps(given, ensure_ascii=False))}'


def shown_config(given: object, key: str = "") -> object:
    """A plugin_config to show: only ``key`` of it if it is there, and no value of a key that names a secret. A
    text that is no object is hidden if it may hold one."""
    if not isinstance(given, str):
        config = given
    else:
        try:
            config = json.loads(given)
        except (ValueError, RecursionError):
            return HIDDEN if _SECRET.search(given) else redact(given)
    if isinstance(config, dict) and key in config:
        config = {key: config[key]}
    shown = _without_secrets(config)
    return json.dumps(shown, ensure_ascii=False) if isinstance(given, str) else shown


def _without_secrets(value: object, depth: int = 5) -> object:
    if isinstance(value, dict) and depth:
        return {
            key: HIDDEN if _SECRET.search(key) else _without_secrets(item, depth - 1)
            for key, item in value.items()
        }
    if isinstance(value, dict | list):
        # Nothing that the server understands: not looked through.
        return HIDDEN
    return redact(value) if isinstance(value, str) else value


def described(attempt: Attempt) -> tuple[Evidence, ...]:
    """The model's own inputs and outputs: names, types, shapes, and their names for clients."""
    told = attempt.report if attempt.report is not None and attempt.report.inputs else attempt.inspection
    if told is None or told.inputs is None:
        return ()
    how = "static reading" if told is attempt.inspection else "read_model in a child"
    parts = []
    for side, tensors in (("inputs", told.inputs), ("outputs", told.outputs or ())):
        words = [
            _tensor(
                tensor, attempt.names.alias("input" if side == "inputs" else "output", tensor_name(tensor))
            )
            for tensor in tensors
        ]
        parts.append(f"{side}: {', '.join(words) or 'none'}")
    return (Evidence("; ".join(parts), how),)


def _tensor(tensor: Tensor, alias: str) -> str:
    mapped = f" (mapped to {alias})" if alias else ""
    return f"{tensor_name(tensor)}{mapped} {tensor.element_type} {server_shape(tensor.shape)}"


def corrected(entry: ModelEntry, attempt: Attempt, cause: ParameterRefused) -> str:
    """What to write instead, with the model's own names and shapes; empty where nothing can be said."""
    told = attempt.report if attempt.report is not None and attempt.report.inputs else attempt.inspection
    inputs = (told.inputs or ()) if told is not None else ()
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
        meant = get_close_matches(cause.tensor, names, 1, 0.6) or (names if len(names) == 1 else [])
        if meant:
            return f"Name the model's input: {_renamed(entry, parameter, cause.tensor, meant[0])}."
        return f"Name one of the model's inputs: {', '.join(names)}."
    if parameter == "shape":
        own = {name: server_shape(one.shape) for name, one in zip(names, inputs, strict=True)}
        if cause.reason == "anonymous":
            return f"Name each input: {spelled(entry, 'shape', _object(entry, own))}."
        return "The model as it is takes " + ", ".join(f"{name} {shape}" for name, shape in own.items()) + "."
    if parameter == "layout":
        usual = {name: _layout(one) for name, one in zip(names, inputs, strict=True)}
        return f"Give each input one letter for each dimension: {spelled(entry, 'layout', _object(entry, usual))}."
    if parameter == "batch_size":
        return "Leave batch_size out, or say with layout where the batch (N) of each input is."
    return ""


def _object(entry: ModelEntry, value: dict[str, str]) -> object:
    return json.dumps(value) if entry.parameters.source == "arguments" else value


def _renamed(entry: ModelEntry, parameter: str, old: str, new: str) -> str:
    given = entry.parameters.get(parameter)
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            given = None
    if not isinstance(given, dict):
        return new
    return spelled(
        entry, parameter, _object(entry, {new if key == old else key: v for key, v in given.items()})
    )


def _layout(tensor: Tensor) -> str:
    rank = rank_of(tensor.shape)
    return _USUAL.get(rank, "N...") if rank else "..."


#: What a verdict's reason says of the device, after a colon.
_REASONS = {
    "unknown": "OpenVINO has no device “{name}”",
    "removed": "OpenVINO no longer has the device {name}",
    "number": "{plugin} takes no number",
    "bare": "{name} needs devices behind a colon",
    "nothing": "no device is left to choose from",
    "several": "BATCH takes one device",
    "nested": "{name} cannot be behind {head}",
    "absent": "the server has no {plugin}",
}


def device_reason(device: str, verdict: DeviceVerdict) -> str:
    """Why nothing is compiled for a device; empty where the verdict does not tell."""
    text = _REASONS.get(verdict.reason, "")
    plugin = verdict.name.partition(".")[0]
    return text.format(name=verdict.name, plugin=plugin, head=device.partition(":")[0])


def as_argument(hint: str) -> str:
    """A hint that names the device as a configuration does, with the option of the command line in its place."""
    return _DEVICE_KEY.sub(r"--target_device \1", hint)


def device_hint(device: str, verdict: DeviceVerdict = UNJUDGED) -> str:
    """What to do about a device that the model cannot be compiled for."""
    meant = suggestion(device)
    if meant is not None:
        return f'Did you mean "target_device": "{meant}"? Names count in capitals, without spaces.'
    plugin = device.partition(":")[0].partition(".")[0]
    if verdict.reason == "number":
        return f"Leave the number out: {verdict.name.partition('.')[0]}."
    if verdict.reason == "several":
        return f"Name one device: {device.partition(',')[0]}."
    if verdict.reason == "nested":
        return f"Name the devices themselves: {plugin}:CPU."
    if verdict.reason == "removed":
        return f'Use "target_device": "CPU": {verdict.name} went with an older release.'
    if verdict.reason == "unknown" and verdict.name != device:
        close = similar_device(verdict.name)
        return f"Did you mean {close} for {verdict.name}?" if close else f"Take {verdict.name} out."
    if verdict.reason == "absent" and plugin in VIRTUAL:
        return f"Give the server the {verdict.name.partition('.')[0]}, or name devices that it has: {plugin}:CPU."
    if plugin in REGISTERED:
        return (
            f"Give the server the device (in a container: --device /dev/dri or /dev/accel), or let it choose: "
            f'"target_device": "AUTO:{device},CPU".'
            if plugin in ("GPU", "NPU")
            else f"Name the devices behind it, such as {plugin if plugin in VIRTUAL else 'AUTO'}:CPU."
        )
    close = similar_device(plugin)
    return f'Did you mean "target_device": "{close}"?' if close else 'Use "target_device": "CPU".'


def key_in(line: str) -> str:
    """The plugin_config key that the server's line names; empty where it names none."""
    match = _KEY.fullmatch(line)
    return "" if match is None else match[1]


def key_hint(line: str, release: Release) -> str:
    """What to write for a plugin_config key that the server found in none of the device's plugins."""
    match = _KEY.fullmatch(line)
    if match is None:
        return ""
    key, device = match.groups()
    if suggestion(device):
        return f'Correct the device first: "target_device": "{suggestion(device)}".'
    if device.partition(":")[0].partition(".")[0] not in REGISTERED:
        return f"Correct the device first, which OpenVINO does not know. {device_hint(device)}"
    similar = similar_key(key, device, release)
    if similar is not None:
        return f"Did you mean {similar}?"
    others = devices_with(key, release)
    if "CPU" in others and device in ("AUTO", "MULTI", "HETERO", "BATCH"):
        return f"Name the devices behind it, whose properties then count too: {device}:CPU."
    if others:
        return f"Take {key} out: only {', '.join(others)} has it."
    return f"Take {key} out: no device has such a property."
