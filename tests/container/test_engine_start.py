"""Mounts and devices whose source does not exist on the host: what the engine creates, and what the server
finds then.
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.cli.helpers import good_model
from tests.cli.run import Result, ovms_doctor

IMAGE = "openvino/model_server:2026.3"
SERVED = ("--model_path", "/models/m", "--model_name", "m", "--port", "9000")


def line(*options: str, arguments: tuple[str, ...] = SERVED, engine: str = "docker") -> Result:
    command = shlex.join([engine, "run", *options, IMAGE, *arguments])
    return ovms_doctor("check", "--format", "json", "--docker-run", command)


def compose(directory: Path, *volumes: Any, arguments: tuple[str, ...] = SERVED, **more: Any) -> Result:
    service = {"image": IMAGE, "command": list(arguments), "volumes": list(volumes), **more}
    (directory / "compose.yaml").write_text(json.dumps({"services": {"ovms": service}}))
    return ovms_doctor("check", "--format", "json", "--compose", directory / "compose.yaml")


def codes(result: Result) -> list[str]:
    return [item["code"] for item in result.document["findings"]]


def finding(result: Result, code: str) -> dict[str, Any]:
    (found,) = [item for item in result.document["findings"] if item["code"] == code]
    return dict(found)


# -- the engine creates a directory ----------------------------------------------------------------------


def test_a_directory_is_created_for_the_models(public_dir: Path) -> None:
    """The server comes up without a model, or ends, as with an empty directory."""
    arguments = ("--model_path", "/models", "--model_name", "m", "--port", "9000")
    for result in (
        line("-v", f"{public_dir}/modles:/models", arguments=arguments),
        compose(public_dir, f"{public_dir}/modles:/models", arguments=arguments),
        compose(public_dir, "./modles:/models", arguments=arguments),
    ):
        assert codes(result) == ["OVD714", "OVD101"]
        assert result.document["server"]["outcome"] == "serves"
        assert "creates an empty directory" in finding(result, "OVD714")["message"]
        assert finding(result, "OVD101")["caused_by"] == [finding(result, "OVD714")["fingerprint"]]
        assert finding(result, "OVD101")["server_log"] == ["No version found for model in path: /models"]


def test_a_created_directory_is_empty(public_dir: Path) -> None:
    result = line("-v", f"{public_dir}/modles:/models")
    assert codes(result) == ["OVD714", "OVD106"]
    assert (result.document["server"]["outcome"], result.document["server"]["exit_code"]) == ("exits", 1)
    (public_dir / "modles").mkdir()
    again = line("-v", f"{public_dir}/modles:/models")
    assert again.document["server"]["outcome"] == "exits", "the same as with the directory that was created"
    assert finding(again, "OVD106")["server_log"] == finding(result, "OVD106")["server_log"]


def test_a_directory_is_created_for_the_configuration(public_dir: Path) -> None:
    good_model(public_dir / "models" / "m" / "1")
    arguments = ("--config_path", "/c.json", "--port", "9000")
    result = line(
        "-v", f"{public_dir}/models:/models", "-v", f"{public_dir}/c.jsn:/c.json", arguments=arguments
    )
    assert codes(result) == ["OVD714", "OVD403"]
    assert finding(result, "OVD403")["server_log"] == [
        "Configuration file is not a valid JSON file. Error: The document is empty."
    ]


def test_source_that_the_server_does_not_need_may_be_created(public_dir: Path) -> None:
    good_model(public_dir / "models" / "m" / "1")
    options = (
        "-v",
        f"{public_dir}/models:/models",
        "-v",
        f"{public_dir}/logs:/logs",
        "-v",
        f"{public_dir}/x:/data",
    )
    assert codes(line(*options)) == []


# -- the engine refuses ----------------------------------------------------------------------------------


def test_a_bind_mount_is_refused(public_dir: Path) -> None:
    long = {
        "type": "bind",
        "source": f"{public_dir}/modles",
        "target": "/models",
        "bind": {"create_host_path": False},
    }
    for result in (
        line("--mount", f"type=bind,source={public_dir}/modles,target=/models"),
        line("-v", f"{public_dir}/modles:/models", engine="podman"),
        compose(public_dir, long),
    ):
        assert codes(result) == ["OVD714"]
        server = result.document["server"]
        assert (result.code, server["outcome"], server["exit_code"]) == (1, "exits", None)
    text = ovms_doctor("check", "--compose", public_dir / "compose.yaml").text
    assert text.splitlines()[-1] == "✗ the engine does not start the container: no model is served"


def test_a_missing_mount_source_is_reported(public_dir: Path) -> None:
    good_model(public_dir / "models" / "m" / "1")
    models = ("-v", f"{public_dir}/models:/models")
    result = line(*models, "--mount", f"type=bind,source={public_dir}/logs,target=/logs")
    assert codes(result) == ["OVD714"]
    created = f"type=bind,source={public_dir}/logs,target=/logs,bind-create-src"
    assert codes(line(*models, "--mount", created)) == []
    (public_dir / "logs").mkdir()
    assert codes(line(*models, "--mount", f"type=bind,source={public_dir}/logs,target=/logs")) == []


def test_a_dangling_link_does_not_exist(public_dir: Path) -> None:
    (public_dir / "models").symlink_to("gone")
    assert codes(line("--mount", f"type=bind,source={public_dir}/models,target=/models")) == ["OVD714"]


@pytest.mark.needs_root
def test_path_that_only_root_can_read_exists(public_dir: Path) -> None:
    good_model(public_dir / "closed" / "models" / "m" / "1")
    os.chmod(public_dir / "closed", 0o700)
    assert "OVD714" not in codes(
        line("--mount", f"type=bind,source={public_dir}/closed/models,target=/models")
    )


def test_a_secret_of_a_compose_file(public_dir: Path) -> None:
    good_model(public_dir / "models" / "m" / "1")
    service = {
        "image": IMAGE,
        "command": list(SERVED),
        "volumes": ["./models:/models"],
        "secrets": ["key"],
    }
    document = {"services": {"ovms": service}, "secrets": {"key": {"file": "./key.txt"}}}
    (public_dir / "compose.yaml").write_text(json.dumps(document))
    assert codes(ovms_doctor("check", "--format", "json", "--compose", public_dir / "compose.yaml")) == [
        "OVD714"
    ]
    (public_dir / "key.txt").write_text("x")
    assert codes(ovms_doctor("check", "--format", "json", "--compose", public_dir / "compose.yaml")) == []


def test_a_mount_of_the_command_line_replaces_it(public_dir: Path) -> None:
    """A copy of another host's directory."""
    good_model(public_dir / "copy" / "m" / "1")
    command = shlex.join(
        ["docker", "run", "--mount", "type=bind,source=/srv/gone,target=/models", IMAGE, *SERVED]
    )
    arguments = ("--docker-run", command, "--mount", f"{public_dir}/copy:/models")
    assert codes(ovms_doctor("check", "--format", "json", *arguments)) == []


