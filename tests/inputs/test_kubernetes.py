"""Manifests and pods in kubectl's output: the resulting container, and what is refused."""

from __future__ import annotations

import base64
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.kubernetes.documents import quantity
from ovms_doctor.inputs.kubernetes.environment import PodEnvironment, expand
from ovms_doctor.inputs.kubernetes.read import read_kubernetes
from ovms_doctor.model.container import (
    Container,
    ContainerLimits,
    ContainerMount,
    ContainerState,
    Probe,
    PublishedPort,
)

DATA = Path(__file__).parents[1] / "data" / "kubernetes"
IMAGE = "openvino/model_server:2026.3"
SECRET = "canary"


def saved(name: str) -> str:
    return (DATA / name).read_text("utf-8")


def read(*documents: dict[str, Any], container: str | None = None) -> Container:
    return read_kubernetes(json.dumps(list(documents)), source_name="pod.json", container=container)


def pod(
    *args: str,
    status: dict[str, Any] | None = None,
    pod_spec: dict[str, Any] | None = None,
    others: tuple[dict[str, Any], ...] = (),
    **server: Any,
) -> dict[str, Any]:
    container = {"name": "server", "image": IMAGE, "args": list(args), **server}
    made: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    made["spec"] = {"containers": [container, *others], **(pod_spec or {})}
    if status is not None:
        made["status"] = status
        made["metadata"]["uid"] = "uid-1"
    return made


def refused(text: str, container: str | None = None) -> str:
    with pytest.raises(DocumentError) as raised:
        read_kubernetes(text, source_name="m.yaml", container=container)
    return str(raised.value)


# -- whole files ---------------------------------------------------------------------------------------


def test_a_chart() -> None:
    found = read_kubernetes(saved("chart.yaml"), source_name="chart.yaml")
    assert (found.source, found.engine, found.source_name) == ("kubernetes", "kubernetes", "chart.yaml")
    assert (found.name, found.id, found.image) == ("server", "", "openvino/model_server:2023.1-gpu")
    assert found.release == "2023.1"
    assert found.program == ("/ovms/bin/ovms",)
    assert found.arguments is not None
    assert found.arguments[:4] == ("--config_path", "/config/config.json", "--log_level", "DEBUG")
    assert (found.user, found.groups, found.fs_group) == ("5000:0", ("109", "44"), 2000)
    assert found.read_only_root
    assert found.security == ("label=level:s0:c1,c2",)
    assert found.mounts == (
        ContainerMount("/config", "config", None, True, "ovms-config", ("file=config.json",)),
        ContainerMount("/models", "claim", "/srv/disk", True, "models", ("volume=disk",), sub_path="set/a"),
        ContainerMount("/opt/cache", "volume", name="cache", options=("emptyDir",)),
        ContainerMount("/dev/shm", "tmpfs", name="shm", options=("emptyDir", "sizeLimit=1Gi")),
        ContainerMount("/dev/dri", "bind", "/dev/dri", name="dri", options=("Directory",)),
        ContainerMount("/gone", "other", name="gone"),
    )
    assert found.ports == (
        PublishedPort(8081, 30081, "127.0.0.1"),
        PublishedPort(8080, 9000, "ovms"),
        PublishedPort(8081, 80, "ovms"),
    )
    assert found.limits == ContainerLimits(
        memory=2 * 10**9, memory_request=2 * 10**9, cpus=0.5, shared_memory=2**30
    )
    assert found.probes == (
        Probe("readiness", "tcp", 8080, initial_delay=5),
        Probe("liveness", "grpc", 8080, timeout=3),
    )
    assert found.restart == "Always"
    assert found.siblings == ("fetch", "metrics")
    assert {"CONFIG_DIR", "LOG_LEVEL", "AWS_SECRET_ACCESS_KEY"} <= set(found.environment_names)
    assert [item.name for item in found.environment] == ["AWS_ACCESS_KEY_ID", "https_proxy"]
    problems = " ".join(found.problems)
    assert "secret elsewhere" in problems
    assert "AWS_SECRET_ACCESS_KEY" in problems
    assert "volume gone" in problems
    assert "fetch fills /opt/cache" in problems
    assert SECRET not in repr(found)


def test_a_runtime_alone_keeps_its_placeholder_as_the_models_name() -> None:
    found = read_kubernetes(saved("serving_runtime.yaml"), source_name="r.yaml")
    assert found.arguments is not None
    assert found.arguments[0] == "--model_name={{.Name}}"
    assert any("{{.Name}}" in problem for problem in found.problems)
    assert found.release == "2025.4"
    assert found.user == "5000"
    assert found.capabilities_dropped == ("ALL",)
    assert found.security == ("runAsNonRoot", "no-new-privileges")
    assert not found.privileged
    assert found.limits == ContainerLimits(memory=2 << 30, memory_request=2 << 30, cpus=1.0)
    assert found.probes == (Probe("startup", "http", None, "/v2/health/ready", period=5, failures=9999),)
    assert [mount.server for mount in found.mounts] == ["/mnt/models"]
    assert found.ports == (PublishedPort(8080),)


