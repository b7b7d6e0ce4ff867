"""The manifests: valid by the schemas of Kubernetes, with the least rights; the init container matches its server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.delivery.paths import ROOT

DIRECTORY = ROOT / "deploy" / "kubernetes"
FILES = sorted(file for file in DIRECTORY.glob("*/*.yaml") if file.name != "kustomization.yaml")
RELEASES = ("1.33", "1.34", "1.35", "1.36", "1.37")


def load(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return document


def pod_of(document: dict[str, Any]) -> dict[str, Any]:
    """The pod's specification in a workload, or in the predictor of an InferenceService."""
    spec = document["spec"]
    if "predictor" in spec:
        predictor: dict[str, Any] = spec["predictor"]
        return predictor
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    pod: dict[str, Any] = spec["template"]["spec"]
    return pod


def containers_of(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from pod.get("initContainers", ())
    yield from pod["containers"]


def test_each_file_is_in_its_kustomization() -> None:
    assert FILES
    for directory in {file.parent for file in FILES}:
        listed = load(directory / "kustomization.yaml")["resources"]
        assert sorted(listed) == [file.name for file in FILES if file.parent == directory]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.sample(every=3)
def test_valid_by_the_schema(file: Path, release: str) -> None:
    document = load(file)
    if document["kind"] == "InferenceService":
        # There is no schema for KServe; the predictor without KServe's own fields is a pod.
        document = {**document, "apiVersion": "v1", "kind": "Pod", "spec": document["spec"]["predictor"]}
    kubernetes_validate.validate(document, release, strict=True)
    # The schema refuses a wrong manifest.
    (pod_of(document) if document["kind"] != "Pod" else document["spec"])["securityContexts"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, release, strict=True)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_least_rights(file: Path) -> None:
    """The policy "restricted", a read-only root, and no access to the cluster's API."""
    pod = pod_of(load(file))
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"} & set(pod)
    context = pod["securityContext"]
    assert (context["runAsNonRoot"], context["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
    assert not any("secret" in volume for volume in pod["volumes"])
    for container in containers_of(pod):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", ["preflight/server.yaml", "kserve/service.yaml"])
def test_the_init_container_is_as_the_server(name: str) -> None:
    pod = pod_of(load(DIRECTORY / name))
    preflight, (server,) = pod["initContainers"][-1], pod["containers"]
    for key in ("env", "volumeMounts", "securityContext", "resources"):
        assert preflight.get(key) == server.get(key)
    arguments = preflight["args"]
    assert arguments[arguments.index("--") + 1 :] == server["args"]


def test_kserve_fetches_the_model_before_the_check_and_adds_nothing() -> None:
    pod = pod_of(load(DIRECTORY / "kserve" / "service.yaml"))
    assert [item["name"] for item in pod["initContainers"]] == ["storage-initializer", "preflight"]
    assert "model" not in pod
    assert not any(entry["name"] == "STORAGE_URI" for entry in pod["containers"][0].get("env", ()))
    (fetched,) = [
        item for item in pod["initContainers"][0]["volumeMounts"] if item["mountPath"] == "/mnt/models"
    ]
    assert fetched["name"] in {item["name"] for item in pod["containers"][0]["volumeMounts"]}


def test_each_part_has_a_pod() -> None:
    job = load(DIRECTORY / "split" / "check.yaml")["spec"]
    (container,) = job["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "PARTS", "value": str(job["completions"])}]
    assert job["completionMode"] == "Indexed"


@pytest.mark.parametrize("name", sorted({file.parent.name for file in FILES}))
def test_kustomize_builds_the_same(name: str) -> None:
    try:
        completed = subprocess.run(
            ["kubectl", "kustomize", DIRECTORY / name], capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("the program kubectl is missing")
    assert completed.returncode == 0, completed.stderr.decode()
    built = {document["metadata"]["name"]: document for document in yaml.safe_load_all(completed.stdout)}
    written = [load(file) for file in FILES if file.parent.name == name]
    assert built == {document["metadata"]["name"]: document for document in written}
