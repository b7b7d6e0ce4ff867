"""The limits of a release's server that depend on its host."""

from __future__ import annotations

from ovms_doctor.model.host import Host, HostLimits
from ovms_doctor.model.releases import Release


def limits_on(host: Host, release: Release) -> HostLimits:
    """Returns the limits of the server of ``release`` on ``host``.

    Source: systeminfo.cpp getCoreCount. ``std::thread::hardware_concurrency`` counts the processors that are online
    (get_nprocs of glibc: neither the affinity nor a quota); since v2026.2 a server in a container uses the affinity,
    or the quota if that is less.
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
        host.total_memory,
    )
