"""Rights of the server's user: tried as that user if this process can become it, else computed.

The computed answer follows the kernel (fs/namei.c ``acl_permission_check``, fs/posix_acl.c ``posix_acl_permission``,
``may_follow_link``), which differs from acl(5) in one point: if the mode has no group bits (with an ACL: an empty
mask), the kernel does not read the ACL.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Literal, TypeAlias

from ovms_doctor.model.facts import Denial, Failure, Unavailable
from ovms_doctor.model.facts.answers import Right
from ovms_doctor.model.host import User
from ovms_doctor.probes import acl
from ovms_doctor.probes.resolved_path import ResolvedPath

#: How this process acts for the server's user. ``self``: this process is that user, or no user was named; ``drop``:
#: it becomes that user; ``predict``: it can do neither and computes the rights.
AccessMode: TypeAlias = Literal["self", "drop", "predict"]

_SETGID, _SETUID = 6, 7
#: CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER (linux/capability.h): if this process has one of these, a try
#: proves nothing about a user without them.
_OVERRIDES = 0b1110
_NO_ID = 2**32 - 1


class Ids(User, frozen=True):
    """A user whose ids the kernel accepts. Raises ValueError for an invalid id."""

    def __post_init__(self) -> None:
        # For setresuid(2), -1 means "do not change": a worker would still be root.
        if not all(0 <= number < _NO_ID for number in (self.uid, self.gid, *self.groups)):
            raise ValueError(f"ids are numbers from 0 to {_NO_ID - 1}")


def choose(ids: Ids | None) -> AccessMode:
    """Returns how this process can answer for ``ids`` (None: for itself)."""
    if ids is None:
        return "self"
    capabilities = effective_capabilities()
    if os.geteuid() == 0 and capabilities >> _SETUID & 1 and capabilities >> _SETGID & 1:
        return "drop"
    groups = set(os.getgroups())
    same = (os.geteuid(), os.getegid(), groups - {ids.gid}) == (ids.uid, ids.gid, set(ids.groups) - {ids.gid})
    return "self" if same and (ids.uid == 0 or not capabilities & _OVERRIDES) else "predict"


def take_ids(ids: Ids) -> None:
    """Sets exactly these ids for the rest of the process.

    Raises OSError if the kernel refuses (the user namespace does not have an id, setgroups is denied), or if the
    process would keep more rights than the ids have.
    """
    os.setgroups(ids.groups)
    os.setresgid(ids.gid, ids.gid, ids.gid)
    os.setresuid(ids.uid, ids.uid, ids.uid)
    if ids.uid != 0 and effective_capabilities() & _OVERRIDES:
        raise PermissionError(errno.EPERM, "capabilities are left after the change of ids")


def effective_capabilities() -> int:
    """Returns the bits of this process's effective set; if /proc does not show them, all bits for root, else none."""
    try:
        with open("/proc/self/status", encoding="utf-8", errors="replace") as status:
            for line in status:
                if line.startswith("CapEff:"):
                    return int(line.split()[1], 16)
    except (OSError, ValueError, IndexError):
        pass
    return 2**41 - 1 if os.geteuid() == 0 else 0


def allowed(
    ids: Ids,
    right: Right | Literal["write"],
    mode: int,
    uid: int,
    gid: int,
    entries: tuple[acl.AclEntry, ...] | None,
) -> bool:
    """Whether the kernel grants ``right`` on a file or directory with this mode, owner, group and access ACL.

    Root has every right: it has CAP_DAC_OVERRIDE, in a container too unless the container drops it.
    """
    if ids.uid == 0:
        return True
    want = {"read": 4, "write": 2, "search": 1}[right]
    if ids.uid == uid:
        return bool(mode >> 6 & want)
    own_groups = {ids.gid, *ids.groups}
    if entries is not None and mode & stat.S_IRWXG:
        return _acl_allows(ids.uid, own_groups, want, gid, entries)
    return bool((mode >> 3 if gid in own_groups else mode) & want)


def may_follow(ids_uid: int, link_uid: int, directory_mode: int, directory_uid: int) -> bool:
    """Whether the kernel follows a link at the end of a path while fs.protected_symlinks is on: in a sticky
    directory that everybody may write, it follows only the links of the directory's owner and of the user."""
    sticky = stat.S_ISVTX | stat.S_IWOTH
    return directory_mode & sticky != sticky or link_uid in (ids_uid, directory_uid)


def links_are_protected() -> bool:
    """Returns the sysctl fs.protected_symlinks of this host; False if it cannot be read."""
    try:
        with open("/proc/sys/fs/protected_symlinks", encoding="ascii") as setting:
            return setting.read().strip() == "1"
    except (OSError, ValueError):
        return False


class TriedAccess:
    """For a process that has the ids: the kernel itself denies, and this class only explains the denial."""

    def __init__(self, ids: Ids) -> None:
        self.ids = ids

    def denies(self, resolved: ResolvedPath, right: Right) -> Denial | None:
        """Returns None: nothing is known before it is tried."""
        return None

    def refused(self, resolved: ResolvedPath, right: Right) -> Failure | Unavailable:
        """Explains that a system call that needed ``right`` on ``resolved`` failed with EACCES."""
        return Failure(errno.EACCES, _denial(resolved, right, "tried", acl.read(resolved.host)))


class PredictedAccess:
    """For a process that cannot become the user: computes the user's access from the rights of the files."""

    def __init__(self, ids: Ids) -> None:
        self.ids = ids

    def denies(self, resolved: ResolvedPath, right: Right) -> Denial | None:
        """Returns the denial for the user on ``resolved``, None if the user has the right."""
        # An ACL only matters if the mode has group bits: most files need no second system call.
        entries = acl.read(resolved.host) if resolved.mode & stat.S_IRWXG else None
        if allowed(self.ids, right, resolved.mode, resolved.uid, resolved.gid, entries):
            return None
        return _denial(resolved, right, "predicted", entries or acl.read(resolved.host))

    def refused(self, resolved: ResolvedPath, right: Right) -> Failure | Unavailable:
        """Returns that this process itself got EACCES, which proves nothing about the user."""
        return own_access_denied(resolved.server, right)


def own_access_denied(path: str, right: Right) -> Unavailable:
    """Returns that this process's own uid has no access to ``path`` or through it."""
    return Unavailable(f"this process (uid {os.geteuid()}) has no permission to {right} {path}")


Judge: TypeAlias = TriedAccess | PredictedAccess


def _acl_allows(uid: int, groups: set[int], want: int, gid: int, entries: tuple[acl.AclEntry, ...]) -> bool:
    mask = next((entry.rights for entry in entries if entry.tag == acl.MASK), 7)
    in_a_group = False
    for entry in entries:
        if entry.tag == acl.USER and entry.id == uid:
            return bool(entry.rights & mask & want)
        if (entry.tag == acl.GROUP_OBJ and gid in groups) or (entry.tag == acl.GROUP and entry.id in groups):
            in_a_group = True
            if entry.rights & want:
                return bool(mask & want)
        if entry.tag == acl.OTHER:
            return not in_a_group and bool(entry.rights & want)
    return False


def _denial(
    resolved: ResolvedPath,
    right: Right,
    how: Literal["tried", "predicted"],
    entries: tuple[acl.AclEntry, ...] | None,
) -> Denial:
    text = acl.short_text(entries) if entries else None
    return Denial(resolved.server, right, resolved.uid, resolved.gid, stat.S_IMODE(resolved.mode), how, text)
