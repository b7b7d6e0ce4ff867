"""Reading the model: files that are not what they should be, and models that OVMS or OpenVINO refuse."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from ovms_doctor.checks import path_advice as where
from ovms_doctor.checks.context import Context, quote
from ovms_doctor.checks.dangling import dangling
from ovms_doctor.checks.permissions import MODEL_FILE_NOT_READABLE
from ovms_doctor.checks.refusal import NOTICED_BY_NOBODY, quote_openvino, quote_release, reason_for
from ovms_doctor.model.causes import CompileRefused, NoTensors, ReadRefused, RuntimeCrashes, SpecialFile
from ovms_doctor.model.facts import ModelInspection
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.plan import Attempt, ModelPlan

#: Codes of refusals that the operations check reports.
OPERATION_CODES = frozenset({"OVD321", "OVD322", "OVD323", "OVD324"})
_TENSORS = {
    "inputs": ("OVD331", "The model has no inputs, and this release serves none without"),
    "outputs": ("OVD332", "The model has no outputs, and this release serves none without"),
    "unnamed input": ("OVD333", "An input of the model has no name"),
    "unnamed output": ("OVD333", "An output of the model has no name, which this release needs"),
}
_KINDS = {"fifo": "a FIFO", "character": "a character device", "block": "a block device"}


def check(context: Context) -> Iterator[Finding]:
    for model in context.plan.models:
        if model.blocked is not None:
            yield _blocked(context, model, model.blocked)
        for version in model.versions:
            if version.attempt is not None:
                yield from _attempt(context, model, version.attempt)


def _attempt(context: Context, model: ModelPlan, attempt: Attempt) -> Iterator[Finding]:
    cause = attempt.cause
    if isinstance(cause, ReadRefused):
        yield from _refused(context, model, attempt, cause)
    elif isinstance(cause, NoTensors):
        code, message = _TENSORS[cause.which]
        yield context.of_attempt(code, message, model, attempt, path=cause.path)
    elif isinstance(cause, SpecialFile):
        yield _special(context, model, attempt, cause)
    elif isinstance(cause, RuntimeCrashes):
        yield _crash(context, model, attempt, cause)
    elif isinstance(cause, CompileRefused):
        yield context.of_attempt(
            "OVD342",
            "The model is read, but the device's plugin does not compile it",
            model,
            attempt,
            path=cause.path,
            evidence=quote_openvino(cause.report),
        )
    elif attempt.inspection is not None and attempt.outcome == "loaded":
        yield from _unnoticed(context, model, attempt, attempt.inspection)


def _refused(context: Context, model: ModelPlan, attempt: Attempt, cause: ReadRefused) -> Iterator[Finding]:
    if _path_was_cut(attempt):
        yield context.of_attempt(
            "OVD344",
            f"The server cuts the path at the first “saved_model.pb” in it and hands OpenVINO {cause.path}",
            model,
            attempt,
            path=attempt.path,
            evidence=quote_openvino(cause.report),
        )
        return
    reason = reason_for(cause)
    if reason.code in OPERATION_CODES:
        return
    message, evidence, steps = reason.message, reason.evidence, _steps(context, reason.code, cause.path)
    if reason.code == "OVD313":
        linked = dangling(context, attempt)
        if linked is not None:
            message, seen, steps = linked
            evidence = (seen, *evidence)
    evidence += quote_release(cause.report, context.deployment.release, cause.path)
    yield context.of_attempt(
        MODEL_FILE_NOT_READABLE if reason.code == MODEL_FILE_NOT_READABLE.code else reason.code,
        message,
        model,
        attempt,
        path=cause.path,
        evidence=evidence,
        steps=steps,
        confidence=None if cause.report is not None else "medium",
        causes=where.left_behind(attempt.path),
    )


def _path_was_cut(attempt: Attempt) -> bool:
    return attempt.format == "saved_model" and attempt.model_file not in (
        f"{attempt.path}/",
        attempt.path.rpartition("/")[0] + "/",
    )


def _steps(context: Context, code: str, path: str) -> tuple[Step, ...]:
    if is_remote(path):
        return _steps_in_store(context, code, path)
    host = context.host(path)
    directory = quote(host.rpartition("/")[0] or "/")
    if code == "OVD302":
        return (
            Step(
                "Fetch the real file where the repository was cloned.",
                f"cd {directory} && git lfs pull",
                "host",
                "changes files",
            ),
        )
    if code in ("OVD303", "OVD304", "OVD305", "OVD306", "OVD308", "OVD312"):
        return (
            Step(
                "Look at what is there, then copy the file again from where it is whole.",
                f"ls -la {directory} && head -c 200 {quote(host)}",
                "host",
                "reads",
            ),
        )
    return ()


def _steps_in_store(context: Context, code: str, path: str) -> tuple[Step, ...]:
    if code == "OVD302":
        return (Step("Run git lfs pull where the repository was cloned, and upload the file again."),)
    if code in ("OVD303", "OVD304", "OVD305", "OVD306", "OVD308", "OVD312"):
        text = "Look at what is there, then upload the file again from where it is whole."
        return (where.look(context, path.rpartition("/")[0], text),)
    return ()


def _special(context: Context, model: ModelPlan, attempt: Attempt, cause: SpecialFile) -> Finding:
    detail = (
        "The server waits for ever: start-up does not end, no later model is loaded, and nothing is logged "
        "about it."
    )
    if model.at_poll:
        detail = (
            "The server comes up, and waits for ever at its first look after that: it answers for what it has, "
            "and sees no change any more."
        )
    return context.of_attempt(
        "OVD314",
        f"{cause.path} is {_kind(cause)}: reading it never comes back",
        model,
        attempt,
        path=cause.path,
        detail=detail,
        evidence=(Evidence(f"{cause.path}: {_kind(cause)}", "stat; it was not opened"),),
        recovers="restart",
        steps=(_look_at(context, cause),),
    )


def _blocked(context: Context, model: ModelPlan, cause: SpecialFile) -> Finding:
    """The look for a graph comes before everything else, or, since v2023.1, the reading of the graphs that are
    listed as such."""
    why = (
        "reads it, for it is listed as a graph,"
        if model.kind == "graph"
        else "opens it to see whether this is a graph,"
    )
    return context.finding(
        "OVD314",
        f"{cause.path} is {_kind(cause)}: the server {why} and waits for ever",
        model=model.entry.name,
        path=cause.path,
        base=model.entry.base_path,
        detail="Start-up does not end, no model after it is loaded, and nothing is logged about it.",
        evidence=(Evidence(f"{cause.path}: {_kind(cause)}", "stat; it was not opened"),),
        recovers="restart",
        steps=(_look_at(context, cause),),
    )


def _kind(cause: SpecialFile) -> str:
    return _KINDS.get(cause.kind, f"a {cause.kind}")


def _look_at(context: Context, cause: SpecialFile) -> Step:
    return Step("Put a regular file there.", f"ls -la {quote(context.host(cause.path))}", "host", "reads")


def _crash(context: Context, model: ModelPlan, attempt: Attempt, cause: RuntimeCrashes) -> Finding:
    number = cause.report.signal or 0
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    stage = "compiling" if cause.report.stage == "compile" else "reading"
    return context.of_attempt(
        "OVD343",
        f"OpenVINO crashes ({name}) in {stage} this model, and takes the server with it",
        model,
        attempt,
        path=cause.path,
        detail=f"The process ends with exit code {128 + number}; the log ends without a word about it.",
        evidence=(Evidence(f"the child died of {name}", f"OpenVINO {cause.report.runtime} in a child"),),
        recovers="restart",
    )


def _unnoticed(
    context: Context, model: ModelPlan, attempt: Attempt, inspection: ModelInspection
) -> Iterator[Finding]:
    """What OpenVINO does not notice: served, but not as meant."""
    for fault in inspection.faults:
        code = NOTICED_BY_NOBODY.get(fault.kind)
        if code is None or fault.fatal:
            continue
        yield context.finding(
            code,
            fault.detail,
            model=model.entry.name,
            version=attempt.version,
            path=fault.path,
            base=model.entry.base_path,
            severity="warning",
            detail="OpenVINO does not notice: the model is served, and answers with what it makes of these bytes.",
            evidence=(Evidence(fault.evidence or fault.path, "static reading"),),
            recovers="config_change" if not context.single else "restart",
            steps=_steps(context, code, fault.path),
        )
