"""The same deployment as a run line, in Compose, Kubernetes, a template and `docker inspect`: the same options."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from ovms_doctor.diagnosis.from_container import options_from_container
from ovms_doctor.inputs.compose.read import read_compose
from ovms_doctor.inputs.inspect.read import read_inspect
from ovms_doctor.inputs.kubernetes.read import read_kubernetes
from ovms_doctor.inputs.run_line.read import read_run_line
from ovms_doctor.model.container import Container
from ovms_doctor.model.options import CheckOptions

#: Users as the engines write them, and as a pod does.
USERS: dict[str | None, dict[str, int]] = {
    None: {},
    "0": {"runAsUser": 0},
    ":": {"runAsUser": 0},
    "5000": {"runAsUser": 5000},
    "1000:1000": {"runAsUser": 1000, "runAsGroup": 1000},
    "1234:0": {"runAsUser": 1234, "runAsGroup": 0},
}


class Deployment(Struct, frozen=True):
    """What the server is given, in no form yet."""

    arguments: tuple[str, ...]
    user: str | None
    #: Host path by server path, and whether it is read-only.
    mounts: dict[str, tuple[str, bool]]
    image: str


_NAMES = st.text("abcXY019-_.ü ", min_size=1, max_size=8).filter(lambda name: name.strip(" .") == name)
_HOSTS = st.builds("/srv/{}".format, _NAMES)
_SERVERS = st.sampled_from(["/models", "/models/m", "/opt/x", "/config"])
_WORDS = st.text("ab{}\"'$ :,()-1\\", max_size=10)
DEPLOYMENTS = st.builds(
    Deployment,
    st.builds(
        lambda name, arguments: ("--model_name", name, "--model_path", "/models/m", "--shape", arguments),
        _NAMES,
        _WORDS,
    ),
    st.sampled_from(list(USERS)),
    st.dictionaries(_SERVERS, st.tuples(_HOSTS, st.booleans()), min_size=1, max_size=3),
    st.sampled_from(["openvino/model_server:2026.3", "openvino/model_server:2023.1-gpu", "my/ovms:2025.4"]),
)


def _mode(read_only: bool) -> str:
    return ":ro" if read_only else ""


def _run_line(deployment: Deployment, *, long: bool = False) -> Container:
    arguments = ["docker", "run"]
    if deployment.user is not None:
        arguments += [f"--user={deployment.user}"] if long else ["-u", deployment.user]
    for server, (host, read_only) in deployment.mounts.items():
        if long:
            option = f"type=bind,source={host},target={server}" + (",readonly" if read_only else "")
            arguments += ["--mount", option]
        else:
            arguments += ["-v", f"{host}:{server}{_mode(read_only)}"]
    line = shlex.join([*arguments, deployment.image, *deployment.arguments])
    return read_run_line(line, home="/root", working_directory="/w", ids=(0, 0))


def _compose(deployment: Deployment, *, long: bool = False) -> Container:
    service: dict[str, Any] = {
        "image": deployment.image,
        "command": [word.replace("$", "$$") for word in deployment.arguments],
        "volumes": [
            {"type": "bind", "source": host, "target": server, "read_only": read_only}
            if long
            else f"{host}:{server}{_mode(read_only)}"
            for server, (host, read_only) in deployment.mounts.items()
        ],
    }
    if deployment.user is not None:
        service["user"] = deployment.user
    text = json.dumps({"services": {"ovms": service}})
    return read_compose(
        text, service=None, source_name="c.yaml", directory="/w", environment={}, read_file=lambda path: None
    )


def _inspect(deployment: Deployment) -> Container:
    binds = [f"{host}:{server}{_mode(read_only)}" for server, (host, read_only) in deployment.mounts.items()]
    mounts = [
        {"Type": "bind", "Source": host, "Destination": server, "RW": not read_only}
        for server, (host, read_only) in deployment.mounts.items()
    ]
    document = {
        "Id": "a" * 64,
        "Name": "/ovms",
        "Config": {
            "User": deployment.user or "",
            "Image": deployment.image,
            "Cmd": list(deployment.arguments),
            "Entrypoint": ["/ovms/bin/ovms"],
        },
        "HostConfig": {"Binds": binds},
        "State": {"Status": "created"},
        "Mounts": mounts,
    }
    return read_inspect([document], source="inspect", source_name="i.json")


def _kubernetes(deployment: Deployment, *, template: bool = False) -> Container:
    mounts = list(deployment.mounts.items())
    container = {
        "name": "ovms",
        "image": "${IMAGE}" if template else deployment.image,
        # $( begins the name of a variable.
        "args": [word.replace("$(", "$$(") for word in deployment.arguments],
        "securityContext": USERS[deployment.user],
        "volumeMounts": [
            {"name": f"v{index}", "mountPath": server, "readOnly": read_only}
            for index, (server, (_, read_only)) in enumerate(mounts)
        ],
    }
    volumes = [
        {"name": f"v{index}", "hostPath": {"path": host}} for index, (_, (host, _)) in enumerate(mounts)
    ]
    spec = {"containers": [container], "volumes": volumes}
    labels = {"app": "ovms"}
    if not template:
        document: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p"},
            "spec": spec,
        }
    else:
        pods = {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        }
        workload = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": pods}
        document = {
            "apiVersion": "template.openshift.io/v1",
            "kind": "Template",
            "metadata": {"name": "t"},
            "parameters": [{"name": "IMAGE", "value": deployment.image}],
            "objects": [workload],
        }
    return read_kubernetes(json.dumps(document), source_name="k.json", container=None)


def _options(container: Container) -> dict[str, Any]:
    options = options_from_container(CheckOptions(), container)
    return {
        "arguments": options.arguments,
        "user": (options.user.uid, options.user.gid),
        "mounts": {(mount.host, mount.server, mount.read_only) for mount in options.mounts},
        "release": (options.release, options.release_from),
    }


@settings(deadline=None, max_examples=150)
@given(DEPLOYMENTS)
def test_every_form_of_a_deployment_is_the_same(deployment: Deployment) -> None:
    expected = _options(_run_line(deployment))
    assert expected["arguments"] == deployment.arguments
    forms = {
        "--mount": _run_line(deployment, long=True),
        "compose": _compose(deployment),
        "compose, long": _compose(deployment, long=True),
        "inspect": _inspect(deployment),
    }
    if "$" not in "".join(deployment.arguments):
        # A template and a pod have their own variables.
        forms["pod"] = _kubernetes(deployment)
        forms["template"] = _kubernetes(deployment, template=True)
    for form, container in forms.items():
        assert _options(container) == expected, form


@pytest.mark.parametrize("user", list(USERS), ids=str)
def test_every_form_of_a_user_is_the_same(user: str | None) -> None:
    deployment = Deployment(
        ("--port", "9000"), user, {"/models": ("/srv/m", True)}, "openvino/model_server:2026.3"
    )
    forms = (_run_line(deployment), _compose(deployment), _inspect(deployment), _kubernetes(deployment))
    assert len({_options(container)["user"] for container in forms}) == 1
