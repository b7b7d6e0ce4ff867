"""Whether the server's user may write: queried from the kernel or computed, and tried only on request."""

from __future__ import annotations

import errno
import os
import stat

from ovms_doctor.model.facts import Failure, FileKind, Unavailable, Writability, WriteProbe
from ovms_doctor.model.mounts import join
from ovms_doctor.probes import acl
from ovms_doctor.probes.access import Ids, PredictedAccess, TriedAccess, allowed
from ovms_doctor.probes.resolved_path import ResolvedPath

#: The content of the written file: large enough that a file system must allocate space.
_PROBE = b"ovms-doctor --probe-write\n" * 160
_PREFIX = ".ovms-doctor-probe-"


def writability(
    resolved: ResolvedPath, kind: FileKind, judge: TriedAccess | PredictedAccess, *, read_only: bool
) -> Writability:
    """Returns the rights of the judge's user to write at ``resolved``.

    ``read_only``: whether it is mounted read-only for the server; a read-only mount of this host is detected here. As
        in access(2): a read-only mount refuses writing to all users, root too.
    """
    entries = acl.read(resolved.host)
    free, files, frozen = _free_space(resolved.host, judge.ids)
    read_only = read_only or frozen
    tried = isinstance(judge, TriedAccess)
    if tried:
        write, search, read = (os.access(resolved.host, mode) for mode in (os.W_OK, os.X_OK, os.R_OK))
    else:
        write, search, read = (
            allowed(judge.ids, right, resolved.mode, resolved.uid, resolved.gid, entries)
            for right in ("write", "search", "read")
        )
    return Writability(
        kind,
        resolved.uid,
        resolved.gid,
        stat.S_IMODE(resolved.mode),
        write and not read_only,
        search,
        read,
        read_only,
        "tried" if tried else "predicted",
        acl.short_text(entries) if entries else None,
        free,
        files,
    )


def probe(
    resolved: ResolvedPath, judge: TriedAccess | PredictedAccess, *, read_only: bool
) -> WriteProbe | Failure | Unavailable:
    """Makes a file in the directory ``resolved``, writes to it and removes it, with this process's own ids, which
    must be the server's."""
    if not isinstance(judge, TriedAccess):
        return Unavailable(f"this process cannot become uid {judge.ids.uid}, so nothing was written")
    if read_only:
        # The server's mount refuses; the same directory may well be writable on this host.
        return Failure(errno.EROFS)
    name = _PREFIX + os.urandom(8).hex()
    path = join(resolved.host, name)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        return Failure(error.errno or errno.EIO)
    failure: Failure | None = None
    try:
        try:
            if os.write(descriptor, _PROBE) < len(_PROBE):
                failure = Failure(errno.ENOSPC)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        failure = Failure(error.errno or errno.EIO)
    try:
        os.unlink(path)
    except OSError:
        return failure or WriteProbe(name, removed=False)
    return failure or WriteProbe(name)


def _free_space(host: str, ids: Ids) -> tuple[int | None, int | None, bool]:
    """Returns the free bytes and files for the user, and whether the file system is mounted read-only on this host."""
    try:
        status = os.statvfs(host)
    except OSError:
        return None, None, False
    root = ids.uid == 0
    free = (status.f_bfree if root else status.f_bavail) * status.f_frsize
    # Some file systems count no files: they have no limit.
    files = (status.f_ffree if root else status.f_favail) if status.f_files else None
    return free, files, bool(status.f_flag & os.ST_RDONLY)
