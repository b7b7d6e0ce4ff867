"""The input of /responses (openai_responses.cpp, since 2026.2)."""

from __future__ import annotations

from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.requests.json_values import (
    JsonArray,
    JsonItem,
    JsonLiteral,
    JsonObject,
    JsonString,
)
from ovms_doctor.prediction.requests.tokenize import CalculatorError

_EFFORTS = (b"low", b"medium", b"high")


#: The URLs of images, with their paths.
Images = list[tuple[JsonString, str]]


def check_responses_input(document: JsonObject, release: Release) -> Images:
    """Applies `parseInput`; returns the images. Raises CalculatorError."""
    value = document.find(b"input")
    if value is None:
        raise CalculatorError("input missing in request", "$", document.start)
    if isinstance(value, JsonString):
        if not value.c_string:
            raise CalculatorError("input cannot be empty", "$.input", value.start)
        return []
    if not isinstance(value, JsonArray):
        raise CalculatorError("input is not a string or array", "$.input", value.start)
    if value.size == 0:
        raise CalculatorError("input array must not be empty", "$.input", value.start)
    images: Images = []
    for index, item in enumerate(value.items):
        _item(item, f"$.input[{index}]", images, release)
    return images


def check_responses_reasoning(document: JsonObject) -> None:
    """Checks the member `reasoning`. Raises CalculatorError."""
    reasoning = document.find(b"reasoning")
    if reasoning is None or _is_null(reasoning):
        return
    if not isinstance(reasoning, JsonObject):
        raise CalculatorError("reasoning is not an object", "$.reasoning", reasoning.start)
    effort = reasoning.find(b"effort")
    if effort is None or _is_null(effort):
        return
    if not isinstance(effort, JsonString):
        raise CalculatorError("reasoning.effort is not a string", "$.reasoning.effort", effort.start)
    if effort.c_string not in _EFFORTS:
        text = "reasoning.effort must be one of: low, medium, high"
        raise CalculatorError(text, "$.reasoning.effort", effort.start)


def _item(item: JsonItem, path: str, images: Images, release: Release) -> None:
    if not isinstance(item, JsonObject):
        raise CalculatorError("input array items must be objects", path, item.start)
    kind = _text(item, b"type")
    if kind == b"reasoning" or kind == b"function_call_output":
        return
    if kind == b"function_call":
        _function_call(item, path)
        return
    if not isinstance(item.find(b"role"), JsonString):
        raise CalculatorError("input item role is missing or invalid", path, item.start)
    content = item.find(b"content")
    if content is None:
        raise CalculatorError("input item is missing required content field", path, item.start)
    if isinstance(content, JsonString):
        return
    if not isinstance(content, JsonArray):
        text = "input item content must be a string or array"
        raise CalculatorError(text, f"{path}.content", content.start)
    if content.size == 0:
        text = "input item content array must not be empty"
        raise CalculatorError(text, f"{path}.content", content.start)
    for index, part in enumerate(content.items):
        _part(part, f"{path}.content[{index}]", images, release)


def _function_call(item: JsonObject, path: str) -> None:
    """Applies `validateFunctionCallItem`."""
    call_id = item.find(b"call_id")
    identifier = _text(item, b"call_id" if isinstance(call_id, JsonString) else b"id")
    if not identifier:
        text = "function_call item is missing required call_id (or id) field"
        raise CalculatorError(text, path, item.start)
    if not _text(item, b"name"):
        raise CalculatorError("function_call item is missing required name field", path, item.start)
    if not isinstance(item.find(b"arguments"), JsonString):
        raise CalculatorError("function_call item is missing required arguments field", path, item.start)


def _part(part: JsonItem, path: str, images: Images, release: Release) -> None:
    if not isinstance(part, JsonObject):
        raise CalculatorError("input content items must be objects", path, part.start)
    kind = part.find(b"type")
    if not isinstance(kind, JsonString):
        raise CalculatorError("input content item type is missing or invalid", path, part.start)
    name = kind.c_string.decode("utf-8", "surrogateescape")
    if name in ("input_text", "output_text"):
        if not isinstance(part.find(b"text"), JsonString):
            raise CalculatorError(f"{name} requires a valid text field", path, part.start)
    elif name == "input_image":
        images.append(_image(part, path))
    elif name == "input_audio" and release.at_least(2026, 3):
        _audio(part, path)
    else:
        raise CalculatorError(f"unsupported input content item type: {name}", f"{path}.type", kind.start)


def _image(part: JsonObject, path: str) -> tuple[JsonString, str]:
    image = part.find(b"image_url")
    if image is None:
        raise CalculatorError("input_image requires image_url field", path, part.start)
    if isinstance(image, JsonString):
        return image, f"{path[2:]}.image_url"
    if not isinstance(image, JsonObject):
        text = "input_image.image_url must be a string or object"
        raise CalculatorError(text, f"{path}.image_url", image.start)
    url = image.find(b"url")
    if not isinstance(url, JsonString):
        text = "input_image.image_url.url is missing or invalid"
        raise CalculatorError(text, f"{path}.image_url", image.start)
    return url, f"{path[2:]}.image_url.url"


def _audio(part: JsonObject, path: str) -> None:
    audio = part.find(b"input_audio")
    if not isinstance(audio, JsonObject):
        raise CalculatorError("input_audio requires input_audio object field", path, part.start)
    if not isinstance(audio.find(b"data"), JsonString):
        raise CalculatorError("input_audio.data is missing or invalid", f"{path}.input_audio", audio.start)


def _text(item: JsonObject, name: bytes) -> bytes:
    value = item.find(name)
    return value.c_string if isinstance(value, JsonString) else b""


def _is_null(value: JsonItem) -> bool:
    return isinstance(value, JsonLiteral) and value.value is None
