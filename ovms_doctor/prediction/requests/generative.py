"""The checks of requests to generative endpoints: `/v3/…` and, since 2026.3, `/v1/…`.

From `createV3HttpPayload` (http_rest_api_handler.cpp), and from the parsers of embeddings and rerank. The requirements
of chat and completions are in `chat`. Errors of a calculator reach the client as the status of the graph.
"""

from msgspec import Struct

from ovms_doctor.model.client_request import Answer, ClientRequest, RequestPosition
from ovms_doctor.model.releases import Release
from ovms_doctor.model.served_models import GenerativeLimits, ServedModels
from ovms_doctor.prediction.requests.chat import check_generation
from ovms_doctor.prediction.requests.json_reader import JsonDepthError, JsonSyntaxError, read_json
from ovms_doctor.prediction.requests.json_values import (
    JsonArray,
    JsonItem,
    JsonLiteral,
    JsonNumber,
    JsonObject,
    JsonString,
    is_int,
)
from ovms_doctor.prediction.requests.kserve_json import json_rules
from ovms_doctor.prediction.requests.media import check_image, check_speech, check_transcription
from ovms_doctor.prediction.requests.multipart import Multipart, read_multipart
from ovms_doctor.prediction.requests.routes import path_of
from ovms_doctor.prediction.requests.statuses import StatusError, answer_with
from ovms_doctor.prediction.requests.tokenize import (
    CalculatorError,
    check_strings,
    check_tokenize,
    is_tokenize_endpoint,
)

#: The node of the graph that the server itself writes for a task.
_NODES = {
    "text_generation": "LLMExecutor",
    "embeddings": "EmbeddingsExecutor",
    "rerank": "RerankExecutor",
    "image_generation": "ImageGenExecutor",
    "text_to_speech": "T2sExecutor",
    "speech_to_text": "S2tExecutor",
}
#: The names in the answer to a body that is not JSON.
_NOT_JSON = {"text_generation": "text generation", "embeddings": "embeddings", "rerank": "rerank"}
#: The releases since which these tasks have the endpoint of the tokenizer.
_TOKENIZES = {"embeddings": (2025, 4), "rerank": (2026, 0)}
_ENDPOINTS = {
    "chat/completions": "text_generation",
    "completions": "text_generation",
    "responses": "text_generation",
    "embeddings": "embeddings",
    "rerank": "rerank",
    "images/generations": "image_generation",
    "images/edits": "image_generation",
    "audio/speech": "text_to_speech",
    "audio/transcriptions": "speech_to_text",
    "audio/translations": "speech_to_text",
}


def answer_generative(request: ClientRequest, models: ServedModels, release: Release) -> Answer:
    """Returns the server's answer. Raises StatusError for a fault that ends the request before its graph is
    reached."""
    if models.api_key and not (request.header("authorization") or "").startswith("Bearer "):
        raise StatusError("UNAUTHORIZED")
    path = path_of(request.path)
    payload = _payload(request, path, release)
    name = payload.model
    doubts: list[str] = []
    if models.api_key:
        doubts.append("ovms-doctor does not check whether the API key is the right one")
    graph = models.graph(name)
    if graph is None or graph.kind == "pipeline":
        raise StatusError("MEDIAPIPE_DEFINITION_NAME_MISSING", "", RequestPosition("$.model"))
    if graph.state != "available":
        raise StatusError(
            "MEDIAPIPE_DEFINITION_NOT_LOADED_ANYMORE"
            if graph.state == "retired"
            else "MEDIAPIPE_DEFINITION_NOT_LOADED_YET"
        )
    limits = graph.generative or GenerativeLimits()
    task = limits.task or endpoint_task(path)
    if not limits.task:
        doubts.append("the graph was not read: it is not known which endpoints it serves")
    try:
        _check(task, path, request.body, payload, limits, release, doubts)
    except CalculatorError as error:
        details = (
            f"{error.kind}: CalculatorGraph::Run() failed: \n"
            f'Calculator::Process() for node "{limits.node or _NODES.get(task, "LLMExecutor")}" failed: {error.text}'
        )
        position = RequestPosition(error.path, error.offset)
        return answer_with("MEDIAPIPE_EXECUTION_ERROR", details, "REST", release, position, tuple(doubts))
    doubts.append("the model's result for the request is not predicted")
    return answer_with("OK", "", "REST", release, doubts=tuple(doubts))


