"""A configuration file that does not exist while a similar one does: the finding names the path of the other file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.helpers import good_model
from tests.cli.run import Result, ovms_doctor

IMAGE = "openvino/model_server:2026.3"
CONFIG = json.dumps({"model_config_list": [{"config": {"name": "m", "base_path": "/models/m"}}]})


def missing(result: Result) -> dict[str, Any]:
    (finding,) = [item for item in result.document["findings"] if item["code"] == "OVD405"]
    assert result.document["server"]["exit_code"] == 1
    return dict(finding)


def steps(finding: dict[str, Any]) -> list[str]:
    return [step["text"] for step in finding["remedy"]["steps"]]


def check(top: Path, path: str) -> Result:
    arguments = (
        "check",
        "--format",
        "json",
        "--mount",
        f"{top}:/models",
        "--",
        "--config_path",
        path,
        "--port",
        "9000",
    )
    return ovms_doctor(*arguments)


@pytest.fixture
def top(public_dir: Path) -> Path:
    good_model(public_dir / "m" / "1")
    (public_dir / "config.json").write_text(CONFIG)
    return public_dir


@pytest.mark.parametrize(
    "path",
    [
        "/models/Config.json",
        "/models/confg.json",
        "/models/configs.json",
        "/models/ovms-configuration.json",
        "/srv/models/config.json",
        "/model/config.json",
        "/Models/config.json",
    ],
)
def test_the_file_that_exists_is_named_and_serves(path: str, top: Path) -> None:
    finding = missing(check(top, path))
    assert "Give the server --config_path /models/config.json" in [*steps(finding)] or (
        "Did you mean /models/config.json?" in finding["detail"]
    )
    assert check(top, "/models/config.json").document["findings"] == []


@pytest.mark.parametrize("others", [["a.json", "b.json"], ["notes.txt"], []])
def test_nothing_is_suggested_for_several_or_no_candidates(others: list[str], public_dir: Path) -> None:
    for name in others:
        (public_dir / name).write_text("{}")
    finding = missing(check(public_dir, "/models/server.json"))
    assert "Did you mean" not in finding["detail"]


# -- keys of config maps ---------------------------------------------------------------------------------


def pod(
    top: Path, kind: str, keys: list[str], mount: dict[str, Any], volume: dict[str, Any] | None = None
) -> Result:
    data = dict.fromkeys(keys, CONFIG)
    source = {"kind": kind, "apiVersion": "v1", "metadata": {"name": "cfg"}}
    source["stringData" if kind == "Secret" else "data"] = data  # type: ignore[assignment]
    named = {"configMap": {"name": "cfg"}} if kind == "ConfigMap" else {"secret": {"secretName": "cfg"}}
    container = {
        "name": "ovms",
        "image": IMAGE,
        "args": ["--config_path", "/cfg/config.json", "--port", "9000"],
        "volumeMounts": [{"name": "cfg", **mount}],
    }
    spec = {"containers": [container], "volumes": [{"name": "cfg", **(volume or named)}]}
    workload = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
    (top / "pod.json").write_text(
        json.dumps({"kind": "List", "apiVersion": "v1", "items": [source, workload]})
    )
    return ovms_doctor("check", "--format", "json", "--kubernetes", top / "pod.json")


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_the_key_that_is_mounted_is_named(kind: str, public_dir: Path) -> None:
    finding = missing(pod(public_dir, kind, ["ovms.json"], {"mountPath": "/cfg"}))
    assert steps(finding) == ["Give the server --config_path /cfg/ovms.json"]


def test_an_existing_key_is_read(public_dir: Path) -> None:
    result = pod(public_dir, "ConfigMap", ["config.json"], {"mountPath": "/cfg"})
    assert "OVD405" not in [item["code"] for item in result.document["findings"]]
    assert result.document["models"][0]["name"] == "m"


def test_a_missing_key_mounted_as_a_file(public_dir: Path) -> None:
    """Kubernetes mounts an empty directory; nothing on this host needs to be removed."""
    mount = {"mountPath": "/cfg/config.json", "subPath": "config.json"}
    result = pod(public_dir, "ConfigMap", ["ovms.json"], mount)
    (finding,) = [item for item in result.document["findings"] if item["code"] == "OVD403"]
    assert "rmdir" not in json.dumps(finding)
    assert "key" in " ".join(steps(finding))


def test_a_violation_inside_a_config_map(public_dir: Path) -> None:
    text = CONFIG.replace('"name"', '"nmae"')
    source = {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": "cfg"},
        "data": {"config.json": text},
    }
    container = {
        "name": "ovms",
        "image": IMAGE,
        "args": ["--config_path", "/cfg/config.json", "--port", "9000"],
        "volumeMounts": [{"name": "cfg", "mountPath": "/cfg"}],
    }
    spec = {"containers": [container], "volumes": [{"name": "cfg", "configMap": {"name": "cfg"}}]}
    workload = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
    (public_dir / "pod.json").write_text(
        json.dumps({"kind": "List", "apiVersion": "v1", "items": [source, workload]})
    )
    result = ovms_doctor("check", "--format", "json", "--kubernetes", public_dir / "pod.json")
    (finding,) = [item for item in result.document["findings"] if item["code"] == "OVD404"]
    assert (result.code, finding["subject"]["line"]) == (1, 1) or "nmae" in finding["message"]
