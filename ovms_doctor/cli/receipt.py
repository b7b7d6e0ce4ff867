"""``--receipt``: lists the actions of the run; written at its end, even after a failure."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence

from ovms_doctor.cli.command_line import command_line
from ovms_doctor.cli.early import RECEIPT
from ovms_doctor.cli.exit_codes import EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_USAGE
from ovms_doctor.model.errors import OutputFullError, UsageError
from ovms_doctor.probes.recording import active

#: The commands that have the option.
COMMANDS = ("check", "collect", "request", "logs", "status")
#: Bytes at the beginning of a file that are read to recognise a receipt.
_BEGINNING = 200
#: Suffixes of the names of receipts.
_FILES = (".json", ".txt")


def with_value(arguments: Sequence[str]) -> list[str]:
    """Returns the command line with ``--receipt=-`` for the option alone. A file name is joined to the option with
    ``=``; the next argument is never the file name.

    Raises UsageError if that argument can only be meant as the file name.
    """
    result = list(arguments)
    for index, argument in enumerate(result):
        if argument == "--":
            break
        if argument == RECEIPT:
            following = result[index + 1] if index + 1 < len(result) else ""
            if following.lower().endswith(_FILES) and not os.path.lexists(following):
                raise UsageError(
                    f"{RECEIPT} {following}: write {RECEIPT}={following} to have the receipt in a file"
                )
            result[index] = f"{RECEIPT}=-"
    return result


def destination(arguments: Sequence[str]) -> str | None:
    """Returns the file that a command line names, ``-`` for standard error; None without the option. ``arguments`` is
    the result of :func:`with_value`."""
    found = None
    if arguments and arguments[0] in COMMANDS:
        for argument in arguments:
            if argument.startswith(f"{RECEIPT}="):
                found = argument[len(RECEIPT) + 1 :]
    return found


def begin(path: str) -> str | None:
    """Starts recording, unless it has started. Returns the reason if the receipt cannot be written; then nothing is
    recorded."""
    from ovms_doctor.probes.recording import tally

    if active.tally is None:
        tally.begin()
    try:
        _check(path)
    except UsageError as error:
        tally.end()
        return str(error)
    return None


def end(path: str, code: int) -> int:
    """Writes the receipt of a run that ends with ``code``, and stops recording. Returns the exit code."""
    from ovms_doctor.model.display_text import visible
    from ovms_doctor.probes.processes import workers
    from ovms_doctor.probes.recording import tally

    workers.end_unused()
    try:
        _check(path)
        _write(path, code)
    except UsageError as error:
        print(f"ovms-doctor: {visible(str(error))}", file=sys.stderr)
        failed = EXIT_INCOMPLETE if isinstance(error, OutputFullError) else EXIT_USAGE
        return code if code in (EXIT_USAGE, EXIT_INTERRUPTED) else failed
    finally:
        tally.end()
    return code


def _write(path: str, code: int) -> None:
    from ovms_doctor.cli.output import write_parts
    from ovms_doctor.report.receipt import json_parts, text_parts

    def parts() -> Iterator[str]:
        # Only now, because the receipt lists its own file too.
        from ovms_doctor.probes.recording.receipt import receipt_of

        found = active.tally
        assert found is not None
        found.finish()
        receipt = receipt_of(found, command_line(), code)
        yield from (json_parts if path.lower().endswith(".json") else text_parts)(receipt)

    if path != "-":
        write_parts(parts(), path)
        return
    for part in parts():
        sys.stderr.write(part)
    sys.stderr.flush()


def _check(path: str) -> None:
    """Raises UsageError if a file cannot be written or must not be replaced."""
    if path == "-":
        return
    shown = f"{RECEIPT}={path}"
    hint = f"{RECEIPT} alone writes to standard error"
    if not path:
        raise UsageError(f"{RECEIPT}: the name of the file is empty; {hint}")
    from ovms_doctor.probes.named_files import named_status

    try:
        status = named_status(path)
    except FileNotFoundError:
        _check_directory(os.path.dirname(path) or ".", shown, hint)
        return
    except (OSError, ValueError) as error:
        raise UsageError(f"{shown}: {getattr(error, 'strerror', None) or error}") from None
    if stat.S_ISDIR(status.mode):
        raise UsageError(f"{shown}: it is a directory, and the receipt is a file; {hint}")
    if not stat.S_ISREG(status.mode):
        return
    if not status.writable:
        raise UsageError(f"{shown}: Permission denied")
    if status.size and not _is_receipt(path):
        raise UsageError(f"{shown}: the file exists and is not a receipt; it is not replaced. {hint}")


def _check_directory(directory: str, shown: str, hint: str) -> None:
    """Raises UsageError if no file can be created in the directory."""
    from ovms_doctor.probes.named_files import named_status

    try:
        status = named_status(directory)
    except OSError:
        status = None
    if status is None or not stat.S_ISDIR(status.mode):
        raise UsageError(f"{shown}: the directory {directory} does not exist; {hint}")
    if not status.writable:
        raise UsageError(f"{shown}: Permission denied; {hint}")


def _is_receipt(path: str) -> bool:
    from ovms_doctor.model.receipt import FORMAT
    from ovms_doctor.probes.named_files import NamedFile
    from ovms_doctor.report.receipt import TITLE

    try:
        with NamedFile(path) as file:
            data = file.read(_BEGINNING) or b""
    except (OSError, UsageError):
        return False
    return data.startswith((TITLE.encode(), f'{{"receipt":{{"format":"{FORMAT}"'.encode()))
