"""The server in a container: from the engine's report to the server's address and the commands of the remedies."""

from __future__ import annotations

import socket
from typing import Any
from unittest import mock

import pytest

from ovms_doctor.cli.check import live_request_limit
from ovms_doctor.inputs.inspect.own_address import own_address
from ovms_doctor.inputs.inspect.read import read_inspect
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.prediction.live.address import AddressError
from ovms_doctor.prediction.live.container_address import container_address, either_address
from ovms_doctor.probes.containers import ContainerLookup
from tests.cli.run import ovms_doctor
from tests.live.servers import codes, grpc_server, http_server, live, replay, status


@pytest.mark.parametrize(("typed", "expected"), [(0.5, 0.5), (10.0, 10.0), (30.0, 30.0), (3600.0, 60.0)])
def test_the_option_decides_how_long_a_request_may_take(typed: float, expected: float) -> None:
    assert live_request_limit(CheckOptions(timeout=typed)) == expected


_ARGUMENTS = ("--model_name", "m", "--model_path", "/m", "--rest_port", "8000", "--port=9000")


def _document(
    *arguments: str,
    ports: dict[str, str] | None = None,
    network: str = "bridge",
    ip: str = "",
    running: bool = True,
) -> dict[str, Any]:
    """The output of ``docker inspect``. ``ports``: address and port of the host, by port of the container."""
    bindings = {
        f"{inside}/tcp": [{"HostIp": outside.rpartition(":")[0], "HostPort": outside.rpartition(":")[2]}]
        for inside, outside in (ports or {}).items()
    }
    return {
        "Id": "a" * 64,
        "Name": "/ovms",
        "Path": "/ovms/bin/ovms",
        "Args": list(arguments),
        "Config": {
            "Image": "openvino/model_server:2026.3",
            "Cmd": list(arguments),
            "Entrypoint": ["/ovms/bin/ovms"],
        },
        "State": {
            "Status": "running" if running else "exited",
            "Running": running,
            "ExitCode": 0 if running else 137,
        },
        "HostConfig": {"NetworkMode": network, "PortBindings": bindings},
        "NetworkSettings": {"Ports": bindings, "Networks": {network: {"IPAddress": ip}}},
    }


def _address(document: dict[str, Any], *, grpc: bool = False) -> str:
    container = read_inspect(document, source="docker", source_name="ovms", log=(), info={})
    return container_address(container, own_address(document), grpc=grpc).url


@pytest.mark.parametrize(
    ("document", "grpc", "url"),
    [
        (_document(*_ARGUMENTS, ports={"8000": "0.0.0.0:18000"}), False, "http://127.0.0.1:18000"),
        (_document(*_ARGUMENTS, ports={"8000": "10.0.0.5:8001"}), False, "http://10.0.0.5:8001"),
        (_document(*_ARGUMENTS, ports={"9000": ":19000"}), True, "grpc://127.0.0.1:19000"),
        (_document(*_ARGUMENTS, network="host"), False, "http://127.0.0.1:8000"),
        (_document(*_ARGUMENTS, network="host", ip=""), True, "grpc://127.0.0.1:9000"),
        (_document(*_ARGUMENTS, ip="172.17.0.2"), False, "http://172.17.0.2:8000"),
    ],
)
def test_the_address_of_a_container(document: dict[str, Any], grpc: bool, url: str) -> None:
    assert _address(document, grpc=grpc) == url


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (_document("--model_path", "/m", "--port", "9000"), "no --rest_port"),
        (_document(*_ARGUMENTS, ports={"8080": "0.0.0.0:80"}), "8000 is not published (published: 80→8080)"),
        (_document(*_ARGUMENTS, running=False), "exited with exit code 137"),
        (_document("--rest_port", "many"), "no --rest_port"),
    ],
)
def test_a_container_without_an_address(document: dict[str, Any], reason: str) -> None:
    with pytest.raises(AddressError) as raised:
        _address(document)
    assert reason in str(raised.value)


@pytest.mark.parametrize(
    ("document", "engine_host", "url"),
    [
        (
            _document(*_ARGUMENTS, ports={"8000": "0.0.0.0:18000", "9000": ":19000"}),
            "",
            "http://127.0.0.1:18000",
        ),
        (_document("--port", "9000", ports={"9000": ":19000"}), "", "grpc://127.0.0.1:19000"),
        (_document(*_ARGUMENTS, ports={"8000": "0.0.0.0:18000"}), "gpu1.lan", "http://gpu1.lan:18000"),
        (_document(*_ARGUMENTS, network="host"), "gpu1.lan", "http://gpu1.lan:8000"),
        (_document(*_ARGUMENTS, ports={"8000": "10.0.0.5:18000"}), "gpu1.lan", "http://10.0.0.5:18000"),
    ],
)
def test_the_address_for_a_container_with_its_files(
    document: dict[str, Any], engine_host: str, url: str
) -> None:
    """REST if there is a REST port; on the engine's host if that is another one."""
    container = read_inspect(document, source="docker", source_name="ovms", log=(), info={})
    assert either_address(container, own_address(document), engine_host).url == url


