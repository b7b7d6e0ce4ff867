"""A file system in user space (FUSE) that can stop answering, like a dead NFS server.

It shows a directory of this host below a mount point, through the kernel's own FUSE. Held requests are
received and never answered: a process that waits for one waits in the kernel and cannot even be killed until
it is released or the file system ends. ``StuckMount`` runs it; as a program it is the server.

The messages are those of fuse_kernel.h; no FUSE library is needed.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import signal
import stat
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

_OPERATIONS = {
    1: "lookup", 2: "forget", 3: "getattr", 4: "setattr", 5: "readlink", 8: "mknod", 10: "unlink", 14: "open",
    15: "read", 16: "write", 17: "statfs", 18: "release", 20: "fsync", 25: "flush", 26: "init", 27: "opendir",
    28: "readdir", 29: "releasedir", 36: "interrupt", 42: "batch_forget",
}  # fmt: skip
_UNANSWERED = ("forget", "batch_forget", "interrupt")
_LONGEST_REQUEST = (1 << 17) + 4096


class StuckMount:
    """The file system and its server, a process of its own. ``source``: the directory that it shows."""

    def __init__(self, source: Path, point: Path) -> None:
        self.point = point
        self._server = subprocess.Popen(
            [sys.executable, "-m", __spec__.name, str(source), str(point)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._expect("mounted")

    def hold(self, operations: str, path: str = "") -> None:
        """From now on, these operations (comma-separated; ``all``) on this path and below it are not answered."""
        self._send(f"hold {operations} {path}")

    def wait_until_held(self) -> str:
        """Waits for a held request; returns the operation and the path of the first one not returned before."""
        return self._line().removeprefix("held ")

    def release(self) -> None:
        """Answers all held requests, and holds no more."""
        self._send("release")

    def stop(self) -> None:
        """The server reads no more requests: processes that wait can be killed."""
        self._server.send_signal(signal.SIGSTOP)

    def end(self) -> None:
        """Ends the file system: processes that wait for it get an error."""
        self._server.kill()
        self._server.communicate()
        _umount(self.point)

    def _send(self, command: str) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write(f"{command}\n".encode())
        self._server.stdin.flush()
        self._expect("done")

    def _expect(self, word: str) -> None:
        while (line := self._line()) != word:
            assert line.startswith("held "), line

    def _line(self) -> str:
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        assert line, "the server of the file system has ended"
        return line.decode().rstrip("\n")


class _Server:
    """Answers the kernel's requests, one at a time."""

    def __init__(self, source: str, device: int) -> None:
        self._device = device
        self._source = source
        #: The path of each node below the source, by its number; the root is 1.
        self._paths = {1: ""}
        self._numbers = {"": 1}
        self._rules: list[tuple[str, str]] = []
        self._held: list[bytes] = []

    def serve(self) -> None:
        """Answers requests until standard input ends."""
        while True:
            ready, _, _ = select.select([0, self._device], [], [])
            if 0 in ready:
                line = sys.stdin.readline()
                if not line:
                    return
                self._control(line.split())
            if self._device in ready:
                with contextlib.suppress(BlockingIOError, FileNotFoundError):
                    self._take(os.read(self._device, _LONGEST_REQUEST))

    def _control(self, arguments: list[str]) -> None:
        if arguments[0] == "hold":
            path = arguments[2] if len(arguments) > 2 else ""
            self._rules += [(operation, path) for operation in arguments[1].split(",")]
        else:
            self._rules.clear()
            held, self._held = self._held, []
            for request in held:
                self._answer(request)
        print("done", flush=True)

    def _take(self, request: bytes) -> None:
        _, opcode, _, node = struct.unpack_from("=IIQQ", request)
        operation = _OPERATIONS.get(opcode, "")
        if operation in _UNANSWERED:
            return
        path = self._paths.get(node, "")
        if operation == "lookup":
            path = f"{path}/{os.fsdecode(request[40:-1])}".lstrip("/")
        if any(
            held in (operation, "all")
            and operation != "init"
            and f"{path}/".startswith(f"{below}/".lstrip("/"))
            for held, below in self._rules
        ):
            self._held.append(request)
            print(f"held {operation} {path}", flush=True)
            return
        self._answer(request)

    def _answer(self, request: bytes) -> None:
        _, opcode, unique, node = struct.unpack_from("=IIQQ", request)
        handler: Callable[[int, bytes], bytes] | None = getattr(
            self, f"_{_OPERATIONS.get(opcode, 'none')}", None
        )
        try:
            code, data = (0, handler(node, request[40:])) if handler is not None else (errno.ENOSYS, b"")
        except OSError as error:
            code, data = error.errno or errno.EIO, b""
        # The waiting process may have ended.
        with contextlib.suppress(FileNotFoundError):
            os.write(self._device, struct.pack("=IiQ", 16 + len(data), -code, unique) + data)

    def _real(self, node: int) -> str:
        return os.path.join(self._source, self._paths[node])

    def _attributes(self, path: str) -> bytes:
        found = os.lstat(os.path.join(self._source, path))
        times = (int(found.st_atime), int(found.st_mtime), int(found.st_ctime), 0, 0, 0)
        number = self._numbers.setdefault(path, len(self._numbers) + 1)
        self._paths[number] = path
        ids = (found.st_mode, 1, found.st_uid, found.st_gid)
        return struct.pack("=6Q10I", number, found.st_size, found.st_blocks, *times, *ids, 0, 4096, 0)

    def _entry(self, path: str) -> bytes:
        attributes = self._attributes(path)
        return struct.pack("=4Q2I", self._numbers[path], 0, 0, 0, 0, 0) + attributes

    def _init(self, node: int, data: bytes) -> bytes:
        return struct.pack("=4I2H2I2H8I", 7, 31, 1 << 16, 0, 16, 12, 1 << 16, 1, 16, 0, *[0] * 8)

    def _lookup(self, node: int, data: bytes) -> bytes:
        return self._entry(f"{self._paths[node]}/{os.fsdecode(data[:-1])}".lstrip("/"))

    def _getattr(self, node: int, data: bytes) -> bytes:
        return struct.pack("=Q2I", 0, 0, 0) + self._attributes(self._paths[node])

    def _setattr(self, node: int, data: bytes) -> bytes:
        valid, _, _, size = struct.unpack_from("=IIQQ", data)
        if valid & 8:
            os.truncate(self._real(node), size)
        return self._getattr(node, data)

    def _readlink(self, node: int, data: bytes) -> bytes:
        return os.fsencode(os.readlink(self._real(node)))

    def _mknod(self, node: int, data: bytes) -> bytes:
        path = f"{self._paths[node]}/{os.fsdecode(data[16:-1])}".lstrip("/")
        os.mknod(os.path.join(self._source, path), struct.unpack_from("=I", data)[0])
        return self._entry(path)

    def _unlink(self, node: int, data: bytes) -> bytes:
        os.unlink(os.path.join(self._real(node), os.fsdecode(data[:-1])))
        return b""

    def _open(self, node: int, data: bytes) -> bytes:
        return bytes(16)

    def _read(self, node: int, data: bytes) -> bytes:
        _, offset, size = struct.unpack_from("=QQI", data)
        with open(self._real(node), "rb") as file:
            file.seek(offset)
            return file.read(size)

    def _write(self, node: int, data: bytes) -> bytes:
        _, offset, size = struct.unpack_from("=QQI", data)
        with open(self._real(node), "r+b") as file:
            file.seek(offset)
            file.write(data[40 : 40 + size])
        return struct.pack("=II", size, 0)

    def _statfs(self, node: int, data: bytes) -> bytes:
        return struct.pack("=5Q10I", 1 << 20, 1 << 19, 1 << 19, 1 << 20, 1 << 19, 4096, 255, 4096, *[0] * 7)

    def _readdir(self, node: int, data: bytes) -> bytes:
        _, offset, size = struct.unpack_from("=QQI", data)
        found = b""
        for number, name in enumerate([".", "..", *sorted(os.listdir(self._real(node)))]):
            if number < offset:
                continue
            kind = stat.S_IFMT(os.lstat(os.path.join(self._real(node), name)).st_mode) >> 12
            text = os.fsencode(name)
            entry = struct.pack("=QQII", number + 2, number + 1, len(text), kind) + text
            entry += bytes(-len(entry) % 8)
            if len(found) + len(entry) > size:
                break
            found += entry
        return found

    def _release(self, node: int, data: bytes) -> bytes:
        return b""

    _opendir, _releasedir, _flush, _fsync = _open, _release, _release, _release


def _umount(point: Path) -> None:
    detach = 2
    ctypes.CDLL(None).umount2(os.fsencode(point), detach)


@contextlib.contextmanager
def mounted(source: Path, point: Path) -> Iterator[StuckMount]:
    """The file system until the end of the block; processes that still wait for it then get an error."""
    point.mkdir(exist_ok=True)
    mount = StuckMount(source, point)
    try:
        yield mount
    finally:
        mount.end()


def _main(source: str, point: str) -> None:
    device = os.open("/dev/fuse", os.O_RDWR | os.O_NONBLOCK)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
    if libc.mount(b"stuck", os.fsencode(point), b"fuse.stuck", 0, options.encode()):
        raise OSError(ctypes.get_errno(), "mount")
    print("mounted", flush=True)
    try:
        _Server(source, device).serve()
    finally:
        _umount(Path(point))


if __name__ == "__main__":
    _main(*sys.argv[1:])
