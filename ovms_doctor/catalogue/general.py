"""Messages of the server that name no cause: what they mean, and which codes may be behind them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model import server_log as log

Level: TypeAlias = Literal["version", "start"]


class GeneralMessage(Struct, frozen=True):
    """One such message. ``texts``: templates as in :mod:`ovms_doctor.model.server_log`, the whole message first.

    ``codes``: what may be behind it. ``status``: for a message with a ``{status}``, whether that is one
    version's load or the whole start; the codes then follow from it.
    """

    name: str
    texts: tuple[str, ...]
    meaning: str
    codes: tuple[str, ...] = ()
    status: Level | None = None


#: OpenVINO's refusals to read a model: one status for all of them.
_READ = (
    "OVD203 OVD301 OVD302 OVD303 OVD304 OVD305 OVD306 OVD307 OVD308 OVD311 OVD312 OVD313 OVD315 OVD316 "
    "OVD318 OVD321 OVD322 OVD323 OVD324 OVD341 OVD344"
)
_VERSION = {
    "PATH_INVALID": "OVD103 OVD201 OVD202",
    "FILE_INVALID": "OVD111 OVD112",
    "INTERNAL_ERROR": _READ,
    "OV_NO_INPUTS": "OVD331",
    "OV_NO_OUTPUTS": "OVD332",
    "UNKNOWN_ERROR": "OVD333 OVD430 OVD431",
    "CANNOT_COMPILE_MODEL_INTO_TARGET_DEVICE": "OVD342 OVD432 OVD433 OVD503 OVD504 OVD505 OVD506 OVD731",
    "MODEL_NOT_LOADED": "OVD430 OVD429 OVD431",
    "RESHAPE_ERROR": "OVD428",
    "ANONYMOUS_FIXED_SHAPE_NOT_ALLOWED": "OVD427",
    "ANONYMOUS_FIXED_LAYOUT_NOT_ALLOWED": "OVD427",
    "CONFIG_SHAPE_IS_NOT_IN_MODEL": "OVD425",
    "CONFIG_LAYOUT_IS_NOT_IN_MODEL": "OVD425",
    "CONFIG_SHAPE_MAPPED_BUT_USED_REAL_NAME": "OVD426",
    "CONFIG_LAYOUT_MAPPED_BUT_USED_REAL_NAME": "OVD426",
    "LAYOUT_INCOMPATIBLE_WITH_SHAPE": "OVD430",
    "MODEL_WITH_SCALAR_AUTO_UNSUPPORTED": "OVD429",
    "INVALID_NIREQ": "OVD434",
}
_START = {
    **_VERSION,
    "PATH_INVALID": "OVD106 OVD103 OVD107 OVD109 OVD110 OVD201 OVD202",
    "FILE_INVALID": "OVD111 OVD108 OVD112",
    "CONFIG_FILE_INVALID": "OVD405 OVD205",
    "JSON_INVALID": "OVD404 OVD403",
    "SHAPE_WRONG_FORMAT": "OVD421",
    "LAYOUT_WRONG_FORMAT": "OVD421",
    "FLOAT_WRONG_FORMAT": "OVD421",
    "COLOR_FORMAT_WRONG_FORMAT": "OVD421",
    "PRECISION_WRONG_FORMAT": "OVD421",
    "PLUGIN_CONFIG_WRONG_FORMAT": "OVD421",
    "MODEL_CONFIG_INVALID": "OVD422",
    "REQUESTED_DYNAMIC_PARAMETERS_ON_STATEFUL_MODEL": "OVD435",
    "MODEL_VERSION_POLICY_WRONG_FORMAT": "OVD407",
    "MODEL_VERSION_POLICY_UNSUPPORTED_KEY": "OVD407",
}


def _by_text(table: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({log.STATUS_TEXT[key]: tuple(codes.split()) for key, codes in table.items()})


#: The text of a status → the codes that end in it, likeliest first.
BY_STATUS: Mapping[Level, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"version": _by_text(_VERSION), "start": _by_text(_START)}
)

_CAUSE_BEFORE = "The cause is in the error that was logged just before it"
_CHANGE = 'STATUS CHANGE: Version {version} of model {model} status change. New status: ( "state": '


def _change(state: str, error_code: str) -> tuple[str, ...]:
    pair = f'"state": "{state}", "error_code": "{error_code}"'
    return (_CHANGE + pair.removeprefix('"state": ') + " )", pair)


GENERAL: tuple[GeneralMessage, ...] = (
    GeneralMessage(
        "version-failed",
        (log.VERSION_FAILED.text,),
        f"The load of one version failed. {_CAUSE_BEFORE}; the status at its end only names the class.",
        status="version",
    ),
    GeneralMessage(
        "versions-failed",
        (
            log.VERSIONS_FAILED.text,
            "Error occurred while reloading model: {model}; versions; error: {status}",
        ),
        "The sum over a model's versions: at least one that is asked for does not load. Other versions may "
        "serve. "
        f"{_CAUSE_BEFORE} and before the message on the single version.",
        status="version",
    ),
    GeneralMessage(
        "error-while-loading-version",
        ("Error occurred while loading version",),
        "OVMS's troubleshooting page names this text, but no release logs it word for word. What is logged "
        "is “Error occurred while loading model: NAME; version: N; error: STATUS”, and the cause is in the "
        "error before that.",
    ),
    GeneralMessage(
        "start-failed",
        ("ovms::ModelManager::Start() Error: {status}",),
        f"The process ends with exit code 1. {_CAUSE_BEFORE} and before “Couldn't start model manager”; the "
        "status only names the class.",
        status="start",
    ),
    GeneralMessage(
        "model-manager-not-started",
        ("Couldn't start model manager",),
        "The process ends with exit code 1: with --model_path because the one model does not load, with "
        f"--config_path because the configuration file is no good. {_CAUSE_BEFORE}.",
    ),
    GeneralMessage(
        "config-models-failed",
        ("Loading main OVMS config models failed.",),
        "At least one entry of the configuration did not load; the process keeps running and serves the "
        "others. "
        f"{_CAUSE_BEFORE}.",
    ),
    GeneralMessage(
        "loading-failed",
        _change("LOADING", "UNKNOWN"),
        "This version's load failed. It is tried again at every poll for as long as it is asked for. "
        f"{_CAUSE_BEFORE}.",
    ),
    GeneralMessage(
        "loading",
        _change("LOADING", "OK"),
        "This version is being loaded. If it stays so, the load never came back, or an exception ended it "
        "(“Exception occurred while loading model”); then it is not tried again.",
        ("OVD201", "OVD202", "OVD110", "OVD314"),
    ),
    GeneralMessage("available", _change("AVAILABLE", "OK"), "This version is served from now on."),
    GeneralMessage(
        "start",
        _change("START", "OK"),
        "The server has found this version and is about to load it.",
    ),
    GeneralMessage(
        "unloading",
        _change("UNLOADING", "OK"),
        "This version is being unloaded: it is no longer asked for, its directory is gone, or its "
        "configuration changed.",
        ("OVD115",),
    ),
    GeneralMessage(
        "end",
        _change("END", "OK"),
        "This version is unloaded. It stays in the list of /v1/config for as long as the process lives. If "
        "it was the one that stood in for a broken newer version, the model now serves nothing.",
        ("OVD115",),
    ),
    GeneralMessage(
        "default-version-not-found",
        ("Default version: {version} for model: {model} not found",),
        "A consequence, no cause: no version of this model is AVAILABLE, so there is none to answer a "
        "request that "
        f"names no version. Version 0 means that there has been none yet. {_CAUSE_BEFORE}.",
    ),
    GeneralMessage(
        "no-default-version",
        ("Model: {model} will not have default version since no version is available.",),
        "A consequence, no cause: the last version of this model that was AVAILABLE has been unloaded, and "
        "the model serves nothing.",
        ("OVD115",),
    ),
    GeneralMessage(
        "will-unload",
        (
            "Will unload model: {model}; version: {version} ...",
            "Will unload model: {model}; version: {version}",
        ),
        "The version is no longer asked for, or its directory is gone. If no other version became AVAILABLE "
        "before, the model serves nothing from now on.",
        ("OVD115",),
    ),
    GeneralMessage(
        "will-add",
        ("Will add model: {model}; version: {version} ...", "Will add model: {model}; version: {version}"),
        "The server begins to load this version. The same line at every poll means that two directories are "
        "read as one version; without pause, that start-up never ends.",
        ("OVD105", "OVD117"),
    ),
    GeneralMessage(
        "cannot-access-path",
        ("Couldn't access path {what}",),
        "The system's reason for the error that follows. It is logged at --log_level DEBUG only.",
        ("OVD201", "OVD202", "OVD110"),
    ),
    GeneralMessage(
        "load-exception",
        ("exception occurred while loading model: {what}",),
        "An exception after the model was read and before it was compiled: a batch size or layout that the "
        "model does not take, the cache directory, or memory. The text names it. The version ends as "
        "LOADING with the error code UNKNOWN and is tried again at every poll.",
    ),
    GeneralMessage(
        "mapping-ignored",
        (
            log.MAPPING_INVALID.text,
            "Couldn't load {half} object from file {path}",
            "Error while parsing model mapping for model {model}; error: {status}",
        ),
        "mapping_config.json is not as the server wants it: an object with “inputs” and “outputs”, each "
        "from the model's tensor names to the names for clients. What is wrong is ignored and the model is "
        "served, under its own tensor names.",
        ("OVD204",),
    ),
    GeneralMessage(
        "plugin-config-key",
        (
            "Plugin config key: {key} not found in supported config keys for device: {device}.",
            "Plugin config contains unsupported keys",
        ),
        "The device does not know a key of plugin_config (since 2022.2). With --model_path the process ends "
        "with exit code 1. With --config_path this model and all that follow it in the file are not loaded.",
        ("OVD410",),
    ),
    GeneralMessage(
        "model-parameter",
        (
            "Error during configuration validation against model",
            "Config shape - {name} not found in model",
            "Config layout - {name} not found in model",
            "OV does not support reshaping model: {model} with provided shape",
            "Failed to load model:{model}; version:{version}; with batching=AUTO due to existing scalar "
            "input",
            "Parsing model: {model} config failed due to error: {status}",
            "Config shape - {name} is mapped by {mapped}.",
            "Config layout - {name} is mapped by {mapped}.",
            "Anonymous fixed shape is invalid for models with multiple inputs",
            "Layout: {layout}; incompatible with shape: {shape}; for input name: {input}",
            "Cannot change layout",
            "Error during layout",
            "Invalid nireq because its value was too high: {nireq}.",
            "Couldn't parse shape parameter",
            "Couldn't parse layout parameter",
            "parameter was set for non stateful model {model}.",
        ),
        "A parameter of the model (shape, layout, batch_size …) does not fit it. The version does not load; "
        "the text names the parameter.",
        ("OVD410",),
    ),
    GeneralMessage(
        "model-parameter-ignored",
        (
            "There was an error parsing shape {shape}",
            "Parsing dimension string not a number: {text}",
            "Wrong batch size parameter provided. Model batch size will be set to default.",
            "Both shape and batch size have been defined. Batch size parameter will be ignored.",
            "Shape auto is deprecated.",
            "Batch size auto is deprecated.",
        ),
        "A parameter of the model is ignored or out of date; in config.json the model is served without it. "
        "A wrong --shape on the command line ends the process.",
        ("OVD410",),
    ),
    GeneralMessage(
        "policy-item-ignored",
        (
            "Model policy specified in config contains invalid version.",
            "Model policy is invalid. 'versions' item should have a list of numbers as a value",
        ),
        "A version in the policy is no number greater than 0 and is left out. A policy that is empty then "
        "asks for nothing.",
        ("OVD401", "OVD407"),
    ),
    GeneralMessage(
        "device-not-queried",
        ("Exception thrown from IE when requesting plugin: {plugin}; key: {key}; value. Error: {error}",),
        "The device cannot be asked what it supports: there is none of this name, or its driver is missing. "
        "Every key of plugin_config then counts as unsupported, and without one the model fails when it is "
        "compiled.",
        ("OVD342",),
    ),
    GeneralMessage(
        "custom-loader-missing",
        ("Specified custom loader {loader} not found.",),
        "The model names a custom loader that the configuration does not load. The model's versions are "
        "unloaded, and that counts as a success: the model serves nothing.",
        ("OVD410",),
    ),
    GeneralMessage(
        "metrics-family",
        ("Metrics family name not supported: {family}",),
        "A name in the list of metrics is unknown or stands there twice. The process ends with exit code 1, "
        "also where metrics are not enabled.",
        ("OVD410",),
    ),
)
