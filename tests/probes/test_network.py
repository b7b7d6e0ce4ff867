"""The listeners and addresses of this host: with sockets of this process, and an invented /proc."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ovms_doctor.model.facts import InspectNetwork, ListeningSocket, NetworkInspection
from ovms_doctor.model.host import User
from ovms_doctor.model.mounts import MountTable, UnavailablePath
from ovms_doctor.probes.local import LocalCollector
from ovms_doctor.probes.network import inspect_network

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ROW = "   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  1000        0 {inode} 1\n"


def test_listening_socket_is_found_with_its_program() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as bound:
        port = server.getsockname()[1]
        bound.bind(("127.0.0.1", 0))
        silent = bound.getsockname()[1]
        found = inspect_network((port, silent), ())
    assert [(one.address, one.port) for one in found.listeners] == [("127.0.0.1", port)]
    assert found.listeners[0].program


def test_addresses_of_this_host() -> None:
    found = inspect_network((), ("127.0.0.1", "203.0.113.7"))
    assert found.missing_addresses == ("203.0.113.7",)
    assert found.listeners == found.servers == ()


def test_the_network_is_read_in_a_child_with_any_mounts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        question = InspectNetwork((server.getsockname()[1],))
        table = MountTable((), (UnavailablePath("/", "it lies in the image"),))
        with LocalCollector(User(5000, 5000), mounts=table) as collector:
            answer = collector.collect([question])[question]
    assert isinstance(answer, NetworkInspection)
    assert [one.address for one in answer.listeners] == ["127.0.0.1"]


def _proc(root: Path, tcp: str = "", tcp6: str = "") -> None:
    (root / "proc/net").mkdir(parents=True)
    (root / "proc/net/tcp").write_text(HEADER + tcp)
    (root / "proc/net/tcp6").write_text(HEADER + tcp6)


def _process(root: Path, pid: int, name: str, *arguments: str) -> None:
    directory = root / f"proc/{pid}"
    (directory / "fd").mkdir(parents=True)
    (directory / "comm").write_text(f"{name}\n")
    (directory / "cmdline").write_bytes(b"\0".join(word.encode() for word in arguments) + b"\0")


@pytest.mark.parametrize(
    ("file", "local", "address"),
    [
        ("tcp", "00000000:2328", "0.0.0.0"),
        ("tcp", "0100007F:2328", "127.0.0.1"),
        ("tcp6", f"{'0' * 32}:2328", "::"),
        ("tcp6", "000000000000000000000000" + "01000000:2328", "::1"),
        ("tcp6", "0000000000000000FFFF00000100007F:2328", "127.0.0.1"),
    ],
)
def test_addresses_as_the_kernel_prints_them(tmp_path: Path, file: str, local: str, address: str) -> None:
    _proc(tmp_path, **{file: ROW.format(local=local, state="0A", inode=77)})
    found = inspect_network((9000,), (), str(tmp_path))
    assert found.listeners == (ListeningSocket(address, 9000),)


def test_only_listeners_on_the_port_are_returned(tmp_path: Path) -> None:
    rows = [("00000000:2328", "01"), ("00000000:2329", "0A")]
    _proc(tmp_path, "".join(ROW.format(local=local, state=state, inode=1) for local, state in rows))
    assert inspect_network((9000,), (), str(tmp_path)).listeners == ()


def test_processes_and_running_servers(tmp_path: Path) -> None:
    _proc(tmp_path, ROW.format(local="00000000:2328", state="0A", inode=77))
    _process(tmp_path, 12, "docker-proxy", "/usr/bin/docker-proxy", "-host-port", "9000")
    _process(tmp_path, 13, "ovms", "/ovms/bin/ovms", "--port", "9000", "--config_path", "s3://u:secret@h/c")
    found = inspect_network((9000,), (), str(tmp_path))
    assert found.listeners == (ListeningSocket("0.0.0.0", 9000, "docker-proxy"),)
    assert found.servers[0][:2] == ("--port", "9000")
    assert "secret" not in str(found)
    (tmp_path / "proc/13/fd/5").symlink_to("socket:[77]")
    assert inspect_network((9000,), (), str(tmp_path)).listeners[0].program == "ovms"


def test_a_proc_that_cannot_be_read(tmp_path: Path) -> None:
    found = inspect_network((9000,), (), str(tmp_path))
    assert (found.listeners, found.first_open_port) == ((), None)
