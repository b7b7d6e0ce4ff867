"""The codes of client requests, and the code for each answer."""

from __future__ import annotations

from ovms_doctor.model.client_request import Answer, ClientRequest
from ovms_doctor.model.codes import Code, Example

_KSERVE = (
    "KServe since 2022.2; the texts are those of 2025.4 and 2026.3, which were recorded, and of the source of the "
    "others."
)

NOT_JSON = Code(
    code="OVD871",
    name="request-not-json",
    severity="error",
    summary="The body of a request is not the JSON that the server parses",
    remedy="Write the body with a JSON library, such as json.dumps, and send it unchanged.",
    log=(
        "The file is not valid json",
        "JSON nesting depth exceeds the allowed limit",
        "Request body should be JSON object",
    ),
    releases="All releases; the offset is reported since 2023.1, and nesting is limited to 100 levels since 2026.2.",
    see_also=("OVD872",),
    example=Example(
        before="curl localhost:8000/v2/models/m/infer -d \"{'inputs': []}\"",
        after="curl localhost:8000/v2/models/m/infer -d '{\"inputs\": [...]}'",
    ),
)
STRUCTURE = Code(
    code="OVD872",
    name="request-structure-invalid",
    severity="error",
    summary="The JSON of a request does not have the structure that the API requires",
    remedy="Give each input a name, a shape of integers, a datatype, and data as a list of values of that type.",
    log=(
        "Could not parse input content. Not valid ndarray detected",
        "Could not parse output content.",
        "Could not parse request parameters",
        "Invalid JSON structure, missing inputs",
        "Invalid JSON structure. Could not detect row or column format",
        "Could not parse instance content. Not valid ndarray detected",
    ),
    releases=_KSERVE,
    see_also=("OVD871", "OVD876", "OVD878"),
    example=Example(
        before='{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": ["1", "2", "3"]}]}',
        after='{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}',
    ),
)
ADDRESS = Code(
    code="OVD873",
    name="request-address-wrong",
    severity="error",
    summary="No handler of the release accepts the path and method of a request",
    remedy="Send the request to the path of its API: POST /v2/models/NAME/infer, or /v3/chat/completions.",
    log=("Invalid request URL", "Unsupported method", "Requested REST resource not found"),
    releases=(
        "KServe since 2022.2, /v3 since 2024.2, /v1 for generative models since 2026.3; TensorFlow Serving until "
        "2026.2."
    ),
    see_also=("OVD874", "OVD885"),
    example=Example(
        before="POST /v1/models/m:predict            to OVMS 2026.3",
        after="POST /v2/models/m/infer              with the inputs in KServe's format",
    ),
)
NOT_SERVED = Code(
    code="OVD874",
    name="requested-servable-not-served",
    severity="error",
    summary="The model or version that a request names is not served",
    remedy="Name a model and version that the server lists at /v1/config as AVAILABLE.",
    log=(
        "Model with requested name is not found",
        "Model with requested version is not found",
        "Model with requested version is retired",
        "Model with requested version is not loaded yet",
        "Mediapipe graph definition with requested name is not found",
        "Pipeline with requested name is not found",
        "Pipeline is not loaded yet",
    ),
    releases="All releases; until 2024.4 the text is the same for models, pipelines and graphs.",
    see_also=("OVD873",),
    example=Example(before="POST /v2/models/Resnet/infer", after="POST /v2/models/resnet/infer"),
)
NAMES = Code(
    code="OVD875",
    name="request-inputs-differ",
    severity="error",
    summary="A request has other inputs than the model",
    remedy="Send the inputs that the model has, each once, under the names that mapping_config.json gives them.",
    log=("Invalid number of inputs", "Missing input with specific name"),
    releases=_KSERVE,
    see_also=("OVD462", "OVD872"),
    example=Example(
        before='{"name": "data", ...}      for a model with the input 0', after='{"name": "0", ...}'
    ),
)
DATATYPE = Code(
    code="OVD876",
    name="request-datatype-differs",
    severity="error",
    summary="An input is sent as another datatype than the model has",
    remedy="Convert the values to the datatype of the model; the server converts nothing.",
    log=("Invalid input precision", "Could not parse input content. Unsupported data precision detected"),
    releases=_KSERVE,
    see_also=("OVD878",),
    example=Example(before='"datatype": "FP64"', after='"datatype": "FP32"'),
)
SHAPE = Code(
    code="OVD877",
    name="request-shape-differs",
    severity="error",
    summary="An input is sent in a shape that the model does not accept",
    remedy=(
        "Send the shape of the model, or let the server accept other shapes with --shape, --batch_size or "
        "--layout."
    ),
    log=(
        "Invalid input shape",
        "Invalid input batch size",
        "Invalid number of shape dimensions",
        "Model could not be reshaped with requested shape",
    ),
    releases=_KSERVE,
    see_also=("OVD428", "OVD430", "OVD881"),
    example=Example(before='"shape": [1, 224, 224, 3]', after='"shape": [1, 3, 224, 224]'),
)
VALUES = Code(
    code="OVD878",
    name="request-values-missing",
    severity="error",
    summary="An input has more or fewer values or bytes than its shape requires",
    remedy="Send as many values as the shape has elements, either in the JSON or in the buffer after it.",
    log=(
        "Invalid number of values in tensor proto container",
        "Invalid content size of tensor proto",
        "Received buffer size is smaller than binary_data_size parameter indicates",
        "Request contains values both in binary data and in content value",
        "Inference-Header-Content-Length header exceeds actual payload length",
    ),
    releases=_KSERVE,
    see_also=("OVD872", "OVD877"),
    example=Example(
        before='"shape": [1, 3], "data": [1, 2]',
        after='"shape": [1, 3], "data": [1, 2, 3]',
    ),
)
ENCODED = Code(
    code="OVD879",
    name="encoded-input-refused",
    severity="error",
    summary="Images or strings are sent to an input that does not accept them",
    remedy="Send encoded images to an input with the layout NHWC, and strings to an input that accepts them.",
    log=(
        "Received binary image input but resource not configured to accept NHWC layout",
        "Image parsing failed",
        "Functionality not implemented",
        "Invalid number of channels in binary input",
        "Inputs inside buffer does not match expected format.",
    ),
    releases="Images since 2021.4; strings since 2023.0, as a type of the model since 2024.0.",
    see_also=("OVD430", "OVD877"),
    example=Example(
        before="ovms --model_path /models/resnet                       and a JPEG as BYTES",
        after="ovms --model_path /models/resnet --layout NHWC:NCHW",
    ),
)
GENERATIVE = Code(
    code="OVD880",
    name="generative-request-refused",
    severity="error",
    summary="A generative model refuses a request",
    remedy="Correct the field that the answer names.",
    log=("Mediapipe execution failed. MP status", "Unauthorized request due to invalid or missing api-key"),
    releases="Since 2024.2.",
    see_also=("OVD874",),
    example=Example(
        before='{"model": "llama", "messages": [], "n": 4}',
        after='{"model": "llama", "messages": [{"role": "user", "content": "Hello"}], "n": 4, "best_of": 4}',
    ),
)
RELOADS = Code(
    code="OVD881",
    name="request-reloads-model",
    severity="warning",
    summary="A request makes the server load a model again in another shape",
    remedy="Give the model a dynamic dimension, such as --shape (-1,3), instead of auto.",
    releases="Where shape or batch_size is auto.",
    see_also=("OVD877",),
    example=Example(before="ovms --batch_size auto", after="ovms --batch_size -1"),
)
CLIENT = Code(
    code="OVD882",
    name="client-refuses-call",
    severity="error",
    summary="The client library refuses a call before anything is sent",
    remedy="Give the array the datatype and shape that the call names.",
    releases="Does not depend on the server.",
    see_also=("OVD876", "OVD877"),
    example=Example(
        before='InferInput("x", [1, 3], "FP32").set_data_from_numpy(np.zeros((1, 3)))',
        after='InferInput("x", [1, 3], "FP32").set_data_from_numpy(np.zeros((1, 3), dtype=np.float32))',
    ),
)
ALTERED = Code(
    code="OVD883",
    name="request-values-altered",
    severity="warning",
    summary="A request is answered, but the server reads its values differently than intended",
    remedy="Send rows of one length, and values within the range of their datatype.",
    releases="All releases with KServe.",
    see_also=("OVD878",),
    example=Example(before='"data": [[1], [2, 3]]', after='"data": [[1, 2, 3]]'),
)
UNREACHABLE = Code(
    code="OVD884",
    name="request-not-received",
    severity="error",
    summary="A client's error shows that the request did not reach the server's API",
    remedy="Check what answers there with `ovms-doctor status HOST:PORT`.",
    log=("failed to connect to all addresses", "Connection refused", "Received message larger than max"),
    releases="All releases.",
    see_also=("OVD885",),
    example=Example(before="localhost:9001", after="localhost:9000"),
)
WRONG_PORT = Code(
    code="OVD885",
    name="request-sent-to-other-port",
    severity="error",
    summary="A request is sent to the port of the other interface",
    remedy="Send REST requests to --rest_port and gRPC requests to --port.",
    releases="All releases.",
    see_also=("OVD884",),
    example=Example(
        before="curl localhost:9000/v2/models/m      with --port 9000",
        after="curl localhost:8000/v2/models/m      with --rest_port 8000",
    ),
)
CODES = (
    NOT_JSON, STRUCTURE, ADDRESS, NOT_SERVED, NAMES, DATATYPE, SHAPE, VALUES, ENCODED, GENERATIVE, RELOADS, CLIENT,
    ALTERED, UNREACHABLE, WRONG_PORT,
)  # fmt: skip

