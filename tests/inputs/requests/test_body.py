"""The API that a body is written for."""

from __future__ import annotations

import pytest

from ovms_doctor.inputs.requests.body import api_of_body


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
        (b"[]", "KServe"),
        (b"{", "KServe"),
    ],
)
def test_api(body: bytes, api: str) -> None:
    assert api_of_body(body)[0] == api
