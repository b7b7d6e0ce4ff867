"""The parts of a Compose service: mounts, ports, environment, limits, devices, health check."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from ovms_doctor.inputs import engine_values as values
from ovms_doctor.inputs import mounts
from ovms_doctor.inputs.compose import values as typed
from ovms_doctor.inputs.compose.interpolation import read_env_file
from ovms_doctor.inputs.compose.merge import as_pairs
from ovms_doctor.inputs.engine_values import RefusedValueError, shown
from ovms_doctor.model.container import ContainerLimits, ContainerMount, Probe, PublishedPort
from ovms_doctor.model.environment import variables

_MOUNT_KEYS = frozenset("type source target read_only consistency bind volume tmpfs image".split())
_MOUNT_TYPES = frozenset("bind volume tmpfs cluster npipe image".split())


class Project(Struct):
    """What surrounds a service: its file's directory, the project's name, the top-level volumes, configs and
    secrets, the variables that Compose knows, and a reader of other files. ``problems`` and ``unknown`` collect what
    is not known, the latter as names of the Container's fields."""

    directory: str
    name: str
    document: dict[str, Any]
    variables: Mapping[str, str]
    read_file: Callable[[str], str | None]
    problems: list[str] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)

    def top(self, kind: str) -> dict[str, Any]:
        """One of the document's top-level mappings."""
        return typed.mapping(self.document.get(kind), kind)

    def path(self, text: str) -> str:
        """A path of the host's, absolute."""
        if text.startswith("~"):
            text = posixpath.join(self.variables.get("HOME", "/"), text[1:].lstrip("/"))
        return posixpath.normpath(posixpath.join(self.directory, text))


def read_mounts(service: dict[str, Any], project: Project) -> tuple[ContainerMount, ...]:
    """Volumes, temporary file systems, configs and secrets; Refused for two at one place."""
    found = []
    for item in typed.one_or_more(service.get("tmpfs"), "tmpfs"):
        found.append(mounts.read_tmpfs(typed.text(item, "tmpfs", numbers=False)))
    for item in typed.items(service.get("volumes"), "volumes"):
        found.append(
            _short(item, project) if isinstance(item, str) else _long(typed.mapping(item, "volumes"), project)
        )
    mounts.check_targets(tuple(found))
    found += _files(service, project, "configs", "/")
    found += _files(service, project, "secrets", "/run/secrets")
    if service.get("volumes_from"):
        project.problems.append("Mounts of other containers are taken over with volumes_from.")
        project.unknown.add("mounts")
    return tuple(found)


def _short(text: str, project: Project) -> ContainerMount:
    if text.startswith("~") and ":" in text:
        source, _, rest = text.partition(":")
        text = f"{project.path(source)}:{rest}"
    head, colon, _ = text.partition(":")
    if colon and "/" in head and not text.startswith(("/", ".")):
        raise RefusedValueError(
            f'"{shown(head)}" in volumes is taken for a volume\'s name; a directory needs "./{shown(head)}"'
        )
    mount = mounts.read_volume(text, project.directory)
    if mount.kind == "volume" and mount.name:
        return _volume(mount, mount.name, project)
    if mount.kind == "bind" and mount.host is None:
        project.problems.append(f"The host's path of the mount at {shown(mount.server)} is one of Windows.")
        project.unknown.add("mounts")
    return mount


def _long(item: dict[str, Any], project: Project) -> ContainerMount:
    typed.check_keys(_MOUNT_KEYS, item, "an entry of volumes")
    kind = typed.optional_text(item, "type")
    if kind not in _MOUNT_TYPES:
        raise RefusedValueError(f'"{shown(kind)}" in volumes is no type of mount: bind, volume or tmpfs')
    source = typed.optional_text(item, "source")
    read_only = typed.truth(item.get("read_only"), "read_only")
    part = typed.mapping(item.get(kind), kind)
    server = mounts.inside(typed.optional_text(item, "target"))
    options = tuple(typed.text(part[key], key) for key in ("propagation", "selinux") if part.get(key))
    sub_path = typed.optional_text(part, "subpath")
    if kind == "bind":
        if not source:
            raise RefusedValueError("an entry of volumes with the type bind has no source")
        host = None if mounts.is_windows(source) else project.path(source)
        # compose-spec: the default is true; without the key "bind" the engine's old interface makes it as well.
        creates = typed.truth(part.get("create_host_path", True), "create_host_path")
        return ContainerMount(server, "bind", host, read_only, options=options, created_by_engine=creates)
    if kind == "volume":
        if typed.truth(part.get("nocopy"), "nocopy"):
            options += ("nocopy",)
        mount = ContainerMount(server, "volume", None, read_only, options=options, sub_path=sub_path)
        return _volume(mount, source, project) if source else mount
    if kind == "image":
        return ContainerMount(server, "image", None, True, name=source, sub_path=sub_path)
    return ContainerMount(server, "tmpfs" if kind == "tmpfs" else "other", None, read_only, name=source)


