"""Files on a file system that may not answer: a child reads or writes them, and this process waits for it with a
deadline. Such a child may hang in the kernel, where no signal reaches it."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Literal, NamedTuple, TypeAlias

from ovms_doctor.probes import interrupts
from ovms_doctor.probes.file_systems import RemoteMount, remote_mount
from ovms_doctor.probes.processes.start import INCOMING, OUTGOING

#: Seconds within which such a file system must answer.
TIME_LIMIT = 10.0
#: The least seconds for it, however many others did not answer before.
_SHORTEST = 0.5
_ENTRY = "ovms_doctor.probes.remote_files:main"
_PART = 1 << 18
_OK = "ok"
_NULL = os.makedev(1, 3)

Test: TypeAlias = Literal["there", "file", "readable", "directory"]
#: The tests of a path, by name.
TESTS: dict[Test, Callable[[str], bool]] = {
    "there": os.path.lexists,
    "file": os.path.isfile,
    "readable": lambda path: os.path.isfile(path) and os.access(path, os.R_OK),
    "directory": os.path.isdir,
}
#: Mounts of this host that did not answer, with the reason: no later call waits for them.
_stuck: dict[str, str] = {}


class FileStatus(NamedTuple):
    """The status of a path, links followed."""

    #: Type and permission bits, as in stat(2).
    mode: int
    #: In bytes.
    size: int
    #: Whether this process has the right to write the file, or to make files in the directory.
    writable: bool


class NoDocumentError(ValueError):
    """The path does not name a document: it is a directory or a device."""


class RemoteProcess:
    """A child that reads or writes a file on ``mount``.

    All methods raise OSError if the file system does not answer within ``time_limit`` seconds or the child fails, and
    InterruptedRunError.
    """

    def __init__(self, mount: RemoteMount, time_limit: float, operation: str, *arguments: str) -> None:
        from ovms_doctor.probes.processes.workers import start_function

        known = _stuck.get(mount.point)
        if known is not None:
            raise OSError(errno.ETIMEDOUT, known)
        self._mount = mount
        self._time_limit = time_limit
        self._beginning = b""
        # The child has another working directory.
        words = (operation, *(os.path.abspath(path) for path in arguments))
        self.process = start_function(partial(main, *words), _ENTRY, words)
        self._descriptors = [self.process.to_child, self.process.from_child, self.process.errors]
        for descriptor in self._descriptors:
            os.set_blocking(descriptor, False)

    def line(self) -> str:
        """Returns the next line from the child."""
        while b"\n" not in self._beginning:
            part = self._received(_PART)
            if not part:
                raise OSError(errno.EIO, self._failure())
            self._beginning += part
        line, _, self._beginning = self._beginning.partition(b"\n")
        return os.fsdecode(line)

    def read(self, size: int) -> bytes:
        """Returns at most ``size`` bytes from the child; none at the end."""
        if not self._beginning:
            data = self._received(size)
            if not data and (failure := self._failure()):
                raise OSError(errno.EIO, failure)
            return data
        data, self._beginning = self._beginning[:size], self._beginning[size:]
        return data

    def write(self, data: bytes) -> None:
        """Sends all data to the child. Raises BrokenPipeError if it reads no more."""
        left = memoryview(data)
        while left:
            self._wait(self.process.to_child, select.POLLOUT)
            with contextlib.suppress(BlockingIOError):
                left = left[os.write(self.process.to_child, left[:_PART]) :]

    def end_of_input(self) -> None:
        """Marks the end of the child's input."""
        os.close(self._descriptors.pop(0))

    def close(self) -> None:
        """Ends the child, which may be left behind in the kernel."""
        self.process.end()
        while self._descriptors:
            os.close(self._descriptors.pop())

    def __enter__(self) -> RemoteProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _received(self, size: int) -> bytes:
        while True:
            self._wait(self.process.from_child, select.POLLIN)
            with contextlib.suppress(BlockingIOError):
                return os.read(self.process.from_child, size)

    def _wait(self, descriptor: int, event: int) -> None:
        if wait_for(descriptor, event, self._time_limit):
            return
        self.process.end()
        pid = self.process.pid
        left = f"; process {pid} waits in the kernel until it does or is unmounted"
        reason = f"{self._mount} did not answer within {self._time_limit:g} s"
        _stuck[self._mount.point] = f"{self._mount} did not answer"
        raise OSError(errno.ETIMEDOUT, reason + (left if self.process.returncode is None else ""))

    def _failure(self) -> str:
        """Returns why the child ended; empty if it ended normally."""
        wait_for(self.process.errors, select.POLLIN, self._time_limit)
        try:
            text = os.read(self.process.errors, 4096).decode("utf-8", "replace").strip()
        except BlockingIOError:
            text = ""
        if text:
            return text.rpartition("\n")[2]
        self.process.end()
        return "" if self.process.returncode == 0 else "the process that reads it ended too early"


def wait_for(descriptor: int, event: int, time_limit: float) -> bool:
    """Whether a pipe is ready or has ended within ``time_limit`` seconds. Raises InterruptedRunError."""
    poll = select.poll()
    poll.register(descriptor, event)
    end = time.monotonic() + time_limit
    while not poll.poll(interrupts.HEARTBEAT * 1000):
        interrupts.check()
        if time.monotonic() > end:
            return False
    return True


