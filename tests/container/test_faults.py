"""Faulty engines and documents, and the messages of the command line about them."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import Result, ovms_doctor
from tests.container.diagnosed import codes, repository
from tests.container.documents import IMAGE, docker_document
from tests.container.engine import Engine
from tests.container.listening import HEAD, body, listening, replying, silent
from tests.deadlines import LONG

pytestmark = pytest.mark.slow

INSIDE = ("--model_name", "dense", "--model_path", "/models/dense", "--port", "9000")


def check(url: str, *more: str, form: str = "json") -> Result:
    names = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
    environment = {key: value for key, value in os.environ.items() if key not in names}
    return ovms_doctor(
        "check",
        "--container",
        "resnet",
        "--format",
        form,
        *("--timeout", str(int(LONG)), *more),
        environment={**environment, "DOCKER_HOST": url},
    )


def store_unavailable(result: Result, status: str, message: str) -> None:
    """Exit code 3; each check that needs the container states the reason; standard error is empty."""
    assert (result.code, result.err) == (3, b"")
    document = result.document
    assert document["summary"]["verdict"] == "incomplete"
    assert document["server"]["outcome"] == "unknown"
    apart = {"doctor"} | {item["name"] for item in document["checks"] if item["status"] == "not_applicable"}
    assert apart <= {"doctor", "host", "live", "logs", "requests"}
    assert {item["status"] for item in document["checks"] if item["name"] not in apart} == {status}
    assert {message in item["reason"] for item in document["checks"] if item["name"] not in apart} == {True}
    (finding,) = document["findings"]
    assert finding["code"] == {"could_not_look": "OVD903", "timed_out": "OVD904"}[status]
    assert message in finding["message"] + json.dumps(finding["evidence"])


# -- the engine ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tcp", [False, True], ids=["socket", "tcp"])
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"\x00\x01rubbish\r\n\r\n", "closes the connection"),
        (body(b"<html>"), "not as Docker does"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}", "HTTP 500"),
    ],
)
def test_rubbish(tmp_path: Path, tcp: bool, answer: bytes, message: str) -> None:
    with listening(None if tcp else tmp_path / "s", replying(answer)) as url:
        store_unavailable(check(url), "could_not_look", message)


@pytest.mark.parametrize("tcp", [False, True], ids=["socket", "tcp"])
def test_hangs(tmp_path: Path, tcp: bool) -> None:
    with listening(None if tcp else tmp_path / "s", silent) as url:
        result = check(url, "--timeout", "2")
    store_unavailable(result, "timed_out", "in time")


def test_refuses(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    store_unavailable(check(f"tcp://127.0.0.1:{port}"), "could_not_look", "not running")
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(tmp_path / "s"))
    store_unavailable(check(f"unix://{tmp_path}/s"), "could_not_look", "not running")
    store_unavailable(check(f"unix://{tmp_path}/none"), "could_not_look", "does not exist")


def test_text_report_names_the_fault(tmp_path: Path) -> None:
    result = check(f"unix://{tmp_path}/none", form="text")
    assert result.code == 3
    assert "does not exist: is the engine running?" in " ".join(result.text.split())
    assert result.text.splitlines()[-1] == "? could not look at the container resnet"


def served(document: dict[str, Any], *, log: bytes) -> Any:
    """Answers as an engine does, one request for each connection; ``log``: the container's output."""

    def reply(connection: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request and (part := connection.recv(1 << 16)):
            request += part
        path = [*request.split(b" "), b""][1]
        if path.endswith(b"/version"):
            connection.sendall(body(b'{"ApiVersion": "1.41", "Components": [{"Name": "Engine"}]}'))
        elif path.endswith(b"/info"):
            connection.sendall(body(b'{"ServerVersion": "28.0"}'))
        elif b"/logs" in path:
            connection.sendall(log)
        elif path.endswith(b"/json"):
            connection.sendall(body(json.dumps(document).encode()))

    return reply


def test_container_that_vanishes_between_two_questions(public_dir: Path, tmp_path: Path) -> None:
    """Its document was already received, which is enough."""
    document = docker_document(repository(public_dir))
    document["Config"]["Tty"] = False
    content = b'{"message": "No such container"}'
    head = HEAD.replace(b"200 OK", b"404 Not Found")
    answer = head + b"Content-Length: %d\r\n\r\n" % len(content) + content
    with listening(tmp_path / "s", served(document, log=answer)) as url:
        # The server of this document does not run; its port is not the subject of this test.
        result = check(url, "--no-live")
    assert result.document["findings"] == []
    assert result.code == 0


@pytest.mark.needs_command("dockerd")
def test_container_that_was_removed(engine: Engine) -> None:
    made = engine.run(name="ovms-doctor-test-gone")
    engine.clear()
    for name in (made, "ovms-doctor-test-gone"):
        result = ovms_doctor("check", "--container", name, "--format", "json")
        store_unavailable(result, "could_not_look", "has no container")


def test_engine_of_another_host(public_dir: Path) -> None:
    """Over TCP: the mounted directory is on the other host, although this host may have one with the same name."""
    document = docker_document(Path("/srv/of/another/host"))
    with listening(None, served(document, log=body(b""))) as url:
        result = check(url, "--no-live")
        mounted = check(url, "--no-live", "--mount", f"{repository(public_dir)}:/models")
    (finding,) = result.document["findings"]
    assert (finding["code"], result.code) == ("OVD903", 3)
    assert "/srv/of/another/host, which is not on this host" in finding["message"]
    assert (codes(mounted), mounted.code) == ([], 0)


# -- documents -------------------------------------------------------------------------------------------


def usage(*arguments: str | Path, stdin: bytes = b"") -> str:
    """The message for a mistake of usage: one line, with the program's name."""
    result = ovms_doctor("check", *arguments, stdin=stdin)
    assert (result.code, result.out) == (2, b"")
    (line,) = result.err.decode().splitlines()
    assert line.startswith("ovms-doctor: ")
    return line


@pytest.mark.parametrize(
    "cut", [lambda text: text[: len(text) // 2], lambda text: text[:-2], lambda text: "", lambda text: "[]"]
)
def test_inspect_cut_short(tmp_path: Path, cut: Any) -> None:
    text = json.dumps([docker_document(tmp_path)], indent=4)
    path = tmp_path / "inspect.json"
    path.write_text(cut(text))
    assert "--inspect" in usage("--inspect", path)
    assert "--inspect" in usage("--inspect", "-", stdin=cut(text).encode())


def test_inspect_of_an_image_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "image.json"
    path.write_text(json.dumps([{"Id": "sha256:1", "RepoTags": [IMAGE], "Config": {}, "RootFS": {}}]))
    assert "--inspect" in usage("--inspect", path)


def test_inspect_through_a_pipe(public_dir: Path) -> None:
    text = json.dumps([docker_document(repository(public_dir))]).encode()
    result = ovms_doctor("check", "--inspect", "-", "--format", "json", stdin=text)
    assert (codes(result), result.code) == ([], 0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "--docker-run"),
        ("docker ps", "docker ps"),
        ("docker run", "image"),
        (f"docker run -v '/models:/models {IMAGE}", "quot"),
        (f"docker run --memry 2g {IMAGE} --port 9000", "memry"),
        (f"docker run -m lots {IMAGE} --port 9000", "lots"),
        (f"docker run -p 1:99999 {IMAGE} --port 9000", "99999"),
        (f"docker run -v models:/x:rx {IMAGE}", "rx"),
    ],
)
def test_invalid_run_line_is_a_usage_error(line: str, message: str) -> None:
    assert message in usage("--docker-run", line)


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--compose", "services: [\n"),
        ("--compose", "services: {}\n"),
        ("--compose", "a: 1\n"),
        ("--compose", "services: {a: {image: x}, b: {image: y}}\n"),
        ("--kubernetes", "kind: [\n"),
        ("--kubernetes", "kind: Service\n"),
        ("--kubernetes", ""),
        ("--kubernetes", "\x00"),
    ],
)
def test_invalid_document_is_a_usage_error(tmp_path: Path, option: str, text: str) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    assert option in usage(option, path)
    assert "No such file" in usage(option, tmp_path / "none")


@pytest.mark.parametrize(
    "quoted", ["'{0}:/models:ro'", '"{0}:/models:ro"', "{0}:/mod'el's:ro", "{0}\\:/models:ro"]
)
def test_quoting_of_a_shell(public_dir: Path, quoted: str) -> None:
    """Spaces, quotes and line ends as a shell reads them."""
    top = public_dir / "with space"
    top.mkdir()
    models = repository(top)
    quoted_path = str(models) if quoted[0] in "'\"" else str(models).replace(" ", "\\ ")
    line = f"docker run -d \\\n -v {quoted.format(quoted_path)} \\\n  -p 9000:9000 {IMAGE} \\\n  {' '.join(INSIDE)}"
    result = ovms_doctor("check", "--docker-run", line, "--format", "json")
    assert (codes(result), result.code) == ([], 0)
