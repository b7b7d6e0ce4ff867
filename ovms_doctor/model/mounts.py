"""The mounts of a server: maps server paths to host paths, and back.

One rule for all users: mounts are made one after the other, and a later one hides what an earlier one has at or below
its path. Container engines mount a directory before those below it, independent of their order in the source (moby:
``sortMounts`` in daemon/volumes.go; containerd's CRI plugin: ``orderedMounts``; Podman: ``sortMounts``).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from typing import Literal, TypeVar

from msgspec import Struct

from ovms_doctor.model.container import ContainerMount


class Mount(Struct, frozen=True):
    """A directory or file of this host that is mounted for the server."""

    #: Its absolute path on this host.
    host: str
    #: Its absolute server path.
    server: str
    #: Whether the server cannot write to it, with any rights.
    read_only: bool = False
    #: ``copy``: a copy of the mounted files, with other rights; ``kept``: a copy with the same rights; empty: the
    #: mounted files themselves.
    rights: Literal["", "copy", "kept"] = ""


class UnavailablePath(Struct, frozen=True):
    """A server path whose content, with all below it, cannot be collected from here."""

    #: The absolute server path.
    server: str
    #: Why, as one sentence for the user.
    reason: str


AnyMount = TypeVar("AnyMount", Mount, ContainerMount)


class MountTable:
    """The paths of this host that are mounted for a server, and the server paths that are unavailable from here.

    Maps the text of paths; links are not followed. A ``..`` that stays below its mount is left to the kernel; one
    that leaves the mount is resolved in the server's paths, as the kernel does at the top of a mount. Without
    mounts, server paths and host paths are the same.
    """

    __slots__ = ("_mounted", "_unavailable", "mounts")

    #: The mounts that nothing hides, in the order in which they are made.
    mounts: tuple[Mount, ...]

    def __init__(self, mounts: Iterable[Mount] = (), unavailable: Iterable[UnavailablePath] = ()) -> None:
        """``mounts``: in the order in which they are made. ``unavailable``: paths; mounts at or below them hide
        them."""
        self.mounts = visible(mounts)
        # The deepest first: of the visible ones it is the one that counts.
        self._mounted = sorted(
            ((_names(mount.server), mount) for mount in self.mounts), key=lambda pair: -len(pair[0])
        )
        self._unavailable = [(_names(item.server), item.reason) for item in unavailable]

    def mount_of(self, server: str) -> Mount | None:
        """Returns the mount that contains a server path; None if there is none."""
        names = _names(server)
        return next((mount for base, mount in self._mounted if names[: len(base)] == base), None)

    def has_below(self, server: str) -> bool:
        """Whether there is a mount below a server path, so that its directory exists."""
        names = _names(server)
        return any(base[: len(names)] == names for base, _ in self._mounted)

    def to_host(self, server: str) -> str | None:
        """Returns the host path of an absolute server path; None under no mount. A slash at the end is kept."""
        if not self._mounted:
            return server
        names = _names(server)
        for base, mount in self._mounted:
            if names[: len(base)] == base:
                rest = None if self._crosses(server, mount) else _rest(server, base)
                if rest is None:
                    slash = [""] if server.endswith("/") else []
                    rest = [*names[len(base) :], *slash]
                top = mount.host.rstrip("/")
                return "/".join([top, *rest]) if rest else top or "/"
        return None

    def _crosses(self, server: str, mount: Mount) -> bool:
        """Whether a ``..`` of the path leads out of a mount, or begins outside ``mount``."""
        if ".." not in server:
            return False
        names: list[str] = []
        for name in plain(server):
            if name != "..":
                names.append(name)
                continue
            above = names[:-1]
            if any(self.mount_of("/" + "/".join(each)) is not mount for each in (names, above)):
                return True
            names = above
        return False

    def to_server(self, host: str) -> str | None:
        """Returns the server path of a host path: through the mount with the longest matching host path, unless
        another mount hides it; None if the host path is not mounted."""
        if not self._mounted:
            return host
        names = _names(host)
        fitting = [mount for mount in self.mounts if _below(names, _names(mount.host))]
        for mount in sorted(fitting, key=lambda mount: -len(_names(mount.host))):
            rest = _rest(host, _names(mount.host))
            if rest is None or ".." in rest:
                rest = list(names[len(_names(mount.host)) :])
            top = "/" + "/".join(_names(mount.server))
            server = "/".join([top.rstrip("/"), *rest]) if rest else top
            if self.mount_of(server) is mount:
                return server
        return None

    def read_only(self, server: str) -> bool:
        """Whether the mount that contains a server path is read-only."""
        mount = self.mount_of(server)
        return mount is not None and mount.read_only

    @property
    def has_unavailable(self) -> bool:
        """Returns whether the content at any server path is unavailable."""
        return bool(self._unavailable)

    def unavailable(self, server: str) -> str | None:
        """Returns why the content at an absolute server path is unavailable; None if it is available. The longest
        path above it decides."""
        if not self._unavailable or not server.startswith("/"):
            return None
        names = _names(server)
        depth, reason = -1, None
        for base, text in self._unavailable:
            if len(base) > depth and _below(names, base):
                depth, reason = len(base), text
        mounted = next((len(base) for base, _ in self._mounted if names[: len(base)] == base), -1)
        return None if mounted >= depth else reason


def engine_order(mounts: Iterable[AnyMount]) -> tuple[AnyMount, ...]:
    """Returns the mounts in the order in which a container engine makes them: a directory before those below it,
    equal paths in the order of the source."""
    return tuple(sorted(mounts, key=lambda mount: len(_names(mount.server))))


def visible(mounts: Iterable[AnyMount]) -> tuple[AnyMount, ...]:
    """Returns the mounts without those that a later one hides: one at the same path, or at a directory above it."""
    kept: list[AnyMount] = []
    for mount in mounts:
        names = _names(mount.server)
        kept = [other for other in kept if not _below(_names(other.server), names)]
        kept.append(mount)
    return tuple(kept)


def covering(mounts: Iterable[AnyMount], server: str) -> tuple[AnyMount, ...]:
    """Returns the mounts of a container at a server path or at a directory above it, the visible one first: in an
    engine's order, a later one hides an earlier one at its path."""
    names = _names(server)
    found = [mount for mount in engine_order(mounts) if _below(names, _names(mount.server))]
    return tuple(reversed(found))


