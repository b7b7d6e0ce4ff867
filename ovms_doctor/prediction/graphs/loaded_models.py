"""What a node that is loaded takes into memory: its models, and the caches of its language models."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ovms_doctor.model.graph_plan import KvCache, NodeModel
from ovms_doctor.prediction.graphs.kv_cache import default_device, kv_cache, plugin_config
from ovms_doctor.prediction.graphs.servables import ServableContext

#: The language model of a directory: of a text model, of a vision-language model.
_LANGUAGE_MODELS = ("openvino_model", "openvino_language_model")


def loaded_models(context: ServableContext) -> Iterator[NodeModel]:
    """What a node without a fault loads. Raises FactsMissingError, UnavailableFileError."""
    directory = context.directory
    inspections = list(directory.inspected.values())
    caches: list[KvCache] = []
    device = default_device(context)
    if context.node.calculator.title == "LLM":
        stateful = device == "NPU" or context.text("pipeline_type") in ("LM", "VLM")
        draft = None if stateful else context.text("draft_models_path") or None
        models = [(context, "")]
        if draft is not None:
            other = context.at(context.other_directory(draft))
            other.directory.ir(_LANGUAGE_MODELS[0])
            inspections += other.directory.inspected.values()
            models.append((other, "draft_"))
        for each, prefix in models:
            name = next((name for name in _LANGUAGE_MODELS if name in each.directory.inspected), None)
            if name is not None:
                found = kv_cache(each, each.directory.inspected[name], prefix, stateful=stateful)
                caches += [] if found is None else [found]
    properties = tuple((key, json.dumps(value)) for key, value in plugin_config(context).items())
    yield NodeModel(context.node.name, device, properties, tuple(inspections), tuple(caches))
