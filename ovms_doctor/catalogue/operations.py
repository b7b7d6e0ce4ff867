"""Entries on operations and element types, against the release and against extensions."""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code
from ovms_doctor.catalogue.wording import (
    LOAD_FAILS,
    NEWER_OPSET,
    NOT_CONVERTED,
    NOT_IN_OPSET,
    UNSUPPORTED_OPSET,
)
from ovms_doctor.model import server_log as log

_READ = (log.READ_FAILED,)

CODES: tuple[Code, ...] = (
    Code(
        "OVD321",
        "needs-extension",
        "error",
        "operations",
        "The model uses operations that only an extension library brings",
        "A layer whose opset is none of OpenVINO's own (extension, custom, experimental …) was "
        "made with an extension, and can be read only where that library is loaded. " + LOAD_FAILS,
        "Start the server with --cpu_extension and the library, built for exactly the OpenVINO in this "
        "release. For a tokenizer, use a release that brings openvino_tokenizers (2024.5 or later).",
        "restart",
        _READ,
        (UNSUPPORTED_OPSET, NOT_CONVERTED),
        releases="The same in all releases. Since 2024.5 the server loads openvino_tokenizers by itself "
        "where it is installed. A library is bound to the OpenVINO release for which it was built.",
        see_also=("OVD322", "OVD324"),
    ),
    Code(
        "OVD322",
        "operation-not-in-release",
        "error",
        "operations",
        "The model uses an operation that came to OpenVINO after the one in this release",
        "The model was written by a newer OpenVINO than the server's. Each layer keeps the "
        "opset its operation came with, so most newer models are read; one newer operation is "
        "enough for a refusal. " + LOAD_FAILS,
        "Use a release of OVMS with at least the OpenVINO that has the operation, or export the model with "
        "one no newer than the server's.",
        None,
        _READ,
        (NEWER_OPSET, NOT_IN_OPSET),
        releases="Each release of OVMS carries the OpenVINO of the same number. Newer opsets came in parts: "
        "an opset that a release knows may still lack the operation.",
        see_also=("OVD321", "OVD323", "OVD324"),
    ),
    Code(
        "OVD323",
        "element-type-not-in-release",
        "error",
        "operations",
        "The model uses an element type that the OpenVINO in this release does not know",
        "Either it came with a later OpenVINO (nf4 with 2023.2, string with 2023.3, f8e4m3 and "
        "f8e5m2 with 2024.0, u2, u3 and u6 with 2024.1, f4e2m1 and f8e8m0 with 2024.4), or "
        "there is no such type. " + LOAD_FAILS,
        "Use a release of OVMS with an OpenVINO that has the type, or convert the model to a type that this "
        "one has.",
        None,
        _READ,
        (
            '"{type}" is not a member of enum element::Type_t',
            "is not a member of enum element::Type_t",
            "Incorrect type: {type}",
        ),
        releases="See the list of types above.",
        see_also=("OVD322",),
    ),
    Code(
        "OVD324",
        "operation-unknown",
        "error",
        "operations",
        "The model names an operation that no release of OpenVINO has in the opset it claims",
        "A layer says that it belongs to an opset of OpenVINO's own, but there is no such "
        "operation in it, or no such opset. No extension helps, unless it registers that "
        "opset. " + LOAD_FAILS,
        "Export the model again. If it was edited by hand, the evidence names the layer.",
        None,
        _READ,
        (NOT_IN_OPSET, NEWER_OPSET),
        releases="The table of operations reaches to OpenVINO 2026.4; a later one may know the operation.",
        see_also=("OVD321", "OVD322"),
    ),
)
