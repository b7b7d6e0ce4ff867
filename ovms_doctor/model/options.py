"""The options of a run, as one record: declared here, parsed by the command line, saved with the facts, read by the
rules.

A field with an ``Option`` is an option of commands. To add one, add the field here and read it in its rule as
``deployment.options.NAME``.

Annotations are evaluated in this module, unlike in others: every run reads them, and evaluating their texts takes ten
times as long.
"""

from functools import cached_property
from typing import Annotated, Literal, TypeAlias

from msgspec import Struct, field

from ovms_doctor.model import option_values
from ovms_doctor.model.container import Container
from ovms_doctor.model.environment import Variable
from ovms_doctor.model.host import IMAGE_USER, Host, User
from ovms_doctor.model.live import LiveQuery
from ovms_doctor.model.log import LogSummary
from ovms_doctor.model.mounts import Mount, MountTable, UnavailablePath, engine_order
from ovms_doctor.model.option import Option

LoadLevel: TypeAlias = Literal["none", "read", "compile"]


#: The commands that load models.
_LOADING = ("check", "collect")


class SourceUnavailable(Struct, frozen=True):
    """The source of the deployment could not be read."""

    #: The source, such as "the container ovms".
    source: str
    #: Why it could not be read.
    reason: str
    #: Whether it did not answer in time.
    timed_out: bool = False


