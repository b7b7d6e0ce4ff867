"""The built-in checks: run in order, each for itself; what follows from another finding is linked to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.checks import (
    cache,
    configuration,
    container,
    devices,
    doctor,
    extension,
    graphs,
    host,
    layout,
    live,
    logs,
    mapping,
    operations,
    parameters,
    permissions,
    proxies,
    reading,
    requests,
    resources,
    secrets,
    storage,
    versions,
)
from ovms_doctor.checks.api import Check, CouldNotLookError, NotApplicableError
from ovms_doctor.checks.context import Context
from ovms_doctor.model.codes import Code
from ovms_doctor.model.findings import SEVERITIES, CausedBy, Finding


class Outcome(Struct, frozen=True):
    """How one check ended."""

    #: The check's name.
    name: str
    findings: tuple[Finding, ...]
    duration_s: float
    status: Literal["ran", "not_applicable", "could_not_look", "crashed"] = "ran"
    #: Why it did not run to its end: the exception's text.
    reason: str = ""


#: In the order in which they run and are listed.
CHECKS: tuple[Check, ...] = (
    configuration.CHECK,
    layout.CHECK,
    permissions.CHECK,
    reading.CHECK,
    operations.CHECK,
    extension.CHECK,
    versions.CHECK,
    parameters.CHECK,
    devices.CHECK,
    mapping.CHECK,
    cache.CHECK,
    proxies.CHECK,
    storage.CHECK,
    resources.CHECK,
    container.CHECK,
    host.CHECK,
    graphs.CHECK,
    requests.CHECK,
    logs.CHECK,
    live.CHECK,
    doctor.CHECK,
)

#: Every built-in code, ascending, and the name of the check that reports it.
CODES: dict[str, Code] = {
    code.code: code
    for code in sorted((code for check in CHECKS for code in check.codes), key=lambda item: item.code)
}
CHECK_OF: dict[str, str] = {code.code: check.name for check in CHECKS for code in check.codes}


def run_checks(context: Context, checks: Sequence[Check] = CHECKS) -> list[Outcome]:
    """Every check's findings. One that raises is reported as crashed and keeps none of the others from running."""
    hide = secrets.hider(context)
    return [_run(check, context, hide) for check in checks]


def _run(
    check: Check, context: Context, hide: Callable[[tuple[Finding, ...]], tuple[Finding, ...]]
) -> Outcome:
    started = time.monotonic()
    findings: tuple[Finding, ...] = ()
    status: Literal["ran", "not_applicable", "could_not_look", "crashed"] = "ran"
    reason = ""
    try:
        findings = hide(tuple(check.run(context)))
    except NotApplicableError as error:
        status, reason = "not_applicable", str(error)
    except CouldNotLookError as error:
        status, reason = "could_not_look", str(error)
    except Exception as error:  # noqa: BLE001 - a broken check must not take the report with it
        status, reason = "crashed", f"{type(error).__name__}: {error}"
    return Outcome(check.name, findings, time.monotonic() - started, status, reason)


def arrange(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings in the order to be read: causes before what follows from them, worst first.

    Checks describe causes (:class:`CausedBy`); here they become fingerprints of the findings that there are.
    """
    known = _Known(list(findings))
    linked = [_linked(known, number) for number in range(len(known.all))]
    order = {severity: index for index, severity in enumerate(SEVERITIES)}
    return tuple(
        sorted(
            linked,
            key=lambda item: (
                order[item.severity],
                bool(item.caused_by),
                item.subject.model or "",
                -(item.subject.version or 0),
                item.code,
                item.subject.server_path or "",
            ),
        )
    )


class _Known:
    """All findings, by what a cause is looked up with."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.all = findings
        self.by_model: dict[str | None, list[int]] = {}
        self.by_code: dict[str, list[int]] = {}
        for number, finding in enumerate(findings):
            self.by_model.setdefault(finding.subject.model, []).append(number)
            self.by_code.setdefault(finding.code, []).append(number)

    def causes_of(self, number: int) -> list[int]:
        """The causes of a finding, in the order of the findings. An error that follows from another one itself is
        left out, unless it is the kind of cause that counts whatever its severity."""
        finding = self.all[number]
        return sorted(
            {
                other
                for cause in finding.causes
                for other in self._matching(cause, number)
                if cause.any_severity or not self._follows(other)
            }
        )

    def _follows(self, number: int) -> bool:
        """Whether one of the errors that a finding may follow from is there."""
        causes = (cause for cause in self.all[number].causes if not cause.any_severity)
        return any(True for cause in causes for _ in self._matching(cause, number))

    def _matching(self, cause: CausedBy, number: int) -> Iterator[int]:
        """The other findings that ``cause`` describes."""
        model = cause.model or self.all[number].subject.model
        if not cause.any_model:
            models = {model, None} if cause.any_severity else {model}
            candidates = [other for name in models for other in self.by_model.get(name, ())]
        elif cause.code is not None:
            candidates = self.by_code.get(cause.code, [])
        else:
            candidates = list(range(len(self.all)))
        for other in candidates:
            if other != number and _is_described(cause, self.all[other]):
                yield other


def _is_described(cause: CausedBy, other: Finding) -> bool:
    return (
        (cause.any_severity or other.severity == "error")
        and cause.code in (None, other.code)
        and cause.check in (None, CHECK_OF.get(other.code))
        and cause.version in (None, other.subject.version)
        and cause.path in (None, other.subject.server_path)
    )


def _linked(known: _Known, number: int) -> Finding:
    """A finding with its causes by fingerprint. What follows has no line of its own in the log: theirs are used."""
    finding = known.all[number]
    if not finding.causes:
        return finding
    causes = [known.all[other] for other in known.causes_of(number)]
    log = finding.server_log or tuple(dict.fromkeys(line for cause in causes for line in cause.server_log))
    return replace(finding, caused_by=tuple(cause.fingerprint for cause in causes), server_log=log)


def selects(patterns: Sequence[str], finding_or_check: Finding | Check) -> bool:
    """Whether a pattern (code prefix, finding's name or check's name) names this finding or check."""
    if isinstance(finding_or_check, Check):
        return any(
            pattern.lower() == finding_or_check.name
            or any(_matches(pattern, code.code, code.name) for code in finding_or_check.codes)
            for pattern in patterns
        )
    check = CHECK_OF.get(finding_or_check.code, "")
    return any(
        pattern.lower() == check or _matches(pattern, finding_or_check.code, finding_or_check.name)
        for pattern in patterns
    )


def matches_anything(pattern: str) -> bool:
    """False for a pattern that no check and no code answers to: worth saying."""
    return any(selects([pattern], item) for item in CHECKS)


def _matches(pattern: str, code: str, name: str) -> bool:
    text = pattern.strip()
    return bool(text) and (code.startswith(text.upper()) or name == text.lower())
