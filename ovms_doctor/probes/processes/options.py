"""The options that a worker of each kind receives at its start, in the first line."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from ovms_doctor.model.host import User
from ovms_doctor.model.mounts import Mount


class FileOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """The options of a worker that reads the file system.

    ``user``: the server's user, whose ids are valid; None for this process's own user.
    ``roots``: the server paths from which rights count downwards; if empty, all rights count.
    ``mounts``: the paths of this host that are mounted for the server.
    ``stuck``: roots and mounts whose file system does not answer, with the reason, by server path.
    """

    user: User | None = None
    roots: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    stuck: dict[str, str] = {}


class ModelOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """The options of a worker that inspects or loads models, libraries or pipelines.

    ``files``: how it finds them.
    ``memory_limit``: bytes that it may use to load; None for no limit.
    ``all_libraries``: whether it loads all of OpenVINO's libraries at its start, else a library may be loaded before
        the first model that needs it.
    """

    files: FileOptions = FileOptions()
    memory_limit: int | None = None
    all_libraries: bool = False


class StoreOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """The options of a worker that queries stores.

    ``secrets``: values of the server's variables, by name.
    ``files``: contents of the files with credentials, by server path.
    ``time_limit``: seconds for one request with all its attempts.
    ``uses_s3``: whether S3 will be queried, so that slow imports are done at the start.
    """

    secrets: dict[str, str]
    files: dict[str, bytes]
    time_limit: float
    uses_s3: bool = False


WorkerOptions: TypeAlias = FileOptions | ModelOptions | StoreOptions
