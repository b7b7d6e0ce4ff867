"""The addresses that users type for a server; and the route of common clients compared with the clients
themselves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from ovms_doctor.model.live import Address
from ovms_doctor.prediction.live.address import AddressError, read_address
from ovms_doctor.prediction.live.client_routes import client_routes


@pytest.mark.parametrize(
    ("typed", "url", "path"),
    [
        ("localhost", "http://localhost:8000", ""),
        ("localhost:9178", "http://localhost:9178", ""),
        ("8001", "http://localhost:8001", ""),
        (":8001", "http://localhost:8001", ""),
        ("http://ovms.lan", "http://ovms.lan:80", ""),
        ("HTTPS://ovms.lan/", "https://ovms.lan:443", ""),
        ("http://h:8000/v3/chat/completions", "http://h:8000", "/v3/chat/completions"),
        ("h:8000/v1", "http://h:8000", "/v1"),
        ("http://h:8000?x=1", "http://h:8000", "?x=1"),
        ("[::1]:8000", "http://[::1]:8000", ""),
        ("::1", "http://[::1]:8000", ""),
        ("grpc://h", "grpc://h:9000", ""),
        ("grpcs://h:443", "grpcs://h:443", ""),
    ],
)
def test_typed_addresses(typed: str, url: str, path: str) -> None:
    address = read_address(typed)
    assert (address.url, address.path) == (url, path)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "  ",
        "ftp://h",
        "http://",
        "h:0",
        "h:70000",
        "h:port",
        "a b",
        "u:p@h",
        "h\n:1",
        "[::1",
        "x" * 3000,
        "h:²",
    ],
)
def test_texts_that_are_not_an_address(typed: str) -> None:
    with pytest.raises(AddressError):
        read_address(typed)


def test_grpc_is_requested_by_option() -> None:
    assert read_address("h", grpc=True).url == "grpc://h:9000"


# -- against the clients -------------------------------------------------------------------------------

_HOSTS = ["localhost", "127.0.0.1", "10.1.2.3", "ovms.corp.lan", "OVMS.corp.lan", "::1"]
_ENVIRONMENTS: list[dict[str, str]] = [
    {},
    {"http_proxy": "http://p:3128"},
    {"HTTP_PROXY": "http://p:3128"},
    {"http_proxy": "", "HTTP_PROXY": "http://p:3128"},
    {"all_proxy": "http://p:3128"},
    {"ALL_PROXY": "http://p:3128"},
    {"https_proxy": "http://p:3128"},
    {"HTTP_PROXY": "http://p:3128", "REQUEST_METHOD": "GET"},
]
_EXEMPT = [
    None, "localhost", "127.0.0.1", "127.0.0.0/8", "10.0.0.0/8,localhost", ".corp.lan", "corp.lan", "lan", "*",
    "localhost, 10.1.2.3", "::1", "", "10.1.2.0/24 localhost", "vms.corp.lan", "OVMS.CORP.LAN",
]  # fmt: skip


def _cases() -> list[tuple[str, dict[str, str]]]:
    cases = []
    for host in _HOSTS:
        for environment in _ENVIRONMENTS:
            for name in ("no_proxy", "NO_PROXY"):
                for exempt in _EXEMPT:
                    cases.append((host, environment if exempt is None else {**environment, name: exempt}))
    return cases


@pytest.mark.needs_module("requests")
@pytest.mark.parametrize("tls", [False, True])
def test_python_requests_uses_the_predicted_route(tls: bool) -> None:
    """The requests library itself, in each of these environments."""
    from requests.utils import get_environ_proxies, select_proxy

    wrong = []
    for host, environment in _cases():
        address = Address(host, 8000, tls, False, True)
        with mock.patch.dict(os.environ, environment, clear=True):
            url = address.url + "/v2"
            expected = bool(select_proxy(url, get_environ_proxies(url)))
        route = next(item for item in client_routes(address, environment) if item.client == "Python requests")
        if bool(route.variable) != expected:
            wrong.append((host, environment, expected))
    assert wrong == []


def test_grpc_reads_lower_case_only_and_uses_the_proxy_for_localhost() -> None:
    address = Address("localhost", 9000, False, True, True)
    (route,) = client_routes(address, {"http_proxy": "http://p:3128"})
    assert (route.client, route.variable, route.proxy) == ("gRPC", "http_proxy", "p:3128")
    assert client_routes(address, {"HTTP_PROXY": "http://p:3128"})[0].variable == ""
    assert client_routes(address, {"https_proxy": "http://q:1", "http_proxy": "http://p:1"})[0].proxy == "q:1"
    exempt = client_routes(address, {"http_proxy": "http://p:3128", "no_proxy": "localhost"})[0]
    assert (exempt.variable, exempt.exempt_by) == ("", "no_proxy")


def test_a_password_is_not_kept() -> None:
    address = Address("h", 8000, False, False, True)
    routes = client_routes(address, {"http_proxy": "http://user:hunter2@p:3128"})
    assert [route.proxy for route in routes] == ["p:3128", "p:3128"]
    assert "hunter2" not in repr(routes)


@pytest.mark.needs_module("pycurl")
@pytest.mark.slow
def test_curl_uses_the_predicted_route(tmp_path: Path) -> None:
    """libcurl itself, with a proxy that does not exist: a request that fails because of it was sent to it."""
    script = tmp_path / "way.py"
    script.write_text(_CURL)
    cases = [case for case in _cases() if case[1].get("no_proxy") is not None or not case[1]][::3]
    completed = subprocess.run(
        [sys.executable, str(script)],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin"},
    )
    phrases = json.loads(completed.stdout)
    wrong = []
    for (host, environment), taken in zip(cases, phrases, strict=True):
        address = Address(host, 8000, False, False, True)
        route = next(item for item in client_routes(address, environment) if item.client == "curl")
        if bool(route.variable) != taken:
            wrong.append((host, environment, taken))
    assert wrong == []


_CURL = """
import json, os, sys
import pycurl

ways = []
for host, environment in json.load(sys.stdin):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ.update(environment)
    curl = pycurl.Curl()
    netloc = f"[{host}]" if ":" in host else host
    curl.setopt(pycurl.URL, f"http://{netloc}:8000/v2")
    # The proxy is the name p, at a port of the loopback where nobody listens; the server is another one.
    curl.setopt(pycurl.RESOLVE, ["p:3128:127.0.0.1"])
    curl.setopt(pycurl.CONNECT_TO, [f"{netloc}:8000:[::ffff:127.0.0.1]:9"])
    observed = []
    curl.setopt(pycurl.VERBOSE, 1)
    curl.setopt(pycurl.DEBUGFUNCTION, lambda kind, text: observed.append(text))
    curl.setopt(pycurl.TIMEOUT, 5)
    try:
        curl.perform()
    except pycurl.error:
        pass
    ways.append(any(b"Uses proxy env variable" in text and b"3128" in text for text in observed))
json.dump(ways, sys.stdout)
"""