_BY_STATUS: tuple[tuple[Code, str], ...] = (
    (NOT_JSON, "JSON_INVALID JSON_NESTING_DEPTH_EXCEEDED REST_BODY_IS_NOT_AN_OBJECT"),
    (
        ADDRESS,
        "REST_INVALID_URL REST_UNSUPPORTED_METHOD HTTP_405 REST_NOT_FOUND PATH_INVALID REST_COULD_NOT_PARSE_VERSION "
        "GRPC_UNIMPLEMENTED FAILED_TO_DEDUCE_MODEL_NAME_FROM_URI FAILED_TO_PARSE_MULTIPART_CONTENT_TYPE",
    ),
    (
        NOT_SERVED,
        "MODEL_NAME_MISSING MODEL_VERSION_MISSING MODEL_VERSION_NOT_LOADED_ANYMORE "
        "MODEL_VERSION_NOT_LOADED_YET PIPELINE_DEFINITION_NAME_MISSING PIPELINE_DEFINITION_NOT_LOADED_ANYMORE "
        "PIPELINE_DEFINITION_NOT_LOADED_YET MEDIAPIPE_DEFINITION_NAME_MISSING MEDIAPIPE_DEFINITION_NOT_LOADED_ANYMORE "
        "MEDIAPIPE_DEFINITION_NOT_LOADED_YET MODEL_SPEC_MISSING MODEL_VERSION_INVALID_FORMAT MODEL_NOT_LOADED",
    ),
    (NAMES, "INVALID_NO_OF_INPUTS INVALID_MISSING_INPUT INVALID_INPUT_NAMES"),
    (DATATYPE, "INVALID_PRECISION REST_UNSUPPORTED_PRECISION OV_UNSUPPORTED_DESERIALIZATION_PRECISION"),
    (
        SHAPE,
        "INVALID_NO_OF_SHAPE_DIMENSIONS INVALID_SHAPE INVALID_BATCH_SIZE RESHAPE_ERROR INVALID_BATCH_DIMENSION "
        "CANNOT_COMPILE_MODEL_INTO_TARGET_DEVICE OV_INTERNAL_DESERIALIZATION_ERROR",
    ),
    (
        VALUES,
        "INVALID_VALUE_COUNT INVALID_CONTENT_SIZE REST_BINARY_BUFFER_EXCEEDED REST_CONTENTS_FIELD_NOT_EMPTY "
        "REST_BINARY_DATA_SIZE_PARAMETER_INVALID REST_INFERENCE_HEADER_CONTENT_LENGTH_EXCEEDED "
        "REST_INFERENCE_HEADER_CONTENT_LENGTH_INVALID INVALID_MESSAGE_STRUCTURE UNDEFINED EXCEPTION HTTP_413 "
        "GRPC_TOO_LARGE INVALID_STRING_MAX_SIZE_EXCEEDED",
    ),
    (
        ENCODED,
        "UNSUPPORTED_LAYOUT NOT_IMPLEMENTED IMAGE_PARSING_FAILED INVALID_NO_OF_CHANNELS "
        "BINARY_IMAGES_RESOLUTION_MISMATCH STRING_VAL_EMPTY BYTES_CONTENTS_EMPTY INVALID_INPUT_FORMAT "
        "INVALID_STRING_INPUT",
    ),
    (GENERATIVE, "MEDIAPIPE_EXECUTION_ERROR UNAUTHORIZED"),
    (CLIENT, "CLIENT_REFUSES"),
    (UNREACHABLE, "CONNECTION_REFUSED WRONG_PORT"),
)
_CODES = {status: code for code, names in _BY_STATUS for status in names.split()}

#: The answer of the handler of generative models to a request to the removed TensorFlow Serving API.
_REMOVED = ("MEDIAPIPE_DEFINITION_NAME_MISSING", "FAILED_TO_DEDUCE_MODEL_NAME_FROM_URI")


def code_for(answer: Answer, request: ClientRequest | None) -> Code:
    """Returns the code for an answer; an answer without a code of its own is about the structure of the request."""
    if request is not None and request.api == "TFS" and answer.code in _REMOVED:
        return ADDRESS
    if request is not None and request.api != "KServe" and answer.code == "NOT_IMPLEMENTED":
        # The server was built without MediaPipe.
        return ADDRESS
    if request is not None and request.api in ("OpenAI", "TFS") and answer.code == "JSON_INVALID":
        if "field" in answer.message:
            return GENERATIVE if request.api == "OpenAI" else ADDRESS
        return NOT_JSON
    return _CODES.get(answer.code, STRUCTURE)
