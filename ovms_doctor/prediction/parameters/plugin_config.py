"""plugin_config: how its values are read, and which keys the server accepts.

json_parser.cpp (before v2024.2 in modelconfig.cpp) and ``validatePluginConfiguration`` in ov_utils.cpp (since v2022.2).
"""

from __future__ import annotations

import json
from typing import Any

from ovms_doctor.model.host import HostDevices
from ovms_doctor.model.parameters import REGISTERED, REGISTERED_ONCE, Device, PluginConfig
from ovms_doctor.model.releases import Release
from ovms_doctor.model.releases.plugin_properties import (
    devices_with_properties,
    ever_supported,
    supported_properties,
)
from ovms_doctor.model.similar import similar_names
from ovms_doctor.prediction.parameters.devices import chooses_device, validated_plugins
from ovms_doctor.prediction.parameters.members import pairs_of
from ovms_doctor.prediction.parameters.shapes import ParameterFormatError

#: The properties of these plugins depend on more than the release: on the driver, or on the listed devices.
_VARYING = frozenset({"NPU", "BATCH"})
_INT64 = range(-(1 << 63), 1 << 63)
_STREAMS = {"CPU_THROUGHPUT_STREAMS": "CPU_THROUGHPUT_AUTO", "GPU_THROUGHPUT_STREAMS": "GPU_THROUGHPUT_AUTO"}


def parse_plugin_config(value: Any, release: Release) -> PluginConfig:
    """Applies ``JsonParser::parsePluginConfig``. Raises ParameterFormatError."""
    if not isinstance(value, dict):
        raise ParameterFormatError
    found: dict[str, Any] = {}
    log: list[str] = []
    for key, item in pairs_of(value):
        if key == "DEVICE_PROPERTIES" and isinstance(item, dict) and release.at_least(2025, 4):
            found[key] = _device_properties(item)
            continue
        if not _valid(item, release):
            raise ParameterFormatError
        new, changed, warning = _renamed(key, item, release)
        found[new] = changed
        if warning:
            log.append(f"{key} plugin config key is deprecated. Use {warning} instead")
    ordered = tuple((key, json.dumps(found[key])) for key in sorted(found))
    return PluginConfig(ordered, tuple(log))


def _valid(item: Any, release: Release) -> bool:
    if isinstance(item, bool):
        return release.at_least(2023, 3)
    return isinstance(item, str | float) or (isinstance(item, int) and item in _INT64)


def _device_properties(item: dict[str, Any]) -> dict[str, Any]:
    for _, properties in pairs_of(item):
        if not isinstance(properties, dict):
            raise ParameterFormatError
        for _, value in pairs_of(properties):
            if not isinstance(value, str | float | int) or (isinstance(value, int) and value not in _INT64):
                raise ParameterFormatError
    return item


def _renamed(key: str, item: Any, release: Release) -> tuple[str, Any, str]:
    """Returns the key and value that OpenVINO gets, and the key in the warning (empty: no warning)."""
    if isinstance(item, bool) or not release.at_least(2022, 3):
        return key, item, ""
    if key in _STREAMS:
        if item == _STREAMS[key]:
            return "PERFORMANCE_HINT", "THROUGHPUT", "PERFORMANCE_HINT"
        # The server writes two spaces there, except for a text.
        return "NUM_STREAMS", item, "NUM_STREAMS" if isinstance(item, str) else " NUM_STREAMS"
    if key == "CPU_THREADS_NUM" and isinstance(item, str):
        return "INFERENCE_NUM_THREADS", item, "INFERENCE_NUM_THREADS"
    if key == "CPU_BIND_THREAD" and isinstance(item, str) and not release.at_least(2025, 0):
        if item not in ("YES", "NO"):
            raise ParameterFormatError(
                f"{key} plugin config key has invalid value and is deprecated. Use AFFINITY key instead"
            )
        return "AFFINITY", "CORE" if item == "YES" else "NONE", "AFFINITY"
    if key == "NUM_STREAMS" and release.at_least(2026, 2) and not isinstance(item, str):
        return key, f"{item:f}" if isinstance(item, float) else str(item), ""
    return key, item, ""


def unsupported_key(
    config: PluginConfig, device: Device, release: Release, devices: HostDevices | None
) -> str | None:
    """Returns the first key that the server finds in none of the device's plugins; None if it finds all, or if the
    properties of a plugin are not known. ``devices``: the server's devices. If it chooses one and there may be a GPU, a
    key of either the GPU's or the CPU's plugin counts as supported, because the driver also decides.

    A GPU's list is the same without a GPU, as long as its plugin can be loaded at all (tried with OpenVINO 2025.0 and
    2026.4). An NPU's list depends on its driver: its own keys are never refused here.
    """
    if not release.at_least(2022, 2):
        return None
    supported: set[str] = set()
    if release.at_least(2025, 0):
        supported.add("ENABLE_MMAP")
    plugins = validated_plugins(device.text, release)
    if chooses_device(device, release) and devices is not None and (devices.dri or devices.dxg):
        plugins = (*plugins, "GPU")
    for plugin in plugins:
        name = plugin.partition(".")[0]
        if name in _VARYING and supported_properties(name, release) is not None:
            supported |= ever_supported(name)
            if name == "NPU":
                supported |= {key for key, _ in config.values if key.startswith("NPU")} | {"CACHE_MODE"}
        elif name in REGISTERED:
            listed = supported_properties(name, release)
            if listed is None:
                return None
            supported |= listed
        elif name in REGISTERED_ONCE:
            # This plugin was in an older release.
            return None
        # Any other name is not a device: the query of its plugin fails, and adds nothing (``insertSupportedKeys``).
    return next((key for key, _ in config.values if key not in supported), None)


def similar_key(key: str, device: str, release: Release) -> str | None:
    """Returns a key of the device's plugins that may have been intended."""
    known: set[str] = set()
    for plugin in validated_plugins(device, release):
        known |= supported_properties(plugin.partition(".")[0], release) or frozenset()
    matches = similar_names(key.upper(), sorted(known), 1, 0.75)
    return matches[0] if matches else None


def only_for_the_cpu(config: PluginConfig, release: Release) -> tuple[str, ...]:
    """Returns the keys that the CPU's plugin lists and a GPU's does not; none if that is not known."""
    gpu, cpu = supported_properties("GPU", release), supported_properties("CPU", release)
    if gpu is None or cpu is None:
        return ()
    always = {"ENABLE_MMAP"} if release.at_least(2025, 0) else set()
    return tuple(key for key, _ in config.values if key in cpu and key not in gpu | always)


def devices_with(key: str, release: Release) -> tuple[str, ...]:
    """Returns the devices whose plugins list a key."""
    return tuple(
        name
        for name in devices_with_properties()
        if key in (supported_properties(name, release) or frozenset())
    )
