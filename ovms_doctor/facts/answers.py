"""What was seen. Frozen, serialisable, without behaviour beyond simple readings of itself."""

from __future__ import annotations

import errno as _errno
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ovms_doctor.facts.questions import LoadLevel, ModelFormat

FileKind: TypeAlias = Literal["regular", "directory", "fifo", "socket", "character", "block"]
#: What readdir(3) says of an entry (d_type), before anything is followed.
EntryKind: TypeAlias = Literal[
    "regular", "directory", "link", "fifo", "socket", "character", "block", "unknown"
]
HowSeen: TypeAlias = Literal["tried", "predicted"]
Right: TypeAlias = Literal["search", "read"]
#: The steps between reading and compiling, as the server takes them.
PreparationStep: TypeAlias = Literal[
    "", "input layout", "output layout", "preprocessing", "build", "reshape", "batch"
]


@dataclass(frozen=True, slots=True)
class PathStatus:
    """A path that exists and may be looked at. ``size`` in bytes; ``resolved`` is the server path
    that links lead to, None where no link is on the way."""

    kind: FileKind
    size: int
    resolved: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One directory entry. ``target`` is the text of a symbolic link."""

    name: str
    kind: EntryKind
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A directory's entries, in the order in which the file system gave them (the server takes the
    first match). ``.`` and ``..`` are left out."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class FileContent:
    """The head of a file; ``size`` is the size of the whole file in bytes."""

    data: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Denial:
    """Where access stops and why: the user lacks ``right`` on ``at``.

    ``at`` is the server path of the directory or file that refuses; owner, group and mode are its own;
    ``acl`` is its POSIX access ACL in short text form where it has one; ``how`` says whether a process
    with the server's ids tried or the rights were computed.
    """

    at: str
    right: Right
    uid: int
    gid: int
    mode: int
    how: HowSeen
    acl: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A system call failed as the server's call would. ``denial`` explains EACCES where it can."""

    errno: int
    denial: Denial | None = None

    @property
    def missing(self) -> bool:
        """Nothing is there, as ``std::filesystem`` understands it (ENOENT or ENOTDIR)."""
        return self.errno in (_errno.ENOENT, _errno.ENOTDIR)


@dataclass(frozen=True, slots=True)
class Unavailable:
    """It could not be looked at from here; says nothing about the server."""

    reason: str
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class FileSeen:
    """A file that belongs to a model: server path and size in bytes (None: not there or not a file)."""

    path: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something about a model's bytes, found without OpenVINO.

    ``kind`` is one of the names in collect/inspect (``git-lfs-pointer``, ``weights-too-small``, …);
    ``fatal``: OpenVINO refuses the model because of it; ``detail`` is one sentence for a person;
    ``evidence`` is what was seen (bytes, sizes, a layer's name).
    """

    kind: str
    path: str
    fatal: bool
    detail: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of an IR: ``type`` and ``opset`` as written, how many layers, the first one's name."""

    type: str
    opset: str
    count: int
    layer: str


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output: its names (empty: unnamed), element type, shape as OpenVINO prints it."""

    names: tuple[str, ...]
    element_type: str
    shape: str


@dataclass(frozen=True, slots=True)
class ModelInspection:
    """What static reading found. Sequences that the format does not tell are empty, numbers None."""

    format: ModelFormat
    files: tuple[FileSeen, ...]
    faults: tuple[Fault, ...]
    operations: tuple[Operation, ...] = ()
    element_types: tuple[str, ...] = ()
    inputs: tuple[Tensor, ...] | None = None
    outputs: tuple[Tensor, ...] | None = None
    ir_version: int | None = None
    writer: str | None = None
    weights_needed: int | None = None


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What OpenVINO did. ``message`` is its whole error text; ``signal`` the one that ended the child
    (outcome ``crashed``); ``stage`` the step reached; ``runtime`` its version.

    Where the question had a preparation: ``step``, the one that failed (empty: none did), and ``prepared_inputs``,
    the inputs after it. ``inputs`` and ``outputs`` are always the model's own.
    """

    level: LoadLevel
    outcome: Literal["ok", "failed", "crashed", "timed_out", "out_of_memory"]
    stage: LoadLevel
    message: str
    runtime: str
    signal: int | None = None
    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()
    detail: str = ""
    step: PreparationStep = ""
    prepared_inputs: tuple[Tensor, ...] = ()


Answer: TypeAlias = PathStatus | Listing | FileContent | Failure | Unavailable | ModelInspection | LoadReport
