"""The line that an interrupted run prints last."""

from __future__ import annotations

import sys

_reported = False


def report() -> None:
    """Writes to standard error that the run was interrupted; further calls write nothing."""
    global _reported
    if not _reported:
        _reported = True
        print("ovms-doctor: interrupted", file=sys.stderr, flush=True)
