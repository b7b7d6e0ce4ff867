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
from ovms_doctor.prediction.graphs.pipeline_type import max_model_length
from ovms_doctor.prediction.graphs.validation import validate_graph

_GRAPH_LIMIT = 1 << 20
_CONFIG_LIMIT = 1 << 22
_TOKENIZER_LIMIT = 16 << 20
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
#: Files that contain, or may contain, a chat template.
_TEMPLATES = ("chat_template.jinja", "chat_template.json", "template.jinja")
_CONFIGURATIONS = ("tokenizer_config.json", "processor_config.json")


def generative_limits(directory: str, given_task: str, facts: Facts, release: Release) -> GenerativeLimits:
    """Returns the limits of the model in a directory (an absolute server path). ``given_task``: the task of
    ``--task``. Raises FactsMissingError."""
    data = _bytes(f"{directory}/graph.pbtxt", _GRAPH_LIMIT, facts)
    graph = data.decode("utf-8", "replace")
    task = next((task for name, task in _TASKS if name in graph), "")
    if not graph:
        # The server creates a graph itself.
        task = given_task or infer_task(directory, facts) or ""
    limits = GenerativeLimits(task=_OPTIONS.get(task, task))
    models, pipeline_type = directory, ""
    for node in validate_graph("graph", data, release).nodes[:1] if data else ():
        limits = replace(limits, node=node.name)
        options = node.options or GraphMessage("", ())
        models = posixpath.normpath(posixpath.join(directory, *options.texts("models_path")[:1]))
        pipeline_type = next(iter(options.texts("pipeline_type")), "")
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
    return replace(limits, chat_template=_has_template(models, facts), vision=has_vision)


def _has_template(directory: str, facts: Facts) -> bool | None:
    """Whether a chat template is among the files; `None` if the tokenizer cannot be read, whose own template counts
    too."""
    paths = [f"{directory}/{name}" for name in _TEMPLATES]
    facts.need([StatPath(path) for path in paths])
    found = [facts.ask(StatPath(path)) for path in paths]
    # An empty template counts as none.
    if any(isinstance(status, PathStatus) and status.size for status in found):
        return True
    if any(_json(f"{directory}/{name}", facts).get("chat_template") for name in _CONFIGURATIONS):
        return True
    tokenizer = _bytes(f"{directory}/openvino_tokenizer.xml", _TOKENIZER_LIMIT, facts)
    return b"<chat_template" in tokenizer if tokenizer else None


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
