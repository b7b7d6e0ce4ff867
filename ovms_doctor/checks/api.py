"""A check, built-in or third-party: its name, the codes that it reports, and its function."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from ovms_doctor.checks.context import Context
from ovms_doctor.model.codes import Code
from ovms_doctor.model.findings import Finding


class NotApplicableError(Exception):
    """Raised by a check that does not apply; the text is the reason. It does not change the exit code."""


class CouldNotLookError(Exception):
    """Raised by a check that lacks a fact; the text names it. The run is then incomplete (exit 3)."""


class Check(Struct, frozen=True, kw_only=True):
    """The name, the codes and the function of one check."""

    #: The name in kebab case; for a third-party check, the name of its entry point.
    name: str
    #: One line on the topic of the check.
    summary: str
    #: The codes of its findings; no other check reports them.
    codes: tuple[Code, ...]
    #: Returns the findings; may raise :class:`NotApplicableError` or :class:`CouldNotLookError`.
    run: Callable[[Context], Iterable[Finding]]
