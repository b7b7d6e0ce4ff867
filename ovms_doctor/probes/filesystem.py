"""The local file system for the server's C++ code: stat, list, read.

Only regular files and directories are opened, access times are left unchanged if possible, and each failure is an
answer.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    CheckWritable,
    Entry,
    EntryKind,
    Failure,
    FileContent,
    FileKind,
    InspectKeyFile,
    InspectNetwork,
    KeyFileInspection,
    ListDenials,
    ListDirectory,
    Listing,
    PathStatus,
    PathTimes,
    ProbeWrite,
    ReadFile,
    StatPath,
    StatTimes,
    Unavailable,
    Writability,
    WriteProbe,
)
from ovms_doctor.model.facts.answers import Right
from ovms_doctor.model.mounts import NO_MOUNTS, MountTable, join
from ovms_doctor.probes.access import AccessMode, Ids, Judge, PredictedAccess, TriedAccess, choose, take_ids
from ovms_doctor.probes.keyfile import LARGEST, describe_key
from ovms_doctor.probes.processes.options import FileOptions
from ovms_doctor.probes.resolved_path import ResolvedPath
from ovms_doctor.probes.walk import Stop, Walker, enter_one, open_bases, outside
from ovms_doctor.probes.writing import probe, writability

_KINDS: dict[int, FileKind] = {
    stat.S_IFREG: "regular",
    stat.S_IFDIR: "directory",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character",
    stat.S_IFBLK: "block",
}
#: d_type of readdir(3) is the file type bits of the mode, shifted (linux/fs_types.h).
_ENTRY_KINDS: dict[int, EntryKind] = {bits >> 12: kind for bits, kind in _KINDS.items()}
_ENTRY_KINDS[stat.S_IFLNK >> 12] = "link"
#: struct linux_dirent64 up to the name: inode, offset, length of the record, type.
_DIRENT = struct.Struct("=QqHB")
_DIRENT_BUFFER = 1 << 18


class LocalFiles:
    """Answers StatPath, StatTimes, ListDirectory, ListDenials, ReadFile, CheckWritable, ProbeWrite, InspectKeyFile
    and InspectNetwork.

    ``access_mode``: how it acts with the user's rights.
    ``table``: which of the server's mounts are read-only.
    """

    def __init__(
        self, walker: Walker, judge: Judge, access_mode: AccessMode, table: MountTable = NO_MOUNTS
    ) -> None:
        self._table = table
        self.walker = walker
        self.access_mode = access_mode
        self._judge = judge
        #: Owners of files that this process cannot open without changing the access time.
        self._changes_times: set[int] = set()

    def answer(self, question: AnyQuestion) -> Answer:
        """Returns the answer to one question about files. Raises TypeError for another question."""
        if isinstance(question, StatPath):
            return self.status(question.path)
        if isinstance(question, StatTimes):
            return self.times(question.path)
        if isinstance(question, ListDirectory):
            return self.listing(question.path)
        if isinstance(question, ReadFile):
            return self.content(question.path, question.limit)
        if isinstance(question, CheckWritable):
            return self.writability(question.path)
        if isinstance(question, ProbeWrite):
            return self.probe(question.path)
        if isinstance(question, InspectKeyFile):
            return self.key_file(question.path)
        if isinstance(question, ListDenials):
            from ovms_doctor.probes.denials import list_denials

            return list_denials(question, self.walker)
        if isinstance(question, InspectNetwork):
            # Only a worker with this process's own rights gets this question: it can still import the module.
            from ovms_doctor.probes.network import inspect_network

            return inspect_network(question.ports, question.addresses)
        raise TypeError(f"{type(question).__name__} is not about files")

    def status(self, path: str) -> PathStatus | Failure | Unavailable:
        """Returns the result of stat(2), links followed. A file type that Linux does not have is Unavailable."""
        resolved = self._find(path)
        if not isinstance(resolved, ResolvedPath):
            return resolved
        kind = _kind_of(resolved)
        if isinstance(kind, Unavailable):
            return kind
        return PathStatus(kind, resolved.size, resolved.server if resolved.linked else None)

    def times(self, path: str) -> PathTimes | Failure | Unavailable:
        """Returns the times of stat(2), links followed."""
        resolved = self._find(path)
        if not isinstance(resolved, ResolvedPath):
            return resolved
        try:
            status = os.stat(resolved.host)
        except OSError as error:
            return Failure(error.errno or errno.EIO)
        return PathTimes(status.st_mtime, status.st_ctime)

    def writability(self, path: str) -> Writability | Failure | Unavailable:
        """Returns the user's rights to write at the path, links followed."""
        resolved = self._find(path)
        if not isinstance(resolved, ResolvedPath):
            return resolved
        kind = _kind_of(resolved)
        if isinstance(kind, Unavailable):
            return kind
        frozen = self._table.read_only(resolved.server)
        return writability(resolved, kind, self._judge, read_only=frozen)

    def probe(self, path: str) -> WriteProbe | Failure | Unavailable:
        """Makes, writes and removes a file in a directory; returns the result."""
        resolved = self._find(path)
        if not isinstance(resolved, ResolvedPath):
            return resolved
        if not resolved.is_directory:
            return Failure(errno.ENOTDIR)
        return probe(resolved, self._judge, read_only=self._table.read_only(resolved.server))

    def listing(self, path: str) -> Listing | Failure | Unavailable:
        """Returns the entries in the order in which the file system lists them."""
        resolved = self._find(path)
        if not isinstance(resolved, ResolvedPath):
            return resolved
        if not resolved.is_directory:
            return Failure(errno.ENOTDIR)
        descriptor = self._open(resolved, os.O_DIRECTORY)
        if not isinstance(descriptor, int):
            return descriptor
        # Without the right to search, the user can list names and types, but cannot follow links.
        within = None if self._judge.denies(resolved, "search") else resolved.host
        try:
            entries = _read_directory(descriptor)
            return Listing(
                tuple([Entry(*each) if each[1] != "link" else _link(within, each[0]) for each in entries])
            )
        except OSError as error:
            return Failure(error.errno or errno.EIO)
        finally:
            os.close(descriptor)

    def content(self, path: str, limit: int) -> FileContent | Failure | Unavailable:
        """Returns at most ``limit`` bytes from the start of a regular file."""
        resolved = self._find(path)
        if not isinstance(resolved, ResolvedPath):
            return resolved
        if not stat.S_ISREG(resolved.mode) and not resolved.is_directory:
            return _not_regular(path)
        # O_NONBLOCK: if a FIFO has replaced the file since, opening it must not wait.
        descriptor = self._open(resolved, os.O_NONBLOCK)
        if not isinstance(descriptor, int):
            return descriptor
        try:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                return Failure(errno.EISDIR)
            if not stat.S_ISREG(status.st_mode):
                return _not_regular(path)
            return FileContent(_read(descriptor, limit), status.st_size)
        except OSError as error:
            return Failure(error.errno or errno.EIO)
        finally:
            os.close(descriptor)

    def key_file(self, path: str) -> KeyFileInspection | Failure | Unavailable:
        """Returns the kind of key in a regular file; its content is not returned."""
        content = self.content(path, LARGEST)
        if not isinstance(content, FileContent):
            return content
        if content.size > LARGEST:
            return Unavailable("it is larger than any file of credentials")
        return describe_key(content)

    def readable(self, path: str) -> Failure | Unavailable | None:
        """None if ``path`` can be opened for reading as the server's user (a directory: listed)."""
        answer = self.content(path, 0)
        opened = isinstance(answer, FileContent) or answer == Failure(errno.EISDIR)
        return None if opened or isinstance(answer, FileContent) else answer

    def _find(self, path: str) -> ResolvedPath | Stop:
        resolved = self.walker.find(path)
        if isinstance(resolved, ResolvedPath) and not resolved.host:
            return outside(path)
        return resolved

    def _open(self, resolved: ResolvedPath, flags: int) -> int | Stop:
        right: Right = "read"
        denial = self._judge.denies(resolved, right)
        if denial is not None:
            return Failure(errno.EACCES, denial)
        flags |= os.O_RDONLY | os.O_CLOEXEC
        try:
            if resolved.uid in self._changes_times:
                return os.open(resolved.host, flags)
            try:
                return os.open(resolved.host, flags | os.O_NOATIME)
            except PermissionError as error:
                # EPERM: only the owner may open a file with an unchanged access time (open(2)).
                if error.errno != errno.EPERM:
                    raise
                self._changes_times.add(resolved.uid)
                return os.open(resolved.host, flags)
        except OSError as error:
            if error.errno == errno.EACCES:
                return self._judge.refused(resolved, right)
            return Failure(error.errno or errno.EIO)


