"""Libraries that the configuration names: custom loaders and custom nodes."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks import unmounted_paths
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.positions import config_evidence, locate
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.plan_problems import LibraryFault

LIBRARY_NOT_OPENED = Code(
    code="OVD441",
    name="library-not-opened",
    severity="warning",
    summary="The server cannot open a library that the configuration names",
    remedy=(
        "Copy or mount the library at its path, and let the server's user read it. The path of custom "
        "nodes must be absolute if --config_path is relative."
    ),
    log=(
        server_log.LOADER_NOT_OPENED,
        server_log.LIBRARY_NOT_OPENED,
        server_log.LIBRARY_RELATIVE,
    ),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD420", "OVD442"),
    example=Example(
        '{"name": "l", "base_path": "/lib/missing.so"}', '{"name": "l", "base_path": "/lib/libnode.so"}'
    ),
)


_REASONS = {
    "missing": "it does not exist",
    "denied": "the server's user has no read permission on it",
    "escapes": "its path contains “..”",
    "relative": "its path is relative, because --config_path is",
    "not_a_library": "it is not a shared library",
}


CODES = (LIBRARY_NOT_OPENED,)


def check(context: Context) -> Iterator[Finding]:
    """Yields a finding on each library that the server cannot open."""
    for library in context.plan.libraries:
        yield _finding(context, library)


def _finding(context: Context, fault: LibraryFault) -> Finding:
    kind = "custom loader" if fault.kind == "loader" else "custom node library"
    advice = None
    if fault.reason == "missing":
        advice = unmounted_paths.advice_for(context, fault.path, "the library", directory=False)
    evidence = config_evidence(context, fault.pointer, fault.path)
    needed = _needed_by(context, fault)
    effect = (
        f"it does not serve what needs the library: {needed}." if needed else "nothing needs the library."
    )
    return context.finding(
        LIBRARY_NOT_OPENED,
        f"{locate(context, fault.pointer)}: the {kind} {fault.name} cannot be opened: "
        + (advice.message if advice is not None else _REASONS[fault.reason]),
        path=fault.path,
        detail=f"The server starts; {effect}",
        severity="error" if needed else None,
        confidence=None if advice is None else advice.confidence,
        log=fault.log,
        at=fault.pointer,
        evidence=evidence if advice is None else (*evidence, *advice.evidence),
        recovers="config_change",
        steps=() if advice is None else advice.steps,
    )


def _needed_by(context: Context, fault: LibraryFault) -> str:
    """Returns the pipelines or models that are not served because the library is missing."""
    if fault.kind == "nodes":
        names = [
            pipeline.name
            for pipeline in context.plan.pipelines
            if pipeline.fault is not None
            and pipeline.fault.reason == "missing_library"
            and pipeline.fault.subject == fault.name
        ]
        return ", ".join(f"pipeline {name}" for name in names)
    return ", ".join(
        f"model {model.entry.name}"
        for model in context.plan.models
        if not model.tried and model.unknown is None and custom_loader(model) == fault.name
    )


def custom_loader(model: ModelPlan) -> str | None:
    """Returns the custom loader that the entry of a model names; None if it names none."""
    options = model.entry.parameters.get("custom_loader_options")
    if model.entry.parameters.source != "config" or not isinstance(options, dict):
        return None
    name = options.get("loader_name")
    return name if isinstance(name, str) else None
