"""The options that the other commands share."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer


class OutputFormat(str, Enum):
    text = "text"
    json = "json"


class SchemaName(str, Enum):
    report = "report"
    facts = "facts"
    config = "config"
    baseline = "baseline"
    diff = "diff"
    summary = "summary"
    receipt = "receipt"


Format = Annotated[OutputFormat, typer.Option("--format", "-f", help="The format of the result.")]
