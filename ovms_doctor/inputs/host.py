"""What the host of a server is like, as it was seen, and what a release's server makes of it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import fields

from ovms_doctor.model.deployment import Host, HostDevices, HostLimits
from ovms_doctor.model.releases import Release


def limits_on(host: Host, release: Release) -> HostLimits:
    """What the server of ``release`` counts on ``host``.

    Source: systeminfo.cpp getCoreCount. ``std::thread::hardware_concurrency`` counts the processors that are
    online (get_nprocs of glibc: neither the affinity nor a quota); since v2026.2 a container's server takes
    the affinity, or the quota where that is less.
    """
    cores = host.online
    if release.at_least(2026, 2) and host.contained is not False:
        cores = None
        if host.contained and host.affinity is not None and host.quota is not None:
            cores = min(host.affinity, host.quota) if host.quota else host.affinity
    return HostLimits(
        None if cores is None else max(cores, 1),
        host.open_files,
        host.affinity,
        host.quota,
        host.memory,
        host.bf16,
        release.at_least(2026, 3) and host.devices is not None and host.devices.intel_gpu,
    )


def host_from_json(data: Any) -> Host | None:
    """A host as ``dataclasses.asdict`` gives it, after a round trip; ValueError where it is none."""
    if data is None:
        return None
    if not isinstance(data, dict):
        raise ValueError("not a host")
    values = {field.name: data[field.name] for field in fields(Host) if data.get(field.name) is not None}
    devices = values.pop("devices", None)
    for name, value in values.items():
        if (
            not isinstance(value, int)
            or isinstance(value, bool) != (name in ("contained", "bf16"))
            or value < 0
        ):
            raise ValueError(f"not a host: {name}")
    return Host(**values, devices=None if devices is None else _devices_from_json(devices))


def _devices_from_json(data: Any) -> HostDevices:
    if not isinstance(data, dict):
        raise ValueError("not a host: devices")
    values: dict[str, Any] = {}
    for field in fields(HostDevices):
        value = data.get(field.name, field.default)
        if isinstance(field.default, bool):
            fits = isinstance(value, bool)
        else:
            fits = isinstance(value, list | tuple) and all(type(one) is int and one >= 0 for one in value)
        if not fits:
            raise ValueError(f"not a host: devices: {field.name}")
        values[field.name] = value if isinstance(value, bool) else tuple(value)
    return HostDevices(**values)