def test_a_device_that_the_host_lacks(public_dir: Path) -> None:
    good_model(public_dir / "models" / "m" / "1")
    models = ("-v", f"{public_dir}/models:/models")
    for result in (
        line(*models, "--device", "/dev/none/renderD128"),
        line(*models, "--device", "/dev/none:/dev/dri:rwm"),
        compose(public_dir, "./models:/models", devices=["/dev/none:/dev/dri"]),
    ):
        assert codes(result) == ["OVD715"]
        assert result.document["server"]["outcome"] == "exits"
    for device in ("/dev/null", "/dev/null:/dev/dri/renderD128", "vendor.com/gpu=all"):
        assert "OVD715" not in codes(line(*models, "--device", device))


def test_all_missing_paths_are_reported_at_once(public_dir: Path) -> None:
    """The engine reports only one of them at each start."""
    options = [f"type=bind,source={public_dir}/{name},target=/{name}" for name in ("a", "b")]
    result = line(
        "--mount", options[0], "--mount", options[1], "--device", "/dev/none", "--device", "/dev/null"
    )
    refused = [item for item in result.document["findings"] if item["code"] != "OVD106"]
    assert [item["code"] for item in refused] == ["OVD714", "OVD714", "OVD715"]
    assert {item["subject"]["server_path"] for item in refused} == {"/a", "/b", None}


