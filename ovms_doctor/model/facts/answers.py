"""The answers of the probes. Frozen data, with only simple methods."""

from __future__ import annotations

import errno as _errno
from typing import Literal, TypeAlias

from msgspec import Struct, field

from ovms_doctor.model.facts.preparation import LoadLevel, ModelFormat
from ovms_doctor.model.facts.question import AnswerBase, FactData
from ovms_doctor.model.facts.store_answers import StoreAnswer

FileKind: TypeAlias = Literal["regular", "directory", "fifo", "socket", "character", "block"]
#: The type of an entry in readdir(3) (d_type), before any link is followed.
EntryKind: TypeAlias = Literal[
    "regular", "directory", "link", "fifo", "socket", "character", "block", "unknown"
]
#: A process with the server's ids tried, or the rights were computed.
AccessMethod: TypeAlias = Literal["tried", "predicted"]
Right: TypeAlias = Literal["search", "read"]
#: The steps between reading and compiling, in the server's order.
PreparationStep: TypeAlias = Literal[
    "", "input layout", "output layout", "preprocessing", "build", "reshape", "batch"
]


class PathStatus(AnswerBase, frozen=True):
    """A path that exists and that the server's user can stat.

    * ``kind``: the kind of file, after links.
    * ``size``: its size in bytes.
    * ``resolved``: the server path that links lead to, None if no link is on the way.
    """

    kind: FileKind
    size: int
    resolved: str | None = None


class PathTimes(AnswerBase, frozen=True):
    """When a path was changed, by the clock of its host, in seconds since 1970 (UTC).

    * ``modified``: its content; of a directory the names in it (st_mtime), which copying can preserve.
    * ``changed``: its content, name, owner or permissions (st_ctime), which nothing preserves.
    """

    modified: float
    changed: float


class Entry(Struct, frozen=True, array_like=True, gc=False):
    """One directory entry; in JSON a row, ``[name, kind, target]``, for directories may have 100,000 of them.

    * ``name``: its name.
    * ``kind``: its kind, before any link is followed.
    * ``target``: the text of a symbolic link, None for everything else.
    """

    name: str
    kind: EntryKind
    target: str | None = None


class Listing(AnswerBase, frozen=True):
    """A directory's entries.

    * ``entries``: the entries without ``.`` and ``..``, in the order in which the file system returned them; the
      server uses the first match.
    """

    entries: tuple[Entry, ...]


class FileContent(AnswerBase, frozen=True):
    """The beginning of a file.

    * ``data``: the bytes.
    * ``size``: the size of the whole file in bytes.
    """

    data: bytes
    size: int


class Denial(FactData, frozen=True):
    """Why access stops: the user lacks a right on a directory or file.

    * ``path``: the server path of the directory or file that refuses.
    * ``right``: the missing right.
    * ``uid``: its owner.
    * ``gid``: its group.
    * ``mode``: its mode bits, as a number.
    * ``how``: whether a process with the server's ids tried, or the rights were computed.
    * ``acl``: its POSIX access control list in short text form, None if it has none.
    """

    path: str = field(name="at")
    right: Right
    uid: int
    gid: int
    mode: int
    how: AccessMethod
    acl: str | None = None


class Denials(AnswerBase, frozen=True):
    """All paths below a directory on which the server's user lacks a right, as far as this process can list them.

    * ``directories``: those that it cannot enter or list, upper ones first.
    * ``files``: those that it cannot read.
    * ``more``: whether there may be others, because not everything was read.
    """

    directories: tuple[Denial, ...] = ()
    files: tuple[Denial, ...] = ()
    more: bool = False


class Failure(AnswerBase, frozen=True):
    """A system call that failed as the server's own call would.

    * ``errno``: the error number, as on Linux.
    * ``denial``: why access was refused, None if it is unknown.
    """

    errno: int
    denial: Denial | None = None

    @property
    def missing(self) -> bool:
        """Whether nothing exists at the path, as ``std::filesystem`` decides it (ENOENT or ENOTDIR)."""
        return self.errno in (_errno.ENOENT, _errno.ENOTDIR)


class Unavailable(AnswerBase, frozen=True):
    """A fact that could not be collected; it allows no conclusion about the server.

    * ``reason``: why it could not be collected.
    * ``timed_out``: whether the deadline passed.
    * ``outside``: the server path under no mount to which a link leads, None if that is not the reason.
    """

    reason: str
    timed_out: bool = False
    outside: str | None = None


class FileSample(FactData, frozen=True):
    """A file that belongs to a model.

    * ``path``: the server path.
    * ``size``: its size in bytes, None if it does not exist or is not a file.
    """

    path: str
    size: int | None


