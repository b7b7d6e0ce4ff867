"""A container as one source describes it: the engine, a saved document, a run line, a compose file, a manifest.

Data only, without secrets: of a variable's value only what the rules need is kept (``Variable``), and the arguments
went through ``redact_words``. Paths that begin with ``/`` are the container's unless a field says otherwise. ``None``
means that the source does not have the value, an empty tuple that there is none.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct, field

from ovms_doctor.model.environment import Variable

#: What the container was read from; remedies are given in this form.
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
    #: What is mounted.
    kind: MountKind
    #: Path on the engine's host; None where there is none or it is not known.
    host: str | None = None
    #: Whether the server can only read there.
    read_only: bool = False
    #: Name of the volume, claim, config map or secret; empty where it has none.
    name: str = ""
    #: Further mount options as written, such as ``z``, ``Z``, ``nocopy``, ``rslave``.
    options: tuple[str, ...] = ()
    #: The engine creates a missing host path as an empty directory of root's (``-v``); else it refuses (``--mount``).
    created_by_engine: bool = False
    #: Path below the volume that is mounted (Kubernetes' subPath, a volume's subpath); empty for all of it.
    sub_path: str = ""
    #: The key that the volume names and its config map or secret in the same document does not have; empty for none.
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
    #: The reason why the content is not known, if it is not a secret.
    unavailable: str = ""

    @property
    def content(self) -> str | None:
        """The content, while this process runs; None for a secret's, and where the file was read back from recorded
        facts. It is no field: what writes, shows or compares a container never has it."""
        content: str | None = self.__dict__.get("text")
        return content


def document_file(server: str, size: int, content: str | None, unavailable: str = "") -> DocumentFile:
    """A file of the document with its content, None where that is not to be kept or, for the reason ``unavailable``,
    not known."""
    file = DocumentFile(server, size=size, unavailable=unavailable)
    file.__dict__["text"] = content
    return file


class PublishedPort(Struct, frozen=True, omit_defaults=True):
    """A port of the container that can be reached from outside."""

    #: Port in the container.
    container: int
    #: Port on the host; None where the engine chooses one.
    host: int | None = None
    #: Address on the host, or name of the Kubernetes service; empty for every address.
    address: str = ""
    #: ``tcp``, ``udp`` or ``sctp``.
    protocol: str = "tcp"


class ContainerLimits(Struct, frozen=True, omit_defaults=True):
    """Resource limits; None means no limit, or one that is not known (see ``complete``)."""

    #: Bytes of memory.
    memory: int | None = None
    #: Bytes of memory and swap together.
    memory_swap: int | None = None
    #: Bytes that are reserved or requested.
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
    #: How the server is probed.
    method: Literal["http", "tcp", "grpc", "exec"]
    #: Port that is probed; None where it is not known.
    port: int | None = None
    #: Path of an HTTP probe.
    path: str = ""
    #: Time before the first probe.
    initial_delay: float = 0
    #: Time between two probes.
    period: float = 10
    #: Failures in a row after which the probe counts as failed.
    failures: int = 3
    #: Time after which one probe counts as failed.
    timeout: float = 1
    #: ``HTTP`` or ``HTTPS``.
    scheme: str = "HTTP"


class ContainerState(Struct, frozen=True, omit_defaults=True):
    """Whether the container runs, and how it ended. Times as the source writes them (RFC 3339), empty where it never
    happened."""

    #: The engine's word (created, running, restarting, exited, dead, paused; Kubernetes: waiting, running, terminated).
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
    #: Process id of the first process on the engine's host; 0 where it does not run.
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
    #: The id on the host that it is.
    outside: int
    #: Number of ids.
    count: int


class KernelKill(Struct, frozen=True, omit_defaults=True):
    """A process that the kernel killed for lack of memory, from the kernel's log."""

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
    #: How the kill is known to be this container's: ``cgroup`` certainly, ``pid`` or ``time`` likely, empty not at all.
    matched: Literal["", "cgroup", "pid", "time"] = ""


