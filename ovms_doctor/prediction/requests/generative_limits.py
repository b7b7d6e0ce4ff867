"""The limits for requests in the files of a generative model."""

from __future__ import annotations

import json
import posixpath
import re

from msgspec.structs import replace

from ovms_doctor.model.facts import Facts, FileContent, PathStatus, ReadFile, StatPath
from ovms_doctor.model.served_models import GenerativeLimits
from ovms_doctor.prediction.generative import infer_task

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
#: Files that contain, or may contain, a chat template.
_TEMPLATES = ("chat_template.jinja", "chat_template.json", "template.jinja")


def generative_limits(directory: str, given_task: str, facts: Facts) -> GenerativeLimits:
    """Returns the limits of the model in a directory (an absolute server path). ``given_task``: the task of
    ``--task``. Raises FactsMissingError."""
    graph = _text(f"{directory}/graph.pbtxt", _GRAPH_LIMIT, facts)
    task = next((task for name, task in _TASKS if name in graph), "")
    if not graph:
        # The server creates a graph itself.
        task = given_task or infer_task(directory, facts) or ""
    limits = GenerativeLimits(task=_OPTIONS.get(task, task))
    tokens = re.search(r"\bmax_tokens_limit\s*:\s*(\d{1,10})", graph)
    best = re.search(r"\bbest_of_limit\s*:\s*(\d{1,10})", graph)
    if tokens:
        limits = replace(limits, max_tokens_limit=int(tokens[1]))
    if best:
        limits = replace(limits, best_of_limit=int(best[1]))
    models_path = re.search(r'\bmodels_path\s*:\s*"([^"]*)"', graph)
    models = posixpath.normpath(posixpath.join(directory, models_path[1] if models_path else "."))
    config = _json(f"{models}/config.json", facts)
    length = config.get("max_position_embeddings") or config.get("n_positions")
    if isinstance(length, int) and length > 0:
        limits = replace(limits, max_length=length)
    # This is how the server determines the kind of model if the graph does not name it (servable_initializer.cpp).
    pipeline_type = re.search(r"\bpipeline_type\s*:\s*(\w+)", graph)
    has_vision = all(
        isinstance(facts.ask(StatPath(f"{models}/{name}")), PathStatus)
        for name in ("openvino_vision_embeddings_model.bin", "openvino_text_embeddings_model.xml")
    )
    if pipeline_type and pipeline_type[1] != "AUTO":
        has_vision = pipeline_type[1].startswith(("VLM", "OMNI"))
    return replace(limits, chat_template=_has_template(models, facts), vision=has_vision)


def _has_template(directory: str, facts: Facts) -> bool | None:
    """Whether a chat template is among the files; `None` if the tokenizer is missing too."""
    paths = [f"{directory}/{name}" for name in _TEMPLATES]
    facts.need([StatPath(path) for path in paths])
    if any(isinstance(facts.ask(StatPath(path)), PathStatus) for path in paths):
        return True
    tokenizer = _json(f"{directory}/tokenizer_config.json", facts)
    if not tokenizer:
        return None
    return bool(tokenizer.get("chat_template"))


def _json(path: str, facts: Facts) -> dict[str, object]:
    try:
        document = json.loads(_text(path, _CONFIG_LIMIT, facts) or "{}")
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _text(path: str, limit: int, facts: Facts) -> str:
    status = facts.ask(StatPath(path))
    if not isinstance(status, PathStatus) or status.kind != "regular":
        return ""
    content = facts.ask(ReadFile(path, limit))
    return content.data.decode("utf-8", "replace") if isinstance(content, FileContent) else ""
