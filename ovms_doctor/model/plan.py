"""The plan: what the server will do, step by step, as data."""

from __future__ import annotations

from functools import cached_property
from typing import Literal, TypeAlias

from msgspec import Struct, field

from ovms_doctor.model.cache_plan import CachePlan
from ovms_doctor.model.causes import (
    Cause,
    CouldNotLook,
    SpecialFile,
)
from ovms_doctor.model.config_positions import ConfigPositions
from ovms_doctor.model.deployment import ModelEntry
from ovms_doctor.model.facts import Denials, Failure, Listing, LoadReport, ModelInspection, Operation
from ovms_doctor.model.facts.preparation import ModelFormat
from ovms_doctor.model.graph_plan import GenerativeDirectory, GraphPlan
from ovms_doctor.model.mapping import NO_MAPPING, Mapping
from ovms_doctor.model.memory import MemoryEstimate
from ovms_doctor.model.parameters import ParsedParameters
from ovms_doctor.model.pipelines import PipelinePlan
from ovms_doctor.model.plan_problems import (
    ConfigNote,
    ExtensionPlan,
    GraphFault,
    LibraryFault,
    OutsideFile,
    OutsideMounts,
    ServableBelow,
    SkippedEntry,
    StartProblem,
)
from ovms_doctor.model.pull_plan import PullPlan
from ovms_doctor.model.routes import StorageRoute
from ovms_doctor.model.storage_plan import (
    StorePlan,
)

StateName: TypeAlias = Literal["START", "LOADING", "AVAILABLE", "UNLOADING", "END"]
#: ``FAILED_PRECONDITION``: only for pipelines and graphs.
ErrorCode: TypeAlias = Literal["OK", "UNKNOWN", "FAILED_PRECONDITION"]
StatusCode: TypeAlias = str  #: the names of OVMS's StatusCode (status.hpp)
Basis: TypeAlias = Literal["static", "read", "compiled"]


class VersionState(Struct, frozen=True):
    """The state of a version in the status API."""

    #: The state.
    state: StateName
    #: The error code.
    error_code: ErrorCode

    @property
    def available(self) -> bool:
        return self.state == "AVAILABLE"


# -- detection: readAvailableVersions ------------------------------------------------------------------


class DirectoryName(Struct, frozen=True):
    """The name of a sub-directory of a base path, as ``std::stoll`` reads it."""

    #: The name.
    name: str
    #: Whether it is a version, or why not.
    reading: Literal["version", "not_positive", "not_number", "out_of_range"]
    #: The number; None if the name is not a version.
    number: int | None = None


class BaseProblem(Struct, frozen=True):
    """Why the base path has no versions at all."""

    #: The problem; ``store``: the base path is in a store, and the plan of that store has the reason.
    kind: Literal[
        "escapes", "cannot_check", "missing", "not_directory", "invalid_file", "cannot_list", "store"
    ]
    #: How the system call fails.
    failure: Failure | None = None
    #: The directory entry at which a listing throws.
    entry: str | None = None
    #: The existing server path that was probably meant, if the base path is missing.
    suggestion: str | None = None


class Detection(Struct, frozen=True, dict=True):
    """The versions that the server finds in a base path."""

    #: The status code at the end of the detection.
    status: StatusCode
    #: The numbers in the byte order of the directories' names, duplicates kept: the server searches this list
    #: as if it were sorted.
    found: tuple[int, ...] = ()
    #: The names of all sub-directories.
    names: tuple[DirectoryName, ...] = ()
    #: Why there are no versions; None if there are some.
    problem: BaseProblem | None = None
    #: Whether the base path is a model file, served as version 1.
    single_file: bool = False
    #: The entries of the base path; None if it was not listed.
    listing: Listing | None = None
    #: The lines that the server logs.
    log: tuple[str, ...] = ()
    #: The servables below the base path, if it has no version.
    below: tuple[ServableBelow, ...] = ()

    def directories(self, version: int) -> tuple[str, ...]:
        """Returns the names of all directories that the server reads as the number, in byte order."""
        return self._by_number.get(version, ())

    @cached_property
    def _by_number(self) -> dict[int, tuple[str, ...]]:
        """Returns the names by number, made at the first use: there may be tens of thousands."""
        found: dict[int, tuple[str, ...]] = {}
        for item in self.names:
            if item.number is not None and item.reading == "version":
                found[item.number] = (*found.get(item.number, ()), item.name)
        return found


