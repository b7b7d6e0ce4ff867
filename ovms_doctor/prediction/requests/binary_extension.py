"""The KServe binary extension: buffers after the JSON of a REST body (http_rest_api_handler.cpp)."""

from msgspec.structs import replace

from ovms_doctor.model.client_request import ClientRequest, InferMessage, InferTensor, RequestPosition
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.releases import Release
from ovms_doctor.model.served_models import ELEMENT_SIZES
from ovms_doctor.prediction.requests.kserve_json import KServeJson
from ovms_doctor.prediction.requests.statuses import StatusError

HEADER = "Inference-Header-Content-Length"
_STOI = lazy_pattern(r"[ \t\n\v\f\r]*([+-]?[0-9]+)")
_SIZE = 2**64


def json_length(request: ClientRequest) -> int | None:
    """Returns the length of the JSON part in the header, `None` without the header. Raises StatusError."""
    text = request.header(HEADER)
    if text is None:
        return None
    match = _STOI.fullmatch(text)
    value = -1 if match is None else int(match[1][:30])
    if not 0 <= value < 2**31:
        raise StatusError("REST_INFERENCE_HEADER_CONTENT_LENGTH_INVALID")
    return value


def message_of(request: ClientRequest, release: Release) -> InferMessage:
    """Returns the server's message for an HTTP request (`prepareGrpcRequest`). Raises StatusError."""
    length = json_length(request)
    body = request.body
    end = len(body) if length is None else length
    if end > len(body):
        raise StatusError("REST_INFERENCE_HEADER_CONTENT_LENGTH_EXCEEDED", "", RequestPosition("", len(body)))
    message = KServeJson(body if end == len(body) else body[:end], release).message()
    return _with_buffers(message, body, end, release)


def _with_buffers(message: InferMessage, body: bytes, end: int, release: Release) -> InferMessage:
    """Applies `handleBinaryInputs`: the buffer of each input that has no values in the JSON."""
    raw: list[bytes] = []
    remaining = len(body) - end
    offset = 0
    for tensor in message.inputs:
        position = RequestPosition(tensor.path, end + offset, tensor.name)
        declared_size = dict(tensor.parameters).get("binary_data_size")
        if declared_size is not None:
            size = _given_size(tensor, declared_size, release)
        elif tensor.values:
            continue
        elif len(message.inputs) == 1 and tensor.datatype == "BYTES":
            size = remaining
        else:
            size = _computed_size(tensor, release)
        # Until 2026.2 a negative size may wrap around to a position before the buffer.
        buffer_end = offset + size if release.at_least(2026, 3) else (offset + size) % _SIZE
        if buffer_end > remaining:
            raise StatusError("REST_BINARY_BUFFER_EXCEEDED", "", position)
        if size > remaining:
            raise StatusError("EXCEPTION", "", position)
        raw.append(body[end + offset : end + offset + size])
        offset += size
    return replace(message, raw=tuple(raw))


def _given_size(tensor: InferTensor, declared_size: str | bool | int, release: Release) -> int:
    position = RequestPosition(f"{tensor.path}.parameters.binary_data_size", tensor.offset, tensor.name)
    if tensor.values:
        raise StatusError("REST_CONTENTS_FIELD_NOT_EMPTY", "", position)
    if isinstance(declared_size, bool) or not isinstance(declared_size, int):
        raise StatusError("REST_BINARY_DATA_SIZE_PARAMETER_INVALID", "", position)
    if declared_size < 0 and release.at_least(2026, 3):
        raise StatusError("REST_BINARY_DATA_SIZE_PARAMETER_INVALID", "", position)
    return declared_size % _SIZE


def _computed_size(tensor: InferTensor, release: Release) -> int:
    """Applies `calculateBinaryDataSize`: returns the size from shape and datatype."""
    element = ELEMENT_SIZES.get(tensor.datatype, 0)
    if not release.at_least(2026, 3):
        # The product is kept in an int.
        product = 1
        for dimension in tensor.shape:
            product = (product * dimension) % 2**32
            product -= 2**32 * (product >= 2**31)
        return product * element % _SIZE
    count = element_count(tensor.shape)
    if count is None or count * element >= _SIZE:
        details = "Binary input shape dimensions overflow size_t"
        raise StatusError(
            "INVALID_CONTENT_SIZE", details, RequestPosition(tensor.path, tensor.offset, tensor.name)
        )
    return count * element


def element_count(shape: tuple[int, ...]) -> int | None:
    """Returns the number of elements of a shape; `None` if it overflows before a 0 is reached (since 2026.3)."""
    count = 1
    for dimension in shape:
        if dimension == 0:
            return 0
        count *= dimension
        if count >= _SIZE:
            return None
    return count