def named_graph(request: ClientRequest, release: Release) -> str:
    """Returns the model name in a request; empty if the server finds none."""
    try:
        return _payload(request, path_of(request.path), release).model
    except StatusError:
        return ""


def endpoint_task(path: str) -> str:
    """Returns the task that an endpoint belongs to; empty for any other path."""
    return next((task for end, task in _ENDPOINTS.items() if path_of(path).endswith(f"/{end}")), "")


class _Payload(Struct, frozen=True):
    """What the server takes from a request before it reaches a graph."""

    #: The name of the graph.
    model: str
    #: The document of a JSON body; `None` for any other body.
    document: JsonObject | None = None
    #: The parts of a multipart body; `None` for any other body.
    parts: Multipart | None = None


def _check(
    task: str,
    path: str,
    body: bytes,
    payload: _Payload,
    limits: GenerativeLimits,
    release: Release,
    doubts: list[str],
) -> None:
    """Checks the requirements of the calculator of a task. Raises CalculatorError."""
    document = payload.document
    if task == "image_generation":
        doubts += check_image(path, document, payload.parts, release)
    elif task == "text_to_speech":
        doubts += check_speech(path, document, release)
    elif task == "speech_to_text":
        doubts += check_transcription(path, payload.parts, release)
    elif task not in _NOT_JSON:
        doubts.append("it is not known what this endpoint requires")
    elif document is None:
        raise CalculatorError(f"Non-json request received in {_NOT_JSON[task]} calculator", "", None)
    elif task == "text_generation":
        doubts += check_generation(path, body, document, limits, release)
    elif is_tokenize_endpoint(path) and release.at_least(*_TOKENIZES[task]):
        check_tokenize(body, document, release)
    elif task == "embeddings":
        check_strings(body, document, b"input")
        _encoding_format(document)
    else:
        _rerank(document)


def _payload(request: ClientRequest, path: str, release: Release) -> _Payload:
    """Returns the name of the graph and the body. Until 2025.1 every body is read as JSON. Raises StatusError."""
    content_type = request.header("content-type") or ""
    parts = None
    if not release.at_least(2025, 2):
        document, name = _json_payload(request, path, release)
        return _Payload(name, document)
    if "application/json" in content_type:
        document, name = _json_payload(request, path, release)
        if name:
            return _Payload(name, document)
    elif "multipart/form-data" in content_type:
        parts = read_multipart(content_type, request.body)
        if parts is None:
            raise StatusError("FAILED_TO_PARSE_MULTIPART_CONTENT_TYPE")
        if parts.field("model"):
            return _Payload(parts.text("model"), None, parts)
    if len(path) <= 4:
        raise StatusError("FAILED_TO_DEDUCE_MODEL_NAME_FROM_URI")
    return _Payload(path[4:], None, parts)


