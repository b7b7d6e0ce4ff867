"""Converts a Compose service, with all that it refers to, into the Container."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from ovms_doctor.inputs import engine_values, mounts
from ovms_doctor.inputs.command import server_command
from ovms_doctor.inputs.compose.interpolation import read_env_file
from ovms_doctor.inputs.compose.merge import as_pairs
from ovms_doctor.inputs.compose.schema import (
    DeployResources,
    DeviceEntry,
    DeviceRequest,
    EnvironmentFile,
    File,
    FileEntry,
    Number,
    PortEntry,
    Resources,
    Service,
    Ulimit,
    Volume,
    VolumeEntry,
    VolumeOptions,
    convert,
    truth,
)
from ovms_doctor.inputs.engine_settings import EngineSettings, container_with
from ovms_doctor.inputs.engine_values import RefusedValueError, for_message
from ovms_doctor.model.container import Container, ContainerMount, DocumentFile, document_file
from ovms_doctor.model.environment import variables

_VOLUME_TYPES = frozenset("bind volume tmpfs cluster npipe image".split())
#: Compose ignores any other option of a volume (compose-go, format.ParseVolume).
_VOLUME_MODES = frozenset("ro rw z Z nocopy private rprivate shared rshared slave rslave".split())
#: The values of ``deploy.restart_policy`` → the engine's.
_RESTARTS = {"none": "no", "any": "always", "": "always"}


class Project(Struct):
    """The project of a service."""

    #: Directory of the file.
    directory: str
    #: Prefix of the volumes' names.
    name: str
    #: The whole document, variables inserted.
    document: dict[str, Any]
    #: The variables of Compose.
    variables: Mapping[str, str]
    #: Returns the text of another file, None if it cannot be read.
    read_file: Callable[[str], str | None]
    #: Sentences for the user.
    problems: list[str] = field(default_factory=list)
    #: Fields of the Container that are not, or not completely, known.
    unknown: set[str] = field(default_factory=set)

    def not_known(self, name: str, sentence: str) -> None:
        """Notes that a field of the Container is unknown, and why."""
        self.problems.append(sentence)
        self.unknown.add(name)

    def defined(self, kind: str, name: str) -> Any:
        """Returns the entry of a top-level mapping. Raises RefusedValueError if it does not exist."""
        known = self.document.get(kind)
        if not isinstance(known, dict) or name not in known:
            raise RefusedValueError(f'"{for_message(name)}" is not among the file\'s {kind}')
        return known[name]

    def path(self, text: str) -> str:
        """Returns a path of the host, absolute."""
        if text.startswith("~"):
            text = posixpath.join(self.variables.get("HOME", "/"), text[1:].lstrip("/"))
        return posixpath.normpath(posixpath.join(self.directory, text))


def build(
    name: str, raw: dict[str, Any], project: Project, source_name: str, others: tuple[str, ...]
) -> Container:
    """Returns the container of the service ``name``. ``others``: the other services of the file. Raises
    RefusedValueError for values that Compose or the engine would refuse."""
    service = convert(raw, Service, f"services.{for_message(name)}")
    try:
        return _build(name, service, project, source_name, others)
    except RefusedValueError as error:
        raise RefusedValueError(f"services.{for_message(name)}: {error}") from None


def _build(
    name: str, service: Service, project: Project, source_name: str, others: tuple[str, ...]
) -> Container:
    _note_profiles(service, project)
    container = container_with(_settings(service), "compose", source_name, _image(service, project))
    environment = _environment(service, project)
    server = server_command(
        _arguments(service.entrypoint, "entrypoint"),
        _arguments(service.command, "command"),
        container.image,
        environment=None if "environment" in project.unknown else environment,
        working_directory=container.working_directory or None,
    )
    if server.arguments is None:
        project.unknown.add("arguments")
    return replace(
        container,
        name=container.name or name,
        engine="docker",
        program=server.program,
        arguments=server.arguments,
        arguments_unavailable=server.unavailable,
        mounts=_mounts(service, project),
        files=tuple(_document_files(service, project)),
        environment=variables(environment.items()),
        environment_names=tuple(sorted(environment)),
        problems=tuple(dict.fromkeys(project.problems)),
        siblings=others,
        unknown_fields=tuple(sorted(project.unknown)),
    )


def _text(value: Number | bool) -> str:
    """Returns a text; a number or a truth value as Compose writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return engine_values.number_text(value) if isinstance(value, int | float) else value


