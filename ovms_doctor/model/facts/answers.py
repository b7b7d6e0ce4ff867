"""What was seen. Frozen, serialisable, without behaviour beyond simple readings of itself."""

from __future__ import annotations

import errno as _errno
from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.facts.preparation import LoadLevel, ModelFormat
from ovms_doctor.model.facts.stores import StoreAnswer

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


class PathStatus(Struct, frozen=True):
    """A path that exists and may be looked at. ``size`` in bytes; ``resolved`` is the server path
    that links lead to, None where no link is on the way."""

    kind: FileKind
    size: int
    resolved: str | None = None


class Entry(Struct, frozen=True):
    """One directory entry. ``target`` is the text of a symbolic link."""

    name: str
    kind: EntryKind
    target: str | None = None


class Listing(Struct, frozen=True):
    """A directory's entries, in the order in which the file system gave them (the server takes the
    first match). ``.`` and ``..`` are left out."""

    entries: tuple[Entry, ...]


class FileContent(Struct, frozen=True):
    """The head of a file; ``size`` is the size of the whole file in bytes."""

    data: bytes
    size: int


class Denial(Struct, frozen=True):
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


class Failure(Struct, frozen=True):
    """A system call failed as the server's call would. ``denial`` explains EACCES where it can."""

    errno: int
    denial: Denial | None = None

    @property
    def missing(self) -> bool:
        """Nothing is there, as ``std::filesystem`` understands it (ENOENT or ENOTDIR)."""
        return self.errno in (_errno.ENOENT, _errno.ENOTDIR)


class Unavailable(Struct, frozen=True):
    """It could not be looked at from here; says nothing about the server."""

    reason: str
    timed_out: bool = False


class FileSample(Struct, frozen=True):
    """A file that belongs to a model: server path and size in bytes (None: not there or not a file)."""

    path: str
    size: int | None


class Fault(Struct, frozen=True):
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


class Operation(Struct, frozen=True):
    """An operation of an IR: ``type`` and ``opset`` as written, how many layers, the first one's name."""

    type: str
    opset: str
    count: int
    layer: str


class Tensor(Struct, frozen=True):
    """An input or output: its names (empty: unnamed), element type, shape as OpenVINO prints it."""

    names: tuple[str, ...]
    element_type: str
    shape: str


class WeightsInspection(Struct, frozen=True):
    """Constants of one element type: how many bytes. ``converted``: where they go through a Convert, how
    OpenVINO takes it: ``decompression`` keeps them as they are stored, ``plain`` computes them anew."""

    element_type: str
    size: int
    converted: Literal["", "decompression", "plain"] = ""


class ModelInspection(Struct, frozen=True):
    """What static reading found. Sequences that the format does not tell are empty, numbers None."""

    format: ModelFormat
    files: tuple[FileSample, ...]
    faults: tuple[Fault, ...]
    operations: tuple[Operation, ...] = ()
    element_types: tuple[str, ...] = ()
    inputs: tuple[Tensor, ...] | None = None
    outputs: tuple[Tensor, ...] | None = None
    ir_version: int | None = None
    writer: str | None = None
    weights_needed: int | None = None
    weights: tuple[WeightsInspection, ...] = ()


class LoadReport(Struct, frozen=True):
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


class LibrarySeen(Struct, frozen=True):
    """What a shared library's bytes say. ``size`` in bytes.

    ``fault``: why it is none: ``empty``, ``not ELF``, ``no library`` (an object file or a program), ``cut off``
    (the file ends before what it says must be loaded), ``damaged``; empty where it is fine; ``detail`` says it
    in one sentence. ``bits`` 32 or 64, 0 where not known; ``machine`` as in ``x86-64``. ``needed``: the libraries
    it asks for; ``paths``: where it says to look for them, ``$ORIGIN`` as written; ``versions``: the versions of
    symbols it asks for, as ``GLIBC_2.38``. ``entry``: whether it has OpenVINO's entry point for extensions, None
    where that is not known. ``openvino_here``: the name of the OpenVINO library at hand, ``libopenvino.so.2641``;
    empty where there is none.
    """

    size: int
    fault: Literal["", "empty", "not ELF", "no library", "cut off", "damaged"] = ""
    detail: str = ""
    bits: int = 0
    machine: str = ""
    needed: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    entry: bool | None = None
    openvino_here: str = ""


class Writability(Struct, frozen=True):
    """What the server's user may do with a path that exists.

    ``writable`` as access(2) says with W_OK, ``searchable`` with X_OK, ``readable`` with R_OK; ``read_only``: it is
    mounted so, for everybody; owner, group, mode and ``acl`` as in Denial. ``free`` bytes and ``free_files`` are
    what this user may still take of the file system, None where that is not told or not limited.
    """

    kind: FileKind
    uid: int
    gid: int
    mode: int
    writable: bool
    searchable: bool
    readable: bool
    read_only: bool
    how: HowSeen
    acl: str | None = None
    free: int | None = None
    free_files: int | None = None


class Probed(Struct, frozen=True):
    """A file could be made and written. ``removed``: it is gone again; if not, ``name`` is what is left."""

    name: str
    removed: bool = True


class KeyFileSeen(Struct, frozen=True):
    """What a file with credentials for Google Cloud is, without any of its secrets.

    ``form``: ``object`` (a JSON object), ``json`` (other JSON), ``binary`` (it begins as PKCS#12 does), ``other``.
    ``credentials``: the type that the object names, if it is one of Google's; ``other`` for anything else, empty for
    nothing. ``project_id``: of whom, where it has the form of one. ``lacking``: keys that its type needs and that
    are missing, empty or no text. ``size`` in bytes.
    """

    size: int
    form: Literal["object", "json", "binary", "other"]
    credentials: str = ""
    project_id: str = ""
    lacking: tuple[str, ...] = ()


Answer: TypeAlias = (
    Writability
    | Probed
    | PathStatus
    | Listing
    | FileContent
    | Failure
    | Unavailable
    | ModelInspection
    | LoadReport
    | LibrarySeen
    | KeyFileSeen
    | StoreAnswer
)
