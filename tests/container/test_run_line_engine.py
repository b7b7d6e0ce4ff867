"""The same run line for the real client and for the reader: the engine's inspect document equals the reader's
result.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import Any

import pytest

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.inspect.read import read_inspect
from ovms_doctor.inputs.run_line.read import read_run_line
from ovms_doctor.model.container import Container
from tests.container.engine import IMAGE, LABEL, Engine

pytestmark = pytest.mark.needs_command("docker", "dockerd")

TAKEN = [
    "-itp 127.0.0.1:9000:9000 -p8000-8001:8000-8001/udp",
    "-m 1.5g --memory-swap 3g --cpus 1.5 --cpuset-cpus 0",
    "--cpu-quota 50000 --cpu-period 25000 --pids-limit 64 --ulimit nofile=1024:4096 --shm-size=1gb",
    "-v /tmp:/models:ro,z -v /var:/a/../b --tmpfs /t:size=64m",
    "--mount type=bind,src=/tmp,dst=/models,ro -w /x/y",
    "-u 1000:44 --group-add video --group-add 44 --read-only --cap-drop ALL",
    "--device /dev/null:/dev/x:r --restart on-failure:3 --network none",
]
REFUSED = [
    "-m 5m",
    "-v models/x:/x",
    "-v /tmp:/x:rx",
    "-p 1:99999",
    "--rm --restart always",
    "--memry 2g",
    "-w x",
]


def create(engine: Engine, options: str) -> str | None:
    """The container's id; None if the client or the daemon refuses."""
    arguments = ["docker", "create", "--label", f"{LABEL}=1", *shlex.split(options), IMAGE, "--port", "9000"]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if result.returncode:
        return None
    made = result.stdout.split()[-1]
    engine.made.append(made)
    return made


def line_of(options: str) -> Container:
    return read_run_line(f"docker create {options} {IMAGE} --port 9000", home="/root", working_directory="/")


def compared(container: Container) -> dict[str, Any]:
    limits = container.limits
    return {
        "mounts": sorted((item.server, item.kind, item.host, item.read_only) for item in container.mounts),
        "ports": sorted((item.container, item.host, item.address, item.protocol) for item in container.ports),
        "limits": (limits.memory, limits.cpus, limits.cpuset, limits.pids, limits.open_files),
        # Inspect reports the user of the image if none was named.
        "who": (container.user or "5000:5000", container.groups),
        "devices": container.devices,
        "restart": container.restart,
        "root": (container.read_only_root, container.privileged, container.capabilities_dropped),
    }


@pytest.mark.parametrize("options", TAKEN)
def test_same_container_as_the_engine_reports(engine: Engine, options: str) -> None:
    made = create(engine, options)
    assert made is not None
    document = subprocess.run(["docker", "inspect", made], capture_output=True, text=True, check=True).stdout
    container = read_inspect(json.loads(document), source="inspect", source_name="x")
    assert compared(line_of(options)) == compared(container)


@pytest.mark.parametrize("options", REFUSED)
def test_both_refuse(engine: Engine, options: str) -> None:
    assert create(engine, options) is None
    with pytest.raises(DocumentError):
        line_of(options)