def _image(service: Service, project: Project) -> str:
    if service.build is not None:
        project.problems.append(
            "The image is built here: the file does not show which program it runs, and as which user."
        )
    elif not service.image:
        raise RefusedValueError("the service has neither an image nor a build")
    return engine_values.check_image(service.image) if service.image else ""


def _note_profiles(service: Service, project: Project) -> None:
    profile = inactive_profile(service.profiles, project.variables)
    if profile:
        project.problems.append(
            f"The service is started only with the profile {for_message(profile)}, or when it is named."
        )


def inactive_profile(profiles: Any, variables: Mapping[str, str]) -> str:
    """Returns the first profile of a service that "docker compose up" does not start; empty for one that it starts."""
    active = {name.strip() for name in variables.get("COMPOSE_PROFILES", "").split(",")}
    if (
        not isinstance(profiles, list)
        or not profiles
        or "*" in active
        or active.intersection(map(str, profiles))
    ):
        return ""
    return str(profiles[0])


def _arguments(value: str | list[str] | None, path: str) -> list[str] | None:
    return split_command(value, path) if isinstance(value, str) else value


def split_command(line: str, path: str) -> list[str]:
    """Returns ``line`` split at blanks outside quotes, as Compose does it without a shell.

    Nothing is expanded, and a character that ends a command in a shell ends the arguments (go-shellwords).
    """
    found: list[str] = []
    word: str | None = None
    quote, escaped = "", False
    for char in line:
        if escaped:
            word, escaped = (word or "") + {"t": "\t", "n": "\n"}.get(char, char), False
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote:
            word = (word or "") + (char if char != quote or quote == ")" else "")
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote, word = char, word or ""
        elif char in " \t\r\n":
            found += [] if word is None else [word]
            word = None
        elif char in ";&|<>":
            break
        elif char == "(" and (word or "").endswith("$"):
            quote, word = ")", f"{word}("
        elif char == "(":
            raise RefusedValueError(f"{path} has a parenthesis outside quotes")
        else:
            word = (word or "") + char
    if quote or escaped:
        raise RefusedValueError(f"{path} has a quote that is not closed, or ends in a backslash")
    return found if word is None else [*found, word]


# -- mounts --------------------------------------------------------------------------------------------


def _mounts(service: Service, project: Project) -> tuple[ContainerMount, ...]:
    """Returns temporary file systems, volumes, configs and secrets; of two volumes at one path the later."""
    tmpfs = [service.tmpfs] if isinstance(service.tmpfs, str) else service.tmpfs
    volumes: dict[str, ContainerMount] = {}
    for item in service.volumes:
        mount = _short_volume(item, project) if isinstance(item, str) else _long_volume(item, project)
        volumes[mount.server] = mount
    found = (*map(mounts.read_tmpfs, tmpfs), *volumes.values())
    mounts.check_targets(found)
    if service.volumes_from:
        project.not_known("mounts", "The service also has the mounts of other containers (volumes_from).")
    configs = [_file(item, "configs", "/", project) for item in service.configs]
    secrets = [_file(item, "secrets", "/run/secrets", project) for item in service.secrets]
    return (*found, *configs, *secrets)


def _short_volume(text: str, project: Project) -> ContainerMount:
    if text.startswith("~") and ":" in text:
        source, _, rest = text.partition(":")
        text = f"{project.path(source)}:{rest}"
    head, colon, _ = text.partition(":")
    if colon and "/" in head and not text.startswith(("/", ".")):
        raise RefusedValueError(
            f'"{for_message(head)}" in volumes is read as a volume\'s name; a directory needs "./{for_message(head)}"'
        )
    mount = mounts.read_volume(text, project.directory, known_modes=_VOLUME_MODES)
    if mount.kind == "volume" and mount.name:
        return _named_volume(mount, project)
    if mount.kind == "bind" and mount.host is None:
        project.not_known(
            "mounts", f"The host's path of the mount at {for_message(mount.server)} is a Windows path."
        )
    return mount


