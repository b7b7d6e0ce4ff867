"""TensorFlow Serving's GetModelStatus over gRPC: until 2026.2 it shows every version with its state."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tests.live.servers import codes, live

pytestmark = [pytest.mark.server, pytest.mark.needs_module("grpc")]


def _text(number: int, text: str) -> bytes:
    return bytes([number << 3 | 2, len(text)]) + text.encode()


def _row(version: int, state: int, code: int) -> bytes:
    status = bytes([8, code]) if code else b""
    row = bytes([8, version, 16, state, 26, len(status)]) + status
    return bytes([10, len(row)]) + row


@contextmanager
def _server(
    version: str, states: bytes, metadata: bytes = _text(1, "m") + _text(2, "2")
) -> Iterator[tuple[int, list[str]]]:
    """The port of a server of this version, and the calls that it receives."""
    import grpc

    called: list[str] = []
    answers = {
        "ServerMetadata": _text(1, "OpenVINO Model Server") + _text(2, version),
        "ServerLive": b"\x08\x01",
        "ServerReady": b"\x08\x01",
        "ModelReady": b"\x08\x01",
        "ModelMetadata": metadata,
        "GetModelStatus": states,
        "ModelInfer": b"",
    }

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: Any) -> Any:
            call = details.method.rpartition("/")[2]
            called.append(details.method)
            return grpc.unary_unary_rpc_method_handler(lambda request, context: answers[call])

    served = grpc.server(ThreadPoolExecutor(2), handlers=(Handler(),))
    port: int = served.add_insecure_port("127.0.0.1:0")
    served.start()
    try:
        yield port, called
    finally:
        served.stop(None).wait()


def _versions(document: dict[str, Any]) -> list[tuple[int, str, str, str]]:
    (servable,) = document["live"]["servables"]
    return [
        (row["version"], row["state"], row["error_code"], row["condition"]) for row in servable["versions"]
    ]


def test_states_of_all_versions() -> None:
    states = _row(1, 50, 0) + _row(2, 30, 0) + _row(3, 20, 2)
    with _server("2025.4.1.ab", states) as (port, called):
        code, document = live(f"grpc://127.0.0.1:{port}", "--model", "m")
    assert "/tensorflow.serving.ModelService/GetModelStatus" in called
    assert _versions(document) == [
        (1, "END", "OK", "retired"),
        (2, "AVAILABLE", "OK", "available"),
        (3, "LOADING", "UNKNOWN", "failing"),
    ]
    assert (code, codes(document)) == (1, ["OVD894"])


def test_a_removed_interface_is_not_called() -> None:
    with _server("2026.3.0.ab", b"") as (port, called):
        code, document = live(f"grpc://127.0.0.1:{port}", "--model", "m")
    assert not any("tensorflow" in call for call in called)
    assert _versions(document) == [(2, "AVAILABLE", "OK", "available")]
    assert (code, codes(document)) == (0, [])


def test_without_a_model_it_is_not_called() -> None:
    with _server("2025.4.1.ab", b"") as (port, called):
        live(f"grpc://127.0.0.1:{port}")
    assert not any("tensorflow" in call for call in called)


@pytest.mark.parametrize("answer", [b"\xff\xff", _row(1, 77, 9), b"\x0a\x7f"])
def test_a_version_text_of_arbitrary_bytes(answer: bytes) -> None:
    with _server("2025.4.1.ab", answer) as (port, _):
        code, document = live(f"grpc://127.0.0.1:{port}", "--model", "m")
    assert code in (0, 1)
    assert document["live"]["ready"] is True


def test_zeros_over_grpc() -> None:
    tensor = _text(1, "x") + _text(2, "FP32") + bytes([0x1A, 2, 1, 3])
    metadata = _text(1, "m") + _text(2, "1") + bytes([0x22, len(tensor)]) + tensor
    with _server("2026.3.0.ab", b"") as (port, called):
        code, document = live(f"grpc://127.0.0.1:{port}", "--model", "m", "--probe")
        assert not any("ModelInfer" in call for call in called)
    assert document["live"]["probes"][0]["sent"] is None
    assert code == 0
    with _server("2026.3.0.ab", b"", metadata) as (port, called):
        code, document = live(f"grpc://127.0.0.1:{port}", "--model", "m", "--probe")
    assert called[-1].endswith("/ModelInfer")
    assert document["live"]["probes"][0]["sent"] == "x FP32 [1,3], zeros"
    assert (code, document["live"]["probes"][0]["grpc_code"]) == (0, "OK")
