"""The built-in checks: they run in order and independently; findings are linked to their causes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.checks.api import Check, CouldNotLookError, NotApplicableError
from ovms_doctor.checks.context import Context
from ovms_doctor.model.codes import Code
from ovms_doctor.model.findings import SEVERITIES, CausedBy, Finding


class Outcome(Struct, frozen=True):
    """The result of one check."""

    #: The check's name.
    name: str
    #: One line on its topic; empty for a check that was not imported.
    summary: str
    #: The findings of the check.
    findings: tuple[Finding, ...]
    #: The time of the run, in seconds.
    duration_s: float
    #: How the check ended.
    status: Literal["ran", "not_applicable", "could_not_look", "crashed"] = "ran"
    #: Why it did not finish: the exception's text.
    reason: str = ""


#: The checks in the order in which they run and are listed: each is the ``CHECK`` of the module of its name in this
#: package.
NAMES: tuple[str, ...] = (
    "configuration",
    "directives",
    "layout",
    "permissions",
    "reading",
    "operations",
    "extension",
    "versions",
    "parameters",
    "devices",
    "mapping",
    "cache",
    "proxies",
    "storage",
    "resources",
    "container",
    "host",
    "graphs",
    "requests",
    "logs",
    "live",
    "doctor",
)
#: Checks that do not apply in most runs, and are then not imported. The function returns the reason, or an empty text
#: if the check applies.
_NOT_APPLICABLE: dict[str, Callable[[Context], str]] = {
    "container": lambda context: (
        "none was named" if context.deployment.container is None and context.plan.unknown is None else ""
    ),
    "requests": lambda context: "no request was given",
    "logs": lambda context: "no log was given" if context.deployment.options.server_log is None else "",
    "live": lambda context: "no running server was named" if context.deployment.options.live is None else "",
}


def _names_no_store(context: Context) -> bool:
    plan = context.plan
    graphs = (model.graph.path for model in plan.models if model.graph is not None)
    bases = (model.entry.base_path for model in plan.models)
    paths = (plan.config_path or "", context.deployment.config_path or "", *graphs, *bases)
    return not plan.stores and not any("://" in path for path in paths)


#: Checks that certainly find nothing in most runs, and are then not imported: whether this is the case, and the topic.
_FINDS_NOTHING: dict[str, tuple[Callable[[Context], bool], str]] = {
    "storage": (_names_no_store, "paths in remote storage, and the credentials and endpoints for it")
}


@cache
def load_check(name: str) -> Check:
    """Returns the built-in check of that name."""
    check: Check = import_module(f"ovms_doctor.checks.{name}").CHECK
    return check


def import_common_checks() -> Iterator[str]:
    """Imports the checks that run on most plans, one at each step, and yields its name. A failed import is reported
    when the check is run."""
    for name in NAMES:
        if name not in _NOT_APPLICABLE and name not in _FINDS_NOTHING:
            with suppress(Exception):
                load_check(name)
            yield name


@cache
def all_checks() -> tuple[Check, ...]:
    """Returns every built-in check."""
    return tuple(map(load_check, NAMES))


@cache
def all_codes() -> dict[str, Code]:
    """Returns every built-in code, ascending."""
    codes = sorted((code for check in all_checks() for code in check.codes), key=lambda item: item.code)
    return {code.code: code for code in codes}


@cache
def check_names() -> dict[str, str]:
    """Returns, by code, the name of the check that reports it."""
    return {code.code: check.name for check in all_checks() for code in check.codes}


def run_checks(context: Context, checks: Sequence[Check] | None = None) -> list[Outcome]:
    """Returns the results of these checks, or of all built-in ones if None. A check that raises is reported as crashed;
    the others still run."""
    if checks is not None:
        return [_run(check.name, check, context) for check in checks]
    return [_run(name, None, context) for name in NAMES]


def _run(
    name: str,
    check: Check | None,
    context: Context,
) -> Outcome:
    started = time.monotonic()
    findings: tuple[Finding, ...] = ()
    status: Literal["ran", "not_applicable", "could_not_look", "crashed"] = "ran"
    summary = reason = ""
    try:
        if reason := _NOT_APPLICABLE.get(name, _always)(context):
            return Outcome(name, "", (), time.monotonic() - started, "not_applicable", reason)
        if check is None and name in _FINDS_NOTHING and _FINDS_NOTHING[name][0](context):
            return Outcome(name, _FINDS_NOTHING[name][1], (), time.monotonic() - started)
        check = check or load_check(name)
        summary = check.summary
        findings = tuple(check.run(context))
    except NotApplicableError as error:
        status, reason = "not_applicable", str(error)
    except CouldNotLookError as error:
        status, reason = "could_not_look", str(error)
    except Exception as error:  # noqa: BLE001 - a broken check must not take the report with it
        status, reason = "crashed", f"{type(error).__name__}: {error}"
    return Outcome(name, summary, findings, time.monotonic() - started, status, reason)


def _always(context: Context) -> str:
    return ""


def arrange(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Returns the findings in reading order: causes before the findings that follow from them, worst first.

    Checks describe causes (:class:`CausedBy`); here they become fingerprints of the existing findings.
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
    """All findings, indexed by the fields of a cause."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.all = findings
        self.by_model: dict[str | None, list[int]] = {}
        self.by_code: dict[str, list[int]] = {}
        for number, finding in enumerate(findings):
            self.by_model.setdefault(finding.subject.model, []).append(number)
            self.by_code.setdefault(finding.code, []).append(number)

    def causes_of(self, number: int) -> list[int]:
        """Returns the causes of a finding, in the order of the findings. An error that itself follows from another
        error is left out, unless the cause counts at any severity."""
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
        """Whether one of the possible causes of a finding exists as an error."""
        causes = (cause for cause in self.all[number].causes if not cause.any_severity)
        return any(True for cause in causes for _ in self._matching(cause, number))

    def _matching(self, cause: CausedBy, number: int) -> Iterator[int]:
        """Yields the other findings that ``cause`` describes."""
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
        and (cause.check is None or cause.check == check_names().get(other.code))
        and cause.version in (None, other.subject.version)
        and cause.path in (None, other.subject.server_path)
    )


def _linked(known: _Known, number: int) -> Finding:
    """Returns a finding with its causes by fingerprint. A finding with causes has no log line of its own: those of the
    causes are used."""
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
    check = check_names().get(finding_or_check.code, "")
    return any(
        pattern.lower() == check or _matches(pattern, finding_or_check.code, finding_or_check.name)
        for pattern in patterns
    )


def matches_anything(pattern: str) -> bool:
    """Returns whether the pattern matches a check or a code."""
    return any(selects([pattern], item) for item in all_checks())


def _matches(pattern: str, code: str, name: str) -> bool:
    text = pattern.strip()
    return bool(text) and (code.startswith(text.upper()) or name == text.lower())
