"""target_device: what the server hands to OpenVINO, unchecked, and what OpenVINO makes of the name."""

from __future__ import annotations

from dataclasses import dataclass

from ovms_doctor.releases import Release

#: Plugins that stand for a choice among devices.
VIRTUAL = frozenset({"AUTO", "MULTI", "HETERO", "BATCH"})
#: Devices that need hardware which a host may lack.
HARDWARE = frozenset({"GPU", "NPU"})
#: Names that OpenVINO registers, in any release at hand; older ones had a few more.
REGISTERED = frozenset({"CPU"}) | VIRTUAL | HARDWARE
#: Names that OpenVINO registered in some release, or that come with a plugin of somebody else's.
REGISTERED_ONCE = frozenset({"GNA", "VPUX", "MYRIAD", "HDDL", "TEMPLATE", "NVIDIA", "CUDA"})


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
    def registered(self) -> bool:
        """Whether OpenVINO knows the name; only its letters count, also in a list after the colon."""
        return self.plugin in REGISTERED | REGISTERED_ONCE

    @property
    def needs_hardware(self) -> frozenset[str]:
        """The devices without which nothing can be compiled: AUTO passes over those that are not there."""
        behind = frozenset(self.members or (self.plugin,))
        if self.plugin == "AUTO" and not behind <= HARDWARE:
            return frozenset()
        return behind & HARDWARE

    def without_missing(self) -> str:
        """The device to ask this host's OpenVINO for: AUTO does not need what the host may lack."""
        if self.plugin != "AUTO" or self.needs_hardware:
            return self.text
        rest = [name for name in self.members if name not in HARDWARE]
        return f"AUTO:{','.join(rest)}" if rest else self.text


def target_device(text: str | None, release: Release) -> Device:
    """The device for a ``target_device`` as it was given, None where it was not."""
    if not text and release.at_least(2026, 3):
        return Device("CPU", "CPU", chosen_by_server=True)
    if text is None:
        return Device("CPU", "CPU", chosen_by_server=True)
    plugin, colon, rest = text.partition(":")
    members = tuple(_bare(name) for name in rest.split(",")) if colon else ()
    return Device(text, plugin.partition(".")[0], members)


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


def _bare(name: str) -> str:
    return name.partition("(")[0].partition(".")[0]
