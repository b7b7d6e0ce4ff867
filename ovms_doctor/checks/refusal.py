"""Why OpenVINO does not take a model: the true cause, from what static reading and the runtime saw."""

from __future__ import annotations

from msgspec import Struct

from ovms_doctor.model.causes import ReadRefused
from ovms_doctor.model.facts import Fault, LoadReport, ModelInspection, Operation
from ovms_doctor.model.findings import Evidence
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.releases import Release, is_standard_opset, operation_since
from ovms_doctor.model.releases.openvino_messages import said_by

#: What static reading calls a fault → the code that says so. In order: the first that fits names the cause.
CODES: dict[str, str] = {
    "git-lfs-pointer": "OVD302",
    "weights-lfs-pointer": "OVD302",
    "html-page": "OVD303",
    "weights-html": "OVD303",
    "archive": "OVD304",
    "dangling-link": "OVD313",
    "empty-file": "OVD305",
    "apple-double": "OVD315",
    "zero-filled": "OVD306",
    "truncated": "OVD306",
    "weights-suffix-case": "OVD315",
    "weights-missing": "OVD307",
    "weights-too-small": "OVD308",
    "saved-model-missing-pb": "OVD301",
    "saved-model-empty": "OVD301",
    "directory": "OVD301",
    "not-regular": "OVD314",
    "external-data-outside": "OVD318",
    "weights-unreadable": "OVD203",
    "saved-model-variables-missing": "OVD318",
    "external-data-missing": "OVD318",
    "external-data-too-small": "OVD318",
    "ir-version": "OVD311",
    "not-ir": "OVD301",
    "wrong-format": "OVD301",
    "text": "OVD301",
    "xml-malformed": "OVD312",
    "element-type-unknown": "OVD323",
    "weights-bad-reference": "OVD316",
    "layer-bad": "OVD316",
    "shape-bad": "OVD316",
    "edge-cycle": "OVD316",
    "layer-duplicate-id": "OVD316",
    "layer-without-version": "OVD316",
    "edge-dangling": "OVD316",
    "port-missing": "OVD316",
    "input-not-connected": "OVD316",
}
#: Faults that OpenVINO does not notice: the model is served, but hardly as it was meant.
NOTICED_BY_NOBODY: dict[str, str] = {
    "weights-lfs-pointer": "OVD302",
    "weights-html": "OVD303",
    "weights-zero-tail": "OVD309",
    "weights-sparse": "OVD309",
    "weights-all-zero": "OVD309",
    "weights-trailing-bytes": "OVD310",
    "graph-empty": "OVD317",
    "empty-file": "OVD305",
}
_EXTENSION = lazy_pattern(r"Cannot create (\S+) layer (.*?) id:\d+ from unsupported opset: ?(\S*)")
_SHOWN = 6


class Reason(Struct, frozen=True):
    """The code and the sentence for a refusal, with what was seen."""

    code: str
    message: str
    evidence: tuple[Evidence, ...]


def reason_for(cause: ReadRefused) -> Reason:
    """The most telling explanation of a model that is not read."""
    quoted = quote_openvino(cause.report)
    fault = _first_fault(cause.inspection)
    if fault is not None:
        seen = Evidence(fault.evidence or fault.path, "static reading")
        return Reason(CODES.get(fault.kind, "OVD341"), fault.detail, (seen, *quoted))
    foreign = foreign_operations(cause.inspection)
    if foreign:
        return Reason("OVD321", _needs_extension(foreign), (_listed(foreign), *quoted))
    unknown = unknown_operations(cause.inspection)
    if unknown:
        first = unknown[0]
        message = f"No release of OpenVINO has the operation {first.type} in {first.opset}"
        return Reason("OVD324", message, (_listed(unknown), *quoted))
    text = "" if cause.report is None else last_line(cause.report.message)
    match = _EXTENSION.search(text)
    if match:
        message = f"The operation {match.group(1)} comes from a CPU extension that the server was not given"
        return Reason("OVD321", message, quoted)
    name = cause.path.rstrip("/").rsplit("/", 1)[-1]
    if cause.report is None and cause.inspection is None:
        seen = Evidence(f"{cause.path}: nothing there", "stat, links followed")
        return Reason("OVD313", f"{name} is a link that leads to nothing", (seen,))
    if "Wrong index file" in text:
        return Reason("OVD318", f"The variables of {name} are damaged: their index is too short", quoted)
    if "Could not open the file" in text:
        return Reason("OVD313", f"{name} leads to nothing: OpenVINO finds no file there", quoted)
    if "Unable to read the model" in text:
        return Reason("OVD301", f"OpenVINO does not recognise {name} as a model", quoted)
    return Reason("OVD341", f"OpenVINO refuses {name}: {text}", quoted)


def _first_fault(inspection: ModelInspection | None) -> Fault | None:
    if inspection is None:
        return None
    order = list(CODES)
    fatal = [fault for fault in inspection.faults if fault.fatal]
    return min(
        fatal, key=lambda fault: order.index(fault.kind) if fault.kind in CODES else len(order), default=None
    )


def foreign_operations(inspection: ModelInspection | None) -> list[Operation]:
    """Operations of no opset of OpenVINO's own: they come from an extension."""
    return [item for item in _operations(inspection) if not is_standard_opset(item.opset)]


def unknown_operations(inspection: ModelInspection | None) -> list[Operation]:
    """Operations that no release has in the opset they claim."""
    return [
        item
        for item in _operations(inspection)
        if is_standard_opset(item.opset) and operation_since(item.type, item.opset) is None
    ]


def _operations(inspection: ModelInspection | None) -> tuple[Operation, ...]:
    """Those of an IR: other formats' operations are not of OpenVINO's opsets."""
    return () if inspection is None or inspection.format != "ir" else inspection.operations


def _needs_extension(operations: list[Operation]) -> str:
    names = ", ".join(item.type for item in operations[:_SHOWN])
    more = len(operations) - _SHOWN
    return f"The model uses operations that only a CPU extension brings: {names}" + (
        f" and {more} more" if more > 0 else ""
    )


def _listed(operations: list[Operation]) -> Evidence:
    text = ", ".join(
        f"{item.type} ({item.opset or 'no opset'}, {item.count}×, first in layer {item.layer})"
        for item in operations[:_SHOWN]
    )
    return Evidence(text, "static reading")


def quote_openvino(report: LoadReport | None) -> tuple[Evidence, ...]:
    """OpenVINO's own last line, with the version whose text it is."""
    if report is None or not report.message.strip():
        return ()
    verb = "compile_model" if report.stage == "compile" else "read_model"
    return (Evidence(last_line(report.message), f"{verb} of OpenVINO {report.runtime} in a child"),)


def quote_release(report: LoadReport | None, release: Release, path: str) -> tuple[Evidence, ...]:
    """What the OpenVINO inside the release says to the same, where its words are others."""
    if report is None or not report.message.strip():
        return ()
    here = last_line(report.message)
    said = said_by(release, here, path)
    if said is None or _without_frontends(said[1]) == _without_frontends(here):
        return ()
    return (Evidence(said[1], f"what read_model of OpenVINO {said[0]} says to such a file"),)


def _without_frontends(line: str) -> str:
    """The list of frontends comes in another order at every start."""
    return line.partition("Available frontends:")[0].strip()


def last_line(message: str) -> str:
    """The line that says something: the first ones only name source files."""
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    return lines[-1] if lines else ""
