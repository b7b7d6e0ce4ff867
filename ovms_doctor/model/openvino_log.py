"""OpenVINO's texts in the server's log, as templates like those of :mod:`ovms_doctor.model.server_log`."""

from __future__ import annotations

#: OpenVINO's text for any file that none of its readers recognises: the whole sentence, and a cut one.
UNREADABLE = (
    "Unable to read the model: {path} Please check that model format: {format} is supported",
    "Unable to read the model",
)
#: The same for metadata that macOS writes next to a file.
APPLE_DOUBLE = (
    "Unable to read the model: {path}/._{name} Please check that model format: {format} is supported"
)
NO_WEIGHTS = "Empty weights data in bin file or bin file cannot be found!"
WRONG_WEIGHTS = "Incorrect weights in bin file!"
NOT_MAPPED = "Can not open file {path} for mapping. Ensure that file exists and has appropriate permissions."
NOT_PARSED = "Model can't be parsed"
NOT_A_TFLITE = "TensorFlow Lite Frontend: the model file {path} is corrupted or malformed"
BAD_INDEX = "Wrong index file, file size is less than minimal expected"
#: 2023.0 writes it without ``[TensorFlow Frontend] `` before it.
NOT_A_SAVED_MODEL = "Saved Model cannot be parsed"
CANNOT_OPEN = "Could not open the file: {path}"
UNSUPPORTED_OPSET = "Cannot create {operation} layer {layer} from unsupported opset: {opset}"
NEWER_OPSET = "Cannot create {operation} layer {layer} from unsupported opset: opset{number}"
NOT_IN_OPSET = "Opset {opset} doesn't contain the operation with type: {operation}"
NOT_CONVERTED = "No conversion rule found for operations: {operations}"
WITHOUT_NAMES = "Attempt to get a name for a Tensor without names"
STATUS_DENIED = "filesystem error: status: Permission denied [{path}]"
LIST_DENIED = "filesystem error: directory iterator cannot open directory: Permission denied [{path}]"
LINK_LOOP = "filesystem error: status: Too many levels of symbolic links [{path}]"

#: Release of OpenVINO → the source line of its report (measured from 2023.0 to 2026.4); between two entries it stays
#: the same.
_NAMELESS = (
    ((2026, 0), "Check '!get_names().empty()' failed at src/core/src/descriptor/tensor.cpp:102:"),
    ((2025, 1), "Check '!get_names().empty()' failed at src/core/src/descriptor/tensor.cpp:101:"),
    ((2025, 0), "Check '!get_names().empty()' failed at src/core/src/descriptor/tensor.cpp:102:"),
    ((2024, 3), "Exception from src/core/src/descriptor/tensor.cpp:84:"),
    ((2024, 0), "Exception from src/core/src/descriptor/tensor.cpp:92:"),
    ((2023, 3), "Exception from src/core/src/descriptor/tensor.cpp:110:"),
    ((2023, 0), "Check 'false' failed at src/core/src/descriptor/tensor.cpp:110:"),
)


def without_names(release: tuple[int, ...]) -> str:
    """Returns the message of a release's OpenVINO on a tensor without a name; empty if it was not measured."""
    first = next((text for since, text in _NAMELESS if release >= since), "")
    return f"{first}\n{WITHOUT_NAMES}\n" if first else ""


#: For :attr:`ovms_doctor.model.codes.Code.releases` of a code that is recognised by one of them.
RUNTIME_TEXT = "The same in all releases; OpenVINO's own text differs a little from one to the next."
