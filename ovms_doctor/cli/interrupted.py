"""The one line that an interrupted run ends with."""

from __future__ import annotations

import sys

_reported = False


def say() -> None:
    """Tell on standard error that the run was interrupted; once, whoever asks for it."""
    global _reported
    if not _reported:
        _reported = True
        print("ovms-doctor: interrupted", file=sys.stderr, flush=True)
