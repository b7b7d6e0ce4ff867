"""stub, being written"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ovms_doctor.deployment.model import ModelEntry
from ovms_doctor.releases import Release

Dimension = Layout = LayoutPair = Shape = object


class Refusal(NamedTuple):
    """What the server ends with (a status code's name), and the whole messages it logs about it."""

    status: str
    log: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParameterWarning:
    """A value that the server ignores or only warns about: parameter, value as text, the server's line(s)."""

    parameter: str
    value: str
    log: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParsedParameters:
    problem: Refusal | None = None
    abort: Refusal | None = None
    at: str = ""  # the parameter that problem or abort is about
    warnings: tuple[ParameterWarning, ...] = ()


def parse_parameters(entry: ModelEntry, release: Release) -> ParsedParameters:
    return ParsedParameters()
