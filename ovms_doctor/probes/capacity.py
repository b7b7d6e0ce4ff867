"""How many processes this host can run: its cores and memory, and the limits of its control group."""

from __future__ import annotations

import os

MIB = 1 << 20
#: Bytes for one process with OpenVINO that compiles a small model (92 MB measured), with a reserve.
WORKER_MEMORY = 256 * MIB
#: Beyond this number, the workers wait for the parent process that serves them.
MOST_WORKERS = 16

_CGROUP = "/sys/fs/cgroup"
#: The value of a control group without a limit (v1): the largest multiple of a page.
_NO_LIMIT = 1 << 62


def jobs(requested: int | None = None) -> int:
    """Returns the number of workers: the requested number, else by cores and free memory; at least one."""
    if requested is not None:
        return max(1, requested)
    memory = free_memory()
    fit = MOST_WORKERS if memory is None else memory // WORKER_MEMORY
    return max(1, min(cores(), fit, MOST_WORKERS))


def cores() -> int:
    """Returns the number of whole cores that this process may use; at least one."""
    try:
        count = len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        count = os.cpu_count() or 1
    quota = _quota()
    return max(1, count if quota is None else min(count, int(quota)))


def free_memory() -> int | None:
    """Returns the bytes that can still be used before the kernel kills a process; None if that cannot be
    determined.

    The lower one of the host's available memory (MemAvailable, proc(5)) and of the rest in the control group of this
    process: its limit less the memory that cannot be reclaimed.
    """
    found = [left for left in (_available(), _left_in_group()) if left is not None]
    return min(found) if found else None


def _available() -> int | None:
    for line in _text("/proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _left_in_group() -> int | None:
    """Returns the bytes left in the control groups: they nest, and the tightest one counts."""
    found = []
    for directory, limit_name, anonymous in _memory_groups():
        limit = _number(f"{directory}/{limit_name}")
        if limit is not None and limit < _NO_LIMIT:
            used = _statistic(f"{directory}/memory.stat", anonymous)
            found.append(max(0, limit - (used or 0)))
    return min(found) if found else None


def _memory_groups() -> list[tuple[str, str, str]]:
    """Returns the directories to read: each with its file for the limit, and the name of the unreclaimable memory in
    it."""
    groups = []
    for line in _text("/proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not controllers:
            groups += [(directory, "memory.max", "anon") for directory in _upwards(_CGROUP, path)]
        elif "memory" in controllers.split(","):
            v1 = f"{_CGROUP}/memory"
            groups += [(directory, "memory.limit_in_bytes", "total_rss") for directory in _upwards(v1, path)]
    return groups


def _quota() -> float | None:
    """Returns the processor time of the control group, in cores; None without a limit."""
    found = []
    for line in _text("/proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not controllers:
            texts = [_text(f"{directory}/cpu.max").split() for directory in _upwards(_CGROUP, path)]
        elif "cpu" in controllers.split(","):
            texts = [
                [
                    _text(f"{directory}/cpu.cfs_quota_us").strip(),
                    _text(f"{directory}/cpu.cfs_period_us").strip(),
                ]
                for directory in _upwards(f"{_CGROUP}/cpu", path)
            ]
        else:
            continue
        found += [int(a) / int(b) for a, b in (t for t in texts if len(t) == 2 and _are_numbers(t))]
    return min(found) if found else None


def _are_numbers(parts: list[str]) -> bool:
    return all(word.isascii() and word.isdigit() and int(word) > 0 for word in parts)


def _upwards(top: str, path: str) -> list[str]:
    """Returns the group's directory and those above it.

    In a container the path may be one of the host's: then only the top exists, which is the container's own group.
    """
    directories = [top]
    for name in path.strip("/").split("/"):
        if name and name != "..":
            directories.append(f"{directories[-1]}/{name}")
    return directories


def _statistic(path: str, name: str) -> int | None:
    for line in _text(path).splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdigit():
            return int(value)
    return None


def _number(path: str) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isascii() and text.isdigit() else None


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(1 << 20)
    except OSError:
        return ""
