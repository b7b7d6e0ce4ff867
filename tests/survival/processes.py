"""Processes that a run left behind, found by a marker in their environment."""

from __future__ import annotations

import os
import time
from pathlib import Path


def left_behind(mark: str) -> list[str]:
    """Processes with the marker in their environment, without those that have ended."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            environment = Path(f"/proc/{entry}/environ").read_bytes()
            state = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if f"OVD_TEST_MARK={mark}".encode() in environment.split(b"\0") and state not in "ZX":
            found.append(entry)
    return found


def have_ended(mark: str) -> bool:
    """Waits until the kernel has ended the children of a parent that ended, which takes a moment."""
    for _ in range(200):
        if not left_behind(mark):
            return True
        time.sleep(0.01)
    return False