def _long_volume(item: VolumeEntry, project: Project) -> ContainerMount:
    if item.type not in _VOLUME_TYPES:
        raise RefusedValueError(
            f'"{for_message(item.type)}" in volumes is not a type of mount: bind, volume or tmpfs'
        )
    options = {"bind": item.bind, "volume": item.volume, "image": item.image}.get(
        item.type
    ) or VolumeOptions()
    source = item.source or ""
    mount = ContainerMount(
        mounts.inside(item.target),
        "other",
        None,
        truth(item.read_only, "read_only"),
        name=source,
        options=tuple(filter(None, (options.propagation, options.selinux))),
        sub_path=options.subpath or "",
    )
    if item.type == "bind":
        if not source:
            raise RefusedValueError("an entry of volumes with the type bind has no source")
        host = None if mounts.is_windows(source) else project.path(source)
        # compose-spec: the default is true; without the key "bind" the engine's old interface creates it as well.
        creates = options.create_host_path is None or truth(options.create_host_path, "create_host_path")
        return replace(mount, kind="bind", host=host, name="", created_by_engine=creates)
    if item.type == "volume":
        copied = ("nocopy",) if truth(options.nocopy, "nocopy") else ()
        mount = replace(mount, kind="volume", options=(*mount.options, *copied))
        return _named_volume(mount, project) if source else mount
    if item.type == "image":
        return replace(mount, kind="image", read_only=True)
    return replace(mount, kind="tmpfs" if item.type == "tmpfs" else "other")


def _named_volume(mount: ContainerMount, project: Project) -> ContainerMount:
    """Returns the mount of a named volume; if the volume is a directory of the host, that directory is its source."""
    key = mount.name
    volume = convert(project.defined("volumes", key), Volume, f"volumes.{for_message(key)}")
    options = {name: _text(value) for name, value in (volume.driver_opts or {}).items() if value is not None}
    flags, device = options.get("o", "").split(","), options.get("device", "")
    binds = "bind" in flags and device.startswith(("/", ".", "~"))
    external = volume.external
    if isinstance(external, dict):
        name = volume.name or str(external.get("name") or key)
    else:
        name = volume.name or (key if truth(external, "external") else f"{project.name}_{key}")
    return replace(
        mount,
        host=project.path(device) if binds else None,
        read_only=mount.read_only or "ro" in flags,
        name=name,
    )


def _file(item: str | FileEntry, kind: str, directory: str, project: Project) -> ContainerMount:
    entry, defined, target = _file_entry(item, kind, directory, project)
    host = project.path(defined.file) if defined.file else None
    return ContainerMount(target, "config", host, True, name=entry.source)


def _document_files(service: Service, project: Project) -> Iterator[DocumentFile]:
    """Yields the files of configs whose content is in the Compose file: Compose copies them into the container before
    its start (compose, injectConfigs)."""
    for item in service.configs:
        _, defined, target = _file_entry(item, "configs", "/", project)
        if defined.content is not None and not defined.file:
            size = len(defined.content.encode("utf-8", "surrogatepass"))
            yield document_file(target, size, defined.content)


def _file_entry(
    item: str | FileEntry, kind: str, directory: str, project: Project
) -> tuple[FileEntry, File, str]:
    """Returns an entry of a service's configs or secrets, its definition, and its path in the container."""
    entry = FileEntry(item) if isinstance(item, str) else item
    defined = convert(project.defined(kind, entry.source), File, f"{kind}.{for_message(entry.source)}")
    return entry, defined, mounts.inside(posixpath.join(directory, entry.target or entry.source))


# -- the environment -----------------------------------------------------------------------------------


def _environment(service: Service, project: Project) -> dict[str, str]:
    """Returns the variables: files first, then ``environment``."""
    known: dict[str, str] = {}
    files = [service.env_file] if isinstance(service.env_file, str) else service.env_file
    for item in files:
        known.update(_environment_file(EnvironmentFile(item) if isinstance(item, str) else item, project))
    for name, value in as_pairs(service.environment).items():
        if value is not None:
            known[name] = _text(value)
        elif name in project.variables:
            known[name] = project.variables[name]
        # A variable without any value is left out by Compose.
    return known


def _environment_file(item: EnvironmentFile, project: Project) -> dict[str, str]:
    text = project.read_file(project.path(item.path)) if item.path else None
    if text is None:
        if item.required is None or truth(item.required, "required"):
            project.not_known(
                "environment",
                f"The environment file {for_message(item.path)} was not read. If it does not exist, Docker Compose "
                "does not start the service.",
            )
        return {}
    if item.format == "raw":
        rows = (row for row in text.splitlines() if "=" in row and not row.lstrip().startswith("#"))
        return {name.lstrip(): value for name, _, value in (row.partition("=") for row in rows)}
    return read_env_file(text, project.variables, f"the environment file {for_message(item.path)}")


# -- other settings ------------------------------------------------------------------------------------


