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
        lambda name, words: ("--model_name", name, "--model_path", "/models/m", "--shape", words),
        _NAMES,
        _WORDS,
    ),
    st.sampled_from(list(USERS)),
    st.dictionaries(_SERVERS, st.tuples(_HOSTS, st.booleans()), min_size=1, max_size=3),
    st.sampled_from(["openvino/model_server:2026.3", "openvino/model_server:2023.1-gpu", "my/ovms:2025.4"]),
)


def _mode(read_only: bool) -> str:
    return ":ro" if read_only else ""


def _run_line(given_: Deployment, *, long: bool = False) -> Container:
    words = ["docker", "run"]
    if given_.user is not None:
        words += [f"--user={given_.user}"] if long else ["-u", given_.user]
    for server, (host, read_only) in given_.mounts.items():
        if long:
            option = f"type=bind,source={host},target={server}" + (",readonly" if read_only else "")
            words += ["--mount", option]
        else:
            words += ["-v", f"{host}:{server}{_mode(read_only)}"]
    line = shlex.join([*words, given_.image, *given_.arguments])
    return read_run_line(line, home="/root", working_directory="/w", ids=(0, 0))


def _compose(given_: Deployment, *, long: bool = False) -> Container:
    service: dict[str, Any] = {
        "image": given_.image,
        "command": [word.replace("$", "$$") for word in given_.arguments],
        "volumes": [
            {"type": "bind", "source": host, "target": server, "read_only": read_only}
            if long
            else f"{host}:{server}{_mode(read_only)}"
            for server, (host, read_only) in given_.mounts.items()
        ],
    }
    if given_.user is not None:
        service["user"] = given_.user
    text = json.dumps({"services": {"ovms": service}})
    return read_compose(
        text, service=None, source_name="c.yaml", directory="/w", environment={}, read_file=lambda path: None
    )


def _inspect(given_: Deployment) -> Container:
    binds = [f"{host}:{server}{_mode(read_only)}" for server, (host, read_only) in given_.mounts.items()]
    mounts = [
        {"Type": "bind", "Source": host, "Destination": server, "RW": not read_only}
        for server, (host, read_only) in given_.mounts.items()
    ]
    document = {
        "Id": "a" * 64,
        "Name": "/ovms",
        "Config": {
            "User": given_.user or "",
            "Image": given_.image,
            "Cmd": list(given_.arguments),
            "Entrypoint": ["/ovms/bin/ovms"],
        },
        "HostConfig": {"Binds": binds},
        "State": {"Status": "created"},
        "Mounts": mounts,
    }
    return read_inspect([document], source="inspect", source_name="i.json")


def _kubernetes(given_: Deployment, *, template: bool = False) -> Container:
    mounts = list(given_.mounts.items())
    container = {
        "name": "ovms",
        "image": "${IMAGE}" if template else given_.image,
        # $( begins the name of a variable.
        "args": [word.replace("$(", "$$(") for word in given_.arguments],
        "securityContext": USERS[given_.user],
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
            "parameters": [{"name": "IMAGE", "value": given_.image}],
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
def test_every_form_of_a_deployment_is_the_same(given_: Deployment) -> None:
    expected = _options(_run_line(given_))
    assert expected["arguments"] == given_.arguments
    forms = {
        "--mount": _run_line(given_, long=True),
        "compose": _compose(given_),
        "compose, long": _compose(given_, long=True),
        "inspect": _inspect(given_),
    }
    if "$" not in "".join(given_.arguments):
        # A template and a pod have their own variables.
        forms["pod"] = _kubernetes(given_)
        forms["template"] = _kubernetes(given_, template=True)
    for form, container in forms.items():
        assert _options(container) == expected, form


@pytest.mark.parametrize("user", list(USERS), ids=str)
def test_every_form_of_a_user_is_the_same(user: str | None) -> None:
    given_ = Deployment(
        ("--port", "9000"), user, {"/models": ("/srv/m", True)}, "openvino/model_server:2026.3"
    )
    forms = (_run_line(given_), _compose(given_), _inspect(given_), _kubernetes(given_))
    assert len({_options(container)["user"] for container in forms}) == 1
