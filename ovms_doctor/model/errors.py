"""A mistake of the person at the keyboard."""

from __future__ import annotations


class UsageError(Exception):
    """The request cannot be carried out as it stands: one line, and the way out (exit code 2)."""


class UnwritableError(UsageError):
    """A file that the command line names cannot be written. The text names it; the other reports are written."""
