"""What ends a run that is not the server's fault: a mistake of the person at the keyboard, a file that cannot be
written."""

from __future__ import annotations

from ovms_doctor.model.text import redact


class UsageError(Exception):
    """The command cannot be run as typed: one line with a hint (exit code 2). What it quotes of the command line or of
    a document is without secrets."""

    def __init__(self, text: str = "") -> None:
        super().__init__(redact(text))


class ConflictingOptionsError(UsageError):
    """Options or arguments that exclude each other. The help of the command lists what there is."""


class UnwritableError(UsageError):
    """A file that the command line names cannot be written. The text names it; the other reports are written."""


class OutputFullError(UnwritableError):
    """A file was opened, but does not take what is written: a full disk, a limit on files (exit code 3)."""
