"""The status codes of requests: text, HTTP status and gRPC code by release.

From status.cpp, http_server.cpp (`httpStatusMap`) and grpc_utils.cpp (`grpcStatusMap`) at each release tag. A code
that is not in the HTTP map is 500; one that is not in the gRPC map is UNKNOWN with the text "Unknown error".
"""

from ovms_doctor.model.client_request import NOWHERE, Answer, Interface, RequestPosition
from ovms_doctor.model.releases import Release

TEXTS = {
    "PATH_INVALID": "The provided base path is invalid or doesn't exists",
    "NOT_IMPLEMENTED": "Functionality not implemented",
    "JSON_INVALID": "The file is not valid json",
    "JSON_NESTING_DEPTH_EXCEEDED": "JSON nesting depth exceeds the allowed limit",
    "RESHAPE_ERROR": "Model could not be reshaped with requested shape",
    "CANNOT_COMPILE_MODEL_INTO_TARGET_DEVICE": "Cannot compile model into target device",
    "MODEL_NAME_MISSING": "Model with requested name is not found",
    "MODEL_VERSION_MISSING": "Model with requested version is not found",
    "MODEL_VERSION_NOT_LOADED_ANYMORE": "Model with requested version is retired",
    "MODEL_VERSION_NOT_LOADED_YET": "Model with requested version is not loaded yet",
    "PIPELINE_DEFINITION_NAME_MISSING": "Pipeline with requested name is not found",
    "PIPELINE_DEFINITION_NOT_LOADED_ANYMORE": "Pipeline is retired",
    "PIPELINE_DEFINITION_NOT_LOADED_YET": "Pipeline is not loaded yet",
    "MEDIAPIPE_DEFINITION_NAME_MISSING": "Mediapipe graph definition with requested name is not found",
    "MEDIAPIPE_DEFINITION_NOT_LOADED_ANYMORE": "Mediapipe is retired",
    "MEDIAPIPE_DEFINITION_NOT_LOADED_YET": "Mediapipe is not loaded yet",
    "MEDIAPIPE_EXECUTION_ERROR": "Mediapipe execution failed. MP status",
    "MODEL_SPEC_MISSING": "model_spec missing in request",
    "MODEL_VERSION_INVALID_FORMAT": "invalid model version format in request",
    "INVALID_BATCH_DIMENSION": "Invalid batch dimension in shape",
    "INVALID_NO_OF_INPUTS": "Invalid number of inputs",
    "INVALID_MISSING_INPUT": "Missing input with specific name",
    "INVALID_NO_OF_SHAPE_DIMENSIONS": "Invalid number of shape dimensions",
    "INVALID_BATCH_SIZE": "Invalid input batch size",
    "INVALID_SHAPE": "Invalid input shape",
    "INVALID_STRING_INPUT": "Invalid string input",
    "INVALID_STRING_MAX_SIZE_EXCEEDED": "Maximum 2D array after string conversion exceeded 1GB",
    "INVALID_INPUT_FORMAT": "Inputs inside buffer does not match expected format.",
    "INVALID_PRECISION": "Invalid input precision",
    "INVALID_VALUE_COUNT": "Invalid number of values in tensor proto container",
    "INVALID_CONTENT_SIZE": "Invalid content size of tensor proto",
    "INVALID_MESSAGE_STRUCTURE": "Passing buffers both in ModelInferRequest::InferInputTensor::contents and in "
    "ModelInferRequest::raw_input_contents is not allowed",
    "UNSUPPORTED_LAYOUT": "Received binary image input but resource not configured to accept NHWC layout",
    "OV_UNSUPPORTED_DESERIALIZATION_PRECISION": "Unsupported deserialization precision",
    "OV_INTERNAL_DESERIALIZATION_ERROR": "Internal deserialization error",
    "OV_INTERNAL_INFERENCE_ERROR": "Internal inference error",
    "INTERNAL_ERROR": "Internal server error",
    "REST_NOT_FOUND": "Requested REST resource not found",
    "REST_COULD_NOT_PARSE_VERSION": "Could not parse model version in request",
    "REST_INVALID_URL": "Invalid request URL",
    "REST_UNSUPPORTED_METHOD": "Unsupported method",
    "FAILED_TO_PARSE_MULTIPART_CONTENT_TYPE": "Request of multipart type but failed to parse",
    "FAILED_TO_DEDUCE_MODEL_NAME_FROM_URI": "Failed to deduce model name from all possible ways",
    "UNAUTHORIZED": "Unauthorized request due to invalid or missing api-key",
    "MODEL_NOT_LOADED": "Error while loading a model",
    "REST_BODY_IS_NOT_AN_OBJECT": "Request body should be JSON object",
    "REST_PREDICT_UNKNOWN_ORDER": "Invalid JSON structure. Could not detect row or column format",
    "REST_INSTANCES_NOT_AN_ARRAY": "Invalid JSON structure. Nonamed instance is not an array.",
    "REST_NAMED_INSTANCE_NOT_AN_OBJECT": "Invalid JSON structure. One of named instances is not a JSON object.",
    "REST_INPUT_NOT_PREALLOCATED": "Internal allocation error",
    "REST_NO_INSTANCES_FOUND": "Invalid JSON structure. Missing instances in row format",
    "REST_INSTANCES_NOT_NAMED_OR_NONAMED": "Could not detect neither named or nonamed format",
    "REST_COULD_NOT_PARSE_INSTANCE": "Could not parse instance content. Not valid ndarray detected",
    "REST_INSTANCES_BATCH_SIZE_DIFFER": "Invalid JSON structure. Request inputs have different batch sizes",
    "REST_INPUTS_NOT_AN_OBJECT": "Invalid JSON structure. One of inputs is not a JSON object.",
    "REST_NO_INPUTS_FOUND": "Invalid JSON structure, missing inputs",
    "REST_COULD_NOT_PARSE_INPUT": "Could not parse input content. Not valid ndarray detected",
    "REST_COULD_NOT_PARSE_OUTPUT": "Could not parse output content.",
    "REST_COULD_NOT_PARSE_PARAMETERS": "Could not parse request parameters",
    "REST_UNSUPPORTED_PRECISION": "Could not parse input content. Unsupported data precision detected",
    "REST_INFERENCE_HEADER_CONTENT_LENGTH_EXCEEDED": "Inference-Header-Content-Length header exceeds actual "
    "payload length",
    "REST_BINARY_DATA_SIZE_PARAMETER_INVALID": "binary_data_size parameter is invalid and cannot be parsed",
    "REST_BINARY_BUFFER_EXCEEDED": "Received buffer size is smaller than binary_data_size parameter indicates",
    "REST_INFERENCE_HEADER_CONTENT_LENGTH_INVALID": "Inference-Header-Content-Length header is invalid and "
    "couldn't be parsed",
    "REST_CONTENTS_FIELD_NOT_EMPTY": "Request contains values both in binary data and in content value",
    "IMAGE_PARSING_FAILED": "Image parsing failed",
    "INVALID_NO_OF_CHANNELS": "Invalid number of channels in binary input",
    "BINARY_IMAGES_RESOLUTION_MISMATCH": "Binary input images for this endpoint are required to have the same "
    "resolution",
    "STRING_VAL_EMPTY": "String val is empty",
    "BYTES_CONTENTS_EMPTY": "Bytes contents is empty",
    "OK": "",
}

