"""Healthy hosts and containers: no finding for any of them, and everything was checked."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import Result, ovms_doctor

IMAGE = "openvino/model_server:2026.3"
SERVES = ["--model_path", "/models/dense", "--model_name", "dense", "--port", "9000"]
PROXY = "http://someone:canary@proxy.test:3128"


def is_healthy(run: Result) -> None:
    """Whether there is no finding and no incomplete check."""
    assert run.document["findings"] == []
    assert run.document["summary"]["verdict"] == "pass"
    assert run.document["summary"]["checks"]["could_not_look"] == 0
    assert run.document["server"]["outcome"] == "serves"
    assert (run.code, run.err) == (0, b"")
    assert "canary" not in run.text


TARGETS: dict[str, list[str]] = {
    "a repository": [],
    "a cache that may be written": ["--cache-dir", "{host}/cache"],
    "a cache that was really written": ["--cache-dir", "{host}/cache", "--probe-write"],
    "a cache for root": ["--cache-dir", "{host}/models", "--user", "0:0"],
    "a cache in an old release": ["--cache-dir", "{host}/cache", "--ovms-version", "2023.3"],
    "a limit with room": ["--memory", "512m"],
    "no limit": ["--memory", "0"],
    "the CPU by name": ["--target-device", "CPU"],
    "AUTO": ["--target-device", "AUTO"],
    "AUTO with the CPU alone": ["--target-device", "AUTO:CPU"],
    "HETERO with the CPU alone": ["--target-device", "HETERO:CPU"],
    "a list that has the CPU, of unknown devices": ["--target-device", "AUTO:GPU,CPU"],
    "proxies that no local model needs": [
        "--env", f"https_proxy={PROXY}", "--env", "HTTP_proxy=canary", "--env", "http_proxy=",
    ],
    "no extension": ["--cpu-extension", ""],
    "all of it": [
        "--cache-dir", "{host}/cache", "--memory", "1g", "--target-device", "CPU", "--env", f"https_proxy={PROXY}",
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.sample(every=3)
def test_a_target(host: Path, name: str) -> None:
    arguments = [word.format(host=host) for word in TARGETS[name]]
    is_healthy(ovms_doctor("check", host / "models", "-f", "json", *arguments))


BARE_METAL: dict[str, tuple[list[str], list[str]]] = {
    "a model": ([], []),
    "a cache of its own": ([], ["--cache_dir", "{host}/cache"]),
    "a cache that is made at the start": ([], ["--cache_dir", "{host}/cache/first/second"]),
    "workers for one core": ([], ["--grpc_workers", "1"]),
    "the CPU": ([], ["--target_device", "CPU"]),
    "another user": (["--user", f"{os.getuid()}:{os.getgid()}"], []),
    "2025.4": (["--ovms-version", "2025.4"], []),
}


@pytest.mark.parametrize("name", BARE_METAL)
def test_a_server_on_this_host(host: Path, name: str) -> None:
    options, arguments = BARE_METAL[name]
    # The test must not depend on this machine's memory and GPUs: the device and the limit are given.
    device = [] if "--target_device" in arguments else ["--target_device", "CPU"]
    model = ["--model_path", str(host / "models" / "dense"), "--model_name", "dense", "--port", "9000"]
    server_arguments = [*model, *device, *(word.format(host=host) for word in arguments)]
    is_healthy(ovms_doctor("check", "-f", "json", "--memory", "1g", *options, "--", *server_arguments))


RUN_LINES: dict[str, str] = {
    "as in the documentation": "",
    "the image's user, named": "-u 5000:5000",
    "root": "-u 0:0",
    "a limit": "-m 2g --memory-swap 2g",
    "cores of its own": "--cpuset-cpus 0",
    "a quota, which the server hands on": "--cpus 0.5",
    "files enough": "--ulimit nofile=65536:65536",
    "a file system that is read-only": "--read-only --tmpfs /tmp",
    "a cache from the host": "-v {host}/cache:/opt/cache",
    "a proxy that no local model needs": f"-e https_proxy={PROXY} -e no_proxy=",
    "all capabilities dropped": "--cap-drop ALL --security-opt no-new-privileges",
}


@pytest.mark.parametrize("name", RUN_LINES)
@pytest.mark.sample(every=3)
def test_a_container_that_is_to_be_run(host: Path, name: str) -> None:
    more = RUN_LINES[name].format(host=host)
    line = f"docker run -d -p 9000:9000 -v {host}/models:/models:ro {more} {IMAGE} {' '.join(SERVES)}"
    is_healthy(ovms_doctor("check", "--docker-run", f"{line} --target_device CPU", "-f", "json"))


def inspected(host: Path, **limits: Any) -> dict[str, Any]:
    """The output of ``docker inspect`` for a running container, reduced to the relevant fields."""
    models = {
        "Type": "bind", "Source": f"{host}/models", "Destination": "/models", "Mode": "ro", "RW": False,
        "Propagation": "rprivate",
    }  # fmt: skip
    cache = {**models, "Source": f"{host}/cache", "Destination": "/opt/cache", "Mode": "", "RW": True}
    arguments = [*SERVES, "--target_device", "CPU"]
    return {
        "Id": "87b97f1cbfd63a4c4acd9758405c5066cc10116c36932f3f90cbdfa60a7d935c",
        "Name": "/ovms",
        "Path": "/ovms/bin/ovms",
        "Args": arguments,
        "State": {"Status": "running", "Running": True, "OOMKilled": False, "ExitCode": 0},
        "HostConfig": {"NetworkMode": "default", "Memory": 0, "NanoCpus": 0, **limits},
        "Mounts": [models, cache],
        "Config": {
            "Image": IMAGE,
            "User": "ovms",
            "Env": ["PATH=/usr/bin", f"https_proxy={PROXY}"],
            "Entrypoint": ["/ovms/bin/ovms"],
            "Cmd": arguments,
            "WorkingDir": "/ovms",
        },
    }


@pytest.mark.parametrize(
    "limits",
    [{}, {"Memory": 2 << 30}, {"NanoCpus": 2_000_000_000}, {"CpusetCpus": "0-3", "Memory": 1 << 30}],
    ids=["no limits", "memory", "a quota", "cores"],
)
def test_a_container_that_runs(host: Path, limits: dict[str, Any]) -> None:
    path = host / "inspect.json"
    path.write_text(json.dumps([inspected(host, **limits)]))
    is_healthy(ovms_doctor("check", "--inspect", path, "-f", "json"))


COMPOSE = """\
services:
  ovms:
    image: {image}
    command: {command}
    ports: ["9000:9000"]
    volumes:
      - ./models:/models:ro
      - ./cache:/opt/cache
    environment:
      https_proxy: {proxy}
    deploy: {{resources: {{limits: {{memory: 2g, cpus: "2"}}}}}}
"""


def test_a_compose_service(host: Path) -> None:
    path = host / "compose.yaml"
    command = json.dumps([*SERVES, "--target_device", "CPU"])
    path.write_text(COMPOSE.format(image=IMAGE, command=command, proxy=PROXY))
    is_healthy(ovms_doctor("check", "--compose", path, "-f", "json"))


def test_recorded_facts_give_the_same_report(host: Path) -> None:
    arguments: list[str | Path] = [
        host / "models",
        "--cache-dir",
        host / "cache",
        "--memory",
        "1g",
        "--env",
        f"https_proxy={PROXY}",
    ]
    facts = host / "facts.json"
    assert ovms_doctor("collect", *arguments, "-o", facts).code == 0
    assert b"canary" not in facts.read_bytes()
    run = ovms_doctor("check", "--facts", facts, "-f", "json")
    is_healthy(run)
    assert run.document["models"] == ovms_doctor("check", *arguments, "-f", "json").document["models"]
