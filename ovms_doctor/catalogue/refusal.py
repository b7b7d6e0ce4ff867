"""Entries on whole models that OVMS or OpenVINO refuse, or that end the process."""

from __future__ import annotations

from ovms_doctor.model import server_log as log
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.openvino_log import CANNOT_OPEN, NOT_A_SAVED_MODEL, NOT_CONVERTED

NO_INPUTS = Code(
    code="OVD331",
    name="no-inputs",
    severity="error",
    summary="The model has no inputs, and the server serves none without",
    remedy=(
        "Export the model with its inputs. An empty Paddle model or an IR without layers ends here "
        "too: copy it again."
    ),
    log=(
        log.NO_INPUTS,
        log.INPUT_TENSORS,
    ),
    recovers="next_poll",
    releases="Since 2024.4. Before, such a model becomes AVAILABLE.",
    see_also=("OVD332", "OVD317", "OVD305"),
    example=Example("a model without Parameter", "a model with a named Parameter"),
)

NO_OUTPUTS = Code(
    code="OVD332",
    name="no-outputs",
    severity="error",
    summary="The model has no outputs, and the server serves none without",
    remedy="Export the model with its outputs.",
    log=(
        log.NO_OUTPUTS,
        log.OUTPUT_TENSORS,
    ),
    recovers="next_poll",
    releases="Since 2024.4. Before, such a model becomes AVAILABLE.",
    see_also=("OVD331", "OVD317"),
    example=Example("a model without Result", "a model with a Result"),
)

UNNAMED_TENSOR = Code(
    code="OVD333",
    name="unnamed-tensor",
    severity="error",
    summary="An input or output of the model has no name",
    remedy="Name the tensors before the model is saved: model.inputs[0].tensor.set_names({'x'}).",
    log=(
        log.INPUT_TENSORS,
        log.OUTPUT_TENSORS,
        "Failed to get input name for model",
    ),
    recovers="next_poll",
    releases="Since 2025.0 outputs without a name are called out_0, out_1 … and only inputs matter.",
    see_also=("OVD331", "OVD332"),
    example=Example("an input without names", "model.inputs[0].tensor.set_names({'x'})"),
)

OPENVINO_REFUSES = Code(
    code="OVD341",
    name="openvino-refuses",
    severity="error",
    summary="OpenVINO does not read the model, for a reason that only its own text gives",
    remedy=(
        "Read OpenVINO's last line. Often the model needs a newer OpenVINO than this release has, or "
        "an operation that OpenVINO does not convert: convert the model with ovc, on a machine where "
        "it tells more."
    ),
    log=(
        log.READ_FAILED,
        NOT_CONVERTED,
        "Model wasn't fully converted",
        "FrontEnd API failed with OpConversionFailure",
        "Incorrect port name specified: {port}",
        NOT_A_SAVED_MODEL,
    ),
    recovers="next_poll",
    releases=(
        "What OpenVINO reads differs from release to release. The text here is that of the OpenVINO "
        "at hand, which the finding names."
    ),
    see_also=("OVD316", "OVD321", "OVD322"),
    example=Example(
        "a model that OpenVINO does not convert", "the same, converted with ovc where that succeeds"
    ),
)

COMPILE_REFUSED = Code(
    code="OVD342",
    name="compile-refused",
    severity="error",
    summary="OpenVINO reads the model, but the device's plugin does not compile it",
    remedy=(
        "Read the end of the message. Compare the device with the line “Available devices for Open "
        "VINO” at start-up; for GPU and NPU use an image with their drivers and pass the device in. "
        "For memory, raise the limit."
    ),
    log=(
        log.COMPILE_FAILED,
        'Device with "{name}" name is not registered in the OpenVINO Runtime',
        "CPU plug-in doesn't support {operation} operation with dynamic rank",
        "Cannot allocate memory for incompatible descriptors",
        "[GPU] Can't get {property} property as no supported devices found",
        "Exceeded max size of memory allocation",
        "std::bad_alloc",
        "Cannot compile model into target device; error:",
    ),
    releases=(
        "What a plugin compiles differs from release to release. Since 2026.3 a model without "
        "target_device goes to a GPU where one is found; before, to the CPU."
    ),
    see_also=("OVD341", "OVD343"),
    example=Example('"target_device": "cpu"', '"target_device": "CPU"'),
)

RUNTIME_CRASH = Code(
    code="OVD343",
    name="runtime-crash",
    severity="error",
    summary="OpenVINO crashes while it reads or compiles the model",
    remedy=(
        "Take the model out of the configuration, and restart the server. Export it again, or use "
        "another release: most of these crashes come from one operation and one range of releases."
    ),
    recovers="restart",
    releases=(
        "Differs from release to release: the crash was seen with the OpenVINO at hand, which the "
        "finding names."
    ),
    see_also=("OVD118", "OVD905"),
    example=Example("models: a, crashing, b", "models: a, b"),
)

SAVED_MODEL_PATH_CUT = Code(
    code="OVD344",
    name="saved-model-path-cut",
    severity="error",
    summary=(
        "The server cuts the model's path at the first “saved_model.pb” in it, and that is not where "
        "the model lies"
    ),
    remedy=(
        "Name the file exactly saved_model.pb, and let no directory above it have that in its name. "
        "A frozen graph needs a name that does not end in saved_model.pb."
    ),
    log=(
        log.READ_FAILED,
        CANNOT_OPEN,
    ),
    recovers="next_poll",
    releases=(
        "Since 2023.0. The same in all releases; OpenVINO's own text differs a little from one to the next."
    ),
    see_also=("OVD313",),
    example=Example("m/1/my_saved_model.pb", "m/1/saved_model.pb"),
)

#: By the name of the check that reports them.
CODES: dict[str, tuple[Code, ...]] = {
    "reading": (
        NO_INPUTS,
        NO_OUTPUTS,
        UNNAMED_TENSOR,
        OPENVINO_REFUSES,
        COMPILE_REFUSED,
        RUNTIME_CRASH,
        SAVED_MODEL_PATH_CUT,
    ),
}
