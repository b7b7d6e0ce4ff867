"""What becomes of the model cache: data only, read through :mod:`ovms_doctor.model.plan`."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.facts import Failure, Unavailable, Writability, WriteProbe

#: What the cache does to a model that is to use it. ``caches``: what is meant; ``uncached``: it is compiled anew at
#: every start; ``refused``: compiling it fails; ``aborts``: compiling it ends the process with SIGABRT.
CacheEffect: TypeAlias = Literal["caches", "uncached", "refused", "aborts", "unknown"]


class StuckBlob(Struct, frozen=True):
    """A file of the cache that the server can neither use nor replace. ``path`` is the server's."""

    path: str
    why: Literal["unreadable", "empty"]
    rights: Writability


class CachePlan(Struct, frozen=True):
    """The model cache that the server turns on at its start.

    ``path`` as the server names it, ``where`` made absolute; ``given``: named with --cache_dir, else it is the
    directory that turns the cache on by being there. ``ends``: the exception's text with which the process ends
    over it, ``failure`` the system call's, on ``at``; ``at_rights``: of the directory in which it cannot be made.
    ``created``: it is made at the start, ``engine_makes``: by the container's engine, before. ``rights``: None where
    they are not known. ``kept``: what is written stays when the container goes; None where it is not known.
    ``in_memory``: it is a tmpfs. ``blobs``: how many are there, None where nobody looked. ``what``: the exception
    of a model that is ``refused`` or ``aborts``, in which ``<hash>`` stands for a name that OpenVINO computes.
    ``throws``: at setting the property, not at compiling. ``probe``: what came of a file that was really written.
    """

    path: str
    where: str
    given: bool
    effect: CacheEffect = "unknown"
    ends: str = ""
    failure: Failure | None = None
    at: str = ""
    at_rights: Writability | None = None
    created: bool = False
    engine_makes: bool = False
    rights: Writability | None = None
    kept: bool | None = None
    in_memory: bool = False
    blobs: int | None = None
    stuck: tuple[StuckBlob, ...] = ()
    what: str = ""
    throws: bool = False
    probe: WriteProbe | Failure | Unavailable | None = None


class CacheFails(Struct, frozen=True, tag=True):
    """A model does not come up because of the cache, whose plan tells why. ``path``: the cache's directory."""

    path: str
    aborts: bool
