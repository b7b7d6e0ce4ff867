"""A secret in any place of a compose file, a manifest or the output of inspect: the container has none of them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec import to_builtins

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.compose.read import read_compose
from ovms_doctor.inputs.inspect.read import read_inspect
from ovms_doctor.inputs.kubernetes.read import read_kubernetes
from ovms_doctor.model.container import Container
from ovms_doctor.model.errors import UsageError

CANARY = "Canary"
#: An address with a password and a signature, a token whose form shows it, a member of an object.
SECRETS = (
    "https://user:CanaryPassword@host/x?sig=CanarySignature",
    "hf_CanaryTokenAaBbCcDdEeFfGgHhIiJjKkLl",
    '{"password": "CanaryMember"}',
)
IMAGE = "openvino/model_server:2026.3"
ARGUMENTS = ["--port", "9000", "--model_name", "m", "--model_path", "/models/m"]
COMPOSE = {
    "name": "p",
    "services": {
        "a": {
            "image": IMAGE,
            "volumes": ["/srv:/models", {"type": "bind", "source": "/a", "target": "/b"}, "data:/c"],
            "command": ARGUMENTS,
            "entrypoint": ["/ovms/bin/ovms"],
            "environment": {"HF_TOKEN": "x", "https_proxy": "http://p:1", "LOG": "a"},
            "user": "5000",
            "ports": ["9000:9000"],
            "network_mode": "bridge",
            "working_dir": "/",
            "mem_limit": "1g",
            "devices": ["/dev/dri:/dev/dri"],
            "healthcheck": {"test": ["CMD", "curl", "x"], "interval": "1s"},
            "restart": "always",
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "labels": {"l": "m"},
            "group_add": ["44"],
            "tmpfs": ["/x"],
        }
    },
    "volumes": {"data": {"driver": "local", "driver_opts": {"type": "cifs", "device": "//h/s", "o": "a"}}},
}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "namespace": "n", "annotations": {"a": "b"}},
    "spec": {
        "nodeName": "n",
        "containers": [
            {
                "name": "o",
                "image": IMAGE,
                "command": ["/ovms/bin/ovms"],
                "args": ARGUMENTS,
                "env": [
                    {"name": "HF_TOKEN", "value": "x"},
                    {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                ],
                "envFrom": [{"configMapRef": {"name": "c"}}],
                "volumeMounts": [
                    {"name": "v", "mountPath": "/models", "subPath": "x"},
                    {"name": "n", "mountPath": "/nfs"},
                    {"name": "z", "mountPath": "/zz"},
                ],
                "resources": {"limits": {"memory": "1Gi", "cpu": "1"}},
                "livenessProbe": {"httpGet": {"path": "/v2", "port": "8000"}},
                "readinessProbe": {"exec": {"command": ["a"]}},
                "ports": [{"containerPort": "9000"}],
                "workingDir": "/",
            }
        ],
        "volumes": [
            {"name": "v", "hostPath": {"path": "/srv", "type": "Directory"}},
            {"name": "n", "nfs": {"server": "h", "path": "/p"}},
            {"name": "z", "csi": {"driver": "d", "volumeAttributes": {"source": "//h/s"}}},
        ],
    },
    "status": {
        "phase": "Failed",
        "message": "m",
        "containerStatuses": [
            {
                "name": "o",
                "image": "x",
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "m"}},
                "lastState": {"terminated": {"reason": "Error", "message": "m", "exitCode": 1}},
            }
        ],
    },
}
INSPECT = {
    "Id": "a" * 64,
    "Name": "/ovms",
    "Path": "/ovms/bin/ovms",
    "Args": ARGUMENTS,
    "Image": "sha256:abc",
    "Config": {
        "Image": IMAGE,
        "Env": ["HF_TOKEN=x", "A=b"],
        "Cmd": ARGUMENTS,
        "Entrypoint": ["/ovms/bin/ovms"],
        "Labels": {"version": "2026.3"},
        "User": "5000",
        "WorkingDir": "/",
        "Healthcheck": {"Test": ["CMD", "x"]},
    },
    "HostConfig": {
        "NetworkMode": "bridge",
        "RestartPolicy": {"Name": "always"},
        "SecurityOpt": ["a"],
        "CapDrop": ["ALL"],
        "GroupAdd": ["44"],
        "Devices": [{"PathOnHost": "/dev/dri", "PathInContainer": "/dev/dri"}],
        "Tmpfs": {"/x": "rw"},
    },
    "GraphDriver": {"Name": "overlay2", "Data": {"LowerDir": "/a:/b", "MergedDir": "/m", "UpperDir": "/u"}},
    "Mounts": [
        {"Type": "bind", "Source": "/srv", "Destination": "/models", "Mode": "ro", "RW": False},
        {"Type": "volume", "Name": "v", "Source": "/var/v", "Destination": "/c", "Driver": "local"},
    ],
    "State": {"Status": "exited", "ExitCode": 1, "Error": "e", "StartedAt": "x", "Health": {"Status": "h"}},
    "log": ["a line"],
}


def of_compose(document: Any) -> Container:
    return read_compose(
        json.dumps(document),
        service=None,
        source_name="c.yaml",
        directory="/",
        environment={},
        read_file=lambda path: None,
    )


def of_kubernetes(document: Any) -> Container:
    return read_kubernetes(json.dumps(document), source_name="p.yaml")


def of_inspect(document: Any) -> Container:
    return read_inspect(
        [{key: value for key, value in document.items() if key != "log"}],
        source="inspect",
        source_name="i.json",
        log=document["log"],
    )


def texts(container: Container, secret: str) -> str:
    """The texts of the container; only of an address those in which others may be the name of a file or a host."""
    values = to_builtins(container)
    names = () if secret == SECRETS[0] else ("mounts", "layers", "merged", "working_directory", "environment")
    return str({name: value for name, value in values.items() if name not in names})


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of texts in a document."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    elif isinstance(value, str):
        yield path


def with_text(document: Any, path: tuple[Any, ...], text: str) -> Any:
    changed = copy.deepcopy(document)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = text
    return changed


@pytest.mark.parametrize(
    ("read", "document"),
    [(of_compose, COMPOSE), (of_kubernetes, POD), (of_inspect, INSPECT)],
    ids=["compose", "kubernetes", "inspect"],
)
def test_no_field_of_a_document_shows_a_secret(read: Callable[[Any], Container], document: Any) -> None:
    assert CANARY not in str(to_builtins(read(document)))
    paths = list(leaves(document))
    assert len(paths) > 30
    for path in paths:
        # A port is cut at its colons, and an object with it.
        for secret in SECRETS[: 2 if "ports" in path else 3]:
            try:
                output = texts(read(with_text(document, path, secret)), secret)
            except DocumentError as error:
                # So it is reported.
                output = str(UsageError(str(error)))
            assert CANARY not in output, (path, secret)


def test_a_text_that_is_not_a_secret_is_kept() -> None:
    """The test above can fail."""
    for read, document, path in (
        (of_compose, COMPOSE, ("services", "a", "volumes", 0)),
        (of_kubernetes, POD, ("spec", "volumes", 0, "hostPath", "path")),
        (of_inspect, INSPECT, ("Mounts", 0, "Source")),
    ):
        assert "Canary" in str(to_builtins(read(with_text(document, path, "/srv/Canary:/models"))))
