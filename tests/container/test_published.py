"""Reaching a server in a container: published ports, its own address, and published ports without a listener."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.cli.run import ovms_doctor
from tests.container.engine import LABEL, Engine
from tests.container.recorded import Recorded
from tests.live.servers import codes, live
from tests.stores.servers import free_port

pytestmark = [pytest.mark.engine, pytest.mark.needs_command("docker", "dockerd", "curl")]


@pytest.fixture
def network(engine: Engine) -> Iterator[str]:
    """A network of its own through which this host reaches the containers."""
    name = f"ovms-doctor-test-{os.getpid()}"
    try:
        made = engine.api.create_network(name, driver="bridge", labels={LABEL: "1"})
    except docker.errors.APIError as error:
        pytest.skip(f"no bridge network here: {error.explanation}")
    yield name
    engine.clear()
    with suppress(docker.errors.APIError):
        engine.api.remove_network(made["Id"])


def _curl(port: int) -> int:
    completed = subprocess.run(
        ["curl", "-sS", "-m", "5", "--noproxy", "*", f"http://127.0.0.1:{port}/v2"],
        capture_output=True,
        check=False,
    )
    return completed.returncode


def _status(started: Recorded) -> tuple[int, dict[str, Any]]:
    result = ovms_doctor("status", "--container", started.id[:12], "--format", "json")
    return result.code, result.document


def test_a_published_port(engine: Engine, public_dir: Path, network: str) -> None:
    port = free_port()
    started = Recorded(engine, public_dir, network=network, published={8000: port})
    code, document = _status(started)
    assert (code, codes(document), document["live"]["url"]) == (0, [], f"http://127.0.0.1:{port}")
    assert _curl(port) == 0
    joined = ovms_doctor("check", "--container", started.id[:12], "--format", "json").document
    assert joined["live"]["url"] == f"http://127.0.0.1:{port}"


def test_the_address_of_the_container_if_no_port_is_published(
    engine: Engine, public_dir: Path, network: str
) -> None:
    started = Recorded(engine, public_dir, network=network)
    own = engine.api.inspect_container(started.id)["NetworkSettings"]["Networks"][network]["IPAddress"]
    code, document = _status(started)
    assert (code, codes(document), document["live"]["url"]) == (0, [], f"http://{own}:8000")
    joined = ovms_doctor("check", "--container", started.id[:12], "--format", "json").document
    assert joined["live"]["url"] == f"http://{own}:8000"


def test_a_port_that_is_published_without_a_listener(engine: Engine, public_dir: Path, network: str) -> None:
    """The engine's own proxy accepts the connection and closes it."""
    port = free_port()
    started = Recorded(engine, public_dir, network=network, published={9999: port})
    code, document = live(f"localhost:{port}")
    assert (code, codes(document)) == (1, ["OVD888"])
    assert "when nothing listens on it inside" in document["findings"][0]["detail"]
    assert _curl(port) in (52, 56)
    check = ovms_doctor("check", "--container", started.id[:12], "--format", "json").document
    assert "OVD721" in codes(check)


def test_another_port_than_the_published_one(engine: Engine, public_dir: Path, network: str) -> None:
    port, other = free_port(), free_port()
    Recorded(engine, public_dir, network=network, published={8000: port})
    code, document = live(f"localhost:{other}")
    assert (code, codes(document)) == (1, ["OVD887"])
    assert str(port) in document["findings"][0]["evidence"][-1]["what"]
    assert _curl(other) == 7


def test_a_server_that_is_bound_to_the_loopback_of_its_container(
    engine: Engine, public_dir: Path, network: str
) -> None:
    port = free_port()
    Recorded(engine, public_dir, "--rest_bind_address", "127.0.0.1", network=network, published={8000: port})
    code, document = live(f"localhost:{port}")
    assert (code, codes(document)) == (1, ["OVD888"])
    assert "127.0.0.1 of the container" in document["findings"][0]["detail"]
    assert _curl(port) in (52, 56)
