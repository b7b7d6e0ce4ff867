"""Records the actions of this process before they happen: files, directories, processes, addresses.

The records come from Python's audit events (PEP 578), which every library written in Python causes too, and from the
functions of ``os`` that look a path up and cause no event: these are replaced during the recording.
:mod:`ovms_doctor.probes.recording.active` records the actions of C++ code. Of Python's own installation, only the
directories are recorded.
"""

from __future__ import annotations

import _thread
import os
import socket
import sys
from collections.abc import Callable, Iterator
from types import FrameType, ModuleType
from typing import Any, Protocol

from ovms_doctor.probes.recording import active

#: The kinds of records; the comments list their fields.
READ, LISTED, LOOKED_UP, WRITTEN, REMOVED, LOADED, READ_BELOW = "r", "l", "s", "w", "d", "x", "b"
#: A directory of the installation; a connection (protocol, host, port, component); a looked up name (name,
#: component); a process (purpose, arguments of its command line).
INSTALLATION, CONTACT, LOOKUP, PROCESS = "i", "c", "n", "p"

#: In place of the number of connections: the library decides it.
MANY = "*"

#: The component that connects, by the module that calls: the first prefix of its name counts.
_COMPONENTS = (
    ("ovms_doctor.probes.stores.amazon", "S3 client"),
    ("ovms_doctor.probes.stores.google", "Google Cloud Storage client"),
    ("ovms_doctor.probes.containers", "container engine client"),
    ("ovms_doctor.probes.live.grpc_calls", "gRPC client"),
    ("ovms_doctor.probes.live.http", "HTTP client"),
    ("ovms_doctor.probes.live", "connection test"),
    ("ovms_doctor.probes.metadata", "HTTP client"),
    ("ovms_doctor.plugins", "third-party check"),
)
COMPONENTS = frozenset(name for _, name in _COMPONENTS)

_OWN_DESCRIPTOR = "/proc/self/fd/"
_readlink, _stat = os.readlink, os.stat
#: Functions of os that look a path up, but cause no audit event.
_SILENT = ("stat", "lstat", "readlink", "access", "statvfs")


class Sink(Protocol):
    """The receiver of records."""

    def add(self, kind: str, fields: tuple[str, ...]) -> None:
        """Keeps a record."""

    def fail(self) -> None:
        """Notes that an action could not be recorded."""


class Recorder:
    """Records for one process; ``sink`` keeps the records."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self._installation = _installation()
        #: Threads inside a function whose event is already recorded.
        self._inside: set[int] = set()

    # -- paths -----------------------------------------------------------------------------------------

    def path(self, kind: str, path: Any, directory: Any = None) -> None:
        """Records a path. ``directory``: the descriptor that a relative path counts from."""
        name = _absolute(path, directory)
        if name is None:
            return
        if kind not in (WRITTEN, REMOVED):
            for top in self._installation:
                if name.startswith(top) and name[len(top) : len(top) + 1] in ("", "/"):
                    self.sink.add(INSTALLATION, (top,))
                    return
        self.sink.add(kind, (name,))

    def opened(self, path: Any, flags: Any, directory: Any = None) -> None:
        """Records a file or directory that is about to be opened."""
        bits = flags if isinstance(flags, int) else 0
        if bits & os.O_PATH:
            kind = LOOKED_UP
        elif bits & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
            kind = WRITTEN
        else:
            kind = LISTED if bits & os.O_DIRECTORY else READ
        self.path(kind, path, directory)

    def model(self, path: str) -> None:
        """Records the files that OpenVINO opens for a model: the file and its weights; or a whole directory."""
        stem, suffix = os.path.splitext(path)
        if path.endswith("/"):
            self.library_reads_below(path)
            return
        self.path(READ, path)
        for companion, main_suffixes in ((".bin", (".xml",)), (".pdiparams", (".pdmodel", ".json"))):
            if suffix in main_suffixes and _exists(stem + companion):
                self.path(READ, stem + companion)
        if suffix == ".onnx":
            # Weights may be in any file of the directory.
            self.library_reads_below(os.path.dirname(path) or ".")

    def library(self, path: str) -> None:
        """Records a shared library that is about to be loaded."""
        self.path(LOADED, path)

    def library_reads_below(self, path: str) -> None:
        """Records a directory in and below which a library opens files of its own choice."""
        self.path(READ_BELOW, path.rstrip("/") or "/")

    # -- hosts -----------------------------------------------------------------------------------------

    def channel(self, host: str, port: int) -> None:
        """Records an address to which a library connects any number of times."""
        self._lookup(host)
        self.sink.add(CONTACT, ("tcp", host, str(port), _component(), MANY))

    def connect(self, connection: Any, address: Any) -> None:
        """Records an address to which a socket is about to connect or send."""
        protocol = "udp" if connection.type == socket.SOCK_DGRAM else "tcp"
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            host, port = _text(address[0]), str(int(address[1]))
        elif connection.family == socket.AF_UNIX:
            protocol, host, port = "unix", _text(address), ""
        else:
            protocol, host, port = connection.family.name.lower(), _text(address), ""
        self.sink.add(CONTACT, (protocol, host, port, _component(), ""))

    def _lookup(self, host: Any) -> None:
        name = "" if host is None else _text(host)
        if name and not _is_address(name):
            self.sink.add(LOOKUP, (name, _component()))

    # -- processes -------------------------------------------------------------------------------------

    def process(self, command: Any, purpose: str = "") -> None:
        """Records a command line that is about to be run."""
        line = [command] if isinstance(command, str | bytes) else list(command or ())
        self.sink.add(PROCESS, (purpose, *(_text(word) for word in line)))

    # -- events ----------------------------------------------------------------------------------------

    def event(self, handler: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        """Records an audit event. Notes every error, because an exception would prevent the action."""
        if _thread.get_ident() in self._inside:
            return
        try:
            handler(self, *arguments)
        except Exception:  # noqa: BLE001
            self.sink.fail()

    def silent(self, kind: str, path: Any, directory: Any = None) -> None:
        """Records a path that a function looks up without an event."""
        if not isinstance(path, int):
            self.event(lambda recorder: recorder.path(kind, path, directory), ())

    def open_relative(
        self, original: Callable[..., int], path: Any, flags: int, *rest: Any, **named: Any
    ) -> int:
        """Calls ``os.open`` with a path relative to a directory's descriptor, which its event does not name."""
        self.event(lambda recorder: recorder.opened(path, flags, named["dir_fd"]), ())
        thread = _thread.get_ident()
        self._inside.add(thread)
        try:
            return original(path, flags, *rest, **named)
        finally:
            self._inside.discard(thread)


