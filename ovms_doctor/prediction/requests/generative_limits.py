"""The limits for requests in the files of a generative model."""

from __future__ import annotations

import posixpath

from msgspec.structs import replace

from ovms_doctor.model.facts import Facts, FileContent, PathStatus, ReadFile, StatPath
from ovms_doctor.model.graph_text import GraphMessage
from ovms_doctor.model.json_text import json_object
from ovms_doctor.model.releases import Release
from ovms_doctor.model.served_models import GenerativeLimits
from ovms_doctor.prediction.generative import infer_task
from ovms_doctor.prediction.graphs.chat_template import ChatTemplate, TemplateSettings, chat_template
from ovms_doctor.prediction.graphs.model_directory import ModelDirectory, UnavailableFileError
from ovms_doctor.prediction.graphs.pipeline_type import max_model_length
from ovms_doctor.prediction.graphs.validation import validate_graph

_GRAPH_LIMIT = 1 << 20
_CONFIG_LIMIT = 1 << 22
_TASKS = (
    ("HttpLLMCalculator", "text_generation"),
    ("EmbeddingsCalculator", "embeddings"),
    ("RerankCalculator", "rerank"),
    ("ImageGenCalculator", "image_generation"),
    ("SpeechToTextCalculator", "speech_to_text"),
    ("S2tCalculator", "speech_to_text"),
    ("T2sCalculator", "text_to_speech"),
    ("TextToSpeechCalculator", "text_to_speech"),
)
#: Values of --task that are not names of tasks here.
_OPTIONS = {"speech2text": "speech_to_text", "text2speech": "text_to_speech"}


def generative_limits(
    directory: str, given_task: str, facts: Facts, release: Release, python: bool | None = True
) -> GenerativeLimits:
    """Returns the limits of the model in a directory (an absolute server path). ``given_task``: the task of
    ``--task``. ``python``: whether the server was built with Python; `None` if it is unknown. Raises
    FactsMissingError."""
    data = _bytes(f"{directory}/graph.pbtxt", _GRAPH_LIMIT, facts)
    graph = data.decode("utf-8", "replace")
    task = next((task for name, task in _TASKS if name in graph), "")
    if not graph:
        # The server creates a graph itself.
        task = given_task or infer_task(directory, facts) or ""
    limits = GenerativeLimits(task=_OPTIONS.get(task, task))
    models, pipeline_type, mode = directory, "", ""
    for node in validate_graph("graph", data, release).nodes[:1] if data else ():
        limits = replace(limits, node=node.name)
        options = node.options or GraphMessage("", ())
        models = posixpath.normpath(posixpath.join(directory, *options.texts("models_path")[:1]))
        pipeline_type = next(iter(options.texts("pipeline_type")), "")
        mode = next(iter(options.texts("chat_template_mode")), "")
        tokens, best = options.first("max_tokens_limit"), options.first("best_of_limit")
        if tokens is not None and isinstance(tokens.value, int):
            limits = replace(limits, max_tokens_limit=tokens.value)
        if best is not None and isinstance(best.value, int):
            limits = replace(limits, best_of_limit=best.value)
    limits = replace(limits, max_length=max_model_length(_json(f"{models}/config.json", facts)))
    # This is how the server determines the kind of model if the graph does not name it (servable_initializer.cpp).
    has_vision = all(
        isinstance(facts.ask(StatPath(f"{models}/{name}")), PathStatus)
        for name in ("openvino_vision_embeddings_model.bin", "openvino_text_embeddings_model.xml")
    )
    if pipeline_type not in ("", "AUTO"):
        has_vision = pipeline_type.startswith(("VLM", "OMNI"))
    limits = replace(limits, vision=has_vision)
    if limits.task not in ("", "text_generation"):
        return limits
    template = _template(models, facts, TemplateSettings(release, has_vision, python, mode))
    if template is None:
        return limits
    return replace(
        limits,
        chat_template=template.outcome,
        chat_template_answer=template.answer,
        chat_template_certain=template.certain,
    )


def _template(directory: str, facts: Facts, settings: TemplateSettings) -> ChatTemplate | None:
    """Returns the chat template of the model; `None` if a file cannot be read, or the tokenizer's IR does not exist,
    whose own template counts too."""
    models = ModelDirectory(directory, directory, facts)
    try:
        found = chat_template(models, settings, models.parsed)
        is_unknown = found.outcome == "missing" and not models.has("openvino_tokenizer.xml")
        return None if is_unknown else found
    except UnavailableFileError:
        return None


def _json(path: str, facts: Facts) -> dict[str, object]:
    return json_object(_text(path, _CONFIG_LIMIT, facts)) or {}


def _text(path: str, limit: int, facts: Facts) -> str:
    return _bytes(path, limit, facts).decode("utf-8", "replace")


def _bytes(path: str, limit: int, facts: Facts) -> bytes:
    """Returns the content of a file; empty if it cannot be read."""
    status = facts.ask(StatPath(path))
    if not isinstance(status, PathStatus) or status.kind != "regular":
        return b""
    content = facts.ask(ReadFile(path, limit))
    return content.data if isinstance(content, FileContent) else b""
