"""Parameters that do not fit the model: the load of the version fails."""

from __future__ import annotations

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.openvino_report import quote_openvino
from ovms_doctor.checks.parameters.device_failure import describe_device_failure, device_reason
from ovms_doctor.checks.parameters.hints import as_argument, correct_value, device_hint
from ovms_doctor.checks.parameters.text import describe_tensors, locate_parameter, show_parameter
from ovms_doctor.model import server_log
from ovms_doctor.model.causes import ParameterRefused
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import Finding, Step
from ovms_doctor.model.openvino_log import RUNTIME_TEXT
from ovms_doctor.model.parameters import UNJUDGED
from ovms_doctor.model.plan import Attempt, ModelPlan

#: How the server applies a change of these parameters.
_RELOAD = "The server applies a change in config.json by itself. Restart a server that was started with --model_path."

TENSOR_NAME_UNKNOWN = Code(
    code="OVD425",
    name="tensor-name-unknown",
    severity="error",
    summary="shape or layout names an input or output that the model does not have",
    remedy=f"Use the model's own name, or the one of mapping_config.json where it maps the tensor. {_RELOAD}",
    log=(
        server_log.NAME_UNKNOWN,
        server_log.VALIDATION_FAILED,
    ),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD426", "OVD462"),
    example=Example('"shape": {"input": "(2,3)"}', '"shape": {"x": "(2,3)"}'),
)

TENSOR_NAME_MAPPED = Code(
    code="OVD426",
    name="tensor-name-mapped",
    severity="error",
    summary="shape or layout uses a tensor's own name where mapping_config.json gives it another",
    remedy=f"Use the name that mapping_config.json gives. {_RELOAD}",
    log=(
        server_log.NAME_MAPPED,
        server_log.VALIDATION_FAILED,
    ),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD425", "OVD461"),
    example=Example(
        'm/1/mapping_config.json: {"inputs": {"x": "image"}}\n"shape": {"x": "(2,3)"}',
        'm/1/mapping_config.json: {"inputs": {"x": "image"}}\n"shape": {"image": "(2,3)"}',
    ),
)

PARAMETER_FOR_ONE_INPUT = Code(
    code="OVD427",
    name="parameter-for-one-input",
    severity="error",
    summary="A shape or layout names no input, but the model has several",
    remedy='Give an object with the names of the inputs: "shape": {"a": "(1,4)", "b": "(1,4)"}. ' + _RELOAD,
    log=(
        server_log.ANONYMOUS_SHAPE,
        server_log.ANONYMOUS_LAYOUT,
        server_log.VALIDATION_FAILED,
    ),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD425",),
    example=Example('"shape": "(1,4)"', '"shape": {"a": "(1,4)", "b": "(1,4)"}'),
)

SHAPE_REFUSED = Code(
    code="OVD428",
    name="shape-refused",
    severity="error",
    summary="OpenVINO cannot give the model the configured shape",
    remedy=f"Use a shape that the model's operations allow: often only the batch can change. {_RELOAD}",
    log=(
        server_log.RESHAPE_REFUSED,
        server_log.INPUT_TENSORS,
    ),
    recovers="config_change",
    releases=RUNTIME_TEXT,
    see_also=("OVD427", "OVD429"),
    example=Example('"shape": "(1,3,1)"', '"shape": "(2,3)"'),
)

BATCH_SIZE_REFUSED = Code(
    code="OVD429",
    name="batch-size-refused",
    severity="error",
    summary="OpenVINO cannot give the model the configured batch size",
    remedy=f"Remove batch_size, or mark the batch with layout. {_RELOAD}",
    log=(
        server_log.EXCEPTION_LOADING,
        server_log.SCALAR_AUTO,
        server_log.INPUT_TENSORS,
        "Failed to set batch size to",
        "Possible reasons are:",
    ),
    recovers="config_change",
    releases=RUNTIME_TEXT,
    see_also=("OVD428", "OVD430"),
    example=Example('"batch_size": "auto", an input that is a scalar', "no batch_size"),
)