class Fault(FactData, frozen=True):
    """A fault of a model's bytes, found without OpenVINO.

    * ``kind``: one of the names in ``probes/inspect`` (``git-lfs-pointer``, ``weights-too-small``, …).
    * ``path``: the server path of the file.
    * ``fatal``: whether OpenVINO refuses the model because of it.
    * ``detail``: the fault in one sentence.
    * ``evidence``: the found bytes, sizes, or a layer's name.
    """

    kind: str
    path: str
    fatal: bool
    detail: str
    evidence: str


class Operation(FactData, frozen=True):
    """An operation of a model in OpenVINO's format.

    * ``type``: the operation's type as written.
    * ``opset``: the operation set as written.
    * ``count``: how many layers use it.
    * ``layer``: the name of the first such layer.
    """

    type: str
    opset: str
    count: int
    layer: str


class Tensor(FactData, frozen=True):
    """An input or output of a model.

    * ``names``: its names, none if it has none.
    * ``element_type``: its element type.
    * ``shape``: its shape as OpenVINO prints it.
    """

    names: tuple[str, ...]
    element_type: str
    shape: str


class WeightsInspection(FactData, frozen=True):
    """Constants of one element type.

    * ``element_type``: their element type.
    * ``size``: their size in the file, in bytes.
    * ``converted``: how OpenVINO handles a Convert after them: ``decompression`` keeps them as they are stored,
      ``plain`` computes them anew; empty if there is none.
    """

    element_type: str
    size: int
    converted: Literal["", "decompression", "plain"] = ""


class ModelInspection(AnswerBase, frozen=True):
    """The content of a model's bytes, read without OpenVINO.

    * ``format``: the model's format.
    * ``files``: the files that belong to the model.
    * ``faults``: the faults of its bytes.
    * ``operations``: the operations that it uses, none if the format does not list them.
    * ``element_types``: the element types that it uses, none if the format does not list them.
    * ``inputs``: its inputs, None if its bytes do not list them.
    * ``outputs``: its outputs, None if its bytes do not list them.
    * ``ir_version``: the version of OpenVINO's format, None for other formats.
    * ``writer``: the program that wrote the model, None if it is not recorded.
    * ``weights_needed``: how many bytes of weights it needs, None if that is not recorded.
    * ``weights``: its constants by element type.
    * ``states``: its states between inferences, each under the name of its variable.
    * ``runtime_options``: properties that the export wrote for the runtime, each with its value.
    """

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
    states: tuple[Tensor, ...] = ()
    runtime_options: tuple[tuple[str, str], ...] = ()