def _settings(service: Service) -> EngineSettings:
    """Returns the service's settings as options of ``docker run``. Raises RefusedValueError if they contradict each
    other."""
    check, devices = service.healthcheck, [_device(item) for item in service.devices]
    single = {
        "name": service.container_name,
        "user": service.user,
        "workdir": service.working_dir,
        "network": _network(service),
        "userns": service.userns_mode,
        "restart": _restart(service),
        "memory-swap": service.memswap_limit,
        "cpu-quota": service.cpu_quota,
        "cpu-period": service.cpu_period,
        "cpuset-cpus": service.cpuset,
        "shm-size": service.shm_size,
        "health-cmd": _health_test(service),
        "health-interval": check.interval,
        "health-timeout": check.timeout,
        "health-start-period": check.start_period,
        "health-retries": check.retries,
        **_deployed(service),
    }
    repeated = {
        "group-add": map(_text, service.group_add),
        "publish": map(_port, service.ports),
        "device": devices,
        "gpus": _device_requests(service),
        "cap-drop": service.cap_drop,
        "sysctl": (
            f"{name}={'' if value is None else _text(value)}"
            for name, value in as_pairs(service.sysctls).items()
        ),
        "security-opt": service.security_opt,
        "ulimit": (
            f"{name}={item.soft}:{item.hard}" if isinstance(item, Ulimit) else f"{name}={item}"
            for name, item in service.ulimits.items()
        ),
    }
    values = {option: [_text(value)] for option, value in single.items() if value is not None}
    switches = {
        "read-only": truth(service.read_only, "read_only"),
        "privileged": truth(service.privileged, "privileged"),
    }
    return EngineSettings({**values, **{option: list(texts) for option, texts in repeated.items()}}, switches)


def _deployed(service: Service) -> dict[str, Number | None]:
    """Returns the settings that ``deploy.resources`` has as well."""
    resources = service.deploy.resources or DeployResources()
    limits, reserved = resources.limits or Resources(), resources.reservations or Resources()
    pairs = {
        "memory": (service.mem_limit, limits.memory),
        "cpus": (service.cpus, limits.cpus),
        "pids-limit": (service.pids_limit, limits.pids),
        "memory-reservation": (service.mem_reservation, reserved.memory),
    }
    for option, (own, other) in pairs.items():
        if own and other and _text(own) != _text(other):
            raise RefusedValueError(f"the service and deploy.resources set different things for {option}")
    return {option: own or other for option, (own, other) in pairs.items()}


def _port(item: str | int | PortEntry) -> str:
    if not isinstance(item, PortEntry):
        return str(item)
    address = f"[{item.host_ip}]" if ":" in (item.host_ip or "") else item.host_ip or ""
    published = "" if item.published is None else item.published
    return f"{address}:{published}:{item.target}/{item.protocol or 'tcp'}"


def _network(service: Service) -> str:
    if service.network_mode and service.networks:
        raise RefusedValueError("network_mode and networks exclude each other")
    first = next(iter(service.networks), "")
    return service.network_mode or ("" if first == "default" else first)


def _device(item: str | DeviceEntry) -> str:
    if isinstance(item, str):
        return item
    return f"{item.source}:{item.target}" if item.target and item.target != item.source else item.source


def _device_requests(service: Service) -> list[str]:
    """Returns the devices that are requested by other names than paths."""
    reserved = (service.deploy.resources or DeployResources()).reservations or Resources()
    if isinstance(service.gpus, str):
        return [service.gpus, *map(_device_request, reserved.devices or ())]
    return [_device_request(item) for item in (*service.gpus, *(reserved.devices or ()))]


def _device_request(item: DeviceRequest) -> str:
    count = "all" if item.count is None else _text(item.count)
    parts = (
        f"driver={item.driver}" if item.driver else "",
        f"device={','.join(item.device_ids)}" if item.device_ids else f"count={count}",
        f"capabilities={','.join(item.capabilities)}" if item.capabilities else "",
    )
    return " ".join(filter(None, parts))


def _restart(service: Service) -> str:
    policy = service.deploy.restart_policy
    if policy is None:
        return "no" if service.restart is False else str(service.restart or "no")
    condition = _RESTARTS.get(policy.condition or "", policy.condition or "")
    return (
        f"{condition}:{policy.max_attempts}"
        if condition == "on-failure" and policy.max_attempts
        else condition
    )


def _health_test(service: Service) -> str | None:
    """Returns the command of the service's own health check; None if it is disabled."""
    test = service.healthcheck.test
    if not test or truth(service.healthcheck.disable, "disable"):
        return None
    if isinstance(test, str):
        return test
    if test[0] not in ("CMD", "CMD-SHELL", "NONE"):
        raise RefusedValueError("the healthcheck's test must begin with CMD, CMD-SHELL or NONE")
    return None if test[0] == "NONE" else " ".join(test)
