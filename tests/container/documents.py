"""A Docker inspect document of a running container."""

from __future__ import annotations

from pathlib import Path
from typing import Any

IMAGE = "openvino/model_server:2025.4"
SINGLE = ["--model_name", "dense", "--model_path", "/models/dense", "--port", "9000", "--rest_port", "8000"]


def docker_document(models: Path, **changes: Any) -> dict[str, Any]:
    """The document of a running container."""
    return {
        "Id": "a" * 64,
        "Name": "/ovms",
        "Path": "/ovms/bin/ovms",
        "Args": SINGLE,
        "RestartCount": 0,
        "State": {
            "Status": "running",
            "Running": True,
            "OOMKilled": False,
            "Pid": 4194300,
            "ExitCode": 0,
            "Error": "",
            "StartedAt": "2026-01-01T00:00:00Z",
            "FinishedAt": "0001-01-01T00:00:00Z",
        },
        "HostConfig": {
            "Binds": [f"{models}:/models:ro"],
            "NetworkMode": "default",
            "PortBindings": {f"{port}/tcp": [{"HostIp": "", "HostPort": port}] for port in ("9000", "8000")},
            "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
            "Memory": 4 << 30,
            "CpuQuota": 200000,
            "CpuPeriod": 100000,
            "ReadonlyRootfs": True,
            "Tmpfs": {"/tmp": ""},
            "CapDrop": ["ALL"],
        },
        "GraphDriver": {"Name": "overlay2", "Data": {"MergedDir": "/var/lib/docker/overlay2/elsewhere/merged"}},
        "Mounts": [
            {"Type": "bind", "Source": str(models), "Destination": "/models", "Mode": "ro", "RW": False}
        ],
        "Config": {
            "User": "ovms", "Image": IMAGE, "Env": ["PATH=/bin"], "Entrypoint": ["/ovms/bin/ovms"], "Cmd": SINGLE,
        },
        **changes,
    }  # fmt: skip
