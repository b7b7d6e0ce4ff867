"""The parts of an inspect document, each tolerant of whatever stands in its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from ovms_doctor.inputs.engine_values import capability, health_probe
from ovms_doctor.model.container import (
    ContainerLimits,
    ContainerMount,
    ContainerState,
    Engine,
    IdRange,
    MountKind,
    Probe,
    PublishedPort,
)
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.text import redact

_KINDS: Mapping[str, MountKind] = {"bind": "bind", "volume": "volume", "tmpfs": "tmpfs", "image": "image"}
#: What the engines say of every mount.
_USUAL = frozenset(("", "ro", "rw", "rbind", "bind", "rprivate", "private", "nosuid", "nodev"))
#: The time of what never happened.
_NEVER = "0001-01-01T"
#: RLIM_INFINITY, which the engines write as -1.
_NO_LIMIT = 2**64 - 1
_REMAPPED_ROOT = lazy_pattern(r"/(\d{1,10})\.(\d{1,10})/?$", re.ASCII)
#: Every address of the host's, which is also what stands for none.
_ALL = ("0.0.0.0", "::")  # noqa: S104 - read, not bound to
#: As many ids as useradd and the engines give a user (subuid(5)).
_ID_COUNT = 65536
#: Places of Podman's that only a user without root's rights has.
_ROOTLESS = lazy_pattern(r"^/run/user/\d+/|/\.local/share/containers/", re.ASCII)


def table(value: Any) -> Mapping[str, Any]:
    """An object; empty for what is none."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """A list; empty for what is none."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """A string without a NUL, which no path or name can hold; empty for anything else."""
    return value if isinstance(value, str) and "\0" not in value else ""


def word(value: Any) -> str:
    """A string, or a whole number as one."""
    return str(value) if type(value) is int and 0 <= value < 1 << 32 else text(value)


def number(value: Any) -> int | None:
    """A whole number that fits 64 bits."""
    return value if type(value) is int and abs(value) < 1 << 63 else None


def positive(value: Any) -> int | None:
    """A number above zero; what is none, is not known or stands for no limit is None."""
    found = number(value)
    return found if found is not None and found > 0 else None


def words(value: Any) -> list[str]:
    """A list of words, or one word."""
    if isinstance(value, str):
        return [value] if value else []
    return [item for item in items(value) if isinstance(item, str)]


# -- files ---------------------------------------------------------------------------------------------


def mounts(
    data: Mapping[str, Any], host: Mapping[str, Any], engine: Engine, info: Mapping[str, Any]
) -> tuple[ContainerMount, ...]:
    """All that is mounted, in the document's order; file systems in memory last. Docker makes a host path that is
    not there where the mount was asked for with ``-v``; Podman refuses."""
    desktop = text(info.get("OperatingSystem")) == "Docker Desktop"
    binds = words(host.get("Binds")) if engine == "docker" else []
    bound = {item.split(":")[1] for item in binds if item.count(":")}
    asked = {text(table(item).get("Target")): table(item) for item in items(host.get("Mounts"))}
    found = [_mount(table(item), bound, asked, desktop=desktop) for item in items(data.get("Mounts"))]
    for server, options in table(host.get("Tmpfs")).items():
        said = [part for part in text(options).split(",") if part]
        rest = tuple(part for part in said if part not in _USUAL)
        if text(server).startswith("/"):
            found.append(ContainerMount(server, "tmpfs", read_only="ro" in said, options=rest))
    seen: dict[str, ContainerMount] = {}
    for mount in found:
        if mount is not None:
            seen.setdefault(mount.server, mount)
    return tuple(seen.values())


def _mount(
    item: Mapping[str, Any], bound: set[str], asked: Mapping[str, Mapping[str, Any]], *, desktop: bool
) -> ContainerMount | None:
    server = text(item.get("Destination"))
    if not server.startswith("/"):
        return None
    server = server.rstrip("/") or "/"
    kind = _KINDS.get(text(item.get("Type")) or "bind", "other")
    host: str | None = text(item.get("Source"))
    if not host or not host.startswith("/") or kind in ("tmpfs", "image"):
        host = None
    elif desktop:
        # The engine runs in a virtual machine, where the host's files are below /host_mnt and volumes nobody reaches.
        host = (host.removeprefix("/host_mnt") or "/") if kind == "bind" else None
    said = [*text(item.get("Mode")).split(","), text(item.get("Propagation")), *words(item.get("Options"))]
    wish = asked.get(server) or asked.get(server + "/") or {}
    return ContainerMount(
        server,
        kind,
        host,
        read_only=item.get("RW") is False,
        name=text(item.get("Name")),
        options=tuple(dict.fromkeys(part for part in said if part not in _USUAL)),
        created_by_engine=kind == "bind"
        and (
            bool({server, server + "/"} & bound)
            or table(wish.get("BindOptions")).get("CreateMountpoint") is True
        ),
        sub_path=text(table(wish.get("VolumeOptions")).get("Subpath")),
    )


def layers(data: Mapping[str, Any], *, running: bool) -> tuple[tuple[str, ...], str]:
    """Directories of overlay file systems, topmost first, and the one where they are seen as one: it is mounted
    only while the container runs."""
    rootfs = text(data.get("Rootfs"))
    if rootfs.startswith("/"):
        return (rootfs,), rootfs
    driver = table(data.get("GraphDriver"))
    if "overlay" not in text(driver.get("Name")):
        return (), ""
    places = table(driver.get("Data"))
    found = [text(places.get("UpperDir")), *text(places.get("LowerDir")).split(":")]
    merged = text(places.get("MergedDir"))
    return (
        tuple(place for place in found if place.startswith("/")),
        merged if running and merged.startswith("/") else "",
    )


# -- ids -----------------------------------------------------------------------------------------------


def namespace(
    data: Mapping[str, Any], host: Mapping[str, Any], engine: Engine, info: Mapping[str, Any]
) -> tuple[Literal["", "rootless", "remapped"], tuple[IdRange, ...]]:
    """Whether the container's ids are others on the host, and which, as far as that is told: by the map of one of
    its processes, by Podman's document, by the name of Docker's root directory (``…/100000.100000``)."""
    options = [option for option in words(info.get("SecurityOptions")) if option.startswith("name=")]
    names = {option.removeprefix("name=").partition(",")[0] for option in options}
    paths = (text(data.get(key)) for key in ("StaticDir", "OCIConfigPath", "ConmonPidFile", "ResolvConfPath"))
    rootless = "rootless" in names or any(_ROOTLESS.search(path) for path in paths)
    seen = _id_map(info.get("IdMap"))
    if seen is not None:
        same = seen[:1] == (IdRange(0, 0, 4294967295),)
        return ("", ()) if same else ("rootless" if rootless else "remapped", seen)
    said = [_id_range(row) for row in words(table(host.get("IDMappings")).get("UidMap"))]
    told = tuple(item for item in said if item is not None)
    if rootless:
        # Within a user namespace of Podman's own, the document's numbers are that namespace's.
        return "rootless", ()
    if told:
        return "remapped", told
    if engine == "docker" and "userns" in names and text(host.get("UsernsMode")) != "host":
        match = _REMAPPED_ROOT.search(text(info.get("DockerRootDir")))
        if match and match[1] == match[2]:
            return "remapped", (IdRange(0, int(match[1]), _ID_COUNT),)
        return "remapped", ()
    return "", ()


def _id_map(value: Any) -> tuple[IdRange, ...] | None:
    rows = [row for row in items(value) if isinstance(row, list | tuple) and len(row) == 3]
    if not rows or not all(number(cell) is not None and cell >= 0 for row in rows for cell in row):
        return None
    return tuple(IdRange(*row) for row in rows)


def _id_range(row: str) -> IdRange | None:
    cells = row.split(":")
    if len(cells) != 3 or not all(cell.isascii() and cell.isdigit() and len(cell) <= 10 for cell in cells):
        return None
    return IdRange(*map(int, cells))


# -- ports, limits, devices ----------------------------------------------------------------------------


def ports(data: Mapping[str, Any], host: Mapping[str, Any]) -> tuple[PublishedPort, ...]:
    """What is published: while it runs as it is, else as it was asked for."""
    actual = table(table(data.get("NetworkSettings")).get("Ports"))
    found: dict[tuple[int, str, int | None], PublishedPort] = {}
    for key in dict.fromkeys((*table(host.get("PortBindings")), *actual)):
        port, _, protocol = str(key).partition("/")
        if not _is_port(port):
            continue
        bindings = items(actual.get(key)) or items(table(host.get("PortBindings")).get(key))
        for item in map(table, bindings):
            said = word(item.get("HostPort"))
            number_on_host = int(said) if _is_port(said) and int(said) else None
            address = text(item.get("HostIp"))
            if address in _ALL:
                address = ""
            published = PublishedPort(int(port), number_on_host, address, protocol or "tcp")
            found.setdefault((published.container, published.protocol, published.host), published)
    return tuple(found.values())


def _is_port(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 5 and int(value) < 1 << 16


def network(host: Mapping[str, Any]) -> str:
    """The kind of network; Docker's ``default`` is a bridge."""
    mode = text(host.get("NetworkMode"))
    return "bridge" if mode == "default" else mode


