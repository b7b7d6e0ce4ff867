"""Reaching a server step by step, with real listeners: the first step that fails is the finding."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.certificates import write_certificate
from tests.live.servers import JSON, Answer, codes, grpc_server, http_server, listener, live, replay, status
from tests.stores.servers import refusing_port

pytestmark = pytest.mark.server


def _page(text: bytes, *headers: str, code: int = 200, kind: str = "text/html") -> Answer:
    return code, "\n".join((kind, *headers)), text


def _first_failed(document: dict) -> str | None:
    return next((step["step"] for step in document["live"]["steps"] if step["ok"] is False), None)


# -- name and connection -------------------------------------------------------------------------------


def test_a_name_that_does_not_resolve() -> None:
    code, document = live("no-such-host.invalid:8000")
    assert (code, codes(document), _first_failed(document)) == (1, ["OVD886"], "name")


def test_a_refused_port_names_those_that_listen() -> None:
    with http_server(replay("2025.4-single")) as server, refusing_port() as port:
        code, document = live(f"localhost:{port}")
        assert (code, codes(document), _first_failed(document)) == (1, ["OVD887"], "connection")
        assert str(server.port) in document["findings"][0]["evidence"][-1]["what"]


def test_a_port_that_is_bound_to_another_address() -> None:
    with refusing_port() as port, socket.create_server(("127.0.0.2", port)):
        _, document = live(f"127.0.0.1:{port}")
    finding = document["findings"][0]
    assert finding["code"] == "OVD887"
    assert "bound to 127.0.0.2 only" in finding["detail"]
    assert f"127.0.0.2:{port}" in finding["remedy"]["steps"][0]["text"]


def test_a_port_at_another_address_is_found_among_many_sockets() -> None:
    """More sockets listen, on lower ports, than are reported."""
    with ExitStack() as others:
        sockets = [others.enter_context(socket.socket()) for _ in range(250)]
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        *lower, last = sorted(sockets, key=lambda item: int(item.getsockname()[1]))
        for item in lower:
            item.listen()
        port = last.getsockname()[1]
        others.enter_context(socket.create_server(("127.0.0.2", port)))
        _, document = live(f"127.0.0.1:{port}")
    assert "bound to 127.0.0.2 only" in document["findings"][0]["detail"]


def test_an_assumed_port_is_reported_as_assumed() -> None:
    _, document = live("localhost.localdomain.invalid")
    assert document["live"]["url"].endswith(":8000")


def test_ipv6_alone() -> None:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as bound:
            port = bound.getsockname()[1]
            _, document = live(f"[::1]:{port}", "--timeout", "0.3")
    except OSError:
        pytest.skip("no IPv6 here")
    assert document["live"]["steps"][2]["ok"] is True


# -- protocol ------------------------------------------------------------------------------------------


def _silent(connection: socket.socket) -> None:
    connection.recv(1 << 16)
    connection.recv(1 << 16)


def _closes(connection: socket.socket) -> None:
    connection.recv(1 << 16)


def _ssh(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    connection.recv(1 << 16)


@pytest.mark.parametrize(
    ("behave", "code"),
    [(_silent, "OVD888"), (_closes, "OVD888"), (_ssh, "OVD891")],
    ids=["silent", "closes", "ssh"],
)
def test_port_without_an_http_server(behave: object, code: str) -> None:
    with listener(behave) as port:  # type: ignore[arg-type]
        exit_code, document = live(f"127.0.0.1:{port}", "--timeout", "0.5")
    assert (exit_code, codes(document), _first_failed(document)) == (1, [code], "protocol")


@pytest.mark.needs_module("grpc")
def test_the_grpc_port_is_named() -> None:
    with grpc_server("2026.3-config") as port:
        code, document = live(f"127.0.0.1:{port}")
    assert (code, codes(document)) == (1, ["OVD889"])
    assert (
        document["findings"][0]["remedy"]["steps"][0]["command"]
        == f"ovms-doctor status grpc://127.0.0.1:{port}"
    )


def test_grpc_requested_of_the_rest_port() -> None:
    with http_server(replay("2026.3-config")) as server:
        code, document = live(f"127.0.0.1:{server.port}", "--grpc")
    assert (code, codes(document)) == (1, ["OVD889"])
    assert "is not a gRPC port" in document["findings"][0]["message"]


def test_tls_requested_of_a_plain_port() -> None:
    with http_server(replay("2025.4-single")) as server:
        code, document = live(f"https://127.0.0.1:{server.port}")
    assert (code, codes(document)) == (1, ["OVD890"])
    assert document["findings"][0]["remedy"]["steps"][0]["command"].endswith(
        f"http://127.0.0.1:{server.port}"
    )


@pytest.mark.needs_module("grpc")
def test_tls_requested_of_a_plain_grpc_port() -> None:
    with grpc_server("2026.3-config") as port:
        code, document = live(f"grpcs://127.0.0.1:{port}")
    assert (code, codes(document)) == (1, ["OVD890"])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost and its key, in one file."""
    return write_certificate(tmp_path_factory.mktemp("tls") / "localhost.pem")