def test_an_inference_service_with_its_runtime() -> None:
    found = read_kubernetes(saved("openshift_runtime.yaml"), source_name="r.yaml")
    assert found.arguments == (
        "--model_name=resnet",
        "--port=8001",
        "--rest_port=8888",
        "--model_path=/mnt/models",
        "--metrics_enable",
        "--log_level=DEBUG",
    )
    assert (found.release, found.release_from) == ("2026.2", "the annotation opendatahub.io/runtime-version")
    assert [(mount.server, mount.kind, mount.read_only) for mount in found.mounts] == [
        ("/tmp", "volume", False),
        ("/mnt/models", "volume", True),
    ]
    assert found.ports == (PublishedPort(8888),)
    assert [(item.name, item.number) for item in found.environment] == [("GRPC_SERVERS", 2)]
    assert found.device_requests == ("gpu.intel.com/i915",)
    assert found.limits == ContainerLimits(memory=4 << 30, memory_request=4 << 30, complete=False)
    assert found.probes[0].port == 8888
    assert found.siblings == ("storage-initializer",)
    assert any("s3://***@models/resnet to" in problem for problem in found.problems)
    assert any("OpenShift" in problem for problem in found.problems)
    assert SECRET not in repr(found)


def test_a_pod_that_was_killed() -> None:
    found = read_kubernetes(saved("oom_killed.json"), source_name="-")
    assert found.id == "6b1f0e"
    assert found.limits == ContainerLimits(memory=512 << 20, memory_request=256 << 20)
    assert found.mounts == (
        ContainerMount("/models", "bind", "/srv/models", name="models", created_by_engine=True),
    )
    assert found.state == ContainerState(
        "waiting",
        reason="CrashLoopBackOff",
        message="back-off 5m0s restarting failed container=ovms",
        restarts=7,
        last_exit_code=137,
        last_reason="OOMKilled",
        last_finished_at="2026-11-20T10:00:09Z",
    )


# -- which container -----------------------------------------------------------------------------------

NGINX = {"name": "web", "image": "nginx", "args": ["-g", "daemon off;"]}


@pytest.mark.parametrize(
    "server",
    [
        {"image": "registry:5000/team/model-server:1"},
        {"image": "x", "command": ["/ovms/bin/ovms"]},
        {"image": "x", "args": ["--config_path=/c.json"]},
        {"image": "x", "command": ["sh", "-c", "exec /ovms/bin/ovms --port 1"]},
        {"image": "x", "name": "ovms"},
    ],
)
def test_recognised_server_containers(server: dict[str, Any]) -> None:
    document = pod(others=(NGINX,), **{"args": [], **server})
    assert read(document).name == server.get("name", "server")


def test_the_container_that_is_named() -> None:
    assert read(pod("--port=1", others=(NGINX,)), container="web").image == "nginx"
    assert "no container db, but Pod/p/server, Pod/p/web" in refused(json.dumps(pod(others=(NGINX,))), "db")


def test_a_pod_without_an_ovms_container_is_refused() -> None:
    message = refused(json.dumps(pod(image="redis", others=(NGINX,))))
    assert message == "m.yaml has no container that looks like OVMS: Pod/p/server, Pod/p/web"


def test_several_servers() -> None:
    second = {"name": "second", "image": IMAGE, "args": ["--port=2"]}
    assert "Pod/p/server, Pod/p/second" in refused(json.dumps(pod("--port=1", others=(second,))))


def test_the_failing_pod_of_a_deployment_is_selected() -> None:
    template = {"spec": pod("--port=1")["spec"]}
    deployment = {"kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": template}}
    old = {
        "kind": "ReplicaSet",
        "metadata": {"name": "old"},
        "spec": {"replicas": 0, "template": {"spec": pod("--port=7")["spec"]}},
    }
    owned = {"ownerReferences": [{"kind": "ReplicaSet", "name": "r"}]}
    replicas = {
        "kind": "ReplicaSet",
        "metadata": {"name": "r", "ownerReferences": [{"kind": "Deployment", "name": "d"}]},
        "spec": {"replicas": 2, "template": template},
    }
    pods = []
    for name, state in (("one", {"running": {}}), ("two", {"terminated": {"exitCode": 1}})):
        made = pod("--port=1", status={"containerStatuses": [{"name": "server", "state": state}]})
        made["metadata"] = {"name": name, "uid": name, **owned}
        pods.append(made)
    found = read(deployment, old, replicas, *pods)
    assert found.id == "two"
    assert found.state is not None
    assert found.state.exit_code == 1
    assert "Pod/one, Pod/two run the same server" in found.problems[0]


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "Job", "spec": {"template": {"spec": {}}}},
        {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": {}}}}}},
        {"kind": "Rollout", "spec": {"template": {"spec": {}}}},
        {"kind": "StatefulSet", "spec": {"template": {"spec": {}}}},
        {"kind": "PodTemplate", "template": {"spec": {}}},
    ],
    ids=lambda item: str(item["kind"]),
)
def test_a_template_at_any_position(document: dict[str, Any]) -> None:
    text = json.dumps(document).replace('"spec": {}}', '"spec": ' + json.dumps(pod("--port=1")["spec"]) + "}")
    assert read_kubernetes(text, source_name="x").arguments == ("--port=1",)


# -- words and environment -----------------------------------------------------------------------------


def test_no_arguments_at_all() -> None:
    found = read(pod(status={"containerStatuses": [{"name": "server", "state": {"waiting": {}}}]}))
    assert found.arguments == ()