class LoadReport(AnswerBase, frozen=True):
    """OpenVINO's result for a model or a CPU extension.

    * ``level``: how far the model should be loaded.
    * ``outcome``: how loading ended.
    * ``stage``: the step that was reached.
    * ``message``: OpenVINO's whole error text.
    * ``runtime``: the version of OpenVINO.
    * ``signal``: the signal that ended the child process (outcome ``crashed``), None if none did.
    * ``inputs``: the model's own inputs.
    * ``outputs``: the model's own outputs.
    * ``detail``: more on how loading ended.
    * ``step``: the step of the preparation that failed, empty if none did.
    * ``prepared_inputs``: the inputs after the preparation.
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


class LibraryInspection(AnswerBase, frozen=True, tag="LibrarySeen"):
    """The content of a shared library's bytes.

    * ``size``: its size in bytes.
    * ``fault``: why it cannot be loaded as a library: ``empty``, ``not ELF``, ``no library`` (an object file or a
      program), ``cut off`` (the file ends before a part that must be loaded), ``damaged``; empty if it can be loaded.
    * ``detail``: the fault in one sentence.
    * ``bits``: 32 or 64, 0 if it is unknown.
    * ``machine``: the processor for which it was built, as in ``x86-64``.
    * ``needed``: the libraries that it needs.
    * ``search_paths``: where the dynamic linker searches for them, ``$ORIGIN`` as written.
    * ``symbol_versions``: the versions of symbols that it needs, as ``GLIBC_2.38``.
    * ``entry``: whether it has the entry point of an OpenVINO extension, None if that is unknown.
    * ``local_openvino``: the name of the OpenVINO library on this host, ``libopenvino.so.2641``; empty if there is
      none.
    """

    size: int
    fault: Literal["", "empty", "not ELF", "no library", "cut off", "damaged"] = ""
    detail: str = ""
    bits: int = 0
    machine: str = ""
    needed: tuple[str, ...] = ()
    search_paths: tuple[str, ...] = field(default=(), name="paths")
    symbol_versions: tuple[str, ...] = field(default=(), name="versions")
    entry: bool | None = None
    local_openvino: str = field(default="", name="openvino_here")


class TemplateInspection(AnswerBase, frozen=True):
    """The result of Jinja's parser for a chat template.

    * ``problem``: ``syntax``: the parser refuses it. ``name``: a filter or a test that the engine does not have is used
      unconditionally, which the compiler refuses. Empty for none.
    * ``message``: the sentence of Jinja about it.
    * ``line``: the line in the template, from 1; 0 if it is unknown.
    * ``tags``: the first word of each kind of block, as in ``for``, with the line of its first use.
    """

    problem: Literal["", "syntax", "name"] = ""
    message: str = ""
    line: int = 0
    tags: tuple[tuple[str, int], ...] = ()


class Writability(AnswerBase, frozen=True):
    """The rights of the server's user on an existing path.

    * ``kind``: the kind of file, after links.
    * ``uid``: its owner.
    * ``gid``: its group.
    * ``mode``: its mode bits, as a number.
    * ``writable``: whether access(2) grants writing (W_OK).
    * ``searchable``: whether access(2) grants searching (X_OK).
    * ``readable``: whether access(2) grants reading (R_OK).
    * ``read_only``: whether it is mounted read-only, for all users.
    * ``how``: whether a process with the server's ids tried, or the rights were computed.
    * ``acl``: its POSIX access control list in short text form, None if it has none.
    * ``free``: bytes that this user may still use on the file system, None if that is unknown.
    * ``free_files``: files that this user may still create, None if that is unknown or not limited.
    """

    kind: FileKind
    uid: int
    gid: int
    mode: int
    writable: bool
    searchable: bool
    readable: bool
    read_only: bool
    how: AccessMethod
    acl: str | None = None
    free: int | None = None
    free_files: int | None = None


class WriteProbe(AnswerBase, frozen=True, tag="Probed"):
    """A file was created, written and removed.

    * ``name``: the name of the file.
    * ``removed``: whether that file is removed again.
    """

    name: str
    removed: bool = True


class KeyFileInspection(AnswerBase, frozen=True, tag="KeyFileSeen"):
    """The kind of a file with credentials for Google Cloud, without any of its secrets.

    * ``size``: its size in bytes.
    * ``form``: ``object`` (a JSON object), ``json`` (other JSON), ``binary`` (it begins as PKCS#12 does), ``other``.
    * ``credentials``: the type that the object names, if it is one of Google's; ``other`` for any other type, empty
      if it names none.
    * ``project_id``: the project that it names, if that has the form of a project; else empty.
    * ``missing_keys``: keys that its type needs and that are missing, empty or not text.
    """

    size: int
    form: Literal["object", "json", "binary", "other"]
    credentials: str = ""
    project_id: str = ""
    missing_keys: tuple[str, ...] = field(default=(), name="lacking")


class ListeningSocket(FactData, frozen=True):
    """A listening TCP socket of this host.

    * ``address``: its address, ``0.0.0.0`` or ``::`` for all.
    * ``port``: its port.
    * ``program``: the name of its program, empty if it is unknown.
    """

    address: str
    port: int
    program: str = ""


class NetworkInspection(AnswerBase, frozen=True):
    """The facts of this host that decide whether a server can open its ports.

    * ``listeners``: the sockets that listen on the ports of the question.
    * ``missing_addresses``: those addresses of the question that this host does not have.
    * ``first_open_port``: the lowest port that needs no capability (net.ipv4.ip_unprivileged_port_start), None if it
      is unknown.
    * ``servers``: the arguments of each ``ovms`` that runs on this host, without secrets; only if a program listens.
    * ``uid``: the user of this process.
    * ``opens_any_port``: whether this process passes the capability NET_BIND_SERVICE on to the programs that it
      starts.
    """

    listeners: tuple[ListeningSocket, ...] = ()
    missing_addresses: tuple[str, ...] = ()
    first_open_port: int | None = None
    servers: tuple[tuple[str, ...], ...] = ()
    uid: int = 0
    opens_any_port: bool = False


Answer: TypeAlias = (
    Writability
    | NetworkInspection
    | WriteProbe
    | PathStatus
    | PathTimes
    | Listing
    | Denials
    | FileContent
    | Failure
    | Unavailable
    | ModelInspection
    | LoadReport
    | LibraryInspection
    | TemplateInspection
    | KeyFileInspection
    | StoreAnswer
)
