"""The number of workers for a host, from /proc and its control groups."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pytest

from ovms_doctor.probes import capacity
from ovms_doctor.probes.capacity import MIB, WORKER_MEMORY

V2 = {"/proc/self/cgroup": "0::/app.slice/job\n"}
V1 = {"/proc/self/cgroup": "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n0::/\n"}
HOST = {"/proc/meminfo": f"MemTotal: 99 kB\nMemAvailable: {8192 * 1024} kB\n"}
TOP = "/sys/fs/cgroup"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The files of a host with 8 GiB and 32 cores; tests add to them."""
    files = dict(HOST)

    def opened(path: str, **_: object) -> io.StringIO:
        if path not in files:
            raise FileNotFoundError(path)
        return io.StringIO(files[path])

    monkeypatch.setattr(capacity, "open", opened, raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(32)))
    return files


@pytest.mark.parametrize(
    ("files", "memory", "cores"),
    [
        ({}, 8192 * MIB, 32),
        ({**V2, f"{TOP}/app.slice/memory.max": "max"}, 8192 * MIB, 32),
        (
            {
                **V2,
                f"{TOP}/app.slice/memory.max": str(512 * MIB),
                f"{TOP}/app.slice/memory.stat": f"anon {100 * MIB}\nfile 999999999999\n",
                f"{TOP}/app.slice/job/memory.max": str(1024 * MIB),
                f"{TOP}/app.slice/job/cpu.max": "250000 100000",
            },
            412 * MIB,
            2,
        ),
        ({**V2, f"{TOP}/memory.max": str(10 * MIB), f"{TOP}/cpu.max": "50000 100000"}, 10 * MIB, 1),
        (
            {
                **V1,
                f"{TOP}/memory/memory.limit_in_bytes": "9223372036854771712",
                f"{TOP}/memory/docker/abc/memory.limit_in_bytes": str(1024 * MIB),
                f"{TOP}/memory/docker/abc/memory.stat": f"cache 5\ntotal_rss {24 * MIB}\n",
                f"{TOP}/cpu/docker/abc/cpu.cfs_quota_us": "400000",
                f"{TOP}/cpu/docker/abc/cpu.cfs_period_us": "100000",
            },
            1000 * MIB,
            4,
        ),
        (
            {**V1, f"{TOP}/cpu/cpu.cfs_quota_us": "-1", f"{TOP}/cpu/cpu.cfs_period_us": "100000"},
            8192 * MIB,
            32,
        ),
    ],
)
def test_remaining_memory(host: dict[str, str], files: Mapping[str, str], memory: int, cores: int) -> None:
    host.update(files)
    assert capacity.free_memory() == memory
    assert capacity.cores() == cores
    assert capacity.jobs() == max(1, min(cores, memory // WORKER_MEMORY, capacity.MOST_WORKERS))
    assert capacity.jobs(5) == 5
