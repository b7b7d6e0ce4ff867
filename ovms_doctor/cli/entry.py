"""The console script. ``--version`` is answered at once; workers start before the command line is parsed."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import sys

_INTERRUPTED = 130
#: New objects after which Python looks for unreachable cycles: more than a run on a few models makes. The imports alone
#: would have it look dozens of times, for a tenth of such a run.
_COLLECTED_AFTER = 50_000


def run_program() -> None:
    """Run the command line and end the process with its code. Never returns.

    The kernel takes the memory back at once. Python would free it piece by piece, for a tenth of a short run.
    """
    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def main() -> None:
    """Run the command line and raise SystemExit with its code."""
    from ovms_doctor.cli import streams

    gc.set_threshold(_COLLECTED_AFTER)
    streams.prepare()
    if sys.argv[1:] == ["--version"]:
        raise SystemExit(_version())
    from ovms_doctor.cli import interrupted
    from ovms_doctor.cli.early import wants_receipt, workers_for
    from ovms_doctor.model.light_msgspec import import_msgspec
    from ovms_doctor.probes import interrupts
    from ovms_doctor.probes.processes import workers

    try:
        # Inside: a signal may come between any two instructions.
        interrupts.watch()
        if wants_receipt(sys.argv[1:]):
            from ovms_doctor.probes.recording import tally

            tally.begin()
        # The workers start while this process imports the parser and the rules.
        workers.start_early(workers_for(sys.argv[1:]), is_command=True)
        import_msgspec()
        from ovms_doctor.cli.outcome import finish
        from ovms_doctor.cli.plain import run

        code = finish(run(sys.argv[1:]))
    except KeyboardInterrupt:
        interrupts.ignore()
        code = _INTERRUPTED
    interrupts.ignore()
    workers.end_unused()
    if code == _INTERRUPTED or interrupts.requested():
        # Whatever code caught the interruption: one line reports it.
        interrupted.say()
        # If the exception passed code that was compiled from a text, as data classes are, CPython started with -m
        # records it as not caught, and ends by SIGINT nevertheless. Running such code resets that record.
        eval("None")  # noqa: S307
    raise SystemExit(_INTERRUPTED if interrupts.requested() else code)


def _version() -> int:
    """Prints the version and returns the exit code; nothing is imported unless it cannot be written."""
    from ovms_doctor import __version__
    from ovms_doctor.cli import streams

    with contextlib.suppress(OSError):
        print(f"ovms-doctor {__version__}")
    if streams.output_failure() is None:
        return 0
    from ovms_doctor.cli.outcome import finish

    return finish(0)
