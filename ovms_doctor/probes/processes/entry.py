"""The first steps of every child process: it ends with its parent, sets its limits, and closes all descriptors but
its own.

:mod:`ovms_doctor.probes.processes.start` starts it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
from importlib import import_module

from ovms_doctor.probes.processes.start import FILE, OUTGOING, RECORDS

_PR_SET_PDEATHSIG = 1
#: The parent's process id, after ``main`` has started.
_parent = 0


def main(entry: str, parent: str, has_file: str, memory: str, has_records: str, *arguments: str) -> None:
    """Calls ``entry`` (``module:function``) with ``arguments``. The others are those of ``start``, as texts."""
    if int(has_records):
        from ovms_doctor.probes.recording.child import record_child

        record_child()
    set_up(int(parent), FILE if int(has_file) else OUTGOING, has_records=bool(int(has_records)))
    if int(memory):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_DATA, (int(memory), int(memory)))
    module, _, function = entry.partition(":")
    getattr(import_module(module), function)(*arguments)


def set_up(parent: int, last: int, *, has_records: bool = False) -> None:
    """Sets the limits that every child has, and closes all descriptors beyond the number ``last`` but the one for
    records."""
    global _parent
    _parent = parent
    die_with_parent()
    # A crash is an expected result; it must leave no core file behind.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # If memory runs out, the kernel must kill this process and not its parent.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
        score.write("1000")
    _close_others(last, RECORDS if has_records else last)
    os.chdir("/")


def die_with_parent() -> None:
    """Makes the kernel kill this process when its parent ends; ends it if the parent has already ended.

    Must be called again after every change of ids: the change clears the setting (prctl(2)).
    """
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != _parent:
        os._exit(1)


def _close_others(last: int, kept: int) -> None:
    """Closes inherited descriptors beyond ``last`` but ``kept``; processes that this one starts inherit none of its
    own."""
    try:
        numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    except (OSError, ValueError):
        numbers = []
    for number in numbers:
        if number > last and number != kept:
            with contextlib.suppress(OSError):
                os.close(number)
        elif number > 2:
            os.set_inheritable(number, False)
