"""Only the named host, and the proxy that clients use, are contacted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.contacts import contacted
from tests.live.servers import http_server, replay

pytestmark = [pytest.mark.server, pytest.mark.needs_command("strace")]


def test_only_the_server_is_contacted(tmp_path: Path) -> None:
    with http_server(replay("2025.4-single")) as server:
        found = contacted(tmp_path / "trace", "status", f"127.0.0.1:{server.port}", "--timeout", "60")
    assert found == {("127.0.0.1", server.port)}


def test_the_proxy_is_contacted_if_clients_use_it(tmp_path: Path) -> None:
    with (
        http_server(replay("2025.4-single")) as server,
        http_server(lambda path: (403, "text/html", b"no")) as proxy,
    ):
        environment = {"http_proxy": f"http://127.0.0.1:{proxy.port}"}
        arguments = ("status", f"127.0.0.1:{server.port}", "--timeout", "60")
        found = contacted(tmp_path / "trace", *arguments, environment=environment)
    assert found == {("127.0.0.1", server.port), ("127.0.0.1", proxy.port)}