def open_document(path: str) -> int:
    """Returns a descriptor of a file or a pipe, which does not block. Raises NoDocumentError for a directory or a
    device; the null device is an empty file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    found = os.fstat(descriptor)
    kinds = ((stat.S_ISDIR, "a directory"), (stat.S_ISBLK, "a device"), (stat.S_ISCHR, "a device"))
    for is_kind, kind in kinds:
        if is_kind(found.st_mode) and found.st_rdev != _NULL:
            os.close(descriptor)
            raise NoDocumentError(f"is {kind}, not a file")
    return descriptor


def paths_with(mount: RemoteMount, test: Test, paths: list[str], time_limit: float = TIME_LIMIT) -> list[str]:
    """Returns the paths that pass the test. Raises OSError as RemoteProcess does."""
    with RemoteProcess(mount, time_limit, test, *paths) as remote:
        return [path for path, mark in zip(paths, remote.line(), strict=True) if mark == "1"]


def status_of(path: str) -> FileStatus:
    """Returns the status of a path on a file system that does not hang. Raises OSError if the path does not exist or
    is out of reach."""
    found = os.stat(path)
    rights = os.W_OK | os.X_OK if stat.S_ISDIR(found.st_mode) else os.W_OK
    return FileStatus(found.st_mode, found.st_size, os.access(path, rights))


def remote_status(mount: RemoteMount, path: str, time_limit: float = TIME_LIMIT) -> FileStatus:
    """Returns the status of a path on ``mount``. Raises OSError also as RemoteProcess does."""
    with RemoteProcess(mount, time_limit, "status", path) as remote:
        first, *others = map(int, remote.line().split())
    if not others:
        raise OSError(first, os.strerror(first))
    size, writable = others
    return FileStatus(first, size, bool(writable))


def not_answering(paths: Iterable[str], time_limit: float = TIME_LIMIT) -> dict[str, str]:
    """Returns the paths on a file system that does not answer, with the reason. Each file system that does not
    answer halves the time for the next."""
    found: dict[str, str] = {}
    for path in paths:
        mount = remote_mount(path)
        if mount is not None:
            try:
                paths_with(
                    mount, "there", [path], max(time_limit * 0.5 ** len(found), min(time_limit, _SHORTEST))
                )
            except OSError as error:
                if error.errno == errno.ETIMEDOUT:
                    found[path] = error.strerror or str(error)
    return found


def json_files(mount: RemoteMount, directory: str, time_limit: float = TIME_LIMIT) -> list[str]:
    """Returns the ``.json`` files below a directory, in the order of their names. Raises OSError as RemoteProcess
    does."""
    with RemoteProcess(mount, time_limit, "files", directory) as remote:
        found = b""
        while part := remote.read(_PART):
            found += part
    return [os.fsdecode(name) for name in found.split(b"\0")[:-1]]


def walked_json_files(directory: str) -> Iterator[str]:
    """Yields the same for a directory that does not hang."""
    for path, folders, names in os.walk(directory):
        folders.sort()
        yield from (os.path.join(path, name) for name in sorted(names) if name.endswith(".json"))


def main(operation: str, *paths: str) -> None:
    """Runs the child's main program, and ends the process."""
    try:
        _OPERATIONS[operation](*paths)
    except BrokenPipeError:
        pass
    except OSError as error:
        os.write(2, f"{error.strerror or error}\n".encode("utf-8", "backslashreplace"))
        os._exit(1)
    os._exit(0)


def _read(path: str) -> None:
    """Writes ``ok`` and the file's bytes, or why it cannot be read."""
    try:
        descriptor = open_document(path)
    except NoDocumentError as error:
        _send(f"{error}\n".encode())
        return
    except (OSError, ValueError) as error:
        _send(f"{getattr(error, 'strerror', None) or error}\n".encode())
        return
    os.set_blocking(descriptor, True)
    if (position := _position(path)) is not None:
        os.lseek(descriptor, position, os.SEEK_SET)
    _send(f"{_OK}\n".encode())
    while part := os.read(descriptor, _PART):
        _send(part)


def _position(path: str) -> int | None:
    """Returns how far another process has read its open file ``/proc/PID/fd/N``; None for another path."""
    found = re.fullmatch(r"/proc/\d+/fd/\d+", path)
    if found is None:
        return None
    with open(path.replace("/fd/", "/fdinfo/")) as file:
        return int(file.readline().removeprefix("pos:"))


def _write(path: str, mode: Literal["wb", "ab"] = "wb") -> None:
    """Writes the input to the file; reports ``opened`` or an error, then ``ok`` or an error."""
    opened = False
    try:
        with open(path, mode) as file:
            opened = True
            while part := os.read(INCOMING, _PART):
                file.write(part)
        _send(f"{_OK}\n".encode())
    except OSError as error:
        _send(f"{'opened' if opened else 'closed'} {error.strerror}\n".encode())


def _write_tests(test: Test, *paths: str) -> None:
    _send("".join(str(int(TESTS[test](path))) for path in paths).encode() + b"\n")


def _status(path: str) -> None:
    """Writes the status as three numbers, or only the number of the error."""
    try:
        found = status_of(path)
    except OSError as error:
        _send(f"{error.errno}\n".encode())
    else:
        _send(f"{found.mode} {found.size} {int(found.writable)}\n".encode())


def _files(directory: str) -> None:
    for path in walked_json_files(directory):
        _send(os.fsencode(path) + b"\0")


def _send(data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(OUTGOING, left) :]


_OPERATIONS: dict[str, Callable[..., None]] = {
    "read": _read,
    "write": _write,
    "append": partial(_write, mode="ab"),
    "files": _files,
    "status": _status,
    **{test: partial(_write_tests, test) for test in TESTS},
}