def test_command_replaces_the_entrypoint() -> None:
    found = read(pod("--port=1", command=["/ovms/bin/ovms", "--rest_port=2"]))
    assert found.arguments == ("--rest_port=2", "--port=1")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("--model_path=$(ROOT)/a", "--model_path=/m/a"),
        ("--model_path=$$(ROOT)/a", "--model_path=$(ROOT)/a"),
        ("--model_path=$(NOT_THERE)/a", "--model_path=$(NOT_THERE)/a"),
        ("--model_path=$(LATE)/a", "--model_path=$(ROOT2)x/a"),
        ("--model_name=$(KEY_NAME)", "--model_name=$(KEY_NAME)"),
        ("--model_name=$(FIELD)", "--model_name=$(FIELD)"),
        ("--model_path=$(FIELD)", None),
        ("--port=$(OVMS_SERVICE_PORT)", None),
        ("--model_path={{.Name}}", None),
    ],
)
def test_variables_within_a_text(word: str, expected: str | None) -> None:
    environment = [
        {"name": "LATE", "value": "$(ROOT2)x"},
        {"name": "ROOT2", "value": "/m2"},
        {"name": "ROOT", "value": "/none"},
        {"name": "ROOT", "value": "/m"},
        {"name": "KEY_NAME", "value": SECRET},
        {"name": "FIELD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]
    found = read(pod(word, env=environment))
    assert found.arguments == (None if expected is None else (expected,))
    assert (expected is None) == bool(found.arguments_unavailable)
    assert SECRET not in repr(found)


def test_a_source_that_is_not_in_the_file_may_set_any_variable() -> None:
    found = read(pod("--port=$(PORT)", envFrom=[{"configMapRef": {"name": "c"}}]))
    assert found.arguments is None
    assert "PORT" in found.arguments_unavailable


@pytest.mark.parametrize(
    ("text", "expected", "unknown"),
    [
        ("$", "$", []),
        ("$(", "$(", []),
        ("$(A", "$(A", []),
        ("a$b", "a$b", []),
        ("$$$$(A)", "$$(A)", []),
        ("$$$(A)", "$1", []),
        ("$(A)$(B)", "1$(B)", ["B"]),
        ("$(C)", "$(C)", []),
        ("$()", "$()", []),
    ],
)
def test_expansion(text: str, expected: str, unknown: list[str]) -> None:
    assert expand(text, PodEnvironment({"A": "1", "B": None})) == (expected, unknown)


def test_a_value_from_a_config_map_of_the_file() -> None:
    config = {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"port": "9000"}}
    source = {"configMapKeyRef": {"name": "c", "key": "port"}}
    found = read(pod("--port=$(PORT)", env=[{"name": "PORT", "valueFrom": source}]), config)
    assert found.arguments == ("--port=9000",)
    config["metadata"] = {"name": "another"}
    found = read(pod("--port=$(PORT)", env=[{"name": "PORT", "valueFrom": source}]), config)
    assert found.arguments is None
    assert (
        found.arguments_unavailable
        == "A word of the command line is not known: the value of PORT is not known here."
    )


def test_a_script_contains_no_secrets() -> None:
    script = 'exec /ovms/bin/ovms --model_name "$PASSWORD" --port "$PORT"'
    environment = [{"name": "PORT", "value": "9000"}, {"name": "PASSWORD", "value": SECRET}]
    found = read(pod(command=["sh", "-c", script], env=environment))
    assert SECRET not in repr(found)
    found = read(pod(command=["sh", "-c", script.replace("$PASSWORD", "m")], env=environment))
    assert found.arguments == ("--model_name", "m", "--port", "9000")


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"args": ["--port", 9000]}, "args has the number 9000, which is not a string"),
        ({"args": ["--port", "9000"], "command": ["ovms", True]}, "command has the value true"),
        ({"args": [{"--port": "9000"}]}, "args has a mapping"),
        ({"env": [{"name": "GRPC_SERVERS", "value": 2}]}, "the value of GRPC_SERVERS in env is not a string"),
        ({"env": [{"name": "OVMS_GRAPH_QUEUE_OFF", "value": False}]}, "OVMS_GRAPH_QUEUE_OFF in env"),
        ({"resources": {"limits": {"memory": "2GB"}}}, "the amount of memory is not a quantity, such as 2Gi"),
        ({"resources": {"limits": {"cpu": "2 cores"}}}, "the amount of cpu is not a quantity, such as 500m"),
    ],
)
def test_a_value_that_the_api_server_refuses(changes: dict[str, Any], part: str) -> None:
    """Such a manifest starts nothing: what the server would do with it says nothing."""
    document = pod()
    document["spec"]["containers"][0].update(changes)
    with pytest.raises(DocumentError) as raised:
        read(document)
    assert str(raised.value).startswith("Kubernetes would refuse pod.json: ")
    assert part in str(raised.value)


def test_values_that_the_api_server_accepts() -> None:
    """Texts in quotes; an empty item and an empty value are empty texts."""
    document = pod("--port", "9000", resources={"limits": {"cpu": 2, "memory": "1.5Gi"}})
    document["spec"]["containers"][0]["args"].append(None)
    document["spec"]["containers"][0]["env"] = [
        {"name": "GRPC_SERVERS", "value": "2"},
        {"name": "HF_TOKEN", "value": None},
    ]
    assert read(document).arguments == ("--port", "9000", "")


