"""The parts of an inspect document; each function accepts values of any type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from ovms_doctor.inputs.engine_values import capability, first_open_port, health_probe
from ovms_doctor.inputs.untyped import items, number, objects, positive, string, strings, table, whole
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
from ovms_doctor.model.environment import keeps_value
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.redaction import redact_arguments, redact_message

_KINDS: Mapping[str, MountKind] = {"bind": "bind", "volume": "volume", "tmpfs": "tmpfs", "image": "image"}
#: Mount options that the engines report for every mount.
_USUAL = frozenset(("", "ro", "rw", "rbind", "bind", "rprivate", "private", "nosuid", "nodev"))
#: The time of an event that never happened.
_NEVER = "0001-01-01T"
#: RLIM_INFINITY, which the engines write as -1.
_NO_LIMIT = 2**64 - 1
_REMAPPED_ROOT = lazy_pattern(r"/(\d{1,10})\.(\d{1,10})/?$", re.ASCII)
#: The texts for all addresses of the host; an empty text means the same.
_ALL = ("0.0.0.0", "::")  # noqa: S104 - read, not bound to
#: The number of ids that useradd and the engines assign to a user (subuid(5)).
_ID_COUNT = 65536
#: Podman's directories of a user without root's rights.
_ROOTLESS = lazy_pattern(r"^/run/user/\d+/|/\.local/share/containers/", re.ASCII)


def word(value: Any, key: str) -> str:
    """Returns the text ``value[key]``, or a whole number there as a text."""
    found = whole(value, key)
    return str(found) if found is not None and found < 1 << 32 else string(value, key)


# -- files ---------------------------------------------------------------------------------------------


def mounts(
    data: Mapping[str, Any], host: Mapping[str, Any], engine: Engine, info: Mapping[str, Any]
) -> tuple[ContainerMount, ...]:
    """Returns all mounts, in the document's order; file systems in memory last. Docker creates a missing host path
    for a mount with ``-v``; Podman refuses."""
    desktop = string(info, "OperatingSystem") == "Docker Desktop"
    binds = strings(host, "Binds") if engine == "docker" else []
    bound = {item.split(":")[1] for item in binds if item.count(":")}
    requested = {string(item, "Target"): item for item in objects(host, "Mounts")}
    found = [_mount(item, bound, requested, desktop=desktop) for item in objects(data, "Mounts")]
    for server, options in table(host, "Tmpfs").items():
        written = [part for part in str(options or "").split(",") if part]
        rest = tuple(part for part in written if part not in _USUAL)
        if server.startswith("/") and "\0" not in server:
            found.append(ContainerMount(server, "tmpfs", read_only="ro" in written, options=rest))
    by_path: dict[str, ContainerMount] = {}
    for mount in found:
        if mount is not None:
            by_path.setdefault(mount.server, mount)
    return tuple(by_path.values())


def _mount(
    item: Mapping[str, Any], bound: set[str], requested: Mapping[str, Mapping[str, Any]], *, desktop: bool
) -> ContainerMount | None:
    server = string(item, "Destination")
    if not server.startswith("/"):
        return None
    server = server.rstrip("/") or "/"
    kind = _KINDS.get(string(item, "Type") or "bind", "other")
    host: str | None = string(item, "Source")
    if not host or not host.startswith("/") or kind in ("tmpfs", "image"):
        host = None
    elif desktop:
        # The engine runs in a virtual machine, where the host's files are below /host_mnt and volumes are not
        # reachable.
        host = (host.removeprefix("/host_mnt") or "/") if kind == "bind" else None
    written = [*string(item, "Mode").split(","), string(item, "Propagation"), *strings(item, "Options")]
    request = requested.get(server) or requested.get(server + "/") or {}
    return ContainerMount(
        server,
        kind,
        host,
        read_only=item.get("RW") is False,
        name=string(item, "Name"),
        options=tuple(dict.fromkeys(part for part in written if part not in _USUAL)),
        created_by_engine=kind == "bind"
        and (
            bool({server, server + "/"} & bound)
            or table(request, "BindOptions").get("CreateMountpoint") is True
        ),
        sub_path=string(table(request, "VolumeOptions"), "Subpath"),
    )


def layers(data: Mapping[str, Any], *, running: bool) -> tuple[tuple[str, ...], str]:
    """Returns the directories of overlay file systems, topmost first, and the merged directory, which is mounted
    only while the container runs."""
    rootfs = string(data, "Rootfs")
    if rootfs.startswith("/"):
        return (rootfs,), rootfs
    driver = table(data, "GraphDriver")
    if "overlay" not in string(driver, "Name"):
        return (), ""
    directories = table(driver, "Data")
    found = [string(directories, "UpperDir"), *string(directories, "LowerDir").split(":")]
    merged = string(directories, "MergedDir")
    return (
        tuple(directory for directory in found if directory.startswith("/")),
        merged if running and merged.startswith("/") else "",
    )


# -- ids -----------------------------------------------------------------------------------------------


def namespace(
    data: Mapping[str, Any], host: Mapping[str, Any], engine: Engine, info: Mapping[str, Any]
) -> tuple[Literal["", "rootless", "remapped"], tuple[IdRange, ...]]:
    """Returns whether the container's ids differ on the host, and the host's ids, as far as they are known: by the
    map of one of its processes, by Podman's document, by the name of Docker's root directory (``…/100000.100000``)."""
    options = [option for option in strings(info, "SecurityOptions") if option.startswith("name=")]
    names = {option.removeprefix("name=").partition(",")[0] for option in options}
    paths = (string(data, key) for key in ("StaticDir", "OCIConfigPath", "ConmonPidFile", "ResolvConfPath"))
    rootless = "rootless" in names or any(_ROOTLESS.search(path) for path in paths)
    of_process = _id_map(info)
    if of_process is not None:
        same = of_process[:1] == (IdRange(0, 0, 4294967295),)
        return ("", ()) if same else ("rootless" if rootless else "remapped", of_process)
    of_document = tuple(filter(None, map(_id_range, strings(table(host, "IDMappings"), "UidMap"))))
    if rootless:
        # In a user namespace of Podman itself, the document's numbers are those of that namespace.
        return "rootless", ()
    if of_document:
        return "remapped", of_document
    if engine == "docker" and "userns" in names and string(host, "UsernsMode") != "host":
        match = _REMAPPED_ROOT.search(string(info, "DockerRootDir"))
        if match and match[1] == match[2]:
            return "remapped", (IdRange(0, int(match[1]), _ID_COUNT),)
        return "remapped", ()
    return "", ()


def _id_map(info: Mapping[str, Any]) -> tuple[IdRange, ...] | None:
    rows = [row for row in items(info, "IdMap") if isinstance(row, list | tuple) and len(row) == 3]
    if not rows or not all(type(cell) is int and 0 <= cell < 1 << 63 for row in rows for cell in row):
        return None
    return tuple(IdRange(*row) for row in rows)


def _id_range(row: str) -> IdRange | None:
    cells = row.split(":")
    if len(cells) != 3 or not all(cell.isascii() and cell.isdigit() and len(cell) <= 10 for cell in cells):
        return None
    return IdRange(*map(int, cells))


# -- ports, limits, devices ----------------------------------------------------------------------------


def ports(data: Mapping[str, Any], host: Mapping[str, Any]) -> tuple[PublishedPort, ...]:
    """Returns the published ports: the actual ones while the container runs, else the configured ones."""
    actual = table(data, "NetworkSettings", "Ports")
    found: dict[tuple[int, str, int | None], PublishedPort] = {}
    for key in dict.fromkeys((*table(host, "PortBindings"), *actual)):
        port, _, protocol = str(key).partition("/")
        if not _is_port(port):
            continue
        bindings = items(actual, key) or items(table(host, "PortBindings"), key)
        for item in map(table, bindings):
            host_port = word(item, "HostPort")
            number_on_host = int(host_port) if _is_port(host_port) and int(host_port) else None
            address = string(item, "HostIp")
            if address in _ALL:
                address = ""
            published = PublishedPort(int(port), number_on_host, address, protocol or "tcp")
            found.setdefault((published.container, published.protocol, published.host), published)
    return tuple(found.values())


def _is_port(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 5 and int(value) < 1 << 16


def network(host: Mapping[str, Any]) -> str:
    """Returns the kind of network; Docker's ``default`` is a bridge."""
    mode = string(host, "NetworkMode")
    return "bridge" if mode == "default" else mode


