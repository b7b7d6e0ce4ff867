"""Images in chat messages."""

from __future__ import annotations

import json

import pytest

from ovms_doctor.model.client_request import Answer, ClientRequest
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.releases import parse_release
from ovms_doctor.model.served_models import GenerativeLimits, ServedGraph, ServedModels
from ovms_doctor.prediction.requests.answers import answer_request

DOMAIN = "Given url does not match any allowed domain from allowed_media_domains"
LOCAL = "Loading images from local filesystem is disabled."
BASE64 = "Invalid base64 string in request"
WEB = "http://h.example:80/a.png"


def answer(url: str, release: str = "2026.3", **more: object) -> Answer:
    """The answer to a message with an image, from a model with image input."""
    limits = GenerativeLimits(**{"task": "text_generation", "vision": True, **more})  # type: ignore[arg-type]
    models = ServedModels(graphs=(ServedGraph("m", "generative", generative=limits),))
    part = {"type": "image_url", "image_url": {"url": url}}
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": [part]}]}).encode()
    headers = (("Content-Type", "application/json"),)
    request = ClientRequest("OpenAI", path="/v3/chat/completions", headers=headers, body=body)
    return answer_request(request, models, parse_release(release), Facts()).answer


@pytest.mark.parametrize(
    ("url", "release", "domains", "text"),
    [
        (WEB, "2026.3", None, DOMAIN),
        (WEB, "2026.0", None, DOMAIN),
        (WEB, "2025.4", None, ""),
        (WEB, "2026.3", ("other", "h.example"), ""),
        (WEB, "2026.3", ("all",), ""),
        (WEB, "2026.3", ("all", "x"), DOMAIN),
        (WEB, "2025.1", None, 'Url should contain base64 encoded string followed by "base64," prefix'),
        ("/a.png", "2026.3", None, LOCAL),
        ("/a.png", "2025.2", None, LOCAL),
        ("data:image/png;base64,iVBORw0KGgo=", "2026.3", None, ""),
        ("data:image/png;base64,iVBORw0KGgo", "2026.3", None, ""),
        ("data:image/png;base64,iVBOR", "2026.3", None, BASE64),
        ("data:image/png;base64,iV*O", "2025.0", None, BASE64),
        ("://x", "2026.2", None, DOMAIN),
        ("://x", "2026.3", None, LOCAL),
    ],
)
def test_images(url: str, release: str, domains: tuple[str, ...] | None, text: str) -> None:
    found = answer(url, release, media_domains=domains)
    assert found.succeeds is (not text)
    assert found.message.endswith(text)


@pytest.mark.parametrize(
    ("release", "status"),
    [("2026.3", "INVALID_ARGUMENT"), ("2026.2", "INTERNAL"), ("2025.1", "INTERNAL"), ("2025.0", "")],
)
def test_models_without_vision(release: str, status: str) -> None:
    """The texts and statuses of the server's own tests (llmnode_test.cpp)."""
    found = answer("data:image/png;base64,iVBORw0KGgo=", release, vision=False)
    assert found.succeeds is (not status)
    if status:
        assert (found.http_status, found.message) == (
            400,
            f"Mediapipe execution failed. MP status - {status}: CalculatorGraph::Run() failed: \n"
            'Calculator::Process() for node "LLMExecutor" failed: This servable supports only text input, but '
            "image_url has been provided",
        )


def test_an_image_that_is_not_loaded_comes_first_until_2026_2() -> None:
    """Images are loaded while the messages are read; since 2026.3 only for a model that sees."""
    assert answer("/a.png", "2026.2", vision=False).message.endswith(LOCAL)
    assert answer("/a.png", "2026.3", vision=False).message.endswith("image_url has been provided")


@pytest.mark.parametrize(
    ("max_tokens", "limit", "release", "vision", "fits"),
    [
        (64, None, "2026.3", False, False),
        (63, None, "2026.3", False, True),
        (None, 64, "2026.3", False, False),
        (None, 63, "2026.3", False, True),
        (64, None, "2025.1", False, False),
        # 2025.0 does not compare them, and models with vision are compared since 2026.3.
        (64, None, "2025.0", False, True),
        (64, None, "2026.2", True, True),
        (64, None, "2026.3", True, False),
    ],
)
def test_answers_longer_than_the_model(
    max_tokens: int | None, limit: int | None, release: str, vision: bool, fits: bool
) -> None:
    """The prompt's tokens and max_tokens, else max_tokens_limit, are compared with the model's (servable.cpp)."""
    limits = GenerativeLimits(task="text_generation", vision=vision, max_length=64, max_tokens_limit=limit)
    models = ServedModels(graphs=(ServedGraph("m", "generative", generative=limits),))
    fields: dict[str, object] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    body = json.dumps(fields if max_tokens is None else {**fields, "max_tokens": max_tokens}).encode()
    headers = (("Content-Type", "application/json"),)
    request = ClientRequest("OpenAI", path="/v3/chat/completions", headers=headers, body=body)
    found = answer_request(request, models, parse_release(release), Facts()).answer
    assert found.succeeds is fits
    assert ("+ max tokens value: 64 exceeds model max length: 64" in found.message) is not fits


def test_a_server_with_unknown_options() -> None:
    found = answer(WEB, "2026.2", vision=None)
    assert found.succeeds
    assert "it is not known which images the server loads" in found.doubts


@pytest.mark.parametrize(
    ("path", "stream", "release", "text"),
    [
        ("/v3/chat/completions", True, "2026.3", ""),
        ("/v3/chat/completions", False, "2026.3", ""),
        ("/v3/chat/completions", "yes", "2026.3", "stream field is not a boolean"),
        ("/v3/chat/completions", None, "2026.3", "stream field is not a boolean"),
        ("/v3/chat/completions", 1, "2024.4", '"stream" field is not a boolean'),
        ("/v3/completions", 0, "2026.3", "stream field is not a boolean"),
    ],
)
def test_stream_is_a_boolean(path: str, stream: object, release: str, text: str) -> None:
    limits = GenerativeLimits(task="text_generation", vision=False)
    models = ServedModels(graphs=(ServedGraph("m", "generative", generative=limits),))
    content = {"messages": [{"role": "user", "content": "x"}]} if "chat" in path else {"prompt": "x"}
    body = json.dumps({"model": "m", **content, "stream": stream}).encode()
    headers = (("Content-Type", "application/json"),)
    request = ClientRequest("OpenAI", path=path, headers=headers, body=body)
    found = answer_request(request, models, parse_release(release), Facts()).answer
    assert found.succeeds is (not text)
    assert text in found.message
