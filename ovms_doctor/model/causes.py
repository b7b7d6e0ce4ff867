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
    #: The names of the directories that are read as this number.
    names: tuple[str, ...]


class AccessFails(Struct, frozen=True, tag=True):
    """A system call fails for the server's user."""

    #: What it is called on, as the server writes it.
    path: str
    #: How it fails.
    failure: Failure
    #: Whether the server looks at the file system (``look``) or reads a file (``read``).
    during: Literal["look", "read"]
    #: What OpenVINO did with the model, where it was tried.
    report: LoadReport | None = None


class NoModelFile(Struct, frozen=True, tag=True):
    """Nothing in the version directory is a complete set of model files."""

    #: The version directory.
    path: str
    #: Its entries.
    listing: Listing


class PairMissing(Struct, frozen=True, tag=True):
    """A model file that is named itself lacks the second file that the server requires."""

    #: The model file.
    path: str
    #: The file that does not exist.
    missing: str


class SpecialFile(Struct, frozen=True, tag=True):
    """A FIFO, device, socket or directory has the place of a model file."""

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
    #: What its bytes hold; None where they were not read.
    inspection: ModelInspection | None
    #: What OpenVINO did with it; None where it was not tried.
    report: LoadReport | None


class NotInRelease(Struct, frozen=True, tag=True):
    """The model uses what the OpenVINO of this release does not have."""

    #: The model file.
    path: str
    #: Operations that it does not have.
    operations: tuple[Operation, ...] = ()
    #: Element types that it does not have.
    element_types: tuple[str, ...] = ()


class NoTensors(Struct, frozen=True, tag=True):
    """The model has no inputs, or no outputs, or one without a name."""

    #: The model file.
    path: str
    #: Which of them.
    which: Literal["inputs", "outputs", "unnamed input", "unnamed output"]
    #: What OpenVINO did with the model; None where that was not tried.
    report: LoadReport | None = None


class CompileRefused(Struct, frozen=True, tag=True):
    """The device's plugin does not accept the model."""

    #: The model file.
    path: str
    #: What OpenVINO did with it.
    report: LoadReport


class ParameterRefused(Struct, frozen=True, tag=True):
    """A parameter does not fit the model."""

    #: The model file.
    path: str
    #: The parameter's name.
    parameter: str
    #: What is wrong.
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
    #: The input or output that it is about, or the name in the parameter that the model does not have.
    tensor: str = ""
    #: The name that mapping_config.json gives the tensor; empty for none.
    alias: str = ""
    #: What OpenVINO did with the model; None where that was not tried.
    report: LoadReport | None = None


class RuntimeCrashes(Struct, frozen=True, tag=True):
    """Reading or compiling the model kills the process."""

    #: The model file.
    path: str
    #: What OpenVINO did with it.
    report: LoadReport


class CouldNotLook(Struct, frozen=True, tag=True):
    """Something that the rules need is unavailable."""

    #: What it is: a path, an option, a source.
    path: str
    #: Why it is unavailable.
    reason: str
    #: Whether the deadline passed.
    timed_out: bool = False
    #: The --mount that would show it, as ``HOST:SERVER``; HOST is ``DIRECTORY`` where no directory was found.
    mount: str = ""


class DownloadFails(Struct, frozen=True, tag=True):
    """The download of a version from a store fails, so no version that is loaded together with it is downloaded."""

    #: The directory of the version whose download fails, as the server writes it.
    path: str
    #: The number of that version.
    culprit: int
    #: ``missing``: the directory named like the number does not exist; ``refused``: an object is refused;
    #: ``archived``: an object must be restored first; ``nameless``: a key has two slashes in a row, and the
    #: directory between them cannot be made; ``temporary``: nothing can be written to /tmp.
    reason: Literal["missing", "refused", "archived", "nameless", "temporary"]
    #: The names that are read as the number (``missing``).
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
