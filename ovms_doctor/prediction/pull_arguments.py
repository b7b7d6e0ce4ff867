"""The arguments for pulling a model: the model, the repository, the method, and refused arguments.

Source: cli_parser.cpp prepareGraph, and the part of Config::validate that is about pulling (config.cpp), v2025.2 to
v2026.3.
"""

from __future__ import annotations

from collections.abc import Sequence

from ovms_doctor.model.deployment import ArgumentRefusal, ServerArguments
from ovms_doctor.model.environment import Variable
from ovms_doctor.model.pull_plan import Method
from ovms_doctor.model.releases import Release

_REPOSITORY = "OVMS_MODEL_REPOSITORY_PATH"
_PARSING = "error parsing options - "


def source_model(arguments: ServerArguments, release: Release) -> str:
    """Returns the model's name on Hugging Face: --model_name if there is no --source_model (since v2025.4)."""
    value = arguments.value("source_model")
    if value is not None:
        return value
    if release.at_least(2026, 2) and arguments.model_path is not None:
        return ""
    return (arguments.model_name or "") if release.at_least(2025, 4) else ""


def repository_path(
    arguments: ServerArguments, release: Release, environment: Sequence[Variable]
) -> str | None:
    """Returns --model_repository_path; empty if it is missing, None if a variable whose value is not kept replaces
    it."""
    value = arguments.value("model_repository_path")
    if value is not None or not release.at_least(2025, 4):
        return value or ""
    variable = next((item for item in environment if item.name == _REPOSITORY and not item.empty), None)
    return "" if variable is None else variable.text


def pull_refusal(
    arguments: ServerArguments, release: Release, environment: Sequence[Variable]
) -> ArgumentRefusal | None:
    """Returns why the server ends with exit code 64 before it pulls; None if it does not, or does not pull."""
    mode = arguments.mode
    in_memory = mode == "in_memory" and arguments.model_path is None
    if not (in_memory or mode in ("pull", "pull_and_start")):
        return None
    repository = repository_path(arguments, release, environment)
    source = source_model(arguments, release)
    if mode == "pull" and arguments.value("task") is None and release.numbers[:2] == (2026, 2):
        return ArgumentRefusal("unmatched", f"{_PARSING}--task parameter wasn't passed", option="--pull")
    for name in ("weight-format", "extra_quantization_params"):
        # The server throws this while it prepares the settings, before any validation.
        clones = downloads_by(arguments, source, release) == "clone"
        if clones and arguments.value(name) is not None and release.at_least(2025, 3):
            models = (
                "OpenVINO models."
                if release.at_least(2025, 4)
                else ("Openvino huggingface organization models.")
            )
            text = f"--{name} parameter unsupported for {models}"
            return ArgumentRefusal("prepare", text, option=f"--{name}")
    if mode in ("pull", "pull_and_start") and release.at_least(2026, 3) and _lacks_task(arguments):
        # It is thrown while the settings are prepared (getEffectiveTaskParameter).
        text = "Could not infer model task - specify --task value explicitly"
        hint = "The server finds the task of a model in --source_model or --model_path, not of one in --model_name."
        return ArgumentRefusal("prepare", text, option="--task", hint=hint if source else "")
    if mode != "pull" and not release.at_least(2025, 3):
        # v2025.2 validates --pull only.
        return None
    text, option = "", "--source_model"
    if release.at_least(2026, 2) and not release.at_least(2026, 3):
        without = source and arguments.value("task") is None
        text = "--source_model should be used combined with --task" if without else ""
    if not text and not source:
        text = "source_model parameter is required for pull mode"
    if not text and repository == "":
        text, option = "model_repository_path parameter is required for pull mode", "--model_repository_path"
    if not text and not release.at_least(2025, 3) and not source.startswith("OpenVINO/"):
        text = "For now only OpenVINO models are supported in pulling mode"
    if not text:
        return None
    hint = ""
    if arguments.model_path is not None and not release.at_least(2026, 2):
        option = "--task"
        hint = "Until OVMS 2026.1, --task pulls a model first; a model in --model_path is served with it since 2026.2."
    return ArgumentRefusal("validate", text, option=option, hint=hint)


def _lacks_task(arguments: ServerArguments) -> bool:
    """Whether --task is missing, and no option names a model in which the server would look for the task."""
    names = (arguments.value("source_model"), arguments.model_path)
    return arguments.value("task") is None and not any(names)


def downloads_by(arguments: ServerArguments, source: str, release: Release) -> Method:
    """Returns the method by which the model is fetched."""
    if arguments.value("gguf_filename") is not None:
        return "gguf"
    if source.lower().startswith("openvino/") or not release.at_least(2025, 3):
        return "clone"
    converts = arguments.value("weight-format") is not None or (
        arguments.value("extra_quantization_params") is not None
    )
    return "optimum" if converts or not release.at_least(2025, 4) else "clone"
