"""The options of a graph that the server creates itself, as its arguments set them (graph_cli_parser.cpp,
embeddings_graph_cli_parser.cpp, rerank_graph_cli_parser.cpp, image_generation_graph_cli_parser.cpp)."""

from __future__ import annotations

from ovms_doctor.model.deployment import ServerArguments
from ovms_doctor.model.graph_text import GraphField
from ovms_doctor.prediction.graphs.calculators import Calculator

_NUMBERS = frozenset(
    "cache_size max_num_seqs max_num_batched_tokens max_allowed_chunks num_images_per_prompt "
    "max_num_images_per_prompt default_num_inference_steps max_num_inference_steps".split()
)
_TEXTS = frozenset(
    "pipeline_type tool_parser reasoning_parser pooling resolution max_resolution default_resolution".split()
)
_SWITCHES = frozenset("enable_prefix_caching dynamic_split_fuse normalize truncate".split())


def graph_options(calculator: Calculator, arguments: ServerArguments | None) -> tuple[GraphField, ...]:
    """Returns the fields of the node's options that the arguments set, except ``models_path``. Values that the server's
    own parser of the task refuses are left out."""
    if arguments is None:
        return ()
    fields = []
    device = arguments.value("target_device")
    if device:
        name = "device" if calculator.title in ("LLM", "Image Gen") else "target_device"
        fields.append(GraphField(name, device, 0, 0))
    plugin_config = arguments.value("plugin_config")
    if plugin_config:
        fields.append(GraphField("plugin_config", plugin_config, 0, 0))
    for name, value in _pairs(arguments.unmatched).items():
        if name in _NUMBERS and value.isascii() and value.isdecimal():
            fields.append(GraphField(name, int(value), 0, 0))
        elif name in _TEXTS and value:
            fields.append(GraphField(name, value, 0, 0))
        elif name in _SWITCHES and value in ("true", "false"):
            field = "normalize_embeddings" if name == "normalize" else name
            fields.append(GraphField(field, value == "true", 0, 0))
    return tuple(fields)


def _pairs(arguments: tuple[str, ...]) -> dict[str, str]:
    """Returns ``--name value`` and ``--name=value`` among the arguments, the last of each name."""
    found: dict[str, str] = {}
    left = list(arguments)
    while left:
        word = left.pop(0)
        if not word.startswith("--"):
            continue
        name, equals, value = word[2:].partition("=")
        if not equals and left and not left[0].startswith("--"):
            value = left.pop(0)
        found[name] = value
    return found
