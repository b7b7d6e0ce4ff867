"""Hostile and broken answers: each ends in time and in bounded memory, with a finding and no traceback."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable

import pytest

from tests.live.servers import JSON, Answer, codes, http_server, listener, live, replay, status

pytestmark = pytest.mark.server


def _raw(path_of_interest: str, sent: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    """A recorded server, except for one path, whose answer ``sent`` writes."""
    recorded = replay("2025.4-single")

    def behave(connection: socket.socket) -> None:
        request = connection.recv(1 << 16).decode("latin-1")
        path = request.split(" ")[1]
        if path == path_of_interest:
            sent(connection)
            return
        connection.sendall(_as_sent(recorded(path)))

    return behave


def _as_sent(answer: Answer) -> bytes:
    status_code, content_type, body = answer
    head = f"HTTP/1.1 {status_code} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _truncated(connection: socket.socket) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"fc"')


def _endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        connection.sendall(b" " * 65536)


def _endless_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-Header: " + b"x" * 1000 + b"\r\n")


def _drips(connection: socket.socket) -> None:
    """Sends single bytes with pauses until the client has closed the connection."""
    pause = threading.Event()
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        pause.wait(0.05)


def _resets(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.mark.parametrize("sent", [_truncated, _endless, _endless_headers, _drips, _resets])
def test_an_incomplete_answer(sent: Callable[[socket.socket], None]) -> None:
    with listener(_raw("/v1/config", sent)) as port:
        code, document = live(f"127.0.0.1:{port}", "--timeout", "1", "--interval", "0.05")
    assert code == 1
    assert codes(document) == ["OVD899"]
    assert document["live"]["servables"] is None
    assert document["live"]["ready"] is True


@pytest.mark.parametrize("sent", [_truncated, _drips], ids=["cut off", "slow"])
def test_incomplete_answers_do_not_indicate_another_server(sent: Callable[[socket.socket], None]) -> None:
    def behave(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        sent(connection)

    with listener(behave) as port:
        code, document = live(f"127.0.0.1:{port}", "--timeout", "1")
    assert (code, codes(document)) == (1, ["OVD888"])


@pytest.mark.parametrize(
    "body",
    [
        b"<html>not found</html>",
        b"[]",
        b'"text"',
        b"{" * 100_000,
        b"[" * 100_000,
        b'{"fc": 1}',
        b'{"fc": {"model_version_status": [1]}}',
        b'{"fc": {"model_version_status": [{"version": "one", "state": "AVAILABLE", "status": {"error_code": "OK"}}]}}',
        b'{"fc": {"model_version_status": [{"version": "1", "state": "GREAT", "status": {"error_code": "OK"}}]}}',
        b'{"fc": {"model_version_status": [{"version": "1", "state": "AVAILABLE"}]}}',
        b"\xff\xfe\x00",
        b"",
    ],
)
def test_an_invalid_list_of_servables(body: bytes) -> None:
    with http_server(replay("2025.4-single", v1_config=(200, JSON, body))) as server:
        code, document = live(f"127.0.0.1:{server.port}", "--interval", "0.05")
    assert (code, codes(document)) == (1, ["OVD899"])


def test_the_wrong_content_type_alone_is_not_a_fault() -> None:
    status_code, _, body = replay("2025.4-single")("/v1/config")
    with http_server(replay("2025.4-single", v1_config=(status_code, "text/html", body))) as server:
        assert live(f"127.0.0.1:{server.port}")[0] == 0


def test_ten_megabytes_of_metrics() -> None:
    lines = ["# TYPE ovms_requests_success counter"]
    lines += [
        f'ovms_requests_success{{api="KServe",interface="REST",method="ModelInfer",name="m{number}"}} {number}'
        for number in range(100_000)
    ]
    body = "\n".join(lines).encode()
    assert len(body) > 8_000_000
    with http_server(replay("2025.4-single", metrics=(200, "text/plain", body + b"\n"))) as server:
        code, document = live(f"127.0.0.1:{server.port}", "--timeout", "60")
    models = document["live"]["metrics"]["models"]
    assert code == 0
    assert (len(models), models[0]["name"], models[0]["requests"]) == (100_000, "m99999", 99_999)


@pytest.mark.parametrize(
    "body", [b"ovms_requests_success{", b"ovms_x nonsense\n", b"<html></html>", b"\xff\xfe"]
)
def test_invalid_metrics(body: bytes) -> None:
    with http_server(replay("2025.4-single", metrics=(200, "text/plain", body))) as server:
        code, document = live(f"127.0.0.1:{server.port}")
    assert code == 0
    assert codes(document) in (["OVD899"], [])
    assert document["live"]["metrics"]["models"] == []


def test_hostile_names_reach_no_terminal() -> None:
    name = "evil\x1b[2J\u202e\x07name"
    row = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": "OK"}}
    body = json.dumps({name: {"model_version_status": [row]}}).encode()
    about = json.dumps({"name": "OpenVINO Model Server", "version": "\x1b]0;x\x07"}).encode()
    answer = replay("2025.4-single", v1_config=(200, JSON, body), v2=(200, JSON, about))
    with http_server(answer) as server:
        result = status(f"127.0.0.1:{server.port}")
    assert result.code == 0
    assert not [char for char in result.text if char != "\n" and not char.isprintable()]


def test_a_server_that_restarts_between_two_queries() -> None:
    """The first request is refused by a reset; later ones are answered."""
    recorded = replay("2025.4-single")
    count = {"config": 0}

    def behave(connection: socket.socket) -> None:
        path = connection.recv(1 << 16).decode("latin-1").split(" ")[1]
        if path == "/v1/config":
            count["config"] += 1
            if count["config"] == 1:
                _resets(connection)
                return
        connection.sendall(_as_sent(recorded(path)))

    with listener(behave) as port:
        code, document = live(f"127.0.0.1:{port}", "--interval", "0.05")
    assert (code, codes(document)) == (0, [])


def test_more_answers_than_the_limit() -> None:
    """Each body is below the limit, all together are above it: memory stays bounded."""
    big: Answer = (200, JSON, b" " * (15 << 20) + b"{}")
    with http_server(lambda path: big) as server:
        code, document = live(f"127.0.0.1:{server.port}", "--timeout", "30")
    assert code == 1
    assert codes(document)


_PAGE: Answer = (503, "text/html", b"<html><h1>503 Service Temporarily Unavailable</h1></html>")
_NOT_READY: Answer = (503, JSON, b'{"error":"Server is not ready"}')


@pytest.mark.parametrize(
    ("replaced", "found", "ready"),
    [
        ({"v2_health_ready": _NOT_READY}, [("OVD893", "error")], False),
        ({"v2_health_ready": (500, JSON, b'{"error":"Error while loading a model"}')}, [("OVD893", "error")], False),
        ({"v2_health_ready": _PAGE}, [("OVD899", "error")], None),
        ({"v2_health_ready": (503, "", b"")}, [("OVD899", "error")], None),
        ({"v2_health_ready": (503, JSON, b'{"code": 503}')}, [("OVD899", "error")], None),
        ({"v2": _PAGE}, [("OVD899", "warning")], True),
        ({"v2_health_live": _PAGE}, [("OVD899", "warning")], True),
        ({"v1_config": _PAGE}, [("OVD899", "warning")], True),
        ({"v2_models_fc_ready": _PAGE}, [("OVD899", "warning")], True),
        ({"v2": _PAGE, "v2_health_live": _PAGE, "v2_health_ready": _PAGE, "v1_config": _PAGE, "v1_models": _PAGE},
         [("OVD868", "error")], None),
    ],
)  # fmt: skip
def test_an_answer_of_a_gateway_is_not_one_of_the_server(
    replaced: dict[str, Answer], found: list[tuple[str, str]], ready: bool | None
) -> None:
    with http_server(replay("2025.4-single", **replaced)) as server:
        _, document = live(f"127.0.0.1:{server.port}", "--model", "fc")
    assert [
        (item["code"], item["severity"]) for item in document["findings"] if item["code"] != "OVD898"
    ] == found
    assert document["live"]["ready"] is ready


def test_the_answer_of_a_gateway_is_described() -> None:
    with http_server(replay("2025.4-single", v2_health_ready=_PAGE)) as server:
        _, document = live(f"127.0.0.1:{server.port}")
    (finding,) = document["findings"]
    assert finding["message"] == (
        "The answer of /v2/health/ready cannot be used: status 503, and the body is not an answer of OVMS."
    )
    (evidence,) = finding["evidence"]
    assert evidence["what"].startswith("/v2/health/ready: 503, ")


def test_a_name_is_not_missing_because_a_gateway_answers() -> None:
    """Neither the list nor the model's own endpoint is answered by the server."""
    replaced = {"v1_config": _PAGE, "v2_models_fc_ready": _PAGE}
    with http_server(replay("2025.4-single", **replaced)) as server:
        _, document = live(f"127.0.0.1:{server.port}", "--model", "fc")
    assert codes(document) == ["OVD899", "OVD899"]


