"""Operations and element types of an IR that the OpenVINO in the release does not have."""

from __future__ import annotations

from ovms_doctor.model import server_log
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.facts import ModelInspection, Operation
from ovms_doctor.model.findings import Evidence
from ovms_doctor.model.openvino_log import NEWER_OPSET, NOT_CONVERTED, NOT_IN_OPSET, UNSUPPORTED_OPSET
from ovms_doctor.model.releases import is_newer_opset, is_standard_opset, operation_since

NEEDS_EXTENSION = Code(
    code="OVD321",
    name="needs-extension",
    severity="error",
    summary="The model uses operations that only an extension library brings",
    remedy=(
        "Start the server with --cpu_extension and the library, built for exactly the OpenVINO in "
        "this release. For a tokenizer, use a release that contains openvino_tokenizers (2024.5 or "
        "later)."
    ),
    log=(
        server_log.READ_FAILED,
        UNSUPPORTED_OPSET,
        NOT_CONVERTED,
    ),
    recovers="restart",
    releases=(
        "The same in all releases. Since 2024.5 the server loads openvino_tokenizers by itself where "
        "it is installed. A library is bound to the OpenVINO release for which it was built."
    ),
    see_also=("OVD322", "OVD324"),
    example=Example(
        "ovms --config_path config.json", "ovms --config_path config.json --cpu_extension /ext/libmine.so"
    ),
)

OPERATION_NOT_IN_RELEASE = Code(
    code="OVD322",
    name="operation-not-in-release",
    severity="error",
    summary="The model uses an operation that is newer than the OpenVINO in this release",
    remedy=(
        "Use a release of OVMS whose OpenVINO has the operation, or export the model with an OpenVINO "
        "that is not newer than the server's."
    ),
    log=(
        server_log.READ_FAILED,
        NEWER_OPSET,
        NOT_IN_OPSET,
    ),
    releases=(
        "Each release of OVMS contains the OpenVINO of the same number. Newer opsets were added in parts: "
        "an opset that a release supports may still lack the operation."
    ),
    see_also=("OVD321", "OVD323", "OVD324"),
    example=Example("OVMS 2024.1, a layer of opset15", "OVMS 2025.4, the same model"),
)

ELEMENT_TYPE_NOT_IN_RELEASE = Code(
    code="OVD323",
    name="element-type-not-in-release",
    severity="error",
    summary="The model uses an element type that the OpenVINO in this release does not support",
    remedy=(
        "Use a release of OVMS with an OpenVINO that has the type, or convert the model to a type "
        "that this one has."
    ),
    log=(
        server_log.READ_FAILED,
        '"{type}" is not a member of enum element::Type_t',
        "is not a member of enum element::Type_t",
        "Incorrect type: {type}",
    ),
    releases="OVMS supports a type since the release with the number of the OpenVINO that introduced it.",
    see_also=("OVD322",),
    example=Example("OVMS 2023.3, weights in f8e4m3", "OVMS 2024.0, the same model"),
)

OPERATION_UNKNOWN = Code(
    code="OVD324",
    name="operation-unknown",
    severity="error",
    summary="The model uses an operation that no release of OpenVINO has in the opset that the model names",
    remedy="Export the model again. If it was edited by hand, the evidence names the layer.",
    log=(
        server_log.READ_FAILED,
        NOT_IN_OPSET,
        NEWER_OPSET,
    ),
    releases="The table of operations reaches to OpenVINO 2026.4; a later one may support the operation.",
    see_also=("OVD321", "OVD322"),
    example=Example('<layer type="FancyRelu" version="opset1">', '<layer type="ReLU" version="opset1">'),
)


CODES = (OPERATION_NOT_IN_RELEASE, NEEDS_EXTENSION, ELEMENT_TYPE_NOT_IN_RELEASE, OPERATION_UNKNOWN)
_MAX_LISTED = 6


def foreign_operations(inspection: ModelInspection | None) -> list[Operation]:
    """Returns the operations that are in no opset of OpenVINO: they come from an extension."""
    return [
        item
        for item in _operations(inspection)
        if not is_standard_opset(item.opset) and not is_newer_opset(item.opset)
    ]


def newer_operations(inspection: ModelInspection | None) -> list[Operation]:
    """Returns the operations of an opset that is newer than all known here: a newer OpenVINO wrote the model."""
    return [item for item in _operations(inspection) if is_newer_opset(item.opset)]


def unknown_operations(inspection: ModelInspection | None) -> list[Operation]:
    """Returns the operations that no release has in the opset that the model names."""
    return [
        item
        for item in _operations(inspection)
        if is_standard_opset(item.opset) and operation_since(item.type, item.opset) is None
    ]


def _operations(inspection: ModelInspection | None) -> tuple[Operation, ...]:
    """Returns the operations of an IR: those of other formats are not in OpenVINO's opsets."""
    return () if inspection is None or inspection.format != "ir" else inspection.operations


def name_operations(operations: list[Operation]) -> str:
    """Returns the first types, and the number of further types."""
    names = ", ".join(item.type for item in operations[:_MAX_LISTED])
    more = len(operations) - _MAX_LISTED
    return names + (f" and {more} more" if more > 0 else "")


def list_operations(operations: list[Operation]) -> Evidence:
    """Returns the first operations with opset, number and layer."""
    text = ", ".join(
        f"{item.type} ({item.opset or 'no opset'}, {item.count}×, first in layer {item.layer})"
        for item in operations[:_MAX_LISTED]
    )
    return Evidence(text, "static reading")
