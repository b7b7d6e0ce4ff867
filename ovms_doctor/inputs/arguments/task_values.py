"""Values of a task's options that the server refuses: the parsers of the tasks (graph_export/*_cli_parser.cpp), and the
part of ``Config::validate`` about their settings (config.cpp), v2025.2 to v2026.3."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ovms_doctor.inputs.arguments.options import task_options
from ovms_doctor.model.deployment import ArgumentRefusal
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.releases import Release
from ovms_doctor.model.releases.output_parsers import output_parsers

_NUMBERS = frozenset(
    "max_num_seqs max_num_batched_tokens cache_size max_prompt_len cache_interval_multiplier num_streams "
    "max_allowed_chunks num_images_per_prompt max_num_images_per_prompt default_num_inference_steps "
    "max_num_inference_steps".split()
)
#: The text as cxxopts reads a number without a sign.
_NUMBER = lazy_pattern(r"[0-9]+|0x[0-9a-fA-F]+")
_RESOLUTION = lazy_pattern(r"[0-9]+x[0-9]+")
_DEVICE = lazy_pattern(r"CPU|GPU|NPU|AUTO|HETERO.*", re.DOTALL)
#: Since v2025.4.
_MORE_DEVICES = lazy_pattern(r"CPU|GPU|NPU|GPU\.[0-9]+|HETERO.*|AUTO.*", re.DOTALL)
_SWITCHES = {
    "text_generation": ("enable_prefix_caching", "dynamic_split_fuse"),
    "embeddings": ("normalize", "truncate"),
}


def task_values(task: str, release: Release, unmatched: Sequence[str]) -> dict[str, str]:
    """Returns the values of the task's own options among the arguments that the first parser left, the last of
    each."""
    known = task_options(task, release)
    found: dict[str, str] = {}
    name = ""
    for word in unmatched:
        if name:
            found[name], name = word, ""
        elif word.startswith("--"):
            option, equals, value = word[2:].partition("=")
            if option in known and equals:
                found[option] = value
            elif option in known:
                name = option
    return found


def number_refusals(values: Mapping[str, str]) -> Iterator[ArgumentRefusal]:
    """Yields the exceptions of the task's parser for values that are no numbers."""
    for name, value in values.items():
        if name in _NUMBERS and not _NUMBER.fullmatch(value):
            text = f"error parsing options: Argument ‘{value}’ failed to parse"
            yield ArgumentRefusal("parse", text, None, f"--{name}")


def setting_refusals(task: str, release: Release, values: Mapping[str, str]) -> Iterator[ArgumentRefusal]:
    """Yields the exceptions while the task's settings are prepared."""
    if task == "text_generation" and release.at_least(2026, 3):
        for name in ("reasoning_parser", "tool_parser"):
            value = values.get(name)
            parsers = output_parsers(name, release)
            if value and value != "none" and value not in parsers:
                kind = name.replace("_", " ")
                text = f'Unsupported {name}: "{value}". Supported {kind}s are: {", ".join(parsers)}'
                yield ArgumentRefusal("prepare", text, None, f"--{name}")
    if task == "image_generation":
        yield from _image_refusals(values)
    pooling = values.get("pooling")
    if task == "embeddings" and pooling is not None:
        kinds = ("CLS", "LAST", "MEAN") if release.at_least(2026, 3) else ("CLS", "LAST")
        if pooling not in kinds:
            listed = "CLS, LAST and MEAN" if len(kinds) > 2 else "CLS and LAST"
            yield ArgumentRefusal("prepare", f"Only {listed} pooling modes are supported", None, "--pooling")


def _image_refusals(values: Mapping[str, str]) -> Iterator[ArgumentRefusal]:
    for name in ("max_resolution", "default_resolution"):
        value = values.get(name)
        if value and not _RESOLUTION.fullmatch(value):
            text = f"Invalid {name} format. Expected WxH, e.g., 1024x1024"
            yield ArgumentRefusal("prepare", text, None, f"--{name}")
    for name in (
        "max_num_images_per_prompt",
        "default_num_inference_steps",
        "max_num_inference_steps",
        "num_streams",
    ):
        value = values.get(name)
        if value is not None and _NUMBER.fullmatch(value) and not int(value, 0 if "x" in value else 10):
            yield ArgumentRefusal("prepare", f"{name} must be greater than 0", None, f"--{name}")


def value_refusals(
    task: str, release: Release, values: Mapping[str, str], device: str | None
) -> Iterator[ArgumentRefusal]:
    """Yields the refusals of ``Config::validate``. ``device``: the value of --target_device."""
    if task == "text_generation":
        types = ["LM", "LM_CB", "VLM", "VLM_CB", "AUTO"]
        if release.at_least(2026, 3):
            types.insert(4, "OMNI")
        kind = values.get("pipeline_type")
        if kind is not None and kind not in types:
            text = f"pipeline_type: {kind} is not allowed. Supported types: {', '.join(types)}"
            yield ArgumentRefusal("validate", text, None, "--pipeline_type")
        allowed = _MORE_DEVICES if release.at_least(2025, 4) else _DEVICE
        if device and not allowed.fullmatch(device):
            text = f"target_device: {device} is not allowed. Supported devices: CPU, GPU, NPU, HETERO, AUTO"
            yield ArgumentRefusal("validate", text, None, "--target_device")
    for name in _SWITCHES.get(task, ()):
        value = values.get(name)
        if value is not None and value not in ("true", "false"):
            text = f"{name}: {value} is not allowed. Supported values: true, false"
            yield ArgumentRefusal("validate", text, None, f"--{name}")
