"""The Plan: what the server will do, step by step, as data. Readable from every room."""

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
from ovms_doctor.model.facts import Failure, Listing, LoadReport, ModelInspection, Operation
from ovms_doctor.model.facts.preparation import ModelFormat
from ovms_doctor.model.mapping import NO_MAPPING, Mapping
from ovms_doctor.model.memory import MemoryEstimate
from ovms_doctor.model.parameters import ParsedParameters
from ovms_doctor.model.pipelines import PipelinePlan
from ovms_doctor.model.plan_problems import (
    ConfigNote,
    ExtensionPlan,
    GraphFault,
    LibraryFault,
    OutsideMounts,
    SkippedEntry,
    StartProblem,
)
from ovms_doctor.model.routes import StorageRoute
from ovms_doctor.model.storage_plan import (
    StorePlan,
)

StateName: TypeAlias = Literal["START", "LOADING", "AVAILABLE", "UNLOADING", "END"]
#: ``FAILED_PRECONDITION``: of pipelines and graphs.
ErrorCode: TypeAlias = Literal["OK", "UNKNOWN", "FAILED_PRECONDITION"]
StatusCode: TypeAlias = str  #: the names of OVMS's StatusCode (status.hpp)
Basis: TypeAlias = Literal["static", "read", "compiled"]


class VersionState(Struct, frozen=True):
    """What the status API shows for a version."""

    state: StateName
    error_code: ErrorCode

    @property
    def available(self) -> bool:
        return self.state == "AVAILABLE"


# -- detection: readAvailableVersions ------------------------------------------------------------------


class DirectoryName(Struct, frozen=True):
    """A sub-directory's name and what ``std::stoll`` makes of it; ``number`` where it is one."""

    name: str
    reading: Literal["version", "not_positive", "not_number", "out_of_range"]
    number: int | None = None


class BaseProblem(Struct, frozen=True):
    """Why the base path gives no versions at all.

    ``entry`` is the directory entry at which a listing throws; ``failure`` the system call's. ``store``: it is in a
    store, and the plan of that store says why.
    """

    kind: Literal[
        "escapes", "cannot_check", "missing", "not_directory", "invalid_file", "cannot_list", "store"
    ]
    failure: Failure | None = None
    entry: str | None = None
    #: The server's path of what exists and was probably meant, where the base path is missing.
    suggestion: str | None = None


class Detection(Struct, frozen=True, dict=True):
    """What the server finds in a base path.

    ``found`` holds the numbers in the byte order of the directories' names, duplicates kept: the server
    searches this list as if it were sorted (serving rule of the fallback).
    """

    status: StatusCode
    found: tuple[int, ...] = ()
    names: tuple[DirectoryName, ...] = ()
    problem: BaseProblem | None = None
    single_file: bool = False
    listing: Listing | None = None
    log: tuple[str, ...] = ()

    def directories(self, version: int) -> tuple[str, ...]:
        """The names of all directories that parse to the number, in byte order."""
        return self._by_number.get(version, ())

    @cached_property
    def _by_number(self) -> dict[int, tuple[str, ...]]:
        """The names by number, made at the first use: there may be tens of thousands."""
        found: dict[int, tuple[str, ...]] = {}
        for item in self.names:
            if item.number is not None and item.reading == "version":
                found[item.number] = (*found.get(item.number, ()), item.name)
        return found


# -- what becomes of a version --------------------------------------------------------------------------


class Attempt(Struct, frozen=True):
    """What one try to load a version does; the same at every try, as long as nothing changes.

    ``threw``: an exception that leaves the version LOADING/OK for good. ``log``: the messages of the try
    itself. ``candidates``: other files that would have matched, had the file system listed them first.
    ``mapping``: why mapping_config.json, which is there, cannot be read. ``tokenizers``: the operations for
    which the server brings the library itself. ``opened``: the files that OpenVINO opens for it.
    """

    version: int
    outcome: Literal["loaded", "failed", "threw", "crashed", "hangs", "unknown"]
    path: str
    status: StatusCode = "OK"
    cause: Cause | None = None
    log: tuple[str, ...] = ()
    exception: str = ""
    model_file: str | None = None
    format: ModelFormat | None = None
    candidates: tuple[str, ...] = ()
    basis: Basis = "static"
    inspection: ModelInspection | None = None
    report: LoadReport | None = None
    mapping: Failure | None = None
    tokenizers: tuple[Operation, ...] = ()
    names: Mapping = NO_MAPPING
    opened: tuple[str, ...] = ()


