"""The server's own argument line, read as its parser reads it (cli_parser.cpp, config.cpp; cxxopts)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from msgspec.structs import replace

from ovms_doctor.inputs.arguments.modes import start_mode
from ovms_doctor.inputs.arguments.options import (
    EXCLUSIVE_WITH_CONFIG,
    MODEL_PARAMETERS,
    PREPARED,
    known_options,
)
from ovms_doctor.inputs.arguments.splitting import split_arguments
from ovms_doctor.inputs.arguments.validation import (
    ParsedArguments,
    hint_for,
    inferred_refusals,
    prepare_refusals,
    remedy_for,
    task_refusals,
    unknown_reason,
    unmatched_refusals,
    validate_refusals,
)
from ovms_doctor.model.deployment import ArgumentRefusal, ModelParameters, ServerArguments
from ovms_doctor.model.host import HostLimits
from ovms_doctor.model.releases import Release

__all__ = ["read_arguments", "unknown_reason"]

#: Options whose effect is part of the prediction, or that do not change which models are served.
_FOLLOWED = frozenset(
    """help version port rest_port grpc_workers rest_workers grpc_bind_address rest_bind_address log_level
    log_path verbose_response file_system_poll_wait_seconds metrics_enable metrics_list config_path model_name
    model_path model_version_policy custom_node_resources_cleaner_interval grpc_max_threads
    custom_node_resources_cleaner_interval_seconds sequence_cleaner_poll_wait_minutes grpc_memory_quota
    allowed_media_domains allowed_local_media_path allow_credentials allowed_origins allowed_methods
    allowed_headers api_key_file cpu_extension cache_dir list_models add_to_config remove_from_config configure
    pull source_model task model_repository_path overwrite_models gguf_filename weight-format
    extra_quantization_params""".split()
)
_UNKNOWN_HOST = HostLimits()
#: A longer line was not written by a person or a manifest.
_MOST_WORDS = 100_000


def read_arguments(
    arguments: Sequence[str], release: Release, limits: HostLimits = _UNKNOWN_HOST
) -> ServerArguments:
    """Reads the arguments after ``ovms``. Never raises: the server's refusals are in ``refusals``, in its order,
    with its own text.

    ``limits``: the known limits of the server's host; an argument that depends on an unknown limit is not refused.
    """
    if not arguments:
        return ServerArguments(prints_help=True)
    split = split_arguments(arguments[:_MOST_WORDS], release)
    parsed = ParsedArguments(split, release, limits)
    if split.refusal is not None:
        return _arguments(parsed, (split.refusal,), helps=False)
    refusals = tuple(unmatched_refusals(parsed))
    if not any(item.unless_file is None for item in refusals) and (
        parsed.has("help") or parsed.has("version") or not split.count
    ):
        return _arguments(parsed, refusals, helps=True)
    refusals += tuple(prepare_refusals(parsed))
    mode = start_mode(parsed)
    if mode not in ("list_models", "modify_config"):
        refusals += tuple(task_refusals(parsed))
    if mode in ("serve", "in_memory", "pull_and_start"):
        refusals += tuple(validate_refusals(parsed, pulls=mode == "pull_and_start"))
    return _arguments(parsed, refusals, helps=False)


def _arguments(
    parsed: ParsedArguments, refusals: tuple[ArgumentRefusal, ...], *, helps: bool
) -> ServerArguments:
    values = parsed.split.values
    refusals = tuple(
        replace(item, hint=hint_for(item, parsed.release), remedy=remedy_for(item, parsed))
        for item in refusals
    )
    certain = next((item.text for item in refusals if item.unless_file is None), None)
    return ServerArguments(
        config_path=values.get("config_path") or None,
        model_path=values.get("model_path") or None,
        model_name=values.get("model_name") or None,
        model_version_policy=values.get("model_version_policy") or None,
        port=parsed.split.numbers.get("port"),
        rest_port=parsed.split.numbers.get("rest_port"),
        not_predicted=_not_followed(parsed),
        usage_error=None if helps else certain,
        prints_help=helps,
        refusals=() if helps else refusals,
        refusals_by_task=() if helps else inferred_refusals(parsed),
        options=tuple(values.items()),
        unmatched=tuple(parsed.split.unmatched),
        without_effect=_without_effect(parsed),
        prepared=tuple(name for name in PREPARED if parsed.has(name)),
        mode=start_mode(parsed),
        parameters=_parameters(parsed),
        poll_seconds=_poll(parsed),
        positions=tuple(parsed.split.positions.items()),
    )


def _poll(parsed: ParsedArguments) -> int:
    """Returns the seconds between two polls; they become a 32-bit number of milliseconds since v2025.2."""
    seconds = parsed.number("file_system_poll_wait_seconds", 1)
    return seconds if seconds * 1000 % (1 << 32) else 0


def _parameters(parsed: ParsedArguments) -> ModelParameters:
    """Returns the model's parameters in the arguments, as JSON text; an empty value counts as no value."""
    values = parsed.split.values
    pairs = tuple((name, json.dumps(values[name])) for name in MODEL_PARAMETERS if values.get(name))
    return ModelParameters(pairs, "arguments")


def _without_effect(parsed: ParsedArguments) -> tuple[str, ...]:
    """Returns the options that the server accepts and does not use."""
    result = []
    if parsed.set("config_path"):
        exclusive = set(EXCLUSIVE_WITH_CONFIG)
        result += [name for name in MODEL_PARAMETERS if parsed.set(name) and name not in exclusive]
    if parsed.has("resize"):
        result.append("resize")
    if not parsed.release.at_least(2024, 0):
        result += parsed.split.unmatched
    known = known_options(parsed.release)
    return tuple(f"--{name}" if name in known else name for name in result)


def _not_followed(parsed: ParsedArguments) -> tuple[str, ...]:
    """Returns the options whose effect on the served models is not part of the prediction."""
    parameters = set(MODEL_PARAMETERS)
    names = [name for name in parsed.split.values if name not in _FOLLOWED and name not in parameters]
    workers = parsed.number("grpc_workers", 1)
    if workers > 1 and parsed.limits.cores is None:
        names.append("grpc_workers")
    return tuple(f"--{name}" for name in names)
