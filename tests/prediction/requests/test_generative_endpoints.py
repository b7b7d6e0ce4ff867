"""The endpoints of generative models: where a request's model is read, and what each endpoint requires."""

from __future__ import annotations

import json

import pytest

from ovms_doctor.inputs.requests.multipart import FormPart, multipart_body
from ovms_doctor.model.client_request import Answer, ClientRequest
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.releases import parse_release
from ovms_doctor.model.served_models import GenerativeLimits, ServedGraph, ServedModels
from ovms_doctor.prediction.requests.verdict import answer_request

WAV = b"RIFF\x24\0\0\0WAVEfmt "
RELEASES = ("2025.0", "2025.1", "2025.2", "2025.3", "2025.4", "2026.0", "2026.1", "2026.2", "2026.3")


def models(task: str, **limits: object) -> ServedModels:
    found = GenerativeLimits(task=task, **limits)  # type: ignore[arg-type]
    return ServedModels(graphs=(ServedGraph("m", "generative", generative=found),))


def answer(request: ClientRequest, served: ServedModels, release: str) -> Answer:
    return answer_request(request, served, parse_release(release), Facts()).answer


def posted(
    path: str,
    fields: dict[str, object],
    task: str = "text_generation",
    release: str = "2026.3",
    content_type: str | None = "application/json",
    **limits: object,
) -> Answer:
    headers = () if content_type is None else (("Content-Type", content_type),)
    body = json.dumps({"model": "m", **fields}).encode()
    return answer(
        ClientRequest("OpenAI", path=path, headers=headers, body=body), models(task, **limits), release
    )


def form(path: str, parts: list[FormPart], task: str, release: str = "2026.3") -> Answer:
    body, content_type = multipart_body(parts)
    headers = (("Content-Type", content_type),)
    return answer(ClientRequest("OpenAI", path=path, headers=headers, body=body), models(task), release)


