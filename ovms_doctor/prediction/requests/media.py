"""The required form of requests for images, for speech and for the text of speech, as far as their bodies decide.

From `getPromptField`, `getImageGenerationRequestOptions` and `getImageEditRequestOptions` (image_gen/imagegenutils.cpp,
since 2025.2; edits since 2025.3), `T2sCalculator::Process` (audio/text_to_speech/t2s_calculator.cc, since 2025.4) and
`S2tCalculator::Process` (audio/speech_to_text/s2t_calculator.cc, since 2025.4).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.requests.json_values import JsonNumber, JsonObject, JsonString, is_int
from ovms_doctor.prediction.requests.multipart import Multipart
from ovms_doctor.prediction.requests.tokenize import CalculatorError

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


#: The fields of an edit that the server accepts.
_ACCEPTED_EDIT = _ACCEPTED | {"mask"}
#: The longest language code of a transcription.
_LANGUAGE = 3
_NO_IMAGE = "RET_CHECK failure (…) image.has_value() && !image.value().empty() Image field is missing in multipart body"
_GRANULARITIES = 'Invalid timestamp_granularities type. Allowed types: "segment", "word"'
_NOT_AUDIO = "Received input file is not valid wav nor mp3 audio file"


def check_image(
    path: str, document: JsonObject | None, parts: Multipart | None, release: Release
) -> list[str]:
    """Checks a request for images, in JSON or in parts; returns the doubts that remain. Raises CalculatorError."""
    if release.at_least(2025, 3):
        if _is_below(path, "images/edits", release):
            return _check_edit(parts, release)
        if not _is_below(path, "images/generations", release):
            raise CalculatorError(f"Unsupported URI: {path}", "", None)
    if document is None:
        raise CalculatorError("Failed to parse JSON", "", None)
    _check_generation(document, release)
    return []


def _check_generation(document: JsonObject, release: Release) -> None:
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


def _check_edit(parts: Multipart | None, release: Release) -> list[str]:
    """Checks an edit of an image, which is multipart."""
    if parts is None:
        raise CalculatorError("Failed to parse multipart data", "", None)
    if not parts.field("prompt"):
        raise CalculatorError("prompt field is missing in multipart body", "$.prompt", None)
    if not parts.files.get("image"):
        raise CalculatorError(_NO_IMAGE, "$.image", None, "INTERNAL")
    form = parts.text("response_format")
    if form and form != "b64_json":
        text = f"Unsupported response_format: {form}. Only b64_json is supported."
        raise CalculatorError(text, "$.response_format", None)
    for name in _REFUSED:
        if parts.field(name):
            raise CalculatorError(f"Unhandled parameter: {name}", f"$.{name}", None)
    accepted = _ACCEPTED_EDIT if release.at_least(2026, 1) else _ACCEPTED
    if release.at_least(2026, 2):
        accepted = accepted | {"lora_alphas"}
    for name in sorted({*parts.fields, *parts.files}):
        if name not in accepted:
            raise CalculatorError(f"Unhandled parameter: {name}", f"$.{name}", None)
    return ["the numbers and the images of the parts are not looked at"]


def check_transcription(path: str, parts: Multipart | None, release: Release) -> list[str]:
    """Checks a request for the text of speech; returns the doubts that remain. Raises CalculatorError."""
    transcribes = _is_below(path, "audio/transcriptions", release)
    if not transcribes and not _is_below(path, "audio/translations", release):
        raise CalculatorError(f"Unsupported URI: {path}", "", None)
    if parts is None:
        raise CalculatorError("Failed to parse multipart data", "", None)
    doubts = _check_stream(parts, transcribes, release)
    audio = parts.files.get("file", b"")
    if not audio:
        raise CalculatorError("File parsing fails", "$.file", None)
    is_wav = audio[:4] == b"RIFF" and audio[8:12] == b"WAVE"
    if not is_wav and b"\xff" not in audio:
        # A frame of MP3 begins with this byte.
        raise CalculatorError(_NOT_AUDIO, "$.file", None)
    if not is_wav and audio[:3] != b"ID3" and audio[:1] != b"\xff":
        doubts.append("whether the file is WAV or MP3, which the server reads, is not known")
    # Before 2026.0 the server looked for the language among the files.
    if transcribes and release.at_least(2026, 0) and len(parts.field("language")) > _LANGUAGE:
        raise CalculatorError("Invalid language code.", "$.language", None)
    granularities = parts.fields.get("timestamp_granularities[]", [])
    if transcribes and release.at_least(2026, 0):
        for value in granularities:
            if value not in (b"segment", b"word"):
                raise CalculatorError(_GRANULARITIES, "$.timestamp_granularities[]", None)
        if b"word" in granularities:
            doubts.append("whether the graph has enable_word_timestamps is not looked at")
    return doubts


def _check_stream(parts: Multipart, transcribes: bool, release: Release) -> list[str]:
    """Checks the field that asks for a stream; returns the doubts that remain."""
    if not release.at_least(2026, 2):
        # In 2025.4 the server looks for the field among the files.
        if parts.field("stream") if release.at_least(2026, 0) else parts.files.get("stream"):
            raise CalculatorError("streaming is not supported", "$.stream", None)
        return []
    if parts.field("stream") != b"true":
        return []
    if not transcribes:
        raise CalculatorError("streaming is not supported for translations endpoint", "$.stream", None)
    return ["whether the graph has a LOOPBACK stream, which streaming needs, is not looked at"]


def _is_below(path: str, endpoint: str, release: Release) -> bool:
    """Whether a path begins with that of an endpoint."""
    return path.startswith(f"/v3/{endpoint}") or (
        release.at_least(2026, 3) and path.startswith(f"/v1/{endpoint}")
    )


def check_speech(path: str, document: JsonObject | None, release: Release) -> list[str]:
    """Checks a request for speech; returns the doubts that remain. Raises CalculatorError."""
    if not _is_below(path, "audio/speech", release):
        raise CalculatorError(f"Unsupported URI: {path}", "", None)
    if document is None:
        raise CalculatorError("Failed to parse JSON", "", None)
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
        return ["ovms-doctor does not check whether the graph has the voice"]
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
