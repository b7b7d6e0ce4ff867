"""What this host gives a server that runs on it: processors, and files that may be open."""

from __future__ import annotations

import os
import resource

from ovms_doctor.deployment.model import HostSeen

_MARKS = ("/.dockerenv", "/run/.containerenv")
_WORDS = ("docker", "kubepods")
#: What the server's getrlimit gives where there is no limit.
_NO_LIMIT = 2**64 - 1


def see_host(root: str = "") -> HostSeen:
    """This host, as a server started like this process would see it. Only files of the kernel and marks of a
    container are looked at; what cannot be read is not known. ``root``: the directory below which they are.
    """
    open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return HostSeen(
        online=os.sysconf("SC_NPROCESSORS_ONLN"),
        affinity=len(os.sched_getaffinity(0)),
        quota=_quota(root),
        contained=_contained(root),
        open_files=_NO_LIMIT if open_files == resource.RLIM_INFINITY else open_files,
    )


def _contained(root: str) -> bool:
    """systeminfo.cpp isRunningInDocker: a mark that opens, or a cgroup's name."""
    if any(_text(root + mark) is not None for mark in _MARKS):
        return True
    groups = _text(f"{root}/proc/self/cgroup") or ""
    return any(word in groups for word in _WORDS)


def _quota(root: str) -> int:
    """systeminfo.cpp getDockerCpuQuota: the second version of cgroups, then the first; 0 for no limit."""
    words = (_text(f"{root}/sys/fs/cgroup/cpu.max") or "").split("\n", 1)[0].split()
    if len(words) >= 2:
        if words[0] == "max":
            return 0
        share = _share(words[0], words[1])
        if share:
            return share
    first = f"{root}/sys/fs/cgroup/cpu/cpu.cfs"
    return _share(_text(f"{first}_quota_us") or "", _text(f"{first}_period_us") or "")


def _share(quota: str, period: str) -> int:
    """Whole processors, rounded up; 0 where there is no limit (-1) or it cannot be told."""
    try:
        amount, interval = int(quota), int(period)
    except ValueError:
        return 0
    return -(-amount // interval) if amount > 0 and interval > 0 else 0


def _text(path: str) -> str | None:
    """The first bytes of a file that this process may open; None for one that it may not."""
    try:
        with open(path, "rb") as file:
            return file.read(1 << 16).decode("utf-8", "replace")
    except OSError:
        return None
