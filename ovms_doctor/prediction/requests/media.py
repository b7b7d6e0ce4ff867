"""The required form of requests for images and for speech, as far as their JSON decides.

From `getPromptField` and `getImageGenerationRequestOptions` (image_gen/imagegenutils.cpp, since 2025.2) and
`T2sCalculator::Process` (audio/text_to_speech/t2s_calculator.cc, since 2025.4).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.requests.chat import CalculatorError
from ovms_doctor.prediction.requests.json_values import JsonNumber, JsonObject, JsonString, is_int

_TEXTS = ("prompt_2", "prompt_3", "negative_prompt", "negative_prompt_2", "negative_prompt_3")
_COUNTS = ("n", "num_images_per_prompt", "max_sequence_length")
_FRACTIONS = ("guidance_scale", "strength")
_SIZES, _NATURAL = ("width", "height"), ("num_inference_steps", "rng_seed")
#: OpenAI's fields that the server refuses before it reads others.
_REFUSED = ("background", "moderation", "output_compression", "output_format", "quality", "style")
_ACCEPTED = frozenset(
    (
        "prompt",
        "image",
        "size",
        "response_format",
        "model",
        *_TEXTS,
        *_COUNTS,
        *_FRACTIONS,
        *_SIZES,
        *_NATURAL,
    )
)
_SIGNED, _UNSIGNED = range(-(1 << 63), 1 << 63), range(1 << 64)


def check_image(path: str, document: JsonObject, release: Release) -> None:
    """Checks a request for images. Raises CalculatorError."""
    if release.at_least(2025, 3) and not path.endswith("/images/generations"):
        if path.endswith("/images/edits"):
            # The server reads these requests as multipart data, which is not checked here.
            return
        raise CalculatorError(f"Unsupported URI: {path}", "", None)
    prompt = document.find(b"prompt")
    if prompt is None:
        raise CalculatorError("prompt field is missing in JSON body", "$", document.start)
    _text(document, "prompt")
    _size(document)
    for name in (*_TEXTS, "response_format"):
        _text(document, name)
    form = document.find(b"response_format")
    if isinstance(form, JsonString) and form.c_string != b"b64_json":
        text = form.c_string.decode("utf-8", "surrogateescape")
        raise CalculatorError(
            f"Unsupported response_format: {text}. Only b64_json is supported.",
            "$.response_format",
            form.start,
        )
    _numbers(document)
    for name, start in _unhandled(document, release):
        raise CalculatorError(f"Unhandled parameter: {name}", f"$.{name}", start)


def check_speech(path: str, document: JsonObject, release: Release) -> list[str]:
    """Checks a request for speech; returns the doubts that remain. Raises CalculatorError."""
    if not path.endswith("/audio/speech"):
        raise CalculatorError(f"Unsupported URI: {path}", "", None)
    text = document.find(b"input")
    if text is None:
        raise CalculatorError("input field is missing in JSON body", "$", document.start)
    _text(document, "input")
    form = document.find(b"stream_format")
    if form is not None:
        raise CalculatorError("streaming is not supported", "$.stream_format", form.start)
    if release.at_least(2026, 3):
        _text(document, "voice")
        _text(document, "language")
        speed = document.find(b"speed")
        if speed is not None and not isinstance(speed, JsonNumber):
            raise CalculatorError("speed field is not a number", "$.speed", speed.start)
    if document.find(b"voice") is not None and release.at_least(2026, 0):
        return ["whether the graph has the voice is not looked at"]
    return []


def _text(document: JsonObject, name: str) -> None:
    value = document.find(name.encode())
    if value is not None and not isinstance(value, JsonString):
        raise CalculatorError(f"{name} field is not a string", f"$.{name}", value.start)


def _size(document: JsonObject) -> None:
    _text(document, "size")
    value = document.find(b"size")
    if not isinstance(value, JsonString) or value.c_string == b"auto":
        return
    match = re.fullmatch(rb"([+-]?\d{1,18})x([+-]?\d{1,18})", value.c_string)
    if match is None:
        raise CalculatorError("size field is not in correct format - WxH", "$.size", value.start)
    if int(match[1]) <= 0 or int(match[2]) <= 0:
        raise CalculatorError("size field values must be greater than 0", "$.size", value.start)


def _numbers(document: JsonObject) -> None:
    """Checks numbers, in the server's order. For RapidJSON an integer is not a float."""
    kinds: tuple[tuple[tuple[str, ...], str, Callable[[JsonNumber], bool]], ...] = (
        (_COUNTS, "int", is_int),
        (_FRACTIONS, "float", lambda item: item.integer is None),
        (_SIZES, "int64", lambda item: item.integer is not None and item.integer in _SIGNED),
        (_NATURAL, "size_t", lambda item: item.integer is not None and item.integer in _UNSIGNED),
    )
    for names, kind, fits in kinds:
        for name in names:
            value = document.find(name.encode())
            if value is not None and not (isinstance(value, JsonNumber) and fits(value)):
                raise CalculatorError(f"{name} field is not a {kind}", f"$.{name}", value.start)


def _unhandled(document: JsonObject, release: Release) -> Iterator[tuple[str, int]]:
    for name in _REFUSED:
        value = document.find(name.encode())
        if value is not None:
            yield name, value.start
    accepted = _ACCEPTED | {"lora_alphas"} if release.at_least(2026, 2) else _ACCEPTED
    for member in document.members:
        name = member.name.c_string.decode("utf-8", "surrogateescape")
        if name not in accepted:
            yield name, member.name.start
