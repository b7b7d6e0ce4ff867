"""Any bytes as a request: a verdict, and never an exception; a corrected request is always answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovms_doctor.diagnosis.client_request import judge_request
from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.read import ReadOptions, read_request
from ovms_doctor.model.client_request import ClientRequest
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.releases import KNOWN_RELEASES, parse_release
from ovms_doctor.prediction.requests.verdict import RequestVerdict
from tests.inputs.requests.snippets import MODELS, SNIPPETS

RELEASES = st.sampled_from([parse_release("2026.3"), parse_release("2025.4"), *KNOWN_RELEASES])
NAMES = st.sampled_from(["x", "X", "", "x\0y", "0", "input_ids", "text"])
DATATYPES = st.sampled_from(
    ["FP32", "FP64", "INT64", "INT8", "UINT8", "BOOL", "BYTES", "FP16", "fp32", "INVALID", ""]
)
SCALARS: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-(2**40), 2**70) | st.floats() | st.text(max_size=5)
)
DATA = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4), max_leaves=8)
TENSORS = st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES | SCALARS,
        "shape": st.lists(st.integers(-1, 4) | SCALARS, max_size=4) | SCALARS,
        "datatype": DATATYPES | SCALARS,
        "data": st.lists(st.floats(-3, 3), min_size=3, max_size=3) | DATA,
        "parameters": st.dictionaries(st.sampled_from(["binary_data_size", "a"]), SCALARS, max_size=2)
        | SCALARS,
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "inputs": st.lists(TENSORS | SCALARS, max_size=3) | TENSORS | DATA,
        "instances": DATA | st.lists(st.dictionaries(NAMES, DATA, max_size=2), max_size=3),
        "outputs": DATA | st.lists(st.fixed_dictionaries({"name": NAMES}), max_size=2),
        "parameters": DATA,
        "id": SCALARS,
        "model": st.sampled_from(["llama", "gte", "bge", "fc", ""]) | SCALARS,
        "messages": st.lists(
            st.dictionaries(st.sampled_from(["role", "content", "tool_calls"]), DATA), max_size=2
        )
        | DATA,
        "prompt": DATA,
        "input": DATA,
        "n": SCALARS,
        "tools": DATA,
    },
)
PATHS = st.sampled_from(
    [
        "/v2/models/fc/infer", "/v2/models/fc/versions/1/infer", "/v2/models/fc/versions/99999999999999999999/infer",
        "/v2/models/bert/infer", "/v2/models/text/infer", "/v2/models/resnet/infer", "/v1/models/fc:predict",
        "/v1/models/bert/versions/1:predict", "/v3/chat/completions", "/v3/completions", "/v3/embeddings",
        "/v3/rerank", "/v1/chat/completions", "/v2", "/metrics", "/v1/config/reload", "/../x", "/v2/models/%66c/infer",
    ]
)  # fmt: skip
METHODS = st.sampled_from(["POST", "GET", "HEAD", "PUT", "OPTIONS"])
LENGTHS = st.none() | st.integers(-2, 400).map(str) | st.text(max_size=4)


def judge(request: ClientRequest, release: Any) -> RequestVerdict:
    """The verdict, and that its corrected request is answered with a result."""
    verdict = judge_request(request, MODELS, release, Facts(complete=True), None).verdict
    assert verdict.answer.code
    if verdict.corrected is not None:
        again = judge_request(verdict.corrected, MODELS, release, Facts(complete=True), None).verdict
        assert again.answer.succeeds
    return verdict


def _no_file(name: str) -> bytes:
    raise DocumentError(f"{name} is not there")


@given(st.binary(max_size=300), RELEASES)
def test_any_bytes(data: bytes, release: Any) -> None:
    try:
        request = read_request(data, ReadOptions(), _no_file)
    except DocumentError:
        return
    judge(request, release)


@given(st.sampled_from(SNIPPETS), st.data())
def test_a_damaged_snippet(snippet: Any, data: st.DataObject) -> None:
    text = snippet.text
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    damaged = text[:start] + data.draw(st.text(max_size=3)) + text[end:]
    try:
        request = read_request(damaged.encode("utf-8", "surrogatepass"), ReadOptions(), _no_file)
    except DocumentError:
        return
    judge(request, parse_release(snippet.release))


@given(DOCUMENTS, METHODS, PATHS, LENGTHS, st.binary(max_size=20), RELEASES)
def test_any_document(
    document: Any, method: str, path: str, length: str | None, behind: bytes, release: Any
) -> None:
    headers = [("Content-Type", "application/json")]
    body = json.dumps(document).encode()
    if length is not None:
        headers.append(("inference-header-content-length", length))
        body += behind
    api: Any = "KServe" if "/v2" in path else "TFS" if ":predict" in path else "OpenAI"
    judge(ClientRequest(api, "REST", method, path, tuple(headers), body), release)


@given(st.binary(max_size=60), st.lists(st.integers(0, 40), max_size=2), RELEASES)
def test_buffers_behind_the_json(buffer: bytes, shape: list[int], release: Any) -> None:
    for name, datatype, model in (("text", "BYTES", "text"), ("x", "FP32", "fc"), ("0", "BYTES", "resnet")):
        head = json.dumps({"inputs": [{"name": name, "shape": shape, "datatype": datatype}]}).encode()
        headers = (("Inference-Header-Content-Length", str(len(head))),)
        path = f"/v2/models/{model}/infer"
        verdict = judge(ClientRequest("KServe", "REST", "POST", path, headers, head + buffer), release)
        if verdict.answer.succeeds and datatype == "FP32":
            assert (shape, len(buffer) >= 12) == ([1, 3], True)


@pytest.mark.parametrize("release", KNOWN_RELEASES, ids=str)
def test_every_release_answers_a_good_request(release: Any) -> None:
    body = b'{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}'
    request = ClientRequest("KServe", "REST", "POST", "/v2/models/fc/infer", (), body)
    answer = judge(request, release).answer
    expected = 200 if release.at_least(2022, 2) else 400
    assert answer.http_status == expected
