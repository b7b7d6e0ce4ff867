"""Healthy containers of a healthy repository, as users write them: no finding. Where the files cannot be read
from here, only that is reported, and nothing about the server.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import Result, ovms_doctor
from tests.container.diagnosed import repository
from tests.container.documents import IMAGE, SINGLE, docker_document

CONFIG = ["--config_path", "/models/config.json", "--port", "9000", "--rest_port", "8000"]
#: Text that is written to a file with this name, which is then passed; else the arguments are passed directly.
Source = tuple[str, str]


def with_config(models: Path) -> None:
    entry = {"config": {"name": "dense", "base_path": "/models/dense"}}
    (models / "config.json").write_text(json.dumps({"model_config_list": [entry]}))


# -- run lines -------------------------------------------------------------------------------------------


def run_line(models: Path) -> Source:
    arguments = " ".join(SINGLE)
    return "--docker-run", (
        f"docker run -d --rm -p 9000:9000 -p 8000:8000 -v {models}:/models {IMAGE} {arguments}"
    )


def run_line_careful(models: Path) -> Source:
    """User, read-only mount and root, memory for temporary files, no capabilities; over several lines."""
    return "--docker-run", (
        f"sudo docker run -it --name ovms -u $(id -u):$(id -g) --read-only --tmpfs /tmp --cap-drop ALL \\\n"
        f"  --security-opt no-new-privileges --restart unless-stopped -m 4g --cpus 2 \\\n"
        f"  -v '{models}:/models:ro' -p 9000:9000 -p 8000:8000 {IMAGE} \\\n  {' '.join(SINGLE)}"
    )


def run_line_mount_and_config(models: Path) -> Source:
    with_config(models)
    return "--docker-run", (
        f"docker run -d --network host --mount type=bind,source={models},target=/models,readonly "
        f"--user 5000:5000 --env 'TZ=Europe/Riga' {IMAGE} {' '.join(CONFIG)}"
    )


def run_line_shell(models: Path) -> Source:
    return "--docker-run", (
        f"docker run -d --entrypoint /bin/sh -v {models}:/models:ro -p 9000:9000 -p 8000:8000 {IMAGE} "
        f"-c 'exec /ovms/bin/ovms {' '.join(SINGLE)}'"
    )


# -- compose ---------------------------------------------------------------------------------------------


def compose(service: str) -> Source:
    return "--compose", f"services:\n  ovms:\n    image: {IMAGE}\n{service}"


def compose_short(models: Path) -> Source:
    return compose(
        f"""\
    command: {" ".join(SINGLE)}
    user: "5000:5000"
    restart: unless-stopped
    ports: ["9000:9000", "8000:8000"]
    volumes: ["{models}:/models:ro"]
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:8000/v2/health/ready"]
      interval: 10s
      retries: 5
"""
    )


def compose_long(models: Path) -> Source:
    with_config(models)
    return compose(
        f"""\
    command:
      - --config_path=/models/config.json
      - --port=9000
      - --rest_port=${{REST:-8000}}
    read_only: true
    tmpfs: [/tmp]
    cap_drop: [ALL]
    deploy:
      resources:
        limits: {{memory: 2g, cpus: "1.5"}}
    ports:
      - {{target: 9000, published: "9000"}}
      - {{target: 8000, published: "8000"}}
    volumes:
      - {{type: bind, source: {models}, target: /models, read_only: true}}
