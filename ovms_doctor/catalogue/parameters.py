"""Entries on model parameters that the server refuses, ignores, or finds not to fit the model."""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code
from ovms_doctor.catalogue.wording import ALL, LOAD_FAILS, RUNTIME_TEXT
from ovms_doctor.model import server_log as log

_RELOAD = (
    "A change in config.json is taken up by itself; a server started with --model_path is started again."
)

CODES: tuple[Code, ...] = (
    Code(
        "OVD421",
        "parameter-malformed",
        "error",
        "parameters",
        "A model parameter is written in a form that the server does not take",
        "In config.json this entry alone is left out: the server starts, answers 200 to /v2/health/ready, and "
        "knows nothing of the name. On the command line the process ends with exit code 1. A malformed shape or "
        "batch size in config.json is only ignored, see OVD423.",
        "Write the parameter in the server's form: layout NCHW or NHWC:NCHW, shape (1,3,224,224), plugin_config "
        'an object such as {"NUM_STREAMS": "2"}.',
        "config_change",
        (
            log.ENTRY_REFUSED,
            log.SHAPE_UNPARSABLE,
            log.LAYOUT_UNPARSABLE,
            log.PREPROCESSING_UNPARSABLE,
            log.PLUGIN_CONFIG_UNPARSABLE,
            log.LOW_LATENCY_NOT_STATEFUL,
            log.CLEANUP_NOT_STATEFUL,
            log.SEQUENCES_NOT_STATEFUL,
            log.MAX_SEQUENCE_TOO_HIGH,
        ),
        ("Parsing model shape string", "Invalid color format configuration string"),
        releases="mean, scale, color_format and precision since 2026.0, on the command line only. The keys of "
        "stateful models until 2026.2.",
        see_also=("OVD423", "OVD404"),
    ),
    Code(
        "OVD422",
        "plugin-key-unsupported",
        "error",
        "parameters",
        "plugin_config has a key that no plugin of the target device lists",
        "Started with --model_path, the process ends with exit code 1. With --config_path the server gives up "
        "the list at this entry: it and every entry behind it are left out, and /v2/health/ready still answers "
        "200. On a change while the server runs, the models behind it are unloaded.",
        "Take the key out, correct its spelling, or name the device that has it. AUTO has few keys of its own: "
        "AUTO:CPU takes those of CPU too. CACHE_DIR is none of CPU's; use --cache_dir.",
        "config_change",
        (log.PLUGIN_KEY_UNKNOWN, log.PLUGIN_KEYS_UNSUPPORTED),
        releases="Since 2022.2; before, the key fails when the model is compiled. Which keys a plugin lists "
        "differs from release to release. ENABLE_MMAP is always allowed since 2025.0.",
        see_also=("OVD433", "OVD432"),
    ),
    Code(
        "OVD423",
        "parameter-ignored",
        "warning",
        "parameters",
        "A model parameter has no effect",
        "The server writes a warning, or nothing, and loads the model as if the parameter were not there: a "
        "malformed shape or batch size in config.json, a batch size beside a shape, a shape under a name "
        "that is not the first of the input's names, a number in a version policy that is none; until 2022.3 a "
        "version policy in config.json that is not understood.",
        "Correct the value, or take it out.",
        "config_change",
        (
            log.SHAPE_IGNORED,
            log.BATCH_IGNORED,
            log.BOTH_SHAPE_AND_BATCH,
            log.LOADER_OPTIONS_UNPARSABLE,
            log.SHAPE_NAME_FORBIDDEN,
            log.POLICY_ITEM,
        ),
        ("Parsing dimension string",),
        releases=ALL,
        see_also=("OVD421", "OVD425"),
    ),
    Code(
        "OVD424",
        "parameter-deprecated",
        "info",
        "parameters",
        "A model parameter is deprecated",
        "It still works. Shape and batch size auto reload the model for each new shape of a request; "
        "plugin_config keys of old are given to OpenVINO under their present names.",
        "Instead of auto give dynamic dimensions, such as (-1,3,224,224); instead of a key of old the one that the "
        "warning names.",
        None,
        (log.BATCH_AUTO_DEPRECATED, log.SHAPE_AUTO_DEPRECATED),
        ("plugin config key is deprecated. Use",),
        releases="auto since 2023.3, the keys since 2022.3.",
        see_also=("OVD423",),
    ),
    Code(
        "OVD425",
        "tensor-name-unknown",
        "error",
        "parameters",
        "shape or layout names an input or output that the model does not have",
        "The model is read, and the server refuses it. " + LOAD_FAILS,
        "Use the model's own name, or the one of mapping_config.json where it maps the tensor. " + _RELOAD,
        "config_change",
        (log.NAME_UNKNOWN, log.VALIDATION_FAILED),
        releases=ALL,
        see_also=("OVD426", "OVD462"),
    ),
    Code(
        "OVD426",
        "tensor-name-mapped",
        "error",
        "parameters",
        "shape or layout uses a tensor's own name where mapping_config.json gives it another",
        "Once a tensor is mapped, only the name for clients counts in shape and layout. " + LOAD_FAILS,
        "Use the name that mapping_config.json gives. " + _RELOAD,
        "config_change",
        (log.NAME_MAPPED, log.VALIDATION_FAILED),
        releases=ALL,
        see_also=("OVD425", "OVD461"),
    ),
    Code(
        "OVD427",
        "parameter-for-one-input",
        "error",
        "parameters",
        "A shape or layout without a name meets a model with several inputs",
        "The server cannot tell which input is meant. " + LOAD_FAILS,
        'Give an object with the names of the inputs: "shape": {"a": "(1,4)", "b": "(1,4)"}. ' + _RELOAD,
        "config_change",
        (log.ANONYMOUS_SHAPE, log.ANONYMOUS_LAYOUT, log.VALIDATION_FAILED),
        releases=ALL,
        see_also=("OVD425",),
    ),
    Code(
        "OVD428",
        "shape-refused",
        "error",
        "parameters",
        "The model cannot be given the shape that is asked for",
        "OpenVINO does not reshape the model; the reason is in the server's log at level DEBUG only. "
        + LOAD_FAILS,
        "Ask for a shape that the model's operations allow: often only the batch can change. " + _RELOAD,
        "config_change",
        (log.RESHAPE_REFUSED, log.INPUT_TENSORS),
        releases=RUNTIME_TEXT,
        see_also=("OVD427", "OVD429"),
    ),
    Code(
        "OVD429",
        "batch-size-refused",
        "error",
        "parameters",
        "The model cannot be given the batch size that is asked for",
        "OpenVINO finds no batch in the inputs' layouts, or an operation does not allow it; auto does not go "
        "with an input that is a scalar. " + LOAD_FAILS,
        "Take batch_size out, or say with layout where the batch is. " + _RELOAD,
        "config_change",
        (log.EXCEPTION_LOADING, log.SCALAR_AUTO, log.INPUT_TENSORS),
        ("Failed to set batch size to", "Possible reasons are:"),
        releases=RUNTIME_TEXT,
        see_also=("OVD428", "OVD430"),
    ),
    Code(
        "OVD430",
        "layout-refused",
        "error",
        "parameters",
        "The layout does not fit the model's inputs",
        "A layout has one letter for each dimension; ... stands for any number of them. What is left of the colon "
        "is what clients send, what is right of it is the model's own. " + LOAD_FAILS,
        "Give as many letters as the input has dimensions. " + _RELOAD,
        "config_change",
        (
            log.LAYOUT_REFUSED,
            log.BUILD_REFUSED,
            log.BUILD_REFUSED_OLD,
            log.LAYOUT_FAILED,
            log.LAYOUT_FAILED_OLD,
            log.LAYOUT_INCOMPATIBLE,
        ),
        ("Can't set layout for Parameter/Result", "Layout is not consistent with input shape"),
        releases="Until 2025.4 the server does not give OpenVINO's reason.",
        see_also=("OVD427", "OVD421"),
    ),
    Code(
        "OVD431",
        "preprocessing-refused",
        "error",
        "parameters",
        "mean, scale, color_format or precision cannot be applied to the model's input",
        "They are for models with one input only. A list of numbers needs a layout with C and one number for each "
        "channel. " + LOAD_FAILS,
        "Give --layout with the channels, and as many numbers as there are channels. The server is started again.",
        "restart",
        (log.PREPROCESSING_REFUSED, log.PREPROCESSING_FAILED, log.BUILD_REFUSED),
        releases="Since 2026.0, on the command line only.",
        see_also=("OVD430", "OVD421"),
    ),
    Code(
        "OVD432",
        "device-not-available",
        "error",
        "parameters",
        "OpenVINO does not know the target device, or the machine does not have it",
        "The server does not check the name: the model is read and prepared first, and then cannot be compiled. "
        + LOAD_FAILS,
        "Write devices in capitals: CPU, GPU, NPU, AUTO, AUTO:GPU,CPU. Give a container its devices with "
        "--device. " + _RELOAD,
        "config_change",
        (),
        (
            'Device with "{device}" name is not registered in the OpenVINO Runtime',
            "property as no supported devices found or an error happened during devices query",
        ),
        releases="Without target_device the server takes CPU until 2026.2; since 2026.3 a GPU, if there is one. "
        "An empty target_device is no device until 2026.2.",
        see_also=("OVD433", "OVD342"),
    ),
    Code(
        "OVD433",
        "plugin-value-refused",
        "error",
        "parameters",
        "The device's plugin refuses a value of plugin_config",
        "The server checks keys, not values: the plugin refuses when the model is compiled. " + LOAD_FAILS,
        "Correct the value as OpenVINO's last line says. " + _RELOAD,
        "config_change",
        (),
        ("Wrong value for property key {key}", "Could not read number of streams from str"),
        releases=RUNTIME_TEXT,
        see_also=("OVD422", "OVD342"),
    ),
    Code(
        "OVD434",
        "too-many-requests",
        "error",
        "parameters",
        "nireq is above 100000",
        "The model is compiled first and then given up. " + LOAD_FAILS,
        "Give at most 100000, or 0 for OpenVINO's own choice. " + _RELOAD,
        "config_change",
        (log.NIREQ_TOO_HIGH,),
        releases=ALL,
        see_also=("OVD421",),
    ),
    Code(
        "OVD435",
        "stateful-dynamic",
        "error",
        "parameters",
        "A stateful model has shape or batch size auto",
        "No version is tried, and nothing is served under the name. Started with --model_path, the process ends "
        "with exit code 1.",
        "Give a fixed shape. " + _RELOAD,
        "config_change",
        (log.STATEFUL_DYNAMIC,),
        releases="Until 2026.2. Since 2026.3 there are no stateful models, and the key makes config.json invalid.",
        see_also=("OVD424", "OVD404"),
    ),
)
