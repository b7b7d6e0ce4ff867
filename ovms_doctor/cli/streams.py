"""Standard input, output and error of a process that started without one, or that cannot write to one."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys

# For type checkers alone: the module typing takes longer to import than everything that --version needs.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_INPUT, _OUTPUT, _ERROR = 0, 1, 2


class _LossyFile(io.FileIO):
    """A file whose failed writes are ignored."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            return len(memoryview(data))


class _OutputFile(io.FileIO):
    """Standard output that keeps the error of a failed write: a text buffer discards the text that it could not
    write."""

    #: The error of the last failed write; None if all succeeded.
    failure: OSError | None = None

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            _OutputFile.failure = error
            raise


def prepare() -> None:
    """Opens closed standard streams, so that no other file gets their numbers. Errors on standard error are ignored,
    errors on standard output are kept.

    A write to a closed standard output still fails.
    """
    for number, mode in ((_INPUT, os.O_RDONLY), (_OUTPUT, os.O_RDONLY), (_ERROR, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                # The kernel takes the lowest free number, and all lower ones are open.
                os.open(os.devnull, mode)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_OutputFile(_OUTPUT, "w", closefd=False)),
        getattr(sys.stdout, "encoding", None) or "utf-8",
        getattr(sys.stdout, "errors", None),
        line_buffering=getattr(sys.stdout, "line_buffering", False),
        write_through=getattr(sys.stdout, "write_through", False),
    )
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(_LossyFile(_ERROR, "w", closefd=False)),
        getattr(sys.stderr, "encoding", None) or "utf-8",
        "backslashreplace",
        line_buffering=True,
    )


def failure_text(error: OSError) -> str:
    """Returns one line about a failed write to standard output."""
    reason = "is closed" if error.errno == errno.EBADF else f"cannot be written: {error.strerror}"
    return f"standard output {reason}"


def output_failure() -> OSError | None:
    """Returns the error of a failed write to standard output; None if everything was written."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return error
    return _OutputFile.failure


def discard_output() -> None:
    """Discards the remaining output for standard output, so that Python writes nothing more at its end."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    os.dup2(descriptor, _OUTPUT)
    os.close(descriptor)
    with contextlib.suppress(OSError):
        sys.stdout.flush()
