"""The start time of a run."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from ovms_doctor.report.model import Run


class RunStart(Struct, frozen=True):
    """The start time of a run: as a date, and for the duration."""

    #: The start as ISO 8601 with the offset from UTC.
    text: str
    #: The start in seconds of the monotonic clock.
    clock: float
    #: The command line without secrets.
    arguments: tuple[str, ...]
    #: The name of the host from ``--host-name``; None without the option.
    host_name: str | None = None

    def run(self) -> Run:
        from ovms_doctor.report.model import Run

        system = os.uname()
        host = (
            *((("name", self.host_name),) if self.host_name else ()),
            ("system", system.sysname),
            ("kernel", system.release),
            ("machine", system.machine),
            ("python", sys.version.partition(" ")[0]),
        )
        return Run(self.text, round(time.monotonic() - self.clock, 3), self.arguments, host)


def begin(arguments: Sequence[str], host_name: str | None = None) -> RunStart:
    """Returns the start of a run that begins now. ``arguments``: the command line without secrets. ``host_name``: the
    name of the host in the report."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return RunStart(now, time.monotonic(), tuple(arguments), host_name)
