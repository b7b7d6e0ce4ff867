"""The options of ``logs``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from ovms_doctor.model.option import Option

_COMMANDS = ("logs",)


class LogOptions(Struct, frozen=True):
    """The options of ``logs``."""

    #: Paths of the log files; ``-`` is standard input.
    files: Annotated[
        tuple[str, ...],
        Option((), "Log files, plain or gzip; - for standard input.", "[FILE|-]...", commands=_COMMANDS),
    ] = ()
    #: A container whose output is read instead of a file.
    container: Annotated[
        str | None,
        Option(
            ("--container",), "Read the output of this container from the engine.", "NAME", commands=_COMMANDS
        ),
    ] = None
    #: The time from which on the container's output is read.
    since: Annotated[
        str | None,
        Option(
            ("--since",),
            "With --container: read from this time on, such as 10m (ago) or 2026-11-28T13:00.",
            "TIME",
            commands=_COMMANDS,
        ),
    ] = None
    #: The number of lines to read from the end of the container's output.
    tail: Annotated[
        str | None,
        Option(
            ("--tail",),
            "With --container: read only this number of lines at the end.",
            "LINES",
            commands=_COMMANDS,
        ),
    ] = None
    #: The release, if the log does not name it.
    release: Annotated[
        str | None,
        Option(("--ovms-version",), "The release that wrote the log.", "RELEASE", commands=_COMMANDS),
    ] = None
