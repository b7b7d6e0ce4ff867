"""The release that an image names: too old, newer than all known ones, or unknown because of a digest."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.cli.helpers import good_model
from tests.cli.run import Result, ovms_doctor
from tests.container.documents import docker_document

SERVED = ("--model_path", "/models/m", "--model_name", "m", "--port", "9000")
DIGEST = "@sha256:" + "a" * 64


def line(top: Path, image: str, *more: str) -> Result:
    command = shlex.join(["docker", "run", "-v", f"{top}/models:/models", image, *SERVED])
    return ovms_doctor("check", *more, "--docker-run", command)


@pytest.fixture
def top(public_dir: Path) -> Path:
    good_model(public_dir / "models" / "m" / "1")
    return public_dir


@pytest.mark.parametrize("tag", ["2021.4", "2021.4.2-gpu", "2020.1", f"2021.1{DIGEST}"])
def test_too_old_is_an_error_as_the_option_is(tag: str, top: Path) -> None:
    result = line(top, f"openvino/model_server:{tag}")
    assert (result.code, result.out) == (2, b"")
    assert result.err.startswith(b"ovms-doctor: the image's tag: OVMS 202")
    assert b"is older than 2022.1" in result.err
    assert b"--ovms-version" in result.err
    # If the user names a release, its rules apply.
    assert line(top, f"openvino/model_server:{tag}", "--ovms-version", "2022.1").code in (0, 1)


def test_too_old_in_a_compose_file_and_a_manifest(top: Path) -> None:
    image = "openvino/model_server:2021.4"
    service = {"image": image, "command": list(SERVED), "volumes": ["./models:/models"]}
    (top / "compose.yaml").write_text(json.dumps({"services": {"ovms": service}}))
    container = {"name": "ovms", "image": image, "args": list(SERVED)}
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container]}}
    (top / "pod.json").write_text(json.dumps(pod))
    for option, file in (("--compose", "compose.yaml"), ("--kubernetes", "pod.json")):
        result = ovms_doctor("check", option, top / file)
        assert (result.code, b"older than 2022.1" in result.err) == (2, True)


def test_release_newer_than_all_names_its_source(top: Path) -> None:
    text = " ".join(line(top, "openvino/model_server:2031.2").text.split())
    assert "OVMS 2031.2 rules (the image's tag; newer than the newest known, " in text
    assert "--ovms-version; newer" not in text
    text = " ".join(line(top, "openvino/model_server:latest", "--ovms-version", "2031.2").text.split())
    assert "OVMS 2031.2 rules (--ovms-version; newer than the newest known, " in text


@pytest.mark.parametrize(
    "image", ["openvino/model_server:2025.4", "openvino/model_server:2025.4-gpu" + DIGEST]
)
def test_known_release_has_no_note(image: str, top: Path) -> None:
    assert "OVMS 2025.4 rules (the image's tag)" in line(top, image).text


def test_a_digest_alone(top: Path) -> None:
    text = " ".join(line(top, "openvino/model_server" + DIGEST).text.split())
    assert "(newest known; --ovms-version to change)" in text
    assert "named by its digest" in text
    assert "digest" not in line(top, "openvino/model_server" + DIGEST, "--ovms-version", "2025.4").text
    assert "digest" not in line(top, "openvino/model_server:latest").text


def test_a_digest_with_the_label_of_the_image(top: Path) -> None:
    document = docker_document(top / "models")
    document["Config"]["Image"] = "registry.redhat.io/model_server" + DIGEST
    document["Config"]["Labels"] = {"name": "OVMS", "version": "2025.4"}
    (top / "inspect.json").write_text(json.dumps([document]))
    text = " ".join(ovms_doctor("check", "--inspect", top / "inspect.json").text.split())
    assert "OVMS 2025.4 rules (the image's label version)" in text
