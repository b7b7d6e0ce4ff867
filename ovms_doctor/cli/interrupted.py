"""The one line that an interrupted run ends with."""

from __future__ import annotations

import sys

_reported = False


def say() -> None:
    """Writes once to standard error that the run was interrupted, however often it is called."""
    global _reported
    if not _reported:
        _reported = True
        print("ovms-doctor: interrupted", file=sys.stderr, flush=True)
