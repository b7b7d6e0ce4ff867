"""Nodes of HttpLLMCalculator: language models and vision-language models.

Source: src/llm/servable_initializer.cpp and language_model/, visual_language_model/ (v2024.2 to v2026.3); the files as
OpenVINO GenAI 2025.4 and 2026.4 read them.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ovms_doctor.model.graph_plan import ServableFault
from ovms_doctor.model.releases import Release
from ovms_doctor.model.releases.output_parsers import output_parsers
from ovms_doctor.model.text import size_text
from ovms_doctor.prediction.graphs.chat_template import chat_template_faults
from ovms_doctor.prediction.graphs.gguf import gguf_faults
from ovms_doctor.prediction.graphs.kv_cache import cache_size, default_device
from ovms_doctor.prediction.graphs.pipeline_type import pipeline_type_faults, token_limit_faults
from ovms_doctor.prediction.graphs.properties import property_faults
from ovms_doctor.prediction.graphs.servables import (
    LLM_FAILED,
    TOKENIZER_FILES,
    ServableContext,
    ir_fault,
    json_fault,
    raw_weights,
    tokenizer_faults,
)

#: The vision-language models of each release of GenAI (vlm_config.cpp), by config.json's ``model_type``.
_VISION: tuple[tuple[tuple[int, int], str], ...] = (
    ((2024, 5), "minicpmv llava llava_next internvl_chat"),
    ((2025, 0), "qwen2_vl"),
    ((2025, 1), "phi3_v"),
    ((2025, 2), "phi4mm qwen2_5_vl"),
    ((2025, 3), "minicpmo gemma3"),
    ((2025, 4), "llava-qwen2 llava_next_video"),
    ((2026, 1), "qwen3_vl"),
    ((2026, 2), "qwen3_5 qwen3_5_moe gemma4 videochat_flash_qwen"),
    ((2026, 3), "gemma3n gemma4_unified qwen3_omni qwen3_omni_moe"),
)
#: Further parts that a kind of vision-language model loads.
_PARTS = {
    "minicpmv": ("openvino_resampler_model",),
    "qwen2_vl": ("openvino_vision_embeddings_merger_model",),
    "qwen2_5_vl": ("openvino_vision_embeddings_merger_model",),
    "qwen3_5": ("openvino_vision_embeddings_merger_model",),
    "qwen3_vl": ("openvino_vision_embeddings_merger_model", "openvino_vision_embeddings_pos_model"),
    "phi3_v": ("openvino_vision_projection_model",),
    "phi4mm": ("openvino_vision_projection_model",),
    "llava_next_video": ("openvino_multi_modal_projector_model", "openvino_vision_resampler_model"),
    "gemma3n": ("openvino_text_embeddings_per_layer_model",),
    "gemma4": ("openvino_text_embeddings_per_layer_model",),
    "videochat_flash_qwen": ("openvino_vision_projection_model",),
}
#: Parsers that need special tokens in their stream (requiresStreamingWithSpecialTokens).
_WITH_SPECIAL_TOKENS = frozenset("devstral gemma4 gptoss lfm2 minicpm5".split())
#: Tokens of a block of the cache on the CPU.
_BLOCK = 32
_DRAFT_OPTIONS = (
    "draft_device",
    "draft_max_num_batched_tokens",
    "draft_cache_size",
    "draft_block_size",
    "draft_max_num_seqs",
    "draft_dynamic_split_fuse",
)


def text_generation_faults(context: ServableContext) -> Iterator[ServableFault]:
    """Yields the node's faults in the server's order, up to the first that is not about requests."""
    models_path = context.text("models_path")
    if not models_path and context.node.name:
        yield context.fault(
            "path_unset",
            "failed",
            status=LLM_FAILED,
            log=("LLM node requires models_path to be set.",),
            option="models_path",
        )
        return
    if models_path.endswith(".gguf"):
        # A single file, which GenAI converts while it reads it.
        yield from gguf_faults(context, models_path)
        return
    release, directory = context.release, context.directory
    vision = release.at_least(2025, 1) and directory.has("openvino_text_embeddings_model.xml")
    vision = vision and directory.has("openvino_vision_embeddings_model.bin")
    yield from pipeline_type_faults(context, vision=vision)
    if release.at_least(2025, 2):
        yield from _generation_config(context)
    yield from _settings(context)
    # The order of the pipeline's constructor: the model, the parsed files, the tokenizer. It recognises a
    # vision-language model by one file.
    if release.at_least(2025, 1) and directory.has("openvino_text_embeddings_model.xml"):
        yield from _vision(context)
    else:
        yield from _language(context)
    for name in TOKENIZER_FILES:
        fault = json_fault(context, name, "failed", LLM_FAILED)
        if fault is not None:
            yield fault
            return
    yield from tokenizer_faults(context, "failed", LLM_FAILED, detokenizer=True)
    # Compiling fails on properties that the plugin refuses.
    yield from (fault for fault in _properties(context) if fault.kind == "property")
    yield from chat_template_faults(context, vision=vision)
    yield from token_limit_faults(context, vision=vision)


def _generation_config(context: ServableContext) -> Iterator[ServableFault]:
    """Yields faults of generation_config.json, read outside of the try: an exception leaves the graph out."""
    name = "generation_config.json"
    fault = json_fault(context, name, "escaped", "")
    if fault is not None:
        if fault.kind == "file_denied":
            fault = replace(fault, log=context.thrown("escaped"), exception="Failed to open")
        yield fault
        return
    document = context.directory.json(name).value
    wrong = next((key for key in _NUMBERS if isinstance(_value(document, key), str)), None)
    if wrong is not None:
        exception = "[json.exception.type_error.302] type must be number, but is string"
        yield context.fault(
            "json_invalid",
            "escaped",
            path=context.directory.join(name),
            subject=name,
            detail=f"“{wrong}” is a string and must be a number",
            log=context.thrown("escaped", exception),
            exception=exception,
        )


_NO_MODEL = "Could not find a model in the directory"
#: The language model's names, in the order of preference.
_LANGUAGE_MODELS = ("openvino_model", "openvino_language_model")
#: Keys of generation_config.json whose values are numbers.
_NUMBERS = (
    "eos_token_id",
    "temperature",
    "top_p",
    "top_k",
    "max_new_tokens",
    "max_length",
    "repetition_penalty",
)


def _value(document: object, key: str) -> object:
    return document.get(key) if isinstance(document, dict) else None


def _settings(context: ServableContext) -> Iterator[ServableFault]:
    """Yields faults of options that are validated before the model is opened, or with every request."""
    if context.options is None:
        return
    yield from _parsers(context)
    yield from _parser_pair(context)
    yield from _eviction(context)
    yield from _cache_size(context)
    if context.text("draft_models_path") and context.release.at_least(2025, 0):
        yield from _draft(context)
    draft = next((name for name in _DRAFT_OPTIONS if context.options.first(name) is not None), None)
    if draft is not None and not context.text("draft_models_path") and context.release.at_least(2025, 0):
        yield context.fault(
            "draft",
            "failed",
            subject=draft,
            status=LLM_FAILED,
            log=("Draft model path is not provided, but draft scheduler options are set.",),
            option=draft,
        )
    yield from (fault for fault in _properties(context) if fault.kind == "plugin_config")
    yield from _scheduler(context)


def _properties(context: ServableContext) -> Iterator[ServableFault]:
    line = "Error during llm node plugin_config option parsing to JSON: " + context.text("plugin_config")
    return property_faults(context, "failed", LLM_FAILED, line)


def _scheduler(context: ServableContext) -> Iterator[ServableFault]:
    """Yields faults of options that the pipeline's constructor refuses, and of one that ends the server with a
    request."""
    options = context.options
    if options is None or context.text("pipeline_type") in ("LM", "VLM") or context.text("device") == "NPU":
        return
    multiplier = options.first("cache_interval_multiplier")
    caching = options.first("enable_prefix_caching")
    if multiplier is not None and multiplier.value == 0 and caching is not None and caching.value:
        yield context.fault(
            "scheduler",
            "failed",
            subject="cache_interval_multiplier",
            detail="cache_interval_multiplier is 0, and with enable_prefix_caching it must be greater than 0",
            status=LLM_FAILED,
            log=context.thrown("failed"),
            option="cache_interval_multiplier",
            exception="cache_interval_multiplier must be greater than 0",
        )
    split, sizes = options.first("dynamic_split_fuse"), _sizes(context)
    if split is not None and split.value is False and sizes[0] > sizes[1]:
        yield context.fault(
            "batch_size",
            "requests",
            subject="max_num_batched_tokens",
            detail=f"max_num_seqs {sizes[0]:,} is more than max_num_batched_tokens {sizes[1]:,}, which is "
            "not allowed without dynamic_split_fuse",
            option="max_num_batched_tokens",
            exception=f"Max num batched tokens ({sizes[1]}) must be greater or equal to max num sequences ({sizes[0]})",
        )
    eviction = options.messages("cache_eviction_config")
    field = eviction[0].first("max_cache_size") if eviction else None
    size = field.value if field is not None and isinstance(field.value, int) else 0
    if size % _BLOCK and default_device(context) in ("", "CPU") and not context.limits.gpu:
        yield context.fault(
            "eviction_block",
            "requests",
            subject="max_cache_size",
            detail=f"max_cache_size {size} is not a multiple of {_BLOCK}",
            option="cache_eviction_config",
            exception=f"CacheEvictionConfig.max_cache_size in tokens must be a multiple of block size {_BLOCK}",
        )


def _sizes(context: ServableContext) -> tuple[int, int]:
    """Returns ``max_num_seqs`` and ``max_num_batched_tokens``, compared when a prompt is scheduled
    (G:scheduler.hpp)."""
    options = context.options
    fields = [options and options.first(name) for name in ("max_num_seqs", "max_num_batched_tokens")]
    first, second = (field.value if field and isinstance(field.value, int) else 256 for field in fields)
    return first, second


def _parser_pair(context: ServableContext) -> Iterator[ServableFault]:
    """Yields faults of parsers that cannot be combined (output_parser.cpp, since v2025.4): every request fails."""
    tool, reasoning = context.text("tool_parser"), context.text("reasoning_parser")
    release = context.release
    if tool not in output_parsers("tool_parser", release) or reasoning not in output_parsers(
        "reasoning_parser", release
    ):
        return
    if (tool in _WITH_SPECIAL_TOKENS) == (reasoning in _WITH_SPECIAL_TOKENS) or not release.at_least(2025, 4):
        return
    line = (
        f"Cannot use tool parser {tool} with reasoning parser {reasoning} as they have different requirements for "
        "special tokens in streaming mode"
    )
    yield context.fault(
        "parser_pair",
        "requests",
        subject=f"{tool} and {reasoning}",
        log=(f"Failed to create API handler: {line}",),
        option="reasoning_parser",
    )


def _draft(context: ServableContext) -> Iterator[ServableFault]:
    """Yields faults of the model of ``draft_models_path``, which is read first, from its own directory."""
    if context.text("pipeline_type") in ("LM", "VLM") or context.text("device") == "NPU":
        return
    directory = context.other_directory(context.text("draft_models_path"))
    line = f"Error during draft model initialization for draft models_path: {directory.path} exception: "
    fault = ir_fault(context.at(directory), directory.ir("openvino_model"), "failed", LLM_FAILED, (line,))
    if fault is None:
        return
    if fault.kind == "file_missing" and fault.subject.endswith(".xml"):
        fault = replace(fault, exception=_NO_MODEL)
    yield replace(fault, line=context.line("draft_models_path"))


def _cache_size(context: ServableContext) -> Iterator[ServableFault]:
    """Yields the fault of a cache that GenAI refuses: size 0, until 2024.6; above the host's memory, since 2025.4."""
    release, size = context.release, cache_size(context)
    total = context.limits.total_memory
    if size == 0 and not release.at_least(2025, 0):
        exception = "num_kv_blocks or cache_size should be more than zero"
        detail = "is refused: a cache that grows exists since 2025.0"
    elif total is not None and size << 30 > total and release.at_least(2025, 4):
        name = "cache" if release.at_least(2026, 2) else "KV-cache"
        exception = f"Requested {name} size is larger than available memory size on the system."
        detail = f"is larger than the {size_text(total)} of memory that the host has"
    else:
        return
    if default_device(context) not in ("", "CPU") or context.text("pipeline_type") in ("LM", "VLM"):
        return
    yield context.fault(
        "cache_size",
        "failed",
        subject=str(size),
        detail=detail,
        status=LLM_FAILED,
        log=context.thrown("failed"),
        option="cache_size",
        exception=exception,
    )