@pytest.mark.parametrize("remote", [("-H", "tcp://192.0.2.1:2375"), ("--context", "far")])
def test_an_engine_of_another_host(remote: tuple[str, ...], public_dir: Path) -> None:
    """The paths and devices are those of another host."""
    arguments = ("--mount", f"type=bind,source={public_dir}/gone,target=/models", "--device", "/dev/none")
    command = shlex.join(["docker", *remote, "run", *arguments, IMAGE, *SERVED])
    result = ovms_doctor("check", "--format", "json", "--docker-run", command)
    assert (result.code, codes(result)) == (3, ["OVD903"])
    local_command = shlex.join(["docker", "run", *arguments, IMAGE, *SERVED])
    environment = {"DOCKER_HOST": "ssh://me@far", "PATH": os.environ["PATH"], "HOME": "/root"}
    result = ovms_doctor("check", "--format", "json", "--docker-run", local_command, environment=environment)
    assert (result.code, codes(result)) == (3, ["OVD903"])
    assert codes(ovms_doctor("check", "--format", "json", "--docker-run", local_command)) == [
        "OVD714",
        "OVD715",
    ]


def test_a_manifest_is_for_another_host(public_dir: Path) -> None:
    container = {
        "name": "ovms",
        "image": IMAGE,
        "args": list(SERVED),
        "volumeMounts": [{"name": "m", "mountPath": "/models"}],
    }
    volume = {"name": "m", "hostPath": {"path": f"{public_dir}/gone"}}
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container], "volumes": [volume]}}
    (public_dir / "pod.json").write_text(json.dumps(pod))
    result = ovms_doctor("check", "--format", "json", "--kubernetes", public_dir / "pod.json")
    assert "OVD714" not in codes(result)


# -- a volume over the configuration file ----------------------------------------------------------------


def test_a_volume_at_the_path_of_the_file(public_dir: Path) -> None:
    """A source without a slash is the name of a volume, and a volume is a directory."""
    good_model(public_dir / "models" / "m" / "1")
    (public_dir / "config.json").write_text("{}")
    arguments = ("--config_path", "/config.json", "--port", "9000")
    for result in (
        line("-v", f"{public_dir}/models:/models", "-v", "config.json:/config.json", arguments=arguments),
        line(
            "-v",
            f"{public_dir}/models:/models",
            "--mount",
            "source=conf,target=/config.json",
            arguments=arguments,
        ),
        line("-v", f"{public_dir}/models:/models", "--tmpfs", "/config.json", arguments=arguments),
    ):
        assert codes(result) == ["OVD403"]
        assert (result.document["server"]["outcome"], result.document["server"]["exit_code"]) == ("exits", 1)
        assert "is mounted there, and a volume is a directory" in finding(result, "OVD403")["message"]
    named = line("-v", "config.json:/config.json", arguments=arguments)
    assert "$PWD" in finding(named, "OVD403")["remedy"]["steps"][0]["command"]