LAYOUT_REFUSED = Code(
    code="OVD430",
    name="layout-refused",
    severity="error",
    summary="The layout does not fit the model's inputs",
    remedy=f"Give as many letters as the input has dimensions. {_RELOAD}",
    log=(
        server_log.LAYOUT_REFUSED,
        server_log.BUILD_REFUSED,
        server_log.BUILD_REFUSED_OLD,
        server_log.LAYOUT_FAILED,
        server_log.LAYOUT_FAILED_OLD,
        server_log.LAYOUT_INCOMPATIBLE,
        "Can't set layout for Parameter/Result",
        "Layout is not consistent with input shape",
    ),
    recovers="config_change",
    releases="Until 2025.4 the server does not give OpenVINO's reason.",
    see_also=("OVD427", "OVD421"),
    example=Example('"layout": "NHWC:NCHW", an input of two dimensions', '"layout": "NC"'),
)

PREPROCESSING_REFUSED = Code(
    code="OVD431",
    name="preprocessing-refused",
    severity="error",
    summary="mean, scale, color_format or precision cannot be applied to the model's input",
    remedy="Give --layout with the channels, and as many numbers as there are channels. Restart the server.",
    log=(
        server_log.PREPROCESSING_REFUSED,
        server_log.PREPROCESSING_FAILED,
        server_log.BUILD_REFUSED,
    ),
    recovers="restart",
    releases="Since 2026.0, on the command line only.",
    see_also=("OVD430", "OVD421"),
    example=Example("--mean '[1,2,3]', a model with two inputs", "no --mean"),
)

DEVICE_NOT_AVAILABLE = Code(
    code="OVD432",
    name="device-not-available",
    severity="error",
    summary="OpenVINO does not support the target device, or the machine does not have it",
    remedy=(
        "Write devices in upper case: CPU, GPU, NPU, AUTO, AUTO:GPU,CPU. "
        f"Give a container its devices with --device. {_RELOAD}"
    ),
    log=(
        'Device with "{device}" name is not registered in the OpenVINO Runtime',
        "property as no supported devices found or an error happened during devices query",
    ),
    recovers="config_change",
    releases=(
        "Without target_device the server uses the CPU until 2026.2; since 2026.3 it uses a GPU, if there "
        "is one. Until 2026.2 the load fails with an empty target_device."
    ),
    see_also=("OVD433", "OVD342"),
    example=Example('"target_device": "cpu"', '"target_device": "CPU"'),
)

PLUGIN_VALUE_REFUSED = Code(
    code="OVD433",
    name="plugin-value-refused",
    severity="error",
    summary="The device's plugin refuses a value of plugin_config",
    remedy=f"Correct the value; OpenVINO's last line gives the reason. {_RELOAD}",
    log=(
        "Wrong value for property key {key}",
        "Could not read number of streams from str",
    ),
    recovers="config_change",
    releases=RUNTIME_TEXT,
    see_also=("OVD422", "OVD342"),
    example=Example('"plugin_config": {"NUM_STREAMS": "two"}', '"plugin_config": {"NUM_STREAMS": "2"}'),
)

TOO_MANY_REQUESTS = Code(
    code="OVD434",
    name="too-many-requests",
    severity="error",
    summary="nireq is above 100000",
    remedy=f"Give at most 100000, or 0 for OpenVINO's own choice. {_RELOAD}",
    log=(server_log.NIREQ_TOO_HIGH,),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD421",),
    example=Example('"nireq": 1000000', '"nireq": 0'),
)

STATEFUL_DYNAMIC = Code(
    code="OVD435",
    name="stateful-dynamic",
    severity="error",
    summary="A stateful model has shape or batch size auto",
    remedy=f"Give a fixed shape. {_RELOAD}",
    log=(server_log.STATEFUL_DYNAMIC,),
    recovers="config_change",
    releases=(
        "Until 2026.2. Since 2026.3 there are no stateful models, and the key makes config.json invalid."
    ),
    see_also=("OVD424", "OVD404"),
    example=Example('"stateful": true, "shape": "auto"', '"stateful": true, "shape": "(1,3)"'),
)


