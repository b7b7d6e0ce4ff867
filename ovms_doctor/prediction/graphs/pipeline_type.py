"""The kind of pipeline of a text generation node, and the longest prompt with its answer.

Source: `determinePipelineType` and `parseMaxModelLength` (servable_initializer.cpp, since v2025.1), `prepareInputs`
(servable.cpp).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ovms_doctor.model.graph_plan import ServableFault
from ovms_doctor.prediction.graphs.servables import LLM_FAILED, ServableContext

_VISION_TYPES = frozenset({"VLM", "VLM_CB"})
_NOT_VISION = "Models directory content indicates VLM pipeline, but pipeline type is set to non-VLM type."
_VISION = "Models directory content indicates non-VLM pipeline, but pipeline type is set to VLM type."
#: The fields of config.json with the model's length, in the server's order.
_LENGTHS = ("max_position_embeddings", "n_positions", "seq_len", "seq_length", "n_ctx", "sliding_window")


def max_model_length(config: Mapping[str, object]) -> int | None:
    """Returns the first field of config.json that is an unsigned integer of 32 bits; `None` if there is none."""
    for name in _LENGTHS:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 32:
            return value
    return None


def pipeline_type_faults(context: ServableContext, *, vision: bool) -> Iterator[ServableFault]:
    """Yields faults of a type that disagrees with the files. ``vision``: the files are those of a vision-language
    model. Since v2026.3 such files with a talker make the type OMNI, which is no vision type."""
    pipeline_type = context.text("pipeline_type", "AUTO")
    talker = context.release.at_least(2026, 3) and context.directory.has("openvino_talker_model.xml")
    if pipeline_type == "AUTO":
        return
    status = "INTERNAL_ERROR"
    log: tuple[str, ...] = ()
    if vision and not talker and pipeline_type not in _VISION_TYPES:
        log = (_NOT_VISION,)
    elif (not vision or talker) and pipeline_type in _VISION_TYPES:
        log = (_VISION,)
    elif pipeline_type == "OMNI" and not (vision and talker):
        # The server does not compare this type: GenAI does not find the files.
        status = LLM_FAILED
    else:
        return
    yield context.fault(
        "pipeline_type", "failed", subject=pipeline_type, status=status, log=log, option="pipeline_type"
    )


def token_limit_faults(context: ServableContext, *, vision: bool) -> Iterator[ServableFault]:
    """Yields the fault of a limit that is the number of tokens of a request without one, and does not fit the model
    with any prompt: the server answers 400. It compares them for models with vision since v2026.3."""
    limit = context.options.first("max_tokens_limit") if context.options is not None else None
    release = context.release
    if limit is None or not isinstance(limit.value, int) or not release.at_least(2025, 1):
        return
    config = context.directory.json("config.json").value
    length = max_model_length(config) if isinstance(config, dict) else None
    if length is None or limit.value < length or (vision and not release.at_least(2026, 3)):
        return
    yield context.fault(
        "token_limit",
        "requests",
        subject=str(limit.value),
        detail=f"max_tokens_limit {limit.value:,} leaves no room for a prompt: the model takes {length:,} tokens",
        option="max_tokens_limit",
    )
