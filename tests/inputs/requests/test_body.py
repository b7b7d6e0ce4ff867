"""The API that a body is written for."""

from __future__ import annotations

import pytest

from ovms_doctor.inputs.requests.body import api_of, api_of_body


@pytest.mark.parametrize(
    ("body", "api"),
    [
        (b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}]}', "KServe"),
        (
            b'{"instances": [1], "inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}]}',
            "KServe",
        ),
        (b'{"instances": [1], "inputs": null}', "TFS"),
        (b'{"instances": [1]}', "TFS"),
        (b'{"inputs": {"x": [1]}}', "TFS"),
        (b'{"inputs": [[1, 2]]}', "TFS"),
        (b'{"signature_name": "s", "inputs": {"x": [1]}}', "TFS"),
        (b'{"model": "m", "messages": []}', "OpenAI"),
        # The text of a Python dict.
        (b"{'model': 'm', 'messages': []}", "OpenAI"),
        (b"{'instances': [1]}", "TFS"),
        (b"{'inputs': [{'name': 'x', 'datatype': 'FP32'}], 'parameters': {}}", "KServe"),
        (b"[]", "KServe"),
        (b"{", "KServe"),
    ],
)
def test_api(body: bytes, api: str) -> None:
    assert api_of_body(body)[0] == api


KSERVE = b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}]}'
TFS = b'{"instances": [1]}'


@pytest.mark.parametrize(
    ("path", "body", "api"),
    [
        ("/v2/models/m/infer", TFS, "KServe"),
        ("/v1/models/m:predict", KSERVE, "TFS"),
        ("/v1/models/m/versions/1:predict", TFS, "TFS"),
        ("/v3/chat/completions", TFS, "OpenAI"),
        ("/v1/chat/completions", KSERVE, "OpenAI"),
        ("/infer", TFS, "TFS"),
        ("/infer", b"", "other"),
        # No API has such a path for inference: it is that of one API, with the ending of another one, or without any.
        ("/v1/models/m/infer", KSERVE, "KServe"),
        ("/v1/models/m/infer", TFS, "TFS"),
        ("/v1/models/m/versions/1/infer", TFS, "TFS"),
        ("/v1/models/m/predict", TFS, "TFS"),
        ("/v1/models/m", KSERVE, "KServe"),
        # The model of the list, since 2026.3.
        ("/v1/models/m", b"", "OpenAI"),
        ("/v1/models", b"", "OpenAI"),
    ],
)
def test_api_of_a_request(path: str, body: bytes, api: str) -> None:
    assert api_of(path, body) == api
