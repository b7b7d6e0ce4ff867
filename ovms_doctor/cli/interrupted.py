"""The one line that an interrupted run ends with."""

from __future__ import annotations

import sys

_said = False


def say() -> None:
    """Tell on standard error that the run was interrupted; once, whoever asks for it."""
    global _said
    if not _said:
        _said = True
        print("ovms-doctor: interrupted", file=sys.stderr, flush=True)
