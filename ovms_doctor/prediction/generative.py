"""The conditions under which a model path is loaded as a generative model, and its task (v2026.3, --model_path only).

Source: cli_parser.cpp isInMemoryGraphMode, default_task.cpp, default_task_detector.cpp.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from ovms_doctor.model import server_log
from ovms_doctor.model.config_text import ConfigText
from ovms_doctor.model.facts import Facts, Failure, PathStatus, ReadFile, StatPath, Unavailable
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.plan_problems import StartProblem
from ovms_doctor.prediction.config.text import NestingError, NotJsonError, parse
from ovms_doctor.prediction.paths import absolute, filesystem_error
from ovms_doctor.prediction.versions import DetectionError

_CONFIG, _INDEX, _MODULES = "config.json", "model_index.json", "modules.json"
_GRAPH = "graph.pbtxt"
#: These files are small; of a larger one no more than this is read, in bytes.
_LIMIT = 16 << 20
_AMBIGUOUS = "Qwen3ForCausalLM"
_NOT_EMBEDDINGS = ("CLIPTextModel", "InternVLChatModel", "UNet2DConditionModel", _AMBIGUOUS)
_IMAGE_PARTS = ("CLIPTextModel", "UNet2DConditionModel", "AutoencoderKL")


class Generative(Struct, frozen=True):
    """The result of the search for a generative model."""

    #: The task that the server infers; None for the path of an ordinary model.
    task: str | None = None
    #: Why the server ends with exit code 64 instead; None if it does not.
    problem: StartProblem | None = None


def detect_generative(
    model_path: str, working_directory: str, facts: Facts, *, task: str | None, options_left: bool
) -> Generative:
    """Returns the server's result for ``--model_path``. ``task``: the value of --task; ``options_left``: arguments that
    its first parser did not read. Raises FactsMissingError, DetectionError."""
    if task is not None:
        return Generative(task)
    if is_remote(model_path):
        # The server searches local files: for a name such as s3:// it finds none.
        return Generative()
    absolute_path = absolute(model_path, working_directory)
    found = None
    for name in (_CONFIG, _INDEX):
        existing = _exists(model_path, absolute_path, name, facts)
        if isinstance(existing, StartProblem):
            return Generative(problem=existing)
        if existing:
            found = name
            break
    if found is None:
        return Generative()
    graph = _exists(model_path, absolute_path, _GRAPH, facts)
    if isinstance(graph, StartProblem):
        return Generative(problem=graph)
    if graph and not options_left:
        return Generative()
    inferred = infer_task(absolute_path, facts)
    if inferred is not None:
        return Generative(inferred)
    path = os.path.join(model_path, found)
    log = (server_log.NO_TASK(),)
    return Generative(problem=StartProblem("task_not_inferred", "OPTIONS_USAGE_ERROR", 64, log, path))


def _exists(model_path: str, absolute_path: str, name: str, facts: Facts) -> bool | StartProblem:
    """Applies ``std::filesystem::exists``, which throws if access is denied."""
    answer = facts.ask(StatPath(f"{absolute_path}/{name}"))
    path = os.path.join(model_path, name)
    if isinstance(answer, Unavailable):
        raise DetectionError(path, answer)
    if isinstance(answer, Failure) and not answer.missing:
        line = server_log.OPTIONS_EXCEPTION(what=filesystem_error("status", answer, path))
        return StartProblem("model_path_denied", "OPTIONS_USAGE_ERROR", 64, (line,), path, failure=answer)
    return isinstance(answer, PathStatus)


def infer_task(absolute_path: str, facts: Facts) -> str | None:
    """Returns the task, from config.json, model_index.json and modules.json; the first detector that fits wins."""
    name = os.path.basename(os.path.normpath(absolute_path)).lower()
    config = _json(f"{absolute_path}/{_CONFIG}", facts)
    modules = _json(f"{absolute_path}/{_MODULES}", facts)
    architectures = _architectures(config)

    def any_of(fits: Callable[[str], bool]) -> bool:
        return any(fits(item) for item in architectures)

    ambiguous = modules is None and _AMBIGUOUS in architectures
    if any_of(_is_speech_to_text):
        return "speech2text"
    if _is_text_to_speech(config, architectures):
        return "text2speech"
    if _module_of(modules, "LogitScore", "CrossEncoder"):
        return "rerank"
    if any_of(lambda item: item.endswith("ForSequenceClassification")) or (ambiguous and "rerank" in name):
        return "rerank"
    if any_of(lambda item: item in _IMAGE_PARTS or item.endswith("Transformer2DModel")):
        return "image_generation"
    if _is_diffusers(_json(f"{absolute_path}/{_INDEX}", facts)):
        return "image_generation"
    if _module_of(modules, "Pooling") or any_of(_is_embeddings) or (ambiguous and "embed" in name):
        return "embeddings"
    return "text_generation" if any_of(_is_text_generation) else None


def _json(path: str, facts: Facts) -> Any:
    """Returns a file's document; None if it is not there, not readable or not JSON."""
    status = facts.ask(StatPath(path))
    if not isinstance(status, PathStatus) or status.kind != "regular":
        return None
    content = facts.ask(ReadFile(path, _LIMIT))
    if isinstance(content, (Failure, Unavailable)):
        return None
    try:
        return parse(ConfigText.of(content.data)).value
    except (NotJsonError, NestingError):
        return None


def _architectures(config: Any) -> list[str]:
    listed = config.get("architectures") if isinstance(config, dict) else None
    return [item for item in listed if isinstance(item, str)] if isinstance(listed, list) else []


def _module_of(modules: Any, *parts: str) -> bool:
    """Whether a module's ``type`` contains one of ``parts``."""
    if not isinstance(modules, list):
        return False
    types = [item.get("type") for item in modules if isinstance(item, dict)]
    return any(part in item for item in types if isinstance(item, str) for part in parts)


def _is_speech_to_text(item: str) -> bool:
    known = ("WhisperForConditionalGeneration", "Qwen3ASRForConditionalGeneration")
    return item in known or item.startswith("SeamlessM4T")


def _is_text_to_speech(config: Any, architectures: list[str]) -> bool:
    if isinstance(config, dict) and "architectures" in config and config["architectures"] is None:
        return "n_mels" in config
    return any(
        item == "ParlerTTSForConditionalGeneration" or item.endswith("ForTextToSpeech")
        for item in architectures
    )


def _is_diffusers(index: Any) -> bool:
    name = index.get("_class_name") if isinstance(index, dict) else None
    return isinstance(name, str) and ("StableDiffusion" in name or "Flux" in name)


def _is_embeddings(item: str) -> bool:
    if item in _NOT_EMBEDDINGS or item.endswith("Transformer2DModel"):
        return False
    return item.endswith("Model")


def _is_text_generation(item: str) -> bool:
    return item == "InternVLChatModel" or item.endswith(("ForCausalLM", "ForConditionalGeneration"))
