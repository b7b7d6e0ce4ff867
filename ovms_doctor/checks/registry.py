"""The built-in checks: run in order, each for itself; what follows from another finding is linked to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.catalogue import CATALOGUE
from ovms_doctor.checks import (
    cache,
    configuration,
    container,
    devices,
    doctor,
    extension,
    layout,
    mapping,
    operations,
    parameters,
    permissions,
    proxies,
    reading,
    resources,
    secrets,
    versions,
)
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.storage import check as storage
from ovms_doctor.model.findings import SEVERITIES, Finding

_PREFIX = "OVD"


class Check(Struct, frozen=True):
    """A topic: its name, one line on what it looks at, and the function that gives its findings."""

    name: str
    summary: str
    run: Callable[[Context], Iterable[Finding]]

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(code for code, entry in CATALOGUE.items() if entry.check == self.name)


class Outcome(Struct, frozen=True):
    """How one check ended. ``problem`` is the exception's text where it crashed."""

    name: str
    findings: tuple[Finding, ...]
    duration_s: float
    problem: str = ""


CHECKS: tuple[Check, ...] = (
    Check("configuration", "arguments, config.json and version policies", configuration.check),
    Check("layout", "base paths, version directories and model files", layout.check),
    Check("permissions", "what the server's user may enter, list and read", permissions.check),
    Check("reading", "whether the files are whole and OpenVINO reads them", reading.check),
    Check("operations", "operations and element types against the release", operations.check),
    Check("extension", "the CPU extension, and whether it brings what the models need", extension.check),
    Check("versions", "which version stands in for a broken one, and for how long", versions.check),
    Check("parameters", "shape, layout, device and the other model parameters", parameters.check),
    Check("devices", "GPUs and NPUs: who may open them, and which of them are used", devices.check),
    Check("mapping", "mapping_config.json against the model", mapping.check),
    Check("cache", "the model cache: its directory, its blobs, and who may write them", cache.check),
    Check("proxies", "the proxy that each client for remote storage takes", proxies.check),
    Check("storage", "paths in remote storage, and the credentials and endpoints for it", storage.check),
    Check("resources", "memory and processors against what the models take", resources.check),
    Check("container", "how the container ended, and its mounts, ports, ids and image", container.check),
    Check("doctor", "what could not be looked at", doctor.check),
)


def run_checks(context: Context, checks: Sequence[Check] = CHECKS) -> list[Outcome]:
    """Every check's findings. One that raises is reported as crashed and keeps none of the others from running."""
    outcomes = []
    hide = secrets.hider(context)
    for item in checks:
        started = time.monotonic()
        try:
            findings = hide(tuple(item.run(context)))
            problem = ""
        except Exception as error:  # noqa: BLE001 - a broken check must not take the report with it
            findings = ()
            problem = f"{type(error).__name__}: {error}"
        outcomes.append(Outcome(item.name, findings, time.monotonic() - started, problem))
    return outcomes


def arrange(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings in the order to be read: causes before what follows from them, worst first.

    Checks name causes by version number, by code, or by code and server path; here they become fingerprints. Only
    errors are causes, unless a name begins with ``even``.
    """
    known = list(findings)
    linked = [_link(finding, known) for finding in known]
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


def _link(finding: Finding, known: list[Finding]) -> Finding:
    """Name the causes by fingerprint. What follows from them has no line of its own in the log: theirs stand."""
    if not finding.caused_by:
        return finding
    causes = [
        other
        for other in known
        if other is not finding
        and ((_is_error_behind(other, finding) and not _follows(other, known)) or _is_even(other, finding))
    ]
    log = finding.server_log or tuple(dict.fromkeys(line for cause in causes for line in cause.server_log))
    return replace(finding, caused_by=tuple(cause.fingerprint for cause in causes), server_log=log)


def _follows(finding: Finding, known: list[Finding]) -> bool:
    """Whether one of the causes that it may have is there."""
    return bool(finding.caused_by) and any(
        other is not finding and _is_error_behind(other, finding) for other in known
    )


def _is_error_behind(other: Finding, finding: Finding) -> bool:
    named = _is_version_of(other, finding) or _is_named(other, finding)
    return other.severity == "error" and named


def _is_even(other: Finding, finding: Finding) -> bool:
    """A cause named by its code, of the same model or of the server as a whole, whatever its severity: what is only
    doubtful by itself may be the reason for a refusal that was seen."""
    return f"even {other.code}" in finding.caused_by and other.subject.model in (None, finding.subject.model)


def _is_version_of(other: Finding, finding: Finding) -> bool:
    return other.subject.model == finding.subject.model and str(other.subject.version) in finding.caused_by


def _is_named(other: Finding, finding: Finding) -> bool:
    """A cause named by its code (of the same model, or with ``any`` of any), or by code and server path."""
    named = (f"{other.code} {other.subject.server_path}", f"any {other.code}")
    if any(name in finding.caused_by for name in named):
        return True
    return other.subject.model == finding.subject.model and other.code in finding.caused_by


def selects(patterns: Sequence[str], finding_or_check: Finding | Check) -> bool:
    """Whether a pattern (code prefix, finding's name or check's name) names this finding or check."""
    if isinstance(finding_or_check, Check):
        return any(
            pattern.lower() == finding_or_check.name
            or any(_matches(pattern, code, CATALOGUE[code].name) for code in finding_or_check.codes)
            for pattern in patterns
        )
    entry = CATALOGUE.get(finding_or_check.code)
    check = entry.check if entry else ""
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