# -- the result for a version ---------------------------------------------------------------------------


class Attempt(Struct, frozen=True):
    """One try to load a version; the same at every try, as long as nothing changes."""

    #: The version's number.
    version: int
    #: The result; ``threw``: an exception that leaves the version LOADING/OK permanently.
    outcome: Literal["loaded", "failed", "threw", "crashed", "hangs", "unknown"]
    #: The version's directory, as the server writes it.
    path: str
    #: Its status code.
    status: StatusCode = "OK"
    #: Why it is not loaded; None if it is.
    cause: Cause | None = None
    #: The lines that the server logs for the try itself.
    log: tuple[str, ...] = ()
    #: The text of the exception of ``threw``.
    exception: str = ""
    #: The file that OpenVINO gets, as the server writes it.
    model_file: str | None = None
    #: The model's format.
    format: ModelFormat | None = None
    #: Other files that would match, if the file system listed them first.
    candidates: tuple[str, ...] = ()
    #: The basis of the outcome.
    basis: Basis = "static"
    #: The content of the model's bytes.
    inspection: ModelInspection | None = None
    #: OpenVINO's result for it.
    report: LoadReport | None = None
    #: Why mapping_config.json, which exists, cannot be read.
    mapping: Failure | None = None
    #: The operations for which the server adds the library itself.
    tokenizers: tuple[Operation, ...] = ()
    #: The tensors' names in mapping_config.json.
    names: Mapping = NO_MAPPING
    #: The files that OpenVINO opens for it.
    opened: tuple[str, ...] = ()


class VersionPlan(Struct, frozen=True):
    """One found version."""

    #: Its number.
    version: int
    #: The names of all directories that the server reads as it.
    directories: tuple[str, ...]
    #: Whether the policy selects it.
    requested: bool
    #: Its state right after start-up; None if it is never tried.
    now: VersionState | None
    #: Its state after two further polls; None if the process ended.
    later: VersionState | None
    #: Its first try; None if there is none.
    attempt: Attempt | None

    @property
    def fails(self) -> bool:
        """Whether the version is requested and not AVAILABLE now or later (or the process has ended)."""
        return self.requested and not (
            self.now is not None and self.now.available and (self.later is None or self.later.available)
        )


class ModelPlan(Struct, frozen=True):
    """The predicted result for one model."""

    #: The model, as it is configured.
    entry: ModelEntry
    #: The versions in its base path.
    detection: Detection
    #: The versions that the policy selects, applied once to all found ones.
    requested: tuple[int, ...] = ()
    #: Every found version.
    versions: tuple[VersionPlan, ...] = ()
    #: The status code of the first pass.
    status: StatusCode = "OK"
    #: ``graph``: because of a graph.pbtxt; ``generative``: the server builds a graph in memory.
    kind: Literal["classic", "graph", "generative"] = "classic"
    #: Whether its versions are tried at all: False if a custom loader provides the model.
    tried: bool = True
    #: The version whose load is tried again without end.
    never_ends: int | None = None
    #: The version whose load never returns.
    hangs: int | None = None
    #: The exit code if loading this model ends the process.
    ended: int | None = None
    #: Whether the end, or the hang, is at the first poll, after the start-up.
    at_poll: bool = False
    #: The file at which the search for a graph blocks.
    blocked: SpecialFile | None = None
    #: Failed versions that the search for a fallback does not find.
    missed: tuple[int, ...] = ()
    #: Versions that a poll retires.
    retired: tuple[int, ...] = ()
    #: Versions that are loaded again at every poll.
    reloaded: tuple[int, ...] = ()
    #: Why the rest of this plan is unknown.
    unknown: CouldNotLook | None = None
    #: The model parameters as the server stores them; None if none are set.
    parameters: ParsedParameters | None = None
    #: Why a graph is not loaded.
    graph: GraphFault | None = None
    #: The predicted result for a graph or a generative model; None if it was not predicted.
    followed: GraphPlan | None = None
    #: The generative model in its directory, if the server finds no version and no graph there.
    meant: GenerativeDirectory | None = None

    @property
    def served(self) -> tuple[int, ...]:
        return tuple(item.version for item in self.versions if item.now is not None and item.now.available)

    @property
    def served_later(self) -> tuple[int, ...]:
        return tuple(
            item.version for item in self.versions if item.later is not None and item.later.available
        )


