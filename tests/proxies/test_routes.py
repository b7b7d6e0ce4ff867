"""Which proxy each client uses: the table, the result of libcurl itself, and a real proxy's log."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ovms_doctor.model.environment import variables
from ovms_doctor.model.releases import parse_release
from ovms_doctor.model.routes import Client
from ovms_doctor.prediction.proxies import GCS_HOST, clients_of, is_exempt, route, s3_route
from tests.live.servers import listener
from tests.proxies.table import AZURE, CLONE, CURL, S3, filled
from tests.stores.servers import Proxy

CURL_PROGRAM = Path(__file__).with_name("curl.py")
ROWS: list[tuple[Client, dict[str, str], str, str]] = [
    *(("s3", *row) for row in S3),
    *(("gcs", *row) for row in CURL),
    *(("hf-files", *row) for row in CURL),
    *(("azure", *row) for row in AZURE),
    *(("hf-clone", *row) for row in CLONE),
]
HOSTS = {"gcs": GCS_HOST, "hf-files": "huggingface.co"}


@pytest.mark.parametrize(("client", "environment", "variable", "kind"), ROWS)
def test_each_client_uses_the_route_of_the_table(
    client: Client, environment: dict[str, str], variable: str, kind: str
) -> None:
    host = HOSTS.get(client, "store.test")
    variables_of_case = filled(environment, proxy="proxy.test:3128", host=host, domain=host.partition(".")[2])
    found = route(client, variables(variables_of_case.items()))
    assert (found.kind, found.variable) == (kind, variable)


def test_only_remote_models_need_a_client() -> None:
    assert clients_of(["/models/a", "models/b", "S3://bucket/a", "azure://x", "https://x"]) == ()
    assert clients_of(["s3://b/m", "/x", "gs://b/m", "az://c", "azfs://s/d"]) == ("s3", "gcs", "azure")
    assert clients_of([], ("hf-clone", "hf-files")) == ("hf-clone", "hf-files")


def test_no_password_is_kept() -> None:
    secret = "s3cr/et@%40"
    for text in (
        f"http://user:{secret}@p:1",
        f"http://user:{secret}@p",
        f"user:{secret}@p:1",
        f"x://{secret}@p/",
    ):
        (variable,) = variables([("https_proxy", text)])
        assert "s3cr" not in repr(variable), text
        assert "user" not in repr(variable).replace("user=", ""), text


@pytest.mark.parametrize(
    ("listed", "named"),
    [("a.test", True), (".a.test", True), ("b.a.test", False), ("test", True), ("a.tes", False), ("*", True),
     ("x,*", False), ("", False)],
)  # fmt: skip
def test_names_in_no_proxy(listed: str, named: bool) -> None:
    assert is_exempt("a.test", listed) is named


# -- libcurl itself ------------------------------------------------------------------------------------


@dataclass
class Listener:
    """A server that accepts connections and closes them without an answer."""

    #: The port.
    port: int = 0
    #: How many connections it has accepted.
    connections: int = 0

    def receive(self, connection: socket.socket) -> None:
        connection.recv(4096)
        self.connections += 1


@pytest.fixture
def ends() -> Iterator[tuple[Listener, Listener]]:
    """A proxy and an origin: they only count the connections."""
    proxy, origin = Listener(), Listener()
    with listener(proxy.receive) as proxy.port, listener(origin.receive) as origin.port:
        yield proxy, origin


def ask(environment: dict[str, str], *arguments: str) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [sys.executable, str(CURL_PROGRAM), *arguments]
    subprocess.run(command, env={**clean, **environment}, check=True, timeout=60)


@pytest.mark.needs_module("pycurl")
@pytest.mark.parametrize(("environment", "variable", "kind"), CURL)
@pytest.mark.sample(every=3)
def test_libcurl_agrees(
    ends: tuple[Listener, Listener], environment: dict[str, str], variable: str, kind: str
) -> None:
    proxy, origin = ends
    variables_of_case = filled(
        environment, proxy=f"127.0.0.1:{proxy.port}", host=GCS_HOST, domain=GCS_HOST.partition(".")[2]
    )
    ask(variables_of_case, "environment", f"https://{GCS_HOST}/", str(origin.port))
    assert (proxy.connections > 0, origin.connections > 0) == (
        (True, False) if kind == "proxy" else (False, True)
    )


@pytest.mark.needs_module("pycurl")
@pytest.mark.parametrize(
    ("environment", "variable", "kind"),
    [row for row in S3 if row[2] != "ends" and "other" not in str(row[0])],
)
@pytest.mark.sample(every=3)
def test_libcurl_with_the_options_of_the_s3_client_agrees(
    ends: tuple[Listener, Listener], environment: dict[str, str], variable: str, kind: str
) -> None:
    """The value is read by the code under test; libcurl shows where the connection goes."""
    proxy, origin = ends
    variables_of_case = filled(environment, proxy=f"127.0.0.1:{proxy.port}")
    found = route("s3", variables(variables_of_case.items()))
    taken = next(
        (item.proxy for item in variables(variables_of_case.items()) if item.name == found.variable), None
    )
    through = found.kind == "proxy" and taken is not None
    arguments = (taken.host, str(taken.port)) if through and taken is not None else ("", "")
    ask(variables_of_case, "s3", "http://store.test/", str(origin.port), *arguments)
    assert (proxy.connections > 0, origin.connections > 0) == (
        (True, False) if kind == "proxy" else (False, True)
    )


@pytest.mark.needs_module("pycurl")
@pytest.mark.parametrize(
    "listed", ["store.test", "test", "other, store.test", "store.test:80", "*.test", "other"]
)
@pytest.mark.parametrize("release", ["2023.3", "2024.0"])
def test_libcurl_agrees_on_no_proxy_of_the_s3_client(
    ends: tuple[Listener, Listener], listed: str, release: str
) -> None:
    proxy, origin = ends
    environment = {"http_proxy": f"http://127.0.0.1:{proxy.port}", "no_proxy": listed}
    endpoint = {"S3_ENDPOINT": "http://store.test"}
    found = s3_route(variables({**environment, **endpoint}.items()), parse_release(release))
    mode = "s3" if release == "2024.0" else "s3-1.7"
    ask(environment, mode, "http://store.test/", str(origin.port), "127.0.0.1", str(proxy.port))
    assert (proxy.connections > 0, origin.connections > 0) == (
        (True, False) if found.kind == "proxy" else (False, True)
    )


# -- a real proxy --------------------------------------------------------------------------------------


@pytest.mark.needs_module("pycurl")
def test_real_proxy_is_used_as_predicted(squid: Proxy, ends: tuple[Listener, Listener]) -> None:
    origin = ends[1]
    environment = {"http_proxy": squid.url, "no_proxy": "127.0.0.1"}
    found = route("s3", variables(environment.items()))
    assert found.kind == "proxy"
    for password_kind, password in (("right", squid.password), ("wrong", "none")):
        url = f"http://127.0.0.1:{origin.port}/{password_kind}"
        proxy = (squid.host, str(squid.port), squid.user, password)
        ask(environment, "s3", url, str(origin.port), *proxy)
    lines = squid.log(2)
    assert any("/right" in line and "someone" in line for line in lines), lines
    assert any("/wrong" in line and "407" in line for line in lines), lines
    assert origin.connections == 1
