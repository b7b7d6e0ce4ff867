"""target_device: what the server hands to OpenVINO, unchecked, and what OpenVINO makes of the name."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, TypeAlias

from ovms_doctor.model.releases import Release

#: Plugins that stand for a choice among devices.
VIRTUAL = frozenset({"AUTO", "MULTI", "HETERO", "BATCH"})
#: Devices that need hardware which a host may lack.
HARDWARE = frozenset({"GPU", "NPU"})
#: Names that OpenVINO registers, in any release at hand; older ones had a few more.
REGISTERED = frozenset({"CPU"}) | VIRTUAL | HARDWARE
#: Names that OpenVINO registered in some release, or that come with a plugin of somebody else's.
REGISTERED_ONCE = frozenset({"GNA", "VPUX", "MYRIAD", "HDDL", "NVIDIA", "CUDA"})
#: The first releases whose OpenVINO no longer has the plugin. GNA went with 2024.0; of MYRIAD and HDDL no wheel
#: since 2023.0 knows anything.
_REMOVED = {"GNA": (2024, 0), "MYRIAD": (2023, 0), "HDDL": (2023, 0)}

#: ``known``: OpenVINO has a plugin of the name; ``unknown``: it never had; ``removed``: it had one in an older
#: release; ``perhaps``: it hangs on the image.
Registration: TypeAlias = Literal["known", "unknown", "removed", "perhaps"]


@dataclass(frozen=True, slots=True)
class Device:
    """A target device as it is compiled for: the whole text, its plugin, and the devices behind it.

    ``text``: ``AUTO:GPU,CPU``; ``plugin``: ``AUTO``; ``members``: ``GPU``, ``CPU``, without their numbers.
    ``chosen_by_server``: none was named, and this is what the server takes (v2026.3: a GPU before the CPU).
    """

    text: str
    plugin: str
    members: tuple[str, ...] = ()
    chosen_by_server: bool = False

    @property
    def hardware(self) -> frozenset[str]:
        """The devices in the text that a host may lack."""
        return frozenset((self.plugin, *self.members)) & HARDWARE

    @property
    def needs_hardware(self) -> frozenset[str]:
        """The devices without which nothing can be compiled: AUTO and MULTI take those of their list that are
        there."""
        behind = frozenset(self.members or (self.plugin,))
        if self.plugin in ("AUTO", "MULTI") and not behind <= HARDWARE:
            return frozenset()
        return behind & HARDWARE

    def without_missing(self) -> str:
        """The device to ask this host's OpenVINO for: AUTO and MULTI do not need what the host may lack."""
        if self.plugin not in ("AUTO", "MULTI") or self.needs_hardware or not self.hardware:
            return self.text
        rest = [name for name in self.members if name not in HARDWARE]
        return f"{self.plugin}:{','.join(rest)}" if rest else self.text


def target_device(text: str | None, release: Release) -> Device:
    """The device for a ``target_device`` as it was given, None where it was not."""
    if not text and release.at_least(2026, 3):
        return Device("CPU", "CPU", chosen_by_server=True)
    if text is None:
        return Device("CPU", "CPU", chosen_by_server=True)
    plugin, colon, rest = text.partition(":")
    members = tuple(_bare(name) for name in rest.split(",")) if colon else ()
    return Device(text, plugin.partition(".")[0], members)


def chooses_device(device: Device, release: Release) -> bool:
    """Whether the server takes the device that it recommends: a discrete GPU, an integrated one, else the CPU; never
    an NPU (ov_utils.cpp recommendTargetDevice, since v2026.3)."""
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


def validated_plugins(text: str) -> tuple[str, ...]:
    """The plugins whose properties ``validatePluginConfiguration`` joins: as written, but for ``(…)``."""
    plugin, colon, rest = text.partition(":")
    if not colon:
        return (text,)
    return (plugin, *(name.partition("(")[0] for name in rest.split(",") if name))


def suggestion(text: str) -> str | None:
    """What was meant by a device that OpenVINO does not know: the same in capitals, without spaces."""
    meant = "".join(text.split()).upper()
    return meant if meant != text and meant.partition(":")[0].partition(".")[0] in REGISTERED else None


def similar_device(name: str) -> str | None:
    """The one device whose name is close to ``name``; None where there is none."""
    close = get_close_matches(name.strip().upper(), sorted(REGISTERED), 1, 0.6)
    return close[0] if close else None


def _bare(name: str) -> str:
    return name.partition("(")[0].partition(".")[0]
