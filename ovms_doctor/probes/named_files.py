"""Files that the command line names, and standard input: read with a limit, and only as long as data arrive."""

from __future__ import annotations

import contextlib
import io
import os
import select
import stat
import sys
import time
from typing import Any

from ovms_doctor.model.errors import UsageError
from ovms_doctor.probes import interrupts

#: Seconds without any data after which a pipe is given up.
PATIENCE = 60.0
_PART = 1 << 20
_NULL = os.makedev(1, 3)


def read_named_file(path: str, limit: int, *, shown: str = "", patience: float = PATIENCE) -> bytes:
    """The bytes of a file or a pipe, ``-`` for standard input.

    ``limit``: the most bytes that are taken. ``shown``: how messages name the file, else ``path``. ``patience``: how
    long a pipe can be silent, in seconds. Raises UsageError for what cannot be read, is a directory, a device or a
    socket, or is longer; InterruptedRunError where the run is interrupted.
    """
    name = shown or ("standard input" if path == "-" else path)
    try:
        descriptor = _standard_input() if path == "-" else _opened(path, name)
        if descriptor is None:
            data = sys.stdin.buffer.read(limit + 1)
        else:
            try:
                data = _read(descriptor, limit, name, patience)
            finally:
                if path != "-":
                    os.close(descriptor)
    except (OSError, ValueError) as error:
        raise UsageError(f"{name}: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > limit:
        raise UsageError(f"{name}: more than {limit:,} bytes, which is the limit for it")
    return data


class NamedFile(io.RawIOBase):
    """A file or a pipe to read piece by piece, ``-`` for standard input: of a pipe, nothing is waited for longer than
    ``patience`` seconds, and an interruption ends the wait.

    Raises UsageError for what cannot be opened, is a directory or a device, and for a pipe that is silent; OSError for
    what cannot be read; InterruptedRunError where the run is interrupted.
    """

    def __init__(self, path: str, patience: float = PATIENCE) -> None:
        super().__init__()
        self._shown = "standard input" if path == "-" else path
        self._patience = patience
        self._closes = path != "-"
        try:
            descriptor = _standard_input() if path == "-" else _opened(path, self._shown)
        except (OSError, ValueError) as error:
            raise UsageError(f"{self._shown}: {getattr(error, 'strerror', None) or error}") from None
        #: None: standard input is an object of Python's.
        self._descriptor = descriptor
        self._waits = descriptor is not None and _is_pipe(descriptor)

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        if self._descriptor is None:
            raise io.UnsupportedOperation("no descriptor")
        return self._descriptor

    def readinto(self, buffer: Any) -> int:
        """At most as many bytes as the buffer takes; 0 at the end."""
        view = memoryview(buffer).cast("B")
        data = self._read(len(view))
        view[: len(data)] = data
        return len(data)

    def _read(self, size: int) -> bytes:
        if self._descriptor is None:
            return sys.stdin.buffer.read(size)
        while True:
            interrupts.check()
            if self._waits:
                _wait(self._descriptor, self._shown, self._patience)
            with contextlib.suppress(BlockingIOError):
                return os.read(self._descriptor, size)

    def read_up_to(self, limit: int) -> bytes:
        """All that is left; UsageError for more bytes than ``limit``."""
        parts: list[bytes] = []
        length = 0
        while length <= limit and (part := self._read(min(_PART, limit + 1 - length))):
            parts.append(part)
            length += len(part)
        if length > limit:
            raise UsageError(f"{self._shown}: more than {limit:,} bytes, which is the limit for it")
        return b"".join(parts)

    def close(self) -> None:
        if not self.closed and self._closes and self._descriptor is not None:
            os.close(self._descriptor)
        super().close()


def _is_pipe(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _standard_input() -> int | None:
    """The descriptor of standard input; None where it is an object without one."""
    if sys.stdin is None:
        raise OSError(9, "Standard input is closed")
    try:
        return sys.stdin.fileno()
    except io.UnsupportedOperation:
        return None


def _opened(path: str, name: str) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    found = os.fstat(descriptor)
    kinds = ((stat.S_ISDIR, "a directory"), (stat.S_ISBLK, "a device"), (stat.S_ISCHR, "a device"))
    for is_kind, kind in kinds:
        if is_kind(found.st_mode) and found.st_rdev != _NULL:
            os.close(descriptor)
            raise UsageError(f"{name}: is {kind}, not a file")
    return descriptor


def _read(descriptor: int, limit: int, name: str, patience: float) -> bytes:
    """All that the descriptor gives until its end, at most one byte more than ``limit``."""
    waits = _is_pipe(descriptor)
    parts: list[bytes] = []
    length = 0
    while length <= limit:
        if waits:
            _wait(descriptor, name, patience)
        try:
            part = os.read(descriptor, min(_PART, limit + 1 - length))
        except BlockingIOError:
            continue
        if not part:
            break
        parts.append(part)
        length += len(part)
    return b"".join(parts)


def _wait(descriptor: int, name: str, patience: float) -> None:
    """Returns when the pipe has data or has ended; UsageError if neither happens in time."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    end = time.monotonic() + patience
    while not poll.poll(interrupts.HEARTBEAT * 1000):
        interrupts.check()
        if time.monotonic() > end:
            raise UsageError(f"{name}: no data arrived for {patience:g} seconds")
