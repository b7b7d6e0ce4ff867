"""Ways to reach a server, each with real listeners; curl and Python requests show whether a client gets an answer."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import pytest

from tests.live.certificates import write_certificate
from tests.live.nginx import nginx
from tests.live.servers import JSON, Answer, codes, grpc_server, http_server, listener, live, replay
from tests.stores.servers import Proxy, refusing_port, squid_server

pytestmark = [
    pytest.mark.server,
    pytest.mark.needs_command("curl", "nginx", "squid", "openssl"),
    pytest.mark.needs_module("requests"),
]

_PAGE = b"<html>404 Not Found</html>"


@dataclass
class Listeners:
    """The listeners that the set-ups share, by name; ``{name}`` in a text is replaced by the port."""

    ports: dict[str, int]
    files: dict[str, Path]
    squid: Proxy

    def text(self, pattern: str) -> str:
        """The pattern with ports, files and the proxy's credentials."""
        user = f"{self.squid.user}:{self.squid.password}"
        return pattern.format(**self.ports, **self.files, squid=self.squid.port, known=user)


@dataclass(frozen=True)
class SetUp:
    """The typed address, with the options and the proxies of the shell, and the expected findings."""

    typed: str
    #: The codes of the findings; none if the server can be reached.
    found: tuple[str, ...] = ()
    #: The exit code of curl; None where several are right.
    curl: int | None = None
    options: tuple[str, ...] = ()
    shell: dict[str, str] = field(default_factory=dict)
    #: Whether curl and requests get the server's answer.
    arrives: tuple[bool, bool] | None = None


# -- listeners -----------------------------------------------------------------------------------------


def _silent(connection: socket.socket) -> None:
    while connection.recv(1 << 16):
        pass


def _closes(connection: socket.socket) -> None:
    connection.recv(1 << 16)


def _resets(connection: socket.socket) -> None:
    connection.recv(1 << 16)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _greets(greeting: bytes) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        connection.sendall(greeting)
        connection.recv(1 << 16)

    return behave


def _site(answers: dict[str, Answer]) -> Callable[[str], Answer]:
    return lambda path: answers.get(path, (404, "text/html", _PAGE))


_OTHERS: dict[str, Callable[[str], Answer]] = {
    "triton": _site({"/v2": (200, JSON, b'{"name":"triton","version":"2.50.0","extensions":[]}')}),
    "vllm": _site(
        {
            "/v1/models": (
                200,
                JSON,
                b'{"object":"list","data":[{"id":"m","object":"model","owned_by":"vllm"}]}',
            )
        }
    ),
    "ollama": _site({"/": (200, "text/plain", b"Ollama is running")}),
    "torchserve": lambda path: (404, JSON, b'{"code":404,"type":"ResourceNotFoundException","message":"no"}'),
    "tfserving": lambda path: (404, JSON, b'{"error": "Malformed request: GET ' + path.encode() + b'"}'),
    "teapot": lambda path: (200, "text/html", b"<html>welcome</html>"),
}
_BROKEN: dict[str, Callable[[socket.socket], None]] = {
    "silent": _silent,
    "closes": _closes,
    "resets": _resets,
    "ssh": _greets(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "smtp": _greets(b"220 mail.example.org ESMTP\r\n"),
    "redis": _greets(b"-ERR unknown command\r\n"),
    "mysql": _greets(b"J\x00\x00\x00\x0a8.0.36\x00\x08\x00\x00\x00"),
}


def _tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture(scope="module")
def listeners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listeners]:
    top = tmp_path_factory.mktemp("set-ups")
    files = {
        "authority": write_certificate(top / "localhost.pem"),
        "expired": write_certificate(top / "expired.pem", expired=True),
    }
    recorded = replay("2025.4-single")
    with ExitStack() as stack:
        ovms = stack.enter_context(http_server(recorded)).port
        ports = {"ovms": ovms, "nobody": stack.enter_context(refusing_port())}
        ports["tls"] = stack.enter_context(http_server(recorded, _tls(files["authority"]))).port
        ports["late"] = stack.enter_context(http_server(recorded, _tls(files["expired"]))).port
        for name, answer in _OTHERS.items():
            ports[name] = stack.enter_context(http_server(answer)).port
        for name, behave in _BROKEN.items():
            ports[name] = stack.enter_context(listener(behave))
        ports["elsewhere"] = stack.enter_context(refusing_port())
        stack.enter_context(socket.create_server(("127.0.0.2", ports["elsewhere"])))
        ports["six"] = _ipv6_port(stack, recorded)
        in_nginx = stack.enter_context(nginx(ovms, files["authority"]))
        ports |= {f"nginx_{name}": port for name, port in in_nginx.items()}
        yield Listeners(ports, files, stack.enter_context(squid_server()))