def components(path: str) -> list[str]:
    """Returns the names between the slashes, ``.`` and ``..`` included; the last is empty for a slash at the end,
    which requires a directory. ``/`` has none."""
    names = [name for name in path.split("/") if name]
    return [*names, ""] if names and path.endswith("/") else names


def plain(path: str) -> list[str]:
    """Returns :func:`components` without ``.`` and empty names, which is the form for comparing paths of mounts and
    roots."""
    return [name for name in path.split("/") if name not in ("", ".")]


def prefix_length(names: Sequence[str], base: Sequence[str]) -> int | None:
    """Returns how many of ``names`` lead to ``base`` or through it (``.`` adds nothing); None if they do not."""
    used = 0
    for name in base:
        while used < len(names) and names[used] == ".":
            used += 1
        if used == len(names) or names[used] != name:
            return None
        used += 1
    return used


def join(directory: str, name: str) -> str:
    """Returns ``name`` in ``directory``, which has no slash at the end unless it is ``/``."""
    return directory + name if directory == "/" else f"{directory}/{name}"


def _names(path: str) -> tuple[str, ...]:
    """Returns the names of an absolute path, ``..`` resolved as text."""
    if "/." in path:
        path = posixpath.normpath(path)
    return tuple(name for name in path.split("/") if name)


def _below(names: tuple[str, ...], base: tuple[str, ...]) -> bool:
    return names[: len(base)] == base


def _rest(path: str, base: tuple[str, ...]) -> list[str] | None:
    """Returns the components of ``path`` after ``base``, as written; None if they do not begin with it."""
    names = components(path)
    used = prefix_length(names, base)
    if used is None:
        return None
    return names[used:]


#: Without mounts: each server path is the same path of this host.
NO_MOUNTS = MountTable()
