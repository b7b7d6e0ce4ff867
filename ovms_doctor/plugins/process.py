"""The child process of one third-party check, seen from the parent: started, heard with a deadline, killed.

Python starts in it without PYTHON* variables and without the working directory on the path; modules come from
where the parent's come from. Standard output and standard error of the check are one bounded text.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
import weakref
from types import TracebackType
from typing import Any

import ovms_doctor
from ovms_doctor.plugins.discovery import safe_path
from ovms_doctor.probes import interrupts
from ovms_doctor.probes.processes.child import PATIENCE, STDERR_KEPT, ChildExit, has_ended, kill

#: Bytes that a check may answer with, all lines together.
LARGEST_ANSWER = 32 << 20

#: The package is the parent's own, whichever other one may be installed; the rest comes from the given path.
_BOOTSTRAP = (
    "import sys; home, count, *words = sys.argv[1:]; places = words[:int(count)]; "
    "sys.path[:] = [home, *places]; import ovms_doctor; sys.path[:] = places; "
    "from ovms_doctor.plugins.child import main; "
    "main(words[len(places)], *map(int, words[len(places) + 1:]))"
)


class Child:
    """One check's process. The kernel kills it when the thread that made it ends (prctl(2))."""

    def __init__(self, target: str, facts: int) -> None:
        """``target``: what the entry point names; ``facts``: the descriptor of a file to be read from its
        beginning. OSError or ValueError where no process can be started."""
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            go, self._go = _pipe(theirs, ours, writes=True)
            answers, self._answers = _pipe(theirs, ours)
            errors, self._errors = _pipe(theirs, ours)
            self._process = subprocess.Popen(
                _command(target, go, answers, facts),
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                pass_fds=(go, answers, facts),
                cwd="/",
                start_new_session=True,
            )
            self._open = ours.pop_all()
        self._buffer = bytearray()
        self._lines = 0
        self._taken = 0
        self._stderr = bytearray()
        self._died: ChildExit | None = None
        self._heard = False
        self._selector = selectors.DefaultSelector()
        for descriptor in (self._answers, self._errors):
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ)
        # For who forgets to close: at the end of the interpreter at the latest.
        self._finalizer = weakref.finalize(self, kill, self._process)

    def run(self) -> None:
        """Lets it begin with its work."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._go, b"\n")

    def receive(self, deadline: float) -> dict[str, Any] | ChildExit:
        """The next line, within so many seconds from now; else the child is ended. Raises Interrupted."""
        if self._died is not None:
            return self._died
        end = time.monotonic() + deadline
        while not self._lines:
            left = end - time.monotonic()
            # Not only the pipe is watched: what the check started may hold it open.
            events = self._selector.select(max(0.0, min(left, interrupts.HEARTBEAT)))
            interrupts.check()
            at_end = any(self._read(key.fd) for key, _ in events)
            if self._lines:
                break
            if self._taken > LARGEST_ANSWER:
                return self.end(wrong=f"it answered with more than {LARGEST_ANSWER >> 20} MiB")
            if at_end or (not events and has_ended(self._process)):
                return self.end(PATIENCE)
            if left <= 0:
                return self.end(timed_out=True)
        line, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer[:] = rest
        self._lines -= 1
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            return self.end(wrong="what it wrote is no answer")
        self._heard = True
        return message

    def end(self, patience: float = 0.0, *, timed_out: bool = False, wrong: str = "") -> ChildExit:
        """Waits so many seconds for it to end by itself, then kills its process group. ``wrong``: why."""
        if self._died is None:
            limit = time.monotonic() + patience
            while not has_ended(self._process) and time.monotonic() < limit:
                time.sleep(0.002)
            self._finalizer()
            self._read(self._errors)
            code = None if timed_out or wrong else self._process.returncode
            self._died = ChildExit(
                signal=-code if code is not None and code < 0 else None,
                exit=code if code is not None and code >= 0 else None,
                timed_out=timed_out,
                stderr=wrong or self._stderr.decode("utf-8", "replace"),
                started=self._heard,
            )
            self._selector.close()
            self._open.close()
        return self._died

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _read(self, descriptor: int) -> bool:
        """Takes what is there; True at the end of the answers."""
        try:
            data = os.read(descriptor, 1 << 18)
        except BlockingIOError:
            return False
        if descriptor == self._errors:
            if not data:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(descriptor)
            self._stderr += data
            del self._stderr[:-STDERR_KEPT]
            return False
        self._buffer += data
        self._lines += data.count(b"\n")
        self._taken += len(data)
        return not data


def _pipe(
    theirs: contextlib.ExitStack, ours: contextlib.ExitStack, *, writes: bool = False
) -> tuple[int, int]:
    """A pipe's two ends, the child's first; each is closed with its side."""
    read, write = os.pipe()
    child, parent = (read, write) if writes else (write, read)
    theirs.callback(os.close, child)
    ours.callback(os.close, parent)
    return child, parent


def _command(target: str, go: int, answers: int, facts: int) -> list[str]:
    flags = ["-I"]
    if sys.dont_write_bytecode:
        flags.append("-B")
    # Names must be decoded there as they are here, whatever the locale.
    if sys.getfilesystemencoding() == "utf-8":
        flags += ["-X", "utf8=1"]
    home = os.path.dirname(os.path.dirname(os.path.abspath(ovms_doctor.__file__)))
    places = safe_path()
    numbers = map(str, (go, answers, facts, os.getpid()))
    return [sys.executable, *flags, "-c", _BOOTSTRAP, home, str(len(places)), *places, target, *numbers]
