"""The result for a target device on the server: whether OpenVINO compiles for it, and why not.

OVMS passes the text unchanged to ``ov::Core::compile_model`` (modelinstance.cpp loadOVCompiledModel, every release).
The rules are OpenVINO's, tried on a Linux host without a GPU or NPU: all of them with its releases 2023.0, 2024.0,
2025.0 and 2026.4, those in which the releases differ with 2023.1 to 2023.3 too. A release between two tried ones
behaves like both of them; if they differ, the result is not known. No release of 2022 was tried: a device that all
later ones refuse is assumed to fail there too. A device whose node may not be opened is assumed to count as missing;
this was not tried, because no such device was available.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.model.host import HostDevices, User
from ovms_doctor.model.parameters import HARDWARE, UNJUDGED, VIRTUAL, Device, DeviceVerdict, PassedOver
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.parameters.devices import registration

_State: TypeAlias = Literal["there", "absent", "access", "open", "number", "unknown", "removed", "perhaps"]


#: The GPU's plugin cannot be loaded without libOpenCL.so.1, and then the whole list fails (tried with OpenVINO 2023.0
#: to 2026.4). Since v2024.5 the server contains it, in every image and in the package for bare metal
#: (create_package.sh); before, only the images for GPUs have it.
_LOADER = "it is not known whether the server has libOpenCL.so.1, which such a list needs"


def judge_device(device: Device, release: Release, devices: HostDevices | None, user: User) -> DeviceVerdict:
    """Returns the result for ``device`` with a server of ``release`` that has ``devices`` (None: not known) and runs
    as ``user``."""
    if device.chosen_by_server:
        return DeviceVerdict(True, devices_known=devices is not None)
    verdict = _Judge(release, devices, user).judge(device.text)
    named = device.needs_hardware or (device.hardware and "CPU" not in device.members)
    if devices is None and verdict.works is None and named and not verdict.unavailable:
        verdict = replace(verdict, unavailable="which GPUs and NPUs the server has is not known")
    return replace(verdict, devices_known=devices is not None)


def presence(
    name: str, devices: HostDevices | None, user: User
) -> tuple[Literal["there", "absent", "access", "open"], tuple[int, ...]]:
    """Whether the server has a GPU or NPU that ``user`` may open, and the groups that may. ``open``: not known.

    The drivers open a render node, or an accel node, for reading and writing (docs/accelerators.md).
    """
    if devices is None or (name == "NPU" and devices.dxg):
        return "open", ()
    if name == "GPU" and devices.dxg:
        return "there", ()
    nodes = devices.dri if name == "GPU" else devices.accel
    if not nodes:
        return "absent", ()
    groups = devices.render_groups if name == "GPU" else devices.accel_groups
    own_groups = {user.gid, *user.groups}
    if user.uid == 0 or not groups or own_groups & set(groups):
        return "there", ()
    return "access", groups


def _is_gpu(member: str) -> bool:
    return member.partition(".")[0] == "GPU"


class _Judge(Struct, frozen=True):
    release: Release
    devices: HostDevices | None
    user: User

    def judge(self, text: str) -> DeviceVerdict:
        head, colon, rest = text.partition(":")
        name = head.partition(".")[0]
        state = registration(name, self.release)
        if state in ("unknown", "removed"):
            name_in_list = text if not colon else head
            return DeviceVerdict(False, state, name_in_list)
        if state == "perhaps":
            return UNJUDGED
        if name not in VIRTUAL:
            return self._one(f"{head}.{rest}" if rest else head)
        members = [item.partition("(")[0] for item in rest.split(",") if item]
        if head != name:
            return DeviceVerdict(False, "number", head) if text == "AUTO.0" else UNJUDGED
        if not members:
            # AUTO alone chooses among all devices.
            return DeviceVerdict(True) if name == "AUTO" else DeviceVerdict(False, "bare", name)
        if name in ("AUTO", "MULTI"):
            return self._choice(name, members)
        return self._hetero(members) if name == "HETERO" else self._batch(rest, members)

    def _one(self, text: str) -> DeviceVerdict:
        state, groups = self._state(text)
        if state in ("absent", "access", "number"):
            return DeviceVerdict(False, state, text, groups=groups)
        return DeviceVerdict(True) if state == "there" and text == "CPU" else UNJUDGED

    def _state(self, text: str) -> tuple[_State, tuple[int, ...]]:
        name, _, number = text.partition(".")
        if name == "CPU":
            return ("number" if number else "there"), ()
        registered = registration(name, self.release)
        if registered != "known":
            return registered, ()
        return presence(name, self.devices, self.user) if name in HARDWARE else ("open", ())

    def _choice(self, name: str, members: list[str]) -> DeviceVerdict:
        """Returns the result for AUTO and MULTI. Until 2023.0 every device of the list had to exist; for MULTI until
        2023.3."""
        excluded = {item[1:] for item in members if item.startswith("-")}
        if excluded:
            return self._excluding(members, excluded)
        nested = next((item for item in members if item in VIRTUAL), None)
        if nested is not None:
            return DeviceVerdict(False, "nested", nested) if len(members) == 1 else UNJUDGED
        states = [(item, *self._state(item)) for item in members]
        unusable = [(item, state) for item, state, _ in states if state in ("unknown", "removed")]
        if unusable and not self.release.at_least(2023, 1):
            if self.release.at_least(2023, 0):
                return DeviceVerdict(False, unusable[0][1], unusable[0][0])
            return UNJUDGED
        missing = [item for item in states if item[1] in ("absent", "access")]
        lenient = self.release.at_least(2024, 0) or (name == "AUTO" and self.release.at_least(2023, 1))
        if (
            missing
            and lenient
            and not self.release.at_least(2024, 5)
            and any(_is_gpu(item[0]) for item in missing)
        ):
            return DeviceVerdict(unavailable=_LOADER)
        if missing and not lenient:
            item, state, groups = missing[0]
            works = False if self.release.at_least(2023, 0) else None
            return DeviceVerdict(works, state, item, groups=groups)  # type: ignore[arg-type]
        if any(state in ("open", "perhaps", "number") for _, state, _ in states):
            return self._open_choice(members, states, unusable)
        passed = tuple(
            PassedOver(item, state)  # type: ignore[arg-type]
            for item, state, _ in states
            if state != "there"
        )
        groups = next((found for _, state, found in states if state == "access"), ())
        if any(item == "CPU" for item in members):
            return DeviceVerdict(True, passed_over=passed, groups=groups)
        if any(state == "there" for _, state, _ in states):
            return DeviceVerdict(None, passed_over=passed, groups=groups)
        for reason in ("access", "absent"):
            for item, state, _ in states:
                if state == reason:
                    return DeviceVerdict(False, reason, item, groups=groups)
        return DeviceVerdict(False, unusable[0][1], unusable[0][0])

    def _open_choice(
        self,
        members: list[str],
        states: list[tuple[str, _State, tuple[int, ...]]],
        unusable: Sequence[tuple[str, _State]],
    ) -> DeviceVerdict:
        """Returns the result for a list with unknown parts: the CPU in the list is enough, and an unknown name is
        skipped."""
        numbers = [item for item, state, _ in states if state == "number"]
        if len(members) == len(numbers):
            return DeviceVerdict(False, "number", numbers[0])
        works = True if "CPU" in members and not numbers and self.release.at_least(2024, 0) else None
        if works and not self.release.at_least(2024, 5) and any(_is_gpu(item) for item in members):
            return DeviceVerdict(unavailable=_LOADER)
        passed = tuple(PassedOver(item, state) for item, state in unusable)  # type: ignore[arg-type]
        return DeviceVerdict(works, passed_over=passed)

    def _excluding(self, members: list[str], excluded: set[str]) -> DeviceVerdict:
        if len(members) > len(excluded):
            return DeviceVerdict(True) if "CPU" in members and "CPU" not in excluded else UNJUDGED
        if "CPU" not in excluded:
            return DeviceVerdict(True)
        left = [presence(item, self.devices, self.user)[0] for item in sorted(HARDWARE - excluded)]
        if all(state in ("absent", "access") for state in left):
            return DeviceVerdict(False, "nothing", ",".join(members))
        return UNJUDGED

    def _hetero(self, members: list[str]) -> DeviceVerdict:
        """Returns the result for HETERO: all names must be valid. The first device must exist; the others had to exist
        until 2024.0, but not since 2025.0."""
        for item in members:
            state, _ = self._state(item)
            if state in ("unknown", "removed") and not item.startswith("-"):
                return DeviceVerdict(False, state, item)
        if any(item.startswith("-") or item in VIRTUAL for item in members):
            return UNJUDGED
        for index, item in enumerate(members):
            state, groups = self._state(item)
            if state == "number":
                return DeviceVerdict(False, "number", item)
            if state in ("absent", "access") and (index == 0 or not self.release.at_least(2024, 1)):
                works = False if index == 0 or self.release.at_least(2023, 0) else None
                return DeviceVerdict(works, state, item, groups=groups)
        return DeviceVerdict(True) if set(members) == {"CPU"} else UNJUDGED

    def _batch(self, rest: str, members: list[str]) -> DeviceVerdict:
        """Returns the result for BATCH: one device, with the size of the batch in brackets or without."""
        if "," in rest:
            return DeviceVerdict(False, "several", rest)
        (item,) = members
        state, groups = self._state(item)
        if state in ("unknown", "removed", "number", "absent", "access"):
            return DeviceVerdict(False, state, item, groups=groups)
        # Without a size the CPU refused until 2023.2.
        if item == "CPU" and ("(" in rest or self.release.at_least(2023, 3)):
            return DeviceVerdict(True)
        return UNJUDGED
