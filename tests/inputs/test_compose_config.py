"""Each recorded compose file: the reader's result equals the output of ``docker compose config``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.compose.interpolation import read_env_file
from ovms_doctor.inputs.compose.read import read_compose
from ovms_doctor.inputs.engine_values import read_duration, read_size
from ovms_doctor.model.container import Container
from tests.inputs.compose_cases import ENVIRONMENT, FILES, PROJECT, RECORDED, SERVICES, compose_file

CASES: dict[str, Any] = json.loads(RECORDED.read_text("utf-8"))["cases"]
#: Compose accepts these, but the engine refuses the container.
ENGINE_REFUSES = {"volumes: ['a:b:c:d:e']", "volumes: ['v:/m']\nVOLUMES"}


def read(keys: str) -> Container:
    files = {f"{PROJECT}/{name}": text for name, text in FILES.items()}
    return read_compose(
        compose_file(keys),
        service="ovms",
        source_name="ovms.yaml",
        directory=PROJECT,
        environment=ENVIRONMENT,
        read_file=files.get,
    )


def test_every_case_is_recorded() -> None:
    assert set(CASES) == set(SERVICES)


@pytest.mark.parametrize(
    "keys", [keys for keys, config in CASES.items() if config is None or keys in ENGINE_REFUSES]
)
def test_files_that_compose_refuses_are_refused(keys: str) -> None:
    with pytest.raises(DocumentError):
        read(keys)


@pytest.mark.parametrize(
    "keys", [keys for keys, config in CASES.items() if config and keys not in ENGINE_REFUSES]
)
def test_files_that_compose_accepts_are_read_equally(keys: str) -> None:
    assert read_alike(read(keys)) == recorded(CASES[keys])


def read_alike(container: Container) -> dict[str, Any]:
    limits = container.limits
    return {
        "image": container.image,
        "arguments": container.arguments,
        "user": container.user,
        "groups": container.groups,
        "directory": container.working_directory,
        "environment": set(container.environment_names),
        "mounts": sorted(
            (mount.server, mount.kind, mount.host or mount.name, mount.read_only)
            for mount in container.mounts
            if mount.kind != "config"
        ),
        "files": {mount.server for mount in container.mounts if mount.kind == "config"},
        "ports": sorted(
            (port.container, port.host or 0, port.address, port.protocol) for port in container.ports
        ),
        "memory": (limits.memory, limits.memory_swap, limits.memory_request, limits.shared_memory),
        "processors": (limits.cpus, limits.cpuset, limits.pids),
        "open_files": limits.open_files,
        "devices": container.devices,
        "requests": len(container.device_requests),
        "switches": (container.read_only_root, container.privileged),
        "restart": container.restart,
        "capabilities": container.capabilities_dropped,
        "security": container.security,
        "network": container.network,
        "health": [(probe.period, probe.failures, probe.timeout) for probe in container.probes],
        "name": container.name,
    }


def recorded(config: dict[str, Any]) -> dict[str, Any]:
    """The same from the output of Compose, where a dollar is doubled."""
    service: dict[str, Any] = json.loads(json.dumps(config["service"]).replace("$$", "$"))
    resources = service.get("deploy", {}).get("resources", {})
    limits, reserved = resources.get("limits", {}), resources.get("reservations", {})
    quota = service.get("cpu_quota")
    nofile = service.get("ulimits", {}).get("nofile")
    policy = service.get("deploy", {}).get("restart_policy")
    check = service.get("healthcheck", {})
    networks = list(service.get("networks", {}))
    security = [
        *service.get("security_opt", ()),
        *(["userns=host"] if service.get("userns_mode") == "host" else []),
    ]
    return {
        "image": service["image"],
        # Without the image's entrypoint, the command does not contain the server.
        "arguments": None if "entrypoint" in service else tuple(service.get("command", ())),
        "user": service.get("user", ""),
        "groups": tuple(service.get("group_add", ())),
        "directory": service.get("working_dir", ""),
        "environment": {name for name, value in service.get("environment", {}).items() if value is not None},
        "mounts": sorted(
            [_mount(item, config["volumes"]) for item in service.get("volumes", ())]
            + [(item.partition(":")[0], "tmpfs", "", False) for item in service.get("tmpfs", ())]
        ),
        "files": {item["target"] for item in service.get("configs", ())},
        "ports": sorted(
            (item["target"], int(item.get("published") or 0), item.get("host_ip", ""), item["protocol"])
            for item in service.get("ports", ())
        ),
        "memory": (
            _bytes(service.get("mem_limit") or limits.get("memory")),
            _bytes(service.get("memswap_limit")) if service.get("memswap_limit") != "-1" else None,
            _bytes(service.get("mem_reservation") or reserved.get("memory")),
            _bytes(service.get("shm_size")),
        ),
        "processors": (
            service.get("cpus") or (quota / service["cpu_period"] if quota else limits.get("cpus")),
            service.get("cpuset", ""),
            service.get("pids_limit") or limits.get("pids"),
        ),
        "open_files": nofile["soft"] if isinstance(nofile, dict) else nofile,
        "devices": tuple(
            (item["target"] if isinstance(item, dict) else item.split(":")[0])
            for item in service.get("devices", ())
        ),
        "requests": len(service.get("gpus", ())) + len(reserved.get("devices", ())),
        "switches": (service.get("read_only", False), service.get("privileged", False)),
        "restart": f"{policy['condition']}:{policy['max_attempts']}"
        if policy
        else service.get("restart", "no"),
        "capabilities": tuple(service.get("cap_drop", ())),
        "security": tuple(security),
        "network": service.get("network_mode") or ("" if networks == ["default"] else networks[0]),
        "health": []
        if check.get("disable") or not check
        else [
            (
                read_duration(check.get("interval", "30s")),
                check.get("retries", 3),
                read_duration(check.get("timeout", "30s")),
            )
        ],
        "name": service.get("container_name", "ovms"),
    }


def _bytes(text: str | None) -> int | None:
    return read_size(text) if text else None


def _mount(item: dict[str, Any], names: dict[str, str | None]) -> tuple[str, str, str, bool]:
    source = item.get("source", "")
    if item["type"] == "volume" and source == "dir":
        source = "/srv/m"  # its driver binds a directory
    elif item["type"] == "volume":
        source = names.get(source) or source
    return item["target"], item["type"], source.rstrip("/"), item.get("read_only", False)


def test_values_of_environment_files() -> None:
    """The values stay inside the reader: the output of Compose is compared with the file that the reader gets."""
    config = CASES["env_file: a.env\nenvironment: {B: own}"]["service"]["environment"]
    found = read_env_file(FILES["a.env"], ENVIRONMENT, "a.env")
    assert {**found, "B": "own"} == {name: value for name, value in config.items() if value is not None}