def open_files(
    ids: Ids | None,
    roots: Sequence[str] = (),
    table: MountTable = NO_MOUNTS,
    stuck: Mapping[str, str] | None = None,
    *,
    enter: bool = False,
) -> LocalFiles:
    """Returns a LocalFiles that answers for the user ``ids`` (None: for this process's own).

    ``stuck``: roots and mounts whose file system does not answer, with the reason.
    ``enter``: whether one of them may become the working directory; not for a process that runs libraries.

    If this process can, it sets the ids for the rest of its life. So it must be a process of its own that has
    imported all it needs: the ids may not even have the right to read this package.
    """
    access_mode = choose(ids)
    bases = open_bases(roots, table, hold=access_mode == "drop", stuck=stuck)
    if enter and access_mode == "drop":
        bases = enter_one(bases)
    if ids is not None and access_mode == "drop":
        try:
            take_ids(ids)
        except (OSError, OverflowError):
            access_mode = "predict"
    judge: Judge
    if ids is None or access_mode != "predict":
        judge = TriedAccess(ids or Ids(os.geteuid(), os.getegid(), tuple(os.getgroups())))
    else:
        judge = PredictedAccess(ids)
    return LocalFiles(Walker(bases, judge), judge, access_mode, table)


def files_of(options: FileOptions, *, enter: bool) -> LocalFiles:
    """Returns a LocalFiles for the options of a worker. ``enter``: as for ``open_files``. Raises ValueError for
    invalid ids."""
    user = options.user
    ids = None if user is None else Ids(user.uid, user.gid, user.groups)
    return open_files(ids, options.roots, MountTable(options.mounts), options.stuck, enter=enter)


