"""Values that the server accepts but changes: the findings about them, and values without a finding."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ovms_doctor.model.client_request import Api, ClientRequest
from ovms_doctor.model.served_models import ServedInput
from ovms_doctor.prediction.requests.altered import altered_values

RAGGED = "The rows of the data have different lengths"
CUT = "Values outside of"
INFINITE = "Values beyond the range of FP32"
FRACTIONS = "The model takes integers"
HALF = "Over this API the server reads the integer part of FP16"


def found(api: Api, document: Any, precision: str = "FP32", **more: Any) -> list[str]:
    inputs = (ServedInput("x", "x", precision, ()),)
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return [text for text, _ in altered_values(ClientRequest(api, body=body, **more), inputs)]


def kserve(data: Any, datatype: str = "FP32") -> list[str]:
    return found("KServe", {"inputs": [{"name": "x", "datatype": datatype, "data": data}]})


@pytest.mark.parametrize(
    ("data", "datatype", "prefix"),
    [
        ([[1, 2], [3]], "FP32", RAGGED),
        ([[1, 2], 3], "FP32", RAGGED),
        ([1, [2, 3]], "FP32", RAGGED),
        ([[[1], [2]], [[3], [4, 5]]], "FP32", RAGGED),
        ([128], "INT8", CUT),
        ([-129], "INT8", CUT),
        ([256], "UINT8", CUT),
        ([-1], "UINT16", CUT),
        ([32768], "INT16", CUT),
        ([1e39], "FP32", INFINITE),
        ([-1e39], "FP64", INFINITE),
        ([10**40], "FP64", INFINITE),
    ],
)
def test_kserve(data: Any, datatype: str, prefix: str) -> None:
    (text,) = kserve(data, datatype)
    assert text.startswith(prefix)


@pytest.mark.parametrize(
    ("data", "datatype"),
    [
        ([[1, 2], [3, 4]], "FP32"),
        ([1, 2, 3], "FP32"),
        ([], "FP32"),
        ([[]], "FP32"),
        ([127, -128], "INT8"),
        ([0, 255], "UINT8"),
        ([2**40], "INT32"),
        ([3.4028234663852886e38], "FP32"),
        ([1e39], "INT8"),
        ("no list", "FP32"),
    ],
)
def test_unchanged_kserve_data_has_no_difference(data: Any, datatype: str) -> None:
    assert kserve(data, datatype) == []


def test_the_last_of_several_outputs_is_kept() -> None:
    outputs = [{"name": "a"}, {"name": "b"}]
    assert len(found("KServe", {"inputs": [], "outputs": outputs})) == 1
    assert found("KServe", {"inputs": [], "outputs": outputs[:1]}) == []


@pytest.mark.parametrize(
    ("precision", "document", "prefix"),
    [
        ("I32", {"instances": [1.5]}, FRACTIONS),
        ("U8", {"inputs": {"x": [[0.5]]}}, FRACTIONS),
        ("FP16", {"instances": [1]}, HALF),
        ("I32", {"instances": [1.0, 2]}, ""),
        ("FP32", {"instances": [1.5]}, ""),
    ],
)
def test_tfs(precision: str, document: Any, prefix: str) -> None:
    texts = found("TFS", document, precision)
    assert [text.startswith(prefix) for text in texts] == ([True] if prefix else [])


@pytest.mark.parametrize(
    ("api", "document", "more"),
    [
        ("KServe", {"inputs": [{"datatype": "INT8", "data": [300]}]}, {"interface": "gRPC"}),
        ("OpenAI", {"inputs": [{"datatype": "INT8", "data": [300]}]}, {}),
        ("KServe", [1], {}),
        ("KServe", b"{", {}),
        ("KServe", b"", {}),
        ("KServe", {"inputs": 1}, {}),
        ("KServe", {"inputs": [1]}, {}),
    ],
)
def test_requests_that_are_not_examined(api: Api, document: Any, more: dict[str, Any]) -> None:
    assert found(api, document, **more) == []


def test_bytes_behind_the_document_are_not_read() -> None:
    document = json.dumps({"inputs": [{"datatype": "INT8", "data": [300]}]}).encode()
    headers = (("Inference-Header-Content-Length", str(len(document))),)
    (text,) = found("KServe", document + b"\x00\xff{", headers=headers)
    assert text.startswith(CUT)
