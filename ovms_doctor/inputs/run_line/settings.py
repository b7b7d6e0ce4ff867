"""The settings of a run line that are neither mounts nor words: limits, ports, network, health check, security."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from ovms_doctor.inputs import DocumentError, values
from ovms_doctor.inputs.run_line.collected import RunLine
from ovms_doctor.inputs.values import UnsupportedDocumentError, shown
from ovms_doctor.model.container import ContainerLimits, Probe, PublishedPort

_Number = TypeVar("_Number")


def ports(told: RunLine) -> tuple[PublishedPort, ...]:
    """The published ports; NotRead for more than a host has."""
    found: list[PublishedPort] = []
    for text in told.many("publish", "ports"):
        found.extend(values.read_ports(text))
        if len(found) > values.MOST_PORTS:
            raise DocumentError("The line publishes more ports than a host has.")
    return tuple(dict.fromkeys(found))


def network(told: RunLine) -> str:
    """The first network that was named; empty for the engine's default."""
    known = told.many("network", "network")
    if not known:
        return ""
    fields = dict(item.partition("=")[::2] for item in known[0].split(","))
    return fields.get("name", known[0])


def limits(told: RunLine) -> ContainerLimits:
    """The limits; Refused for what the daemon would not take."""
    memory = _number(told, "memory", values.read_memory)
    swap = _number(told, "memory-swap", values.read_swap)
    if swap and memory and swap < memory:
        raise UnsupportedDocumentError("--memory-swap is less than --memory, and it counts both")
    if swap and not told.options.all("memory"):
        raise UnsupportedDocumentError("--memory-swap needs --memory")
    period = _number(told, "cpu-period", lambda text: values.read_whole(text, "--cpu-period"))
    quota = _number(told, "cpu-quota", lambda text: values.read_whole(text, "--cpu-quota"))
    cpus = _number(told, "cpus", values.read_cpus)
    pids = _number(told, "pids-limit", lambda text: values.read_whole(text, "--pids-limit"))
    open_files = None
    for text in told.many("ulimit", "limits"):
        name, soft = values.read_ulimit(text) if text != "host" else ("", 0)
        open_files = soft if name == "nofile" and soft >= 0 else open_files
    shared = _number(told, "shm-size", values.read_size)
    cpuset = told.one("cpuset-cpus", "limits") or ""
    if not re.fullmatch(r"[0-9, -]*", cpuset):
        raise UnsupportedDocumentError(
            f'"{shown(cpuset)}" is not a list of processors: write it as 0-3 or 0,2'
        )
    return ContainerLimits(
        memory=memory,
        memory_swap=swap,
        memory_request=_number(told, "memory-reservation", values.read_memory),
        cpus=cpus or (quota / (period or 100_000) if quota and quota > 0 else None),
        cpuset=cpuset.strip(),
        pids=pids if pids and pids > 0 else None,
        open_files=open_files,
        shared_memory=shared or None,
        complete="limits" not in told.unknown,
    )


def _number(told: RunLine, option: str, read: Callable[[str], _Number]) -> _Number | None:
    text = told.one(option, "limits")
    return read(text) if text is not None else None


def probes(told: RunLine) -> tuple[Probe, ...]:
    """The health check of the line's own, if there is one."""
    times = [_duration(told, f"health-{name}") for name in ("interval", "timeout", "start-period")]
    retries = values.read_whole(told.one("health-retries", "probes") or "0", "--health-retries")
    if min(*times, retries) < 0:
        raise UnsupportedDocumentError("a time or number of the health check is negative")
    test = told.options.last("health-cmd")
    if not test or (told.podman and test == "none"):
        return ()
    return (values.health_probe(told.shell.show(test), times[0], times[1], retries, times[2]),)


def device_requests(told: RunLine) -> tuple[str, ...]:
    """What ``--gpus`` asks for, as written: ``all``, a number, or name=value with commas between."""
    found = told.many("gpus", "device_requests")
    for text in found:
        if "=" not in text and text != "all" and not re.fullmatch(r"-?\d{1,9}", text):
            raise UnsupportedDocumentError(
                f'--gpus takes "all", a number or device=…, and not "{shown(text)}"'
            )
    return tuple(found)


def _duration(told: RunLine, option: str) -> float:
    text = told.one(option, "probes")
    return values.read_duration(text) if text is not None else 0.0


def security(told: RunLine) -> tuple[str, ...]:
    """The security options as written, with ``userns=…`` where a user namespace was named."""
    found = told.many("security-opt", "security")
    for text in found:
        if not re.fullmatch(r"no-new-privileges.*|[^=:]+[=:].+|disable", text, re.DOTALL):
            raise UnsupportedDocumentError(f'"{shown(text)}" is no security option')
    userns = told.one("userns", "security id_map") or ""
    if userns not in ("", "host") and told.command.program == "docker":
        raise UnsupportedDocumentError(f'--userns takes host alone, and not "{shown(userns)}"')
    return (*found, *([f"userns={userns}"] if userns else []))
