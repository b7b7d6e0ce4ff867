"""Workers for tests that run the command line or collect facts in their own process: copies of one prepared
process.

Most of the cost of such a test is the start of a Python for each worker, and its imports. A command's own
process creates its workers as copies of itself (:mod:`ovms_doctor.probes.processes.fork`), which the process
of the tests cannot do, because it has threads. So one process without threads, which has imported the modules
of the workers, creates the copies. A copy runs the worker's own code, with its own pipes, limits,
environment, session and ids, and becomes a child of the process of the tests, which ends it and reads its
status. What tests start by ``ovms_doctor_process``, or as a child of another kind, is started as a user's
command does.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import pickle
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovms_doctor.probes.processes import workers
from ovms_doctor.probes.processes.entry import set_up
from ovms_doctor.probes.processes.start import INCOMING, OUTGOING, OWN_PATH, Process, child_pipes, start

if TYPE_CHECKING:
    import pytest

_PR_SET_CHILD_SUBREAPER = 36
#: The modules that workers import, at once or later.
_IMPORTS = (
    "ovms_doctor.probes.processes.worker_start",
    "ovms_doctor.probes.processes.entry",
    "ovms_doctor.probes.processes.worker",
    "ovms_doctor.probes.filesystem",
    "ovms_doctor.probes.inspect",
    "ovms_doctor.probes.runtime.handler",
    "ovms_doctor.probes.runtime.read",
    "ovms_doctor.probes.stores.child",
)

_CLIENTS = (
    "boto3.session",
    "botocore.auth",
    "botocore.config",
    "botocore.httpsession",
    "botocore.response",
    "google.cloud.storage",
    "google.oauth2.service_account",
)

#: The socket of the process that makes the copies, and the process that started it.
_maker: tuple[int, socket.socket] | None = None
_lock = threading.Lock()


def use_copies() -> None:
    """Makes every worker of this process a copy, from now on."""
    workers.start = _start  # type: ignore[assignment]


def use_started_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every worker of a test a Python process of its own again."""
    monkeypatch.setattr(workers, "start", start)


def _start(
    entry: str,
    arguments: Sequence[str],
    *,
    paths: Sequence[str] = (OWN_PATH,),
    with_site: bool = True,
    environment: Mapping[str, str] | None = None,
) -> Process:
    """As :func:`ovms_doctor.probes.processes.start.start`."""
    variables = dict(os.environ if environment is None else environment)
    with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
        child_ends, own_ends = child_pipes(theirs, ours)
        request = pickle.dumps((entry, list(arguments), list(paths), variables))
        with _lock, _adoption():
            maker = _running_maker()
            socket.send_fds(maker, [struct.pack("=I", len(request))], child_ends)
            maker.sendall(request)
            (pid,) = struct.unpack("=i", maker.recv(4, socket.MSG_WAITALL))
        ours.pop_all()
    return Process(pid, *own_ends)


@contextlib.contextmanager
def _adoption() -> Iterator[None]:
    """Within the block, a copy becomes a child of this process when the process between it and its maker ends."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _running_maker() -> socket.socket:
    global _maker
    if _maker is None or _maker[0] != os.getpid():
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-I", "-c", _PROGRAM, str(Path(__file__).parents[1]), str(theirs.fileno())]
        theirs.set_inheritable(True)
        actions = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1)]
        os.posix_spawn(command[0], command, os.environ, file_actions=actions)
        theirs.close()
        _maker = (os.getpid(), ours)
    return _maker[1]


_PROGRAM = (
    "import sys; own = list(sys.path); sys.path.insert(0, sys.argv[1]); "
    "from tests.worker_copies import serve; serve(int(sys.argv[2]), own)"
)


# -- the process that makes copies -------------------------------------------------------------------------


def serve(descriptor: int, own_path: list[str]) -> None:
    """Makes copies until there are no more requests."""
    for name in _IMPORTS:
        import_module(name)
    _load_libraries()
    tests = os.getppid()
    # The directory of the tests may be removed.
    os.chdir("/")
    with socket.socket(fileno=descriptor) as requests:
        while True:
            header, descriptors, _, _ = socket.recv_fds(requests, 4, 3)
            if len(header) < 4:
                return
            request = pickle.loads(requests.recv(struct.unpack("=I", header)[0], socket.MSG_WAITALL))
            if "stores" in request[1]:
                _import_clients()
            requests.sendall(struct.pack("=i", _copy(tests, request, descriptors, own_path)))
            for number in descriptors:
                os.close(number)


def _load_libraries() -> None:
    """Loads OpenVINO's libraries without calling any of them."""
    found = find_spec("openvino")
    for directory in (found.submodule_search_locations or ()) if found else ():
        for path in Path(directory).glob("_pyopenvino*.so"):
            with contextlib.suppress(OSError):
                ctypes.CDLL(str(path))


def _import_clients() -> None:
    """Imports the libraries for remote storage."""
    for name in (
        "ovms_doctor.probes.stores.amazon.store",
        "ovms_doctor.probes.stores.google.store",
        *_CLIENTS,
    ):
        import_module(name)


def _copy(tests: int, request: Any, descriptors: list[int], own_path: list[str]) -> int:
    """The process id of a new copy, which is a child of the process ``tests``."""
    read, write = os.pipe()
    between = os.fork()
    if between == 0:
        pid = os.fork()
        if pid == 0:
            os.close(read)
            _run(tests, request, descriptors, own_path)
        os.write(write, struct.pack("=i", pid))
        os._exit(0)
    os.close(write)
    os.waitpid(between, 0)
    (pid,) = struct.unpack("=i", os.read(read, 4))
    os.close(read)
    return int(pid)


def _run(tests: int, request: Any, descriptors: list[int], own_path: list[str]) -> None:
    """Runs the worker as :mod:`ovms_doctor.probes.processes.fork` does; never returns."""
    try:
        entry, arguments, paths, variables = request
        os.setsid()
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        for source, target in zip(descriptors, (INCOMING, OUTGOING, 2), strict=True):
            os.dup2(source, target)
        gc.freeze()
        # The kernel kills a process with its parent, so the parent must be the right one by then.
        while os.getppid() != tests:
            time.sleep(0.0001)
        os.environ.clear()
        os.environ.update(variables)
        sys.path[:] = [one for path in paths for one in (own_path if path == OWN_PATH else [path])]
        set_up(tests, OUTGOING)
        module, _, function = entry.partition(":")
        getattr(import_module(module), function)(*arguments)
    except BaseException:
        with contextlib.suppress(OSError):
            os.write(2, traceback.format_exc().encode("utf-8", "backslashreplace"))
        raise
    finally:
        os._exit(1)