def _kind_of(resolved: ResolvedPath) -> FileKind | Unavailable:
    """Returns the kind of a file; Unavailable for one that Linux does not have."""
    kind = _KINDS.get(stat.S_IFMT(resolved.mode))
    return Unavailable(f"a file of an unknown type: mode {resolved.mode:o}") if kind is None else kind


def _not_regular(path: str) -> Unavailable:
    return Unavailable(f"not opened, because it is neither a regular file nor a directory: {path}")


def _read(descriptor: int, limit: int) -> bytes:
    parts: list[bytes] = []
    left = limit
    while left > 0:
        part = os.read(descriptor, min(left, 1 << 20))
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _link(directory: str | None, name: str) -> Entry:
    if directory is None:
        return Entry(name, "link")
    try:
        return Entry(name, "link", os.readlink(join(directory, name)))
    except OSError:
        return Entry(name, "link")


@cache
def _dirent_tools() -> tuple[ctypes.CDLL, ctypes.Array[ctypes.c_char]]:
    return ctypes.CDLL(None, use_errno=True), ctypes.create_string_buffer(_DIRENT_BUFFER)


def _read_directory(descriptor: int) -> Iterator[tuple[str, EntryKind]]:
    """Yields names and d_type, as getdents64(2) returns them.

    os.scandir does not return d_type itself. It calls lstat(2) if d_type is unknown or special, which fails in a
    directory without search right.
    """
    # Both are cached: making them costs more than the listing of a small directory.
    libc, buffer = _dirent_tools()
    while True:
        filled = libc.getdents64(descriptor, buffer, _DIRENT_BUFFER)
        if filled < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        if filled == 0:
            return
        # Not buffer.raw[:filled], which copies the whole buffer first.
        block = ctypes.string_at(buffer, filled)
        start = 0
        while start < filled:
            _, _, length, kind = _DIRENT.unpack_from(block, start)
            begin = start + _DIRENT.size
            name = os.fsdecode(block[begin : block.index(b"\0", begin)])
            if name not in (".", ".."):
                yield name, _ENTRY_KINDS.get(kind, "unknown")
            start += length
