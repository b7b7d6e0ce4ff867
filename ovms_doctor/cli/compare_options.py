"""The options of ``diff`` and ``summary``."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model import option_values
from ovms_doctor.model.option import Option
from ovms_doctor.model.output_options import FailOn

_BOTH = ("diff", "summary")

CompareFormat: TypeAlias = Literal["text", "json", "markdown"]


class CompareOptions(Struct, frozen=True):
    """The reports to compare and the output options."""

    #: Reports or facts, as JSON; for ``summary`` directories too.
    files: Annotated[
        tuple[str, ...],
        Option(
            (),
            "Reports (--format json) or facts (collect). diff: OLD NEW. summary: any number, also directories.",
            "FILE...",
            commands=_BOTH,
        ),
    ] = ()
    #: The format of the output.
    format: Annotated[
        CompareFormat, Option(("--format", "-f"), "The format of the result.", commands=_BOTH)
    ] = "text"
    #: The file to write instead of standard output.
    output: Annotated[
        str | None,
        Option(("--output", "-o"), "Write to FILE instead of standard output.", "FILE", commands=_BOTH),
    ] = None
    #: The least severe finding that makes the exit code 1: a new one, or one of any report.
    fail_on: Annotated[
        FailOn,
        Option(
            ("--fail-on",),
            "The lowest severity of a finding that causes exit code 1; for diff, of a new finding. [error]",
            commands=_BOTH,
        ),
    ] = "error"
    #: The most bytes of one file; 0: no limit; None: 4 GiB.
    document_limit: Annotated[
        int | None,
        Option(
            ("--document-limit",),
            "The largest size that is read of one file; 0 means no limit. [4g]",
            "SIZE",
            option_values.document_limit,
            commands=_BOTH,
        ),
    ] = None
    #: Whether the exit code is 0 despite findings.
    exit_zero: Annotated[
        bool, Option(("--exit-zero",), "Exit with code 0 even if there are findings.", commands=_BOTH)
    ] = False
    #: Whether text has no colours.
    no_color: Annotated[bool, Option(("--no-color",), "Use no colours.", commands=_BOTH)] = False
    #: Whether only the last line is written.
    quiet: Annotated[bool, Option(("--quiet", "-q"), "Write the last line only.", commands=_BOTH)] = False
    #: Whether nothing is shortened.
    verbose: Annotated[bool, Option(("--verbose", "-v"), "Show everything in full.", commands=_BOTH)] = False