"""
    )


def compose_relative(models: Path) -> Source:
    """The file is beside the models."""
    return compose(f"    command: {json.dumps(SINGLE)}\n    volumes: ['./models:/models:z']\n")


def compose_host_network(models: Path) -> Source:
    return compose(
        f"    network_mode: host\n    command: {json.dumps(SINGLE)}\n    volumes: ['{models}:/models']\n"
    )


# -- documents -------------------------------------------------------------------------------------------


def inspect_running(models: Path) -> Source:
    return "--inspect", json.dumps([docker_document(models)])


def inspect_with_health_check(models: Path) -> Source:
    document = docker_document(models)
    document["State"]["Health"] = {"Status": "healthy", "FailingStreak": 0, "Log": []}
    document["Config"]["Healthcheck"] = {
        "Test": ["CMD-SHELL", "curl -f http://localhost:8000/v2/health/ready || exit 1"],
        "Interval": 10_000_000_000,
    }
    return "--inspect", json.dumps([document])


def inspect_created(models: Path) -> Source:
    document = docker_document(models)
    document["State"].update(Status="created", Running=False, Pid=0, StartedAt="0001-01-01T00:00:00Z")
    return "--inspect", json.dumps([document])


def inspect_rootless_podman(models: Path) -> Source:
    """Its ids differ on the host, and how is not known; files that every user can read are read."""
    document = docker_document(models, Name="ovms", ImageName=f"docker.io/{IMAGE}", EffectiveCaps=None)
    document["OCIConfigPath"] = (
        "/home/u/.local/share/containers/storage/overlay-containers/x/userdata/config.json"
    )
    document["GraphDriver"]["Data"] = {"UpperDir": "/home/u/.local/share/containers/storage/overlay/x/diff"}
    document["Mounts"][0].update(Options=["rbind"], Driver="", Mode="")
    document["Config"]["Entrypoint"] = "/ovms/bin/ovms"
    return "--inspect", json.dumps([document])


# -- Kubernetes ------------------------------------------------------------------------------------------

PROBE = {"httpGet": {"path": "/v2/health/ready", "port": 8000}, "periodSeconds": 5}


def server(**more: Any) -> dict[str, Any]:
    return {
        "name": "ovms",
        "image": IMAGE,
        "args": SINGLE,
        "ports": [{"containerPort": 9000}, {"containerPort": 8000}],
        "resources": {"limits": {"memory": "2Gi", "cpu": "2"}, "requests": {"memory": "2Gi"}},
        "volumeMounts": [{"name": "models", "mountPath": "/models", "readOnly": True}],
        "startupProbe": {**PROBE, "failureThreshold": 60},
        "readinessProbe": PROBE,
        "livenessProbe": {"httpGet": {"path": "/v2/health/live", "port": 8000}},
        **more,
    }


def volume(models: Path) -> dict[str, Any]:
    return {"name": "models", "hostPath": {"path": str(models), "type": "Directory"}}


def deployment(models: Path) -> Source:
    """The output of the server's Helm chart."""
    security = {"runAsUser": 5000, "runAsGroup": 5000, "fsGroup": 5000}
    pod = {"securityContext": security, "containers": [server()], "volumes": [volume(models)]}
    document = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "ovms", "labels": {"heritage": "Helm", "chart": "ovms-3.0.0"}},
        "spec": {"replicas": 1, "template": {"metadata": {"labels": {"app": "ovms"}}, "spec": pod}},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "ovms"},
        "spec": {"selector": {"app": "ovms"}, "ports": [{"name": "grpc", "port": 9000}]},
    }
    return "--kubernetes", json.dumps(service) + "\n---\n" + json.dumps(document)


def pod_running(models: Path) -> Source:
    """``kubectl get pod -o json``; the pod was started once."""
    status = {
        "phase": "Running",
        "containerStatuses": [
            {
                "name": "ovms",
                "ready": True,
                "restartCount": 0,
                "containerID": f"containerd://{'b' * 64}",
                "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
                "lastState": {},
            }
        ],
    }
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "ovms-1", "uid": "u"},
        "spec": {"containers": [server()], "volumes": [volume(models)], "restartPolicy": "Always"},
        "status": status,
    }
    return "--kubernetes", json.dumps(document)


def inference_service(models: Path, uri: str = "") -> str:
    arguments = [
        "--model_name={{.Name}}",
        "--model_path=/mnt/models/dense",
        "--port=9000",
        "--rest_port=8000",
    ]
    container = server(name="kserve-container", args=arguments, volumeMounts=[])
    runtime = {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": {"name": "ovms"},
        "spec": {
            "supportedModelFormats": [{"name": "openvino", "autoSelect": True}],
            "containers": [container],
        },
    }
    model: dict[str, Any] = {"modelFormat": {"name": "openvino"}, "runtime": "ovms"}
    predictor: dict[str, Any] = {"model": model}
    if uri:
        model["storageUri"] = uri
    else:
        model["volumeMounts"] = [{"name": "models", "mountPath": "/mnt/models", "readOnly": True}]
        predictor["volumes"] = [volume(models)]
    service = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "dense"},
        "spec": {"predictor": predictor},
    }
    return json.dumps(runtime) + "\n---\n" + json.dumps(service)


