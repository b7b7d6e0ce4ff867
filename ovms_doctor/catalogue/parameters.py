"""Entries on model parameters that the server refuses, ignores, or finds not to fit the model."""

from __future__ import annotations

from ovms_doctor.model import server_log as log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.openvino_log import RUNTIME_TEXT

PARAMETER_MALFORMED = Code(
    code="OVD421",
    name="parameter-malformed",
    severity="error",
    summary="A model parameter is written in a form that the server does not take",
    remedy=(
        "Write the parameter in the server's form: layout NCHW or NHWC:NCHW, shape (1,3,224,224), "
        'plugin_config an object such as {"NUM_STREAMS": "2"}.'
    ),
    log=(
        log.ENTRY_REFUSED,
        log.SHAPE_UNPARSABLE,
        log.LAYOUT_UNPARSABLE,
        log.PREPROCESSING_UNPARSABLE,
        log.PLUGIN_CONFIG_UNPARSABLE,
        log.LOW_LATENCY_NOT_STATEFUL,
        log.CLEANUP_NOT_STATEFUL,
        log.SEQUENCES_NOT_STATEFUL,
        log.MAX_SEQUENCE_TOO_HIGH,
        "Parsing model shape string",
        "Invalid color format configuration string",
    ),
    recovers="config_change",
    releases=(
        "mean, scale, color_format and precision since 2026.0, on the command line only. The keys of "
        "stateful models until 2026.2."
    ),
    see_also=("OVD423", "OVD404"),
    example=Example('"layout": "XYZ"', '"layout": "NCHW"'),
)

PLUGIN_KEY_UNSUPPORTED = Code(
    code="OVD422",
    name="plugin-key-unsupported",
    severity="error",
    summary="plugin_config has a key that no plugin of the target device lists",
    remedy=(
        "Take the key out, correct its spelling, or name the device that has it. AUTO has few keys "
        "of its own: AUTO:CPU takes those of CPU too. CACHE_DIR is none of CPU's; use --cache_dir."
    ),
    log=(
        log.PLUGIN_KEY_UNKNOWN,
        log.PLUGIN_KEYS_UNSUPPORTED,
    ),
    recovers="config_change",
    releases=(
        "Since 2022.2; before, the key fails when the model is compiled. Which keys a plugin lists "
        "differs from release to release. ENABLE_MMAP is always allowed since 2025.0."
    ),
    see_also=("OVD433", "OVD432"),
    example=Example('"plugin_config": {"NUM_STREAM": "2"}', '"plugin_config": {"NUM_STREAMS": "2"}'),
)

PARAMETER_IGNORED = Code(
    code="OVD423",
    name="parameter-ignored",
    severity="warning",
    summary="A model parameter has no effect",
    remedy="Correct the value, or take it out.",
    log=(
        log.SHAPE_IGNORED,
        log.BATCH_IGNORED,
        log.BOTH_SHAPE_AND_BATCH,
        log.LOADER_OPTIONS_UNPARSABLE,
        log.SHAPE_NAME_FORBIDDEN,
        log.POLICY_ITEM,
        "Parsing dimension string",
    ),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD421", "OVD425"),
    example=Example('"shape": "(1,3,a)"', '"shape": "(1,3,224)"'),
)

PARAMETER_DEPRECATED = Code(
    code="OVD424",
    name="parameter-deprecated",
    severity="info",
    summary="A model parameter is deprecated",
    remedy=(
        "Instead of auto give dynamic dimensions, such as (-1,3,224,224); instead of a key of old "
        "the one that the warning names."
    ),
    log=(
        log.BATCH_AUTO_DEPRECATED,
        log.SHAPE_AUTO_DEPRECATED,
        "plugin config key is deprecated. Use",
    ),
    releases="auto since 2023.3, the keys since 2022.3.",
    see_also=("OVD423",),
    example=Example('"shape": "auto"', '"shape": "(-1,3,224,224)"'),
)

