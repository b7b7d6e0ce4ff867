"""A container as one source describes it: the engine, a saved document, a run line, a compose file, a manifest.

Data only, without secrets: of a variable's value only the part that the rules need is kept (``Variable``), and the
arguments went through ``redact_arguments``. Paths that begin with ``/`` are the container's unless a field says
otherwise. ``None`` means that the source does not have the value, an empty tuple that there is none.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct, field

from ovms_doctor.model.environment import Variable

#: The source of the container; remedies have the same form.
Source: TypeAlias = Literal["docker", "inspect", "docker-run", "compose", "kubernetes"]
#: Empty for any other engine (nerdctl).
Engine: TypeAlias = Literal["docker", "podman", "kubernetes", ""]
#: ``bind``: a path of the host; ``volume``: a named or anonymous volume; ``tmpfs``: memory, empty at start;
#: ``config``: a config map or secret; ``claim``: a persistent volume claim; ``image``: an image's files.
MountKind: TypeAlias = Literal["bind", "volume", "tmpfs", "config", "claim", "image", "other"]


class ContainerMount(Struct, frozen=True, omit_defaults=True):
    """One mount of a container."""

    #: Absolute path in the container.
    server: str
    #: The kind of the mounted source.
    kind: MountKind
    #: Path on the engine's host; None if there is none or it is unknown.
    host: str | None = None
    #: Whether the server can only read there.
    read_only: bool = False
    #: Name of the volume, claim, config map or secret; empty if it has none.
    name: str = ""
    #: Further mount options as written, such as ``z``, ``Z``, ``nocopy``, ``rslave``.
    options: tuple[str, ...] = ()
    #: Whether the engine creates a missing host path as an empty directory of root (``-v``); else it refuses
    #: (``--mount``).
    created_by_engine: bool = False
    #: Mounted path below the volume (Kubernetes' subPath, a volume's subpath); empty for all of it.
    sub_path: str = ""
    #: The key that the volume names and that its config map or secret in the same document does not have; empty for
    #: none.
    missing_key: str = ""


class DocumentFile(Struct, frozen=True, dict=True):
    """A file or directory that the source itself contains: a config map or secret in the same manifest as the
    workload that mounts it."""

    #: Absolute path in the container.
    server: str
    #: Whether it is a directory.
    directory: bool = False
    #: Bytes of the content.
    size: int = 0
    #: The reason why the content is unknown, if it is not a secret.
    unavailable: str = ""

    @property
    def content(self) -> str | None:
        """Returns the content, while this process runs; None for a secret's, and if the file was read back from
        recorded facts. It is not a field: code that writes, shows or compares a container never has it."""
        content: str | None = self.__dict__.get("text")
        return content


def document_file(server: str, size: int, content: str | None, unavailable: str = "") -> DocumentFile:
    """Returns a file of the document with its content, None if that must not be kept or, for the reason
    ``unavailable``, is unknown."""
    file = DocumentFile(server, size=size, unavailable=unavailable)
    file.__dict__["text"] = content
    return file


class PublishedPort(Struct, frozen=True, omit_defaults=True):
    """A port of the container that can be reached from outside."""

    #: Port in the container.
    container: int
    #: Port on the host; None if the engine chooses one.
    host: int | None = None
    #: Address on the host, or name of the Kubernetes service; empty for every address.
    address: str = ""
    #: ``tcp``, ``udp`` or ``sctp``.
    protocol: str = "tcp"


class ContainerLimits(Struct, frozen=True, omit_defaults=True):
    """Resource limits; None means no limit, or an unknown one (see ``complete``)."""

    #: Bytes of memory.
    memory: int | None = None
    #: Bytes of memory and swap together.
    memory_swap: int | None = None
    #: Reserved or requested bytes.
    memory_request: int | None = None
    #: Share of processor time, in processors.
    cpus: float | None = None
    #: List of processors as written (``0-3,8``); empty for all.
    cpuset: str = ""
    #: Number of processes and threads.
    pids: int | None = None
    #: Number of open files, the soft limit.
    open_files: int | None = None
    #: Bytes of /dev/shm.
    shared_memory: int | None = None
    #: Whether the source would show a limit if there were one.
    complete: bool = field(default=True, name="known")


class Probe(Struct, frozen=True, omit_defaults=True):
    """A Kubernetes probe or an engine's health check. Times are in seconds."""

    #: Which probe; ``health`` is the engine's health check.
    kind: Literal["startup", "readiness", "liveness", "health"]
    #: The method of the probe.
    method: Literal["http", "tcp", "grpc", "exec"]
    #: The probed port; None if it is unknown.
    port: int | None = None
    #: Path of an HTTP probe.
    path: str = ""
    #: Time before the first probe.
    initial_delay: float = 0
    #: Time between two probes.
    period: float = 10
    #: Consecutive failures after which the probe counts as failed.
    failures: int = 3
    #: Time after which one probe counts as failed.
    timeout: float = 1
    #: ``HTTP`` or ``HTTPS``.
    scheme: str = "HTTP"


