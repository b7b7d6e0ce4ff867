"""Files that the command line names, and standard input: read with a limit, and only as long as data arrive.

A file on a file system that may not answer is read by a child: see :mod:`ovms_doctor.probes.remote_files`.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import stat
import sys
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from ovms_doctor.model.errors import OutputFullError, UnwritableError, UsageError
from ovms_doctor.probes import interrupts
from ovms_doctor.probes.file_systems import RemoteMount, remote_mount, remote_mounts
from ovms_doctor.probes.remote_files import (
    TESTS,
    FileStatus,
    NoDocumentError,
    RemoteProcess,
    Test,
    json_files,
    open_document,
    paths_with,
    remote_status,
    status_of,
    wait_for,
    walked_json_files,
)
from ovms_doctor.probes.remote_files import (
    TIME_LIMIT as REMOTE_PATIENCE,
)

#: Seconds without any data after which reading a pipe ends.
TIME_LIMIT = 60.0
_PART = 1 << 20
_OK = "ok"


class DocumentLimits(Struct, frozen=True):
    """The user's limits for reading a document."""

    #: The most bytes of one document (``--document-limit``); 0: no limit; None: as many as its kind may have.
    size: int | None = None
    #: Seconds that a file system may take to answer (``--timeout``).
    timeout: float = REMOTE_PATIENCE
    #: Whether the command has the option that raises the limit.
    can_raise: bool = True


NO_LIMITS = DocumentLimits(can_raise=False)


def read_named_file(
    path: str,
    limit: int,
    limits: DocumentLimits = NO_LIMITS,
    *,
    shown: str = "",
    time_limit: float = TIME_LIMIT,
) -> bytes:
    """Returns the bytes of a file or a pipe, ``-`` for standard input.

    Raises UsageError if the file cannot be read, is a directory, a device or a socket, or is longer than the limit;
    InterruptedRunError if the run is interrupted.

    ``limit``: the most bytes that are read, unless ``limits`` has another number.
    ``shown``: the file's name in messages, else ``path``.
    ``time_limit``: how long a pipe can be silent, in seconds.
    """
    with NamedFile(path, time_limit, limits, shown=shown) as file:
        try:
            return file.read_up_to(limit)
        except OSError as error:
            name = shown or ("standard input" if path == "-" else path)
            raise UsageError(f"{name}: {error.strerror or error}") from None


class NamedFile(io.RawIOBase):
    """A file or a pipe to read piece by piece, ``-`` for standard input.

    No read of a pipe waits longer than ``time_limit`` seconds, and an interruption ends the wait. ``shown``: the file's
    name in messages, else ``path``.

    Raises UsageError if the file cannot be opened, is a directory or a device, or is a pipe that stays silent;
    OSError if it cannot be read; InterruptedRunError if the run is interrupted.
    """

    def __init__(
        self,
        path: str,
        time_limit: float = TIME_LIMIT,
        limits: DocumentLimits = NO_LIMITS,
        *,
        shown: str = "",
    ) -> None:
        super().__init__()
        self._shown = shown or ("standard input" if path == "-" else path)
        self._time_limit = time_limit
        self._limits = limits
        self._closes = path != "-"
        #: None: standard input is an object of Python's, or a child reads the file.
        self._descriptor: int | None = None
        self._remote: RemoteProcess | None = None
        try:
            if path == "-":
                self._open_standard_input()
            elif (mount := remote_mount(path)) is not None:
                self._remote = _opened_by_child(mount, limits.timeout, path)
            else:
                self._descriptor = open_document(path)
        except NoDocumentError as error:
            raise UsageError(f"{self._shown}: {error}") from None
        except (OSError, ValueError) as error:
            raise UsageError(f"{self._shown}: {getattr(error, 'strerror', None) or error}") from None
        self._waits = self._descriptor is not None and _is_pipe(self._descriptor)

    def _open_standard_input(self) -> None:
        descriptor = _standard_input()
        link = f"/proc/{os.getpid()}/fd/{descriptor}"
        mount = None if descriptor is None else remote_mount(link)
        if mount is not None:
            # The descriptor may come from another user's shell, and this process may have no right to open the file
            # again.
            with contextlib.suppress(NoDocumentError):
                self._remote = _opened_by_child(mount, self._limits.timeout, link)
                return
        self._descriptor = descriptor

    def readable(self) -> bool:
        return True

    @property
    def has_descriptor(self) -> bool:
        """Whether the file is read here and has a descriptor."""
        return self._descriptor is not None

    def fileno(self) -> int:
        if self._descriptor is None:
            raise io.UnsupportedOperation("no descriptor")
        return self._descriptor

    def readinto(self, buffer: Any) -> int:
        """Reads at most as many bytes as the buffer can store; 0 at the end."""
        view = memoryview(buffer).cast("B")
        data = self._read(len(view))
        view[: len(data)] = data
        return len(data)

    def _read(self, size: int) -> bytes:
        if self._remote is not None:
            return self._remote.read(size)
        if self._descriptor is None:
            return sys.stdin.buffer.read(size)
        while True:
            interrupts.check()
            if self._waits and not wait_for(self._descriptor, select.POLLIN, self._time_limit):
                raise UsageError(f"{self._shown}: no data arrived for {self._time_limit:g} seconds")
            with contextlib.suppress(BlockingIOError):
                return os.read(self._descriptor, size)

    def read_up_to(self, limit: int) -> bytes:
        """Returns the rest of the file. Raises UsageError for more bytes than ``limit``, or than the limits of this
        file allow instead."""
        most = self._most(limit)
        parts: list[bytes] = []
        length = 0
        while length <= most and (part := self._read(min(_PART, most + 1 - length))):
            parts.append(part)
            length += len(part)
        self.check_length(length, limit)
        return b"".join(parts)

    def check_length(self, length: int, limit: int) -> None:
        """Raises UsageError for more bytes than are allowed."""
        most = self._most(limit)
        if length > most:
            raises = "; --document-limit SIZE raises it" if self._limits.can_raise else ""
            raise UsageError(f"{self._shown}: more than {most:,} bytes, which is the limit for it{raises}")

    def _most(self, limit: int) -> int:
        """Returns the user's limit, else ``limit``."""
        size = self._limits.size
        return limit if size is None else size or sys.maxsize - 1

    def close(self) -> None:
        if not self.closed:
            if self._remote is not None:
                self._remote.close()
            if self._closes and self._descriptor is not None:
                os.close(self._descriptor)
        super().close()


