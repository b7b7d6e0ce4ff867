"""Requests for images and speech, and endpoints that a kind of model does not have."""

from __future__ import annotations

import json

import pytest

from ovms_doctor.model.client_request import Answer, ClientRequest
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.releases import parse_release
from ovms_doctor.model.served_models import GenerativeLimits, ServedGraph, ServedModels
from ovms_doctor.prediction.requests.verdict import answer_request


def answer(
    path: str, fields: dict[str, object], task: str, release: str = "2026.3", **more: object
) -> Answer:
    limits = GenerativeLimits(**{"task": task, **more})  # type: ignore[arg-type]
    models = ServedModels(graphs=(ServedGraph("m", "generative", generative=limits),))
    headers = (("Content-Type", "application/json"),)
    body = json.dumps({"model": "m", **fields}).encode()
    request = ClientRequest("OpenAI", path=path, headers=headers, body=body)
    return answer_request(request, models, parse_release(release), Facts()).answer


IMAGES = "/v3/images/generations"
SPEECH = "/v3/audio/speech"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "prompt field is missing in JSON body"),
        ({"prompt": 1}, "prompt field is not a string"),
        ({"prompt": "a cat"}, ""),
        ({"prompt": "a cat", "size": "512x512", "n": 2, "response_format": "b64_json"}, ""),
        ({"prompt": "a cat", "size": "auto"}, ""),
        ({"prompt": "a cat", "size": 512}, "size field is not a string"),
        ({"prompt": "a cat", "size": "512"}, "size field is not in correct format - WxH"),
        ({"prompt": "a cat", "size": "512X512"}, "size field is not in correct format - WxH"),
        ({"prompt": "a cat", "size": "0x512"}, "size field values must be greater than 0"),
        (
            {"prompt": "a cat", "response_format": "url"},
            "Unsupported response_format: url. Only b64_json is supported.",
        ),
        ({"prompt": "a cat", "n": "2"}, "n field is not a int"),
        ({"prompt": "a cat", "n": 1 << 31}, "n field is not a int"),
        # For RapidJSON an integer is no float.
        ({"prompt": "a cat", "guidance_scale": 7}, "guidance_scale field is not a float"),
        ({"prompt": "a cat", "guidance_scale": 7.5, "strength": 0.5}, ""),
        ({"prompt": "a cat", "width": 512.0}, "width field is not a int64"),
        ({"prompt": "a cat", "rng_seed": -1}, "rng_seed field is not a size_t"),
        ({"prompt": "a cat", "quality": "hd", "foo": 1}, "Unhandled parameter: quality"),
        ({"prompt": "a cat", "user": "me"}, "Unhandled parameter: user"),
    ],
)
def test_images(fields: dict[str, object], text: str) -> None:
    found = answer(IMAGES, fields, "image_generation")
    assert found.succeeds is (not text)
    if text:
        assert found.http_status == 400
        assert found.message.endswith(f'node "ImageGenExecutor" failed: {text}')


@pytest.mark.parametrize(("release", "succeeds"), [("2026.1", False), ("2026.2", True)])
def test_adapters_of_a_request_came_with_2026_2(release: str, succeeds: bool) -> None:
    found = answer(IMAGES, {"prompt": "a", "lora_alphas": {"x": 1}}, "image_generation", release)
    assert found.succeeds is succeeds


@pytest.mark.parametrize(
    ("fields", "release", "text"),
    [
        ({}, "2025.4", "input field is missing in JSON body"),
        ({"input": ["a"]}, "2025.4", "input field is not a string"),
        ({"input": "hello"}, "2025.4", ""),
        ({"input": "hello", "stream_format": "sse"}, "2026.3", "streaming is not supported"),
        ({"input": "hello", "voice": 1}, "2026.3", "voice field is not a string"),
        ({"input": "hello", "voice": 1}, "2026.2", ""),
        ({"input": "hello", "speed": "fast"}, "2026.3", "speed field is not a number"),
        ({"input": "hello", "speed": 1, "language": "en-us"}, "2026.3", ""),
    ],
)
def test_speech(fields: dict[str, object], release: str, text: str) -> None:
    found = answer(SPEECH, fields, "text_to_speech", release)
    assert found.succeeds is (not text)
    assert found.message.endswith(text)


@pytest.mark.parametrize(
    ("path", "task", "text"),
    [
        ("/v3/chat/completions", "image_generation", "Unsupported URI: /v3/chat/completions"),
        ("/v3/images/generations", "text_to_speech", "Unsupported URI: /v3/images/generations"),
    ],
)
def test_endpoint_of_another_task(path: str, task: str, text: str) -> None:
    assert answer(path, {"prompt": "a", "messages": []}, task).message.endswith(text)


@pytest.mark.parametrize(
    ("release", "text"),
    [
        (
            "2026.3",
            "VLM Servable does not support the /completions endpoint. Use /chat/completions or /responses.",
        ),
        (
            "2026.2",
            "Wrong endpoint. VLM Servable allowed only on /v3/chat/completions, /v3/responses endpoint or /v3/tokenize",
        ),
        (
            "2026.0",
            "Wrong endpoint. VLM Servable allowed only on /v3/chat/completions endpoint or /v3/tokenize",
        ),
        ("2025.1", "Wrong endpoint. VLM Servable allowed only on /v3/chat/completions endpoint"),
        ("2025.0", ""),
    ],
)
def test_completions_of_a_vision_model(release: str, text: str) -> None:
    found = answer("/v3/completions", {"prompt": "hi"}, "text_generation", release, vision=True)
    assert found.succeeds is (not text)
    assert found.message.endswith(text)
    assert answer("/v3/completions", {"prompt": "hi"}, "text_generation", release, vision=False).succeeds