def test_a_secrets_names_are_kept_and_its_values_are_not() -> None:
    secret = {
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"API_KEY": "Y2FuYXJ5", "HF_TOKEN": SECRET},
        "stringData": {"GRPC_SERVERS": "2"},
    }
    mount = {"name": "s", "mountPath": "/s"}
    volume = {"name": "s", "secret": {"secretName": "s"}}
    found = read(
        pod(
            "--port=1",
            envFrom=[{"secretRef": {"name": "s"}}],
            volumeMounts=[mount],
            pod_spec={"volumes": [volume]},
        ),
        secret,
    )
    assert found.environment_names == ("API_KEY", "HF_TOKEN", "GRPC_SERVERS")
    assert found.environment == ()
    assert found.mounts[0].options == ("secret", "file=API_KEY", "file=HF_TOKEN", "file=GRPC_SERVERS")
    assert SECRET not in repr(found)
    assert "Y2FuYXJ5" not in repr(found)


# -- volumes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ({"emptyDir": {"medium": "Memory"}}, ContainerMount("/m", "tmpfs", name="v", options=("emptyDir",))),
        (
            {"hostPath": {"path": "/h", "type": "DirectoryOrCreate"}},
            ContainerMount("/m", "bind", "/h", False, "v", ("DirectoryOrCreate",), True),
        ),
        ({"nfs": {"server": "n", "path": "/e", "readOnly": True}},
         ContainerMount("/m", "other", None, True, "n:/e", ("nfs",))),
        ({"csi": {"driver": "d", "volumeAttributes": {"k": SECRET}}},
         ContainerMount("/m", "other", name="d", options=("csi",))),
        ({"image": {"reference": "i:1"}}, ContainerMount("/m", "image", read_only=True, name="i:1")),
        (
            {"projected": {"sources": [{"secret": {"name": "a"}}, {"configMap": {"name": "b"}}]}},
            ContainerMount("/m", "config", None, True, "a, b", ("projected",)),
        ),
        (
            {"persistentVolumeClaim": {"claimName": "c", "readOnly": True}},
            ContainerMount("/m", "claim", None, True, "c"),
        ),
    ],
)  # fmt: skip
def test_volumes(volume: dict[str, Any], expected: ContainerMount) -> None:
    mounts = [{"name": "v", "mountPath": "/m"}]
    found = read(pod("--port=1", volumeMounts=mounts, pod_spec={"volumes": [{"name": "v", **volume}]}))
    assert found.mounts == (expected,)
    assert SECRET not in repr(found)


def test_a_volume_that_names_its_claim() -> None:
    volume = {
        "kind": "PersistentVolume",
        "metadata": {"name": "pv"},
        "spec": {"hostPath": {"path": "/srv"}, "claimRef": {"name": "c", "namespace": "n"}},
    }
    document = pod(
        volumeMounts=[{"name": "v", "mountPath": "/m"}],
        pod_spec={"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]},
    )
    assert read(document, volume).mounts[0].host == "/srv"
    document["metadata"]["namespace"] = "other"
    assert read(document, volume).mounts[0].host is None


def test_a_sub_path_that_is_made_from_the_pods_name() -> None:
    document = pod(
        volumeMounts=[{"name": "v", "mountPath": "/m", "subPathExpr": "$(POD)/x"}],
        env=[{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        pod_spec={"volumes": [{"name": "v", "hostPath": {"path": "/h"}}]},
    )
    (mount,) = read(document).mounts
    assert mount.host is None
    assert not mount.created_by_engine


def test_a_stateful_sets_own_claims() -> None:
    spec = pod("--port=1", volumeMounts=[{"name": "data", "mountPath": "/m"}])["spec"]
    document = {
        "kind": "StatefulSet",
        "metadata": {"name": "set"},
        "spec": {"template": {"spec": spec}, "volumeClaimTemplates": [{"metadata": {"name": "data"}}]},
    }
    assert read(document).mounts == (ContainerMount("/m", "claim", name="data-set-0"),)


# -- user, limits, state -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of_pod", "own", "expected"),
    [
        ({}, {}, ""),
        ({"runAsUser": 0}, {}, "0"),
        ({"runAsUser": 1, "runAsGroup": 2}, {"runAsUser": 3}, "3:2"),
        ({"runAsGroup": 7}, {}, "ovms:7"),
        ({"runAsUser": True}, {}, ""),
    ],
)
def test_users(of_pod: dict[str, Any], own: dict[str, Any], expected: str) -> None:
    assert read(pod(securityContext=own, pod_spec={"securityContext": of_pod})).user == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2Gi", 2 << 30), ("2G", 2 * 10**9), ("1e9", 10**9), ("1E9", 10**9), ("1E", 10**18), ("500m", Fraction(1, 2)),
        ("0.5", Fraction(1, 2)), (".5", Fraction(1, 2)), ("1.", 1), (3, 3), (0.25, Fraction(1, 4)), ("+1k", 1000),
        ("100n", Fraction(1, 10**7)), ("9e999", 2**63 - 1), ("1e-3", Fraction(1, 1000)),
        ("2GB", None), ("2g", None), ("", None), ("-1", None), ("1 Gi", None), (True, None), (None, None),
        (float("inf"), None), ([], None), ("1K", None), ("٣", None),
    ],
)  # fmt: skip
def test_quantities(value: Any, expected: Fraction | int | None) -> None:
    assert quantity(value) == expected


