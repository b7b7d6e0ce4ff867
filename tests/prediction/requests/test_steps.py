"""The steps to a request that is answered: what each says, and what it changes."""

from __future__ import annotations

import gzip
import json
import math
from typing import Any

import pytest

from ovms_doctor.diagnosis.client_request import judge_request
from ovms_doctor.inputs.requests.read import ReadOptions, read_request
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.parameters import Dimension
from ovms_doctor.model.releases import parse_release
from ovms_doctor.model.served_models import ServedInput, ServedModel, ServedModels
from ovms_doctor.prediction.requests.verdict import RequestVerdict
from tests.inputs.requests.snippets import MODELS

INFER = "/v2/models/fc/infer"
CHAT = "/v3/chat/completions"
JSON = ("Content-Type: application/json",)


def judged(
    path: str,
    body: object,
    release: str = "2026.3",
    *,
    method: str = "POST",
    headers: tuple[str, ...] = JSON,
) -> RequestVerdict:
    head = "\r\n".join((f"{method} {path} HTTP/1.1", "Host: localhost:8000", *headers))
    message = f"{head}\r\n\r\n{json.dumps(body)}".encode()
    request = read_request(message, ReadOptions(), lambda name: b"")
    return judge_request(request, MODELS, parse_release(release), Facts(complete=True), None).verdict


def entry(**changes: Any) -> dict[str, Any]:
    made = {"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1.0, 2.0, 3.0], **changes}
    return {key: value for key, value in made.items() if value is not None}


GOOD = {"inputs": [entry()]}
TFS = {"instances": [[1.0, 2.0, 3.0]]}
ROWS = {"inputs": [entry(data=[[1.0, 2.0, 3.0]])]}


def ids(name: str, **changes: Any) -> dict[str, Any]:
    return entry(name=name, **{"datatype": "INT64", "data": [1, 2, 3], **changes})


@pytest.mark.parametrize(
    ("body", "steps", "corrected"),
    [
        ({"inputs": [entry(), entry(name="z")]},
         ["Remove the inputs that the model does not have, and those that occur twice."], GOOD),
        ({"inputs": [entry(), entry()]},
         ["Remove the inputs that the model does not have, and those that occur twice."], GOOD),
        ([GOOD], ["Send the object itself, not a list with it."], GOOD),
        ([GOOD, 1], [], None),
        ([1], [], None),
        ({"inputs": [entry(name="y")]}, ["Name the input x instead of y."], GOOD),
        ({"inputs": [entry(datatype="FP64")]}, ["Send the input x as FP32."], GOOD),
        ({"inputs": [entry(datatype="FP64", data=["a", 2, 3])]}, [], None),
        ({"inputs": [entry(shape=[3])]}, ["Give the input x the shape [1, 3]."], GOOD),
        ({"inputs": [entry(shape=[2, 3], data=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])]},
         ["Send 2 requests with batch size 1; this is the first of them."], GOOD),
        # An empty batch has no first request.
        ({"inputs": [entry(shape=[0, 3], data=[])]}, [], None),
        ({"inputs": [entry(parameters={"binary_data_size": 12})]},
         ["Remove binary_data_size: the values are in the JSON."], {"inputs": [entry(parameters={})]}),
    ],
)  # fmt: skip
def test_steps_on_a_body(body: object, steps: list[str], corrected: object) -> None:
    verdict = judged(INFER, body)
    assert [step for step in verdict.steps if step.startswith(tuple(steps) or ("-",))] == steps
    assert (None if verdict.corrected is None else json.loads(verdict.corrected.body)) == corrected


@pytest.mark.parametrize(
    ("inputs", "steps"),
    [
        ([ids("ids"), ids("attention_mask")], ["Name the input input_ids instead of ids."]),
        ([ids("input_id"), ids("mask")],
         ["Name the input input_ids instead of input_id.", "Name the input attention_mask instead of mask."]),
        ([ids("zzz"), ids("mask")], []),
        ([ids("input_ids", datatype="FP32", data=[1.0, 2.0, 3.0]), ids("attention_mask")],
         ["Send the input input_ids as INT64."]),
        # Numbers that are not whole would be other values.
        ([ids("input_ids", datatype="FP32", data=[1.5, 2.0, 3.0]), ids("attention_mask")], []),
    ],
)  # fmt: skip
def test_steps_on_two_inputs(inputs: list[dict[str, Any]], steps: list[str]) -> None:
    verdict = judged("/v2/models/bert/infer", {"inputs": inputs})
    assert list(verdict.steps) == steps
    assert (verdict.corrected is None) == (not steps)
    if verdict.corrected is not None:
        assert json.loads(verdict.corrected.body) == {"inputs": [ids("input_ids"), ids("attention_mask")]}