def test_a_volume_over_the_directory_of_the_file(public_dir: Path) -> None:
    (public_dir / "models" / "conf").mkdir(parents=True)
    (public_dir / "models" / "conf" / "c.json").write_text('{"model_config_list": []}')
    arguments = ("--config_path", "/models/conf/c.json", "--port", "9000")
    models = ("-v", f"{public_dir}/models:/models")
    result = line(*models, "-v", "vol:/models/conf", arguments=arguments)
    hidden = finding(result, "OVD718")
    assert (hidden["severity"], result.document["server"]["outcome"]) == ("warning", "unknown")
    assert f"hides {public_dir}/models/conf/c.json" in hidden["message"]
    for others in ((), ("-v", "vol:/cache"), ("-v", "vol:/models/conf/deeper")):
        assert "OVD718" not in codes(line(*models, *others, arguments=arguments))


def test_a_volume_with_the_file_is_not_reported_as_hiding(public_dir: Path) -> None:
    arguments = ("--config_path", "/conf/c.json", "--port", "9000")
    good_model(public_dir / "models" / "m" / "1")
    result = line("-v", f"{public_dir}/models:/models", "-v", "vol:/conf", arguments=arguments)
    assert "OVD718" not in codes(result)
    assert result.document["server"]["outcome"] == "unknown"


# -- a key that a config map does not have ---------------------------------------------------------------


def pod(directory: Path, key: str, **more: Any) -> Result:
    """A pod whose configuration file is the key ``key`` of a config map with the key config.json."""
    source = {"name": "ovms", "items": [{"key": key, "path": "config.json"}], **more.pop("source", {})}
    container = {
        "name": "ovms",
        "image": IMAGE,
        "args": ["--config_path=/config/config.json", "--port=9000"],
        "volumeMounts": [{"name": "c", "mountPath": "/config"}],
    }
    documents = [
        {
            "kind": "ConfigMap",
            "metadata": {"name": "ovms"},
            "data": {"config.json": '{"model_config_list": []}'},
        },
        {
            "kind": "Pod",
            "metadata": {"name": "p"},
            "spec": {"containers": [container], "volumes": [{"name": "c", "configMap": source}]},
            **more,
        },
    ]
    (directory / "pod.json").write_text(json.dumps({"kind": "List", "items": documents}))
    return ovms_doctor("check", "--format", "json", "--kubernetes", directory / "pod.json")


def state(**now: Any) -> dict[str, Any]:
    return {"status": {"containerStatuses": [{"name": "ovms", "state": now, "restartCount": 0}]}}


def test_a_pod_with_a_key_that_is_missing_is_not_started(tmp_path: Path) -> None:
    """The configuration file has no finding of its own: it is never mounted."""
    creating = {"waiting": {"reason": "ContainerCreating"}}
    for more in ({}, state(**creating)):
        result = pod(tmp_path, "confg.json", **more)
        assert result.code == 1
        assert "OVD717" in codes(result)
        assert not {"OVD405", "OVD403"} & set(codes(result))
        assert result.document["server"]["exit_code"] is None
    assert finding(result, "OVD717")["subject"]["server_path"] == "/config"
    assert "confg.json" in finding(result, "OVD717")["message"]


def test_an_existing_or_optional_key_starts_the_pod(tmp_path: Path) -> None:
    assert "OVD717" not in codes(pod(tmp_path, "config.json"))
    assert "OVD717" not in codes(pod(tmp_path, "confg.json", source={"optional": True}))
    # A running pod had the key at its start.
    assert "OVD717" not in codes(
        pod(tmp_path, "confg.json", **state(running={"startedAt": "2026-01-01T00:00:00Z"}))
    )


# -- a user that the manifest forbids --------------------------------------------------------------------


def served_pod(
    top: Path, security: dict[str, Any], *others: dict[str, Any], image: str = IMAGE, **more: Any
) -> Result:
    """A pod with this security context of its container, whose model is served."""
    if not (top / "models").exists():
        good_model(top / "models" / "m" / "1")
    container = {
        "name": "ovms",
        "image": image,
        "args": ["--model_path=/models/m", "--model_name=m", "--port=9000"],
        "securityContext": security,
        "volumeMounts": [{"name": "m", "mountPath": "/models"}],
    }
    volume = {"name": "m", "persistentVolumeClaim": {"claimName": "models"}}
    document = {
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [container], "volumes": [volume]},
        **more,
    }
    (top / "pod.json").write_text(json.dumps({"kind": "List", "items": [document, *others]}))
    mounted = ("--mount", f"{top}/models:/models")
    return ovms_doctor("check", "--format", "json", "--kubernetes", top / "pod.json", *mounted)