def test_a_pods_own_limits_hold_for_its_container() -> None:
    around = {"resources": {"limits": {"memory": "1Gi", "cpu": 2}}}
    own = {"limits": {"memory": "2Gi"}, "requests": {"npu.intel.com/accel": "1", "x.y/z": 0, "cpu": 1}}
    found = read(pod(resources=own, pod_spec=around))
    assert found.limits == ContainerLimits(memory=1 << 30, memory_request=1 << 30, cpus=2.0)
    assert found.device_requests == ("npu.intel.com/accel",)


def test_a_template_without_limits_may_get_the_namespaces() -> None:
    assert read(pod()).limits == ContainerLimits(complete=False)
    assert read(pod(status={})).limits == ContainerLimits(complete=True)


def test_a_pod_that_was_evicted() -> None:
    message = "The node was low on resource: memory."
    found = read(pod(status={"phase": "Failed", "reason": "Evicted", "message": message}))
    assert found.state == ContainerState("terminated", reason="Evicted", message=message)
    assert found.id == "uid-1"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"running": {"startedAt": "t"}}, ContainerState("running", started_at="t")),
        ({"waiting": {"reason": "ImagePullBackOff"}}, ContainerState("waiting", reason="ImagePullBackOff")),
        (
            {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
            ContainerState("terminated", 137, True, "OOMKilled"),
        ),
        (
            {"terminated": {"reason": "Completed", "exitCode": 0}},
            ContainerState("terminated", 0, False, "Completed"),
        ),
    ],
)
def test_states(state: dict[str, Any], expected: ContainerState) -> None:
    assert read(pod(status={"containerStatuses": [{"name": "server", "state": state}]})).state == expected


def test_a_server_without_arguments_that_ends_repeatedly() -> None:
    last = {"terminated": {"reason": "Completed", "exitCode": 0}}
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    status = {"containerStatuses": [{"name": "server", "state": state, "lastState": last, "restartCount": 4}]}
    found = read(pod(status=status))
    assert found.arguments == ()
    assert found.state == ContainerState(
        "waiting", reason="CrashLoopBackOff", restarts=4, last_exit_code=0, last_reason="Completed"
    )


def test_a_pod_without_a_suitable_node() -> None:
    conditions = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3"}]
    found = read(pod(status={"phase": "Pending", "conditions": conditions}))
    assert found.state == ContainerState("waiting", reason="Unschedulable", message="0/3")


def test_an_init_container_that_fails() -> None:
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    found = read(pod(status={"initContainerStatuses": [{"name": "storage-initializer", "state": waiting}]}))
    assert any("storage-initializer waits, with CrashLoopBackOff" in problem for problem in found.problems)


# -- KServe, the operator ------------------------------------------------------------------------------


def service(**predictor: Any) -> dict[str, Any]:
    return {"kind": "InferenceService", "metadata": {"name": "m"}, "spec": {"predictor": predictor}}


def test_a_claim_as_storage() -> None:
    found = read_kubernetes(
        saved("serving_runtime.yaml")
        + "---\n"
        + json.dumps(service(model={"modelFormat": {"name": "openvino"}, "storageUri": "pvc://c/a/b"})),
        source_name="x",
    )
    assert found.mounts == (ContainerMount("/mnt/models", "claim", None, True, "c", sub_path="a/b"),)
    assert found.arguments is not None
    assert found.arguments[0] == "--model_name=m"
    assert any("another" in problem for problem in found.problems)


def test_a_runtime_that_is_not_in_the_file() -> None:
    found = read(service(model={"runtime": "kserve-ovms", "storageUri": "hf://a/b"}))
    assert found.arguments is None
    assert "kserve-ovms" in found.arguments_unavailable
    assert found.siblings == ("storage-initializer",)


def test_a_predictor_with_its_own_container() -> None:
    container = {
        "name": "c",
        "image": IMAGE,
        "args": ["--port=1"],
        "env": [{"name": "STORAGE_URI", "value": "s3://b"}],
    }
    found = read(service(containers=[container]))
    assert found.arguments == ("--port=1",)
    assert [mount.server for mount in found.mounts] == ["/mnt/models"]


def test_kserve_adds_no_second_storage_initializer() -> None:
    container = {"name": "kserve-container", "image": IMAGE, "args": ["--port=1"]}
    container["env"] = [{"name": "STORAGE_URI", "value": "s3://b"}]
    own = {"name": "storage-initializer", "image": "kserve/storage-initializer"}
    found = read(service(containers=[container], initContainers=[own]))
    assert found.mounts == ()
    assert not any("copies" in problem for problem in found.problems)


@pytest.mark.parametrize(
    ("value", "directory"), [("1", "/mnt/models/1"), ("07", "/mnt/models/7"), ("0", ""), ("v", "")]
)
def test_a_copy_that_is_moved_into_a_version(value: str, directory: str) -> None:
    document = service(model={"runtime": "r", "storageUri": "s3://b"})
    document["metadata"]["annotations"] = {"storage.kserve.io/ovms-auto-versioning": value}
    found = read(document, runtime())
    moved = [problem for problem in found.problems if "unless that directory exists" in problem]
    assert len(moved) == bool(directory)
    assert directory in "".join(moved)


