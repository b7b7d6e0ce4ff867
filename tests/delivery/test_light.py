"""Without OpenVINO: static reading gives the same findings, and what could not be checked is reported."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import ovms_doctor
from tests.delivery.paths import MODELS, ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

pytestmark = pytest.mark.slow

#: The packages that the light installation does not have.
LARGE = {"openvino", "boto3", "google-cloud-storage", "grpcio"}


def run(light_installation: Path, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    completed = subprocess.run(
        [light_installation / "ovms-doctor", *arguments, "--format", "json"],
        capture_output=True,
        check=False,
        cwd=light_installation,
    )
    return completed.returncode, json.loads(completed.stdout)


def test_the_light_requirements_are_those_of_the_project_without_large_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = (ROOT / "ovms_doctor" / "requirements-light.txt").read_text("utf-8").splitlines()
    listed = {line for line in lines if not line.startswith("#")}
    names = {line: re.split(r"[<>=\[]", line)[0] for line in project["dependencies"]}
    assert set(names.values()) >= LARGE
    assert listed == {line for line, name in names.items() if name not in LARGE}


def test_the_light_installation_lacks_large_packages(light_installation: Path) -> None:
    completed = subprocess.run(
        [light_installation / "python", "-m", "pip", "list", "--format", "json"],
        capture_output=True,
        check=True,
    )
    installed = {entry["name"].lower() for entry in json.loads(completed.stdout)}
    assert "ovms-doctor" in installed
    assert not installed & (LARGE | {"numpy", "botocore"})


def test_static_reading_finds_the_same(light_installation: Path) -> None:
    code, document = run(light_installation, "check", MODELS, "--load", "none")
    with_openvino = ovms_doctor("check", MODELS, "--load", "none", "--format", "json")
    assert code == with_openvino.code == 1
    for key in ("findings", "models", "summary"):
        assert document[key] == with_openvino.document[key]


def test_check_that_needs_openvino_is_not_a_pass(light_installation: Path, tmp_path: Path) -> None:
    shutil.copytree(MODELS / "dense-onnx", tmp_path / "models" / "m")
    code, document = run(light_installation, "check", tmp_path / "models")
    assert (code, document["summary"]["verdict"]) == (3, "incomplete")
    (finding,) = document["findings"]
    assert finding["code"] == "OVD903"
    assert "openvino" in finding["message"]


@pytest.mark.parametrize(
    ("target", "package"), [("s3://bucket/m", "boto3"), ("gs://bucket/m", "google-cloud-storage")]
)
def test_a_store_names_its_package(light_installation: Path, target: str, package: str) -> None:
    code, document = run(light_installation, "check", target, "--load", "none")
    assert (code, [one["code"] for one in document["findings"]]) == (3, ["OVD903"])
    assert f"pip install {package}" in document["findings"][0]["message"]


def test_the_other_commands_work(light_installation: Path) -> None:
    for arguments in (["explain", "OVD101"], ["checks"], ["schema"], ["--version"]):
        completed = subprocess.run(
            [light_installation / "ovms-doctor", *arguments], capture_output=True, check=True
        )
        assert completed.stdout