class ContainerState(Struct, frozen=True, omit_defaults=True):
    """Whether the container runs, and how it ended. Times as the source writes them (RFC 3339), empty for an event
    that never happened."""

    #: The engine's status (created, running, restarting, exited, dead, paused; Kubernetes: waiting, running,
    #: terminated).
    status: str
    #: Exit code of the end; None while it runs.
    exit_code: int | None = None
    #: Whether the engine reports that the kernel killed it for lack of memory.
    oom_killed: bool | None = None
    #: Kubernetes' reason (OOMKilled, CrashLoopBackOff, Evicted).
    reason: str = ""
    #: The engine's message (Docker's State.Error), redacted.
    message: str = ""
    #: Start of the first process.
    started_at: str = ""
    #: End of the first process.
    finished_at: str = ""
    #: How often the engine restarted it.
    restarts: int = 0
    #: Process id of the first process on the engine's host; 0 if it does not run.
    pid: int = 0
    #: Result of the engine's health check.
    health: str = ""
    #: Exit code of the run before this one.
    last_exit_code: int | None = None
    #: Reason of the end of the run before this one.
    last_reason: str = ""
    #: End of the run before this one.
    last_finished_at: str = ""


class IdRange(Struct, frozen=True, omit_defaults=True):
    """A range of ids in a user namespace's map."""

    #: First id in the container.
    inside: int
    #: The same id on the host.
    outside: int
    #: Number of ids.
    count: int


class KernelKill(Struct, frozen=True, omit_defaults=True):
    """A process that the kernel killed because memory ran out, from the kernel's log."""

    #: Process id on the host.
    pid: int
    #: Name of the process.
    process: str
    #: ``memcg``: the limit of a control group; ``host``: no memory left on the host.
    constraint: Literal["memcg", "host"]
    #: Time as the log writes it, or seconds since the kernel's start.
    at: str = ""
    #: Control group of the process.
    cgroup: str = ""
    #: Control group whose limit was reached.
    limit_cgroup: str = ""
    #: Anonymous memory of the process in bytes.
    rss: int | None = None
    #: The line of the log.
    line: str = ""
    #: The evidence that it was this container's process: ``cgroup`` certain, ``pid`` or ``time`` likely, empty none.
    matched: Literal["", "cgroup", "pid", "time"] = ""


