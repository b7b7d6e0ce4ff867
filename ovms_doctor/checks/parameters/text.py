"""How findings show model parameters and tensors: as they are configured, with positions."""

from __future__ import annotations

import json

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.positions import with_position
from ovms_doctor.model.deployment import ModelEntry
from ovms_doctor.model.facts import Tensor
from ovms_doctor.model.findings import Evidence
from ovms_doctor.model.plan import Attempt
from ovms_doctor.prediction.mapping import tensor_name
from ovms_doctor.prediction.parameters.against_model import server_shape

#: The longest value to show, in characters.
_SHOWN = 200


def show_value(value: object) -> str:
    """Returns a value as JSON, cut at :data:`_SHOWN` characters."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def show_parameter(entry: ModelEntry, parameter: str, value: object | None = None, key: str = "") -> str:
    """Returns a parameter with ``value`` (else the configured one) as an argument or in JSON.

    ``key``: the one key of a plugin_config to show, empty for all.
    """
    displayed = entry.parameters.get(parameter) if value is None else value
    if displayed is None:
        return parameter
    if parameter == "plugin_config":
        displayed = show_plugin_config(displayed, key)
    if entry.parameters.source == "arguments":
        return f"--{parameter} {show_value(displayed)}"
    return f'"{parameter}": {show_value(json.dumps(displayed, ensure_ascii=False))}'


def show_plugin_config(value: object, key: str = "") -> object:
    """Returns the part of a plugin_config to show: only ``key``, if it exists."""
    try:
        config = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value
    if isinstance(config, dict) and key in config:
        config = {key: config[key]}
    return json.dumps(config, ensure_ascii=False) if isinstance(value, str) else config


def locate_parameter(
    context: Context, entry: ModelEntry, parameter: str, inside: str = ""
) -> tuple[str, tuple[Evidence, ...], str | None]:
    """Returns the position of a parameter as the beginning of a message (``config.json:3:15: ``), the evidence on it,
    and its JSON pointer.

    ``inside``: a key in the parameter's value; the parameter itself if there is no such key. The beginning is empty for
    parameters of the command line.
    """
    parameter_text = show_parameter(entry, parameter, key=inside)
    if entry.parameters.source == "arguments" or not entry.pointer:
        return "", (Evidence(parameter_text, "read of the arguments"),), None
    pointer = "/".join([entry.pointer, parameter, *([_escaped(inside)] if inside else [])])
    position = context.position(pointer)
    evidence = (Evidence(f"{position or entry.pointer}: {parameter_text}", "read of the configuration"),)
    if position is None or context.plan.config_path is None:
        return "", evidence, None
    return f"{with_position(context.plan.config_path, position)}: ", evidence, pointer


def _escaped(key: str) -> str:
    """Returns a key as a part of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def describe_tensors(attempt: Attempt) -> tuple[Evidence, ...]:
    """Returns the model's inputs and outputs as evidence: names, types, shapes, and their names for clients."""
    source = attempt.report if attempt.report is not None and attempt.report.inputs else attempt.inspection
    if source is None or source.inputs is None:
        return ()
    how = "static reading" if source is attempt.inspection else "read_model in a child process"
    parts = []
    for side, tensors in (("inputs", source.inputs), ("outputs", source.outputs or ())):
        descriptions = [
            _tensor(
                tensor, attempt.names.alias("input" if side == "inputs" else "output", tensor_name(tensor))
            )
            for tensor in tensors
        ]
        parts.append(f"{side}: {', '.join(descriptions) or 'none'}")
    return (Evidence("; ".join(parts), how),)


def _tensor(tensor: Tensor, alias: str) -> str:
    mapped = f" (mapped to {alias})" if alias else ""
    return f"{tensor_name(tensor)}{mapped} {tensor.element_type} {server_shape(tensor.shape)}"
