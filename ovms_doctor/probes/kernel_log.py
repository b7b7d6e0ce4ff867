"""Lines of the kernel's log about processes that were killed out of memory. Read in a child: a file may be a FIFO,
and journalctl may wait."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.probes.processes.child import ChildExit
from ovms_doctor.probes.processes.task import run_in_child

#: What a line must hold to be kept (mm/oom_kill.c, mm/memcontrol.c).
_TELLING = lazy_pattern(rb"oom-kill:|[Oo]ut of memory|Killed process|killed as a result of limit of")
_MOST_LINES = 4000
_LONGEST_LINE = 4000
#: Records of /dev/kmsg are at most so long (printk, CONSOLE_EXT_LOG_MAX).
_RECORD = 8192
_FILES = ("/var/log/kern.log", "/var/log/messages", "/var/log/syslog")
_JOURNAL = ("journalctl", "--dmesg", "--output=short-iso", "--no-pager", "--quiet")


def kernel_lines(file: str | None, deadline: float) -> tuple[tuple[str, ...], str | None]:
    """Returns the relevant lines of ``file``, or of this host's own kernel log where it is None, oldest first; and
    in one sentence why it could not be read. Lines are decoded like names of files. Raises InterruptedRunError.

    The host's own: /dev/kmsg, which may have lost old lines, and then the journal; else a file in /var/log.
    """
    answer = run_in_child("kernel_log", {"file": file}, deadline)
    source = f"The kernel's log {file}" if file is not None else "The kernel's log"
    if isinstance(answer, ChildExit):
        return (), f"{source} could not be read: {answer}."
    lines = tuple(str(line) for line in answer.get("lines") or ())
    problem = answer.get("problem")
    return lines, None if problem is None else f"{source} {problem}"


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """The child's part: ``{"file": path or null}`` → ``{"lines": […], "problem": text or null}``."""
    file = question["file"]
    if file is not None:
        try:
            return {"lines": _of_file(os.fsencode(file)), "problem": None}
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "that is no path"
            return {"lines": [], "problem": f"cannot be read: {reason}."}
    ring, whole = _of_ring()
    lines = ring or []
    if not whole and not lines:
        journal = _of_journal()
        # No journal at all gives no line, and no error either: then the ring is what there is.
        whole, lines = whole or bool(journal), journal or []
    if ring is None and not lines:
        for path in _FILES:
            with contextlib.suppress(OSError):
                return {"lines": _of_file(os.fsencode(path)), "problem": None}
    if ring is None and not whole:
        reason = "cannot be read by this user: run as root, or save sudo journalctl -k, and name that with --kernel-log"
        return {"lines": [], "problem": f"{reason}."}
    return {"lines": lines, "problem": None}


def _of_file(path: bytes) -> list[str]:
    with open(path, "rb") as file:
        return _kept(_pieces(file))


def _pieces(file: Any) -> Iterator[bytes]:
    """Lines, of which an endless one comes in pieces."""
    while piece := file.readline(1 << 20):
        yield piece


def _kept(lines: Iterable[bytes]) -> list[str]:
    """The telling ones; of too many the last."""
    found = [os.fsdecode(line.rstrip(b"\r\n")[:_LONGEST_LINE]) for line in lines if _TELLING.search(line)]
    return found[-_MOST_LINES:]


def _of_ring() -> tuple[list[str] | None, bool]:
    """/dev/kmsg, with the time of day; None where it may not be read. The second value: nothing is forgotten.

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
                # Overwritten while it was read: the next read begins at what is the oldest now.
                whole = False
                continue
            head, _, text = record.partition(b";")
            numbers = head.split(b",")
            if whole is None:
                whole = len(numbers) > 1 and numbers[1] == b"0"
            if _TELLING.search(text) and len(numbers) > 2 and numbers[2].isdigit():
                at = datetime.fromtimestamp(began + int(numbers[2]) / 1e6, timezone.utc)
                line = text.split(b"\n", 1)[0][:_LONGEST_LINE]
                found.append(f"{at.isoformat(timespec='milliseconds')} kernel: {os.fsdecode(line)}")
    except OSError:
        return (found or None), False
    finally:
        os.close(descriptor)
    return found[-_MOST_LINES:], bool(whole)


def _of_journal() -> list[str] | None:
    """Returns the journal of this start-up; None where there is none, or this user may not read it. The program ends
    with this child process, in whose process group it is."""
    try:
        with subprocess.Popen(
            _JOURNAL, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdout is not None
            lines = _kept(_pieces(process.stdout))
    except OSError:
        return None
    return lines if process.returncode == 0 else None
