"""Models that OpenVINO does not read: the cause, from the static reading of the files and OpenVINO's own report."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from ovms_doctor.checks import path_advice
from ovms_doctor.checks.context import Context, quote
from ovms_doctor.checks.openvino_report import last_line, quote_openvino, quote_release
from ovms_doctor.checks.permissions import MODEL_FILE_NOT_READABLE
from ovms_doctor.checks.reading.files import (
    ARCHIVE,
    EMPTY_FILE,
    GIT_LFS_POINTER,
    HTML_PAGE,
    NOT_A_MODEL,
    TRUNCATED_MODEL,
)
from ovms_doctor.checks.reading.ir import GRAPH_INCONSISTENT, IR_VERSION_UNSUPPORTED, XML_MALFORMED
from ovms_doctor.checks.reading.links import DANGLING_LINK, describe_dangling
from ovms_doctor.checks.reading.special_files import SPECIAL_FILE
from ovms_doctor.checks.reading.weights import (
    EXTERNAL_DATA_MISSING,
    WEIGHTS_MISSING,
    WEIGHTS_NAME_MISMATCH,
    WEIGHTS_TOO_SMALL,
)
from ovms_doctor.checks.unsupported_operations import (
    CODES as OPERATION_CODES,
)
from ovms_doctor.checks.unsupported_operations import (
    ELEMENT_TYPE_NOT_IN_RELEASE,
    NEEDS_EXTENSION,
    OPERATION_NOT_IN_RELEASE,
    OPERATION_UNKNOWN,
    foreign_operations,
    list_operations,
    name_operations,
    newer_operations,
    unknown_operations,
)
from ovms_doctor.model import server_log
from ovms_doctor.model.causes import ReadRefused
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.facts import Fault, ModelInspection
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.openvino_log import CANNOT_OPEN, NOT_A_SAVED_MODEL, NOT_CONVERTED
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.plan import Attempt, ModelPlan
from ovms_doctor.model.releases import is_newer_opset, newest_opset

OPENVINO_REFUSES = Code(
    code="OVD341",
    name="openvino-refuses",
    severity="error",
    summary="OpenVINO does not read the model, for a reason that only its own text gives",
    remedy=(
        "Read OpenVINO's last line. Often the model needs a newer OpenVINO than this release has, or "
        "an operation that OpenVINO does not convert: convert the model with ovc, which reports more."
    ),
    log=(
        server_log.READ_FAILED,
        NOT_CONVERTED,
        "Model wasn't fully converted",
        "FrontEnd API failed with OpConversionFailure",
        "Incorrect port name specified: {port}",
        NOT_A_SAVED_MODEL,
    ),
    recovers="next_poll",
    releases=(
        "What OpenVINO reads differs from release to release. The text here is that of the OpenVINO "
        "on this host, which the finding names."
    ),
    see_also=("OVD316", "OVD321", "OVD322"),
    example=Example(
        "a model that OpenVINO does not convert", "the same, converted with ovc where that succeeds"
    ),
)

SAVED_MODEL_PATH_CUT = Code(
    code="OVD344",
    name="saved-model-path-cut",
    severity="error",
    summary=(
        "The server cuts the model's path at the first “saved_model.pb” in it, and the model is not in "
        "the directory that is left"
    ),
    remedy=(
        "Name the file exactly saved_model.pb, and use no directory above it with that in its name. "
        "A frozen graph needs a name that does not end in saved_model.pb."
    ),
    log=(
        server_log.READ_FAILED,
        CANNOT_OPEN,
    ),
    recovers="next_poll",
    releases=(
        "Since 2023.0. The same in all releases; OpenVINO's own text differs a little from one to the next."
    ),
    see_also=("OVD313",),
    example=Example("m/1/my_saved_model.pb", "m/1/saved_model.pb"),
)


CODES = (OPENVINO_REFUSES, SAVED_MODEL_PATH_CUT)
#: Kind of fault in the static reading → code. In order: the first kind that a model has is the cause.
_CODES_BY_FAULT: dict[str, Code] = {
    "git-lfs-pointer": GIT_LFS_POINTER,
    "weights-lfs-pointer": GIT_LFS_POINTER,
    "html-page": HTML_PAGE,
    "weights-html": HTML_PAGE,
    "archive": ARCHIVE,
    "dangling-link": DANGLING_LINK,
    "empty-file": EMPTY_FILE,
    "apple-double": WEIGHTS_NAME_MISMATCH,
    "zero-filled": TRUNCATED_MODEL,
    "truncated": TRUNCATED_MODEL,
    "weights-suffix-case": WEIGHTS_NAME_MISMATCH,
    "weights-other-name": WEIGHTS_NAME_MISMATCH,
    "weights-missing": WEIGHTS_MISSING,
    "weights-too-small": WEIGHTS_TOO_SMALL,
    "saved-model-missing-pb": NOT_A_MODEL,
    "saved-model-empty": NOT_A_MODEL,
    "directory": NOT_A_MODEL,
    "not-regular": SPECIAL_FILE,
    "external-data-outside": EXTERNAL_DATA_MISSING,
    "weights-unreadable": MODEL_FILE_NOT_READABLE,
    "saved-model-variables-missing": EXTERNAL_DATA_MISSING,
    "external-data-missing": EXTERNAL_DATA_MISSING,
    "external-data-too-small": EXTERNAL_DATA_MISSING,
    "ir-version": IR_VERSION_UNSUPPORTED,
    "not-ir": NOT_A_MODEL,
    "wrong-format": NOT_A_MODEL,
    "text": NOT_A_MODEL,
    "xml-malformed": XML_MALFORMED,
    "element-type-unknown": ELEMENT_TYPE_NOT_IN_RELEASE,
    "weights-bad-reference": GRAPH_INCONSISTENT,
    "layer-bad": GRAPH_INCONSISTENT,
    "shape-bad": GRAPH_INCONSISTENT,
    "edge-cycle": GRAPH_INCONSISTENT,
    "layer-duplicate-id": GRAPH_INCONSISTENT,
    "layer-without-version": GRAPH_INCONSISTENT,
    "edge-dangling": GRAPH_INCONSISTENT,
    "port-missing": GRAPH_INCONSISTENT,
    "input-not-connected": GRAPH_INCONSISTENT,
}
#: Codes of files that are to be copied again.
_COPY_AGAIN = (HTML_PAGE, ARCHIVE, EMPTY_FILE, TRUNCATED_MODEL, WEIGHTS_TOO_SMALL, XML_MALFORMED)
_FROM_EXTENSION = lazy_pattern(r"Cannot create (\S+) layer (.*?) id:\d+ from unsupported opset: ?(\S*)")


class Reason(Struct, frozen=True):
    """Why a model is not read."""

    #: The code of the finding.
    code: Code
    #: The finding's message.
    message: str
    #: The reports of the static reading and of OpenVINO.
    evidence: tuple[Evidence, ...]


def check(context: Context, model: ModelPlan, attempt: Attempt, cause: ReadRefused) -> Iterator[Finding]:
    """Yields the finding on a version that is not read; none if the operations check reports it."""
    if _path_was_cut(attempt):
        yield context.of_attempt(
            SAVED_MODEL_PATH_CUT,
            f"The server cuts the path at the first “saved_model.pb” in it and passes {cause.path} to OpenVINO",
            model,
            attempt,
            path=attempt.path,
            evidence=quote_openvino(cause.report),
        )
        return
    reason = reason_for(cause)
    if reason.code in OPERATION_CODES:
        return
    message, evidence, steps = reason.message, reason.evidence, steps_for(context, reason.code, cause.path)
    if reason.code is DANGLING_LINK:
        link = describe_dangling(context, attempt)
        if link is not None:
            message, target, steps = link
            evidence = (target, *evidence)
    if reason.code is WEIGHTS_NAME_MISMATCH and not is_remote(cause.path):
        steps = _rename_weights(context, cause)
    evidence += quote_release(cause.report, context.deployment.release, cause.path)
    yield context.of_attempt(
        reason.code,
        message,
        model,
        attempt,
        path=cause.path,
        evidence=evidence,
        steps=steps,
        confidence=None if cause.report is not None else "medium",
        causes=(*path_advice.left_behind(attempt.path), *path_advice.mount_causes(context, attempt.path)),
    )


def _path_was_cut(attempt: Attempt) -> bool:
    return attempt.format == "saved_model" and attempt.model_file not in (
        f"{attempt.path}/",
        attempt.path.rpartition("/")[0] + "/",
    )


def reason_for(cause: ReadRefused) -> Reason:
    """Returns the most specific reason for which a model is not read."""
    quoted = quote_openvino(cause.report)
    fault = _first_fault(cause.inspection)
    if fault is not None:
        evidence = Evidence(fault.evidence or fault.path, "static reading")
        return Reason(_CODES_BY_FAULT.get(fault.kind, OPENVINO_REFUSES), fault.detail, (evidence, *quoted))
    newer = newer_operations(cause.inspection)
    if newer:
        return _of_newer_openvino(newer[0].type, newer[0].opset, cause, (list_operations(newer), *quoted))
    foreign = foreign_operations(cause.inspection)
    if foreign:
        message = f"The model uses operations that only a CPU extension brings: {name_operations(foreign)}"
        return Reason(NEEDS_EXTENSION, message, (list_operations(foreign), *quoted))
    unknown = unknown_operations(cause.inspection)
    if unknown:
        first = unknown[0]
        message = f"No release of OpenVINO has the operation {first.type} in {first.opset}"
        return Reason(OPERATION_UNKNOWN, message, (list_operations(unknown), *quoted))
    return _reported_reason(cause, quoted)


def _of_newer_openvino(
    operation: str, opset: str, cause: ReadRefused, evidence: tuple[Evidence, ...]
) -> Reason:
    writer = cause.inspection.writer if cause.inspection is not None else None
    by = f"written by {writer}" if writer else "written by a newer OpenVINO"
    known = f"the newest opset known here is opset{newest_opset()}"
    message = f"The model uses {operation} of {opset}, and {known}: it was {by}"
    return Reason(OPERATION_NOT_IN_RELEASE, message, evidence)


def _reported_reason(cause: ReadRefused, quoted: tuple[Evidence, ...]) -> Reason:
    """Returns the reason that OpenVINO reports, if the static reading found none."""
    text = "" if cause.report is None else last_line(cause.report.message)
    match = _FROM_EXTENSION.search(text)
    if match and is_newer_opset(match.group(3)):
        return _of_newer_openvino(match.group(1), match.group(3), cause, quoted)
    if match:
        message = f"The operation {match.group(1)} comes from a CPU extension, and the server has none"
        return Reason(NEEDS_EXTENSION, message, quoted)
    name = cause.path.rstrip("/").rsplit("/", 1)[-1]
    if cause.report is None and cause.inspection is None:
        evidence = Evidence(f"{cause.path}: no such file", "stat, links followed")
        return Reason(DANGLING_LINK, f"{name} is a link whose destination does not exist", (evidence,))
    if "Wrong index file" in text:
        message = f"The variables of {name} are damaged: their index is too short"
        return Reason(EXTERNAL_DATA_MISSING, message, quoted)
    if "Could not open the file" in text:
        return Reason(DANGLING_LINK, f"{name} does not lead to a file: OpenVINO finds no file there", quoted)
    if "Unable to read the model" in text:
        return Reason(NOT_A_MODEL, f"OpenVINO does not recognise {name} as a model", quoted)
    return Reason(OPENVINO_REFUSES, f"OpenVINO refuses {name}: {text}", quoted)


def _first_fault(inspection: ModelInspection | None) -> Fault | None:
    if inspection is None:
        return None
    order = list(_CODES_BY_FAULT)
    fatal = [fault for fault in inspection.faults if fault.fatal]
    return min(
        fatal,
        key=lambda fault: order.index(fault.kind) if fault.kind in order else len(order),
        default=None,
    )


def steps_for(context: Context, code: Code, path: str) -> tuple[Step, ...]:
    """Returns steps that fetch or copy the file ``path`` of the server again; none if the code needs other steps."""
    if is_remote(path):
        return _steps_in_store(context, code, path)
    host = context.host(path)
    directory = quote(host.rpartition("/")[0] or "/")
    if code is GIT_LFS_POINTER:
        return (
            Step(
                "Fetch the real file where the repository was cloned.",
                f"cd {directory} && git lfs pull",
                "host",
                "changes files",
            ),
        )
    if code in _COPY_AGAIN:
        return (
            Step(
                "Inspect the file, then copy it again from a complete source.",
                f"ls -la {directory} && head -c 200 {quote(host)}",
                "host",
                "reads",
            ),
        )
    return ()


def _rename_weights(context: Context, cause: ReadRefused) -> tuple[Step, ...]:
    """Returns the step that gives the weights the name that OpenVINO expects."""
    fault = _first_fault(cause.inspection)
    if fault is None or not fault.kind.startswith("weights-"):
        return ()
    host = context.host(cause.path)
    directory, _, name = host.rpartition("/")
    other = fault.path.rpartition("/")[2]
    stem = name.rpartition(".")[0] or name
    pair = f"{quote(f'{directory}/{other}')} {quote(f'{directory}/{stem}.bin')}"
    return (Step(f"Give the weights the name of {name}.", f"mv -- {pair}", "host", "changes files"),)


def _steps_in_store(context: Context, code: Code, path: str) -> tuple[Step, ...]:
    if code is GIT_LFS_POINTER:
        return (Step("Run git lfs pull where the repository was cloned, and upload the file again."),)
    if code in _COPY_AGAIN:
        text = "Inspect the file, then upload it again from a complete source."
        return (path_advice.list_step(context, path.rpartition("/")[0], text),)
    return ()