def limits(host: Mapping[str, Any]) -> ContainerLimits:
    """Zero and -1 stand for no limit. The period of a quota is 100 ms where it is not told (cgroups)."""
    nano, quota = positive(host.get("NanoCpus")), positive(host.get("CpuQuota"))
    cpus = None
    if nano is not None:
        cpus = nano / 1e9
    elif quota is not None:
        cpus = quota / (positive(host.get("CpuPeriod")) or 100_000)
    return ContainerLimits(
        memory=positive(host.get("Memory")),
        memory_swap=positive(host.get("MemorySwap")),
        memory_request=positive(host.get("MemoryReservation")),
        cpus=cpus,
        cpuset=text(host.get("CpusetCpus")),
        pids=positive(host.get("PidsLimit")),
        open_files=_open_files(host),
        shared_memory=positive(host.get("ShmSize")),
        complete=bool(host),
    )


def _open_files(host: Mapping[str, Any]) -> int | None:
    for item in map(table, items(host.get("Ulimits"))):
        if text(item.get("Name")).lower().removeprefix("rlimit_") == "nofile":
            soft = number(item.get("Soft"))
            return _NO_LIMIT if soft == -1 else positive(soft)
    return None


def devices(host: Mapping[str, Any]) -> tuple[str, ...]:
    """Paths inside."""
    found = map(table, items(host.get("Devices")))
    paths = (text(item.get("PathInContainer")) or text(item.get("PathOnHost")) for item in found)
    return tuple(dict.fromkeys(path for path in paths if path))


