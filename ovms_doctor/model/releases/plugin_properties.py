"""Which plugin_config keys a device's plugin lists as supported, by release.

Source: the wheel of every release was queried on Linux without a GPU or NPU (data/plugin-properties.json), as the
server of that release queries it: v2022.2 for SUPPORTED_CONFIG_KEYS, later ones for SUPPORTED_PROPERTIES
(``insertSupportedKeys`` in ov_utils.cpp). The release of OVMS has the year and minor number of the OpenVINO that it
contains.
"""

from __future__ import annotations

from functools import cache

from ovms_doctor.model.releases.release import Release
from ovms_doctor.model.releases.tables import read_table

#: Before this release the server did not compare the keys.
_FIRST = Release((2022, 2))
#: The plugins of hardware that could not be queried before v2023.0.
_HARDWARE, _HARDWARE_FIRST = frozenset({"GPU", "NPU"}), Release((2023, 0))


def devices_with_properties() -> tuple[str, ...]:
    """Returns the devices whose plugins were queried."""
    return tuple(read_table("plugin-properties")["devices"])


@cache
def supported_properties(device: str, release: Release) -> frozenset[str] | None:
    """Returns the keys that the plugin of ``device`` (``CPU``, ``AUTO``; no list, no number) lists in ``release``;
    None if they are unknown. A release newer than the table counts as its newest."""
    keys = read_table("plugin-properties")["devices"].get(device)
    wheel = _wheel(release)
    if keys is None or wheel is None or (device in _HARDWARE and release < _HARDWARE_FIRST):
        return None
    return frozenset(key for key, span in keys.items() if _covers(span, wheel))


@cache
def ever_supported(device: str) -> frozenset[str]:
    """Returns the keys that the plugin lists in any release: the list of an NPU's plugin also depends on its driver."""
    return frozenset(read_table("plugin-properties")["devices"].get(device, ()))


def _wheel(release: Release) -> str | None:
    """Returns the OpenVINO release whose list applies to an OVMS release."""
    if release < _FIRST:
        return None
    found: str | None = None
    for text in read_table("plugin-properties")["releases"]:
        if tuple(int(number) for number in text.split(".")[:2]) <= release.numbers[:2]:
            found = text
    return found


def _covers(span: list[str], wheel: str) -> bool:
    """Whether a span contains a release. ``span``: first and last release, or a longer list that names each."""
    if len(span) != 2:
        return wheel in span
    order = read_table("plugin-properties")["releases"]
    first, last = (order.index(text) for text in span)
    return bool(first <= order.index(wheel) <= last)
