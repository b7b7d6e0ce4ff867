"""Server paths and host paths: where a path that the server uses lies on this host, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from msgspec import Struct


class MountLike(Protocol):
    """What is needed of a mount; the deployment's own type has it too."""

    @property
    def host(self) -> str: ...
    @property
    def server(self) -> str: ...
    @property
    def read_only(self) -> bool: ...


class Mount(Struct, frozen=True):
    """A directory or file of this host, and where the server sees it. Both absolute."""

    host: str
    server: str
    read_only: bool = False


class PathMap:
    """Maps by text alone: links are not followed and ``..`` is not resolved. No mounts: the identity."""

    def __init__(self, mounts: Sequence[MountLike] = ()) -> None:
        self._to_host = [(m.server, m.host) for m in mounts]
        self._to_server = [(m.host, m.server) for m in mounts]

    def to_host(self, server: str) -> str | None:
        """Where ``server`` lies on this host; None under no mount. The longest server prefix wins; of two
        mounts on the same place the later one, as mounting does."""
        return _replace_prefix(server, self._to_host) if self._to_host else server

    def to_server(self, host: str) -> str | None:
        """Where the server sees ``host``; None if it does not. The longest host prefix wins."""
        return _replace_prefix(host, self._to_server) if self._to_server else host


class Hidden:
    """Places of the server's that are not to be had from here, each with the reason; a mount below one is seen."""

    def __init__(self, unseen: Sequence[tuple[str, str]], seen: Iterable[str] = ()) -> None:
        self._places: list[tuple[list[str], str | None]] = [(plain(server), None) for server in seen]
        self._places += [(plain(server), reason) for server, reason in unseen]
        self._any = bool(unseen)

    def reason(self, path: str) -> str | None:
        """Why ``path`` cannot be seen; None where it can. The longest place above it decides."""
        if not self._any or not path.startswith("/"):
            return None
        names = components(path)
        best: tuple[int, str | None] = (-1, None)
        for base, reason in self._places:
            if prefix_length(names, base) is not None and len(base) > best[0]:
                best = (len(base), reason)
        return best[1]


def components(path: str) -> list[str]:
    """The names between the slashes, ``.`` and ``..`` included; a last empty one stands for a slash at
    the end, which asks for a directory. ``/`` has none."""
    names = [name for name in path.split("/") if name]
    return [*names, ""] if names and path.endswith("/") else names


def prefix_length(names: Sequence[str], base: Sequence[str]) -> int | None:
    """How many of ``names`` lead to ``base`` or through it (``.`` adds nothing); None if they do not."""
    used = 0
    for wanted in base:
        while used < len(names) and names[used] == ".":
            used += 1
        if used == len(names) or names[used] != wanted:
            return None
        used += 1
    return used


def plain(path: str) -> list[str]:
    """:func:`components` without ``.`` and empty names: how the place of a mount or root is compared."""
    return [name for name in path.split("/") if name not in ("", ".")]


def join(directory: str, name: str) -> str:
    """``name`` in ``directory``, which has no slash at the end unless it is ``/``."""
    return directory + name if directory == "/" else f"{directory}/{name}"


def _replace_prefix(path: str, pairs: Iterable[tuple[str, str]]) -> str | None:
    names = components(path)
    best: tuple[int, int, str] | None = None
    for old, new in pairs:
        base = plain(old)
        used = prefix_length(names, base)
        if used is not None and (best is None or len(base) >= best[0]):
            best = (len(base), used, new)
    if best is None:
        return None
    rest = names[best[1] :]
    top = best[2].rstrip("/")
    return "/".join([top, *rest]) if rest else top or "/"
