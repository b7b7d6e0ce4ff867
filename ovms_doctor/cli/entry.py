"""The console script. ``--version`` is answered at once; workers start before the command line is parsed."""

from __future__ import annotations

import contextlib
import sys

_INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit with its code."""
    from ovms_doctor.cli import streams

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
