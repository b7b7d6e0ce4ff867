"""Operations and element types of an IR against the OpenVINO inside the release, and against extensions."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.reading import OPERATION_CODES
from ovms_doctor.checks.refusal import reason_for
from ovms_doctor.model.causes import NotInRelease, ReadRefused
from ovms_doctor.model.findings import Evidence, Finding
from ovms_doctor.model.plan import Attempt, ModelPlan
from ovms_doctor.model.releases import element_type_since, operation_since

_SHOWN = 6


def check(context: Context) -> Iterator[Finding]:
    extension = context.plan.extension
    for model in context.plan.models:
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
                if reason.code == "OVD321" and extension is not None and extension.loaded:
                    # The extension was asked: its own check says what came of it.
                    continue
                if reason.code in OPERATION_CODES:
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
    """Served, because the server brings the library itself; not tried here, for OpenVINO alone has none."""
    names = ", ".join(dict.fromkeys(item.type for item in attempt.tokenizers))
    return context.finding(
        "OVD321",
        f"The model uses operations of OpenVINO Tokenizers ({names}), whose library this release adds by itself",
        model=model.entry.name,
        version=attempt.version,
        path=attempt.model_file,
        base=model.entry.base_path,
        severity="info",
        confidence="medium",
        detail="The server’s images carry libopenvino_tokenizers.so; where it is missing, the server only warns "
        "at its start and this model does not load.",
        evidence=(Evidence(names, "static reading"),),
        recovers="restart",
    )


def _too_new(context: Context, model: ModelPlan, attempt: Attempt, cause: NotInRelease) -> Finding:
    """Writer and server disagree: what the model needs came with a later OpenVINO."""
    release = context.deployment.release
    writer = attempt.inspection.writer if attempt.inspection is not None else None
    written = f"; it was written by {writer}" if writer else ""
    if cause.operations:
        first = cause.operations[0]
        since = operation_since(first.type, first.opset)
        listed = ", ".join(f"{item.type} ({item.opset})" for item in cause.operations[:_SHOWN])
        return context.of_attempt(
            "OVD322",
            f"The model uses {first.type} of {first.opset}, which OpenVINO has since {since}; "
            f"OVMS {release} carries an older one",
            model,
            attempt,
            path=cause.path,
            confidence="medium",
            evidence=(Evidence(f"{listed}{written}", "static reading against the table of releases"),),
            recovers="restart",
        )
    name = cause.element_types[0]
    return context.of_attempt(
        "OVD323",
        f"The model uses the element type {name}, which OpenVINO has since {element_type_since(name)}; "
        f"OVMS {release} carries an older one",
        model,
        attempt,
        path=cause.path,
        confidence="medium",
        evidence=(Evidence(f"{', '.join(cause.element_types)}{written}", "static reading"),),
        recovers="restart",
    )
