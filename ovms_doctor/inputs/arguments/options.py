"""The server's options: their releases, their values, and their defaults.

Source: cli_parser.cpp (config.cpp until v2022.2) at each release tag.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.releases import Release
from ovms_doctor.model.similar import similar_names

#: ``number`` is a uint32_t (``size``: 64 bits), ``switch`` takes a value only after ``=``.
Kind: TypeAlias = Literal["text", "number", "size", "switch"]


class Option(Struct, frozen=True):
    """One option.

    ``name``: its name without dashes.
    ``kind``: the kind of its value.
    ``since``: the first release that has it.
    ``until``: the first release that no longer has it.
    """

    name: str
    kind: Kind = "text"
    since: tuple[int, ...] = (2022, 1)
    until: tuple[int, ...] | None = None

    def known_to(self, release: Release) -> bool:
        return release.at_least(*self.since) and (self.until is None or not release.at_least(*self.until))


def _options(kind: Kind, names: str, since: tuple[int, ...] = (2022, 1)) -> tuple[Option, ...]:
    return tuple(Option(name, kind, since) for name in names.split())


_STATEFUL_UNTIL = (2026, 3)

OPTIONS: tuple[Option, ...] = (
    *_options("switch", "help version"),
    *_options("number", "port rest_port grpc_workers rest_workers file_system_poll_wait_seconds nireq"),
    *_options(
        "text",
        "grpc_bind_address rest_bind_address log_level log_path grpc_channel_arguments cache_dir cpu_extension "
        "config_path model_name model_path batch_size shape layout model_version_policy target_device "
        "plugin_config",
    ),
    Option("custom_node_resources_cleaner_interval", "number", until=(2022, 3)),
    Option("custom_node_resources_cleaner_interval_seconds", "number", (2022, 3)),
    Option("sequence_cleaner_poll_wait_minutes", "number", until=_STATEFUL_UNTIL),
    Option("stateful", "switch", until=_STATEFUL_UNTIL),
    Option("idle_sequence_cleanup", "switch", until=_STATEFUL_UNTIL),
    Option("low_latency_transformation", "switch", until=_STATEFUL_UNTIL),
    Option("max_sequence_number", "number", until=_STATEFUL_UNTIL),
    Option("metrics_enable", "switch", (2022, 2)),
    Option("metrics_list", "text", (2022, 2)),
    Option("grpc_max_threads", "number", (2023, 2)),
    Option("grpc_memory_quota", "size", (2023, 2)),
    *_options("switch", "pull overwrite_models list_models", (2025, 2)),
    *_options("text", "source_model model_repository_path task allowed_local_media_path", (2025, 2)),
    # Until v2025.3 these two took the configuration's path.
    Option("add_to_config", "text", (2025, 2), (2025, 4)),
    Option("remove_from_config", "text", (2025, 2), (2025, 4)),
    *_options("switch", "add_to_config remove_from_config", (2025, 4)),
    *_options("text", "allowed_origins allowed_methods allowed_headers", (2025, 2, 1)),
    Option("allow_credentials", "switch", (2025, 2, 1)),
    *_options("text", "gguf_filename weight-format extra_quantization_params", (2025, 3)),
    Option("api_key_file", "text", (2025, 4)),
    *_options("text", "allowed_media_domains mean scale color_format precision", (2026, 0)),
    Option("resize", "text", (2026, 0), (2026, 1)),
    Option("source_loras", "text", (2026, 2)),
    *_options("switch", "configure verbose_response", (2026, 3)),
)

#: The parameters of a model that the command line allows.
MODEL_PARAMETERS = (
    "batch_size shape layout mean scale color_format precision nireq target_device plugin_config "
    "stateful idle_sequence_cleanup low_latency_transformation max_sequence_number"
).split()
#: Options that the server refuses together with --config_path; it accepts and ignores the others.
EXCLUSIVE_WITH_CONFIG = (
    "batch_size",
    "shape",
    "nireq",
    "model_version_policy",
    "target_device",
    "plugin_config",
)
#: In the order in which the server prints them while it prepares a model (userSetSingleModelArguments).
PREPARED = (
    "max_sequence_number batch_size shape layout mean scale color_format precision model_version_policy "
    "nireq target_device plugin_config stateful idle_sequence_cleanup low_latency_transformation"
).split()


@cache
def known_options(release: Release) -> dict[str, Option]:
    """Returns the options of a release, by name without dashes."""
    return {option.name: option for option in OPTIONS if option.known_to(release)}


def tasks(release: Release) -> tuple[str, ...]:
    """Returns the values that --task may have (stringToEnum in graph_export_types.hpp, from v2025.3
    server_settings.hpp)."""
    names = ("text_generation", "rerank", "embeddings", "image_generation")
    return (*names, "text2speech", "speech2text") if release.at_least(2025, 4) else names


#: The options of each task's own parser, by the first release that has them (graph_export/*_cli_parser.cpp).
_TASK_OPTIONS: dict[str, tuple[tuple[tuple[int, int], str], ...]] = {
    "text_generation": (
        (
            (2025, 2),
            "max_num_seqs pipeline_type enable_prefix_caching max_num_batched_tokens cache_size draft_source_model "
            "dynamic_split_fuse max_prompt_len kv_cache_precision",
        ),
        ((2025, 3), "reasoning_parser tool_parser enable_tool_guided_generation"),
        ((2025, 4), "model_distribution_policy"),
        ((2026, 3), "cache_interval_multiplier"),
    ),
    "embeddings": (((2025, 2), "num_streams normalize mean_pooling"), ((2025, 3), "truncate pooling")),
    "rerank": (((2025, 2), "num_streams max_allowed_chunks"),),
    "image_generation": (
        (
            (2025, 2),
            "max_resolution default_resolution max_num_images_per_prompt default_num_inference_steps "
            "max_num_inference_steps num_streams",
        ),
        ((2025, 3), "resolution num_images_per_prompt guidance_scale"),
    ),
    "speech2text": (((2025, 4), "num_streams"),),
    "text2speech": (((2025, 4), "num_streams vocoder"), ((2026, 3), "model_type")),
}


def task_options(task: str, release: Release) -> frozenset[str]:
    """Returns the options that the parser of a task accepts; none for an unknown task."""
    listed = _TASK_OPTIONS.get(task, ())
    return frozenset(name for since, names in listed if release.at_least(*since) for name in names.split())


def default_port(release: Release) -> int:
    """Returns gRPC's default port: 9178 until v2025.0, then none."""
    return 0 if release.needs_a_port else 9178


