"""The end of a command: its exit code, and one line on standard error for a usage mistake."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import zip_longest

from ovms_doctor.cli import interrupted, receipt, streams
from ovms_doctor.cli.command_line import command_line
from ovms_doctor.cli.exit_codes import EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE
from ovms_doctor.model.errors import (
    ConflictingOptionsError,
    OutputFullError,
    UnwritableError,
    UsageError,
)
from ovms_doctor.probes import interrupts

#: Maximum characters of a message about wrong usage, which may quote the command line.
_LONGEST_MESSAGE = 1000
#: Commands that write no report.
_WITHOUT_REPORT = ("explain", "checks", "schema", "collect")


def exit_code_of(command: Callable[[], object], arguments: Sequence[str]) -> int:
    """Runs the command that ``arguments`` name and returns the exit code; handles any exception of the command. With
    ``--receipt``, writes the receipt."""
    path = receipt.destination(arguments)
    if path is None:
        return _exit_code_of(command, arguments)

    problem = receipt.begin(path)

    def checked() -> object:
        if problem is not None:
            raise UsageError(problem)
        return command()

    code = _exit_code_of(checked, arguments)
    return code if problem is not None else receipt.end(path, code)


def _exit_code_of(command: Callable[[], object], arguments: Sequence[str]) -> int:
    try:
        result = command()
        return result if isinstance(result, int) else EXIT_OK
    except OutputFullError as error:
        _print_message(str(error))
        return EXIT_INCOMPLETE
    except UnwritableError as error:
        _print_message(str(error))
        return EXIT_USAGE
    except ConflictingOptionsError as error:
        return _usage(f"{error}. See ovms-doctor {arguments[0]} --help", arguments)
    except UsageError as error:
        return _usage(str(error), arguments)
    except KeyboardInterrupt:
        interrupted.report()
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        if interrupts.requested():
            # The signal went to the children too, and one of them ended before it received its first question.
            interrupted.report()
            return EXIT_INTERRUPTED
        # The reader has closed the pipe: no message can be written.
        return EXIT_OK
    except SystemExit:
        # The parser treats a broken pipe as an error.
        if isinstance(streams.output_failure(), BrokenPipeError):
            return EXIT_OK
        raise
    except Exception as error:  # noqa: BLE001 - ours, or a broken installation: no traceback, no finding's code
        if streams.output_failure() is not None:
            # The exit code of the process reports it.
            return EXIT_INCOMPLETE
        from ovms_doctor.cli.failure_text import failure_text

        text = failure_text(error)
        print(f"ovms-doctor: could not continue: {text}", file=sys.stderr)
        _write_failure(text, arguments, EXIT_INCOMPLETE)
        return EXIT_INCOMPLETE


def finish(code: int) -> int:
    """Flushes standard output and returns the exit code of the process: 3, with one line, if that fails. A closed pipe
    is not a failure. The exit codes of wrong usage and of an interruption are kept."""
    failure = streams.output_failure()
    if failure is None:
        return code
    streams.discard_output()
    if isinstance(failure, BrokenPipeError) or code in (EXIT_USAGE, EXIT_INTERRUPTED):
        return code
    print(f"ovms-doctor: {streams.failure_text(failure)}", file=sys.stderr)
    return EXIT_INCOMPLETE


def _print_message(text: str) -> None:
    from ovms_doctor.model.display_text import visible

    message = visible(text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}…")
    print(f"ovms-doctor: {message}", file=sys.stderr)


def _usage(text: str, arguments: Sequence[str]) -> int:
    """Reports a usage mistake: one line on standard error, and a report in each other requested format."""
    _print_message(text)
    _write_failure(text, arguments, EXIT_USAGE)
    return EXIT_USAGE


def _write_failure(text: str, arguments: Sequence[str], code: int) -> None:
    """Writes the report of a run that ended with ``code`` before it had a result. Writes nothing if the command has no
    report, or if the report cannot be written either."""
    if arguments and arguments[0] not in _WITHOUT_REPORT:
        with suppress(Exception):
            _deliver_failure(text, arguments, code)


def _deliver_failure(text: str, arguments: Sequence[str], code: int) -> None:
    """Writes the report of a failed run in the requested formats. Raises UsageError if the options of the formats are
    at fault."""
    from ovms_doctor.model.output_options import FORMATS, OutputOptions, output_file

    form = "".join(_values(arguments, "--format", "-f")[-1:])
    typed = tuple(output_file(value) for value in _values(arguments, "--output", "-o"))
    options = OutputOptions(format=next((known for known in FORMATS if known == form), None), outputs=typed)
    from ovms_doctor.cli.deliver import deliver, destinations, failed_content

    if any(target.format != "text" for target in destinations(options)):
        from ovms_doctor.diagnosis.run import failed_report
        from ovms_doctor.diagnosis.run_start import begin

        deliver(failed_content(failed_report(text, begin(command_line()), code)), options)


def _values(arguments: Sequence[str], name: str, letter: str) -> list[str]:
    """Returns the values of an option in a command line that the parser may have refused."""
    found = []
    for word, following in zip_longest(arguments, arguments[1:]):
        if word in (name, letter):
            found += [following] if following is not None else []
        elif word.startswith(f"{name}="):
            found.append(word.partition("=")[2])
        elif word.startswith(letter) and len(word) > 2:
            found.append(word[2:].removeprefix("="))
    return found
