"""Engines that do not exist or refuse access, and programs that are not engines: one sentence, within the
deadline.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from ovms_doctor.probes.containers import ContainerLookup, ContainerQuestion, engine, query_container
from tests.conftest import SERVER_UID
from tests.container.listening import HEAD, body, listening, replying, silent
from tests.deadlines import LONG, within_some_deadline

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Removes every setting that leads to the engine of this machine."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)


def lookup_at(monkeypatch: pytest.MonkeyPatch, url: str, deadline: float = LONG) -> ContainerLookup:
    monkeypatch.setenv("DOCKER_HOST", url)
    lookup = query_container("resnet", deadline)
    assert lookup.document is None
    assert lookup.problem is not None
    assert "\n" not in lookup.problem
    return lookup


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "closes the connection"),
        (b"\x00\x01\x02rubbish\r\n\r\n", "closes the connection"),
        (HEAD + b"Content-Length: 1000\r\n\r\n{", "closes the connection"),
        (body(b"{"), "not as Docker does"),
        (body(b"[]"), "not as Docker does"),
        (body(b"<html>"), "not as Docker does"),
        (body(b'{"ApiVersion": "1.41"}'), "not as Docker does"),
        (body(b'{"ApiVersion": "1.41", "Config": 5}'), "not as Docker does"),
        (body(b'{"ApiVersion": {"a": 1}}'), "engine"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}", "HTTP 500"),
        (b"HTTP/1.1 302 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "engine"),
    ],
)
def test_rubbish(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: bytes, message: str) -> None:
    with listening(tmp_path / "s", replying(answer)) as url:
        lookup = lookup_at(monkeypatch, url)
    assert message in str(lookup.problem)
    assert not lookup.timed_out


def test_engine_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with listening(tmp_path / "s", silent) as url:
        lookup = lookup_at(monkeypatch, url, deadline=2)
    assert lookup.timed_out
    assert "in time" in str(lookup.problem)


def test_engine_with_an_endless_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n")
        while True:
            connection.sendall(b" ")
            ended.wait(0.05)

    ended = threading.Event()
    with listening(tmp_path / "s", drip) as url:
        # Each byte arrives in time: the deadline for the whole answer ends it.
        lookup = lookup_at(monkeypatch, url, deadline=2)
    assert lookup.timed_out


def test_missing_output_does_not_stop_the_report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Some of Docker's logging drivers wait for a service that does not exist: everything else is reported."""

    def reply(connection: socket.socket) -> None:
        path = [*connection.recv(1 << 16).split(b" "), b""][1]
        if path.endswith(b"/version"):
            connection.sendall(body(b'{"ApiVersion": "1.41", "Components": [{"Name": "Engine"}]}'))
        elif path.endswith(b"/info"):
            connection.sendall(body(b'{"ServerVersion": "28.0", "HttpProxy": "http://me:hunter2@host"}'))
        elif path.endswith(b"/json"):
            connection.sendall(body(b'{"Id": "abc", "Config": {"Tty": false}, "State": {"Pid": 1}}'))
        elif path:
            silent(connection)

    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")
    with listening(tmp_path / "s", reply):
        lookup = within_some_deadline(
            lambda deadline: query_container("resnet", deadline), lambda lookup: lookup.problem is None
        )
    assert lookup.problem is None
    assert lookup.document["Id"] == "abc"
    assert lookup.info["ServerVersion"] == "28.0"
    assert lookup.info["Problems"] == [
        "The container's output cannot be read (the engine does not send it in time)."
    ]
    # Process 1 does not belong to that container.
    assert lookup.info["IdMap"] is None
    assert "hunter2" not in repr(lookup)


def test_an_engine_that_does_not_listen_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    assert "not running" in str(lookup_at(monkeypatch, f"unix://{path}").problem)
    assert "does not exist" in str(lookup_at(monkeypatch, f"unix://{tmp_path}/none").problem)
    (tmp_path / "file").touch()
    assert "No process listens" in str(lookup_at(monkeypatch, f"unix://{tmp_path}/file").problem)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert "not running" in str(lookup_at(monkeypatch, f"tcp://127.0.0.1:{port}").problem)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("npipe:////./pipe/docker_engine", "not supported"),
        ("ssh://user:hunter2@nowhere.invalid", ""),
        ("tcp://user:hunter2@", ""),
        ("rubbish", ""),
        ("unix://", ""),
        ("tcp://127.0.0.1:99999", ""),
    ],
)
def test_addresses(monkeypatch: pytest.MonkeyPatch, url: str, message: str) -> None:
    lookup = lookup_at(monkeypatch, url)
    assert message in str(lookup.problem)
    assert "hunter2" not in repr(lookup)


def test_missing_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "nowhere")
    lookup = query_container("resnet", 20)
    assert "nowhere does not exist" in str(lookup.problem)


def test_context_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The files that ``docker context use`` writes."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    directory = tmp_path / "contexts" / "meta" / hashlib.sha256(b"mine").hexdigest()
    directory.mkdir(parents=True)
    endpoint = {"docker": {"Host": f"unix://{tmp_path}/s", "SkipTLSVerify": False}}
    (directory / "meta.json").write_text(json.dumps({"Name": "mine", "Metadata": {}, "Endpoints": endpoint}))
    (tmp_path / "config.json").write_text('{"currentContext": "mine"}')
    with listening(tmp_path / "s", replying(body(b"[]"))):
        lookup = query_container("resnet", 20)
    assert lookup.endpoint == f"unix://{tmp_path}/s"
    assert "not as Docker does" in str(lookup.problem)
    (directory / "meta.json").write_text("{")
    assert "mine" in str(query_container("resnet", 20).problem)


def test_sockets_of_this_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Podman's socket is used if Docker's does not exist. This is the child's code, run in this process,
    because a machine may have real sockets."""
    sockets = (f"{tmp_path}/docker.sock", "{runtime}/docker.sock", "{runtime}/podman/podman.sock")
    monkeypatch.setattr(engine, "_SOCKETS", sockets)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    question = ContainerQuestion("resnet", 5)
    assert "No container engine was found" in str(engine.container_lookup(question).problem)
    (tmp_path / "run" / "podman").mkdir(parents=True)
    with listening(tmp_path / "run" / "podman" / "podman.sock", lambda connection: None):
        assert engine.container_lookup(question).endpoint == f"unix://{tmp_path}/run/podman/podman.sock"
        with listening(tmp_path / "docker.sock", lambda connection: None):
            assert engine.container_lookup(question).endpoint == f"unix://{tmp_path}/docker.sock"


def test_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulates an environment without the package; a normal installation always has it."""
    monkeypatch.setitem(sys.modules, "docker", None)
    assert "pip install 'docker" in str(engine.container_lookup(ContainerQuestion("resnet", 5)).problem)


@pytest.mark.parametrize("name", ["", "../info", "a b", "-f", "é", "a\n", "a?all=1"])
def test_names_that_no_container_can_have(name: str) -> None:
    assert "cannot be the name" in str(query_container(name, 20).problem)


@pytest.mark.needs_root
def test_socket_of_others(monkeypatch: pytest.MonkeyPatch, public_dir: Path) -> None:
    """This is the child's code, run in this process: the test's user cannot start Python in directories of
    other users."""
    path = public_dir / "s"
    with listening(path, replying(b"")) as url:
        path.chmod(0o600)
        monkeypatch.setenv("DOCKER_HOST", url)
        os.seteuid(SERVER_UID)
        try:
            answer = engine.container_lookup(ContainerQuestion("resnet", 5))
        finally:
            os.seteuid(0)
    assert "usermod -aG docker" in str(answer.problem)