_NOT_FOUND = (
    "REST_NOT_FOUND MODEL_NAME_MISSING PIPELINE_DEFINITION_NAME_MISSING MEDIAPIPE_DEFINITION_NAME_MISSING "
    "MEDIAPIPE_DEFINITION_NOT_LOADED_ANYMORE MODEL_VERSION_MISSING MODEL_VERSION_NOT_LOADED_ANYMORE "
    "MODEL_VERSION_NOT_LOADED_YET PIPELINE_DEFINITION_NOT_LOADED_YET PIPELINE_DEFINITION_NOT_LOADED_ANYMORE"
).split()
_BAD_REQUEST = (
    "REST_INVALID_URL REST_BODY_IS_NOT_AN_OBJECT REST_PREDICT_UNKNOWN_ORDER REST_INSTANCES_NOT_AN_ARRAY "
    "REST_NAMED_INSTANCE_NOT_AN_OBJECT REST_NO_INSTANCES_FOUND REST_INSTANCES_NOT_NAMED_OR_NONAMED "
    "REST_COULD_NOT_PARSE_INSTANCE REST_INSTANCES_BATCH_SIZE_DIFFER REST_INPUTS_NOT_AN_OBJECT "
    "REST_NO_INPUTS_FOUND REST_COULD_NOT_PARSE_INPUT REST_COULD_NOT_PARSE_OUTPUT "
    "REST_COULD_NOT_PARSE_PARAMETERS REST_BINARY_DATA_SIZE_PARAMETER_INVALID REST_UNSUPPORTED_PRECISION "
    "REST_BINARY_BUFFER_EXCEEDED PATH_INVALID MEDIAPIPE_EXECUTION_ERROR MODEL_SPEC_MISSING "
    "INVALID_NO_OF_INPUTS INVALID_MISSING_INPUT INVALID_NO_OF_SHAPE_DIMENSIONS INVALID_BATCH_SIZE INVALID_SHAPE "
    "INVALID_STRING_INPUT INVALID_INPUT_FORMAT INVALID_PRECISION INVALID_VALUE_COUNT INVALID_CONTENT_SIZE "
    "INVALID_MESSAGE_STRUCTURE UNSUPPORTED_LAYOUT INVALID_NO_OF_CHANNELS BINARY_IMAGES_RESOLUTION_MISMATCH "
    "STRING_VAL_EMPTY"
).split()
_PRECONDITION_FAILED = "JSON_INVALID RESHAPE_ERROR CANNOT_COMPILE_MODEL_INTO_TARGET_DEVICE".split()