def _volume(mount: ContainerMount, key: str, project: Project) -> ContainerMount:
    """A named volume as the engine has it; one that is made of a directory of the host says so."""
    known = project.top("volumes")
    if key not in known:
        raise RefusedValueError(f'the volume "{shown(key)}" is not among the file\'s volumes')
    volume = typed.mapping(known[key], f"volumes.{key}")
    options = typed.mapping(volume.get("driver_opts"), "driver_opts")
    device = typed.optional_text(options, "device")
    binds = "bind" in typed.optional_text(options, "o").split(",") and device.startswith(("/", ".", "~"))
    external = volume.get("external")
    own = typed.optional_text(volume, "name")
    if not own:
        named = typed.optional_text(external, "name") if isinstance(external, dict) else ""
        own = named or (key if external else f"{project.name}_{key}")
    return ContainerMount(
        mount.server,
        "volume",
        project.path(device) if binds else None,
        mount.read_only or "ro" in typed.optional_text(options, "o").split(","),
        name=own,
        options=mount.options,
        sub_path=mount.sub_path,
    )


def _files(service: dict[str, Any], project: Project, kind: str, place: str) -> list[ContainerMount]:
    found = []
    for item in typed.items(service.get(kind), kind):
        entry = {"source": item} if isinstance(item, str) else typed.mapping(item, kind)
        source = typed.optional_text(entry, "source")
        known = project.top(kind)
        if source not in known:
            raise RefusedValueError(f'"{shown(source)}" is not among the file\'s {kind}')
        file = typed.optional_text(typed.mapping(known[source], kind), "file")
        target = posixpath.join(place, typed.optional_text(entry, "target") or source)
        host = project.path(file) if file else None
        found.append(ContainerMount(mounts.inside(target), "config", host, True, name=source))
    return found


def read_ports(service: dict[str, Any]) -> tuple[PublishedPort, ...]:
    """The published ports, in the short and the long syntax."""
    found: list[PublishedPort] = []
    for item in typed.items(service.get("ports"), "ports"):
        if isinstance(item, dict):
            protocol = typed.optional_text(item, "protocol") or "tcp"
            address = typed.optional_text(item, "host_ip")
            host = typed.optional_text(item, "published")
            target = typed.optional_text(item, "target")
            written = f"{f'[{address}]' if ':' in address else address}:{host}:{target}/{protocol}"
            found.extend(values.read_ports(written))
        else:
            found.extend(values.read_ports(typed.text(item, "ports")))
        if len(found) > 200_000:
            raise RefusedValueError("ports publishes more than a host has")
    return tuple(dict.fromkeys(found))


def read_environment(service: dict[str, Any], project: Project) -> tuple[list[tuple[str, str]], set[str]]:
    """The pairs whose values are known, and all names: files first, then ``environment``."""
    known: dict[str, str | None] = {}
    listed = service.get("env_file")
    for item in [listed] if isinstance(listed, str | dict) else typed.items(listed, "env_file"):
        known.update(_environment_file(item, project))
    given = service.get("environment")
    if given is not None and not isinstance(given, dict | list):
        raise RefusedValueError("environment must be a mapping or a list")
    for name, value in as_pairs(given).items():
        if isinstance(value, dict | list):
            raise RefusedValueError(f"environment: the value of {shown(name)} is not a text")
        if value is not None:
            known[name] = typed.text(value, "environment")
        elif name in project.variables:
            known[name] = project.variables[name]
        # Without a value anywhere, Compose leaves the variable out.
    unknown = [name for name, text in known.items() if text is None and variables([(name, "")])]
    if unknown:
        project.problems.append(f"The value of the variable {shown(unknown[0])} is not known here.")
        project.unknown.add("environment")
    return [(name, text) for name, text in known.items() if text is not None], set(known)


def _environment_file(item: Any, project: Project) -> dict[str, str | None]:
    entry = {"path": item} if isinstance(item, str) else typed.mapping(item, "env_file")
    path = typed.optional_text(entry, "path")
    text = project.read_file(project.path(path)) if path else None
    if text is None:
        if typed.truth(entry.get("required", True), "required"):
            project.problems.append(f"The environment file {shown(path)} was not read.")
            project.unknown.add("environment")
        return {}
    if entry.get("format") == "raw":
        rows = (
            line.partition("=")
            for line in text.splitlines()
            if line.strip() and not line.lstrip().startswith("#")
        )
        return {name.lstrip(): value for name, equals, value in rows if equals}
    return read_env_file(text, project.variables, f"the environment file {shown(path)}")


