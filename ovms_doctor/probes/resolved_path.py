"""What a server path leads to on this host."""

from __future__ import annotations

import stat

from msgspec import Struct


class ResolvedPath(Struct, frozen=True):
    """Something that exists.

    ``server`` is its real server path, ``host`` how this process reaches it (through the descriptor of a
    root, if need be; empty for a directory of the container's own that is only known to hold a mount).
    ``followed`` counts the links on the way, which are limited; ``linked`` tells whether ``server`` is
    another path than the one asked for.
    """

    server: str
    host: str
    mode: int
    uid: int
    gid: int
    size: int
    followed: int = 0
    linked: bool = False

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)
