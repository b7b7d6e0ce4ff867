"""The resources of this host for a server: processors, the limit of open files, GPUs and NPUs."""

from __future__ import annotations

import os
import resource

from ovms_doctor.model.host import Host, HostDevices
from ovms_doctor.probes.acl import ATTRIBUTE
from ovms_doctor.probes.capacity import free_memory

_MARKS = ("/.dockerenv", "/run/.containerenv")
_WORDS = ("docker", "kubepods")
#: The value of the server's getrlimit if there is no limit.
_NO_LIMIT = 2**64 - 1
#: Intel's number as a maker of PCI devices; OpenVINO's plugins use no GPUs and NPUs of other makers.
_INTEL = 0x8086
_READ_WRITE = 0o6


def read_host(root: str = "") -> Host:
    """Returns the resources of this host, as a server started like this process has them.

    Only files of the kernel and the marks of a container are read; a value that cannot be read is None. ``root``: the
    directory above these files.
    """
    open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return Host(
        online=os.sysconf("SC_NPROCESSORS_ONLN"),
        affinity=len(os.sched_getaffinity(0)),
        quota=_quota(root),
        contained=_is_in_container(root),
        open_files=_NO_LIMIT if open_files == resource.RLIM_INFINITY else open_files,
        devices=read_devices(root),
        memory=free_memory() if not root else None,
        bf16=_computes_in_bf16(root),
        total_memory=_total_memory(root),
    )


def _computes_in_bf16(root: str) -> bool | None:
    """Whether the processor has the instructions; None if the kernel does not list them."""
    for line in (_text(f"{root}/proc/cpuinfo") or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return not {"avx512_bf16", "amx_bf16"}.isdisjoint(value.split())
    return None


def _total_memory(root: str) -> int | None:
    for line in (_text(f"{root}/proc/meminfo") or "").splitlines():
        name, _, value = line.partition(":")
        if name == "MemTotal":
            return int(value.split()[0]) << 10
    return None


def read_devices(root: str = "") -> HostDevices:
    """Returns the device nodes of GPUs and NPUs for this process, by their names; opens none of them. ``root`` as in
    ``read_host``."""
    renders = _nodes(root, "dev/dri", "renderD", "drm")
    accels = _nodes(root, "dev/accel", "accel", "accel")
    return HostDevices(
        dri=bool(renders),
        accel=bool(accels),
        dxg=os.path.exists(f"{root}/dev/dxg"),
        render_groups=_groups(renders),
        accel_groups=_groups(accels),
        intel_gpu=any(maker == _INTEL for _, maker in renders),
    )


def _nodes(root: str, directory: str, prefix: str, kind: str) -> list[tuple[str, int | None]]:
    """Returns the paths of the nodes that may be Intel's, each with the maker's number. ``kind``: the class in
    sysfs."""
    try:
        names = sorted(os.listdir(f"{root}/{directory}"))
    except OSError:
        return []
    found = []
    for name in names:
        if name.startswith(prefix):
            maker = _maker(f"{root}/sys/class/{kind}/{name}/device/vendor")
            if maker in (None, _INTEL):
                found.append((f"{root}/{directory}/{name}", maker))
    return found


def _maker(path: str) -> int | None:
    try:
        return int((_text(path) or "").strip(), 16)
    except ValueError:
        return None


def _groups(nodes: list[tuple[str, int | None]]) -> tuple[int, ...]:
    """Returns the groups that may open the nodes.

    Empty if others may open one too, or if that cannot be determined: an owner other than root, an ACL (logind adds
    one for the user of the local session).
    """
    groups = set()
    for path, _ in nodes:
        try:
            status = os.stat(path)
        except OSError:
            return ()
        is_public = status.st_mode & _READ_WRITE == _READ_WRITE
        if is_public or status.st_uid != 0 or _has_acl(path):
            return ()
        if status.st_mode >> 3 & _READ_WRITE == _READ_WRITE:
            groups.add(status.st_gid)
    return tuple(sorted(groups))


def _has_acl(path: str) -> bool:
    try:
        return bool(os.getxattr(path, ATTRIBUTE))
    except OSError:
        return False


def _is_in_container(root: str) -> bool:
    """Whether this host is a container, as systeminfo.cpp isRunningInDocker decides: a mark file that opens, or a
    cgroup's name."""
    if any(_text(root + mark) is not None for mark in _MARKS):
        return True
    groups = _text(f"{root}/proc/self/cgroup") or ""
    return any(word in groups for word in _WORDS)


def _quota(root: str) -> int:
    """Returns the quota as systeminfo.cpp getDockerCpuQuota: the second version of cgroups, then the first; 0 for no
    limit."""
    parts = (_text(f"{root}/sys/fs/cgroup/cpu.max") or "").split("\n", 1)[0].split()
    if len(parts) >= 2:
        if parts[0] == "max":
            return 0
        share = _share(parts[0], parts[1])
        if share:
            return share
    first = f"{root}/sys/fs/cgroup/cpu/cpu.cfs"
    return _share(_text(f"{first}_quota_us") or "", _text(f"{first}_period_us") or "")


def _share(quota: str, period: str) -> int:
    """Returns whole processors, rounded up; 0 if there is no limit (-1) or it cannot be determined."""
    try:
        amount, interval = int(quota), int(period)
    except ValueError:
        return 0
    return -(-amount // interval) if amount > 0 and interval > 0 else 0


def _text(path: str) -> str | None:
    """Returns the first bytes of a file; None if this process may not open it."""
    try:
        with open(path, "rb") as file:
            return file.read(1 << 16).decode("utf-8", "replace")
    except OSError:
        return None
