"""A container as one of its sources tells of it: the engine, a saved document, a run line, a manifest.

Data only, without secrets: of a variable's value only what rules need is kept (``Variable``), and the words of the
command line went through ``redact_words``. Paths that begin with ``/`` are the container's unless said otherwise.
``None`` means that the source does not tell, an empty tuple that there is none.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.environment import Variable

#: Where it was read from; remedies are given in this form.
Source: TypeAlias = Literal["docker", "inspect", "docker-run", "compose", "kubernetes"]
Engine: TypeAlias = Literal["docker", "podman", "kubernetes", ""]
#: ``bind``: a path of the host; ``volume``: a named or anonymous volume; ``tmpfs``: memory, empty at start;
#: ``config``: a config map or secret; ``claim``: a persistent volume claim; ``image``: an image's files.
MountKind: TypeAlias = Literal["bind", "volume", "tmpfs", "config", "claim", "image", "other"]


class ContainerMount(Struct, frozen=True):
    """Something mounted at ``server`` (absolute). ``host``: the path on the engine's host, None where it is not
    known or there is none. ``name``: of the volume, claim, config map. ``options``: what else was said, such
    as ``z``, ``Z``, ``nocopy``, ``rslave``. ``created_by_engine``: with ``-v`` a missing host path is made, as an
    empty directory of root's; with ``--mount type=bind`` it is an error. ``sub_path``: Kubernetes' subPath."""

    server: str
    kind: MountKind
    host: str | None = None
    read_only: bool = False
    name: str = ""
    options: tuple[str, ...] = ()
    created_by_engine: bool = False
    sub_path: str = ""


class PublishedPort(Struct, frozen=True):
    """A port of the container that is reached from outside: ``host`` None where the engine chooses one."""

    container: int
    host: int | None = None
    address: str = ""
    protocol: str = "tcp"


class ContainerLimits(Struct, frozen=True):
    """Bytes, processors, counts; None: no limit, or not known. ``cpus``: the quota; ``cpuset``: the list as it was
    written, empty for none. ``known``: the source would have told a limit if there were one."""

    memory: int | None = None
    memory_swap: int | None = None
    memory_request: int | None = None
    cpus: float | None = None
    cpuset: str = ""
    pids: int | None = None
    open_files: int | None = None
    shared_memory: int | None = None
    known: bool = True


class Probe(Struct, frozen=True):
    """A Kubernetes probe or a health check. Times in seconds. ``port`` None where it is not a number that can be
    told; ``path`` for http only."""

    kind: Literal["startup", "readiness", "liveness", "health"]
    method: Literal["http", "tcp", "grpc", "exec"]
    port: int | None = None
    path: str = ""
    initial_delay: float = 0
    period: float = 10
    failures: int = 3
    timeout: float = 1
    scheme: str = "HTTP"


class ContainerState(Struct, frozen=True):
    """How it is, or how it ended. ``status``: the engine's word (created, running, restarting, exited, dead, paused;
    Kubernetes: waiting, running, terminated). ``reason``, ``message``: the engine's own words (Docker's
    State.Error; Kubernetes' reason such as OOMKilled, CrashLoopBackOff, Evicted). ``last_*``: the end before this
    one (Kubernetes' lastState). Times as the source writes them (RFC 3339), empty where it never happened.
    ``pid``: of the first process, on the engine's host, 0 where it is not running."""

    status: str
    exit_code: int | None = None
    oom_killed: bool | None = None
    reason: str = ""
    message: str = ""
    started_at: str = ""
    finished_at: str = ""
    restarts: int = 0
    pid: int = 0
    health: str = ""
    last_exit_code: int | None = None
    last_reason: str = ""
    last_finished_at: str = ""


class IdRange(Struct, frozen=True):
    """Ids of a user namespace: ``inside`` … ``inside + count - 1`` are ``outside`` … on the host."""

    inside: int
    outside: int
    count: int


class KernelKill(Struct, frozen=True):
    """A process that the kernel killed for want of memory, as its log tells. ``at``: seconds since start-up, or the
    time as the log writes it. ``cgroup``: of the task or of the limit that was met; ``rss``: bytes, anonymous;
    ``constraint``: ``memcg`` (a cgroup's limit) or ``host`` (no memory left on the host). ``matched``: how it is known
    to be a container's, empty where that is not known: by its ``cgroup``, surely; by ``pid`` or ``time``, likely."""

    pid: int
    process: str
    constraint: Literal["memcg", "host"]
    at: str = ""
    cgroup: str = ""
    limit_cgroup: str = ""
    rss: int | None = None
    line: str = ""
    matched: Literal["", "cgroup", "pid", "time"] = ""


class Container(Struct, frozen=True):
    """All that a source tells of a container that runs, ran or is to run OVMS.

    ``place``: what was named (container's name, file). ``words``: the server's own arguments, None where they
    cannot be told, with ``words_unknown`` the reason. ``program``: the words before them (entrypoint, wrapper).
    ``words`` may be empty: the server was given none. ``user`` as written (``""``: the image's own; ``5000``, ``ovms``,
    ``1000:0``). ``groups``: those that were added. ``environment_names``: names of all variables, values left out.
    ``release``: as the image, a label or the log tells, None where nothing does; ``release_from`` which of them.
    ``labels``: only those that tell of OVMS. ``devices``: device paths inside. ``id_map``: of the user
    namespace, empty where there is none or it is not known; ``namespaced``: ``rootless``, ``remapped`` or empty.
    ``layers``: directories of the engine's host that hold the container's files, topmost first; ``merged`` the
    directory where they appear as one, empty where it is not mounted or not reachable. ``log``: the first and last
    lines of its output. ``kills``: OOM kills of the kernel's log that match it. ``problems``: what the source
    could not tell, one sentence each. ``siblings``: other containers of the same pod or project.
    ``unknown_fields``: names of fields of which the source tells nothing, or not all (``mounts``: one may be missing
    or its host path be None); their values are what is known.
    """

    source: Source
    place: str
    name: str = ""
    id: str = ""
    engine: Engine = ""
    engine_version: str = ""
    image: str = ""
    image_created: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    release: str | None = None
    release_from: str = ""
    program: tuple[str, ...] = ()
    words: tuple[str, ...] | None = None
    words_unknown: str = ""
    user: str = ""
    groups: tuple[str, ...] = ()
    working_directory: str = ""
    mounts: tuple[ContainerMount, ...] = ()
    ports: tuple[PublishedPort, ...] = ()
    network: str = ""
    environment: tuple[Variable, ...] = ()
    environment_names: tuple[str, ...] = ()
    limits: ContainerLimits = ContainerLimits()
    devices: tuple[str, ...] = ()
    device_requests: tuple[str, ...] = ()
    restart: str = ""
    probes: tuple[Probe, ...] = ()
    read_only_root: bool = False
    privileged: bool = False
    capabilities_dropped: tuple[str, ...] = ()
    security: tuple[str, ...] = ()
    fs_group: int | None = None
    namespaced: Literal["", "rootless", "remapped"] = ""
    id_map: tuple[IdRange, ...] = ()
    state: ContainerState | None = None
    layers: tuple[str, ...] = ()
    merged: str = ""
    log: tuple[str, ...] = ()
    kills: tuple[KernelKill, ...] = ()
    problems: tuple[str, ...] = ()
    siblings: tuple[str, ...] = ()
    unknown_fields: tuple[str, ...] = ()

    def holds(self, host: str) -> bool:
        """Whether a path of the engine's host lies in the container's own file system."""
        places = (place.rstrip("/") for place in (self.merged, *self.layers) if place)
        return any(host == place or host.startswith(place + "/") for place in places)