def limits(host: Mapping[str, Any]) -> ContainerLimits:
    """Returns the limits. Zero and -1 mean no limit. The default period of a quota is 100 ms (cgroups)."""
    nano, quota = positive(host, "NanoCpus"), positive(host, "CpuQuota")
    cpus = None
    if nano is not None:
        cpus = nano / 1e9
    elif quota is not None:
        cpus = quota / (positive(host, "CpuPeriod") or 100_000)
    return ContainerLimits(
        memory=positive(host, "Memory"),
        memory_swap=positive(host, "MemorySwap"),
        memory_request=positive(host, "MemoryReservation"),
        cpus=cpus,
        cpuset=string(host, "CpusetCpus"),
        pids=positive(host, "PidsLimit"),
        open_files=_open_files(host),
        shared_memory=positive(host, "ShmSize"),
        complete=bool(host),
    )


def _open_files(host: Mapping[str, Any]) -> int | None:
    for item in objects(host, "Ulimits"):
        if string(item, "Name").lower().removeprefix("rlimit_") == "nofile":
            return _NO_LIMIT if number(item, "Soft") == -1 else positive(item, "Soft")
    return None


def devices(host: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the paths inside the container."""
    found = objects(host, "Devices")
    paths = (string(item, "PathInContainer") or string(item, "PathOnHost") for item in found)
    return tuple(dict.fromkeys(path for path in paths if path))


def device_requests(host: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns ``--gpus`` and CDI devices: the requested ids, else the capabilities."""
    found = []
    for item in objects(host, "DeviceRequests"):
        ids = strings(item, "DeviceIDs")
        groups = [" ".join(strings({"": group}, "")) for group in items(item, "Capabilities")]
        found += ids or [" ".join(filter(None, [string(item, "Driver"), *groups]))]
    return tuple(item for item in found if item)


def restart(host: Mapping[str, Any]) -> str:
    """Returns the policy in the form of ``--restart``; empty if there is none."""
    policy = table(host, "RestartPolicy")
    name, most = string(policy, "Name"), positive(policy, "MaximumRetryCount")
    if not name:
        return "no" if policy else ""
    return f"{name}:{most}" if name == "on-failure" and most else name


def probes(config: Mapping[str, Any]) -> tuple[Probe, ...]:
    """Returns the health check; its times are in nanoseconds, and zero means the engine's default."""
    check = table(config, "Healthcheck")
    test = strings(check, "Test")
    if not test or test[0] == "NONE":
        return ()
    times = [(positive(check, key) or 0) / 1e9 for key in ("Interval", "Timeout", "StartPeriod")]
    return (health_probe(" ".join(test[1:]), times[0], times[1], positive(check, "Retries") or 0, times[2]),)


# -- security, state -----------------------------------------------------------------------------------


def capabilities_dropped(host: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the names without ``CAP_``, in the document's order."""
    return tuple(dict.fromkeys(capability(item) for item in strings(host, "CapDrop")))


def open_port(host: Mapping[str, Any]) -> int | None:
    """Returns the first port that needs no capability, if it is set."""
    return first_open_port(f"{name}={value}" for name, value in table(host, "Sysctls").items())


def security(data: Mapping[str, Any], host: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the security options; of a seccomp profile, which Docker writes out in full, only the name. With
    SELinux the label of the process follows."""
    found = []
    for option in strings(host, "SecurityOpt"):
        long = len(option) > 200 or "{" in option
        found.append(f"{re.split('[=:]', option)[0][:60]}=…" if long else option)
    label = string(data, "ProcessLabel")
    if label and len(label) <= 200:
        found.append(f"process-label={label}")
    return tuple(found)


def state(data: Mapping[str, Any]) -> ContainerState | None:
    """Returns the container's state; None if the document has none. The exit code counts only after its end: before,
    the engines write 0."""
    found = data.get("State")
    if not isinstance(found, dict) or not found:
        return None
    status = string(found, "Status")
    if not status:
        status = "running" if found.get("Running") is True else "exited"
    ended = status not in ("running", "paused", "created", "configured", "initialized")
    killed = found.get("OOMKilled")
    health = table(found, "Health") or table(found, "Healthcheck")
    finished = _time(found, "FinishedAt")
    return ContainerState(
        status=status,
        exit_code=number(found, "ExitCode") if ended else None,
        oom_killed=killed if isinstance(killed, bool) else None,
        message=redact_message(string(found, "Error"), _values_of(data))[:1000],
        started_at=_time(found, "StartedAt"),
        finished_at=finished if ended else "",
        restarts=positive(data, "RestartCount") or 0,
        pid=positive(found, "Pid") or 0,
        health=string(health, "Status"),
        last_finished_at="" if ended else finished,
    )


def _values_of(data: Mapping[str, Any]) -> list[str]:
    """Returns the values of the container's variables and arguments that can be secrets; the engine's errors quote
    them."""
    arguments = strings(data, "Args")
    config = table(data, "Config")
    pairs = (item.partition("=") for item in items(config, "Env") if isinstance(item, str))
    secret = [
        value for name, _, value in pairs if value and not value.startswith("/") and not keeps_value(name)
    ]
    redacted_arguments = redact_arguments(arguments)
    return secret + [word for word, other in zip(arguments, redacted_arguments, strict=True) if word != other]


def _time(value: Mapping[str, Any], key: str) -> str:
    found = string(value, key)
    return "" if found.startswith(_NEVER) else found[:64]
