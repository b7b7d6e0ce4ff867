"""Every recorded request gets the answer of the server: the same text, in the same order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.model.client_request import ClientRequest, InferMessage, InferTensor, TensorContents
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.parameters import Dimension
from ovms_doctor.model.releases import parse_release
from ovms_doctor.model.served_models import ServedGraph, ServedInput, ServedModel, ServedModels
from ovms_doctor.prediction.requests.answers import answer_request
from tests.prediction.requests.recorded_servers import handler_server, recorded, request_of, rest_server

HANDLER = recorded("handler-2026.3.json.gz")


def test_all_recordings_exist() -> None:
    assert sum(len(case["requests"]) for case in HANDLER.values()) == 484
    sizes = {
        name: len(recorded(f"{name}.json.gz"))
        for name in (
            "all-urls-2026.3",
            "all-urls-empty-2026.3",
            "all-urls-2025.4",
            "kserve-rest-2026.3",
            "kserve-rest-2025.4",
            "tfs-rest-2025.4",
            "grpc-2026.3",
            "grpc-status-2026.3",
        )
    }
    assert sizes == {
        "all-urls-2026.3": 562,
        "all-urls-empty-2026.3": 562,
        "all-urls-2025.4": 562,
        "kserve-rest-2026.3": 150,
        "kserve-rest-2025.4": 60,
        "tfs-rest-2025.4": 40,
        "grpc-2026.3": 83,
        "grpc-status-2026.3": 172,
    }


@pytest.mark.parametrize("name", HANDLER)
def test_answers_of_the_rest_handler(name: str, tmp_path: Path) -> None:
    case = HANDLER[name]
    files = handler_server(tmp_path, case)
    for index, row in enumerate(case["requests"]):
        answer = files.answer(request_of(row)).answer
        text = answer.code if answer.code == "OK" else f"{answer.code}: {answer.message}"
        assert (index, answer.http_status, text) == (index, row["http"], row["status"]), row["body"]


@pytest.mark.parametrize(
    ("name", "release"),
    [("kserve-rest-2026.3", "2026.3"), ("kserve-rest-2025.4", "2025.4"), ("tfs-rest-2025.4", "2025.4")],
)
def test_answers_over_rest(name: str, release: str, tmp_path: Path) -> None:
    files = rest_server(tmp_path, release)
    for index, row in enumerate(recorded(f"{name}.json.gz")):
        answer = files.answer(request_of(row)).answer
        expected = json.loads(row["answer"])["error"] if row["answer"] else ""
        assert (index, answer.http_status, answer.message) == (index, row["status"], expected), row["body"]


def _model(
    name: str, version: int, inputs: Mapping[str, tuple[str, tuple[int, ...]]], state: Any = "available"
) -> ServedModel:
    served = tuple(
        ServedInput(key, key, precision, tuple(Dimension(size, size) for size in shape))
        for key, (precision, shape) in inputs.items()
    )
    return ServedModel(name, version, served, state=state)


_FC = {"x": ("FP32", (1, 3))}
#: The server for the gRPC and URL recordings, after versions were removed at run time.
MANY_MODELS = ServedModels(
    (
        _model("fc", 1, _FC),
        _model("two", 1, {"a": ("FP32", (1, 4)), "b": ("FP32", (1, 4))}),
        _model("img", 1, {"image": ("FP32", (1, 3, 8, 8))}),
        _model("int", 1, {"input_ids": ("I64", (1, -1))}),
        _model("str", 1, {"text": ("STRING", (-1,))}),
        _model("scalar", 1, {"s": ("FP32", ())}),
        _model("name with space", 1, _FC),
        _model("a/b", 1, _FC),
        _model("multi", 1, _FC),
        _model("multi", 2, _FC),
        _model("multi", 3, {}, "not_loaded"),
        _model("broken", 1, {}, "not_loaded"),
        _model("ended", 1, _FC),
        _model("ended", 2, {}, "retired"),
        _model("removed", 1, {}, "retired"),
    ),
    (
        *((name, 1) for name in ("fc", "two", "img", "int", "str", "scalar", "name with space", "a/b")),
        ("multi", 2),
        ("ended", 1),
    ),
    (
        ServedGraph(
            "pipe", "pipeline", inputs=(ServedInput("x", "x", "FP32", (Dimension(1, 1), Dimension(3, 3))),)
        ),
        ServedGraph("badpipe", "pipeline", "not_loaded"),
    ),
    frozenset({"nover"}),
    mediapipe=False,
    metrics=True,
)
#: A server without a model that loads, and one with a single model.
NO_MODELS = ServedModels(
    (_model("broken", 1, {}, "not_loaded"),), names=frozenset({"nover"}), mediapipe=False
)
ONE_MODEL = ServedModels((_model("fc", 1, _FC),), (("fc", 1),), mediapipe=False, metrics=True)


@pytest.mark.parametrize(
    ("name", "models"),
    [
        ("all-urls-2026.3", MANY_MODELS),
        ("all-urls-empty-2026.3", NO_MODELS),
        ("all-urls-2025.4", ONE_MODEL),
    ],
)
def test_answers_match_the_recordings_at_all_urls(name: str, models: ServedModels) -> None:
    release = parse_release(name.rpartition("-")[2])
    differ = []
    for row in recorded(f"{name}.json.gz"):
        answer = answer_request(request_of(row), models, release, Facts()).answer
        message = answer.message
        if answer.body.startswith('{"error"'):
            message = json.loads(answer.body)["error"]
        error_text = "" if row["method"] == "HEAD" or row["status"] == 200 else row["error"]
        if answer.http_status != row["status"] or (row["method"] != "HEAD" and message != error_text):
            differ.append(row["path"])
            assert answer.doubts, row
    # The result of a reload is not predicted.
    assert differ in ([], ["/v1/config/reload"])


@pytest.mark.parametrize(
    "row", recorded("grpc-2026.3.json.gz"), ids=lambda row: f"{row['request'].get('modelName')}-{row['code']}"
)
def test_answers_over_grpc(row: dict[str, Any]) -> None:
    sent = row["request"]
    inputs = tuple(
        InferTensor(
            item["name"],
            item["datatype"],
            tuple(int(size) for size in item["shape"]),
            TensorContents((("fp32_contents", len(item["contents"]["fp32Contents"])),)),
        )
        for item in sent.get("inputs", [])
    )
    message = InferMessage(sent.get("modelName", ""), sent.get("modelVersion", ""), inputs)
    request = ClientRequest("KServe", "gRPC", "", message=message)
    answer = answer_request(request, MANY_MODELS, parse_release("2026.3"), Facts()).answer
    assert (answer.grpc_code, answer.message) == (row["code"], row["details"])


def test_answers_to_other_methods_of_grpc() -> None:
    for row in recorded("grpc-status-2026.3.json.gz"):
        message = InferMessage(row["request"].get("name", ""), row["request"].get("version", ""))
        path = f"/inference.GRPCInferenceService/{row['call']}"
        request = ClientRequest("KServe", "gRPC", "", path, message=message)
        answer = answer_request(request, MANY_MODELS, parse_release("2026.3"), Facts()).answer
        assert (answer.grpc_code, answer.message) == (row["code"], row["details"]), row
        if row["call"] == "ModelReady" and row["code"] == "OK":
            assert (answer.body == "") is row["ready"], row
