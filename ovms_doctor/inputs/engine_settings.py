"""The effect of the options of ``docker run`` on a container; Compose has the same settings with other names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct, field

from ovms_doctor.inputs import engine_values, mounts
from ovms_doctor.inputs.engine_values import RefusedValueError, for_message
from ovms_doctor.inputs.image import release_of
from ovms_doctor.model.container import Container, ContainerLimits, Probe, PublishedPort, Source

#: More published ports than any real document has; ranges could make them millions.
_MOST_PORTS = 200_000

_Value = TypeVar("_Value")


class EngineSettings(Struct):
    """Settings as options of ``docker run``."""

    #: The values of each option, without its dashes, in their order.
    values: dict[str, list[str]] = field(default_factory=dict)
    #: Options without a value.
    switches: dict[str, bool] = field(default_factory=dict)

    def last(self, name: str) -> str | None:
        """Returns the value that counts of an option that cannot be repeated."""
        return next(reversed(self.values.get(name, [])), None)

    def all(self, *names: str) -> list[str]:
        """Returns the values of options that may be repeated."""
        return [value for name in names for value in self.values.get(name, [])]

    def read(self, name: str, read: Callable[[str], _Value]) -> _Value | None:
        """Returns the result of ``read`` for the option's value; None without the option."""
        text = self.last(name)
        return None if text is None else read(text)

    def whole(self, name: str) -> int | None:
        """Returns the option's value as a whole number."""
        return self.read(name, lambda text: engine_values.read_whole(text, f"--{name}"))


def container_with(
    settings: EngineSettings, source: Source, source_name: str, image: str, *, any_namespace: bool = False
) -> Container:
    """Returns the container with the data from its settings and its image; arguments, mounts and environment are
    left out.

    ``any_namespace``: whether --userns accepts more than ``host`` (Podman, nerdctl). Raises RefusedValueError for
        values that the client or the daemon refuses.
    """
    name, switches = settings.last("name"), settings.switches
    release, release_from = release_of(image, (), ()) if image else (None, "")
    devices = settings.all("device")
    cdi = [text for text in devices if mounts.is_cdi(text)]
    return Container(
        source,
        source_name,
        name=engine_values.check_name(name) if name else "",
        image=image,
        release=release,
        release_from=release_from,
        user=engine_values.check_user(settings.last("user") or ""),
        groups=tuple(map(engine_values.check_user, settings.all("group-add"))),
        working_directory=engine_values.check_directory(settings.last("workdir") or ""),
        ports=_ports(settings),
        network=_network(settings),
        limits=_limits(settings),
        devices=tuple(mounts.read_device(text) for text in devices if text not in cdi),
        device_sources=tuple(mounts.read_device_source(text) for text in devices if text not in cdi),
        device_requests=(*_gpus(settings), *cdi),
        restart=engine_values.read_restart(settings.last("restart") or "no"),
        probes=_health(settings),
        read_only_root=switches.get("read-only", False),
        privileged=switches.get("privileged", False),
        capabilities_dropped=tuple(dict.fromkeys(map(engine_values.capability, settings.all("cap-drop")))),
        first_open_port=engine_values.first_open_port(settings.all("sysctl")),
        security=_security(settings, any_namespace=any_namespace),
    )


def _limits(settings: EngineSettings) -> ContainerLimits:
    memory = settings.read("memory", engine_values.read_memory)
    swap = settings.read("memory-swap", engine_values.read_swap)
    if swap and memory and swap < memory:
        raise RefusedValueError("the limit of memory and swap is less than --memory, but it includes both")
    period, quota, pids = map(settings.whole, ("cpu-period", "cpu-quota", "pids-limit"))
    cpus = settings.read("cpus", engine_values.read_cpus)
    open_files = None
    for text in settings.all("ulimit"):
        name, soft = engine_values.read_ulimit(text)
        open_files = soft if name == "nofile" and soft >= 0 else open_files
    cpuset = settings.last("cpuset-cpus") or ""
    if not re.fullmatch(r"[0-9, -]*", cpuset):
        raise RefusedValueError(
            f'"{for_message(cpuset)}" is not a list of processors: write it as 0-3 or 0,2'
        )
    return ContainerLimits(
        memory=memory,
        memory_swap=swap,
        memory_request=settings.read("memory-reservation", engine_values.read_memory),
        cpus=cpus or (quota / (period or 100_000) if quota and quota > 0 else None),
        cpuset=cpuset.strip(),
        pids=pids if pids and pids > 0 else None,
        open_files=open_files,
        shared_memory=settings.read("shm-size", engine_values.read_size) or None,
    )


def _ports(settings: EngineSettings) -> tuple[PublishedPort, ...]:
    found: dict[PublishedPort, None] = {}
    for text in settings.all("publish"):
        found.update(dict.fromkeys(engine_values.read_ports(text)))
        if len(found) > _MOST_PORTS:
            raise RefusedValueError("more ports are published than a host has")
    return tuple(found)


def _network(settings: EngineSettings) -> str:
    """Returns the first named network; empty for the engine's default."""
    first = (*settings.all("network"), "")[0]
    return dict(item.partition("=")[::2] for item in first.split(",")).get("name", first)


def _health(settings: EngineSettings) -> tuple[Probe, ...]:
    times = [
        settings.read(f"health-{name}", engine_values.read_duration) or 0.0
        for name in ("interval", "timeout", "start-period")
    ]
    retries = settings.whole("health-retries") or 0
    if min(*times, retries) < 0:
        raise RefusedValueError("a time or number of the health check is negative")
    test = settings.last("health-cmd")
    return (engine_values.health_probe(test, times[0], times[1], retries, times[2]),) if test else ()


def _gpus(settings: EngineSettings) -> list[str]:
    """Returns the request of ``--gpus``, as written: ``all``, a number, or name=value with commas between."""
    found = settings.all("gpus")
    for text in found:
        if "=" not in text and text != "all" and not re.fullmatch(r"-?\d{1,9}", text):
            raise RefusedValueError(
                f'--gpus accepts "all", a number or device=…, but not "{for_message(text)}"'
            )
    return found


def _security(settings: EngineSettings, *, any_namespace: bool) -> tuple[str, ...]:
    """Returns the security options as written, with ``userns=…`` for a named user namespace."""
    found = settings.all("security-opt")
    for text in found:
        if not re.fullmatch(r"no-new-privileges.*|[^=:]+[=:].+|disable", text, re.DOTALL):
            raise RefusedValueError(f'"{for_message(text)}" is not a security option')
    mode = settings.last("userns")
    if mode and mode != "host" and not any_namespace:
        raise RefusedValueError(f'--userns accepts only host, but not "{for_message(mode)}"')
    return (*found, *([f"userns={mode}"] if mode else []))
