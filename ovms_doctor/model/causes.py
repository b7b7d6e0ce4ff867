"""Why a version does not load, as data."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.cache_plan import CacheFails
from ovms_doctor.model.facts import Failure, Listing, LoadReport, ModelInspection, Operation, StoreRefusal
from ovms_doctor.model.facts.preparation import ModelFormat


class VersionDirectoryMissing(Struct, frozen=True, tag=True):
    """The directory named like the number does not exist."""

    #: That directory, as the server writes it.
    path: str
    #: The names of the directories that the server reads as this number.
    names: tuple[str, ...]


class AccessFails(Struct, frozen=True, tag=True):
    """A system call fails for the server's user."""

    #: The path of the call, as the server writes it.
    path: str
    #: How it fails.
    failure: Failure
    #: Whether the server reads metadata (``look``) or reads a file (``read``).
    during: Literal["look", "read"]
    #: OpenVINO's result for the model, if it was tried.
    report: LoadReport | None = None


class NoModelFile(Struct, frozen=True, tag=True):
    """Nothing in the version directory is a complete set of model files."""

    #: The version directory.
    path: str
    #: Its entries.
    listing: Listing


class PairMissing(Struct, frozen=True, tag=True):
    """A named model file lacks the second file that the server requires."""

    #: The model file.
    path: str
    #: The file that does not exist.
    missing: str


class SpecialFile(Struct, frozen=True, tag=True):
    """A FIFO, device, socket or directory instead of a model file."""

    #: Its path, as the server writes it.
    path: str
    #: Its kind, as in PathStatus.
    kind: str


class ReadRefused(Struct, frozen=True, tag=True):
    """OpenVINO does not read the model, or its bytes show that it cannot."""

    #: The model file.
    path: str
    #: The model's format.
    format: ModelFormat
    #: The content of its bytes; None if they were not read.
    inspection: ModelInspection | None
    #: OpenVINO's result for it; None if it was not tried.
    report: LoadReport | None


class NotInRelease(Struct, frozen=True, tag=True):
    """The model uses operations or types that the release's OpenVINO does not have."""

    #: The model file.
    path: str
    #: The operations that are missing there.
    operations: tuple[Operation, ...] = ()
    #: The element types that are missing there.
    element_types: tuple[str, ...] = ()


class NoTensors(Struct, frozen=True, tag=True):
    """The model has no inputs, or no outputs, or one without a name."""

    #: The model file.
    path: str
    #: Which of them.
    side: Literal["inputs", "outputs", "unnamed input", "unnamed output"]
    #: OpenVINO's result for the model; None if it was not tried.
    report: LoadReport | None = None


class CompileRefused(Struct, frozen=True, tag=True):
    """The device's plugin does not accept the model."""

    #: The model file.
    path: str
    #: OpenVINO's result for it.
    report: LoadReport


class ParameterRefused(Struct, frozen=True, tag=True):
    """A parameter does not fit the model."""

    #: The model file.
    path: str
    #: The parameter's name.
    parameter: str
    #: The reason.
    reason: Literal[
        "anonymous",
        "mapped",
        "unknown_tensor",
        "layout",
        "build",
        "preprocessing",
        "scalar",
        "reshape",
        "batch",
        "rank",
        "device",
        "compile",
        "too_high",
    ]
    #: The input or output, or the name in the parameter that the model does not have.
    tensor: str = ""
    #: The tensor's name in mapping_config.json; empty for none.
    alias: str = ""
    #: OpenVINO's result for the model; None if it was not tried.
    report: LoadReport | None = None


class RuntimeCrashes(Struct, frozen=True, tag=True):
    """Reading or compiling the model kills the process."""

    #: The model file.
    path: str
    #: OpenVINO's result for it.
    report: LoadReport


class CouldNotLook(Struct, frozen=True, tag=True):
    """A fact that the rules need is unavailable."""

    #: The subject: a path, an option, a source.
    path: str
    #: Why it is unavailable.
    reason: str
    #: Whether the deadline passed.
    timed_out: bool = False
    #: The --mount that would show it, as ``HOST:SERVER``; HOST is ``DIRECTORY`` if no directory was found.
    mount: str = ""


class DownloadFails(Struct, frozen=True, tag=True):
    """The download of a version from a store fails, so no version that is loaded together with it is downloaded."""

    #: The directory of the version whose download fails, as the server writes it.
    path: str
    #: The number of that version.
    failed_version: int
    #: ``missing``: the directory named like the number does not exist; ``refused``: an object is refused;
    #: ``archived``: an object must be restored first; ``nameless``: a key has two consecutive slashes, and the
    #: directory between them cannot be made; ``temporary``: /tmp cannot be written.
    reason: Literal["missing", "refused", "archived", "nameless", "temporary"]
    #: The names that the server reads as the number (``missing``).
    names: tuple[str, ...] = ()
    #: The key of the object (``refused``, ``archived``).
    object: str = ""
    #: The store's refusal (``refused``).
    refusal: StoreRefusal | None = None


Cause: TypeAlias = (
    VersionDirectoryMissing
    | AccessFails
    | NoModelFile
    | PairMissing
    | SpecialFile
    | ReadRefused
    | NotInRelease
    | NoTensors
    | CompileRefused
    | ParameterRefused
    | RuntimeCrashes
    | CacheFails
    | DownloadFails
    | CouldNotLook
)
