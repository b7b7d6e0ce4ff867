"""Lines to and from a child process that may hang, crash or write without end: each with a deadline."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal as signals
import time
import weakref
from collections import deque

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.probes import interrupts
from ovms_doctor.probes.processes.start import TIME_LIMIT, Process

#: The most bytes of a child's standard error that are kept.
STDERR_KEPT = 4096
#: The most unread bytes that a child process may have written: far more than any answer.
LARGEST_MESSAGE = 512 << 20


class ChildExit(Struct, frozen=True):
    """The end of a child process before it answered.

    ``signal``: the signal that ended it.
    ``exit``: its exit status.
    ``timed_out``: whether it was killed at its deadline.
    ``stderr``: the end of its standard error.
    ``started``: whether it had reported that it was ready.
    ``left_behind``: its process id if the kernel cannot end it, as on a dead mount; 0 if it has ended.
    """

    signal: int | None
    exit: int | None
    timed_out: bool
    stderr: str
    started: bool = True
    left_behind: int = 0

    def __str__(self) -> str:
        if self.timed_out:
            return "it did not answer in time and was killed"
        if self.signal is not None:
            return f"it was ended by {signal_name(self.signal)}"
        last = self.stderr.strip().rpartition("\n")[2]
        how = "it failed" if self.exit is None else f"it ended with status {self.exit}"
        return how + (f": {last}" if last else "")


def not_started(error: Exception) -> ChildExit:
    """Returns the end of a child that could not be started."""
    return ChildExit(None, None, False, f"no child process can be started: {error}", False)


class Child:
    """A process that receives lines and returns lines; each returned line is validated.

    ``largest``: the most unread bytes that it may have written, LARGEST_MESSAGE if None.
    """

    def __init__(self, process: Process, largest: int | None = None) -> None:
        self.process = process
        #: Whether it has returned a valid answer.
        self.ready = False
        self._largest = LARGEST_MESSAGE if largest is None else largest
        self._outgoing = bytearray()
        self._lines: deque[bytes] = deque()
        self._partial: list[bytes] = []
        self._pending = 0
        self._stderr = bytearray()
        self._exit: ChildExit | None = None
        self._selector = selectors.DefaultSelector()
        self._pipes = (process.to_child, process.from_child, process.errors)
        for descriptor in self._pipes:
            os.set_blocking(descriptor, False)
        self._selector.register(process.from_child, selectors.EVENT_READ)
        self._selector.register(process.errors, selectors.EVENT_READ)
        # For a caller that does not close it: it ends at the end of the interpreter at the latest.
        self._finalizer = weakref.finalize(self, process.end)

    def send(self, lines: bytes) -> None:
        """Queues whole lines for the child, and writes them while this process waits for answers."""
        idle = not self._outgoing
        self._outgoing += lines
        if idle and self._outgoing:
            self._selector.register(self.process.to_child, selectors.EVENT_WRITE)
            # At once, as far as the pipe accepts them: the child process can begin before its answer is read.
            self._write()

    def exchange(self) -> None:
        """Reads and writes what is possible without waiting, so that neither side waits for a full pipe."""
        if self._exit is None:
            for key, _ in self._selector.select(0.0):
                self._handle(key.fd)

    def receive(self, deadline: float) -> bytes | ChildExit:
        """Returns the next line from the child process; ends the process if no line arrives within ``deadline``
        seconds. Raises InterruptedRunError."""
        end = time.monotonic() + deadline
        while True:
            interrupts.check()
            left = end - time.monotonic()
            line = self.take(min(left, interrupts.HEARTBEAT))
            if line is not None:
                return line
            if left <= 0:
                return self.end(0.0, timed_out=True)

    def take(self, wait: float) -> bytes | ChildExit | None:
        """Returns the next line from the child process, None if no line arrives within ``wait`` seconds."""
        if self._exit is not None:
            return self._exit
        if not self._lines:
            events = self._selector.select(max(0.0, wait))
            at_end = any(self._handle(key.fd) for key, _ in events)
            if self._pending > self._largest:
                return self.end_invalid(f"it answered with more than {self._largest >> 20} MiB")
            if not self._lines:
                # Not only the pipe is watched: processes that the child started may keep it open.
                if at_end or (not events and self.is_ended()):
                    return self.end(TIME_LIMIT)
                return None
        line = self._lines.popleft()
        self._pending -= len(line)
        return line

    def fileno(self) -> int:
        """Returns a descriptor that is readable when this child needs attention."""
        return self._selector.fileno()

    def is_ended(self) -> bool:
        """Whether the process has ended."""
        return self.process.has_ended()

    def end_invalid(self, reason: str = "its output is not an answer") -> ChildExit:
        """Ends a child that wrote an invalid answer: its memory may be damaged."""
        self._exit = replace(self.end(0.0), signal=None, exit=None, timed_out=False, stderr=reason)
        return self._exit

    def end(self, time_limit: float = 0.0, *, timed_out: bool = False) -> ChildExit:
        """Waits for the child process to end by itself, then kills its process group."""
        if self._exit is None:
            limit = time.monotonic() + time_limit
            while not self.is_ended() and time.monotonic() < limit:
                time.sleep(0.002)
            self._finalizer()
            while self._handle(self.process.errors) is None:
                pass
            code = None if timed_out else self.process.returncode
            self._exit = ChildExit(
                signal=-code if code is not None and code < 0 else None,
                exit=code if code is not None and code >= 0 else None,
                timed_out=timed_out,
                stderr=self._stderr.decode("utf-8", "replace"),
                started=self.ready,
                left_behind=self.process.pid if self.process.returncode is None else 0,
            )
            self._selector.close()
            for descriptor in self._pipes:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        return self._exit

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _handle(self, descriptor: int) -> bool | None:
        """Reads or writes what is possible; returns True at the end of the answers, None if there may be more."""
        if descriptor == self.process.to_child:
            return self._write()
        try:
            data = os.read(descriptor, 1 << 18)
        except BlockingIOError:
            return False
        if descriptor == self.process.errors:
            if not data:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(descriptor)
                return False
            self._stderr += data
            del self._stderr[:-STDERR_KEPT]
            return None
        if not data:
            return True
        self._pending += len(data)
        *lines, rest = data.split(b"\n")
        if lines:
            self._pending -= len(lines)
            self._lines.append(b"".join([*self._partial, lines[0]]))
            self._lines.extend(lines[1:])
            self._partial.clear()
        self._partial.append(rest)
        return None

    def _write(self) -> bool:
        try:
            del self._outgoing[: os.write(self.process.to_child, bytes(self._outgoing[: 1 << 16]))]
        except BlockingIOError:
            return False
        except BrokenPipeError:
            self._outgoing.clear()
        if not self._outgoing:
            self._selector.unregister(self.process.to_child)
        return False


def signal_name(number: int) -> str:
    """Returns ``SIGSEGV`` and so on; the number if it has no name."""
    try:
        return signals.Signals(number).name
    except ValueError:
        return f"signal {number}"