def runtime(name: str = "kserve-container", **spec: Any) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": name,
        "image": "r:5000/openvino/model_server:latest",
        "args": ["--model_name={{.Name}}"],
    }
    container["env"] = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    return {"kind": "ServingRuntime", "metadata": {"name": "r"}, "spec": {"containers": [container], **spec}}


def test_inference_service_overrides_the_runtime() -> None:
    model = {
        "runtime": "r",
        "runtimeVersion": "2025.4",
        "args": ["--x=$(B)$(C)"],
        "env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}],
        "storageUri": "oci://registry/model",
    }
    found = read(service(model=model), runtime())
    assert found.image == "r:5000/openvino/model_server:2025.4"
    assert found.arguments == ("--model_name=m", "--x=34")
    assert found.environment_names == ("A", "B", "C")
    assert found.siblings == ("modelcar",)


def test_a_runtime_without_kserves_container() -> None:
    found = read(service(model={"runtime": "r"}), runtime("other"))
    assert any("no container kserve-container" in problem for problem in found.problems)


def test_a_runtime_for_many_models_has_model_meshs_directory() -> None:
    made = runtime("ovms", multiModel=True, builtInAdapter={"serverType": "ovms"})
    found = read(made)
    assert found.mounts == (ContainerMount("/models", "volume", name="models-dir", options=("emptyDir",)),)
    assert found.ports == ()
    assert found.siblings == ("ovms-adapter", "mm")
    assert any("ModelMesh runs ServingRuntime/r" in problem for problem in found.problems)
    own = {"name": "own", "mountPath": "/models/"}
    made["spec"]["containers"][0]["volumeMounts"] = [own]
    made["spec"]["volumes"] = [{"name": "own", "hostPath": {"path": "/srv"}}]
    assert [mount.host for mount in read(made).mounts] == ["/srv"]


def test_a_template_of_openshift() -> None:
    found = read_kubernetes(saved("openshift_template.yaml"), source_name="t.yaml")
    assert found.image == "openvino/model_server:2025.4"
    assert found.arguments == ("--model_name", "resnet", "--model_path", "/models/${KEEP}", "--port", "9000")
    assert found.limits.memory == 2 << 30
    assert found.ports == (PublishedPort(9000, 9000, "resnet-ovms"),)
    assert found.read_only_root
    assert found.problems == ()


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        ({"value": "9000"}, ("--port=9000",)),
        ({"value": 9000}, ("--port=9000",)),
        ({}, None),
        ({"value": "", "required": True}, None),
        ({"value": ""}, ("--port=",)),
        ({"generate": "expression", "from": "[0-9]{4}"}, None),
    ],
)
def test_parameters_of_a_template(parameter: dict[str, Any], expected: tuple[str, ...] | None) -> None:
    template = {
        "kind": "Template",
        "parameters": [{"name": "PORT", **parameter}],
        "objects": [pod("--port=${PORT}")],
    }
    found = read(template)
    assert found.arguments == expected
    assert ("{{PORT}} is a parameter without a value" in found.arguments_unavailable) is (expected is None)


@pytest.mark.parametrize(
    ("value", "is_kept"),
    [({"value": "m"}, True), ({"required": True}, False), ({"generate": "expression"}, False)],
)
def test_a_config_map_with_a_parameter(value: dict[str, Any], is_kept: bool) -> None:
    """Without the parameter's value, the content of the file is not known."""
    made = pod("--config_path=/cfg/c.json", "--port=1")
    made["spec"]["containers"][0]["volumeMounts"] = [{"name": "c", "mountPath": "/cfg"}]
    made["spec"]["volumes"] = [{"name": "c", "configMap": {"name": "c"}}]
    data = {"c.json": '{"name": "${MODEL}"}', "other": "text"}
    source = {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}
    found = read({"kind": "Template", "parameters": [{"name": "MODEL", **value}], "objects": [source, made]})
    files = {file.server: file for file in found.files}
    assert files["/cfg/other"].content == "text"
    assert files["/cfg/c.json"].content == ('{"name": "m"}' if is_kept else None)
    assert ("has no value" in files["/cfg/c.json"].unavailable) is not is_kept


def test_texts_like_parameters_outside_a_template_stay() -> None:
    assert read(pod("--model_name=${NAME}")).arguments == ("--model_name=${NAME}",)


def test_the_old_form_of_a_predictor() -> None:
    found = read(service(openvino={"storageUri": "s3://b/m", "runtimeVersion": "2022.1"}))
    assert found.arguments is None


def test_the_operators_resource_does_not_contain_the_arguments() -> None:
    found = read({"kind": "ModelServer", "metadata": {"name": "o"}, "spec": {"image_name": IMAGE}})
    assert found.image == IMAGE
    assert found.arguments is None
    assert "operator" in found.arguments_unavailable