def _ipv6_port(stack: ExitStack, answer: Callable[[str], Answer]) -> int:
    """The port of a server that listens only on ::1; 0 if there is no IPv6."""
    try:
        return stack.enter_context(http_server(answer, host="::1")).port
    except OSError:
        return 0


# -- the table -----------------------------------------------------------------------------------------

_DIRECT = {
    "an address": SetUp("127.0.0.1:{ovms}"),
    "a name": SetUp("localhost:{ovms}"),
    "a URL": SetUp("http://localhost:{ovms}"),
    "a URL with the path of a client": SetUp("http://localhost:{ovms}/v3/chat/completions"),
    "a path without a scheme": SetUp("localhost:{ovms}/v1/config"),
    "a port alone": SetUp("{ovms}"),
    "the loopback in another form": SetUp("127.0.0.77:{ovms}", ("OVD887",), 7),
    "IPv6 alone": SetUp("[::1]:{six}"),
    "IPv6 alone, by its name": SetUp("http://[::1]:{six}/v2"),
    "IPv4 requested of an IPv6 server": SetUp("127.0.0.1:{six}", ("OVD887",), 7),
    "IPv6 requested of an IPv4 server": SetUp("[::1]:{ovms}", ("OVD887",), 7),
    "nobody listens": SetUp("127.0.0.1:{nobody}", ("OVD887",), 7),
    "bound to another address": SetUp("127.0.0.1:{elsewhere}", ("OVD887",), 7),
    "a name that nobody has": SetUp("ovms.invalid:8000", ("OVD886",), 6),
    "a connection without an answer": SetUp("127.0.0.1:{silent}", ("OVD888",), 28),
    "a connection that is closed": SetUp("127.0.0.1:{closes}", ("OVD888",), 52),
    "a connection that is reset": SetUp("127.0.0.1:{resets}", ("OVD888",), 56),
    "ssh": SetUp("127.0.0.1:{ssh}", ("OVD891",)),
    "smtp": SetUp("127.0.0.1:{smtp}", ("OVD891",)),
    "redis": SetUp("127.0.0.1:{redis}", ("OVD891",)),
    "mysql": SetUp("127.0.0.1:{mysql}", ("OVD891",)),
    "Triton": SetUp("127.0.0.1:{triton}", ("OVD891",), 0),
    "vLLM": SetUp("127.0.0.1:{vllm}", ("OVD891",), 0),
    "Ollama": SetUp("127.0.0.1:{ollama}", ("OVD891",), 0),
    "TorchServe": SetUp("127.0.0.1:{torchserve}", ("OVD891",), 0),
    "TensorFlow Serving": SetUp("127.0.0.1:{tfserving}", ("OVD891",), 0),
    "a site that answers everything": SetUp("127.0.0.1:{teapot}", ("OVD891",), 0),
    "nginx with another site": SetUp("127.0.0.1:{nginx_site}", ("OVD891",), 0),
    "nginx before the server": SetUp("127.0.0.1:{nginx_before}"),
    "nginx before a server that is down": SetUp("127.0.0.1:{nginx_down}", ("OVD868",), 0),
    "nginx that leads elsewhere": SetUp("127.0.0.1:{nginx_moved}", ("OVD891",), 0),
    "nginx that requires a password": SetUp("127.0.0.1:{nginx_secret}", ("OVD870",), 0),
    "plain requested of nginx with TLS": SetUp("127.0.0.1:{nginx_tls}", ("OVD890",), 0),
    "nginx with TLS before the server": SetUp(
        "https://localhost:{nginx_tls}", options=("--ca", "{authority}")
    ),
    "TLS requested of a plain port": SetUp("https://127.0.0.1:{ovms}", ("OVD890",), 35),
    "plain requested of a port with TLS": SetUp("127.0.0.1:{tls}", ("OVD890",)),
    "a certificate that signs itself": SetUp("https://localhost:{tls}", ("OVD869",), 60),
    "a certificate of another name": SetUp(
        "https://127.0.0.1:{tls}", ("OVD869",), 60, options=("--ca", "{authority}")
    ),
    "a certificate that has expired": SetUp(
        "https://localhost:{late}", ("OVD869",), 60, options=("--ca", "{expired}")
    ),
    "a certificate that is trusted": SetUp("https://localhost:{tls}", options=("--ca", "{authority}")),
    "a certificate that is not checked": SetUp("https://127.0.0.1:{tls}", options=("--insecure",)),
}
_GOOD, _WRONG = "http://{known}@127.0.0.1:{squid}", "http://someone:else@127.0.0.1:{squid}"
_GONE = "http://127.0.0.1:{nobody}"
_TAKEN = ("OVD892",)
_PROXIES = {
    "Squid lets the request through": SetUp("127.0.0.1:{ovms}", shell={"http_proxy": _GOOD}),
    "Squid refuses the password": SetUp(
        "127.0.0.1:{ovms}", _TAKEN, 0, shell={"http_proxy": _WRONG}, arrives=(False, False)
    ),
    "HTTP_PROXY is for requests alone": SetUp(
        "127.0.0.1:{ovms}", _TAKEN, 0, shell={"HTTP_PROXY": _WRONG}, arrives=(True, False)
    ),
    "all_proxy": SetUp(
        "127.0.0.1:{ovms}", _TAKEN, 0, shell={"all_proxy": _WRONG}, arrives=(False, False)
    ),
    "the proxy is not there": SetUp(
        "127.0.0.1:{ovms}", _TAKEN, 7, shell={"http_proxy": _GONE}, arrives=(False, False)
    ),
    "the proxy has no address": SetUp(
        "127.0.0.1:{ovms}", _TAKEN, 5, shell={"http_proxy": "http://proxy.invalid:3128"}, arrives=(False, False)
    ),
    "the proxy does not answer": SetUp(
        "127.0.0.1:{ovms}", _TAKEN, 28, shell={"http_proxy": "http://127.0.0.1:{silent}"}, arrives=(False, False)
    ),
    "the proxy is a web server": SetUp(
        "127.0.0.1:{ovms}", _TAKEN, 0, shell={"http_proxy": "http://127.0.0.1:{nginx_site}"},
        arrives=(False, False),
    ),
    "the proxy is for https alone": SetUp("127.0.0.1:{ovms}", shell={"https_proxy": _GONE}),
    "no_proxy names the address": SetUp(
        "127.0.0.1:{ovms}", shell={"http_proxy": _GONE, "no_proxy": "127.0.0.1"}
    ),
    "no_proxy names the network": SetUp(
        "127.0.0.1:{ovms}", shell={"http_proxy": _GONE, "no_proxy": "10.0.0.0/8,127.0.0.0/8"}
    ),
    "no_proxy names everything": SetUp("127.0.0.1:{ovms}", shell={"http_proxy": _GONE, "no_proxy": "*"}),
    "NO_PROXY names the name": SetUp("localhost:{ovms}", shell={"http_proxy": _GONE, "NO_PROXY": "localhost"}),
    "localhost is exempt and 127.0.0.1 is not": SetUp(
        "127.0.0.1:{ovms}", _TAKEN, 7, shell={"http_proxy": _GONE, "no_proxy": "localhost"},
        arrives=(False, False),
    ),
    "no_proxy with a port is for requests alone": SetUp(
        "localhost:{ovms}", _TAKEN, 7, shell={"http_proxy": _GONE, "no_proxy": "localhost:{ovms}"},
        arrives=(False, True),
    ),
    "TLS through Squid": SetUp(
        "https://localhost:{tls}", options=("--ca", "{authority}"), shell={"https_proxy": _GOOD}
    ),
    "TLS, and Squid refuses the password": SetUp(
        "https://localhost:{tls}", _TAKEN, 56, ("--ca", "{authority}"), {"https_proxy": _WRONG}, (False, False)
    ),
    "a server that is down, through Squid": SetUp(
        "127.0.0.1:{nobody}", ("OVD887", "OVD892"), 0, shell={"http_proxy": _GOOD}, arrives=(False, False)
    ),
}  # fmt: skip
SET_UPS = _DIRECT | _PROXIES


