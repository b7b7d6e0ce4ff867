"""The plan of the model cache, as data."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.facts import Failure, Unavailable, Writability, WriteProbe

#: The effect of the cache on a model that should use it. ``caches``: as intended; ``uncached``: it is compiled again
#: at every start; ``refused``: compiling it fails; ``aborts``: compiling it ends the process with SIGABRT.
CacheEffect: TypeAlias = Literal["caches", "uncached", "refused", "aborts", "unknown"]


class StuckBlob(Struct, frozen=True):
    """A file of the cache that the server can neither use nor replace.

    * ``path``: the server path.
    * ``problem``: why the server cannot use it.
    * ``rights``: the rights of the server's user to write it.
    """

    path: str
    problem: Literal["unreadable", "empty"]
    rights: Writability


class CachePlan(Struct, frozen=True):
    """The model cache that the server enables at its start.

    * ``path``: the directory as the server names it.
    * ``absolute_path``: the same as an absolute server path.
    * ``configured``: whether it is named with --cache_dir; else the cache is on because the directory exists.
    * ``effect``: the effect of the cache on a model that should use it.
    * ``ends``: the text of the exception with which the process ends because of the cache, empty if it does not.
    * ``failure``: the failed system call that causes the exception.
    * ``failed_path``: the server path on which that call fails.
    * ``failed_path_rights``: rights on the directory in which the cache's directory cannot be created.
    * ``created``: whether the server creates the directory at its start.
    * ``engine_makes``: whether the container's engine creates it before the start.
    * ``rights``: the rights of the server's user to write in the directory, None if they are unknown.
    * ``kept``: whether written files remain when the container is removed, None if that is unknown.
    * ``in_memory``: whether it is a tmpfs.
    * ``blobs``: the number of blobs, None if they were not counted.
    * ``stuck``: blobs that the server can neither use nor replace.
    * ``exception``: the exception of a model that is ``refused`` or ``aborts``; ``<hash>`` in it replaces a name that
      OpenVINO computes.
    * ``throws``: whether the exception occurs when the property is set, not when the model is compiled.
    * ``probe``: the result of a file that was really written, None if none was.
    """

    path: str
    absolute_path: str
    configured: bool
    effect: CacheEffect = "unknown"
    ends: str = ""
    failure: Failure | None = None
    failed_path: str = ""
    failed_path_rights: Writability | None = None
    created: bool = False
    engine_makes: bool = False
    rights: Writability | None = None
    kept: bool | None = None
    in_memory: bool = False
    blobs: int | None = None
    stuck: tuple[StuckBlob, ...] = ()
    exception: str = ""
    throws: bool = False
    probe: WriteProbe | Failure | Unavailable | None = None


class CacheFails(Struct, frozen=True, tag=True):
    """A model is not loaded because of the cache; its plan has the reason."""

    #: The cache's directory.
    path: str
    #: Whether the process ends with SIGABRT.
    aborts: bool
