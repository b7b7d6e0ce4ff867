"""The resolved path on this host of a server path."""

from __future__ import annotations

import stat

from msgspec import Struct


class ResolvedPath(Struct, frozen=True):
    """An existing path, resolved.

    ``server``: the resolved server path.
    ``host``: the path with which this process reaches it (through the descriptor of a root, if necessary; empty for a
        directory of the container that is only known to contain a mount).
    ``mode``: its type and permission bits, as in stat(2).
    ``uid``: its owner.
    ``gid``: its group.
    ``size``: its size in bytes.
    ``followed``: the number of links on the way, which is limited.
    ``linked``: whether ``server`` differs from the requested path.
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