def passing(test: Test, paths: list[str], timeout: float = REMOTE_PATIENCE) -> list[str]:
    """Returns the paths that pass the test.

    ``there``: the path exists (a link to nothing too); ``file``: it leads to a file; ``readable``: to a file that
        this process may read; ``directory``: to a directory. Raises UsageError if the file system of a path does not
        answer within ``timeout`` seconds.
    """
    found = set()
    remote: dict[RemoteMount, list[str]] = {}
    for path, mount in zip(paths, remote_mounts(paths), strict=True):
        if mount is not None:
            remote.setdefault(mount, []).append(path)
        elif TESTS[test](path):
            found.add(path)
    for mount, mounted in remote.items():
        try:
            found.update(paths_with(mount, test, mounted, timeout))
        except OSError as error:
            raise UsageError(f"{mounted[0]}: {error.strerror}") from None
    return [path for path in paths if path in found]


def named_status(path: str, timeout: float = REMOTE_PATIENCE) -> FileStatus:
    """Returns the status of a path. Raises OSError if it does not exist, is out of reach, or its file system does
    not answer within ``timeout`` seconds."""
    mount = remote_mount(path)
    return status_of(path) if mount is None else remote_status(mount, path, timeout)


def json_files_below(directory: str, timeout: float = REMOTE_PATIENCE) -> Iterable[str]:
    """Returns the ``.json`` files below a directory, in the order of their names. Raises as ``passing``."""
    mount = remote_mount(directory)
    if mount is None:
        return walked_json_files(directory)
    try:
        return json_files(mount, directory, timeout)
    except OSError as error:
        raise UsageError(f"{directory}: {error.strerror}") from None


def write_named_file(
    parts: Iterable[bytes], path: str, timeout: float = REMOTE_PATIENCE, *, append: bool = False
) -> None:
    """Writes a file part by part, so that only one part is in memory. ``append``: after the file's present content.

    Raises UnwritableError if the file cannot be opened; OutputFullError if it cannot hold all parts or its file
    system does not answer within ``timeout`` seconds.
    """
    mount = remote_mount(path)
    error_type: type[UnwritableError] = UnwritableError
    try:
        if mount is not None:
            problem = _written_by_child(parts, path, mount, timeout, "append" if append else "write")
            if problem != _OK:
                opened, _, reason = problem.partition(" ")
                raise (OutputFullError if opened == "opened" else UnwritableError)(f"{path}: {reason}")
            return
        with open(path, "ab" if append else "wb") as file:
            error_type = OutputFullError
            for part in parts:
                file.write(part)
    except OSError as error:
        if error.errno == errno.ETIMEDOUT:
            error_type = OutputFullError
        raise error_type(f"{path}: {error.strerror}") from None


def _written_by_child(
    parts: Iterable[bytes], path: str, mount: RemoteMount, timeout: float, operation: str
) -> str:
    """Writes in a child and returns its report, which is ``ok`` if all is written."""
    with RemoteProcess(mount, timeout, operation, path) as remote:
        with contextlib.suppress(BrokenPipeError):
            for part in parts:
                remote.write(part)
        remote.end_of_input()
        return remote.line()


def _opened_by_child(mount: RemoteMount, timeout: float, path: str) -> RemoteProcess:
    remote = RemoteProcess(mount, timeout, "read", path)
    try:
        problem = remote.line()
        if problem != _OK:
            raise NoDocumentError(problem)
    except BaseException:
        remote.close()
        raise
    return remote


def _is_pipe(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _standard_input() -> int | None:
    """Returns the descriptor of standard input; None if it is an object without one."""
    if sys.stdin is None:
        raise OSError(9, "Standard input is closed")
    try:
        return sys.stdin.fileno()
    except io.UnsupportedOperation:
        return None
