"""The receipt of a container check compared with the kernel's trace: the engine's socket and the server,
nothing else.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.container.engine import Engine
from tests.container.recorded import Recorded
from tests.receipt.trace import compare, traced

pytestmark = [pytest.mark.engine, pytest.mark.needs_command("docker", "dockerd", "strace")]


def test_a_container(engine: Engine, public_dir: Path) -> None:
    started = Recorded(engine, public_dir)
    environment = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    arguments = ("check", "--container", started.id[:12])
    trace, receipt = traced(public_dir, *arguments, environment=environment)
    compare(trace, receipt, started.models)
    engines = [item for item in receipt["contacts"] if item["protocol"] == "unix"]
    assert {(item["host"], item["by"]) for item in engines} == {
        (engine.url.removeprefix("unix://"), "container engine client")
    }
    others = {(item["host"], item["port"]) for item in receipt["contacts"] if item["protocol"] == "tcp"}
    assert others == {("127.0.0.1", started.port)}