# -- what is refused -----------------------------------------------------------------------------------

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(9)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} {{<<: [{','.join(['*' + chr(97 + n)] * 10)}]}}\n" for n in range(9)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no object in it has a kind"),
        ("just words", "no object in it has a kind"),
        ("{}", "no object in it has a kind"),
        ("kind: ConfigMap\n", "describes no pod, only ConfigMap"),
        ("kind: Pod\n\tspec: 1\n", "line 2: a tab"),
        ("kind: Pod\nspec: [\n", "is not YAML (line 3"),
        ("kind: Pod\nkind: Job\n", 'has the key "kind" twice (line 2)'),
        ('{"kind": "Pod", "kind": "Pod"}', 'has the key "kind" twice'),
        ('{"kind": "Pod", "spec": ', "is not YAML (line 1"),
        ("kind: Pod\nx: \x01\n", "is not YAML (line 2"),
        ("a: !!python/object/apply:os.system [id]\n", "which is not known (line 1)"),
        ("a: &a [*a]\n", "alias of a value that contains it (line 1)"),
        (BOMB, "far too large after its aliases are expanded"),
        (MERGES, "far too large after its aliases are expanded"),
        ("[" * 5000, "nested too deeply"),
        ('{"a":' * 500 + "1" + "}" * 500, "nested"),
        ("#" * ((4 << 20) + 1), "longer than 4 MiB"),
        ("é" * ((2 << 20) + 1), "longer than 4 MiB"),
        (
            "kind: Pod\nspec:\n  x: {{ .Values.x }}\n",
            "is a template (line 3): render it first, with helm template",
        ),
        ("kind: Pod\n{{- if .Values.x }}\nspec: 1\n{{- end }}\n", "is a template (line 2)"),
        ('kind: Pod\nspec:\n  containers: [{image: "ovms:{{ .Values.tag }}"}]\n', "is a template"),
        ('a: "{{ include \\"x\\" . }}"\n', "is a template"),
    ],
    ids=lambda item: repr(item[:24]),
)
def test_refusals(text: str, message: str) -> None:
    assert message in refused(text)


def test_dates_and_numbers_are_as_kubernetes_reads_them() -> None:
    text = """
kind: Pod
metadata: {name: p, creationTimestamp: 2026-11-22T10:00:00Z}
spec:
  containers:
    - name: c
      image: openvino/model_server
      args: [--batch_size, 1:30, --x, 2026-11-22]
      securityContext: {privileged: yes}
"""
    found = read_kubernetes(text, source_name="x")
    assert found.privileged
    assert found.arguments == ("--batch_size", "1:30", "--x", "2026-11-22")
    assert found.problems == ()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
SERVER_KEYS = (
    "name image command args env envFrom ports volumeMounts resources securityContext startupProbe "
    "readinessProbe livenessProbe workingDir"
)
POD_KEYS = "volumes initContainers securityContext restartPolicy hostNetwork resources"
STATUS_KEYS = "phase reason message containerStatuses initContainerStatuses conditions"


def some(keys: str) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from(sorted({*keys.split(), *NAMES}))
    nested = st.recursive(
        VALUES,
        lambda inner: st.dictionaries(names, inner, max_size=4) | st.lists(inner, max_size=2),
        max_leaves=6,
    )
    return st.dictionaries(st.sampled_from(keys.split()), nested, max_size=6)


NAMES = (
    "name value valueFrom secretKeyRef configMapRef key mountPath subPath subPathExpr limits requests memory cpu "
    "httpGet tcpSocket port path hostPath emptyDir medium sizeLimit configMap secret items state waiting "
    "terminated exitCode lastState containerID capabilities drop runAsUser containerPort hostPort"
).split()


def read_or_refused(text: str) -> Container | str:
    try:
        return read_kubernetes(text, source_name="x")
    except DocumentError as error:
        return str(error)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    assert read_or_refused(text)


@given(VALUES)
def test_any_json_is_read_or_refused(value: Any) -> None:
    assert read_or_refused(json.dumps(value))


@given(some(SERVER_KEYS), some(POD_KEYS), some(STATUS_KEYS), st.sampled_from(["Pod", "InferenceService"]))
def test_any_pod_yields_a_container_or_is_refused_by_kubernetes(
    server: dict[str, Any], spec: dict[str, Any], status: dict[str, Any], kind: str
) -> None:
    whole = {**spec, "containers": [{**server, "name": "ovms", "image": IMAGE}]}
    document = {"kind": kind, "spec": {"predictor": whole, **whole}, "status": status}
    found = read_or_refused(json.dumps(document))
    assert found.startswith("Kubernetes would refuse x: ") if isinstance(found, str) else found.name == "ovms"


@given(st.text(alphabet="abcdefgh", min_size=12, max_size=20))
def test_no_value_of_a_variable_is_reported(value: str) -> None:
    names = ("API_KEY", "HF_TOKEN", "GRPC_SERVERS", "OTHER", "AWS_SECRET_ACCESS_KEY")
    environment = [{"name": name, "value": value} for name in names]
    environment.append({"name": "http_proxy", "value": f"http://user:{value}@proxy:3128"})
    document = pod("--port=1", "--model_name=$(API_KEY)", env=environment)
    assert value not in repr(read(document, {"kind": "Secret", "data": {"x": value}}))


# -- config maps and secrets of the same document ------------------------------------------------------

CONFIG = {"kind": "ConfigMap", "metadata": {"name": "conf"}, "data": {"config.json": "{}", "extra": "é"}}
KEYS = {
    "kind": "Secret",
    "metadata": {"name": "keys"},
    "data": {"api": "Y2FuYXJ5"},
    "stringData": {"b": SECRET},
}