def device_requests(host: Mapping[str, Any]) -> tuple[str, ...]:
    """``--gpus`` and CDI devices: the ids that were asked for, else the capabilities."""
    found = []
    for item in map(table, items(host.get("DeviceRequests"))):
        asked = words(item.get("DeviceIDs"))
        groups = [" ".join(words(group)) for group in items(item.get("Capabilities"))]
        found += asked or [" ".join(filter(None, [text(item.get("Driver")), *groups]))]
    return tuple(item for item in found if item)


def restart(host: Mapping[str, Any]) -> str:
    """As ``--restart`` takes it; empty where it is not told."""
    policy = table(host.get("RestartPolicy"))
    name, most = text(policy.get("Name")), positive(policy.get("MaximumRetryCount"))
    if not name:
        return "no" if policy else ""
    return f"{name}:{most}" if name == "on-failure" and most else name


def probes(config: Mapping[str, Any]) -> tuple[Probe, ...]:
    """The health check; times are nanoseconds there, and zero stands for the engine's own."""
    check = table(config.get("Healthcheck"))
    test = words(check.get("Test"))
    if not test or test[0] == "NONE":
        return ()
    times = [(positive(check.get(key)) or 0) / 1e9 for key in ("Interval", "Timeout", "StartPeriod")]
    return (
        health_probe(" ".join(test[1:]), times[0], times[1], positive(check.get("Retries")) or 0, times[2]),
    )


# -- security, state -----------------------------------------------------------------------------------


def capabilities_dropped(host: Mapping[str, Any]) -> tuple[str, ...]:
    """Without ``CAP_``, in the document's order."""
    return tuple(dict.fromkeys(capability(item) for item in words(host.get("CapDrop"))))


def security(data: Mapping[str, Any], host: Mapping[str, Any]) -> tuple[str, ...]:
    """The security options; a seccomp profile, which Docker writes out in full, by its name alone. With SELinux
    the label of the process follows."""
    found = []
    for option in words(host.get("SecurityOpt")):
        long = len(option) > 200 or "{" in option
        found.append(f"{re.split('[=:]', option)[0][:60]}=…" if long else option)
    label = text(data.get("ProcessLabel"))
    if label and len(label) <= 200:
        found.append(f"process-label={label}")
    return tuple(found)


def state(data: Mapping[str, Any]) -> ContainerState | None:
    """How it is; None where the document has no state. The exit code counts only where it has ended: the engines
    write 0 before."""
    said = data.get("State")
    if not isinstance(said, dict) or not said:
        return None
    status = text(said.get("Status"))
    if not status:
        status = "running" if said.get("Running") is True else "exited"
    ended = status not in ("running", "paused", "created", "configured", "initialized")
    killed = said.get("OOMKilled")
    health = table(said.get("Health")) or table(said.get("Healthcheck"))
    finished = _time(said.get("FinishedAt"))
    return ContainerState(
        status=status,
        exit_code=number(said.get("ExitCode")) if ended else None,
        oom_killed=killed if isinstance(killed, bool) else None,
        message=redact(text(said.get("Error")))[:1000],
        started_at=_time(said.get("StartedAt")),
        finished_at=finished if ended else "",
        restarts=positive(data.get("RestartCount")) or 0,
        pid=positive(said.get("Pid")) or 0,
        health=text(health.get("Status")),
        last_finished_at="" if ended else finished,
    )


def _time(value: Any) -> str:
    found = text(value)
    return "" if found.startswith(_NEVER) else found[:64]