def _current(
    module: ModuleType = active, is_finalizing: Callable[[], bool] = sys.is_finalizing
) -> Recorder | None:
    """Returns the recorder; None if nothing is recorded, or while the interpreter ends.

    At its end, the interpreter replaces the globals of each module by None, and objects that are destroyed later still
    open files. So this function, and those that call it, use what was bound before.
    """
    if is_finalizing():
        return None
    recorder: Recorder | None = module.recorder
    return recorder


class _Function:
    """A replacement for a function of ``os``. It is not a function, so that a class with it as an attribute does not
    make it a method."""

    def __init__(self, original: Any) -> None:
        self.original = original
        self.current = _current
        self.__name__ = original.__name__
        self.__doc__ = original.__doc__

    def __call__(self, path: Any, *arguments: Any, **named: Any) -> Any:
        recorder = self.current()
        if recorder is not None:
            recorder.silent(LOOKED_UP, path, named.get("dir_fd"))
        return self.original(path, *arguments, **named)


class _Open(_Function):
    def __call__(self, path: Any, *arguments: Any, **named: Any) -> Any:
        recorder = self.current()
        if recorder is None or named.get("dir_fd") is None or not arguments:
            return self.original(path, *arguments, **named)
        return recorder.open_relative(self.original, path, *arguments, **named)


_hooked = False


def record_to(sink: Sink) -> Recorder:
    """Records the actions of this process from now on."""
    global _hooked
    recorder = active.recorder = Recorder(sink)
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked = True
    for name in (*_SILENT, "open"):
        original = getattr(os, name)
        if not isinstance(original, _Function):
            _replace(original, (_Open if name == "open" else _Function)(original))
    return recorder


def stop() -> None:
    """Stops the recording. The hook remains, because Python cannot remove one, and returns at once."""
    active.recorder = None
    for name in (*_SILENT, "open"):
        function = getattr(os, name)
        if isinstance(function, _Function):
            _replace(function, function.original)


def _replace(before: Any, after: Any) -> None:
    setattr(os, before.__name__, after)
    for functions in (
        os.supports_dir_fd,
        os.supports_fd,
        os.supports_follow_symlinks,
        os.supports_effective_ids,
    ):
        if before in functions:
            functions.add(after)


def _hook(event: str, arguments: tuple[Any, ...], current: Callable[[], Recorder | None] = _current) -> None:
    recorder = current()
    if recorder is not None:
        handler = _EVENTS.get(event)
        if handler is not None:
            recorder.event(handler, arguments)


def _changed(recorder: Recorder, path: Any, *rest: Any) -> None:
    recorder.path(WRITTEN, path)


def _changed_in(recorder: Recorder, path: Any, *rest: Any) -> None:
    """Records a changed path; the last argument is the descriptor of a directory."""
    recorder.path(WRITTEN, path, rest[-1])


def _removed(recorder: Recorder, path: Any, directory: Any) -> None:
    recorder.path(REMOVED, path, directory)


def _renamed(recorder: Recorder, before: Any, after: Any, before_in: Any, after_in: Any) -> None:
    recorder.path(REMOVED, before, before_in)
    recorder.path(WRITTEN, after, after_in)


def _spawned(recorder: Recorder, path: Any, command: Any, environment: Any) -> None:
    # The module subprocess has an event of its own, and calls this function.
    if not _is_called_by("subprocess"):
        recorder.process(command)


