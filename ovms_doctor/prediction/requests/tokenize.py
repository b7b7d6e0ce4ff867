"""The input of /tokenize and /embeddings (tokenize/tokenize_parser.cpp)."""

from __future__ import annotations

from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.requests.json_values import (
    JsonArray,
    JsonItem,
    JsonLiteral,
    JsonNumber,
    JsonObject,
    JsonString,
    NumberRun,
    is_int,
    is_uint,
    numbers_in,
)


class CalculatorError(Exception):
    """The calculator of a graph refuses the request."""

    def __init__(self, text: str, path: str, offset: int | None, kind: str = "INVALID_ARGUMENT") -> None:
        super().__init__(text)
        #: The name of MediaPipe's status.
        self.kind = kind
        #: The calculator's own text.
        self.text = text
        #: The JSON path of the fault.
        self.path = path
        #: The byte offset of the fault.
        self.offset = offset


def is_tokenize_endpoint(path: str) -> bool:
    """Whether a path is that of the tokenizer: `isTokenizeEndpoint` compares its end only."""
    return path.endswith("tokenize")


def check_tokenize(body: bytes, document: JsonObject, release: Release) -> None:
    """Applies `TokenizeParser::validateTokenizeRequest`. Raises CalculatorError."""
    check_strings(body, document, b"text")
    _max_length(document, release)
    for name in ("pad_to_max_length", "add_special_tokens"):
        value = document.find(name.encode())
        if value is not None and not (isinstance(value, JsonLiteral) and value.value is not None):
            raise CalculatorError(f"{name} should be boolean", f"$.{name}", value.start)
    side = document.find(b"padding_side")
    if side is not None and not isinstance(side, JsonString):
        text = "padding_side should be string, either left or right"
        raise CalculatorError(text, "$.padding_side", side.start)
    if isinstance(side, JsonString) and side.c_string not in (b"left", b"right"):
        raise CalculatorError("padding_side should be either left or right", "$.padding_side", side.start)
    value = document.find(b"text")
    if isinstance(value, JsonArray) and not isinstance(value.items[0], JsonString):
        raise CalculatorError("Input should be string or array of strings", "$.text", value.start)


def _max_length(document: JsonObject, release: Release) -> None:
    value = document.find(b"max_length")
    if value is None:
        return
    if not release.at_least(2026, 3):
        if not isinstance(value, JsonNumber) or not is_int(value):
            raise CalculatorError("max_length should be integer", "$.max_length", value.start)
        return
    if not isinstance(value, JsonNumber) or not is_uint(value):
        raise CalculatorError("max_length should be unsigned integer", "$.max_length", value.start)
    if value.integer == 0:
        raise CalculatorError("max_length should be greater than 0", "$.max_length", value.start)


def check_strings(body: bytes, document: JsonObject, name: bytes) -> None:
    """Applies `TokenizeParser::parseInput`: a string, or an array of strings or of integers, all of one kind."""
    label = name.decode()
    value = document.find(name)
    if value is None:
        raise CalculatorError(f"{label} field is required", "$", document.start)
    if isinstance(value, JsonString):
        return
    if not isinstance(value, JsonArray):
        text = f"{label} should be string, array of strings or array of integers"
        raise CalculatorError(text, f"$.{label}", value.start)
    if value.size == 0:
        raise CalculatorError(f"{label} array should not be empty", f"$.{label}", value.start)
    mixed = CalculatorError(f"{label} must be homogeneous", f"$.{label}", value.start)
    found = ""
    for item in value.items:
        kind = _kind(body, item)
        if isinstance(item, JsonArray):
            if item.size == 0:
                text = f"inner arrays in {label} should not be empty"
                raise CalculatorError(text, f"$.{label}", item.start)
            kinds = {_kind(body, inner) for inner in item.items}
            first = _kind(body, item.items[0])
            kind = f"{first}s"
            if first not in ("string", "integer"):
                text = f"every element in {label} array should be either string or int"
                raise CalculatorError(text, f"$.{label}", item.start)
            if len(kinds) > 1:
                raise mixed
        elif kind == "other":
            text = f"every element in {label} array should be either string or int"
            raise CalculatorError(text, f"$.{label}", item.start)
        if found and kind != found:
            raise mixed
        found = kind


def _kind(body: bytes, item: JsonItem) -> str:
    if isinstance(item, JsonString):
        return "string"
    if isinstance(item, NumberRun):
        return "integer" if all(is_int(number) for number in numbers_in(body, item)) else "other"
    if isinstance(item, JsonNumber) and is_int(item):
        return "integer"
    return "other"