@pytest.fixture
def tls_port(certificate: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with http_server(replay("2025.4-single"), context) as server:
        yield server.port


def test_a_plain_request_to_a_tls_port(tls_port: int) -> None:
    code, document = live(f"localhost:{tls_port}")
    assert (code, codes(document)) == (1, ["OVD890"])
    assert "speaks TLS" in document["findings"][0]["message"]


def test_a_certificate_that_is_not_trusted(tls_port: int) -> None:
    code, document = live(f"https://localhost:{tls_port}")
    assert (code, codes(document)) == (1, ["OVD869"])


def test_a_certificate_for_another_name(tls_port: int, certificate: Path) -> None:
    code, document = live(f"https://127.0.0.1:{tls_port}", "--ca", str(certificate))
    assert (code, codes(document)) == (1, ["OVD869"])
    assert "name that is in the certificate" in document["findings"][0]["remedy"]["steps"][0]["text"]


def test_a_certificate_that_is_trusted_or_not_checked(tls_port: int, certificate: Path) -> None:
    assert live(f"https://localhost:{tls_port}", "--ca", str(certificate))[0] == 0
    assert live(f"https://127.0.0.1:{tls_port}", "--insecure")[0] == 0


# -- whose server --------------------------------------------------------------------------------------

_TRITON = b'{"name":"triton","version":"2.50.0","extensions":["classification"]}'
_OPENAI = b'{"object":"list","data":[{"id":"llama","object":"model","owned_by":"vllm"}]}'


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ({}, "other"),
        ({"/v2": _page(_TRITON, kind=JSON)}, "triton"),
        ({"/v1/models": _page(_OPENAI, kind=JSON)}, "openai"),
    ],
    ids=["nginx", "triton", "openai"],
)
def test_another_server(answers: dict[str, Answer], kind: str) -> None:
    missing = _page(b"<html>404 Not Found</html>", code=404)
    with http_server(lambda path: answers.get(path, missing)) as server:
        code, document = live(f"127.0.0.1:{server.port}")
    assert (code, codes(document)) == (1, ["OVD891"])
    assert document["live"]["kind"] == kind


@pytest.mark.parametrize("code", [502, 503, 504])
@pytest.mark.parametrize("kind", ["text/html", JSON])
def test_a_gateway_without_a_server_behind_it(code: int, kind: str) -> None:
    with http_server(lambda path: (code, kind, b"no healthy upstream")) as server:
        exit_code, document = live(f"127.0.0.1:{server.port}")
    assert (exit_code, codes(document)) == (1, ["OVD868"])
    assert f"answers {code} " in document["findings"][0]["message"]


@pytest.mark.parametrize("code", [429, 500])
def test_other_errors_are_not_a_gateway_without_a_server(code: int) -> None:
    with http_server(lambda path: (code, "text/html", b"no")) as server:
        assert codes(live(f"127.0.0.1:{server.port}")[1]) == ["OVD891"]


def test_a_server_that_is_not_ready_is_not_a_gateway() -> None:
    """/v2/health/ready of OVMS is 503 while it starts."""
    not_ready = (503, JSON, b"")
    with http_server(replay("2025.4-single", v2_health_ready=not_ready, v2_health_live=not_ready)) as server:
        assert "OVD868" not in codes(live(f"127.0.0.1:{server.port}")[1])


def test_the_text_of_an_error_is_quoted() -> None:
    refused = (500, JSON, b'{"error":"the disk is on fire"}')
    with http_server(replay("2025.4-single", v1_config=refused)) as server:
        _, document = live(f"127.0.0.1:{server.port}")
    (found,) = [item for item in document["findings"] if item["code"] == "OVD899"]
    assert "status 500, “the disk is on fire”" in found["message"]