def _parsers(context: ServableContext) -> Iterator[ServableFault]:
    """Yields faults of names of parsers: validated at start-up since v2026.3, before with every request."""
    release = context.release
    for option in ("tool_parser", "reasoning_parser"):
        value = context.text(option)
        known = output_parsers(option, release)
        if not value or value in known or (value == "none" and release.at_least(2026, 3)):
            continue
        kind = option.partition("_")[0]
        at_start = release.at_least(2026, 3)
        if at_start:
            line = (
                f'Unsupported {option} "{value}" specified in graph configuration. Supported {kind} parsers are: '
                + ", ".join(known)
            )
        else:
            line = f"Failed to create API handler: Unsupported {kind} parser: {value}"
        yield context.fault(
            "parser",
            "failed" if at_start else "requests",
            subject=value,
            detail=", ".join(known),
            status=LLM_FAILED if at_start else "",
            log=(line,),
            option=option,
        )


def _eviction(context: ServableContext) -> Iterator[ServableFault]:
    """Yields faults of ``cache_eviction_config``, whose constructor throws outside of the try (since v2025.2)."""
    options = context.options
    eviction = () if options is None else options.messages("cache_eviction_config")
    if not eviction or not context.release.at_least(2025, 2):
        return
    sizes = {field.name: field.value for field in eviction[0].fields if isinstance(field.value, int)}
    names = ("start_size", "recent_size", "max_cache_size")
    start, recent, most = (sizes.get(name, 0) for name in names)
    zero = next((name for name in names if not sizes.get(name)), None)
    if zero is None and most > start + recent:
        return
    yield context.fault(
        "eviction",
        "escaped",
        subject="cache_eviction_config",
        detail=f"start_size {start}, recent_size {recent}, max_cache_size {most}",
        log=context.thrown("escaped"),
        option="cache_eviction_config",
        exception=f"CacheEvictionConfig.{zero} must be non-zero" if zero else "must be larger than",
    )