def read_limits(service: dict[str, Any]) -> ContainerLimits:
    """The limits of the service itself, or of ``deploy.resources``; Refused where they contradict each other."""
    resources = typed.mapping(typed.mapping(service.get("deploy"), "deploy").get("resources"), "resources")
    limits = typed.mapping(resources.get("limits"), "limits")
    reserved = typed.mapping(resources.get("reservations"), "reservations")
    memory = _one(service, "mem_limit", limits, "memory", values.read_memory)
    cpus = _one(service, "cpus", limits, "cpus", values.read_cpus)
    pids = _one(service, "pids_limit", limits, "pids", lambda text: values.read_whole(text, "pids_limit"))
    swap = typed.read(service, "memswap_limit", values.read_swap)
    if swap and memory and swap < memory:
        raise RefusedValueError("memswap_limit is less than mem_limit, and it counts both")
    quota = typed.read(service, "cpu_quota", lambda text: values.read_whole(text, "cpu_quota"))
    period = typed.read(service, "cpu_period", _microseconds)
    shared = typed.read(service, "shm_size", values.read_size)
    return ContainerLimits(
        memory=memory,
        memory_swap=swap,
        memory_request=_one(service, "mem_reservation", reserved, "memory", values.read_size) or None,
        cpus=cpus or (quota / (period or 100_000) if quota and quota > 0 else None),
        cpuset=typed.optional_text(service, "cpuset"),
        pids=pids if pids and pids > 0 else None,
        open_files=_open_files(service),
        shared_memory=shared or None,
    )


def _microseconds(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else round(values.read_duration(text) * 1e6)


def _one(
    service: dict[str, Any],
    name: str,
    other: dict[str, Any],
    other_name: str,
    how: Callable[[str], float | None],
) -> Any:
    own, deployed = typed.read(service, name, how), typed.read(other, other_name, how)
    if own and deployed and own != deployed:
        raise RefusedValueError(f"{name} and deploy.resources say different things")
    return own or deployed


def _open_files(service: dict[str, Any]) -> int | None:
    found = None
    for name, value in typed.mapping(service.get("ulimits"), "ulimits").items():
        if isinstance(value, dict):
            parts = [typed.text(value[key], f"ulimits.{name}") for key in ("soft", "hard") if key in value]
            if len(parts) != 2:
                raise RefusedValueError(f"ulimits.{shown(name)} needs soft and hard")
        else:
            parts = [typed.text(value, f"ulimits.{name}")]
        soft = values.check_ulimit(name, parts)
        found = soft if name == "nofile" and soft >= 0 else found
    return found


def read_devices(service: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Device paths inside, and requests for devices by other names (``gpus``, CDI, reservations)."""
    paths, requests = [], []
    for item in typed.items(service.get("devices"), "devices"):
        if isinstance(item, dict):
            source = typed.optional_text(item, "source")
            target = typed.optional_text(item, "target") or source
            written = f"{source}:{target}" if target != source else source
        else:
            written = typed.text(item, "devices", numbers=False)
        if mounts.is_cdi(written):
            requests.append(written)
        else:
            paths.append(mounts.read_device(written))
    resources = typed.mapping(typed.mapping(service.get("deploy"), "deploy").get("resources"), "resources")
    reserved = typed.mapping(resources.get("reservations"), "reservations").get("devices")
    gpus = service.get("gpus")
    asked = [
        *([gpus] if isinstance(gpus, str) else typed.items(gpus, "gpus")),
        *typed.items(reserved, "devices"),
    ]
    return tuple(paths), (*requests, *(_request(item) for item in asked))


def _request(item: Any) -> str:
    if not isinstance(item, dict):
        return typed.text(item, "gpus")
    ids = ",".join(
        typed.text(part, "device_ids") for part in typed.items(item.get("device_ids"), "device_ids")
    )
    words = [f"driver={typed.optional_text(item, 'driver')}" if item.get("driver") else ""]
    words.append(f"device={ids}" if ids else f"count={typed.optional_text(item, 'count') or 'all'}")
    kinds = [
        typed.text(part, "capabilities") for part in typed.items(item.get("capabilities"), "capabilities")
    ]
    words.append(f"capabilities={','.join(kinds)}" if kinds else "")
    return " ".join(word for word in words if word)


def read_probe(service: dict[str, Any]) -> tuple[Probe, ...]:
    """The service's own health check, unless it is switched off."""
    check = typed.mapping(service.get("healthcheck"), "healthcheck")
    test = check.get("test")
    if not test or typed.truth(check.get("disable"), "disable"):
        return ()
    parts = [typed.text(item, "test") for item in typed.one_or_more(test, "test")]
    if isinstance(test, list):
        if parts[0] not in ("CMD", "CMD-SHELL", "NONE"):
            raise RefusedValueError("the healthcheck's test must begin with CMD, CMD-SHELL or NONE")
        if parts[0] == "NONE":
            return ()
    times = [
        typed.read(check, name, values.read_duration) or 0.0
        for name in ("interval", "timeout", "start_period")
    ]
    retries = typed.read(check, "retries", lambda text: values.read_whole(text, "retries")) or 0
    return (values.health_probe(" ".join(parts), times[0], times[1], retries, times[2]),)