MODEL = FormPart(b"model", b"m")
CHAT: dict[str, object] = {"messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("content_type", [None, "application/x-www-form-urlencoded"])
def test_until_2025_1_every_body_is_json(release: str, content_type: str | None) -> None:
    """`processV3` reads the Content-Type since 2025.2; another type than JSON is routed by the URL."""
    found = posted("/v3/chat/completions", CHAT, release=release, content_type=content_type)
    if release < "2025.2":
        assert found.succeeds
    else:
        assert (found.code, found.http_status) == ("MEDIAPIPE_DEFINITION_NAME_MISSING", 404)


@pytest.mark.parametrize("release", RELEASES)
def test_a_form_without_a_model_is_routed_by_its_url(release: str) -> None:
    found = form("/v3/audio/transcriptions", [FormPart(b"file", WAV, b"a.wav")], "speech_to_text", release)
    expected = (412, "JSON_INVALID") if release < "2025.2" else (404, "MEDIAPIPE_DEFINITION_NAME_MISSING")
    assert (found.http_status, found.code) == expected


def test_a_graph_named_like_the_rest_of_the_url_gets_the_form() -> None:
    body, content_type = multipart_body([FormPart(b"file", WAV, b"a.wav")])
    request = ClientRequest(
        "OpenAI", path="/v3/audio/transcriptions", headers=(("Content-Type", content_type),), body=body
    )
    limits = GenerativeLimits(task="speech_to_text")
    served = ServedModels(graphs=(ServedGraph("audio/transcriptions", "generative", generative=limits),))
    assert answer(request, served, "2026.3").succeeds


@pytest.mark.parametrize(
    ("content_type", "body", "succeeds"),
    [
        ("multipart/form-data", b"--b\r\n\r\n--b--", False),
        ("multipart/form-data; boundary=b", b"--b\r\nno end of the head\r\n--b--", False),
        (
            'multipart/form-data; charset=utf-8; boundary="b"',
            b"--b\r\nContent-Disposition: form-data; name=model\r\n\r\nm\r\n--b\r\n"
            b'Content-Disposition: form-data; filename="x"; name="file"\r\n\r\nRIFF____WAVE\r\n--b--\r\n',
            True,
        ),
    ],
)
def test_how_a_form_is_parsed(content_type: str, body: bytes, succeeds: bool) -> None:
    request = ClientRequest(
        "OpenAI", path="/v3/audio/transcriptions", headers=(("content-type", content_type),), body=body
    )
    found = answer(request, models("speech_to_text"), "2026.3")
    assert found.succeeds is succeeds
    if not succeeds:
        assert (found.http_status, found.code) == (500, "FAILED_TO_PARSE_MULTIPART_CONTENT_TYPE")


@pytest.mark.parametrize(
    ("parts", "path", "release", "text"),
    [
        ([FormPart(b"file", WAV, b"a.wav")], "transcriptions", "2025.4", ""),
        ([FormPart(b"file", b"ID3\x04\0" + b"\xff\xfb", b"a.mp3")], "translations", "2026.3", ""),
        ([], "transcriptions", "2026.3", "File parsing fails"),
        # A field is no file.
        ([FormPart(b"file", WAV)], "transcriptions", "2026.3", "File parsing fails"),
        ([FormPart(b"audio", WAV, b"a.wav")], "transcriptions", "2026.3", "File parsing fails"),
        (
            [FormPart(b"file", b"hello", b"a.wav")],
            "transcriptions",
            "2026.3",
            "Received input file is not valid wav nor mp3 audio file",
        ),
        (
            [FormPart(b"file", WAV, b"a.wav"), FormPart(b"language", b"english")],
            "transcriptions",
            "2026.0",
            "Invalid language code.",
        ),
        # 2025.4 looks for the language among the files; a translation has none.
        ([FormPart(b"file", WAV, b"a"), FormPart(b"language", b"english")], "transcriptions", "2025.4", ""),
        ([FormPart(b"file", WAV, b"a"), FormPart(b"language", b"english")], "translations", "2026.3", ""),
        (
            [FormPart(b"file", WAV, b"a"), FormPart(b"timestamp_granularities[]", b"char")],
            "transcriptions",
            "2026.3",
            'Invalid timestamp_granularities type. Allowed types: "segment", "word"',
        ),
        (
            [FormPart(b"file", WAV, b"a"), FormPart(b"stream", b"true")],
            "transcriptions",
            "2026.1",
            "streaming is not supported",
        ),
        (
            [FormPart(b"file", WAV, b"a"), FormPart(b"stream", b"true")],
            "translations",
            "2026.3",
            "streaming is not supported for translations endpoint",
        ),
        ([FormPart(b"file", WAV, b"a"), FormPart(b"stream", b"true")], "transcriptions", "2026.3", ""),
        ([FormPart(b"file", WAV, b"a")], "speech", "2026.3", "Unsupported URI: /v3/audio/speech"),
    ],
)
def test_transcriptions(parts: list[FormPart], path: str, release: str, text: str) -> None:
    found = form(f"/v3/audio/{path}", [MODEL, *parts], "speech_to_text", release)
    assert found.succeeds is (not text)
    assert found.message.endswith(text)


def test_a_transcription_in_json() -> None:
    found = posted("/v3/audio/transcriptions", {"file": "a.wav"}, "speech_to_text")
    assert found.http_status == 400
    assert found.message.endswith("Failed to parse multipart data")


IMAGE = FormPart(b"image", b"\x89PNG", b"a.png")
PROMPT = FormPart(b"prompt", b"a cat")


@pytest.mark.parametrize(
    ("parts", "release", "text"),
    [
        ([IMAGE, PROMPT], "2025.3", ""),
        ([IMAGE], "2026.3", "prompt field is missing in multipart body"),
        ([PROMPT], "2026.3", "Image field is missing in multipart body"),
        ([PROMPT, FormPart(b"image", b"\x89PNG")], "2026.3", "Image field is missing in multipart body"),
        (
            [IMAGE, PROMPT, FormPart(b"response_format", b"url")],
            "2026.3",
            "Unsupported response_format: url. Only b64_json is supported.",
        ),
        ([IMAGE, PROMPT, FormPart(b"response_format", b"b64_json")], "2026.3", ""),
        ([IMAGE, PROMPT, FormPart(b"quality", b"hd")], "2026.3", "Unhandled parameter: quality"),
        ([IMAGE, PROMPT, FormPart(b"user", b"me")], "2026.3", "Unhandled parameter: user"),
        ([IMAGE, PROMPT, FormPart(b"mask", b"\x89PNG", b"m.png")], "2026.0", "Unhandled parameter: mask"),
        ([IMAGE, PROMPT, FormPart(b"mask", b"\x89PNG", b"m.png")], "2026.1", ""),
        # 2025.2 has generations only, which it reads as JSON.
        ([IMAGE, PROMPT], "2025.2", "Failed to parse JSON"),
    ],
)
def test_edits(parts: list[FormPart], release: str, text: str) -> None:
    found = form("/v3/images/edits", [MODEL, *parts], "image_generation", release)
    assert found.succeeds is (not text)
    assert found.message.endswith(text)


def test_an_edit_in_json_and_a_generation_in_a_form() -> None:
    found = posted("/v3/images/edits", {"prompt": "a"}, "image_generation")
    assert found.message.endswith("Failed to parse multipart data")
    found = form("/v3/images/generations", [MODEL, PROMPT], "image_generation")
    assert found.message.endswith("Failed to parse JSON")


@pytest.mark.parametrize(
    ("task", "path", "text"),
    [
        ("text_generation", "chat/completions", "Non-json request received in text generation calculator"),
        ("embeddings", "embeddings", "Non-json request received in embeddings calculator"),
        ("rerank", "rerank", "Non-json request received in rerank calculator"),
        ("text_to_speech", "audio/speech", "Failed to parse JSON"),
    ],
)
def test_a_form_for_an_endpoint_that_reads_json(task: str, path: str, text: str) -> None:
    found = form(f"/v3/{path}", [MODEL], task)
    assert found.http_status == 400
    assert found.message.endswith(text)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("endpoint", ["responses", "tokenize"])
def test_since_when_a_language_model_has_an_endpoint(release: str, endpoint: str) -> None:
    found = posted(f"/v3/{endpoint}", {"input": "hi", "text": "hi"}, release=release)
    assert found.succeeds is (release >= {"responses": "2026.2", "tokenize": "2026.0"}[endpoint])
    if not found.succeeds:
        allowed = "/v3/chat/completions, /v3/completions"
        assert found.message.endswith(f"Wrong endpoint. Allowed endpoints: {allowed}")


@pytest.mark.parametrize(
    ("task", "release", "succeeds"),
    [
        ("embeddings", "2025.4", True),
        ("embeddings", "2025.3", False),
        ("rerank", "2026.0", True),
        ("rerank", "2025.4", False),
    ],
)
def test_the_tokenizer_of_other_tasks(task: str, release: str, succeeds: bool) -> None:
    assert posted("/v3/tokenize", {"text": "hi"}, task, release).succeeds is succeeds


@pytest.mark.parametrize(
    ("fields", "release", "text"),
    [
        ({"text": ["a", "b"], "max_length": 3, "padding_side": "left"}, "2026.3", ""),
        ({"input": "a"}, "2026.3", "text field is required"),
        ({"text": [1, 2]}, "2026.3", "Input should be string or array of strings"),
        ({"text": "a", "max_length": 0}, "2026.3", "max_length should be greater than 0"),
        ({"text": "a", "max_length": 0}, "2026.2", ""),
        ({"text": "a", "max_length": -1}, "2026.3", "max_length should be unsigned integer"),
        ({"text": "a", "max_length": "3"}, "2026.2", "max_length should be integer"),
        ({"text": "a", "add_special_tokens": 1}, "2026.3", "add_special_tokens should be boolean"),
        ({"text": "a", "pad_to_max_length": None}, "2026.3", "pad_to_max_length should be boolean"),
        ({"text": "a", "padding_side": "up"}, "2026.3", "padding_side should be either left or right"),
    ],
)
def test_tokenize(fields: dict[str, object], release: str, text: str) -> None:
    found = posted("/v3/tokenize", fields, release=release)
    assert found.succeeds is (not text)
    assert found.message.endswith(text)


def user(content: object) -> dict[str, object]:
    return {"input": [{"role": "user", "content": content}]}


@pytest.mark.parametrize(
    ("fields", "release", "text"),
    [
        ({"input": "hi", "max_output_tokens": 8, "temperature": 0.5}, "2026.2", ""),
        ({}, "2026.3", "input missing in request"),
        ({"input": ""}, "2026.3", "input cannot be empty"),
        ({"input": []}, "2026.3", "input array must not be empty"),
        ({"input": 1}, "2026.3", "input is not a string or array"),
        ({"input": ["hi"]}, "2026.3", "input array items must be objects"),
        ({"input": [{"content": "hi"}]}, "2026.3", "input item role is missing or invalid"),
        ({"input": [{"role": "user"}]}, "2026.3", "input item is missing required content field"),
        (user([]), "2026.3", "input item content array must not be empty"),
        (user([{"type": "input_text", "text": "hi"}]), "2026.2", ""),
        (user([{"type": "text", "text": "hi"}]), "2026.3", "unsupported input content item type: text"),
        (user([{"type": "input_text"}]), "2026.3", "input_text requires a valid text field"),
        (user([{"type": "input_audio", "input_audio": {"data": "QQ=="}}]), "2026.3", ""),
        (
            user([{"type": "input_audio", "input_audio": {"data": "QQ=="}}]),
            "2026.2",
            "unsupported input content item type: input_audio",
        ),
        ({"input": [{"type": "function_call"}]}, "2026.3", "is missing required call_id (or id) field"),
        ({"input": "hi", "stream": True, "stream_options": {}}, "2026.3", "not supported in Responses API."),
        ({"input": "hi", "reasoning": {"effort": "none"}}, "2026.3", "must be one of: low, medium, high"),
        ({"input": "hi", "temperature": 3}, "2026.3", "temperature out of range(0.0, 2.0)"),
        (
            {"input": "hi", "max_output_tokens": 0},
            "2026.3",
            "max_output_tokens value should be greater than 0",
        ),
        # max_tokens is not a field of this endpoint.
        ({"input": "hi", "max_tokens": "8"}, "2026.3", ""),
    ],
)
def test_responses(fields: dict[str, object], release: str, text: str) -> None:
    found = posted("/v3/responses", fields, release=release)
    assert found.succeeds is (not text)
    assert found.message.endswith(text)


def test_an_image_in_responses_for_a_model_without_vision() -> None:
    part = {"type": "input_image", "image_url": "data:image/png;base64,QQ=="}
    found = posted("/v3/responses", user([part]), vision=False)
    assert found.message.endswith("image_url has been provided")
    assert posted("/v3/responses", user([part]), vision=True).succeeds


@pytest.mark.parametrize(
    ("fields", "release", "text"),
    [
        ({"max_tokens": 4095}, "2025.0", ""),
        ({"max_tokens": 4096}, "2025.0", "max_tokens exceeds limit provided in graph config: 4096"),
        ({"max_tokens": 5000}, "2025.1", ""),
        (
            {"max_completion_tokens": 4096},
            "2025.0",
            "max_completion_tokens exceeds limit provided in graph config",
        ),
        (
            {"ignore_eos": True, "max_tokens": 4001},
            "2025.0",
            "when ignore_eos is true max_tokens can not",
        ),
        ({"ignore_eos": True, "max_tokens": 4001}, "2025.1", ""),
    ],
)
def test_the_limit_of_a_graph_that_sets_none(fields: dict[str, object], release: str, text: str) -> None:
    """`max_tokens_limit` is 4096 until 2025.0 (llm_calculator.proto), and unset later."""
    found = posted("/v3/chat/completions", {**CHAT, **fields}, release=release)
    assert found.succeeds is (not text)
    assert text in found.message


@pytest.mark.parametrize(
    ("release", "template", "messages", "http_status"),
    [
        ("2025.0", "one_message", 1, 200),
        ("2025.3", "one_message", 2, 400),
        ("2025.4", "generic", 2, 200),
        ("2026.0", "missing", 1, 400),
        ("2025.3", "refused", 1, 400),
        ("2026.3", "refused", 1, 400),
    ],
)
def test_chat_without_a_template(release: str, template: str, messages: int, http_status: int) -> None:
    """Until 2025.3 the default takes one message, in 2025.4 any number; since 2026.0 there is none."""
    sent: dict[str, object] = {"messages": [{"role": "user", "content": "hi"}] * messages}
    found = posted("/v3/chat/completions", sent, release=release, chat_template=template, vision=False)
    assert found.http_status == http_status
    assert posted("/v3/chat/completions", sent, release=release, chat_template="own").succeeds
    prompt = {"prompt": "hi"}
    assert posted("/v3/completions", prompt, release=release, chat_template=template).succeeds
    unsure = {"chat_template": template, "chat_template_certain": False}
    assert posted("/v3/chat/completions", sent, release=release, **unsure).succeeds


def test_the_answer_names_the_node_of_the_graph() -> None:
    found = posted("/v3/chat/completions", {"messages": []}, node="MyNode")
    assert 'for node "MyNode" failed' in found.message


@pytest.mark.parametrize(("kind", "http_status"), [("generative", 404), ("pipeline", 200)])
def test_metadata_of_a_graph_in_the_tensorflow_serving_api(kind: str, http_status: int) -> None:
    """`GetModelMetadataImpl` searches models and pipelines; the status of a graph is there."""
    served = ServedModels(graphs=(ServedGraph("m", kind),))  # type: ignore[arg-type]
    request = ClientRequest("TFS", method="GET", path="/v1/models/m/metadata")
    assert answer(request, served, "2026.2").http_status == http_status
    status = ClientRequest("TFS", method="GET", path="/v1/models/m")
    assert answer(status, served, "2026.2").http_status == 200