def kserve_host_path(models: Path) -> Source:
    return "--kubernetes", inference_service(models)


HEALTHY = [
    run_line, run_line_careful, run_line_mount_and_config, run_line_shell,
    compose_short, compose_long, compose_relative, compose_host_network,
    inspect_running, inspect_with_health_check, inspect_created, inspect_rootless_podman,
    deployment, pod_running, kserve_host_path,
]  # fmt: skip


def check(source: Source, directory: Path, *more: str) -> Result:
    option, value = source
    if option != "--docker-run":
        path = directory / "document"
        path.write_text(value)
        value = str(path)
    return ovms_doctor("check", option, value, "--format", "json", *more)


@pytest.mark.parametrize("make", HEALTHY, ids=lambda make: make.__name__)
@pytest.mark.sample(every=3)
def test_healthy_deployments_have_no_findings(public_dir: Path, make: Callable[[Path], Source]) -> None:
    models = repository(public_dir)
    result = check(make(models), public_dir)
    document = result.document
    assert document["findings"] == []
    # There is no request, no log and no running server; the ports of this host are checked only where they matter.
    statuses = {item["name"]: item["status"] for item in document["checks"]}
    assert statuses.pop("host") in ("ran", "not_applicable")
    assert {name: status for name, status in statuses.items() if status != "ran"} == dict.fromkeys(
        ("live", "logs", "requests"), "not_applicable"
    )
    assert document["server"]["outcome"] == "serves"
    assert [
        (model["name"], [(version["version"], version["state"]) for version in model["versions"]])
        for model in document["models"]
    ] == [("dense", [(1, "AVAILABLE")])]
    assert (result.code, result.err) == (0, b"")


def kserve_storage(models: Path) -> Source:
    return "--kubernetes", inference_service(models, uri="s3://bucket/models")


def claim(models: Path) -> Source:
    document = json.loads(pod_running(models)[1])
    document["spec"]["volumes"] = [{"name": "models", "persistentVolumeClaim": {"claimName": "models"}}]
    return "--kubernetes", json.dumps(document)


def elsewhere(models: Path) -> Source:
    return "--inspect", json.dumps([docker_document(Path("/srv/not/on/this/host"))])


def named_volume(models: Path) -> Source:
    return compose(
        f"    command: {json.dumps(SINGLE)}\n    volumes: ['weights:/models']\nvolumes: {{weights: {{}}}}\n"
    )


def in_image(models: Path) -> Source:
    return "--docker-run", f"docker run -d registry.example/mine:1 {' '.join(SINGLE)}"


NOT_READABLE = [kserve_storage, claim, elsewhere, named_volume, in_image]


@pytest.mark.parametrize("make", NOT_READABLE, ids=lambda make: make.__name__)
def test_unreadable_deployments_are_not_judged(public_dir: Path, make: Callable[[Path], Source]) -> None:
    result = check(make(repository(public_dir)), public_dir)
    document = result.document
    assert {item["code"] for item in document["findings"]} == {"OVD903"}
    assert "could_not_look" in {item["status"] for item in document["checks"]}
    assert document["server"]["outcome"] == "unknown"
    assert result.code == 3


@pytest.mark.parametrize("make", [kserve_storage, claim, elsewhere], ids=lambda make: make.__name__)
def test_mount_locates_the_files(public_dir: Path, make: Callable[[Path], Source]) -> None:
    models = repository(public_dir)
    inside = "/mnt/models" if make is kserve_storage else "/models"
    result = check(make(models), public_dir, "--mount", f"{models}:{inside}:ro")
    assert result.document["findings"] == []
    assert result.code == 0
