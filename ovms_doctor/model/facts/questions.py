"""What the rules may ask about the world.

Every path in a question is the *server's* path, but for StatHost's; a collector knows where it lies on this host.
Every question about a path is asked as the server's user: what is answered is what *it* would see.
Paths are text as ``os.fsdecode`` gives it (bytes that are not UTF-8 become lone surrogates).
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from ovms_doctor.model.facts.preparation import LoadLevel as LoadLevel
from ovms_doctor.model.facts.preparation import ModelFormat as ModelFormat
from ovms_doctor.model.facts.preparation import Preparation as Preparation
from ovms_doctor.model.facts.stores import StoreQuestion


class StatPath(Struct, frozen=True):
    """stat(2) of a path, links followed. Answer: PathStatus, Failure or Unavailable.

    ``own``: asked with this process's own rights, only to understand what the user named.
    """

    path: str
    own: bool = False


class StatHost(Struct, frozen=True):
    """stat(2) of a path of *this host*, links followed, with this process's own rights; no mount is looked at.
    Answer: PathStatus, Failure or Unavailable.

    Asked where the server's path lies under no mount: what is called so here was perhaps meant.
    """

    path: str


class ListDirectory(Struct, frozen=True):
    """The entries of a directory, in the file system's order. Answer: Listing, Failure or Unavailable.
    ``own`` as in StatPath."""

    path: str
    own: bool = False


class ReadFile(Struct, frozen=True):
    """The first ``limit`` bytes of a regular file. Answer: FileContent, Failure or Unavailable.

    Asked only after StatPath said that the path is a regular file: opening anything else may hang.
    """

    path: str
    limit: int


class InspectModel(Struct, frozen=True):
    """What the bytes of a model say, read without OpenVINO.

    ``path`` is the file (for a SavedModel the directory, ending in ``/``) that the server hands to
    ``read_model``. Answer: ModelInspection, Failure or Unavailable.
    """

    path: str
    format: ModelFormat


class LoadModel(Struct, frozen=True):
    """What OpenVINO does with a model, tried in a child process. Answer: LoadReport or Unavailable.

    ``preparation``: None to take the model as it is, and the server's defaults to compile it on CPU.
    ``extension``: a CPU extension that is loaded first, which runs its code; None for none.
    """

    path: str
    level: LoadLevel
    preparation: Preparation | None = None
    extension: str | None = None


class InspectLibrary(Struct, frozen=True):
    """What the bytes of a shared library say, which is not loaded. Answer: LibrarySeen, Failure or Unavailable.

    Asked only after StatPath said that the path is a regular file.
    """

    path: str


class LoadExtension(Struct, frozen=True):
    """What OpenVINO does with a CPU extension, tried in a child process: this runs the library's code.
    Answer: LoadReport (level ``read``) or Unavailable.

    Asked only of a library that the user named, and that was built for the very OpenVINO at hand.
    """

    path: str


class InspectKeyFile(Struct, frozen=True):
    """What kind of key a file holds; the key itself is never answered. Answer: KeyFileSeen, Failure or Unavailable.

    Asked only after StatPath said that the path is a regular file.
    """

    path: str


class CheckWritable(Struct, frozen=True):
    """access(2) of a path for writing, and what else decides whether files can be made there; nothing is written.
    Answer: Writability, Failure (of stat(2)) or Unavailable."""

    path: str


class ProbeWrite(Struct, frozen=True):
    """A file made, written and removed in a directory, as the server's user. Only asked where the user wants it:
    the one question that changes anything. Answer: Probed, Failure or Unavailable."""

    path: str


Question: TypeAlias = (
    CheckWritable
    | ProbeWrite
    | StatPath
    | StatHost
    | ListDirectory
    | ReadFile
    | InspectModel
    | LoadModel
    | InspectLibrary
    | LoadExtension
    | InspectKeyFile
    | StoreQuestion
)
