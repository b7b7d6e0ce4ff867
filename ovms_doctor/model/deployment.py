"""The Deployment: all settings of the server, read from any source."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any, Literal, TypeAlias

from msgspec import Struct, field

from ovms_doctor.model.container import Container
from ovms_doctor.model.environment import Variable
from ovms_doctor.model.host import IMAGE_USER, HostDevices, HostLimits, User
from ovms_doctor.model.mounts import Mount, MountTable, UnavailablePath
from ovms_doctor.model.options import CheckOptions, SourceUnavailable
from ovms_doctor.model.pull_plan import StartMode
from ovms_doctor.model.releases import Release

Mode: TypeAlias = Literal["single", "config"]
TargetKind: TypeAlias = Literal["repository", "model", "file", "config"]


class VersionPolicy(Struct, frozen=True):
    """Which of the found versions are requested."""

    #: The policy's key in config.json.
    kind: Literal["all", "latest", "specific"]
    #: Number of versions, for ``latest``.
    count: int = 1
    #: Version numbers, for ``specific``.
    versions: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Returns the policy as written in config.json."""
        if self.kind == "all":
            return {"all": {}}
        if self.kind == "latest":
            return {"latest": {"num_versions": self.count}}
        return {"specific": {"versions": list(self.versions)}}

    def __str__(self) -> str:
        return json.dumps(self.as_json())


DEFAULT_POLICY = VersionPolicy("latest", 1)


class ModelParameters(Struct, frozen=True):
    """The parameters of a model except name, path and version policy."""

    #: Name → JSON text, in the order of the source. On the command line every value is a string.
    values: tuple[tuple[str, str], ...] = ()
    #: Whether they come from the command line or from config.json.
    source: Literal["arguments", "config"] = "config"

    def get(self, name: str) -> Any:
        """Returns the value, or None if the parameter is not set."""
        for key, text in self.values:
            if key == name:
                return json.loads(text)
        return None

    def __bool__(self) -> bool:
        return bool(self.values)


class ModelEntry(Struct, frozen=True):
    """One model that the server should serve."""

    #: Name of the servable.
    name: str
    #: The server's path for the configured one (relative paths joined as it joins them).
    base_path: str
    #: Which versions are requested.
    policy: VersionPolicy = DEFAULT_POLICY
    #: Further parameters.
    parameters: ModelParameters = ModelParameters()
    #: JSON pointer of the entry in config.json; empty if it is in no file.
    pointer: str = ""


class Target(Struct, frozen=True):
    """How a TARGET of the command line was resolved."""

    #: Absolute path on this host, or the URL of a store.
    path: str
    #: The kind of the target.
    kind: TargetKind
    #: Sentences on how it was resolved.
    notes: tuple[str, ...] = ()


class Note(Struct, frozen=True):
    """A remark on how the request was interpreted."""

    #: The kind of finding that it becomes; ``unlisted`` for a gap: models that are not checked; None for a remark only
    #: in the report.
    kind: Literal["version_directory", "unused_config", "nested_models", "unlisted"] | None
    #: One sentence.
    text: str
    #: The server path of its subject.
    path: str | None = None
    #: Model of its subject.
    model: str | None = None


class FileDemand(Struct, frozen=True):
    """A file without which the server refuses its arguments."""

    #: Path as written.
    path: str
    #: Whether it must exist, or must be readable.
    demand: Literal["exists", "opens"]


class ArgumentRefusal(Struct, frozen=True):
    """One reason why the server refuses its arguments."""

    #: ``parse`` (cxxopts), ``unmatched`` (unknown arguments, modes that exclude each other), ``prepare``,
    #: ``validate``; the server checks them in this order.
    stage: Literal["parse", "unmatched", "prepare", "validate"]
    #: The server's text on standard error, without the last line end.
    text: str
    #: The refusal applies only if this file does not meet the demand; None: always.
    unless_file: FileDemand | None = None
    #: The option that causes it.
    option: str | None = None
    #: An option of this release with a similar name.
    suggestion: str | None = None
    #: An explanation of the option in one sentence; empty if the server's text is enough.
    hint: str = ""
    #: The remedy, as a sentence; empty if the server's text is enough.
    remedy: str = ""