def test_root_that_the_manifest_forbids(public_dir: Path) -> None:
    """Source: kubernetes, security_context_others.go (verifyRunAsNonRoot)."""
    result = served_pod(public_dir, {"runAsNonRoot": True, "runAsUser": 0})
    assert (result.code, codes(result)) == (1, ["OVD719"])
    assert result.document["server"]["exit_code"] is None
    assert finding(result, "OVD719")["severity"] == "error"
    assert result.document["models"][0]["versions"][0]["state"] is None


@pytest.mark.parametrize("security", [{"runAsNonRoot": True}, {"runAsNonRoot": True, "runAsGroup": 5000}])
def test_a_user_that_the_kubelet_cannot_verify(security: dict[str, Any], public_dir: Path) -> None:
    """A warning: on OpenShift the pod starts, and the manifest does not show where it is applied."""
    result = served_pod(public_dir, security)
    assert (result.code, codes(result)) == (0, ["OVD719"])
    found = finding(result, "OVD719")
    assert (found["severity"], found["confidence"]) == ("warning", "medium")
    assert "Except on OpenShift" in found["detail"]
    assert "runAsUser: 5000" in found["remedy"]["steps"][0]["text"]


def test_users_that_the_kubelet_accepts(public_dir: Path) -> None:
    name = {"runAsNonRoot": True}
    route = {"apiVersion": "route.openshift.io/v1", "kind": "Route", "metadata": {"name": "r"}}
    running = state(running={"startedAt": "2026-01-01T00:00:00Z"})
    for result in (
        served_pod(public_dir, {**name, "runAsUser": 5000}),
        served_pod(public_dir, {"runAsNonRoot": False, "runAsUser": 0}),
        served_pod(public_dir, {"runAsUser": 0}),
        served_pod(public_dir, {}),
        served_pod(public_dir, name, route),
        served_pod(public_dir, name, image="quay.io/modh/openvino_model_server:2026.3"),
        served_pod(public_dir, name, **running),
    ):
        assert (result.code, codes(result)) == (0, [])


# -- a mount inside another one --------------------------------------------------------------------------

WITH_CONFIG = ("--config_path", "/models/config.json", "--port", "9000")


def configured(top: Path, *, file_in_models: bool) -> None:
    good_model(top / "models" / "m" / "1")
    text = '{"model_config_list": [{"config": {"name": "m", "base_path": "/models/m"}}]}'
    (top / "config.json").write_text(text)
    if file_in_models:
        (top / "models" / "config.json").touch()


def test_a_file_cannot_be_mounted_in_a_read_only_directory(public_dir: Path) -> None:
    """The runtime has to create the path to mount on; the printed command does it."""
    configured(public_dir, file_in_models=False)
    models, file = f"{public_dir}/models:/models", f"{public_dir}/config.json:/models/config.json:ro"
    for result in (
        line("-v", f"{models}:ro", "-v", file, arguments=WITH_CONFIG),
        compose(public_dir, f"{models}:ro", "./config.json:/models/config.json", arguments=WITH_CONFIG),
    ):
        assert (result.code, codes(result)) == (1, ["OVD725"])
        assert result.document["server"]["exit_code"] is None
        assert "/models is mounted read-only" in finding(result, "OVD725")["message"]
    # In a writable directory the runtime creates it.
    assert line("-v", models, "-v", file, arguments=WITH_CONFIG).document["findings"] == []
    (command,) = [step["command"] for step in finding(result, "OVD725")["remedy"]["steps"] if step["command"]]
    assert shlex.split(command) == ["touch", f"{public_dir}/models/config.json"]
    Path(shlex.split(command)[1]).touch()
    assert line("-v", f"{models}:ro", "-v", file, arguments=WITH_CONFIG).document["findings"] == []


