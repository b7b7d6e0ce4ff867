"""Reaching a server in a network namespace of its own: dropped packets, no route, only IPv6, a real proxy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

pytestmark = [pytest.mark.server, pytest.mark.needs_root, pytest.mark.needs_command("unshare", "ip")]

#: An interface whose other end is not used: packets to 10.9.0.2 are lost.
_SET_UP = """ip link set lo up && ip link add v0 type veth peer name v1 && ip addr add 10.9.0.1/24 dev v0 &&
ip link set v0 up && ip link set v1 up && ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev v0 || exit 77"""


def _in_namespace(*arguments: str, before: str = "", **environment: str) -> tuple[int, dict[str, Any]]:
    """Exit code and document of ``status`` in a namespace with a loopback and a network that drops everything."""
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [
        sys.executable,
        "-m",
        "ovms_doctor",
        "status",
        *arguments,
        "--format",
        "json",
        "--timeout",
        "0.5",
    ]
    completed = subprocess.run(
        ["unshare", "-n", "sh", "-c", f'{_SET_UP}\n{before} "$@"', "sh", *command],
        env={**clean, **environment},
        capture_output=True,
        timeout=300,
        check=False,
    )
    if completed.returncode == 77 or b"unshare failed" in completed.stderr:
        pytest.skip("no network namespaces here")
    return completed.returncode, json.loads(completed.stdout)


@pytest.mark.parametrize(
    ("server", "code", "result"),
    [
        ("10.9.0.2:8000", "OVD888", "timed out"),
        ("10.200.0.1:8000", "OVD888", "unreachable"),
        ("10.9.0.1:8000", "OVD887", "refused"),
        ("[::1]:8000", "OVD887", "refused"),
    ],
)
def test_routes_that_fail_at_the_connection(server: str, code: str, result: str) -> None:
    exit_code, document = _in_namespace(server)
    assert (exit_code, [item["code"] for item in document["findings"]]) == (1, [code])
    assert result in document["live"]["steps"][-1]["detail"]


_SERVER = f"""{sys.executable} - <<'EOF' &
import http.server, socket
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{{"name":"OpenVINO Model Server","version":"2026.3.0.x"}}' if self.path == "/v2" else b'{{}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in "ADDRESS" else socket.AF_INET
Server(("ADDRESS", 8000), Handler).serve_forever()
EOF
server=$!; trap 'kill $server' EXIT
until ss -ltn | grep -q ':8000 '; do kill -0 $server || exit 9; sleep 0.05; done;
"""


@pytest.mark.needs_command("ss")
@pytest.mark.parametrize(
    ("bound", "requested", "code"),
    [
        ("::1", "[::1]:8000", "OVD895"),
        ("::1", "127.0.0.1:8000", "OVD887"),
        ("127.0.0.1", "10.9.0.1:8000", "OVD887"),
    ],
)
def test_a_server_that_is_bound_to_one_address(bound: str, requested: str, code: str) -> None:
    before = _SERVER.replace("ADDRESS", bound)
    exit_code, document = _in_namespace(requested, before=before)
    findings = [item for item in document["findings"] if item["code"] != "OVD898"]
    assert (exit_code, findings[0]["code"]) == (1, code)
    if code == "OVD887":
        assert f"bound to {bound} only" in findings[0]["detail"]


@pytest.mark.needs_command("ss")
def test_a_proxy_that_drops_everything() -> None:
    """The direct connection works, and the clients of the shell hang at the proxy."""
    before = _SERVER.replace("ADDRESS", "127.0.0.1")
    _, document = _in_namespace("127.0.0.1:8000", before=before, http_proxy="http://10.9.0.2:3128")
    assert "OVD892" in [item["code"] for item in document["findings"]]
    assert document["live"]["kind"] == "ovms"