def test_a_release_without_kserve_is_recognised() -> None:
    """Before 2022.2 there is no /v2."""

    def answer(path: str) -> Answer:
        if path.startswith("/v2") or path == "/metrics":
            return 404, JSON, b'{"error": "Invalid request URL"}'
        return replay("2025.4-single")(path)

    with http_server(answer) as server:
        code, document = live(f"127.0.0.1:{server.port}")
    assert (code, codes(document)) == (0, [])
    assert (document["live"]["kind"], document["live"]["release"]) == ("ovms", None)


def test_a_redirect_is_not_followed() -> None:
    with http_server(replay("2025.4-single")) as other:
        redirect = _page(b"", f"Location: http://127.0.0.1:{other.port}/v2", code=301)
        with http_server(lambda path: redirect) as server:
            code, document = live(f"127.0.0.1:{server.port}")
        assert other.requests == []
    assert (code, codes(document)) == (1, ["OVD891"])
    assert "did not follow" in document["findings"][0]["remedy"]["steps"][0]["text"]


def test_a_key_that_is_missing_and_a_key_that_is_sent(tmp_path: Path) -> None:
    """OVMS requires no key for GET: another program before it sends this answer."""
    key = tmp_path / "key"
    key.write_text("s3cret-key\nmore\n")
    recorded = replay("2025.4-single")
    with http_server(lambda path: recorded(path)) as server:

        def answer(path: str) -> Answer:
            authorized = server.requests[-1][2].get("Authorization") == "Bearer s3cret-key"
            return recorded(path) if authorized else (401, JSON, b'{"detail":"no"}')

        server.answer = answer
        code, document = live(f"127.0.0.1:{server.port}")
        assert (code, codes(document)) == (1, ["OVD870"])
        result = status(f"127.0.0.1:{server.port}", "--api-key-file", str(key), "--format", "json")
    assert result.code == 0
    assert b"s3cret" not in result.out + result.err


# -- proxies of the shell ------------------------------------------------------------------------------


def test_a_proxy_that_does_not_reach_the_server() -> None:
    squid_page = _page(b"<html>Squid: access denied</html>", "X-Squid-Error: ERR_ACCESS_DENIED 0", code=403)
    with http_server(replay("2025.4-single")) as server, http_server(lambda path: squid_page) as proxy:
        environment = {"http_proxy": f"http://user:hunter2@127.0.0.1:{proxy.port}"}
        result = status(f"localhost:{server.port}", "--format", "json", environment=environment)
        assert [path for _, path, _ in proxy.requests] == [f"http://localhost:{server.port}/v2"]
    assert (result.code, codes(result.document)) == (1, ["OVD892"])
    assert b"hunter2" not in result.out + result.err
    assert result.document["live"]["servables"]


def test_a_proxy_that_reaches_the_server_is_not_a_finding() -> None:
    recorded = replay("2025.4-single")
    forward = http_server(lambda path: recorded("/" + path.split("/", 3)[3]))
    with http_server(recorded) as server, forward as proxy:
        environment = {"http_proxy": f"http://127.0.0.1:{proxy.port}"}
        code, document = live(f"localhost:{server.port}", environment=environment)
    assert (code, codes(document)) == (0, [])


def test_an_exempt_server_is_not_queried_through_the_proxy() -> None:
    with http_server(replay("2025.4-single")) as server, http_server(lambda path: _page(b"")) as proxy:
        environment = {"http_proxy": f"http://127.0.0.1:{proxy.port}", "no_proxy": "localhost"}
        code, document = live(f"localhost:{server.port}", environment=environment)
        assert proxy.requests == []
    assert (code, codes(document)) == (0, [])
    assert document["live"]["routes"][0]["exempt_by"] == "no_proxy"


# -- the command line ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("ftp://host",),
        ("user:pass@host:8000",),
        ("host:99999",),
        ("host", "--wait", "soon"),
        ("host", "--timeout", "0"),
        ("host", "--ca", "/no/such/file"),
        ("host", "--select", "nonsense"),
    ],
)
def test_a_mistake_of_usage(arguments: tuple[str, ...]) -> None:
    result = status(*arguments)
    assert result.code == 2
    assert result.out == b""
    assert result.err.count(b"\n") == 1


def test_a_password_in_the_address_is_not_written() -> None:
    for typed in ("someone:hunter2@host:8000", "http://someone:hunter2@host:8000/v2"):
        for arguments in ((), ("--format", "json")):
            result = status(typed, *arguments)
            assert result.code == 2
            assert b"hunter2" not in result.out + result.err