TENSOR_NAME_UNKNOWN = Code(
    code="OVD425",
    name="tensor-name-unknown",
    severity="error",
    summary="shape or layout names an input or output that the model does not have",
    remedy=(
        "Use the model's own name, or the one of mapping_config.json where it maps the tensor. A "
        "change in config.json is taken up by itself; a server started with --model_path is started "
        "again."
    ),
    log=(
        log.NAME_UNKNOWN,
        log.VALIDATION_FAILED,
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
    remedy=(
        "Use the name that mapping_config.json gives. A change in config.json is taken up by itself; "
        "a server started with --model_path is started again."
    ),
    log=(
        log.NAME_MAPPED,
        log.VALIDATION_FAILED,
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
    summary="A shape or layout without a name meets a model with several inputs",
    remedy=(
        'Give an object with the names of the inputs: "shape": {"a": "(1,4)", "b": "(1,4)"}. A '
        "change in config.json is taken up by itself; a server started with --model_path is started "
        "again."
    ),
    log=(
        log.ANONYMOUS_SHAPE,
        log.ANONYMOUS_LAYOUT,
        log.VALIDATION_FAILED,
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
    summary="The model cannot be given the shape that is asked for",
    remedy=(
        "Ask for a shape that the model's operations allow: often only the batch can change. A "
        "change in config.json is taken up by itself; a server started with --model_path is started "
        "again."
    ),
    log=(
        log.RESHAPE_REFUSED,
        log.INPUT_TENSORS,
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
    summary="The model cannot be given the batch size that is asked for",
    remedy=(
        "Take batch_size out, or say with layout where the batch is. A change in config.json is "
        "taken up by itself; a server started with --model_path is started again."
    ),
    log=(
        log.EXCEPTION_LOADING,
        log.SCALAR_AUTO,
        log.INPUT_TENSORS,
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
    remedy=(
        "Give as many letters as the input has dimensions. A change in config.json is taken up by "
        "itself; a server started with --model_path is started again."
    ),
    log=(
        log.LAYOUT_REFUSED,
        log.BUILD_REFUSED,
        log.BUILD_REFUSED_OLD,
        log.LAYOUT_FAILED,
        log.LAYOUT_FAILED_OLD,
        log.LAYOUT_INCOMPATIBLE,
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
    remedy=(
        "Give --layout with the channels, and as many numbers as there are channels. The server is "
        "started again."
    ),
    log=(
        log.PREPROCESSING_REFUSED,
        log.PREPROCESSING_FAILED,
        log.BUILD_REFUSED,
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
    summary="OpenVINO does not know the target device, or the machine does not have it",
    remedy=(
        "Write devices in capitals: CPU, GPU, NPU, AUTO, AUTO:GPU,CPU. Give a container its devices "
        "with --device. A change in config.json is taken up by itself; a server started with "
        "--model_path is started again."
    ),
    log=(
        'Device with "{device}" name is not registered in the OpenVINO Runtime',
        "property as no supported devices found or an error happened during devices query",
    ),
    recovers="config_change",
    releases=(
        "Without target_device the server takes CPU until 2026.2; since 2026.3 a GPU, if there is "
        "one. An empty target_device is no device until 2026.2."
    ),
    see_also=("OVD433", "OVD342"),
    example=Example('"target_device": "cpu"', '"target_device": "CPU"'),
)

PLUGIN_VALUE_REFUSED = Code(
    code="OVD433",
    name="plugin-value-refused",
    severity="error",
    summary="The device's plugin refuses a value of plugin_config",
    remedy=(
        "Correct the value as OpenVINO's last line says. A change in config.json is taken up by "
        "itself; a server started with --model_path is started again."
    ),
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
    remedy=(
        "Give at most 100000, or 0 for OpenVINO's own choice. A change in config.json is taken up by "
        "itself; a server started with --model_path is started again."
    ),
    log=(log.NIREQ_TOO_HIGH,),
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
    remedy=(
        "Give a fixed shape. A change in config.json is taken up by itself; a server started with "
        "--model_path is started again."
    ),
    log=(log.STATEFUL_DYNAMIC,),
    recovers="config_change",
    releases=(
        "Until 2026.2. Since 2026.3 there are no stateful models, and the key makes config.json invalid."
    ),
    see_also=("OVD424", "OVD404"),
    example=Example('"stateful": true, "shape": "auto"', '"stateful": true, "shape": "(1,3)"'),
)

#: By the name of the check that reports them.
CODES: dict[str, tuple[Code, ...]] = {
    "parameters": (
        PARAMETER_MALFORMED,
        PLUGIN_KEY_UNSUPPORTED,
        PARAMETER_IGNORED,
        PARAMETER_DEPRECATED,
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
    ),
}