class Container(Struct, frozen=True, omit_defaults=True):
    """All data of a source on a container that runs, ran or will run OVMS."""

    #: Kind of the source.
    source: Source
    #: What the user named: the container, the file, the command.
    source_name: str = field(name="place")
    #: Name of the container, of the service or of the container in its pod.
    name: str = ""
    #: Id of the container; of a pod without one the pod's uid.
    id: str = ""
    #: Engine that runs it.
    engine: Engine = ""
    #: Whether that engine is another host's: the paths and devices are its own.
    elsewhere: bool = False
    #: Name of the image as written; empty where it is not known.
    image: str = ""
    #: Labels of the image that are about OVMS.
    labels: tuple[tuple[str, str], ...] = ()
    #: Release of OVMS; None where neither log, label nor tag names it.
    release: str | None = None
    #: Which of them names the release.
    release_from: str = ""
    #: The words before the server's own arguments (entrypoint, wrapper), redacted.
    program: tuple[str, ...] = ()
    #: The server's own arguments, redacted; None where they are not known, empty where there are none.
    arguments: tuple[str, ...] | None = field(default=None, name="words")
    #: Why the arguments are not known, as a sentence; empty where they are.
    arguments_unavailable: str = field(default="", name="words_unknown")
    #: User as written (``5000``, ``ovms``, ``1000:0``); empty for the image's own.
    user: str = ""
    #: Groups that were added, names or numbers.
    groups: tuple[str, ...] = ()
    #: Working directory; empty for the image's own.
    working_directory: str = ""
    #: Mounts in the order of the source.
    mounts: tuple[ContainerMount, ...] = ()
    #: Files that the source itself holds, with the directories that are mounted.
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
    #: The paths of the host at which the engine looks for them; empty where the source does not name them.
    device_sources: tuple[str, ...] = ()
    #: Devices that were requested by other names (``--gpus``, CDI, Kubernetes resources).
    device_requests: tuple[str, ...] = ()
    #: Restart policy as the engine writes it (``no``, ``on-failure:3``, ``Always``).
    restart: str = ""
    #: Probes and the health check.
    probes: tuple[Probe, ...] = ()
    #: Whether the root file system is read-only.
    read_only_root: bool = False
    #: Whether it runs privileged.
    privileged: bool = False
    #: Capabilities that were dropped, without ``CAP_``.
    capabilities_dropped: tuple[str, ...] = ()
    #: The first port that needs no capability, where the container is given one (net.ipv4.ip_unprivileged_port_start).
    first_open_port: int | None = None
    #: Security options as written.
    security: tuple[str, ...] = ()
    #: Kubernetes' fsGroup.
    fs_group: int | None = None
    #: Whether ids in the container are others on the host, and by what.
    user_namespace: Literal["", "rootless", "remapped"] = field(default="", name="namespaced")
    #: Map of the user namespace; empty where there is none or it is not known.
    id_map: tuple[IdRange, ...] = ()
    #: Whether it runs, and how it ended; None where the source has no state.
    state: ContainerState | None = None
    #: Directories on the engine's host that hold the container's files, topmost first.
    layers: tuple[str, ...] = ()
    #: Directory on the engine's host where the layers appear as one; empty where it is not mounted or not reachable.
    merged_directory: str = field(default="", name="merged")
    #: First and last lines of its output.
    log: tuple[str, ...] = ()
    #: The kernel's kills for lack of memory that match it.
    oom_kills: tuple[KernelKill, ...] = field(default=(), name="kills")
    #: What is missing or wrong in the source, one sentence each.
    problems: tuple[str, ...] = ()
    #: Other containers of the same pod or project.
    siblings: tuple[str, ...] = ()
    #: Fields of this type that the source does not have, or has only in part; their values are the known part.
    unknown_fields: tuple[str, ...] = ()

    def holds(self, host: str) -> bool:
        """Returns whether a path of the engine's host is in the container's own file system."""
        directories = (path.rstrip("/") for path in (self.merged_directory, *self.layers) if path)
        return any(host == path or host.startswith(path + "/") for path in directories)

    @property
    def has_own_addresses(self) -> bool:
        """Whether no other container listens on the container's addresses: the containers of a pod share them."""
        if self.source == "kubernetes":
            return not self.siblings and self.network != "host"
        return not self.network.startswith(("host", "none", "container:", "service:", "ns:", "pod:"))
