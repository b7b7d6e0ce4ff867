"""A check, built-in or third-party: what it is called, which codes it reports, and the function that does so."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from ovms_doctor.checks.context import Context
from ovms_doctor.model.codes import Code
from ovms_doctor.model.findings import Finding


class NotApplicableError(Exception):
    """Raised by a check that has nothing to look at; the text is the reason. It does not change the exit code."""


class CouldNotLookError(Exception):
    """Raised by a check that lacks a fact; the text names it. The run is then incomplete (exit 3)."""


class Check(Struct, frozen=True, kw_only=True):
    """A topic and the function that looks at it."""

    #: In kebab case; of a third-party check the name of its entry point.
    name: str
    #: One line on what it looks at.
    summary: str
    #: The codes of its findings; no other check has one of them.
    codes: tuple[Code, ...]
    #: Returns the findings; may raise :class:`NotApplicableError` or :class:`CouldNotLookError`.
    run: Callable[[Context], Iterable[Finding]]
