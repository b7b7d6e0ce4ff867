"""Client snippets as people write them, each with one fault: the answer, and the request that is answered instead."""

from __future__ import annotations

import json

import pytest

from ovms_doctor.diagnosis.client_request import judge_request
from ovms_doctor.inputs.requests.python_snippet import is_python
from ovms_doctor.inputs.requests.read import ReadOptions, read_request
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.releases import parse_release
from ovms_doctor.prediction.requests.verdict import RequestVerdict
from tests.inputs.requests.snippets import MODELS, SNIPPETS, Snippet, post, triton


def _judge(text: str, release: str) -> RequestVerdict:
    def no_file(name: str) -> bytes:
        raise AssertionError(name)

    request = read_request(text.encode(), ReadOptions(), no_file)
    return judge_request(request, MODELS, parse_release(release), Facts(complete=True), None).verdict


def test_there_are_enough() -> None:
    assert len(SNIPPETS) >= 30
    assert len({snippet.fault for snippet in SNIPPETS}) == len(SNIPPETS)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.fault)
def test_the_fault_is_found(snippet: Snippet) -> None:
    verdict = _judge(snippet.text, snippet.release)
    answer = verdict.answer
    status = answer.grpc_code if answer.grpc_code is not None else (answer.http_status or "")
    assert (status, snippet.message in answer.message) == (snippet.status, True), answer
    assert (verdict.corrected is not None) == snippet.corrected, verdict.steps


@pytest.mark.parametrize(
    "snippet", [item for item in SNIPPETS if item.corrected], ids=lambda snippet: snippet.fault
)
def test_the_corrected_request_is_answered(snippet: Snippet) -> None:
    corrected = _judge(snippet.text, snippet.release).corrected
    assert corrected is not None
    again = judge_request(
        corrected, MODELS, parse_release(snippet.release), Facts(complete=True), None
    ).verdict
    assert again.answer.succeeds


@pytest.mark.needs_module("numpy")
@pytest.mark.parametrize(
    "expression",
    [
        "np.stack([np.zeros((2, 3)), np.zeros((2, 3))])",
        "np.stack([np.zeros((2, 3))] * 1, axis=1)",
        "np.stack([np.zeros((2, 3)), np.zeros((2, 3))], axis=1)",
        "np.stack([np.zeros((2, 3)), np.zeros((2, 3))], axis=-1)",
        "np.stack([np.zeros((2, 3)), np.zeros((2, 3))], axis=-3)",
        "np.concatenate([np.zeros((2, 3)), np.zeros((4, 3))])",
        "np.concatenate([np.zeros((2, 3)), np.zeros((2, 5))], axis=1)",
        "np.concatenate([np.zeros((2, 3)), np.zeros((2, 5))], axis=-1)",
        "np.transpose(np.zeros((1, 2, 3)), (0, 2, 1))",
        "np.expand_dims(np.zeros((2, 3)), 0)",
        "np.zeros((2, 3)).reshape(3, -1)",
        "np.zeros((2, 3)).T",
        "np.zeros((4, 3))[1:3]",
        "np.zeros((4, 3))[0]",
        "np.zeros((2, 3)) + np.zeros((2, 3))",
        "np.zeros((1, 3)) * np.zeros((2, 1))",
        "np.zeros(3) - np.zeros((2, 3))",
        "np.zeros((2, 0, 3)) + np.zeros((1, 3))",
        "np.zeros((2, 3)) / 255.0",
        "255 - np.zeros((2, 3))",
        "np.zeros((1, 2, 1)).squeeze()",
        "np.zeros((1, 2, 3)).transpose()",
        "np.zeros((1, 2, 3)).transpose(0, 2, 1)",
        "np.zeros((1, 2, 3)).transpose((2, 1, 0))",
        "np.zeros((2, 3)).flatten()",
    ],
)
def test_shapes_are_those_of_numpy(expression: str) -> None:
    import numpy

    request = read_request(
        triton(f"data = {expression}", kind="grpc", datatype="FP64").encode(), ReadOptions(), lambda name: b""
    )
    assert request.message is not None
    sent = request.message.inputs[0].shape
    assert sent == eval(expression, {"np": numpy}).shape


@pytest.mark.needs_module("numpy")
@pytest.mark.parametrize(
    "expression",
    [
        "np.zeros((1, 3), np.float32) + np.zeros((1, 3))",
        "np.zeros((1, 3)) + np.zeros((1, 3), np.float32)",
        "np.zeros((1, 3), np.float32) + np.zeros((1, 3), np.float32)",
        "np.zeros((1, 3), np.float32) / 255.0",
        "np.zeros((1, 3), np.float32) * 2",
        "np.zeros((1, 3), np.uint8) / 255.0",
        "np.zeros((1, 3), np.uint8) / 2",
        "np.zeros((1, 3), np.int64) * 2",
        "np.zeros((1, 3), np.int64) + 0.5",
        "np.zeros((1, 3), 'uint8').astype('float32')",
        "np.array([[1, 2, 3]])",
        "np.array([[1, 2, 3.5]])",
        "np.float32([[1, 2, 3]])",
        "np.float64([[1, 2, 3]])",
        "np.int32([[1, 2, 3]])",
    ],
)
def test_the_client_takes_the_dtype_of_numpy_alone(expression: str) -> None:
    """tritonclient compares the datatype of an input with the dtype of its array, and refuses another one."""
    import numpy

    names = {"float32": "FP32", "float64": "FP64", "int64": "INT64", "int32": "INT32", "uint8": "UINT8"}
    right = names[eval(expression, {"np": numpy}).dtype.name]
    for datatype in names.values():
        text = triton(f"data = {expression}", kind="grpc", datatype=datatype)
        request = read_request(text.encode(), ReadOptions(), lambda name: b"")
        assert (request.refusal == "") is (datatype == right), (datatype, right)


@pytest.mark.parametrize(
    ("statements", "inputs"),
    [
        ("items = []; items.append(1.0); items.extend([2.0, 3.0])", [1.0, 2.0, 3.0]),
        ("items = [1.0]; items.extend((2.0, 3.0))", [1.0, 2.0, 3.0]),
        ("items = [1.0, 2.0]; items += [3.0]", [1.0, 2.0, 3.0]),
        ("items = [0.5] * 3", [0.5, 0.5, 0.5]),
        ("items = [float(n) for n in range(3)]", [0.0, 1.0, 2.0]),
    ],
)
def test_lists_are_built_as_python_builds_them(statements: str, inputs: list[float]) -> None:
    payload = '{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": items}]}'
    text = "\n".join(statements.split("; ")) + post(payload)
    request = read_request(text.encode(), ReadOptions(), lambda name: b"")
    assert json.loads(request.body)["inputs"][0]["data"] == inputs


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("requests.post('http://localhost:8000/v2/models/m/infer', json={})", True),
        ("c.predict({}, 'm')", True),
        ("import requests", True),
        ('{"inputs": "client.infer()"}', False),
        ("POST /v2/models/m/infer HTTP/1.1", False),
        ("curl http://localhost:8000/v2/models/m/infer -d @body", False),
        ("", False),
    ],
)
def test_texts_recognised_as_python(text: str, wanted: bool) -> None:
    assert is_python(text) is wanted
