"""The keys of a Compose service that describe its container, with the types that Compose allows for them
(compose-spec.json). ``msgspec`` checks the types; keys for which Compose allows several forms keep them.

Each field has the name of its key in Compose. None, or an empty value, stands for a key that is missing.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec import Struct, field

from ovms_doctor.inputs.engine_values import RefusedValueError, for_message
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.similar import similar_names

#: A text, or a value that YAML reads from a text without quotes.
Scalar: TypeAlias = str | int | float | bool
Number: TypeAlias = str | int | float
#: A truth value, also one in quotes.
Truth: TypeAlias = bool | str

#: The keys that a service may have.
SERVICE_KEYS = frozenset(
    """annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs container_name
    cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec
    depends_on deploy develop device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint env_file
    environment expose extends external_links extra_hosts gpus group_add healthcheck hostname image init ipc
    isolation label_file labels links logging mac_address mem_limit mem_reservation mem_swappiness memswap_limit
    models network_mode networks oom_kill_disable oom_score_adj pid pids_limit platform ports post_start pre_start
    pre_stop privileged profiles provider pull_policy pull_refresh_after read_only restart runtime scale secrets
    security_opt shm_size stdin_open stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits
    use_api_socket user userns_mode uts volumes volumes_from working_dir""".split()
)
#: The keys that a file may have.
TOP_KEYS = frozenset("version name services networks volumes secrets configs include models".split())


class VolumeOptions(Struct, frozen=True):
    """The key named after a volume's type: ``bind``, ``volume``, ``tmpfs``, ``image``.

    * ``create_host_path``: whether a missing directory of the host is created, for ``bind``.
    * ``nocopy``: whether an empty volume does not get the files of the image, for ``volume``.
    * ``propagation``: how mounts below it reach the other side, for ``bind``.
    * ``selinux``: ``z`` or ``Z``, the SELinux label, for ``bind``.
    * ``subpath``: the directory of the volume or image that is mounted.
    """

    create_host_path: Truth | None = None
    nocopy: Truth | None = None
    propagation: str | None = None
    selinux: str | None = None
    subpath: str | None = None


class VolumeEntry(Struct, frozen=True):
    """An entry of ``volumes`` in the long form.

    * ``type``: ``bind``, ``volume``, ``tmpfs``, ``image``, ``npipe`` or ``cluster``.
    * ``target``: the path in the container.
    * ``source``: the path on the host, or the name of the volume or image.
    * ``read_only``: whether the container may not write.
    * ``bind``: the options for the type ``bind``.
    * ``volume``: the options for the type ``volume``.
    * ``image``: the options for the type ``image``.
    """

    type: str
    target: str = ""
    source: str | None = None
    read_only: Truth | None = None
    bind: VolumeOptions | None = None
    volume: VolumeOptions | None = None
    image: VolumeOptions | None = None


class FileEntry(Struct, frozen=True):
    """An entry of ``configs`` or ``secrets`` in the long form.

    * ``source``: the name of the top-level entry.
    * ``target``: the path in the container.
    """

    source: str
    target: str | None = None


class PortEntry(Struct, frozen=True):
    """An entry of ``ports`` in the long form.

    * ``target``: the port of the container.
    * ``published``: the port of the host, or a range of ports.
    * ``host_ip``: the address of the host that is bound.
    * ``protocol``: ``tcp`` or ``udp``.
    """

    target: str | int
    published: str | int | None = None
    host_ip: str | None = None
    protocol: str | None = None


class EnvironmentFile(Struct, frozen=True):
    """An entry of ``env_file`` in the long form.

    * ``path``: the path of the file.
    * ``required``: whether it must exist.
    * ``format``: ``raw``: without quotes and interpolation.
    """

    path: str
    required: Truth | None = None
    format: str | None = None


class DeviceEntry(Struct, frozen=True):
    """An entry of ``devices`` in the long form.

    * ``source``: the device on the host, or the name of a CDI device.
    * ``target``: the path in the container.
    """

    source: str
    target: str | None = None


class DeviceRequest(Struct, frozen=True):
    """An entry of ``gpus`` or of ``deploy.resources.reservations.devices``.

    * ``driver``: the driver, such as ``nvidia`` or ``cdi``.
    * ``count``: the number of devices, or ``all``.
    * ``device_ids``: the ids of the devices.
    * ``capabilities``: what the devices must offer, such as ``gpu``.
    """

    driver: str | None = None
    count: Number | None = None
    device_ids: list[str] | None = None
    capabilities: list[str] | None = None


class Resources(Struct, frozen=True):
    """``deploy.resources.limits`` or ``reservations``.

    * ``cpus``: the number of processors.
    * ``memory``: the size of the memory, with its unit.
    * ``pids``: the number of processes.
    * ``devices``: the reserved devices.
    """

    cpus: Number | None = None
    memory: Number | None = None
    pids: str | int | None = None
    devices: list[DeviceRequest] | None = None


class DeployResources(Struct, frozen=True):
    """``deploy.resources``.

    * ``limits``: what the container may use.
    * ``reservations``: what the container is guaranteed.
    """

    limits: Resources | None = None
    reservations: Resources | None = None


class RestartPolicy(Struct, frozen=True):
    """``deploy.restart_policy``.

    * ``condition``: ``none``, ``on-failure`` or ``any``.
    * ``max_attempts``: the number of attempts.
    """

    condition: str | None = None
    max_attempts: str | int | None = None


class Deploy(Struct, frozen=True):
    """``deploy``.

    * ``resources``: limits and reservations.
    * ``restart_policy``: when the container is started again.
    """

    resources: DeployResources | None = None
    restart_policy: RestartPolicy | None = None


class HealthCheck(Struct, frozen=True):
    """``healthcheck``.

    * ``test``: the command, or ``NONE``, ``CMD`` or ``CMD-SHELL`` and the command.
    * ``disable``: whether the health check of the image is not used either.
    * ``interval``: the time between two runs, such as ``1m30s``.
    * ``timeout``: the time limit of one run.
    * ``start_period``: the time after the start in which failed runs do not count.
    * ``retries``: the number of failed runs after which the container is unhealthy.
    """

    test: str | list[str] | None = None
    disable: Truth | None = None
    interval: str | None = None
    timeout: str | None = None
    start_period: str | None = None
    retries: Number | None = None


class Ulimit(Struct, frozen=True):
    """An entry of ``ulimits`` with both limits.

    * ``soft``: the limit that applies.
    * ``hard``: the highest value to which the process may raise it.
    """

    soft: str | int
    hard: str | int


class Service(Struct, frozen=True):
    """A service of a Compose file, with all that it refers to.

    * ``image``: the name of the image.
    * ``build``: how the image is built.
    * ``entrypoint``: replaces the entrypoint of the image.
    * ``command``: replaces the command of the image: the arguments.
    * ``working_dir``: the working directory.
    * ``container_name``: the name of the container.
    * ``user``: the user, with or without a group.
    * ``group_add``: further groups, by name or id.
    * ``volumes``: the mounts, in the short or the long form.
    * ``volumes_from``: services or containers whose mounts are taken over.
    * ``tmpfs``: paths of file systems in memory.
    * ``configs``: the mounted configs.
    * ``secrets``: the mounted secrets.
    * ``ports``: the published ports.
    * ``network_mode``: ``host``, ``none``, or the service or container whose network is shared.
    * ``networks``: the networks, by name.
    * ``environment``: the variables; None for the value of the process that runs Compose.
    * ``env_file``: files with variables.
    * ``mem_limit``: the limit of the memory.
    * ``memswap_limit``: the limit of memory and swap together.
    * ``mem_reservation``: the guaranteed memory.
    * ``cpus``: the number of processors.
    * ``cpu_quota``: microseconds of processor time in each period.
    * ``cpu_period``: microseconds of a period.
    * ``cpuset``: the processors that may be used, such as ``0-3``.
    * ``pids_limit``: the number of processes.
    * ``shm_size``: the size of /dev/shm.
    * ``ulimits``: limits of the processes, by name.
    * ``deploy``: resources and the restart policy.
    * ``devices``: devices of the host.
    * ``gpus``: the GPUs: ``all``, or requests.
    * ``restart``: ``no``, ``always``, ``on-failure`` with or without a number, or ``unless-stopped``.
    * ``healthcheck``: the health check.
    * ``read_only``: whether the root file system is read-only.
    * ``privileged``: whether the container has all rights.
    * ``cap_drop``: capabilities that the container does not get.
    * ``sysctls``: kernel parameters of the container.
    * ``security_opt``: options of SELinux, AppArmor and seccomp.
    * ``userns_mode``: the user namespace: ``host``.
    * ``profiles``: the profiles in which the service is enabled; empty for all.
    """

    image: str | None = None
    build: str | dict[str, Any] | None = None
    entrypoint: str | list[str] | None = None
    command: str | list[str] | None = None
    working_dir: str | None = None
    container_name: str | None = None
    user: str | None = None
    group_add: list[str | int | float] = field(default_factory=list)
    volumes: list[str | VolumeEntry] = field(default_factory=list)
    volumes_from: list[str] = field(default_factory=list)
    tmpfs: str | list[str] = field(default_factory=list)
    configs: list[str | FileEntry] = field(default_factory=list)
    secrets: list[str | FileEntry] = field(default_factory=list)
    ports: list[str | int | PortEntry] = field(default_factory=list)
    network_mode: str | None = None
    networks: list[str] | dict[str, Any] = field(default_factory=list)
    environment: dict[str, Scalar | None] | list[str] = field(default_factory=list)
    env_file: str | list[str | EnvironmentFile] = field(default_factory=list)
    mem_limit: Number | None = None
    memswap_limit: Number | None = None
    mem_reservation: Number | None = None
    cpus: Number | None = None
    cpu_quota: Number | None = None
    cpu_period: Number | None = None
    cpuset: str | None = None
    pids_limit: Number | None = None
    shm_size: Number | None = None
    ulimits: dict[str, str | int | Ulimit] = field(default_factory=dict)
    deploy: Deploy = Deploy()
    devices: list[str | DeviceEntry] = field(default_factory=list)
    gpus: str | list[DeviceRequest] = field(default_factory=list)
    restart: str | bool | None = None
    healthcheck: HealthCheck = HealthCheck()
    read_only: Truth | None = None
    privileged: Truth | None = None
    cap_drop: list[str] = field(default_factory=list)
    sysctls: dict[str, Scalar | None] | list[str] = field(default_factory=list)
    security_opt: list[str] = field(default_factory=list)
    userns_mode: str | None = None
    profiles: list[str] = field(default_factory=list)


class Volume(Struct, frozen=True):
    """An entry of the top-level ``volumes``.

    * ``name``: the name of the volume in the engine.
    * ``external``: whether it is created outside of Compose; in the old form its name.
    * ``driver_opts``: options of the driver.
    """

    name: str | None = None
    external: Truth | dict[str, Any] | None = None
    driver_opts: dict[str, Scalar | None] | None = None


class File(Struct, frozen=True):
    """An entry of the top-level ``configs`` or ``secrets``.

    * ``file``: the path of the file with the content.
    * ``content``: the content itself, of a config.
    """

    file: str | None = None
    content: str | None = None


_Type = TypeVar("_Type")
_MISMATCH = lazy_pattern(
    r"Expected `(?P<expected>[^`]*)`, got `(?P<found>\w+)`(?: - at `\$\.?(?P<path>[^`]*)`)?"
)
_KINDS = {"array": "a list", "object": "a mapping", "str": "a text", "int": "a number", "float": "a number",
    "bool": "a truth value", "null": "nothing"}  # fmt: skip


def convert(value: Any, kind: type[_Type], path: str) -> _Type:
    """Returns ``value`` as ``kind``. Raises RefusedValueError if Compose does not allow this type there. A key
    without a value counts as missing."""
    if isinstance(value, dict):
        value = {key: item for key, item in value.items() if item is not None}
    try:
        return msgspec.convert({} if value is None else value, kind)
    except msgspec.ValidationError as error:
        raise RefusedValueError(_mismatch(str(error), path)) from None


def _mismatch(message: str, path: str) -> str:
    match = _MISMATCH.match(message)
    if match is None:
        return f"{path}: {message.partition(' - at ')[0].lower()}"
    names = dict.fromkeys(_KINDS.get(name, name) for name in match["expected"].split(" | ") if name != "null")
    full = ".".join(filter(None, [path, match["path"]])).replace("[...]", "")
    hint = ": put it in quotes" if "a text" in names and match["found"] in ("int", "float", "bool") else ""
    return f"{full} must be {' or '.join(names)}, and is {_KINDS.get(match['found'], match['found'])}{hint}"


def check_keys(known: frozenset[str], mapping: dict[str, Any], path: str) -> None:
    """Raises RefusedValueError for a key that the schema does not have; keys that begin with ``x-`` are allowed."""
    for name in mapping:
        if name not in known and not name.startswith("x-"):
            word = re.fullmatch(r"[\w-]{1,40}", name)
            similar = similar_names(name, known, 1, 0.7) if word else []
            hint = f" (did you mean {similar[0]}?)" if similar else ""
            raise RefusedValueError(f'{path} has no "{for_message(name)}"{hint}')


def truth(value: Truth | None, path: str) -> bool:
    """Returns a truth value, also one in quotes (compose-go, toBoolean)."""
    text = str(value or False).lower()
    if text not in ("true", "t", "y", "yes", "on", "1", "false", "f", "n", "no", "off", "0"):
        raise RefusedValueError(f"{path} must be true or false")
    return text in ("true", "t", "y", "yes", "on", "1")