def default_rest_workers(release: Release, cores: int | None, open_files: int | None) -> int | None:
    """Returns the default number of REST workers; None if it depends on an unknown value (config.cpp: 4 for each
    core until v2024.5, then one; since v2026.2 bounded by the limit of open files)."""
    if cores is None:
        return None
    if not release.at_least(2025, 0):
        return cores * 4
    if not release.at_least(2026, 2):
        return cores
    if open_files is None:
        return None
    return min(cores, max(open_files - 15, 0) // 7)


def similar_option(word: str, release: Release) -> str | None:
    """Returns an option of this release that is similar to ``word``, with its dashes; only a suggestion."""
    name = word.lstrip("-\u2010\u2011\u2012\u2013\u2014\u2212").partition("=")[0]
    if not name:
        return None
    names = known_options(release)
    for candidate in (name.lower(), name.lower().replace("-", "_"), name.lower().replace("_", "-")):
        if candidate in names:
            return f"--{candidate}"
    close = similar_names(name, names, 1, 0.75)
    return f"--{close[0]}" if close else None


def history(word: str, release: Release) -> str | None:
    """Returns a sentence on why a release does not have an option of another release, or None."""
    name = word.lstrip("-").partition("=")[0]
    for option in OPTIONS:
        if option.name != name or option.known_to(release):
            continue
        if option.until is not None and release.at_least(*option.until):
            return f"--{name} was removed in OVMS {_text(option.until)}"
        if not release.at_least(*option.since):
            return f"--{name} exists since OVMS {_text(option.since)}"
    return None


def _text(numbers: tuple[int, ...]) -> str:
    return ".".join(str(number) for number in numbers)