def _json_payload(request: ClientRequest, path: str, release: Release) -> tuple[JsonObject, str]:
    code = "JSON_INVALID"
    try:
        document = read_json(request.body, json_rules(release))
    except JsonSyntaxError as error:
        raise StatusError(code, "Cannot parse JSON body", RequestPosition("$", error.offset)) from None
    except JsonDepthError as error:
        details = "JSON body exceeds maximum nesting depth"
        raise StatusError(code, details, RequestPosition("$", error.offset)) from None
    quote = '"' if not release.at_least(2024, 5) else ""
    if not isinstance(document, JsonObject):
        raise StatusError(code, "JSON body must be an object", RequestPosition("$", 0))
    model = document.find(b"model")
    if model is None:
        raise StatusError(code, f"{quote}model{quote} field is missing in JSON body", RequestPosition("$", 0))
    if not isinstance(model, JsonString):
        details = f"{quote}model{quote} field is not a string"
        raise StatusError(code, details, RequestPosition("$.model", model.start))
    streams = "completions" in path or ("responses" in path and release.at_least(2026, 2))
    stream = document.find(b"stream")
    if streams and stream is not None and not (isinstance(stream, JsonLiteral) and stream.value is not None):
        details = f"{quote}stream{quote} field is not a boolean"
        raise StatusError(code, details, RequestPosition("$.stream", stream.start))
    return document, model.c_string.decode("utf-8", "surrogateescape")


def _encoding_format(document: JsonObject) -> None:
    value = document.find(b"encoding_format")
    if value is None:
        return
    if not isinstance(value, JsonString):
        raise CalculatorError("encoding_format should be string", "$.encoding_format", value.start)
    if value.c_string not in (b"base64", b"float"):
        text = "encoding_format should either base64 or float"
        raise CalculatorError(text, "$.encoding_format", value.start)


def _rerank(document: JsonObject) -> None:
    """Applies `RerankHandler::parseRequest` (rerank_utils.cpp)."""
    query = document.find(b"query")
    if query is None:
        raise CalculatorError("query field is missing in request", "$", document.start)
    if not isinstance(query, JsonString):
        raise CalculatorError("query is not a string", "$.query", query.start)
    documents = document.find(b"documents")
    if documents is None:
        raise CalculatorError("documents field is missing in request", "$", document.start)
    if not isinstance(documents, JsonArray):
        raise CalculatorError("documents is not an array", "$.documents", documents.start)
    kinds: set[type] = set()
    for index, item in enumerate(documents.items):
        _rerank_document(item, f"$.documents[{index}]", kinds)
    _optional(document, b"top_n", "integer", "top_n accepts integer values")
    fields = document.find(b"rank_fields")
    if fields is not None and not _is_null(fields):
        if not isinstance(fields, JsonArray):
            raise CalculatorError("rank_fields is not an array", "$.rank_fields", fields.start)
        if any(not isinstance(item, JsonString) for item in fields.items):
            raise CalculatorError("rank_fields array element is not a string", "$.rank_fields", fields.start)
    _optional(document, b"return_documents", "boolean", "return_documents accepts boolean values")
    _optional(document, b"max_chunks_per_doc", "integer", "max_chunks_per_doc accepts integer values")
    if any(isinstance(item, JsonObject) for item in documents.items):
        raise CalculatorError("document map not supported", "$.documents", documents.start)


def _rerank_document(item: JsonItem, path: str, kinds: set[type]) -> None:
    if not isinstance(item, JsonString | JsonObject):
        raise CalculatorError("documents array element is neither string nor object", path, item.start)
    kinds.add(type(item))
    if len(kinds) > 1:
        raise CalculatorError("all documents have to be the same type (string or objects)", path, item.start)
    if isinstance(item, JsonString):
        return
    for name in ("title", "text"):
        value = item.find(name.encode())
        if value is None:
            raise CalculatorError(f"document {name} field is missing", path, item.start)
        if not isinstance(value, JsonString):
            raise CalculatorError(f"document {name} field have to be string", f"{path}.{name}", value.start)


def _is_null(value: JsonItem) -> bool:
    return isinstance(value, JsonLiteral) and value.value is None


def _optional(document: JsonObject, name: bytes, kind: str, text: str) -> None:
    value = document.find(name)
    if value is None or _is_null(value):
        return
    if kind == "integer" and isinstance(value, JsonNumber) and is_int(value):
        return
    if kind == "boolean" and isinstance(value, JsonLiteral):
        return
    raise CalculatorError(text, f"$.{name.decode()}", value.start)
