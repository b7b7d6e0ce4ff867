"""No host but the named one, and the proxy that clients take, is contacted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.servers import http_server, replay

pytestmark = [pytest.mark.server, pytest.mark.needs_command("strace")]


def _contacted(path: Path, *words: str, environment: dict[str, str] | None = None) -> set[tuple[str, int]]:
    """IP addresses and ports to which the program and its children connect or send."""
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [
        "strace",
        "-f",
        "-qq",
        "-e",
        "trace=connect,sendto,sendmsg",
        "-o",
        str(path),
        sys.executable,
        "-m",
    ]
    done = subprocess.run(
        [*command, "ovms_doctor", "status", *words],
        env={**clean, **(environment or {})},
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    text = path.read_text("utf-8", "replace")
    pattern = r'sin6?_port=htons\((\d+)\).*?inet_(?:addr\(|pton\(AF_INET6, )"([^"]+)"'
    return {(address, int(port)) for port, address in re.findall(pattern, text)}


def test_only_the_server_is_contacted(tmp_path: Path) -> None:
    with http_server(replay("2025.4-single")) as server:
        found = _contacted(tmp_path / "trace", f"127.0.0.1:{server.port}")
    assert found == {("127.0.0.1", server.port)}


def test_the_proxy_is_contacted_where_clients_take_it(tmp_path: Path) -> None:
    with (
        http_server(replay("2025.4-single")) as server,
        http_server(lambda path: (403, "text/html", b"no")) as proxy,
    ):
        environment = {"http_proxy": f"http://127.0.0.1:{proxy.port}"}
        found = _contacted(tmp_path / "trace", f"127.0.0.1:{server.port}", environment=environment)
    assert found == {("127.0.0.1", server.port), ("127.0.0.1", proxy.port)}