@pytest.mark.parametrize(
    "info",
    [
        {"OperatingSystem": "Docker Desktop"},
        {"SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"]},
    ],
)
def test_an_address_that_only_the_engine_reaches_is_not_contacted(info: dict[str, Any]) -> None:
    """In this host's networks, the address may belong to another server."""
    document = _document(*_ARGUMENTS, ip="172.17.0.2")
    assert own_address(document, info) == ""
    assert own_address(document, {"OperatingSystem": "Debian GNU/Linux 12"}) == "172.17.0.2"


@pytest.mark.parametrize("status", ["paused", "restarting", "created"])
def test_a_container_that_does_not_run_has_no_address(status: str) -> None:
    document = _document(*_ARGUMENTS, ports={"8000": "0.0.0.0:18000"})
    document["State"]["Status"] = status
    with pytest.raises(AddressError, match=f"does not run \\({status}"):
        _address(document)


@pytest.mark.parametrize(
    ("endpoint", "local", "host"),
    [
        ("unix:///var/run/docker.sock", True, ""),
        ("tcp://gpu1.lan:2376", False, "gpu1.lan"),
        ("ssh://someone@gpu1.lan", False, "gpu1.lan"),
        ("http://[fd00::1]:2375", False, "fd00::1"),
        ("", False, ""),
    ],
)
def test_the_host_of_an_engine(endpoint: str, local: bool, host: str) -> None:
    assert ContainerLookup(endpoint=endpoint, local=local).host == host


@pytest.mark.server
def test_the_container_is_named_in_the_remedies() -> None:
    with http_server(replay("2026.3-nothing")) as server:
        document = _document(*_ARGUMENTS, ports={"8000": f"127.0.0.1:{server.port}"})
        lookup = ContainerLookup(document=document, info={}, log=(), local=True)
        with mock.patch("ovms_doctor.probes.containers.query_container", return_value=lookup):
            code, report = live("--container", "ovms", "--interval", "0.05")
    assert code == 1
    commands = [
        step["command"] for item in report["findings"] if item["remedy"] for step in item["remedy"]["steps"]
    ]
    assert "ovms-doctor logs --container ovms" in commands


@pytest.mark.server
@pytest.mark.parametrize(("of_podman", "program"), [({"OCIRuntime": "crun"}, "podman"), ({}, "docker")])
def test_the_engine_of_the_container_is_named_in_the_remedies(
    of_podman: dict[str, str], program: str
) -> None:
    """In ``status`` and in ``check``; the port is bound, and nothing listens on it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        document = _document(*_ARGUMENTS, ports={"8000": f"127.0.0.1:{port}"}) | of_podman
        lookup = ContainerLookup(document=document, info={}, log=(), local=True)
        with mock.patch("ovms_doctor.probes.containers.query_container", return_value=lookup):
            reports = [
                live("--container", "ovms")[1],
                _joined(document, "--select", "live", "--format", "json").document,
            ]
    for report in reports:
        (found,) = (item for item in report["findings"] if item["code"] == "OVD887")
        commands = [step["command"] for step in found["remedy"]["steps"]]
        assert f"{program} ps --format '{{{{.Names}}}} {{{{.Ports}}}}'" in commands


def test_an_engine_that_does_not_answer_is_exit_code_3() -> None:
    lookup = ContainerLookup(problem="The container engine is not running.")
    with mock.patch("ovms_doctor.probes.containers.query_container", return_value=lookup):
        result = status("--container", "ovms")
        assert (result.code, result.out) == (3, b"")
    assert b"is not running" in result.err


def test_a_container_and_an_address_exclude_each_other() -> None:
    assert status("localhost", "--container", "ovms").code == 2


def _joined(document: dict[str, Any], *arguments: str) -> Any:
    """``check`` of this container together with its server's answers."""
    lookup = ContainerLookup(document=document, info={}, log=(), local=True)
    with mock.patch("ovms_doctor.probes.containers.query_container", return_value=lookup):
        return ovms_doctor("check", "--container", "ovms", *arguments)


@pytest.mark.server
@pytest.mark.needs_module("grpc")
@pytest.mark.parametrize(("model", "ready"), [("fc", True), ("broken", False)])
def test_a_container_with_the_grpc_port_alone(model: str, ready: bool) -> None:
    with grpc_server("2026.3-config") as port:
        arguments = ("--model_name", model, "--model_path", "/models/m", "--port", str(port))
        result = _joined(_document(*arguments, network="host"), "--select", "live", "--format", "json")
    document = result.document
    assert document["live"]["url"] == f"grpc://127.0.0.1:{port}"
    assert document["live"]["ready"] is True
    assert {item["name"]: item["status"] for item in document["checks"]}["live"] == "ran"
    found = [code for code in codes(document) if code.startswith("OVD8")]
    assert (result.code, found) == ((0, []) if ready else (1, ["OVD894"]))


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (_document(*_ARGUMENTS, running=False), "does not run"),
        (_document(*_ARGUMENTS, network="none"), "8000 is not published"),
    ],
)
def test_a_server_without_an_address_is_not_a_gap(document: dict[str, Any], reason: str) -> None:
    report = _joined(document, "--select", "live", "--format", "json").document
    (check,) = (item for item in report["checks"] if item["name"] == "live")
    assert check["status"] == "not_applicable"
    assert reason in check["reason"]
    assert "live" not in report