# -- start-up ------------------------------------------------------------------------------------------


class Ignored(Struct, frozen=True):
    """An argument or key whose effect this program does not predict."""

    #: The option, or a JSON pointer.
    location: str
    #: The argument's or key's text.
    text: str


Outcome: TypeAlias = Literal["serves", "exits", "never_ends", "unknown"]


class Plan(Struct, frozen=True):
    """The predicted result for the server, from its start until two polls later."""

    #: Whether one model is served, or a configuration.
    mode: Literal["single", "config"]
    #: How start-up ends.
    outcome: Outcome
    #: The exit code, if the process ends.
    exit_code: int | None = None
    #: The loaded models, in the server's order.
    models: tuple[ModelPlan, ...] = ()
    #: Why the process ends.
    problem: StartProblem | None = None
    #: Further rights that the server's user lacks, in addition to those that stop the server, as far as this process
    #: can find them.
    denials: Denials = Denials()
    #: Why the process ends, or is not started, because of its host: a port, an address, the log file.
    host_problem: StartProblem | None = None
    #: Whether the kernel kills the process, because it needs more memory than its limit.
    killed: bool = False
    #: The server paths of mounts whose source is missing on the host: the engine creates an empty directory.
    created_mounts: tuple[str, ...] = ()
    #: This host's path of a configuration file that a volume hides from the server.
    hidden_config: str | None = None
    #: Names with more than one configuration.
    duplicates: tuple[str, ...] = ()
    #: Settings whose effect this program does not predict.
    ignored: tuple[Ignored, ...] = ()
    #: Why the plan is unknown.
    unknown: CouldNotLook | None = None
    #: What the server pulls or writes before it serves, or instead of serving; None for nothing.
    pull: PullPlan | None = None
    #: The configuration file's path in the server's arguments.
    config_path: str | None = None
    #: Remarks for the report.
    notes: tuple[str, ...] = field(default=())
    #: Entries of the configuration that are not among ``models``.
    skipped: tuple[SkippedEntry, ...] = ()
    #: Libraries that cannot be opened.
    libraries: tuple[LibraryFault, ...] = ()
    #: The pipelines of models.
    pipelines: tuple[PipelinePlan, ...] = ()
    #: Parts of the configuration with another meaning than it seems.
    config_notes: tuple[ConfigNote, ...] = ()
    #: The positions of JSON pointers in the configuration file.
    config_positions: ConfigPositions | None = None
    #: Whether the server polls the file system.
    polls: bool = True
    #: Paths that do not exist for the server, because no mount contains them.
    outside: tuple[OutsideMounts, ...] = ()
    #: Files that the server needs, at or through such paths: targets of links, credentials, keys.
    outside_files: tuple[OutsideFile, ...] = ()
    #: The route to each remote storage that the models need.
    routes: tuple[StorageRoute, ...] = ()
    #: The decisions for each model in a store.
    stores: tuple[StorePlan, ...] = ()
    #: The model cache; None if it is off or unknown.
    cache: CachePlan | None = None
    #: The CPU extension; None if none is named.
    extension: ExtensionPlan | None = None
    #: The memory of the loaded versions; None if it is unknown.
    memory: MemoryEstimate | None = None

    @property
    def starts(self) -> bool | None:
        return None if self.outcome == "unknown" else self.outcome == "serves"
