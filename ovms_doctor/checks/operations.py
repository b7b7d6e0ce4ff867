"""Operations and element types of an IR against the OpenVINO inside the release, and against extensions."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.reading.refusal import reason_for
from ovms_doctor.checks.unsupported_operations import CODES as SHARED_CODES
from ovms_doctor.checks.unsupported_operations import (
    ELEMENT_TYPE_NOT_IN_RELEASE,
    NEEDS_EXTENSION,
    OPERATION_NOT_IN_RELEASE,
)
from ovms_doctor.model.causes import NotInRelease, ReadRefused
from ovms_doctor.model.findings import Evidence, Finding
from ovms_doctor.model.graph_plan import ServableFault
from ovms_doctor.model.plan import Attempt, ModelPlan
from ovms_doctor.model.releases import element_type_since, operation_since

_MAX_LISTED = 6


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on each version with an operation or element type that the server does not have."""
    extension = context.plan.extension
    for model in context.plan.models:
        for fault in model.followed.faults if model.followed is not None and model.tried else ():
            if fault.kind == "operations_new":
                yield _of_graph(context, model, fault)
        for version in model.versions:
            attempt = version.attempt
            if attempt is None:
                continue
            if isinstance(attempt.cause, NotInRelease):
                yield _too_new(context, model, attempt, attempt.cause)
            elif attempt.tokenizers:
                yield _tokenizers(context, model, attempt)
            elif isinstance(attempt.cause, ReadRefused):
                reason = reason_for(attempt.cause)
                if reason.code is NEEDS_EXTENSION and extension is not None and extension.loaded:
                    # The extension check reports on the extension that was loaded.
                    continue
                if reason.code in SHARED_CODES:
                    yield context.of_attempt(
                        reason.code,
                        reason.message,
                        model,
                        attempt,
                        path=attempt.cause.path,
                        evidence=reason.evidence,
                        recovers="restart",
                    )


def _tokenizers(context: Context, model: ModelPlan, attempt: Attempt) -> Finding:
    """Returns the finding on text operations: the model is served, because the server has their library; it was not
    loaded here, because OpenVINO alone does not have it."""
    names = ", ".join(dict.fromkeys(item.type for item in attempt.tokenizers))
    return context.finding(
        NEEDS_EXTENSION,
        f"The model uses operations of OpenVINO Tokenizers ({names}), whose library is part of this release",
        model=model.entry.name,
        version=attempt.version,
        path=attempt.model_file,
        base=model.entry.base_path,
        severity="info",
        confidence="medium",
        detail="The server’s images contain libopenvino_tokenizers.so. Without it, the server only logs a warning "
        "at its start, and this model does not load.",
        evidence=(Evidence(names, "static reading"),),
        remedy="Do nothing: the server loads the library by itself.",
    )


def _too_new(context: Context, model: ModelPlan, attempt: Attempt, cause: NotInRelease) -> Finding:
    """Returns the finding on a version that needs a later OpenVINO than that of the release."""
    release = context.deployment.release
    writer = attempt.inspection.writer if attempt.inspection is not None else None
    written = f"; it was written by {writer}" if writer else ""
    if cause.operations:
        first = cause.operations[0]
        since = operation_since(first.type, first.opset)
        listed = ", ".join(f"{item.type} ({item.opset})" for item in cause.operations[:_MAX_LISTED])
        return context.of_attempt(
            OPERATION_NOT_IN_RELEASE,
            f"The model uses {first.type} of {first.opset}, which OpenVINO has since {since}; "
            f"OVMS {release} contains an older one",
            model,
            attempt,
            path=cause.path,
            confidence="medium",
            evidence=(Evidence(f"{listed}{written}", "static reading against the table of releases"),),
            recovers="restart",
        )
    name = cause.element_types[0]
    return context.of_attempt(
        ELEMENT_TYPE_NOT_IN_RELEASE,
        f"The model uses the element type {name}, which OpenVINO has since {element_type_since(name)}; "
        f"OVMS {release} contains an older one",
        model,
        attempt,
        path=cause.path,
        confidence="medium",
        evidence=(Evidence(f"{', '.join(cause.element_types)}{written}", "static reading"),),
        recovers="restart",
    )


def _of_graph(context: Context, model: ModelPlan, fault: ServableFault) -> Finding:
    """Returns the finding on a graph whose model needs a later OpenVINO than that of the release."""
    release = context.deployment.release
    return context.finding(
        OPERATION_NOT_IN_RELEASE,
        f"{fault.path} needs a later OpenVINO than that of OVMS {release}: {fault.detail}",
        model=model.entry.name,
        path=fault.path,
        base=model.entry.base_path,
        confidence="medium",
        log=fault.log,
        evidence=(Evidence(fault.detail, "static reading against the table of releases"),),
        recovers="restart",
    )


CHECK = Check(
    name="operations",
    summary="operations and element types against the release",
    codes=SHARED_CODES,
    run=check,
)
