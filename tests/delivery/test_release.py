"""A release: built from a tag, with signed checksums and an SBOM; refused if tag and tree do not agree."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import ovms_doctor
from tests.delivery.conftest import commit

pytestmark = [pytest.mark.slow, pytest.mark.needs_command("git", "ssh-keygen", "sha256sum")]


@pytest.fixture
def tree(checkout: Path, tmp_path: Path) -> Path:
    """A clone with the tag of the package's version."""
    target = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", checkout, target], check=True)
    subprocess.run(["git", "-C", target, "tag", f"v{ovms_doctor.__version__}"], check=True)
    return target


def release(tree: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, tree / "scripts" / "release.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_release(tree: Path, tmp_path: Path) -> None:
    key, target = tmp_path / "key", tmp_path / "release"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    completed = release(tree, target, "--archives", "light", "--key", key)
    assert completed.returncode == 0, completed.stderr
    version = ovms_doctor.__version__
    assert {path.name for path in target.iterdir()} == {
        f"ovms_doctor-{version}-py3-none-any.whl",
        f"ovms_doctor-{version}.tar.gz",
        "ovms-doctor-light.pyz",
        "ovms-doctor.cdx.json",
        "SHA256SUMS",
        "SHA256SUMS.sig",
    }
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=target, check=True)
    (tmp_path / "signers").write_text(f"release {(tmp_path / 'key.pub').read_text()}")
    verify = ["ssh-keygen", "-Y", "verify", "-f", tmp_path / "signers", "-I", "release"]
    verify += ["-n", "ovms-doctor-release", "-s", target / "SHA256SUMS.sig"]
    sums = (target / "SHA256SUMS").read_bytes()
    assert subprocess.run(verify, input=sums, capture_output=True, check=False).returncode == 0
    assert subprocess.run(verify, input=sums + b"x", capture_output=True, check=False).returncode != 0
    sbom_text = (target / "ovms-doctor.cdx.json").read_text("utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom_text) is None
    sbom = json.loads(sbom_text)
    assert (sbom["bomFormat"], sbom["metadata"]["component"]["name"]) == ("CycloneDX", "ovms-doctor")
    names = {component["name"] for component in sbom["components"]}
    assert {"openvino", "typer", "msgspec", "boto3"} <= names
    assert not {"pip", "setuptools", "pytest"} & names
    assert str(tmp_path) not in sbom_text


def test_without_a_tag(checkout: Path, tmp_path: Path) -> None:
    completed = release(checkout, tmp_path / "release", "--unsigned")
    assert (completed.returncode, completed.stderr) == (
        1,
        "release.py: HEAD has 0 tags of the form v1.2.3; a release has one\n",
    )
    assert not (tmp_path / "release").exists()


def test_with_another_version(tree: Path, tmp_path: Path) -> None:
    subprocess.run(
        ["git", "-C", tree, "tag", "-d", f"v{ovms_doctor.__version__}"], check=True, capture_output=True
    )
    subprocess.run(["git", "-C", tree, "tag", "v99.0.0"], check=True)
    completed = release(tree, tmp_path / "release", "--unsigned")
    assert completed.returncode == 1
    assert "the tag is v99.0.0" in completed.stderr


def test_with_changes(tree: Path, tmp_path: Path) -> None:
    (tree / "README.md").write_text("changed")
    completed = release(tree, tmp_path / "release", "--unsigned")
    assert (completed.returncode, "uncommitted changes" in completed.stderr) == (1, True)


def test_without_a_section_in_the_changelog(tree: Path, tmp_path: Path) -> None:
    (tree / "CHANGELOG.md").write_text("# Changelog\n")
    commit(tree)
    subprocess.run(
        ["git", "-C", tree, "tag", "-f", f"v{ovms_doctor.__version__}"], check=True, capture_output=True
    )
    completed = release(tree, tmp_path / "release", "--unsigned")
    assert (completed.returncode, "CHANGELOG.md has no section" in completed.stderr) == (1, True)


def test_into_a_directory_in_use(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "mine").touch()
    completed = release(tree, tmp_path / "release", "--unsigned")
    assert (completed.returncode, "is not empty" in completed.stderr) == (1, True)
    assert [path.name for path in (tmp_path / "release").iterdir()] == ["mine"]