@pytest.mark.parametrize(
    ("path", "body", "release", "step", "fixed"),
    [
        ("/v2/models/FC/infer", GOOD, "2026.3", "Request fc, which is served, instead of FC.", INFER),
        ("/v2/models/bret/infer", GOOD, "2026.3", "Request bert, which is served, instead of bret.", None),
        ("/v2/models/zzzzzz/infer", GOOD, "2026.3", None, None),
        ("/v2/models/fc/versions/4/infer", GOOD, "2026.3",
         "Remove the version, or name one that is served: the default version is 1.", INFER),
        # The path of one API with the ending of another one.
        ("/v1/models/fc/infer", GOOD, "2025.4", f"Send it as POST {INFER}.", INFER),
        ("/v1/models/fc/infer", GOOD, "2026.3", f"Send it as POST {INFER}.", INFER),
        ("/v1/models/fc/versions/1/infer", GOOD, "2026.3", "Send it as POST /v2/models/fc/versions/1/infer.",
         "/v2/models/fc/versions/1/infer"),
        ("/v1/models/fc/infer", TFS, "2025.4", "Send it as POST /v1/models/fc:predict.", "/v1/models/fc:predict"),
        ("/v1/models/fc", TFS, "2025.4", "Send it as POST /v1/models/fc:predict.", "/v1/models/fc:predict"),
        ("/v1/models/fc/infer", TFS, "2026.3",
         f"This release has no TensorFlow Serving API. Send the request to POST {INFER}, in KServe's format.", INFER),
    ],
)  # fmt: skip
def test_steps_on_a_path(path: str, body: object, release: str, step: str | None, fixed: str | None) -> None:
    verdict = judged(path, body, release)
    assert list(verdict.steps[:1]) == ([] if step is None else [step])
    assert (None if verdict.corrected is None else verdict.corrected.path) == fixed


def test_a_method_that_the_path_does_not_have() -> None:
    verdict = judged(INFER, GOOD, method="GET")
    assert list(verdict.steps) == [f"Send it as POST {INFER}."]
    assert verdict.corrected is not None
    assert (verdict.corrected.method, json.loads(verdict.corrected.body)) == ("POST", GOOD)


HELLO = {"messages": [{"role": "user", "content": "Say hello"}]}


@pytest.mark.parametrize(
    ("model", "headers", "step"),
    [
        ("lama", JSON, "Name the model llama, which is served."),
        ("Llama", JSON, "Name the model llama, which is served."),
        ("zzzzz", JSON, None),
        ("llama", (), "Send the header Content-Type: application/json."),
    ],
)
def test_steps_on_a_generative_request(model: str, headers: tuple[str, ...], step: str | None) -> None:
    verdict = judged(CHAT, {"model": model, **HELLO}, headers=headers)
    assert list(verdict.steps) == ([] if step is None else [step])
    if step is None:
        assert verdict.corrected is None
        return
    assert verdict.corrected is not None
    assert json.loads(verdict.corrected.body) == {"model": "llama", **HELLO}
    assert verdict.corrected.header("content-type") == "application/json"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"stream": True, "best_of": 2}, "best_of cannot be used in streaming mode"),
        ({"best_of": 2, "n": 3}, "n value cannot be greater than best_of"),
        ({"best_of": 2, "n": 2}, ""),
        ({"best_of": 0}, "best_of value should be greater than 0"),
        ({"seed": "x"}, "seed"),
        ({"stream": True, "include_stop_str_in_output": False},
         "include_stop_str_in_output cannot be set to false if streaming is used"),
        ({"stream": True, "include_stop_str_in_output": True}, ""),
        ({"include_stop_str_in_output": False}, ""),
    ],
)  # fmt: skip
def test_members_of_a_chat(members: dict[str, Any], message: str) -> None:
    """openai_completions.cpp: the answer quotes the parser's text."""
    answer = judged(CHAT, {"model": "llama", **HELLO, **members}).answer
    assert message in answer.message
    assert answer.succeeds == (not message)


def _judged_text(text: str) -> RequestVerdict:
    request = read_request(text.encode(), ReadOptions(), lambda name: b"")
    return judge_request(request, MODELS, parse_release("2026.3"), Facts(complete=True), None).verdict


