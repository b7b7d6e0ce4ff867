"""Lines of the kernel's log about processes that were killed out of memory. A child reads this host's own log:
journalctl may wait."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import time
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import Any

from msgspec import Struct

from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.probes.named_files import DocumentLimits, NamedFile
from ovms_doctor.probes.processes.child import ChildExit
from ovms_doctor.probes.processes.task import run_in_child

#: What a kept line contains (mm/oom_kill.c, mm/memcontrol.c).
_RELEVANT = lazy_pattern(rb"oom-kill:|[Oo]ut of memory|Killed process|killed as a result of limit of")
_MOST_LINES = 4000
#: Bytes of a saved log, unless the user allows more.
_LARGEST = 4 << 30
_LONGEST_LINE = 4000
#: The longest record of /dev/kmsg (printk, CONSOLE_EXT_LOG_MAX).
_RECORD = 8192
_FILES = ("/var/log/kern.log", "/var/log/messages", "/var/log/syslog")
_JOURNAL = ("journalctl", "--dmesg", "--output=short-iso", "--no-pager", "--quiet")


class KernelLogQuestion(Struct, frozen=True):
    """The question for the child process, which has no parameters."""


class KernelLog(Struct, frozen=True):
    """The child process's result."""

    #: The lines, oldest first.
    lines: tuple[str, ...] = ()
    #: Why the log could not be read: the end of a sentence; empty if it was read.
    problem: str = ""


def lines_of_file(path: str, limits: DocumentLimits) -> tuple[str, ...]:
    """Returns the lines of a saved kernel log, ``-`` for standard input, that are about such processes, oldest
    first.

    They are decoded as names of files are. Raises as :class:`~ovms_doctor.probes.named_files.NamedFile` does.
    """
    limited = _Limited(path, limits=limits, shown=f"--kernel-log {path}")
    with limited, io.BufferedReader(limited) as file:
        try:
            return tuple(_kept(_pieces(file)))
        except OSError as error:
            raise UsageError(f"--kernel-log {path}: {error.strerror or error}") from None


class _Limited(NamedFile):
    """A log that is not read beyond its limit."""

    _length = 0

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer)
        self._length += count
        self.check_length(self._length, _LARGEST)
        return count


def kernel_lines(deadline: float) -> tuple[tuple[str, ...], str | None]:
    """Returns such lines of this host's own kernel log, and one sentence on why it could not be read.

    Reads /dev/kmsg, from which old lines may be lost, and then the journal; else a file in /var/log. Raises
    InterruptedRunError.
    """
    answer = run_in_child("kernel_log", KernelLogQuestion(), KernelLog, deadline)
    if isinstance(answer, ChildExit):
        return (), f"The kernel's log could not be read: {answer}."
    return answer.lines, f"The kernel's log {answer.problem}" if answer.problem else None


def answer(question: KernelLogQuestion) -> KernelLog:
    """Reads the log, in the child process."""
    ring, whole = _of_ring()
    lines = ring or []
    if not whole and not lines:
        journal = _of_journal()
        # Without any journal there is no line, and no error either: then the ring's lines count.
        whole, lines = whole or bool(journal), journal or []
    if ring is None and not lines:
        for path in _FILES:
            with contextlib.suppress(OSError):
                return KernelLog(tuple(_of_file(os.fsencode(path))))
    if ring is None and not whole:
        return KernelLog(problem="cannot be read by this user.")
    return KernelLog(tuple(lines))


def _of_file(path: bytes) -> list[str]:
    with open(path, "rb") as file:
        return _kept(_pieces(file))


def _pieces(file: Any) -> Iterator[bytes]:
    """Yields lines; an endless line in pieces."""
    while piece := file.readline(1 << 20):
        yield piece


def _kept(lines: Iterable[bytes]) -> list[str]:
    """Returns the lines about such processes; of too many the last."""
    found = deque((line for line in lines if _RELEVANT.search(line)), _MOST_LINES)
    return [os.fsdecode(line.rstrip(b"\r\n")[:_LONGEST_LINE]) for line in found]


def _of_ring() -> tuple[list[str] | None, bool]:
    """Returns the lines of /dev/kmsg, with the time of day; None if it may not be read. The second value: whether no
    line is lost.

    A record is ``priority,sequence,microseconds,flags;text`` (Documentation/ABI/testing/dev-kmsg).
    """
    try:
        descriptor = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None, False
    began = time.time() - time.monotonic()
    found: list[str] = []
    whole: bool | None = None
    try:
        while True:
            try:
                record = os.read(descriptor, _RECORD)
            except BlockingIOError:
                break
            except BrokenPipeError:
                # Overwritten during the read: the next read begins at the oldest record that remains.
                whole = False
                continue
            head, _, text = record.partition(b";")
            numbers = head.split(b",")
            if whole is None:
                whole = len(numbers) > 1 and numbers[1] == b"0"
            if _RELEVANT.search(text) and len(numbers) > 2 and numbers[2].isdigit():
                at = datetime.fromtimestamp(began + int(numbers[2]) / 1e6, timezone.utc)
                line = text.split(b"\n", 1)[0][:_LONGEST_LINE]
                found.append(f"{at.isoformat(timespec='milliseconds')} kernel: {os.fsdecode(line)}")
    except OSError:
        return (found or None), False
    finally:
        os.close(descriptor)
    return found[-_MOST_LINES:], bool(whole)


def _of_journal() -> list[str] | None:
    """Returns the journal of this start-up; None if there is none, or this user may not read it. The program ends
    with this child process, because it is in its process group."""
    try:
        with subprocess.Popen(
            _JOURNAL, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdout is not None
            lines = _kept(_pieces(process.stdout))
    except OSError:
        return None
    return lines if process.returncode == 0 else None