def vision_types(release: Release) -> frozenset[str]:
    """Returns the values of ``model_type`` for vision-language models in the GenAI of a release."""
    return frozenset(name for since, names in _VISION if release.at_least(*since) for name in names.split())


def _language(context: ServableContext) -> Iterator[ServableFault]:
    directory = context.directory
    name = next((each for each in _LANGUAGE_MODELS if directory.has(f"{each}.xml")), "")
    if not name:
        yield _no_model(context, "openvino_model.xml")
        return
    file = directory.ir(name)
    fault = ir_fault(context, file, "failed", LLM_FAILED)
    if fault is not None:
        yield fault
        return
    operations = {item.type for item in file.inspection.operations} if file.inspection is not None else set()
    if operations and "ReadValue" not in operations:
        yield context.fault(
            "not_stateful",
            "failed",
            path=directory.join(f"{name}.xml"),
            subject=f"{name}.xml",
            status=LLM_FAILED,
            log=context.thrown("failed"),
            exception="Model is supposed to be stateful, cannot perform the SDPAToPagedAttention transformation",
        )
        return
    vision = [f"openvino_vision_embeddings_model.{suffix}" for suffix in ("xml", "bin")]
    if name == "openvino_language_model" and any(directory.has(each) for each in vision):
        # A vision-language model without its text embeddings is served as a text model, until a request arrives.
        yield context.fault(
            "text_embeddings",
            "requests",
            path=directory.join("openvino_text_embeddings_model.xml"),
            subject="openvino_text_embeddings_model.xml",
        )