def _imported(recorder: Recorder, name: Any, file: Any = None, *rest: Any) -> None:
    # A module in C, which the dynamic linker opens.
    if file is not None:
        recorder.path(LOADED, file)


def _library(recorder: Recorder, name: Any, *rest: Any) -> None:
    if name is not None and "/" in _text(name):
        recorder.path(LOADED, name)


_EVENTS: dict[str, Callable[..., None]] = {
    "open": lambda recorder, path, mode, flags: (
        None if isinstance(path, int) else recorder.opened(path, flags)
    ),
    "os.listdir": lambda recorder, path: recorder.path(LISTED, path),
    "os.scandir": lambda recorder, path: recorder.path(LISTED, path),
    "os.getxattr": lambda recorder, path, *rest: recorder.path(LOOKED_UP, path),
    "os.listxattr": lambda recorder, path, *rest: recorder.path(LOOKED_UP, path),
    "os.mkdir": _changed_in,
    "os.chmod": _changed_in,
    "os.chown": _changed_in,
    "os.utime": _changed_in,
    "os.truncate": _changed,
    "os.setxattr": _changed,
    "os.removexattr": _changed,
    "os.symlink": lambda recorder, target, path, directory: recorder.path(WRITTEN, path, directory),
    "os.link": lambda recorder, target, path, before, after: recorder.path(WRITTEN, path, after),
    "os.rename": _renamed,
    "os.remove": _removed,
    "os.rmdir": _removed,
    "import": _imported,
    "ctypes.dlopen": _library,
    "socket.connect": lambda recorder, connection, address: recorder.connect(connection, address),
    "socket.sendto": lambda recorder, connection, address: recorder.connect(connection, address),
    "socket.sendmsg": lambda recorder, connection, address: (
        None if address is None else recorder.connect(connection, address)
    ),
    "socket.getaddrinfo": lambda recorder, host, *rest: recorder._lookup(host),
    "socket.gethostbyname": lambda recorder, host: recorder._lookup(host),
    "socket.gethostbyaddr": lambda recorder, address: recorder.sink.add(
        LOOKUP, (_text(address), _component())
    ),
    "os.posix_spawn": _spawned,
    "os.exec": lambda recorder, path, command, environment: recorder.process(command),
    "os.system": lambda recorder, line: recorder.process(line),
    "os.fork": lambda recorder: recorder.process(()),
    "os.forkpty": lambda recorder: recorder.process(()),
    "subprocess.Popen": lambda recorder, program, command, directory, environment: recorder.process(command),
}


def _absolute(path: Any, directory: Any = None) -> str | None:
    """Returns the absolute path that an event names; None if it is not a path, such as the descriptor of a pipe."""
    if path is None:
        path = "."
    if isinstance(path, int):
        name = _of_descriptor(path)
        return name if name.startswith("/") else None
    name = os.fsdecode(path)
    if name.startswith(_OWN_DESCRIPTOR):
        number, slash, rest = name[len(_OWN_DESCRIPTOR) :].partition("/")
        held = _of_descriptor(int(number)) if number.isdecimal() else ""
        return f"{held.rstrip('/')}{slash}{rest}" if held.startswith("/") else name
    if not name.startswith("/"):
        is_held = isinstance(directory, int) and directory >= 0
        name = f"{_of_descriptor(directory) if is_held else os.getcwd()}/{name}"
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return "/" + "/".join(parts)


def _exists(path: str) -> bool:
    """Whether the path exists; does not use os.path, whose system call would be recorded."""
    try:
        _stat(path)
    except (OSError, ValueError):
        return False
    return True


def _of_descriptor(number: int) -> str:
    try:
        return _readlink(f"{_OWN_DESCRIPTOR}{number}")
    except OSError:
        return ""


def _text(value: Any) -> str:
    return os.fsdecode(value) if isinstance(value, str | bytes | os.PathLike) else str(value)


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.partition("%")[0])
        except (OSError, ValueError):
            continue
        return True
    return False


def _is_called_by(module: str) -> bool:
    return any(name == module for name in _callers())


def _callers() -> Iterator[str]:
    """Yields the names of the modules with active functions, the innermost first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield str(frame.f_globals.get("__name__", ""))
        frame = frame.f_back


def _component() -> str:
    """Returns the component that connects: the nearest module of this program among the callers; empty if there is
    none."""
    for name in _callers():
        for beginning, component in _COMPONENTS:
            if name.startswith(beginning):
                return component
    return ""


def _installation() -> tuple[str, ...]:
    """Returns directories and archives that contain modules of Python, of libraries and of this program. Not all of
    sys.path: the working directory may be in it."""
    home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    found = [home, os.path.dirname(os.__file__)]
    for directory in sys.path:
        if os.path.basename(directory) in ("site-packages", "dist-packages") or directory.endswith(
            (".zip", ".pyz")
        ):
            found.append(os.path.abspath(directory))
    # Also by the targets of links.
    links = [os.path.realpath(directory) for directory in found]
    return tuple(dict.fromkeys([*found, *links]))
