"""``request --url``: the metadata are read in a child process with a deadline for each whole answer."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.run import Result, ovms_doctor
from tests.live.servers import JSON, Answer, grpc_server, http_server, listener, replay

pytestmark = pytest.mark.server

_BODY = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}]}


def _request(tmp_path: Path, url: str, *arguments: str) -> Result:
    body = tmp_path / "body.json"
    body.write_text(json.dumps(_BODY))
    return ovms_doctor("request", str(body), "--url", url, "--timeout", "1", *arguments)


@pytest.mark.parametrize("typed", ["http://127.0.0.1:{}", "127.0.0.1:{}", "localhost:{}/v2/models/fc/infer"])
def test_a_request_against_the_running_server(tmp_path: Path, typed: str) -> None:
    with http_server(replay("2025.4-single")) as server:
        result = _request(tmp_path, typed.format(server.port), "--format", "json")
        assert {path for _, path, _ in server.requests} == {"/v1/config", "/v2/models/fc", "/v2"}
    assert (result.code, result.document["request"]["release"]) == (0, "2025.4")


def _drips(connection: socket.socket) -> None:
    """Sends an answer without end, byte by byte."""
    connection.recv(1 << 16)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    connection.settimeout(0.1)
    while True:
        connection.sendall(b" ")
        try:
            if not connection.recv(1):
                return
        except TimeoutError:
            continue


def _cuts(connection: socket.socket) -> None:
    connection.recv(1 << 16)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")


@pytest.mark.parametrize(
    ("behave", "reason"), [(_drips, "timed out"), (_cuts, "cut off")], ids=["drips", "cuts"]
)
def test_an_answer_that_does_not_end(
    tmp_path: Path, behave: Callable[[socket.socket], None], reason: str
) -> None:
    with listener(behave) as port:
        result = _request(tmp_path, f"127.0.0.1:{port}")
    assert (result.code, result.out) == (2, b"")
    assert reason in result.err.decode()


@pytest.mark.parametrize(
    "answer",
    [(200, JSON, b"[1]"), (200, JSON, b"[" * 100_000), (200, "text/html", b"<html>"), (404, JSON, b"{}")],
    ids=["a list", "deep", "HTML", "404"],
)
def test_an_answer_that_is_not_a_list_of_servables(tmp_path: Path, answer: Answer) -> None:
    with http_server(lambda path: answer) as server:
        result = _request(tmp_path, f"127.0.0.1:{server.port}")
    assert (result.code, result.out) == (2, b"")
    assert result.err.count(b"\n") == 1


@pytest.mark.needs_module("grpc")
def test_the_grpc_port_is_not_an_address_for_rest(tmp_path: Path) -> None:
    with grpc_server("2026.3-config") as port:
        assert "is a gRPC address" in _request(tmp_path, f"grpc://127.0.0.1:{port}").err.decode()
        assert _request(tmp_path, f"127.0.0.1:{port}").code == 2


def test_a_password_in_the_address_is_not_written(tmp_path: Path) -> None:
    result = _request(tmp_path, "someone:hunter2@127.0.0.1:8000", "--format", "json")
    assert result.code == 2
    assert b"hunter2" not in result.out + result.err
