"""The commands of the Kubernetes manifests, run by a real engine with the pod's user, mounts and read-only root."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.helpers import good_model
from tests.container.own_image import ROOT, Ended, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs_root,
    pytest.mark.needs_command("docker", "dockerd", "ldd"),
    pytest.mark.usefixtures("own_engine"),
]

#: The maximum length of a termination message in bytes; the kubelet reads the end of the file.
TERMINATION = 4096


def pod_of(name: str) -> dict[str, Any]:
    """The pod's specification in a manifest below deploy/kubernetes."""
    spec = yaml.safe_load((ROOT / "deploy" / "kubernetes" / name).read_text("utf-8"))["spec"]
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    pod: dict[str, Any] = spec["predictor"] if "predictor" in spec else spec["template"]["spec"]
    return pod


def run_container(
    pod: dict[str, Any],
    container: dict[str, Any],
    volumes: dict[str, Path],
    node: str = "node-1",
    index: int | None = None,
) -> tuple[Ended, str]:
    """Runs a container of a pod as the kubelet does; returns its end and its termination message.

    ``volumes``: this host's directory for each volume; ``index``: the pod's number in an indexed Job.
    """
    context = pod["securityContext"]
    message = next(iter(volumes.values())).parent / f"termination-{container['name']}"
    message.write_bytes(b"")
    message.chmod(0o666)
    options = ["--user", f"{context['runAsUser']}:{context['runAsGroup']}"]
    options += ["--group-add", str(context["fsGroup"])] if "fsGroup" in context else []
    options += [*("--cap-drop", "ALL", "--security-opt", "no-new-privileges")]
    options += ["-v", f"{message}:/dev/termination-log"]
    for mount in container["volumeMounts"]:
        mode = ":ro" if mount.get("readOnly") else ""
        options += ["-v", f"{volumes[mount['name']]}:{mount['mountPath']}{mode}"]
    environment = {"NODE_NAME": node} if "$(NODE_NAME)" in str(container["args"]) else {}
    environment |= {entry["name"]: entry["value"] for entry in container.get("env", ()) if "value" in entry}
    if index is not None:
        environment["JOB_COMPLETION_INDEX"] = str(index)
    for name, value in environment.items():
        options += ["--env", f"{name}={value}"]
    arguments = [
        re.sub(r"\$\((\w+)\)", lambda found: environment[found[1]], word) for word in container["args"]
    ]
    program, *first = container.get("command", [""])
    options += ["--entrypoint", program] if program else []
    ended = run(options, *first, *arguments)
    return ended, message.read_bytes()[-TERMINATION:].decode("utf-8", "replace")


@pytest.fixture
def models(public_dir: Path) -> Path:
    """A repository with one good model."""
    good_model(public_dir / "models" / "m" / "1")
    return public_dir / "models"


@pytest.fixture
def reports(public_dir: Path) -> Path:
    """A volume that belongs to the pod's group, as the kubelet sets it."""
    directory = public_dir / "reports"
    directory.mkdir()
    directory.chmod(0o2770)
    os.chown(directory, 0, 5000)
    return directory


def temporary_volume(parent: Path) -> Path:
    """An emptyDir, into which every user can write."""
    temporary = parent / "temporary"
    temporary.mkdir()
    temporary.chmod(0o777)
    return temporary


class TestPreflight:
    @pytest.fixture
    def configured(self, models: Path) -> Path:
        """The repository and a configuration that lists its model."""
        listed = {"model_config_list": [{"config": {"name": "m", "base_path": "/models/m"}}]}
        (models / "config.json").write_text(json.dumps(listed))
        return models

    def run(self, models: Path) -> tuple[Ended, str]:
        pod = pod_of("preflight/server.yaml")
        volumes = {"models": models, "temporary": temporary_volume(models.parent)}
        return run_container(pod, pod["initContainers"][0], volumes)

    def test_a_good_repository_lets_the_server_start(self, configured: Path) -> None:
        ended, message = self.run(configured)
        assert ended.code == 0, ended.errors
        assert message.splitlines()[-1].startswith("✓")
        assert "as uid 5000 gid 5000" in message

    def test_a_closed_directory_prevents_the_start(self, configured: Path) -> None:
        (configured / "m").chmod(0o700)
        ended, message = self.run(configured)
        assert ended.code == 1
        assert "OVD202" in message
        assert "tried as uid 5000 gid 5000" in message

    def test_a_configuration_that_is_missing(self, configured: Path) -> None:
        (configured / "config.json").unlink()
        ended, message = self.run(configured)
        assert ended.code == 1
        assert "/models/config.json" in message