class VersionPlan(Struct, frozen=True):
    """One detected version: asked for or not, and what becomes of it."""

    version: int
    directories: tuple[str, ...]
    requested: bool
    now: VersionState | None
    later: VersionState | None
    attempt: Attempt | None

    @property
    def fails(self) -> bool:
        """Asked for, and not AVAILABLE now or later (or the process is gone)."""
        return self.requested and not (
            self.now is not None and self.now.available and (self.later is None or self.later.available)
        )


class ModelPlan(Struct, frozen=True):
    """What becomes of one model.

    ``kind``: ``graph`` and ``generative`` entries are recognised but not followed. ``never_ends``: the version
    whose load is tried again for ever. ``at_poll``: this, a hang or the end of the process comes at the first
    poll only, when the server is up. ``blocked``: what the look for a graph opens and never comes back from.
    ``ended``: the exit code with which loading this model ends the process. ``missed``: failed versions that
    the fallback's search does not find. ``reloaded``: versions loaded again at every poll. ``unknown``: why
    the rest of this plan could not be told. ``parameters``: the model parameters as the server holds them,
    None where none were given. ``graph``: why a graph is not loaded.
    """

    entry: ModelEntry
    detection: Detection
    requested: tuple[int, ...] = ()
    versions: tuple[VersionPlan, ...] = ()
    status: StatusCode = "OK"
    kind: Literal["classic", "graph", "generative"] = "classic"
    tried: bool = True
    never_ends: int | None = None
    hangs: int | None = None
    ended: int | None = None
    at_poll: bool = False
    blocked: SpecialFile | None = None
    missed: tuple[int, ...] = ()
    retired: tuple[int, ...] = ()
    reloaded: tuple[int, ...] = ()
    unknown: CouldNotLook | None = None
    parameters: ParsedParameters | None = None
    graph: GraphFault | None = None

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
    """An argument or key that this program does not look at yet. ``location``: option or JSON pointer."""

    location: str
    text: str


Outcome: TypeAlias = Literal["serves", "exits", "never_ends", "unknown"]


class Plan(Struct, frozen=True):
    """What the server does from its start until two polls later.

    Of a configuration file: ``skipped`` entries are not among ``models``; ``places`` tells where in the file
    a JSON pointer leads. ``polls``: whether it looks again at all. ``outside``: paths that it does not see, for
    nothing is mounted there. ``routes``: the ways to remote storage, for each client that its models need.
    ``stores``: what is decided for each model in a store before the store is asked.
    ``memory``: what the loaded versions take, None where that was not asked for or cannot be told.
    ``extension``: what becomes of the CPU extension, None where none was named.
    ``cache``: the model cache, None where it is off or nothing is known of it.
    """

    mode: Literal["single", "config"]
    outcome: Outcome
    exit_code: int | None = None
    models: tuple[ModelPlan, ...] = ()
    problem: StartProblem | None = None
    duplicates: tuple[str, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    unknown: CouldNotLook | None = None
    config_path: str | None = None
    notes: tuple[str, ...] = field(default=())
    skipped: tuple[SkippedEntry, ...] = ()
    libraries: tuple[LibraryFault, ...] = ()
    pipelines: tuple[PipelinePlan, ...] = ()
    config_notes: tuple[ConfigNote, ...] = ()
    places: ConfigPositions | None = None
    polls: bool = True
    outside: tuple[OutsideMounts, ...] = ()
    routes: tuple[StorageRoute, ...] = ()
    stores: tuple[StorePlan, ...] = ()
    cache: CachePlan | None = None
    extension: ExtensionPlan | None = None
    memory: MemoryEstimate | None = None

    @property
    def starts(self) -> bool | None:
        return None if self.outcome == "unknown" else self.outcome == "serves"
