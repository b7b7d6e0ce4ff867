"""``--probe``: a request for inference is sent where it is requested, and never otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.live.servers import JSON, Answer, HttpServer, codes, http_server, live, replay, status

pytestmark = pytest.mark.server

_METADATA = {
    "whole": [("x", "FP32", [1, 3])],
    "any": [("ids", "INT64", [-1, -1]), ("flag", "BOOL", [1]), ("half", "FP16", [2, 2])],
    "text": [("t", "BYTES", [-1])],
    "large": [("x", "FP32", [1000, 1000, 1000])],
    "chat": [("input", "UNDEFINED", [-1])],
}


def _metadata(name: str) -> bytes:
    inputs = [{"name": key, "datatype": kind, "shape": shape} for key, kind, shape in _METADATA[name]]
    return json.dumps({"name": name, "versions": ["1"], "inputs": inputs, "outputs": []}).encode()


@contextmanager
def _server(result: Answer = (200, JSON, b"{}")) -> Iterator[HttpServer]:
    """A server with one model of each kind; ``result`` answers POST."""
    states = {
        name: {
            "model_version_status": [
                {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": "OK"}}
            ]
        }
        for name in _METADATA
    }
    recorded = replay("2026.3-config")

    def answer(path: str) -> Answer:
        if path == "/v1/config":
            return 200, JSON, json.dumps(states).encode()
        name = path.removeprefix("/v2/models/")
        if name in _METADATA:
            return 200, JSON, _metadata(name)
        return recorded(path)

    with http_server(answer) as server:
        server.result = result
        yield server


def _posted(server: HttpServer) -> dict[str, Any]:
    return {path: body for method, path, body in server.posted if method == "POST"}


def test_nothing_is_sent_without_the_option() -> None:
    with _server() as server:
        code, document = live(f"127.0.0.1:{server.port}")
        assert {method for method, _, _ in server.requests} == {"GET"}
    assert (code, document["live"]["probes"]) == (0, [])


def test_zeros_by_the_metadata_and_one_token() -> None:
    with _server() as server:
        code, document = live(f"127.0.0.1:{server.port}", "--probe")
        posted = _posted(server)
    assert (code, codes(document)) == (0, [])
    assert set(posted) == {"/v2/models/whole/infer", "/v2/models/any/infer", "/v3/chat/completions"}
    assert json.loads(posted["/v2/models/whole/infer"]) == {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [0, 0, 0]}]
    }
    chat = json.loads(posted["/v3/chat/completions"])
    assert (chat["model"], chat["max_tokens"], chat["stream"]) == ("chat", 1, False)
    probes = {item["name"]: item for item in document["live"]["probes"]}
    assert probes["whole"]["sent"] == "x FP32 [1,3], zeros"
    assert probes["whole"]["http_status"] == 200
    assert probes["text"]["sent"] is None
    assert "strings or images" in probes["text"]["problem"]
    assert "more than 10,000,000 numbers" in probes["large"]["problem"]


def test_the_bytes_behind_the_json_are_announced() -> None:
    with _server() as server:
        live(f"127.0.0.1:{server.port}", "--probe", "--model", "any")
        ((_, path, headers),) = [row for row in server.requests if row[0] == "POST"]
        body = _posted(server)[path]
    head = json.loads(body[: int(headers["Inference-Header-Content-Length"])])
    assert [item.get("data") for item in head["inputs"]] == [[0], [False], None]
    assert head["inputs"][2]["parameters"] == {"binary_data_size": 8}


def test_report_states_that_the_request_was_sent() -> None:
    with _server() as server:
        text = status(f"127.0.0.1:{server.port}", "--probe", "--model", "whole").text
    assert "probe of whole: POST /v2/models/whole/infer was sent (x FP32 [1,3], zeros): 200 in" in text


def test_a_refused_request_is_a_finding() -> None:
    with _server((500, JSON, b'{"error":"Internal inference error"}')) as server:
        code, document = live(f"127.0.0.1:{server.port}", "--probe", "--model", "whole")
    assert (code, codes(document)) == (1, ["OVD851"])
    assert "500 Internal inference error" in document["findings"][0]["message"]


def test_a_key_that_is_missing_is_named() -> None:
    text = b'{"error":"Unauthorized request due to invalid or missing api-key"}'
    with _server((500, JSON, text)) as server:
        code, document = live(f"127.0.0.1:{server.port}", "--probe", "--model", "chat")
    assert (code, codes(document)) == (1, ["OVD851"])
    assert "--api-key-file" in document["findings"][0]["remedy"]["steps"][0]["text"]


def test_one_request_is_sent_at_the_end_of_waiting() -> None:
    with _server() as server:
        live(f"127.0.0.1:{server.port}", "--probe", "--model", "whole", "--wait", "5")
        assert [method for method, _, _ in server.requests].count("POST") == 1
