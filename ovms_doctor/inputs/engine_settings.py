"""Settings that ``docker run`` and Compose write in one way: limits, health check, ports, user namespace."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from ovms_doctor.inputs import engine_values
from ovms_doctor.inputs.engine_values import RefusedValueError, shown
from ovms_doctor.model.container import ContainerLimits, Probe, PublishedPort

#: More published ports than any document has in earnest; ranges could make them millions.
_MOST_PORTS = 200_000

_Value = TypeVar("_Value")
#: Gives the text of a setting by the name of its option of ``docker run``; None where it is not given.
Setting = Callable[[str], str | None]


def read_limits(setting: Setting, ulimits: Iterable[str], *, complete: bool = True) -> ContainerLimits:
    """The resource limits. ``ulimits`` as ``--ulimit`` takes them."""

    def value(option: str, read: Callable[[str], _Value]) -> _Value | None:
        text = setting(option)
        return None if text is None else read(text)

    def whole(option: str) -> int | None:
        return value(option, lambda text: engine_values.read_whole(text, f"--{option}"))

    memory = value("memory", engine_values.read_memory)
    swap = value("memory-swap", engine_values.read_swap)
    if swap and memory and swap < memory:
        raise RefusedValueError("the limit of memory and swap is less than --memory, and it counts both")
    period, quota, pids = whole("cpu-period"), whole("cpu-quota"), whole("pids-limit")
    cpus = value("cpus", engine_values.read_cpus)
    open_files = None
    for text in ulimits:
        name, soft = engine_values.read_ulimit(text)
        open_files = soft if name == "nofile" and soft >= 0 else open_files
    cpuset = setting("cpuset-cpus") or ""
    if not re.fullmatch(r"[0-9, -]*", cpuset):
        raise RefusedValueError(f'"{shown(cpuset)}" is not a list of processors: write it as 0-3 or 0,2')
    return ContainerLimits(
        memory=memory,
        memory_swap=swap,
        memory_request=value("memory-reservation", engine_values.read_memory),
        cpus=cpus or (quota / (period or 100_000) if quota and quota > 0 else None),
        cpuset=cpuset.strip(),
        pids=pids if pids and pids > 0 else None,
        open_files=open_files,
        shared_memory=value("shm-size", engine_values.read_size) or None,
        complete=complete,
    )


def read_health(test: str, setting: Setting) -> Probe:
    """The health check that runs ``test``; settings ``health-interval`` and its like."""
    times = [
        engine_values.read_duration(setting(f"health-{name}") or "0")
        for name in ("interval", "timeout", "start-period")
    ]
    retries = engine_values.read_whole(setting("health-retries") or "0", "--health-retries")
    if min(*times, retries) < 0:
        raise RefusedValueError("a time or number of the health check is negative")
    return engine_values.health_probe(test, times[0], times[1], retries, times[2])


def read_published(texts: Sequence[str]) -> tuple[PublishedPort, ...]:
    """The published ports, each text as ``--publish`` takes it."""
    found: dict[PublishedPort, None] = {}
    for text in texts:
        found.update(dict.fromkeys(engine_values.read_ports(text)))
        if len(found) > _MOST_PORTS:
            raise RefusedValueError("more ports are published than a host has")
    return tuple(found)


def user_namespace_option(mode: str, option: str, *, any_mode: bool = False) -> tuple[str, ...]:
    """The security option that ``--userns`` is shown as; Docker takes ``host`` alone."""
    if mode not in ("", "host") and not any_mode:
        raise RefusedValueError(f'{option} takes host alone, and not "{shown(mode)}"')
    return (f"userns={mode}",) if mode else ()
