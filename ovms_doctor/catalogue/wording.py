"""Sentences that several entries share, so that the same behaviour is always told in the same words."""

from __future__ import annotations

#: A version whose load fails (modelmanager.cpp reloadModelWithVersions, model.cpp addVersions).
LOAD_FAILS = (
    "The load fails: the version ends as LOADING with the error code UNKNOWN and is tried again at every "
    "poll. Started with --model_path, the process ends with exit code 1 unless another version takes this "
    "one's place. Started with --config_path, it keeps running and /v2/health/ready answers 200. /v1/config "
    "shows the state, never the reason."
)

#: A base path that cannot be looked into (modelmanager.cpp readAvailableVersions).
BASE_FAILS = (
    "No version is tried. Started with --model_path, the process ends with exit code 1. Started with "
    "--config_path, it keeps running, looks again at every poll, and /v1/config shows the model with an "
    "empty list of versions. If it happens while versions are served, those stay AVAILABLE and the message "
    "is repeated at every poll."
)

#: An exception in a load that only the model manager catches (modelmanager.cpp, since v2025.1).
LOAD_THROWS = (
    "An exception leaves the load half done: the version stays LOADING with the error code OK and is never "
    "tried again, not even after the rights are mended, until its configuration changes or the server is "
    "restarted. The start counts as a success in both modes, the remaining versions of the same round wait "
    "for the next poll, and a version that this one was to replace is unloaded."
)

#: What ends the process before any model is looked at.
START_FAILS = "The process ends with exit code 1 before it serves anything."

#: OpenVINO's text for any file that none of its readers recognises: the whole sentence, and cut off.
UNREADABLE = (
    "Unable to read the model: {path} Please check that model format: {format} is supported",
    "Unable to read the model",
)
#: The same of metadata that macOS leaves beside a file.
APPLE_DOUBLE = (
    "Unable to read the model: {path}/._{name} Please check that model format: {format} is supported"
)
NO_WEIGHTS = "Empty weights data in bin file or bin file cannot be found!"
WRONG_WEIGHTS = "Incorrect weights in bin file!"
NOT_MAPPED = "Can not open file {path} for mapping. Ensure that file exists and has appropriate permissions."
NOT_PARSED = "Model can't be parsed"
NOT_A_TFLITE = "TensorFlow Lite Frontend: the model file {path} is corrupted or malformed"
BAD_INDEX = "Wrong index file, file size is less than minimal expected"
NOT_A_SAVED_MODEL = "[TensorFlow Frontend] Saved Model cannot be parsed"
CANNOT_OPEN = "Could not open the file: {path}"
UNSUPPORTED_OPSET = "Cannot create {operation} layer {layer} from unsupported opset: {opset}"
NEWER_OPSET = "Cannot create {operation} layer {layer} from unsupported opset: opset{number}"
NOT_IN_OPSET = "Opset {opset} doesn't contain the operation with type: {operation}"
NOT_CONVERTED = "No conversion rule found for operations: {operations}"
STATUS_DENIED = "filesystem error: status: Permission denied [{path}]"
LIST_DENIED = "filesystem error: directory iterator cannot open directory: Permission denied [{path}]"
LINK_LOOP = "filesystem error: status: Too many levels of symbolic links [{path}]"

ALL = "The same in all releases from 2022.1 on."
RUNTIME_TEXT = "The same in all releases; OpenVINO's own text differs a little from one to the next."