_CODE_OF = {
    "unknown_tensor": TENSOR_NAME_UNKNOWN,
    "mapped": TENSOR_NAME_MAPPED,
    "anonymous": PARAMETER_FOR_ONE_INPUT,
    "reshape": SHAPE_REFUSED,
    "batch": BATCH_SIZE_REFUSED,
    "scalar": BATCH_SIZE_REFUSED,
    "layout": LAYOUT_REFUSED,
    "build": LAYOUT_REFUSED,
    "rank": LAYOUT_REFUSED,
    "preprocessing": PREPROCESSING_REFUSED,
    "device": DEVICE_NOT_AVAILABLE,
    "compile": PLUGIN_VALUE_REFUSED,
    "too_high": TOO_MANY_REQUESTS,
}


CODES = (
    TENSOR_NAME_UNKNOWN,
    TENSOR_NAME_MAPPED,
    PARAMETER_FOR_ONE_INPUT,
    SHAPE_REFUSED,
    BATCH_SIZE_REFUSED,
    LAYOUT_REFUSED,
    PREPROCESSING_REFUSED,
    DEVICE_NOT_AVAILABLE,
    PLUGIN_VALUE_REFUSED,
    TOO_MANY_REQUESTS,
    STATEFUL_DYNAMIC,
)


def finding_on_version(
    context: Context, model: ModelPlan, attempt: Attempt, cause: ParameterRefused
) -> Finding:
    """Returns the finding on a version whose load fails because of a parameter."""
    parameter_text = show_parameter(model.entry, cause.parameter)
    device = "" if model.parameters is None else model.parameters.device.text
    verdict = UNJUDGED if model.parameters is None else model.parameters.verdict
    reason = device_reason(device, verdict)
    messages = {
        "unknown_tensor": f"{parameter_text}: the model has no input or output with the name {cause.tensor}",
        "mapped": f"{parameter_text}: mapping_config.json maps {cause.tensor} to {cause.alias}, and only that name "
        "counts",
        "anonymous": f"{parameter_text} is for one input, but the model has several",
        "reshape": f"{parameter_text}: OpenVINO cannot give the model this shape",
        "batch": f"{parameter_text}: OpenVINO cannot give the model this batch size",
        "scalar": f"{parameter_text}: the input {cause.tensor} is a scalar, which has no batch",
        "layout": f"{parameter_text}: OpenVINO does not accept this layout",
        "build": f"{parameter_text} does not fit "
        + (f"the shape of {cause.tensor}" if cause.tensor else "the model's inputs"),
        "rank": f"{parameter_text} does not fit the shape of {cause.tensor}",
        "preprocessing": f"{parameter_text}: OpenVINO cannot apply this preprocessing to the input",
        "device": f"The model cannot be compiled for the device “{device}”{f': {reason}' if reason else ''}",
        "compile": f"{parameter_text}: the device's plugin refuses it",
        "too_high": f"{parameter_text} is more than the server accepts: 100000",
    }
    inside = cause.tensor if cause.reason in ("unknown_tensor", "mapped", "scalar", "rank") else ""
    position, evidence, at = locate_parameter(context, model.entry, cause.parameter, inside)
    evidence += describe_tensors(attempt)
    if cause.report is not None and cause.report.message:
        evidence += quote_openvino(cause.report)
    elif cause.reason == "device":
        evidence += describe_device_failure(device, verdict)
    hint = (
        device_hint(device, verdict)
        if cause.reason == "device"
        else correct_value(model.entry, attempt, cause)
    )
    if model.entry.parameters.source == "arguments":
        hint = as_argument(hint)
    return context.of_attempt(
        _CODE_OF[cause.reason],
        position + messages[cause.reason],
        model,
        attempt,
        path=cause.path,
        at=at,
        evidence=evidence,
        recovers="restart" if context.single else "config_change",
        steps=(Step(hint),) if hint else (),
    )


def finding_on_stateful_model(context: Context, model: ModelPlan) -> Finding:
    """Returns the finding on a stateful model whose shape or batch size is auto: the server tries none of its
    versions."""
    automatic = "batch_size" if model.entry.parameters.get("shape") is None else "shape"
    position, evidence, at = locate_parameter(context, model.entry, automatic)
    return context.finding(
        STATEFUL_DYNAMIC,
        f"{position}A stateful model cannot have shape or batch_size auto",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        detail=context.failure_effect(model),
        log=model.detection.log,
        at=at,
        evidence=evidence,
        recovers="restart" if context.single else "config_change",
    )