def _no_model(context: ServableContext, name: str) -> ServableFault:
    """Returns the fault if neither of GenAI's models exists; the original weights may exist."""
    raw = raw_weights(context)
    return context.fault(
        "not_converted" if raw else "file_missing",
        "failed",
        path=context.directory.join(raw or name),
        subject=raw or name,
        status=LLM_FAILED,
        log=context.thrown("failed"),
        exception=_NO_MODEL,
    )


def _vision(context: ServableContext) -> Iterator[ServableFault]:
    directory = context.directory
    fault = json_fault(context, "config.json", "failed", LLM_FAILED)
    if fault is not None:
        yield fault
        return
    config = directory.json("config.json")
    kind = config.text("model_type") if config.state == "ok" else "minicpmv"
    if config.state == "ok" and not isinstance(_value(config.value, "model_type"), str):
        has_key = not isinstance(config.value, dict) or "model_type" in config.value
        exception = (
            "[json.exception.type_error."
            if has_key
            else "[json.exception.out_of_range.403] key 'model_type' not found"
        )
        yield context.fault(
            "file_damaged",
            "failed",
            path=directory.join("config.json"),
            subject="config.json",
            detail="it has no text “model_type”",
            status=LLM_FAILED,
            log=context.thrown("failed", exception),
            exception=exception,
        )
        return
    if config.state == "ok" and kind and kind not in vision_types(context.release):
        yield context.fault(
            "model_type",
            "failed",
            path=directory.join("config.json"),
            subject=kind,
            detail=", ".join(sorted(vision_types(context.release))),
            status=LLM_FAILED,
            log=context.thrown("failed"),
            exception=f"Unsupported '{kind}' VLM model type",
            # A release newer than the table may support it.
            certain=context.release.known,
        )
        return
    if not any(directory.has(f"{name}.xml") for name in _LANGUAGE_MODELS):
        yield _no_model(context, "openvino_language_model.xml")
        return
    names = (
        next(name for name in _LANGUAGE_MODELS if directory.has(f"{name}.xml")),
        "openvino_text_embeddings_model",
        "openvino_vision_embeddings_model",
        *_PARTS.get(kind, ()),
    )
    for name in names:
        fault = ir_fault(context, directory.ir(name), "failed", LLM_FAILED)
        if fault is not None:
            yield fault
            return
