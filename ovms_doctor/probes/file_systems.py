"""Which paths lie on a file system that may not answer: of the network, or of a program (FUSE).

The module reads the kernel's list of mounts, and the links on the way to a path. It never reads such a file system,
because that could hang.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

#: File systems that the kernel serves from memory or from a disk of this host. All others may wait for a server or a
#: program.
_LOCAL = frozenset(
    "bpf btrfs cgroup cgroup2 configfs cramfs debugfs devpts devtmpfs efivarfs erofs exfat ext2 ext3 ext4 f2fs hfsplus "
    "hugetlbfs iso9660 jfs mqueue msdos nilfs2 nsfs ntfs3 overlay proc pstore ramfs reiserfs rootfs securityfs "
    "squashfs sysfs tmpfs tracefs udf ufs vfat xfs zfs".split()
)
_MOUNTS = "/proc/self/mountinfo"
#: Links that a path may lead through (path_resolution(7)).
_MOST_LINKS = 40


class RemoteMount(NamedTuple):
    """A file system that may not answer."""

    #: Where it is mounted.
    point: str
    #: Its type, as the kernel calls it: ``nfs4``, ``fuse.sshfs``.
    type: str

    def __str__(self) -> str:
        return f"the file system mounted at {self.point} ({self.type})"


def remote_mount(path: str) -> RemoteMount | None:
    """Returns the file system that a path leads to or through, if that may not answer.

    None for a path of this host alone, or one that does not exist. A relative path counts from the working directory.
    """
    return remote_mounts([path])[0]


def remote_mounts(paths: Sequence[str]) -> list[RemoteMount | None]:
    """Returns the same for several paths."""
    mounts = _mounts()
    if all(kind in _LOCAL for kind in mounts.values()):
        return [None] * len(paths)
    return [_mount_of(path, mounts) for path in paths]


def _mount_of(path: str, mounts: dict[str, str]) -> RemoteMount | None:
    try:
        return _first_remote(_names(os.path.join(os.getcwd(), path)), mounts)
    except (OSError, ValueError):
        return None


def _first_remote(remaining_names: list[str], mounts: dict[str, str]) -> RemoteMount | None:
    """Returns the first remote mount on the way along the names, the next one last; links are followed."""
    at, links = "/", 0
    point = "/"
    while True:
        point = _point_of(at, mounts)
        if mounts.get(point, "rootfs") not in _LOCAL:
            return RemoteMount(point, mounts[point])
        if not remaining_names:
            return None
        name = remaining_names.pop()
        if name == "..":
            at = os.path.dirname(at)
            continue
        at = f"{at.rstrip('/')}/{name}"
        # A mount point is not a link.
        if at in mounts:
            continue
        try:
            target = os.readlink(at)
        except OSError:
            # Not a link; or it does not exist, and then nothing below it exists either.
            continue
        links += 1
        if links > _MOST_LINKS:
            return None
        at = "/" if target.startswith("/") else os.path.dirname(at)
        remaining_names += _names(target)


def _names(path: str) -> list[str]:
    """Returns the names of a path, the first one last."""
    return [name for name in path.split("/") if name not in ("", ".")][::-1]


def _point_of(path: str, mounts: dict[str, str]) -> str:
    while path not in mounts and path != "/":
        path = os.path.dirname(path)
    return path


def _mounts() -> dict[str, str]:
    """Returns the type of each mounted file system, by mount point: of several at one path the last one is visible."""
    try:
        with open(_MOUNTS, "rb") as file:
            lines = file.read().splitlines()
    except OSError:
        return {}
    found: dict[str, str] = {}
    for line in lines:
        before, _, after = line.partition(b" - ")
        fields = before.split(b" ")
        if len(fields) > 4:
            found[os.fsdecode(_unescaped(fields[4]))] = after.split(b" ")[0].decode("ascii", "replace")
    return found


def _unescaped(text: bytes) -> bytes:
    """Returns a path without the kernel's escapes: it writes blanks and similar characters as three octal digits
    (proc_pid_mountinfo(5))."""
    first, *rest = text.split(b"\\")
    return first + b"".join(bytes([int(part[:3], 8)]) + part[3:] for part in rest)
