"""The console script. ``--version`` is printed at once; workers start before the command line is parsed."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import sys

_INTERRUPTED = 130
#: New objects after which Python searches for unreachable cycles: more than a run on some thousand models makes. With
#: Python's default, the imports alone start dozens of searches, which take a tenth of a run on one model, and find next
#: to nothing.
_COLLECTED_AFTER = 1_000_000


def run_program() -> None:
    """Runs the command line and ends the process with its code. Never returns.

    The kernel then frees the memory at once. Python would free it piece by piece, which takes a tenth of a short run.
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
    """Runs the command line and raises SystemExit with its code."""
    from ovms_doctor.cli import streams

    gc.set_threshold(_COLLECTED_AFTER)
    streams.prepare()
    if sys.argv[1:] == ["--version"]:
        raise SystemExit(_version())
    from ovms_doctor.cli import interrupted
    from ovms_doctor.cli.early import has_receipt_option, workers_for
    from ovms_doctor.model.light_msgspec import import_msgspec
    from ovms_doctor.probes import interrupts
    from ovms_doctor.probes.processes import workers

    try:
        # Inside the try block: a signal may come between any two instructions.
        interrupts.watch()
        if has_receipt_option(sys.argv[1:]):
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
        # One line reports the interruption, no matter which code caught it.
        interrupted.report()
        # If the exception passed code that was compiled from a text, as data classes are, CPython started with -m
        # records it as uncaught and ends by SIGINT although it was caught. Running such code again resets that record.
        eval("None")  # noqa: S307
    raise SystemExit(_INTERRUPTED if interrupts.requested() else code)


def _version() -> int:
    """Prints the version and returns the exit code; modules are imported only if the write fails."""
    from ovms_doctor import __version__
    from ovms_doctor.cli import streams

    with contextlib.suppress(OSError):
        print(f"ovms-doctor {__version__}")
    if streams.output_failure() is None:
        return 0
    from ovms_doctor.cli.outcome import finish

    return finish(0)
