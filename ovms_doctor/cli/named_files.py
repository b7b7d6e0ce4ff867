"""Files that the command line names, and standard input: read with a limit, and only as long as data arrive."""

from __future__ import annotations

import io
import os
import select
import stat
import sys
import time

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
    waits = stat.S_ISFIFO(os.fstat(descriptor).st_mode) or stat.S_ISSOCK(os.fstat(descriptor).st_mode)
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