def test_the_same_answer_of_several_queries_is_listed_once() -> None:
    """The list is requested again while a version is being loaded, or while there is no answer."""
    bodies = iter([b'"LOADING"', b'"LOADING"', b'"START"', b"["])
    recorded = replay("2025.4-single")

    def answer(path: str) -> Answer:
        return (200, JSON, next(bodies)) if path == "/v1/config" else recorded(path)

    with http_server(answer) as server:
        _, document = live(f"127.0.0.1:{server.port}", "--interval", "0.05")
        queries = sum(path == "/v1/config" for _, path, _ in server.requests)
    (finding,) = (item for item in document["findings"] if item["code"] == "OVD899")
    assert queries == 4
    assert len(finding["evidence"]) == 1


def _listing(**states: str) -> Answer:
    document = {
        name: {
            "model_version_status": [
                {
                    "version": str(number),
                    "state": state,
                    "status": {"error_code": "OK", "error_message": "OK"},
                }
                for number, state in enumerate(texts.split(), 1)
            ]
        }
        for name, texts in states.items()
    }
    return 200, JSON, json.dumps(document).encode()


@pytest.mark.parametrize(
    ("states", "text"),
    [
        ({"a": "END"}, " (removed: a)."),
        ({"a": "UNLOADING"}, " (being unloaded: a)."),
        ({"a": "END UNLOADING"}, " (being unloaded: a)."),
        ({"a": "END", "b": "UNLOADING"}, " (removed: a; being unloaded: b)."),
    ],
)
def test_what_is_retired_and_what_is_being_unloaded(states: dict[str, str], text: str) -> None:
    with http_server(replay("2025.4-single", v1_config=_listing(**states))) as server:
        _, document = live(f"127.0.0.1:{server.port}", "--model", "a", "--interval", "0.05")
    nothing, named = (item for item in document["findings"] if item["code"] != "OVD898")
    assert (nothing["code"], named["code"]) == ("OVD895", "OVD896")
    assert nothing["message"].endswith(f"lists no servable that is configured{text}")
    is_unloading = "UNLOADING" in states["a"]
    ending = "it is being unloaded." if is_unloading else "all of its versions are retired."
    assert named["message"].endswith(f"no longer serves a: {ending}")
