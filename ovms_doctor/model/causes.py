"""Why a version does not load. Data only; read through :mod:`ovms_doctor.model.plan`."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.cache_plan import CacheFails
from ovms_doctor.model.facts import Failure, Listing, LoadReport, ModelInspection, Operation, StoreRefusal
from ovms_doctor.model.facts.preparation import ModelFormat


class VersionDirectoryMissing(Struct, frozen=True, tag=True):
    """The directory called like the number is not there; ``names`` are the ones read as this number."""

    path: str
    names: tuple[str, ...]


class AccessFails(Struct, frozen=True, tag=True):
    """A system call on ``path`` fails for the server's user, while it looks (``look``) or reads (``read``)."""

    path: str
    failure: Failure
    during: Literal["look", "read"]
    report: LoadReport | None = None


class NoModelFile(Struct, frozen=True, tag=True):
    """Nothing in the version directory is a complete set of model files."""

    path: str
    listing: Listing


class PairMissing(Struct, frozen=True, tag=True):
    """A model file named directly lacks the second file that the server insists on."""

    path: str
    missing: str


class SpecialFile(Struct, frozen=True, tag=True):
    """A FIFO, device, socket or directory stands where a model file is expected."""

    path: str
    kind: str


class ReadRefused(Struct, frozen=True, tag=True):
    """OpenVINO does not read the model, or its bytes show that it cannot."""

    path: str
    format: ModelFormat
    inspection: ModelInspection | None
    report: LoadReport | None


class NotInRelease(Struct, frozen=True, tag=True):
    """The model uses what the OpenVINO inside this release does not have."""

    path: str
    operations: tuple[Operation, ...] = ()
    element_types: tuple[str, ...] = ()


class NoTensors(Struct, frozen=True, tag=True):
    """The model has no inputs, or no outputs, or one without a name."""

    path: str
    which: Literal["inputs", "outputs", "unnamed input", "unnamed output"]
    report: LoadReport | None = None


class CompileRefused(Struct, frozen=True, tag=True):
    """The device's plugin does not take the model."""

    path: str
    report: LoadReport


class ParameterRefused(Struct, frozen=True, tag=True):
    """A parameter that the model does not take. ``parameter`` its name; ``tensor`` the input or output that it
    is about, or the name in the parameter that is none; ``reason`` tells the case."""

    path: str
    parameter: str
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
    tensor: str = ""
    alias: str = ""
    report: LoadReport | None = None


class RuntimeCrashes(Struct, frozen=True, tag=True):
    """Reading or compiling the model kills the process."""

    path: str
    report: LoadReport


class CouldNotLook(Struct, frozen=True, tag=True):
    """Something needed could not be looked at from here."""

    path: str
    reason: str
    timed_out: bool = False


class DownloadFails(Struct, frozen=True, tag=True):
    """A version in a store is not downloaded, and with it none of those that are loaded with it.

    ``path``: of the version whose download fails, as the server writes it; ``culprit`` its number. ``reason``:
    ``missing`` (the directory called like the number is not there; ``names`` are read as it), ``refused`` (an
    object may not be read, ``refusal``), ``archived`` (``object`` must be restored first), ``nameless`` (two slashes
    stand in a row in a key, and the directory between them cannot be made), ``temporary`` (nothing can be written to
    /tmp)."""

    path: str
    culprit: int
    reason: Literal["missing", "refused", "archived", "nameless", "temporary"]
    names: tuple[str, ...] = ()
    object: str = ""
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