def test_the_table_is_long_enough() -> None:
    assert len(SET_UPS) >= 40


@pytest.mark.parametrize("name", SET_UPS)
def test_a_set_up(listeners: Listeners, name: str) -> None:
    row = SET_UPS[name]
    if "{six}" in row.typed and not listeners.ports["six"]:
        pytest.skip("no IPv6 here")
    typed = listeners.text(row.typed)
    options = [listeners.text(option) for option in row.options]
    shell = {variable: listeners.text(text) for variable, text in row.shell.items()}
    _, document = live(typed, *options, "--timeout", "1", environment=shell)
    found = tuple(sorted(code for code in codes(document)))
    assert found == row.found
    url = document["live"]["url"] + "/v1/config"
    arrives = row.arrives if row.arrives is not None else (not row.found, not row.found)
    curl_code, body = _curl(url, options, shell)
    assert (b"model_version_status" in body) is arrives[0]
    if row.curl is not None and not arrives[0]:
        assert curl_code == row.curl
    assert (b"model_version_status" in _requests(url, options, shell)) is arrives[1]


def _curl(url: str, options: list[str], shell: dict[str, str]) -> tuple[int, bytes]:
    """Exit code and body of curl itself, in the same shell."""
    more = {"--ca": "--cacert", "--insecure": "-k"}
    arguments = [more.get(option, option) for option in options]
    completed = subprocess.run(
        ["curl", "-sS", "-m", "3", *arguments, url], env={"PATH": os.environ["PATH"], **shell}, capture_output=True,
        check=False,
    )  # fmt: skip
    return completed.returncode, completed.stdout


