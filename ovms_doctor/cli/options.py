"""The options that the other commands share, and the exit codes."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

EXIT_OK, EXIT_FINDINGS, EXIT_USAGE, EXIT_INCOMPLETE, EXIT_INTERRUPTED = 0, 1, 2, 3, 130


class OutputFormat(str, Enum):
    text = "text"
    json = "json"


class SchemaName(str, Enum):
    report = "report"
    facts = "facts"


Format = Annotated[OutputFormat, typer.Option("--format", "-f", help="How the result is written.")]
