"""Errors that end a run and are not the server's fault: a mistake of the user, a file that cannot be written."""

from __future__ import annotations

from ovms_doctor.model.text import redact


class UsageError(Exception):
    """The command cannot be run as typed: one line with a hint (exit code 2). Its quotes of the command line or of a
    document contain no secrets."""

    def __init__(self, text: str = "") -> None:
        super().__init__(redact(text))


class ConflictingOptionsError(UsageError):
    """Options or arguments exclude each other. The help of the command lists the options."""


class UnwritableError(UsageError):
    """A file that the command line names cannot be written. The text names it; the other reports are written."""


class OutputFullError(UnwritableError):
    """A file was opened, but not all data could be written: a full disk, a limit on files (exit code 3)."""