def _requests(url: str, options: list[str], shell: dict[str, str]) -> bytes:
    """The body that Python requests gets in the same shell."""
    import requests

    verify: bool | str = "--insecure" not in options
    if "--ca" in options:
        verify = options[options.index("--ca") + 1]
    with mock.patch.dict(os.environ, shell), pytest.MonkeyPatch.context() as patched:
        for variable in [one for one in os.environ if one.lower().endswith("_proxy") and one not in shell]:
            patched.delenv(variable)
        try:
            with warnings.catch_warnings():
                # It warns if a certificate is not verified.
                warnings.simplefilter("ignore")
                return bytes(requests.get(url, timeout=3, verify=verify, allow_redirects=False).content)
        except requests.RequestException:
            return b""


# -- gRPC ----------------------------------------------------------------------------------------------

_GRPC = {
    "gRPC, direct": SetUp("grpc://127.0.0.1:{grpc}", arrives=(True, True)),
    "gRPC through Squid": SetUp("grpc://localhost:{grpc}", shell={"http_proxy": _GOOD}, arrives=(True, True)),
    "gRPC, and Squid refuses the password": SetUp(
        "grpc://localhost:{grpc}", _TAKEN, shell={"http_proxy": _WRONG}, arrives=(False, False)
    ),
    "gRPC, and grpc_proxy is not there": SetUp(
        "grpc://127.0.0.1:{grpc}", _TAKEN, shell={"grpc_proxy": _GONE}, arrives=(False, False)
    ),
    "gRPC does not read HTTP_PROXY": SetUp(
        "grpc://127.0.0.1:{grpc}", shell={"HTTP_PROXY": _GONE}, arrives=(True, True)
    ),
    "gRPC, exempt": SetUp(
        "grpc://127.0.0.1:{grpc}",
        shell={"http_proxy": _GONE, "no_proxy": "127.0.0.0/8"},
        arrives=(True, True),
    ),
    "gRPC requested of the REST port": SetUp("grpc://127.0.0.1:{ovms}", ("OVD889",), arrives=(False, False)),
    "gRPC requested of a port where nobody listens": SetUp(
        "grpc://127.0.0.1:{nobody}", ("OVD887",), arrives=(False, False)
    ),
}
#: The official client, as a user's program calls it.
_CLIENT = """
import sys, grpc
channel = grpc.insecure_channel(sys.argv[1])
call = channel.unary_unary("/inference.GRPCInferenceService/ServerMetadata")
try:
    print(b"OpenVINO Model Server" in call(b"", timeout=5))
except grpc.RpcError:
    print(False)
"""


@pytest.mark.needs_module("grpc")
@pytest.mark.parametrize("name", _GRPC)
def test_a_set_up_for_grpc(listeners: Listeners, name: str) -> None:
    row = _GRPC[name]
    with grpc_server("2026.3-config") as port:
        listeners.ports["grpc"] = port
        shell = {variable: listeners.text(text) for variable, text in row.shell.items()}
        typed = listeners.text(row.typed)
        _, document = live(typed, "--model", "fc", "--timeout", "2", environment=shell)
        completed = subprocess.run(
            [sys.executable, "-c", _CLIENT, typed.removeprefix("grpc://")],
            env={"PATH": os.environ["PATH"], **shell},
            capture_output=True,
            text=True,
            check=True,
        )
    assert tuple(sorted(codes(document))) == row.found
    assert row.arrives is not None
    assert (completed.stdout.strip() == "True") is row.arrives[0]