def mounted(volume: dict[str, Any], **mount: Any) -> Container:
    entry = {"name": "v", "mountPath": "/config", **mount}
    made = pod("--port=1", volumeMounts=[entry], pod_spec={"volumes": [{"name": "v", **volume}]})
    return read(CONFIG, KEYS, made)


@pytest.mark.parametrize(
    ("volume", "mount", "expected"),
    [
        (
            {"configMap": {"name": "conf"}},
            {},
            {"/config": None, "/config/config.json": "{}", "/config/extra": "é"},
        ),
        (
            {"configMap": {"name": "conf", "items": [{"key": "config.json", "path": "a/c.json"}]}},
            {"mountPath": "/config/"},
            {"/config": None, "/config/a": None, "/config/a/c.json": "{}"},
        ),
        (
            {"configMap": {"name": "conf"}},
            {"mountPath": "/c.json", "subPath": "config.json"},
            {"/c.json": "{}"},
        ),
        ({"secret": {"secretName": "keys"}}, {}, {"/config": None, "/config/api": None, "/config/b": None}),
        (
            {"projected": {"sources": [{"configMap": {"name": "conf"}}, {"secret": {"name": "keys"}}]}},
            {},
            {
                "/config": None,
                "/config/config.json": "{}",
                "/config/extra": "é",
                "/config/api": None,
                "/config/b": None,
            },
        ),
        (
            {
                "projected": {
                    "sources": [
                        {"configMap": {"name": "conf", "items": [{"key": "extra", "path": "e"}]}},
                        {"serviceAccountToken": {"path": "token"}},
                        {"downwardAPI": {"items": [{"path": "labels"}]}},
                    ]
                }
            },
            {},
            {"/config": None, "/config/e": "é", "/config/token": None, "/config/labels": None},
        ),
        (
            {"projected": {"sources": [{"configMap": {"name": "conf"}}, {"secret": {"name": "other"}}]}},
            {},
            {},
        ),
        ({"configMap": {"name": "elsewhere"}}, {}, {}),
        ({"emptyDir": {}}, {}, {}),
    ],
)
def test_files_of_config_maps(
    volume: dict[str, Any], mount: dict[str, Any], expected: dict[str, str | None]
) -> None:
    found = mounted(volume, **mount)
    assert {file.server: file.content for file in found.files} == expected
    assert found.problems == ()
    assert SECRET not in repr(found)


@pytest.mark.parametrize("part", ["data", "stringData"])
def test_the_servers_configuration_in_a_secret_is_read(part: str) -> None:
    text = '{"model_config_list": [{"config": {"name": "m"}}]}'
    value = base64.b64encode(text.encode()).decode() if part == "data" else text
    secret = {"kind": "Secret", "metadata": {"name": "s"}, part: {"config.json": value, "key": SECRET}}
    made = pod(
        "--port=1",
        volumeMounts=[{"name": "v", "mountPath": "/config"}],
        pod_spec={"volumes": [{"name": "v", "secret": {"secretName": "s"}}]},
    )
    found = read(secret, made)
    assert {file.server: file.content for file in found.files} == {
        "/config": None,
        "/config/config.json": text,
        "/config/key": None,
    }
    assert SECRET not in repr(found)


def test_a_key_that_a_projected_config_map_does_not_have() -> None:
    items = [{"key": "cfg.json", "path": "c.json"}]
    found = mounted({"projected": {"sources": [{"configMap": {"name": "conf", "items": items}}]}})
    assert [mount.missing_key for mount in found.mounts] == ["cfg.json"]


def test_sizes_of_a_documents_files() -> None:
    assert [file.size for file in mounted({"configMap": {"name": "conf"}}).files] == [0, 2, 2]
    assert [file.size for file in mounted({"secret": {"secretName": "keys"}}).files] == [0, 6, len(SECRET)]


def test_keys_that_a_config_map_does_not_have() -> None:
    found = mounted({"configMap": {"name": "conf"}}, mountPath="/c.json", subPath="cfg.json")
    assert [(file.server, file.directory) for file in found.files] == [("/c.json", True)]
    assert found.problems == (
        "/c.json is mounted from the file cfg.json of the config map conf, which does not have this key: "
        "Kubernetes mounts an empty directory.",
    )
    items = [{"key": "cfg.json", "path": "c.json"}]
    found = mounted({"configMap": {"name": "conf", "items": items}})
    assert found.problems == ()
    assert [mount.missing_key for mount in found.mounts] == ["cfg.json"]
    found = mounted({"configMap": {"name": "conf", "items": items, "optional": True}})
    assert [mount.missing_key for mount in found.mounts] == [""]
    # Nothing is known about an object that is not in the document.
    found = mounted({"configMap": {"name": "other", "items": items}})
    assert [mount.missing_key for mount in found.mounts] == [""]


@pytest.mark.parametrize(
    ("sysctls", "expected"),
    [
        ([{"name": "net.ipv4.ip_unprivileged_port_start", "value": "1024"}], 1024),
        ([{"name": "net.core.somaxconn", "value": "1"}], None),
        ([], None),
    ],
)
def test_the_first_port_that_needs_no_capability(sysctls: list[dict[str, str]], expected: int | None) -> None:
    assert read(pod(pod_spec={"securityContext": {"sysctls": sysctls}})).first_open_port == expected