class ServerArguments(Struct, frozen=True):
    """The server's own argument line, parsed. None: not set."""

    #: Path of the configuration file.
    config_path: str | None = None
    #: Base path of the model.
    model_path: str | None = None
    #: Name of the model.
    model_name: str | None = None
    #: The model version policy, as JSON text.
    model_version_policy: str | None = None
    #: gRPC port.
    port: int | None = None
    #: REST port.
    rest_port: int | None = None
    #: Options whose effect on the served models is not predicted.
    not_predicted: tuple[str, ...] = ()
    #: The first refusal that does not depend on files.
    usage_error: str | None = None
    #: Whether the server prints its help or its version and ends.
    prints_help: bool = False
    #: The reasons to end with exit code 64, in the server's order; the first that applies ends the server.
    refusals: tuple[ArgumentRefusal, ...] = ()
    #: The reasons that apply if the server infers a task from the files of the model (since v2026.3), by task.
    refusals_by_task: tuple[tuple[str, tuple[ArgumentRefusal, ...]], ...] = ()
    #: Every option without its dashes, with its last value.
    options: tuple[tuple[str, str], ...] = ()
    #: Arguments that the server's parser leaves over.
    unmatched: tuple[str, ...] = ()
    #: Options that the server accepts and then does not use, without a message.
    without_effect: tuple[str, ...] = ()
    #: The model's parameters in the arguments, in the order in which the server prepares them.
    prepared: tuple[str, ...] = ()
    #: The mode in which the server starts.
    mode: StartMode = "serve"
    #: The model's parameters.
    parameters: ModelParameters = ModelParameters(source="arguments")
    #: Seconds between two polls of the file system; 0: none.
    poll_seconds: int = 1
    #: Options with their dashes, and unmatched arguments, each with its position, from 1.
    positions: tuple[tuple[str, int], ...] = ()

    @property
    def serves(self) -> bool:
        """Whether the server starts to serve, perhaps after it has pulled a model."""
        return self.mode in ("serve", "in_memory", "pull_and_start")

    def position(self, option: str) -> int | None:
        """Returns the position of an option, or of an unmatched argument: of equal ones the last."""
        return dict(self.positions).get(option.partition("=")[0] if option.startswith("-") else option)

    def value(self, name: str) -> str | None:
        """Returns the last value of an option, named without its dashes; None if it is not set."""
        return dict(self.options).get(name)


class Deployment(Struct, frozen=True, dict=True):
    """All settings of the server."""

    #: Whether arguments name one model, or there is a configuration file.
    mode: Mode
    #: Release of OVMS.
    release: Release
    #: The source of the release.
    release_from: str
    #: The server's user, by ids of the host.
    user: User = IMAGE_USER
    #: The source of the user.
    user_from: str = "as in the image"
    #: The server's arguments; None if the user named targets instead.
    arguments: ServerArguments | None = None
    #: The models of the targets; empty if there are arguments.
    models: tuple[ModelEntry, ...] = ()
    #: Path of the configuration file.
    config_path: str | None = None
    #: The server's working directory, as a server path.
    working_directory: str = "/"
    #: The mounts in the order in which the engine mounts them, without the parts that a later mount hides.
    mounts: tuple[Mount, ...] = ()
    #: Server paths from which permissions count downwards; empty: every parent counts.
    roots: tuple[str, ...] = ()
    #: Whether the server runs on this host, not in a container.
    bare_metal: bool = False
    #: The options of the run, with the values from its sources.
    options: CheckOptions = CheckOptions()
    #: Variables that OVMS reads.
    environment: tuple[Variable, ...] = ()
    #: The targets of the command line.
    targets: tuple[Target, ...] = ()
    #: Notes for the report on how the request was interpreted.
    notes: tuple[Note, ...] = field(default=())
    #: The limits of the server's host.
    limits: HostLimits = HostLimits()
    #: The container that the deployment was read from.
    container: Container | None = None
    #: Server paths whose content cannot be read.
    unavailable_paths: tuple[UnavailablePath, ...] = ()
    #: Why nothing is known about the server's deployment; None if it is known.
    unavailable: SourceUnavailable | None = None
    #: Bytes that the server may use; None for no limit or an unknown one.
    memory: int | None = None
    #: The variable by which this host's own programs find a proxy, if the container runs on this host.
    host_proxy: str = ""
    #: The server's GPUs and NPUs; None if they are unknown.
    devices: HostDevices | None = None

    @cached_property
    def mount_table(self) -> MountTable:
        """Returns the mounts as a table that maps server paths to host paths."""
        return MountTable(self.mounts, self.unavailable_paths)

    def absolute(self, path: str) -> str:
        """Returns an absolute path: a relative one counts from the server's working directory."""
        return path if path.startswith("/") else f"{self.working_directory.rstrip('/')}/{path}"

    def host_path(self, path: str) -> str:
        """Returns the host path of a server path; the same path if it is under no mount."""
        absolute = self.absolute(path)
        return self.mount_table.to_host(absolute) or absolute