_GRPC = {
    "INTERNAL": "OV_UNSUPPORTED_DESERIALIZATION_PRECISION OV_INTERNAL_DESERIALIZATION_ERROR "
    "OV_INTERNAL_INFERENCE_ERROR INTERNAL_ERROR MODEL_NOT_LOADED",
    "FAILED_PRECONDITION": "RESHAPE_ERROR CANNOT_COMPILE_MODEL_INTO_TARGET_DEVICE JSON_INVALID",
    "NOT_FOUND": "MODEL_NAME_MISSING PIPELINE_DEFINITION_NAME_MISSING MEDIAPIPE_DEFINITION_NAME_MISSING "
    "MODEL_VERSION_MISSING MODEL_VERSION_NOT_LOADED_ANYMORE PIPELINE_DEFINITION_NOT_LOADED_ANYMORE "
    "MEDIAPIPE_DEFINITION_NOT_LOADED_ANYMORE",
    "INVALID_ARGUMENT": "MODEL_SPEC_MISSING MODEL_VERSION_INVALID_FORMAT MEDIAPIPE_EXECUTION_ERROR PATH_INVALID "
    "INVALID_NO_OF_INPUTS INVALID_MISSING_INPUT INVALID_NO_OF_SHAPE_DIMENSIONS INVALID_BATCH_SIZE INVALID_SHAPE "
    "INVALID_STRING_INPUT INVALID_INPUT_FORMAT INVALID_PRECISION INVALID_VALUE_COUNT INVALID_CONTENT_SIZE "
    "INVALID_MESSAGE_STRUCTURE UNSUPPORTED_LAYOUT INVALID_NO_OF_CHANNELS BINARY_IMAGES_RESOLUTION_MISMATCH "
    "STRING_VAL_EMPTY BYTES_CONTENTS_EMPTY",
    "UNAVAILABLE": "MODEL_VERSION_NOT_LOADED_YET PIPELINE_DEFINITION_NOT_LOADED_YET "
    "MEDIAPIPE_DEFINITION_NOT_LOADED_YET",
}
_GRPC_CODES = {name: code for code, names in _GRPC.items() for name in names.split()}


class StatusError(Exception):
    """A rule ends the request with this status."""

    def __init__(self, code: str, details: str = "", position: RequestPosition = NOWHERE) -> None:
        super().__init__(code)
        #: The name of the status code.
        self.code = code
        #: The server's addition to the status text.
        self.details = details
        #: The position in the request to which the status refers.
        self.position = position


def http_status(code: str, release: Release) -> int:
    """Returns the HTTP status of a status code."""
    if code == "OK":
        return 200
    if code in ("MODEL_VERSION_NOT_LOADED_YET", "PIPELINE_DEFINITION_NOT_LOADED_YET"):
        return 503 if release.at_least(2023, 1) and not release.at_least(2024, 2) else 404
    if code == "MEDIAPIPE_DEFINITION_NOT_LOADED_YET":
        return 500
    if code == "PATH_INVALID" and not release.at_least(2023, 1):
        return 500
    if code == "MEDIAPIPE_EXECUTION_ERROR" and not release.at_least(2024, 2):
        return 500
    if code == "REST_UNSUPPORTED_METHOD":
        return 406
    if code in _NOT_FOUND:
        return 404
    if code in _BAD_REQUEST:
        return 400
    return 412 if code in _PRECONDITION_FAILED else 500


def grpc_code(code: str, release: Release) -> str:
    """Returns the gRPC code of a status code."""
    if code == "OK":
        return "OK"
    if code == "MODEL_VERSION_NOT_LOADED_YET" and not release.at_least(2023, 1):
        return "NOT_FOUND"
    return _GRPC_CODES.get(code, "UNKNOWN")


def status_text(code: str, details: str, release: Release) -> str:
    """Applies `Status::string()`: returns the text of a code and, after a dash, the addition."""
    text = TEXTS[code]
    if not release.at_least(2024, 5) and code in (
        "PIPELINE_DEFINITION_NAME_MISSING",
        "MEDIAPIPE_DEFINITION_NAME_MISSING",
    ):
        text = TEXTS["MODEL_NAME_MISSING"]
    if code == "REST_NO_INPUTS_FOUND" and not release.at_least(2022, 2):
        text = "Invalid JSON structure. Missing inputs in column format"
    return f"{text} - {details}" if details else text


def answer_with(
    code: str,
    details: str,
    interface: Interface,
    release: Release,
    position: RequestPosition = NOWHERE,
    doubts: tuple[str, ...] = (),
) -> Answer:
    """Returns the answer that a status code gives on an interface."""
    text = status_text(code, details, release)
    if interface == "REST":
        return Answer(code, text, http_status(code, release), None, position, doubts)
    grpc = grpc_code(code, release)
    message = "Unknown error" if grpc == "UNKNOWN" else text
    return Answer(code, message, None, grpc, position, doubts)
