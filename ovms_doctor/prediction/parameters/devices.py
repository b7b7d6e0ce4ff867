"""target_device: the text that the server passes to OpenVINO, unchecked, and how OpenVINO reads the name."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ovms_doctor.model.parameters import REGISTERED, REGISTERED_ONCE, Device
from ovms_doctor.model.releases import Release
from ovms_doctor.model.similar import similar_names

#: The first releases whose OpenVINO no longer has the plugin. GNA was removed in 2024.0; no wheel since 2023.0 has
#: MYRIAD and HDDL. The plugin for CUDA is called NVIDIA since 2022.3 (docs/accelerators.md).
_REMOVED = {"GNA": (2024, 0), "MYRIAD": (2023, 0), "HDDL": (2023, 0), "CUDA": (2022, 3)}

#: ``known``: OpenVINO has a plugin of this name; ``unknown``: it never had one; ``removed``: it had one in an older
#: release; ``perhaps``: the image decides.
Registration: TypeAlias = Literal["known", "unknown", "removed", "perhaps"]


def target_device(text: str | None, release: Release) -> Device:
    """Returns the device for a ``target_device`` as configured, None if it is not set."""
    if not text and release.at_least(2026, 3):
        return Device("CPU", "CPU", chosen_by_server=True)
    if text is None:
        return Device("CPU", "CPU", chosen_by_server=True)
    plugin, colon, rest = text.partition(":")
    members = tuple(_bare(name) for name in rest.split(",")) if colon else ()
    return Device(text, plugin.partition(".")[0], members)


def chooses_device(device: Device, release: Release) -> bool:
    """Whether the server uses the device that it recommends: a discrete GPU, an integrated one, else the CPU; never an
    NPU (ov_utils.cpp recommendTargetDevice, since v2026.3)."""
    return device.chosen_by_server and release.at_least(2026, 3)


def registration(name: str, release: Release) -> Registration:
    """Whether the OpenVINO of ``release`` has a plugin called ``name`` (no number). Only capitals count.

    Measured with OpenVINO 2023.0 to 2026.4 on Linux. NPU: not registered in 2023.0, registered since 2024.0.
    """
    if name == "NPU" and not release.at_least(2024, 0):
        return "perhaps"
    if name in REGISTERED:
        return "known"
    if name in _REMOVED:
        return "removed" if release.at_least(*_REMOVED[name]) else "perhaps"
    return "perhaps" if name in REGISTERED_ONCE else "unknown"


def validated_plugins(text: str, release: Release) -> tuple[str, ...]:
    """Returns the plugins whose properties ``validatePluginConfiguration`` joins: as written, since v2025.0 except for
    ``(…)``. Before, a device with a number of requests such as ``CPU(2)`` is not found, and adds nothing."""
    plugin, colon, rest = text.partition(":")
    if not colon:
        return (text,)
    names = [name for name in rest.split(",") if name]
    return (plugin, *(name.partition("(")[0] if release.at_least(2025, 0) else name for name in names))


def suggestion(text: str) -> str | None:
    """Returns the device that was probably intended by an unknown one: the same in capitals, without spaces."""
    meant = "".join(text.split()).upper()
    return meant if meant != text and meant.partition(":")[0].partition(".")[0] in REGISTERED else None


def similar_device(name: str) -> str | None:
    """Returns the one device whose name is close to ``name``; None if there is none."""
    close = similar_names(name.strip().upper(), sorted(REGISTERED), 1, 0.6)
    return close[0] if close else None


def _bare(name: str) -> str:
    return name.partition("(")[0].partition(".")[0]
