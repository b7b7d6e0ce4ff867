"""Requests with what surrounds them in a text that was copied."""

from __future__ import annotations

import json

import pytest

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.read import ReadOptions, read_request
from ovms_doctor.model.client_request import ClientRequest

BODY = '{"inputs": [{"name": "x"}]}'
LINES = f"POST http://h:8000/v2/models/m/infer HTTP/1.1\nContent-Type: application/json\n\n{BODY}"


def _request(text: str) -> ClientRequest:
    return read_request(text.encode(), ReadOptions(), {}.__getitem__)


@pytest.mark.parametrize(
    "text",
    [
        LINES,
        f"### an inference\n# @name infer\n{LINES}",
        f"@host = h\n\n// the request\n{LINES}",
        f"```http\n{LINES}\n```\n",
        f"The request is\n\n~~~\n{LINES}\n~~~\n",
        f"```\ncurl http://h:8000/v2/models/m/infer -H 'Content-Type: application/json' -d '{BODY}'\n```",
        f"Run\n```sh\npip install x\n```\n```python\nimport requests\n"
        f"requests.post('http://h:8000/v2/models/m/infer', json={BODY})\n```\n",
    ],
)
def test_requests(text: str) -> None:
    request = _request(text)
    assert request.method == "POST"
    assert request.path.endswith("/v2/models/m/infer")
    assert request.header("content-type") == "application/json"
    assert request.body.decode().strip() == BODY


def test_a_body_in_a_block() -> None:
    request = _request(f"The body:\n\n```json\n{BODY}\n```\n")
    assert (request.form, request.body.decode().strip()) == ("json", BODY)


def test_a_notebook() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["import requests"]},
        {"cell_type": "code", "source": ["!curl http://h:8000/v2/models/m/infer \\\n", f"  -d '{BODY}'"]},
        {"cell_type": "code", "source": "x = 1"},
    ]
    request = _request(json.dumps({"cells": cells, "nbformat": 4}))
    assert (request.path, request.body.decode()) == ("/v2/models/m/infer", BODY)
    for document in ({"cells": cells}, {"cells": 1, "nbformat": 4}, ["nbformat"]):
        assert _request(json.dumps(document)).form == "json"


def test_a_block_inside_a_script() -> None:
    text = f"curl h/p -d @- <<'EOF'\n{{\"a\": 1}}\nEOF\n```\n{BODY}\n```\n"
    assert _request(text).body.strip() == b'{"a": 1}'


@pytest.mark.parametrize(
    "text",
    [
        "fetch('http://h:8000/v3/chat/completions', {method: 'POST'})",
        "> POST /v2/models/m/infer HTTP/1.1\n> Host: h\n",
        "me@host:~$ ls",
        "<html></html>",
        "#include <curl/curl.h>\nint main() {}",
        "$client->post()",
    ],
)
def test_other_texts(text: str) -> None:
    with pytest.raises(DocumentError, match="no request in a form"):
        _request(text)


@pytest.mark.parametrize(
    "text", ["{'a': 1}", "// c\n{}", "\ufeff{}", "None", "'a'", "-1", "[", "b'x'", "# c\n\n[1]"]
)
def test_texts_that_may_be_bodies(text: str) -> None:
    if text == "b'x'":
        with pytest.raises(DocumentError):
            _request(text)
    else:
        assert _request(text).form == "json"


def _chunked(body: bytes, size: int, end: bytes = b"\r\n") -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x%s%s%s" % (len(piece), end, piece, end) for piece in [*pieces, b""])


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_body_in_chunks(size: int, end: bytes) -> None:
    head = b"POST /v2/models/m/infer HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = BODY.encode() * 3
    assert read_request(head + _chunked(body, size, end), ReadOptions(), {}.__getitem__).body == body


@pytest.mark.parametrize("body", [BODY.encode(), b"", b"5\r\nab", b"2\r\nabc\r\n0\r\n\r\n", b"zz"])
def test_a_body_that_is_not_in_chunks(body: bytes) -> None:
    """Tools that show a request put the chunks together."""
    head = b"POST /v2/models/m/infer HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert read_request(head + body, ReadOptions(), {}.__getitem__).body == body
