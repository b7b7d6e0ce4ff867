"""Observations in, findings out: states that a listener on loopback cannot produce on every machine."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ovms_doctor.checks.live import live_findings
from ovms_doctor.checks.live.codes import CODES
from ovms_doctor.diagnosis.live import is_served
from ovms_doctor.model.live import (
    Address,
    ConnectionTry,
    HttpAnswer,
    LiveServable,
    LiveStatus,
    LiveVersion,
    Observations,
)
from ovms_doctor.prediction.live.interpret import interpret
from ovms_doctor.report.live_text import live_verdict

ADDRESS = Address("ovms.lan", 8000, False, False, True)
OPEN = (ConnectionTry("10.0.0.1", "open"),)


def _status(**observed: object) -> LiveStatus:
    return interpret(ADDRESS, (), Observations(addresses=("10.0.0.1",), looks=1, **observed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("results", "code"),
    [
        (["timed_out"], "OVD888"),
        (["unreachable"], "OVD888"),
        (["refused"], "OVD887"),
        (["timed_out", "refused"], "OVD887"),
    ],
)
def test_connections_that_fail(results: list[str], code: str) -> None:
    tries = tuple(ConnectionTry(f"10.0.0.{number}", result) for number, result in enumerate(results))  # type: ignore[arg-type]
    found = live_findings(_status(connections=tries))
    assert [item.code for item in found] == [code]
    assert len(found[0].evidence) == len(results)


ENGINES = [
    ("", "", "docker ps --format '{{.Names}} {{.Ports}}'", "docker logs CONTAINER"),
    ("a b", "docker", "docker ps --format '{{.Names}} {{.Ports}}'", "docker logs 'a b'"),
    ("ovms", "podman", "podman ps --format '{{.Names}} {{.Ports}}'", "podman logs ovms"),
    ("ovms", "kubernetes", "kubectl get services", "kubectl logs POD -c ovms"),
]


@pytest.mark.parametrize(("container", "engine", "ports", "log"), ENGINES)
def test_the_commands_are_those_of_the_engine(container: str, engine: str, ports: str, log: str) -> None:
    refused = _status(connections=(ConnectionTry("10.0.0.1", "refused"),))
    silent = _status(connections=OPEN, protocol="silent")
    commands = []
    for status in (refused, silent):
        (found,) = live_findings(replace(status, container=container, engine=engine))
        assert found.remedy is not None
        commands += [step.command for step in found.remedy.steps if step.command]
    assert commands == [ports, f"{log} 2>&1 | grep -i 'server at'"]


def test_a_graph_is_distinguished_from_a_pipeline() -> None:
    row = '{"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": "OK"}}'
    config = f'{{"chat": {{"model_version_status": [{row}]}}}}'.encode()
    about = (
        b'{"name": "chat", "versions": ["1"], "inputs": [{"name": "in", "datatype": "INVALID", "shape": []}]}'
    )
    answers = (
        HttpAnswer(0, "/v2", 200, body=b'{"name": "OpenVINO Model Server", "version": "2026.3.0.x"}'),
        HttpAnswer(0, "/v1/config", 200, body=config),
        HttpAnswer(0, "/v2/models/chat/versions/2/ready", 200),
        HttpAnswer(0, "/v2/models/chat", 200, body=about),
    )
    status = _status(connections=OPEN, protocol="http", answers=answers)
    assert [(item.name, item.kind) for item in status.servables or ()] == [("chat", "graph")]
    assert live_findings(status) == ()


@pytest.mark.parametrize(
    ("good", "bad", "expected"),
    [
        (1, 0, "the only servable is available"),
        (2, 0, "all 2 servables are available"),
        (0, 1, "the only servable is not available: b0"),
        (0, 2, "none of the 2 servables is available: b0, b1"),
        (1, 1, "1 of 2 servables is not available: b0"),
        (1, 2, "2 of 3 servables are not available: b0, b1"),
    ],
)
def test_the_last_line_counts_servables(good: int, bad: int, expected: str) -> None:
    servables = tuple(
        LiveServable(f"{name}{number}", "model", (LiveVersion(1, "", "", condition),))
        for name, condition, count in (("g", "available", good), ("b", "failing", bad))
        for number in range(count)
    )
    status = replace(_status(connections=OPEN), server="ovms", servables=servables)
    assert live_verdict(status, (), "")[1] == expected


def test_an_ended_probe_is_not_a_finding() -> None:
    status = interpret(ADDRESS, (), Observations(problem="the probe failed: it did not answer in time"))
    assert live_findings(status) == ()


def test_remedies_are_checked_commands() -> None:
    """A hostile host name remains one word for a shell."""
    address = Address("$(reboot)", 8000, False, False, True)
    observed = Observations(addresses=("10.0.0.1",), connections=OPEN, protocol="http2")
    (finding,) = live_findings(interpret(address, (), observed))
    assert finding.remedy is not None
    assert finding.remedy.steps[0].command == "ovms-doctor status 'grpc://$(reboot):8000'"


def test_each_code_is_declared_once() -> None:
    assert len({code.code for code in CODES}) == len(CODES)


@pytest.mark.parametrize(
    ("status_code", "body", "served"),
    [
        (200, b"", True),
        (503, b'{"error":"Server is not ready"}', False),
        (503, b"<html></html>", False),
        (404, b'{"error":"Invalid request URL"}', True),
    ],
)
def test_waiting_goes_on_until_the_server_itself_is_ready(
    status_code: int, body: bytes, served: bool
) -> None:
    row = '{"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": "OK"}}'
    config = f'{{"m": {{"model_version_status": [{row}]}}}}'.encode()
    answers = (
        HttpAnswer(0, "/v2", 200, body=b'{"name": "OpenVINO Model Server", "version": "2026.3.0.x"}'),
        HttpAnswer(0, "/v2/health/ready", status_code, body=body),
        HttpAnswer(0, "/v1/config", 200, body=config),
    )
    assert is_served(_status(connections=OPEN, protocol="http", answers=answers)) is served
