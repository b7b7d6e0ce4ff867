"""A child process that is a copy of this one: it does not start Python and import the modules again.

A worker that answers a few questions about files then takes half the time. Only a process of the command itself may
use it: a copy of a process with a second thread may hang.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable

from ovms_doctor.probes.processes.start import (
    INCOMING,
    OUTGOING,
    RECORDS,
    Process,
    child_pipes,
    recorded_child,
)
from ovms_doctor.probes.recording import active


def is_safe() -> bool:
    """Whether this process has one thread only, including threads of libraries."""
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def fork(main: Callable[[], object], purpose: str = "") -> Process:
    """Returns a copy of this process that calls ``main`` and ends. ``purpose``: why it is started. Raises OSError if
    it cannot be made.

    It has the limits, descriptors and signals of a child that :func:`ovms_doctor.probes.processes.start.start`
    starts.
    """
    parent = os.getpid()
    with contextlib.ExitStack() as child_stack, contextlib.ExitStack() as own_stack:
        child_ends, own_ends = child_pipes(child_stack, own_stack)
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        child_stack.callback(os.close, null)
        with recorded_child(purpose, ()) as recorded:
            pid = os.fork()
            if pid == 0:
                _run(main, parent, null, *child_ends, None if recorded is None else recorded.descriptor)
            if recorded is not None:
                recorded.pid = pid
        own_stack.pop_all()
    return Process(pid, *own_ends)


def _run(
    main: Callable[[], object],
    parent: int,
    null: int,
    incoming: int,
    outgoing: int,
    errors: int,
    records: int | None,
) -> None:
    """Never returns: only the parent runs the code after the call."""
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        for source, descriptor in (
            (null, 0),
            (null, 1),
            (errors, 2),
            (incoming, INCOMING),
            (outgoing, OUTGOING),
        ):
            os.dup2(source, descriptor)
        if records is not None:
            from ovms_doctor.probes.recording.child import record_child

            os.dup2(records, RECORDS)
            active.tally = None
            record_child()
        import gc

        from ovms_doctor.probes.processes.entry import set_up

        # The collector would write to each page of memory that is shared with the parent.
        gc.freeze()
        set_up(parent, OUTGOING, has_records=records is not None)
        main()
    except BaseException:
        import traceback

        with contextlib.suppress(OSError):
            os.write(2, traceback.format_exc().encode("utf-8", "backslashreplace"))
        raise
    finally:
        os._exit(1)