@pytest.mark.parametrize(
    ("body", "step"),
    [
        ('{"model":"llama","messages":[{"role":"user","content":"a\nb\tc"}]}', "Write line breaks and tabs"),
        ('{"model":"llama","messages":[{"role":"user","content":"a"}],}', "Remove the comma"),
        ("{'model': 'llama', 'messages': [{'role': 'user', 'content': 'a'}]}", "Write the body with json.dumps"),
    ],
)  # fmt: skip
def test_repairs_of_the_text(body: str, step: str) -> None:
    verdict = _judged_text(body)
    assert (verdict.answer.http_status, verdict.request.path) == (412, CHAT)
    assert verdict.steps[0].startswith(step)
    assert verdict.corrected is not None


@pytest.mark.parametrize(
    "body",
    [
        '{"model":"llama","messages":[],"stream":"true"}',
        '{"messages":[{"role":"user","content":"a"}]}',
        '{"model":"llama","x":' + "[" * 120 + "]" * 120 + "}",
    ],
    ids=["type", "name", "depth"],
)
def test_no_repair_of_valid_json(body: str) -> None:
    """The answer is that for invalid JSON, and the text is not the fault."""
    verdict = _judged_text(body)
    assert (verdict.answer.code, verdict.steps) == ("JSON_INVALID", ())


def test_a_method_in_small_letters() -> None:
    line = f"curl localhost:8000{INFER} -d '{json.dumps(GOOD)}' -X "
    verdict = _judged_text(line + "post")
    assert (verdict.answer.http_status, verdict.steps) == (
        405,
        ("Write the method in capital letters: POST.",),
    )
    assert verdict.corrected is not None
    assert _judged_text(line + "POST").answer.http_status == 200


def test_the_model_of_a_body_without_a_path() -> None:
    """Of two models with an input of the same name, it is the one with the datatype that the body names."""
    for name, datatype in (("fc", "FP32"), ("half", "FP16")):
        assert _judged_text(json.dumps({"inputs": [entry(datatype=datatype)]})).servable == name


@pytest.mark.parametrize(
    ("content", "release", "status", "steps"),
    [
        (gzip.compress(json.dumps(GOOD).encode()), "2026.3", 412, 1),
        (gzip.compress(json.dumps(GOOD).encode()), "2025.0", 412, 1),
        # The library of HTTP until 2024.5 decompresses a body; the result of damaged data is an empty one.
        (gzip.compress(json.dumps(GOOD).encode()), "2024.5", 200, 0),
        (b"\x1f\x8b" + json.dumps(GOOD).encode(), "2024.5", 412, 0),
        (b"\x1f\x8b" + json.dumps(GOOD).encode(), "2026.3", 412, 0),
        (json.dumps(GOOD).encode(), "2026.3", 200, 0),
    ],
)
def test_a_compressed_body(content: bytes, release: str, status: int, steps: int) -> None:
    head = f"POST {INFER} HTTP/1.1\r\nContent-Encoding: gzip\r\n\r\n".encode()
    request = read_request(head + content, ReadOptions(), lambda name: b"")
    verdict = judge_request(request, MODELS, parse_release(release), Facts(complete=True), None).verdict
    assert (verdict.answer.http_status, len(verdict.steps)) == (status, steps)
    assert (verdict.corrected is not None) == bool(steps)
    if verdict.corrected is not None:
        assert verdict.corrected.header("content-encoding") is None
        assert json.loads(verdict.corrected.body) == GOOD


@pytest.mark.parametrize(
    ("shape", "changes"),
    [((1, 3, 4, 4), 0), ((1, 4, 8, 3), 1), ((2, 4, 4, 3), 1)],
    ids=["axes in another order", "another width", "another batch size"],
)
def test_no_dynamic_shape_for_axes_in_another_order(shape: tuple[int, ...], changes: int) -> None:
    sizes = tuple(Dimension(size, size) for size in (1, 4, 4, 3))
    model = ServedModel("img", 1, (ServedInput("x", "x", "FP32", sizes, "NHWC"),))
    models = ServedModels((model,), (("img", 1),), names=frozenset({"img"}))
    sent = entry(shape=list(shape), data=[0.0] * math.prod(shape))
    text = f"POST /v2/models/img/infer HTTP/1.1\r\n\r\n{json.dumps({'inputs': [sent]})}"
    request = read_request(text.encode(), ReadOptions(), lambda name: b"")
    verdict = judge_request(request, models, parse_release("2026.3"), Facts(complete=True), None).verdict
    assert (verdict.answer.http_status, len(verdict.changes)) == (400, changes)