@pytest.mark.parametrize(
    "options",
    [("-v", "config.json:/models/config.json"), ("--tmpfs", "/models/config.json")],
)
def test_a_directory_cannot_be_mounted_on_a_file(options: tuple[str, ...], public_dir: Path) -> None:
    """``config.json`` without a slash is the name of a volume."""
    configured(public_dir, file_in_models=True)
    result = line("-v", f"{public_dir}/models:/models", *options, arguments=WITH_CONFIG)
    assert (result.code, codes(result)[0]) == (1, "OVD725")
    assert result.document["server"]["exit_code"] is None
    assert f"{public_dir}/models/config.json is a file" in finding(result, "OVD725")["message"]


def test_a_file_cannot_be_mounted_on_a_directory(public_dir: Path) -> None:
    configured(public_dir, file_in_models=False)
    (public_dir / "models" / "config.json").mkdir()
    file = f"{public_dir}/config.json:/models/config.json"
    result = line("-v", f"{public_dir}/models:/models", "-v", file, arguments=WITH_CONFIG)
    assert (result.code, codes(result)) == (1, ["OVD725"])
    assert f"{public_dir}/models/config.json is a directory" in finding(result, "OVD725")["message"]


def test_mounts_that_the_runtime_can_make(public_dir: Path) -> None:
    """Directories on directories, a path that is created, and what lies behind a link."""
    configured(public_dir, file_in_models=True)
    (public_dir / "models" / "cache").mkdir()
    (public_dir / "models" / "link").symlink_to("config.json")
    models = ("-v", f"{public_dir}/models:/models")
    for options in (
        (*models, "-v", f"{public_dir}/config.json:/models/config.json"),
        (f"{models[0]}", f"{models[1]}:ro", "-v", "cache:/models/cache"),
        (*models, "-v", "cache:/models/other", "-v", f"{public_dir}/config.json:/models/config.json"),
        (*models, "-v", "vol:/models/link"),
    ):
        assert "OVD725" not in codes(line(*options, arguments=WITH_CONFIG))


def test_a_configuration_in_the_compose_file(public_dir: Path) -> None:
    """It is read as a file of its own, also below a mount."""
    good_model(public_dir / "models" / "m" / "1")
    text = '{"model_config_list": [{"config": {"name": "m", "base_path": "/models/m"%s}}]}'
    service = {
        "image": IMAGE,
        "volumes": ["./models:/models"],
        "configs": [{"source": "c", "target": "/models/c.json"}],
        "command": ["--config_path", "/models/c.json", "--port", "9000"],
    }
    for more, outcome, expected in (("", "serves", []), (', "nireq": "4"', "exits", ["OVD404"])):
        document = {"services": {"ovms": service}, "configs": {"c": {"content": text % more}}}
        (public_dir / "compose.yaml").write_text(json.dumps(document))
        result = ovms_doctor("check", "--format", "json", "--compose", public_dir / "compose.yaml")
        assert (result.document["server"]["outcome"], codes(result)) == (outcome, expected)


def test_mounts_of_another_container(public_dir: Path) -> None:
    """The path may be in one of its mounts, not only in the image."""
    good_model(public_dir / "models" / "m" / "1")
    result = compose(public_dir, volumes_from=["data"])
    (found,) = [item for item in result.document["findings"] if item["code"] == "OVD903"]
    assert "it is in a mount that is not known, or in the image" in found["message"]
    named = ovms_doctor(
        "check", "--compose", public_dir / "compose.yaml", "--mount", f"{public_dir}/models:/models"
    )
    assert named.code == 0
