"""Entries on operations and element types, against the release and against extensions."""

from __future__ import annotations

from ovms_doctor.model import server_log as log
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.openvino_log import NEWER_OPSET, NOT_CONVERTED, NOT_IN_OPSET, UNSUPPORTED_OPSET

_READ = (log.READ_FAILED,)

NEEDS_EXTENSION = Code(
    code="OVD321",
    name="needs-extension",
    severity="error",
    summary="The model uses operations that only an extension library brings",
    remedy=(
        "Start the server with --cpu_extension and the library, built for exactly the OpenVINO in "
        "this release. For a tokenizer, use a release that brings openvino_tokenizers (2024.5 or "
        "later)."
    ),
    log=(
        *_READ,
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
    summary="The model uses an operation that came to OpenVINO after the one in this release",
    remedy=(
        "Use a release of OVMS with at least the OpenVINO that has the operation, or export the "
        "model with one no newer than the server's."
    ),
    log=(
        *_READ,
        NEWER_OPSET,
        NOT_IN_OPSET,
    ),
    releases=(
        "Each release of OVMS carries the OpenVINO of the same number. Newer opsets came in parts: "
        "an opset that a release knows may still lack the operation."
    ),
    see_also=("OVD321", "OVD323", "OVD324"),
    example=Example("OVMS 2024.1, a layer of opset15", "OVMS 2025.4, the same model"),
)

ELEMENT_TYPE_NOT_IN_RELEASE = Code(
    code="OVD323",
    name="element-type-not-in-release",
    severity="error",
    summary="The model uses an element type that the OpenVINO in this release does not know",
    remedy=(
        "Use a release of OVMS with an OpenVINO that has the type, or convert the model to a type "
        "that this one has."
    ),
    log=(
        *_READ,
        '"{type}" is not a member of enum element::Type_t',
        "is not a member of enum element::Type_t",
        "Incorrect type: {type}",
    ),
    releases="See the list of types above.",
    see_also=("OVD322",),
    example=Example("OVMS 2023.3, weights in f8e4m3", "OVMS 2024.0, the same model"),
)

OPERATION_UNKNOWN = Code(
    code="OVD324",
    name="operation-unknown",
    severity="error",
    summary="The model names an operation that no release of OpenVINO has in the opset it claims",
    remedy="Export the model again. If it was edited by hand, the evidence names the layer.",
    log=(
        *_READ,
        NOT_IN_OPSET,
        NEWER_OPSET,
    ),
    releases="The table of operations reaches to OpenVINO 2026.4; a later one may know the operation.",
    see_also=("OVD321", "OVD322"),
    example=Example('<layer type="FancyRelu" version="opset1">', '<layer type="ReLU" version="opset1">'),
)

#: By the name of the check that reports them.
CODES: dict[str, tuple[Code, ...]] = {
    "operations": (
        NEEDS_EXTENSION,
        OPERATION_NOT_IN_RELEASE,
        ELEMENT_TYPE_NOT_IN_RELEASE,
        OPERATION_UNKNOWN,
    ),
}
