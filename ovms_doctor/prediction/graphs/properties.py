"""``plugin_config`` of a node: whether the server parses it, and whether the CPU's plugin accepts its keys.

Source: json_parser.cpp and the servables' initialisers (v2024.2 to v2026.3); the plugin's properties of each release,
and those that it accepts without listing them, as tried with OpenVINO 2026.4.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from ovms_doctor.model.graph_plan import ServableFault, Verdict
from ovms_doctor.model.parameters import PluginConfig
from ovms_doctor.model.releases import Release
from ovms_doctor.model.releases.plugin_properties import supported_properties
from ovms_doctor.prediction.graphs.kv_cache import default_device
from ovms_doctor.prediction.graphs.servables import ServableContext
from ovms_doctor.prediction.parameters.plugin_config import parse_plugin_config
from ovms_doctor.prediction.parameters.shapes import ParameterFormatError

#: Properties that the plugin, OpenVINO itself or OpenVINO GenAI accepts, but that no list contains.
_UNLISTED = frozenset(
    """ALLOW_AUTO_BATCHING ATTENTION_BACKEND AUTO_BATCH_TIMEOUT CACHE_DIR CACHE_ENCRYPTION_CALLBACKS CACHE_MODE
    CACHING_WITH_MMAP CPU_RUNTIME_CACHE_CAPACITY ENABLE_MMAP ENABLE_SAGE_ATTN EXCLUSIVE_ASYNC_REQUESTS
    FORCE_TBB_TERMINATE LP_TRANSFORMS_MODE MODEL_PTR SNIPPETS_MODE DEVICE_PROPERTIES
    adapters draft_model prompt_lookup scheduler_config""".split()
)
#: The precisions of the cache that the CPU's plugin accepts, by the first release, as tried with each; in lower case
#: only.
_CACHE_PRECISIONS = (((2022, 1), ("u8", "bf16", "f16", "f32")), ((2026, 2), ("u4", "u3")))


def property_faults(
    context: ServableContext, verdict: Verdict, status: str, parse_line: str = ""
) -> Iterator[ServableFault]:
    """Yields the faults in the node's ``plugin_config``: ``verdict`` and ``status`` are those of the exception that the
    plugin throws; ``parse_line``: the line for a text that is not parsed, empty if the server continues without it."""
    yield from unparsed_faults(context, verdict, status, parse_line)
    yield from refused_faults(context, verdict, status)


def unparsed_faults(
    context: ServableContext, verdict: Verdict, status: str, parse_line: str = ""
) -> Iterator[ServableFault]:
    """Yields the fault of a ``plugin_config`` that the server does not parse. Parameters as of
    :func:`property_faults`."""
    text = context.text("plugin_config")
    if text and parse(text, context.release) is None:
        yield context.fault(
            "plugin_config" if parse_line else "plugin_config_ignored",
            verdict if parse_line else "requests",
            subject="plugin_config",
            status=status,
            log=(parse_line or _IGNORED.format(text=text),),
            option="plugin_config",
        )


_IGNORED = "Error during embeddings node plugin_config option parsing to JSON: {text}"


def parse(text: str, release: Release) -> PluginConfig | None:
    """Returns the properties as the server reads them; None for a text that it refuses."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    try:
        return parse_plugin_config(value, release)
    except ParameterFormatError:
        return None


def refused_faults(context: ServableContext, verdict: Verdict, status: str) -> Iterator[ServableFault]:
    """Yields the fault of a key that the CPU's plugin does not have, or of a precision of the cache that it does not
    accept. Parameters as of :func:`property_faults`."""
    text = context.text("plugin_config")
    config = parse(text, context.release) if text else None
    if config is None:
        return
    device = default_device(context)
    listed = supported_properties("CPU", context.release)
    if listed is None or device not in ("", "CPU"):
        return
    known = listed | _UNLISTED
    if not device:
        # A GPU is chosen if there is one.
        known |= supported_properties("GPU", context.release) or frozenset()
    for key, value in config.values:
        exception = detail = ""
        if key not in known:
            detail = f"the CPU’s plugin has no property {key}"
            exception = f"Unsupported property {key} by CPU plugin."
        elif key == "KV_CACHE_PRECISION" and device == "CPU":
            precision = str(json.loads(value))
            taken = [
                name
                for since, names in _CACHE_PRECISIONS
                if context.release.at_least(*since)
                for name in names
            ]
            if precision not in taken:
                detail = f"{key} is one of {', '.join(taken)}, not {precision}"
                exception = f"Wrong value {precision} for property key {key}"
        if detail:
            yield context.fault(
                "property",
                verdict,
                subject=key,
                detail=detail,
                status=status,
                log=context.thrown(verdict),
                option="plugin_config",
                exception=exception,
            )
            return