class Container(Struct, frozen=True, omit_defaults=True):
    """All data of a source on a container that runs, ran or will run OVMS."""

    #: Kind of the source.
    source: Source
    #: The container, file or command that the user named.
    source_name: str = field(name="place")
    #: Name of the container, of the service or of the container in its pod.
    name: str = ""
    #: Id of the container; of a pod without one the pod's uid.
    id: str = ""
    #: Engine that runs it.
    engine: Engine = ""
    #: Whether that engine is on another host: the paths and devices are that host's.
    elsewhere: bool = False
    #: Name of the image as written; empty if it is unknown.
    image: str = ""
    #: Labels of the image that are about OVMS.
    labels: tuple[tuple[str, str], ...] = ()
    #: Release of OVMS; None if neither log, label nor tag names it.
    release: str | None = None
    #: The source of the release among these.
    release_from: str = ""
    #: The arguments before the server's own (entrypoint, wrapper), redacted.
    program: tuple[str, ...] = ()
    #: The server's own arguments, redacted; None if they are unknown, empty if there are none.
    arguments: tuple[str, ...] | None = field(default=None, name="words")
    #: Why the arguments are unknown, as a sentence; empty if they are known.
    arguments_unavailable: str = field(default="", name="words_unknown")
    #: User as written (``5000``, ``ovms``, ``1000:0``); empty for the image's own.
    user: str = ""
    #: Added groups, names or numbers.
    groups: tuple[str, ...] = ()
    #: Working directory; empty for the image's own.
    working_directory: str = ""
    #: Mounts in the order of the source.
    mounts: tuple[ContainerMount, ...] = ()
    #: Files in the source itself, with the mounted directories.
    files: tuple[DocumentFile, ...] = ()
    #: Ports that can be reached from outside.
    ports: tuple[PublishedPort, ...] = ()
    #: Network as written (``host``, ``none``, a name); empty for the engine's default.
    network: str = ""
    #: Variables that OVMS reads.
    environment: tuple[Variable, ...] = ()
    #: Names of all variables.
    environment_names: tuple[str, ...] = ()
    #: Resource limits.
    limits: ContainerLimits = ContainerLimits()
    #: Device nodes, by their paths in the container.
    devices: tuple[str, ...] = ()
    #: The paths of the host at which the engine looks for them; empty if the source does not name them.
    device_sources: tuple[str, ...] = ()
    #: Devices requested by other names (``--gpus``, CDI, Kubernetes resources).
    device_requests: tuple[str, ...] = ()
    #: Restart policy as the engine writes it (``no``, ``on-failure:3``, ``Always``).
    restart: str = ""
    #: Probes and the health check.
    probes: tuple[Probe, ...] = ()
    #: Whether the root file system is read-only.
    read_only_root: bool = False
    #: Whether it runs privileged.
    privileged: bool = False
    #: Dropped capabilities, without ``CAP_``.
    capabilities_dropped: tuple[str, ...] = ()
    #: The first port that needs no capability, if the container sets one (net.ipv4.ip_unprivileged_port_start).
    first_open_port: int | None = None
    #: Security options as written.
    security: tuple[str, ...] = ()
    #: Kubernetes' fsGroup.
    fs_group: int | None = None
    #: Whether ids in the container differ on the host, and why.
    user_namespace: Literal["", "rootless", "remapped"] = field(default="", name="namespaced")
    #: Map of the user namespace; empty if there is none or it is unknown.
    id_map: tuple[IdRange, ...] = ()
    #: Whether it runs, and how it ended; None if the source has no state.
    state: ContainerState | None = None
    #: Directories on the engine's host that contain the container's files, topmost first.
    layers: tuple[str, ...] = ()
    #: Directory on the engine's host with the merged layers; empty if it is not mounted or not reachable.
    merged_directory: str = field(default="", name="merged")
    #: First and last lines of its output.
    log: tuple[str, ...] = ()
    #: The kernel's kills because memory ran out that match it.
    oom_kills: tuple[KernelKill, ...] = field(default=(), name="kills")
    #: What is missing or wrong in the source, one sentence each.
    problems: tuple[str, ...] = ()
    #: Other containers of the same pod or project.
    siblings: tuple[str, ...] = ()
    #: Fields of this type that the source does not have, or has only in part; their values are the known part.
    unknown_fields: tuple[str, ...] = ()

    def holds(self, host: str) -> bool:
        """Whether a path of the engine's host is in the container's own file system."""
        directories = (path.rstrip("/") for path in (self.merged_directory, *self.layers) if path)
        return any(host == path or host.startswith(path + "/") for path in directories)

    @property
    def has_own_addresses(self) -> bool:
        """Whether no other container listens on the container's addresses: the containers of a pod share them."""
        if self.source == "kubernetes":
            return not self.siblings and self.network != "host"
        return not self.network.startswith(("host", "none", "container:", "service:", "ns:", "pod:"))


def engine_program(engine: Engine) -> str:
    """Returns the command-line program of the engine: docker if the engine is not known."""
    return {"kubernetes": "kubectl"}.get(engine, engine) or "docker"


def state_source(container: Container | None) -> str:
    """Returns what shows the start and the end of the container: the pod's status, or the engine's inspect."""
    if container is not None and container.source == "kubernetes":
        return "the pod's status"
    return f"{'docker' if container is None else engine_program(container.engine)} inspect"