class TestRepositoryJob:
    def run(self, models: Path, reports: Path) -> tuple[Ended, str]:
        pod = pod_of("repository/job.yaml")
        return run_container(pod, pod["containers"][0], {"models": models, "reports": reports})

    def test_the_report_is_a_file_and_the_message(self, models: Path, reports: Path) -> None:
        (models / "empty" / "1").mkdir(parents=True)
        ended, message = self.run(models, reports)
        assert ended.code == 1
        document = json.loads((reports / "repository.json").read_text())
        assert "OVD111" in {one["code"] for one in document["findings"]}
        assert "OVD111" in message

    def test_a_good_repository(self, models: Path, reports: Path) -> None:
        ended, _ = self.run(models, reports)
        assert ended.code == 0
        assert json.loads((reports / "repository.json").read_text())["summary"]["verdict"] == "pass"


def test_nodes_are_collected_and_summarized(models: Path, reports: Path) -> None:
    pod = pod_of("nodes/collect.yaml")
    volumes = {"models": models, "reports": reports}
    for node in ("node-1", "node-2"):
        ended, _ = run_container(pod, pod["initContainers"][0], volumes, node)
        assert ended.code == 0, ended.errors
        (models / "empty" / "1").mkdir(parents=True, exist_ok=True)
    assert sorted(file.name for file in reports.iterdir()) == ["node-1.json", "node-2.json"]
    pod = pod_of("nodes/summary.yaml")
    ended, _ = run_container(pod, pod["containers"][0], volumes)
    assert ended.code == 1, ended.errors
    lines = ended.output.splitlines()
    at = next(number for number, line in enumerate(lines) if "OVD111" in line)
    assert "1 of 2 hosts" in lines[at + 1]
    assert lines[at + 2].split() == ["node-2:", "empty"]


class TestKServe:
    """The check that runs after the container that downloads the model."""

    def run(self, model: Path) -> tuple[Ended, str]:
        pod = pod_of("kserve/service.yaml")
        volumes = {"model": model, "temporary": temporary_volume(model.parent)}
        return run_container(pod, pod["initContainers"][-1], volumes)

    def test_a_model_with_a_version_lets_the_server_start(self, models: Path) -> None:
        ended, message = self.run(models / "m")
        assert ended.code == 0, ended.errors
        assert message.splitlines()[-1].startswith("✓")

    def test_a_model_without_a_version_prevents_the_start(self, models: Path) -> None:
        ended, message = self.run(models / "m" / "1")
        assert ended.code == 1
        assert "OVD101" in message


def test_a_list_of_targets_is_checked_in_parts(models: Path, reports: Path, public_dir: Path) -> None:
    (models / "empty" / "1").mkdir(parents=True)
    targets = public_dir / "targets"
    targets.mkdir()
    lines = ["/models/m", "/models/empty", "", "/models/absent"]
    (targets / "targets.txt").write_text("".join(f"{line}\n" for line in lines))
    pod = pod_of("split/check.yaml")
    (container,) = pod["containers"]
    container["env"] = [{"name": "PARTS", "value": "2"}]
    volumes = {"models": models, "reports": reports, "targets": targets}
    left = []
    for index in (0, 1):
        ended, _ = run_container(pod, container, volumes, index=index)
        assert ended.code == 0, ended.errors
        left.append(sorted(file.name for file in reports.iterdir()))
    assert left == [["0.json"], ["0.json", "1.json", "3.json"]]
    pod = pod_of("split/summary.yaml")
    ended, _ = run_container(pod, pod["containers"][0], volumes)
    assert ended.code == 1, ended.errors
    assert "1 of 3 hosts" in ended.output
    assert "/models/empty" in ended.output