class CheckOptions(Struct, frozen=True, dict=True):
    """The options of a run, and the data read from its sources.

    The first part is the options, in the order of ``--help``; the second part follows from them and from this
    process.
    """

    #: The targets of the check: paths of this host, or paths in a store.
    targets: Annotated[
        tuple[str, ...],
        Option(
            (),
            "A repository, a model's directory, a model file or a config.json; in a store s3://bucket/path or "
            "gs://bucket/path. Without a TARGET: the server's own arguments after --.",
            "[TARGET]...",
            commands=_LOADING,
        ),
    ] = ()
    #: The container that describes the deployment.
    container_name: Annotated[
        str | None,
        Option(
            ("--container",),
            "A running or stopped container: read the deployment from the engine.",
            "NAME",
            saved=False,
        ),
    ] = None
    #: A file with the output of ``docker inspect``, or ``-``.
    inspect: Annotated[
        str | None,
        Option(("--inspect",), "The output of `docker inspect`; - for standard input.", "FILE", saved=False),
    ] = None
    #: A ``docker run`` line.
    docker_run: Annotated[
        str | None,
        Option(("--docker-run",), "The `docker run` line, as one argument.", "LINE", saved=False),
    ] = None
    #: A compose file, and one of its services.
    compose: Annotated[
        str | None,
        Option(
            ("--compose",),
            "A compose file, and one of its services if it has several.",
            "FILE[:SERVICE]",
            saved=False,
        ),
    ] = None
    #: A Kubernetes manifest, and one of its containers; or ``-``.
    kubernetes: Annotated[
        str | None,
        Option(
            ("--kubernetes",),
            "A pod, deployment or KServe manifest, YAML or JSON; - for standard input.",
            "FILE[:CONTAINER]",
            saved=False,
        ),
    ] = None
    #: A file with the host's kernel log.
    kernel_log: Annotated[
        str | None,
        Option(
            ("--kernel-log",),
            "The host's kernel log, searched for OOM kills; - for standard input.",
            "FILE",
            saved=False,
        ),
    ] = None
    #: Files with the server's log.
    log_files: Annotated[
        tuple[str, ...],
        Option(
            ("--log",),
            "A log of the server: it confirms findings, and adds findings of its own.",
            "FILE",
            commands=_LOADING,
            saved=False,
        ),
    ] = ()
    #: Whether the running server of the container is not queried.
    no_live: Annotated[
        bool,
        Option(
            ("--no-live",),
            "Send no request to the running server of --container.",
            commands=_LOADING,
            saved=False,
        ),
    ] = False
    #: The kind of a directory, if the user sets it.
    as_: Annotated[
        Literal["repository", "model"] | None,
        Option(("--as",), "Treat a directory as a repository or as a model. [found from its contents]"),
    ] = None
    #: The release whose rules are used; None: the newest known one.
    release: Annotated[
        str | None,
        Option(
            ("--ovms-version",),
            "The release whose rules apply, such as 2025.4. [from the container or log, else the newest]",
            "RELEASE",
            beside_facts=True,
        ),
    ] = None
    #: The server's user, by ids of the host.
    user: Annotated[
        User,
        Option(
            ("--user",),
            "The user and groups of the server. [those of the image: 5000]",
            "UID[:GID[,GID…]]",
            option_values.user,
        ),
    ] = IMAGE_USER
    #: Whether the server runs on this host, not in a container.
    bare_metal: Annotated[
        bool, Option(("--bare-metal",), "The server runs on this host, not in a container.")
    ] = False
    #: Whether this process has the server's user and its view of the file system.
    as_me: Annotated[
        bool,
        Option(
            ("--as-me",),
            "The server has this process's user, groups and files, for example in the same pod.",
            saved=False,
        ),
    ] = False
    #: The mounts: of the container first, then of the command line.
    mounts: Annotated[
        tuple[Mount, ...],
        Option(
            ("--mount",),
            "Map a path of this host to a path of the server; :ro for read-only; :rights for a copy with the "
            "permissions of the original.",
            "HOST:SERVER[:ro]",
            option_values.mount,
        ),
    ] = ()
    #: The server's environment, as far as OVMS reads it.
    environment: Annotated[
        tuple[Variable, ...],
        Option(
            ("--env",),
            "A variable of the server's environment.",
            "NAME=VALUE",
            option_values.variable,
        ),
    ] = ()
    #: A file with variables of the server's environment.
    env_file: Annotated[
        str | None,
        Option(
            ("--env-file",),
            "A file with variables of the server's environment, one in each line, as Docker reads them.",
            "FILE",
            saved=False,
        ),
    ] = None
    #: Whether this process's environment is the server's.
    env_from_process: Annotated[
        bool,
        Option(("--env-from-process",), "The server has the environment of this process.", saved=False),
    ] = False
    #: The model version policy of every model, as JSON; None: the server's default.
    policy: Annotated[
        str | None,
        Option(("--model-version-policy",), "The server's option of this name, for every model.", "JSON"),
    ] = None
    #: The model cache: the server's own option, for targets.
    cache_dir: Annotated[
        str | None,
        Option(
            ("--cache-dir",), "The server's option of this name, with a TARGET.", "PATH", commands=_LOADING
        ),
    ] = None
    #: The CPU extension: the server's own option, for targets.
    cpu_extension: Annotated[
        str | None,
        Option(
            ("--cpu-extension",),
            "The server's option of this name, with a TARGET; a child process loads the library, which runs its "
            "code.",
            "PATH",
            commands=_LOADING,
        ),
    ] = None
    #: The device of every model: the server's own option, for targets.
    target_device: Annotated[
        str | None,
        Option(
            ("--target-device",),
            "The server's option of this name, for every model.",
            "DEVICE",
            commands=_LOADING,
        ),
    ] = None
    #: Bytes that the server may use; None: no limit, or unknown.
    memory: Annotated[
        int | None,
        Option(
            ("--memory",),
            "The memory limit of the server, such as 2g or 512m.",
            "SIZE",
            option_values.memory,
            commands=_LOADING,
        ),
    ] = None
    #: Whether a file may be created and removed in the cache, to test it.
    probe_write: Annotated[
        bool,
        Option(
            ("--probe-write",),
            "Test the cache directory: create a file in it and remove the file.",
            commands=_LOADING,
        ),
    ] = False
    #: How far each requested version is loaded, in a child.
    load: Annotated[
        LoadLevel,
        Option(
            ("--load",),
            "How far OpenVINO loads each version, in a child process. [read]",
            commands=_LOADING,
        ),
    ] = "read"
    #: The most bytes of one version in a store that may be downloaded to be loaded here; 0: no limit.
    download_limit: Annotated[
        int,
        Option(
            ("--download-limit",),
            "The largest size that is downloaded of one version in a store, to load it; 0 means no limit. "
            "[1g]",
            "SIZE",
            option_values.download_limit,
            commands=_LOADING,
        ),
    ] = 1 << 30
    #: The most bytes of a named document; 0: no limit; None: as many as its kind may have.
    document_limit: Annotated[
        int | None,
        Option(
            ("--document-limit",),
            "The largest size that is read of a document; 0 means no limit. [depends on its kind, 64m or "
            "more]",
            "SIZE",
            option_values.document_limit,
            beside_facts=True,
            saved=False,
        ),
    ] = None
    #: Seconds for one question to the file system, to a store or to the running server of a container.
    timeout: Annotated[
        float,
        Option(
            ("--timeout",),
            "Time limit for one query of the file system, a store or a running server. [10]",
            "SECONDS",
            option_values.timeout,
            beside_facts=True,
        ),
    ] = 10.0
    #: Processes that inspect and load models at a time; None: as many as cores and memory allow.
    jobs: Annotated[
        int | None,
        Option(
            ("--jobs", "-j"),
            "The number of models that are inspected and loaded at the same time. [as many as cores and "
            "memory allow]",
            "N",
            option_values.jobs,
            beside_facts=True,
            saved=False,
        ),
    ] = None
    #: Seconds for each third-party check.
    check_timeout: Annotated[
        float,
        Option(
            ("--check-timeout",),
            "Time limit for each third-party check. [10]",
            "SECONDS",
            option_values.check_timeout,
            commands=("check",),
            beside_facts=True,
            saved=False,
        ),
    ] = 10.0
    #: Whether third-party checks are left out.
    no_plugins: Annotated[
        bool,
        Option(
            ("--no-plugins",),
            "Run no third-party checks.",
            commands=("check",),
            beside_facts=True,
            saved=False,
        ),
    ] = False
    #: A file that ``collect`` wrote, used instead of probes.
    facts_file: Annotated[
        str | None,
        Option(
            ("--facts",),
            "Facts that `collect` saved; they are used instead of this host and its stores.",
            "FILE",
            commands=("check",),
            beside_facts=True,
            saved=False,
        ),
    ] = None

    #: The targets as typed; ``targets`` are absolute.
    typed_targets: tuple[str, ...] = ()
    #: The server's own arguments; None if targets are named instead.
    arguments: tuple[str, ...] | None = field(name="words", default=None)
    #: The source of the release; empty if the user named it.
    release_from: str = ""
    #: The source of the user.
    user_from: str = "as in the image"
    #: The working directory: the container's, else this process's.
    working_directory: str = "/"
    #: The resources of the server's host; None if it is not this host.
    host: Host | None = None
    #: The container that the deployment was read from.
    container: Container | None = None
    #: The summary of the server's log.
    server_log: LogSummary | None = None
    #: The answers of the running server of the container.
    live: LiveQuery | None = None
    #: Server paths whose content is unavailable.
    unavailable_paths: tuple[UnavailablePath, ...] = field(name="unseen", default=())
    #: Why the deployment could not be read.
    unavailable: SourceUnavailable | None = field(name="untold", default=None)
    #: Whether the container is on this host, or will run here: its ports are this host's.
    container_here: bool = False
    #: The variable by which this host's own programs find a proxy, if the container is on this host.
    host_proxy: str = ""
    #: Names of variables for stores that this process has and the server does not get.
    withheld_variables: tuple[str, ...] = field(name="kept_back", default=())

    @property
    def sources(self) -> dict[str, str]:
        """Returns the options that name a container to read the deployment from, with their values."""
        named = {
            "--container": self.container_name,
            "--inspect": self.inspect,
            "--docker-run": self.docker_run,
            "--compose": self.compose,
            "--kubernetes": self.kubernetes,
        }
        return {name: value for name, value in named.items() if value is not None}

    @property
    def names_deployment(self) -> bool:
        """Whether a target, the server's own arguments or a container is named."""
        return bool(self.targets) or self.arguments is not None or bool(self.sources)

    @cached_property
    def mount_table(self) -> MountTable:
        """Returns the mounts as a container engine makes them; a configuration file that is the target and in none
        of them is added, because a target is mounted."""
        table = MountTable(engine_order(self.mounts), self.unavailable_paths)
        if self.mounts and len(self.targets) == 1:
            (target,) = self.targets
            if target.endswith(".json") and target.startswith("/") and table.to_server(target) is None:
                return MountTable(
                    engine_order((*self.mounts, Mount(target, target, read_only=True))),
                    self.unavailable_paths,
                )
        return table
