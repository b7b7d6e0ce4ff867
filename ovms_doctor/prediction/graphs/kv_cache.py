"""The cache of keys and values of a language model: the bytes of a token, and the limit of the cache.

Source: measured with OpenVINO GenAI 2025.1 to 2026.4 on the CPU (resident memory against the number of tokens); the
options from OVMS (llm_calculator.proto, servable_initializer.cpp), the order of precisions from the CPU plugin.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ovms_doctor.model.facts import ModelInspection
from ovms_doctor.model.graph_plan import KvCache
from ovms_doctor.model.json_text import json_object
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.graphs.servables import ServableContext

#: The fields of config.json that OVMS reads as the length of the longest text; the first existing one counts
#: (parseMaxModelLength).
_LONGEST = (
    "max_position_embeddings",
    "n_positions",
    "seq_len",
    "seq_length",
    "n_ctx",
    "sliding_window",
)
_OTHER_PROPERTIES = (
    "KEY_CACHE_PRECISION",
    "VALUE_CACHE_PRECISION",
    "KEY_CACHE_GROUP_SIZE",
    "VALUE_CACHE_GROUP_SIZE",
)
#: Bits of a number, at least and at most; scales are added.
_PACKED = {"u8": (8, 8), "u4": (4, 4), "u3": (3, 4)}
#: Bytes of a number.
_FLOATS = {"f16": 2, "bf16": 2, "f32": 4}


class _Part(Struct, frozen=True):
    """The keys or the values of one layer: the number of heads, and the size of each."""

    kind: str
    heads: int
    size: int


def kv_cache(
    context: ServableContext, model: ModelInspection, prefix: str = "", *, stateful: bool = False
) -> KvCache | None:
    """Returns the cache of the language model ``model``, on the CPU; None if neither its states nor config.json have
    its sizes. ``prefix``: ``draft_`` for the options of a draft model; ``stateful``: the pipeline that ignores them."""
    config = context.directory.json("config.json").value
    text = config.get("text_config") if isinstance(config, dict) else None
    parts = _of_states(model) or _of_config(text) or _of_config(config)
    if not parts:
        return None
    precision, low, high = _per_token(context, model, parts)
    longest = _longest(config) or _longest(text)
    return KvCache(
        low,
        high,
        precision,
        0 if stateful else cache_size(context, prefix),
        longest,
    )


def cache_size(context: ServableContext, prefix: str = "") -> int:
    """Returns the size in GiB that the option, or its default in the release, gives the cache; 0: it grows with
    requests."""
    options = context.options
    field = None if options is None else options.first(f"{prefix}cache_size")
    if field is None and prefix:
        return cache_size(context)
    number = context.number(f"{prefix}cache_size", 0 if context.release.at_least(2025, 4) else 8)
    if not context.release.at_least(2024, 3):
        # This release takes half of the option, rounded up.
        return (number + 1) // 2
    return number


def _of_states(model: ModelInspection) -> tuple[_Part, ...]:
    """Returns the size from the model's variables, whose shapes are [batch, heads, tokens, size]."""
    parts = []
    for state in model.states:
        dimensions = state.shape.strip("[]").split(",")
        name = state.names[0] if state.names else ""
        kind = "key" if "key" in name.lower().replace("key_values", "") else "value"
        if len(dimensions) == 4 and dimensions[1].isdigit() and dimensions[3].isdigit():
            parts.append(_Part(kind, int(dimensions[1]), int(dimensions[3])))
    return tuple(parts)


def _of_config(config: Any) -> tuple[_Part, ...]:
    """Returns the parts with the sizes in config.json."""
    if not isinstance(config, dict):
        return ()
    layers = _whole(config, "num_hidden_layers", "n_layer", "num_layers")
    heads = _whole(config, "num_attention_heads", "n_head")
    shared = _whole(config, "num_key_value_heads") or heads
    width = _whole(config, "hidden_size", "n_embd")
    size = _whole(config, "head_dim") or (width // heads if heads else 0)
    if not (layers and shared and size):
        return ()
    return (_Part("key", shared, size), _Part("value", shared, size)) * layers


def _whole(document: dict[str, Any], *names: str) -> int:
    """Returns the first of the fields that is a whole number greater than 0; else 0."""
    found = (document.get(name) for name in names)
    return next((value for value in found if isinstance(value, int) and value > 0), 0)


def _longest(config: Any) -> int | None:
    if not isinstance(config, dict):
        return None
    return next((_whole(config, name) for name in _LONGEST if _whole(config, name)), None)


def _per_token(
    context: ServableContext, model: ModelInspection, parts: tuple[_Part, ...]
) -> tuple[str, int, int]:
    """Returns the precision, and the bytes of a token, at least and at most: plugin_config decides, then what the
    export wrote into the model, then the release's default."""
    properties = plugin_config(context)
    release = context.release
    default = "u8" if release.at_least(2025, 1) else "f16"
    written = dict(model.runtime_options).get("KV_CACHE_PRECISION")
    precision = str(properties.get("KV_CACHE_PRECISION") or written or default).lower()
    if any(name in properties for name in _OTHER_PROPERTIES):
        precision = ""
    if precision in _FLOATS:
        exact = sum(part.heads * part.size * _FLOATS[precision] for part in parts)
        return precision, exact, exact
    if precision in _PACKED:
        least, most = (
            int(sum(part.heads * _packed(part, bits, release) for part in parts))
            for bits in _PACKED[precision]
        )
        return precision, least, most
    low = sum(part.heads * _packed(part, _PACKED["u3"][0], release) for part in parts)
    return "", int(low), sum(part.heads * part.size * _FLOATS["f16"] for part in parts)


def _packed(part: _Part, bits: int, release: Release) -> float:
    """Returns the bytes of one head of one token: numbers of ``bits`` bits, a scale and a zero point in f32. Keys
    share these with
    the other 31 tokens of a block, since 2025.2."""
    scales = part.size / 4 if part.kind == "key" and release.at_least(2025, 2) else 8
    return part.size * bits / 8 + scales


def plugin_config(context: ServableContext) -> dict[str, Any]:
    """Returns the properties in the node's ``plugin_config``; none if it is not a JSON object."""
    return json_object(context.text("plugin_config")) or {}


def default_device(context: ServableContext) -> str:
    """Returns the device of a node; empty if the server chooses: without one, since v2026.3."""
    default = "" if context.release.at_least(2026, 3) else "CPU"
    return context.text("device") or context.text("target_device") or default
