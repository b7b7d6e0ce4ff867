"""One question to a child of its own, for what may hang: an engine's socket, a log of the kernel's.

The child is asked by JSON on its command line and answers by JSON on standard output. It is killed at its deadline
with all that it started. How Python starts in it is as in :mod:`ovms_doctor.probes.processes.child`.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import selectors
import site
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import ovms_doctor
from ovms_doctor.probes import interrupts
from ovms_doctor.probes.access import die_with_parent
from ovms_doctor.probes.processes.child import ChildExit, has_ended, kill

Task: TypeAlias = Literal["container", "kernel_log"]

#: The module whose ``answer`` takes the question.
_MODULES: Mapping[str, str] = {
    "container": "ovms_doctor.probes.containers.engine",
    "kernel_log": "ovms_doctor.probes.kernel_log",
}
#: More than any engine has to say of one container.
_MOST = 64 << 20
_STDERR_KEPT = 4096
_BOOTSTRAP = (
    "import sys; count = int(sys.argv[1]); places = sys.argv[2:2 + count]; "
    # This very package, whatever copy of it is installed besides; everything else as Python finds it.
    "sys.path.insert(0, places[0]); import ovms_doctor; del sys.path[0]; sys.path.extend(places); "
    "from ovms_doctor.probes.processes.run_in_child import main; main(*sys.argv[2 + count:])"
)


def run_in_child(
    task: Task, question: Mapping[str, Any], deadline: float, environment: Mapping[str, str] | None = None
) -> dict[str, Any] | ChildExit:
    """What ``task`` answers within ``deadline`` seconds, or how its process ended. Raises Interrupted.

    ``environment``: the child's, this process' where it is None.
    """
    try:
        process = subprocess.Popen(
            [*_command(), task, json.dumps(dict(question)), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if environment is None else dict(environment),
            cwd="/",
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return ChildExit(None, None, False, f"no child process can be started: {error}", False)
    try:
        return _receive(process, time.monotonic() + deadline)
    finally:
        kill(process)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def main(task: str, question: str, parent: str) -> None:
    """The child's main program."""
    die_with_parent(int(parent))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answer = importlib.import_module(_MODULES[task]).answer(json.loads(question))
    # Surrogates of names that are not UTF-8 go as escapes.
    with contextlib.suppress(BrokenPipeError), open(sys.stdout.fileno(), "wb", closefd=False) as out:
        out.write(json.dumps(answer).encode("ascii"))
    sys.stderr.flush()
    # Libraries with threads of their own may hang when they end.
    os._exit(0)


def _command() -> list[str]:
    places = [os.path.dirname(os.path.dirname(os.path.abspath(ovms_doctor.__file__)))]
    if site.ENABLE_USER_SITE:
        places.append(site.getusersitepackages())
    flags = ["-I", *(["-B"] if sys.dont_write_bytecode else [])]
    if sys.getfilesystemencoding() == "utf-8":
        flags += ["-X", "utf8=1"]
    return [sys.executable, *flags, "-c", _BOOTSTRAP, str(len(places)), *places]


def _receive(process: subprocess.Popen[bytes], end: float) -> dict[str, Any] | ChildExit:
    assert process.stdout is not None
    assert process.stderr is not None
    answer, errors = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdout, process.stderr):
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ)
        # What the child started may hold its pipes open: its own end counts as well.
        while selector.get_map():
            interrupts.check()
            left = end - time.monotonic()
            if left <= 0 or len(answer) > _MOST:
                return ChildExit(None, None, left <= 0, "it answers without end", True)
            ready = selector.select(min(left, interrupts.HEARTBEAT))
            for key, _ in ready:
                data = os.read(key.fd, 1 << 18)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    answer += data
                else:
                    errors += data
                    del errors[:-_STDERR_KEPT]
            if not ready and has_ended(process):
                break
    try:
        message = json.loads(answer)
    except (ValueError, RecursionError):
        message = None
    if isinstance(message, dict):
        return message
    kill(process)
    code = process.returncode
    text = errors.decode("utf-8", "replace")
    return ChildExit(
        -code if code is not None and code < 0 else None, code if code and code > 0 else None, False, text
    )
