"""A single file for hosts without a package index: built with pex, run without pip and without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.paths import MODELS, ROOT, VERSIONS, interpreter

pytestmark = [pytest.mark.slow, pytest.mark.needs_command("unshare"), pytest.mark.needs_root]


def build(output: Path, *arguments: str, umask: int = -1, **variables: str) -> Path:
    """Builds an archive, with these variables added to the environment, and returns its path."""
    command = [sys.executable, ROOT / "scripts" / "build_archive.py", *arguments, "--output", output]
    subprocess.run(command, check=True, cwd=output.parent, env={**os.environ, **variables}, umask=umask)
    return output


@pytest.fixture(scope="module")
def light_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("archive") / "ovms-doctor.pyz", "light")


@pytest.fixture(scope="module")
def full_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The full archive for the Python of the tests only; a release contains all four Pythons."""
    minor = str(sys.version_info.minor)
    return build(tmp_path_factory.mktemp("archive") / "ovms-doctor.pyz", "full", "--python", minor)


def isolated(version: str, scratch: Path, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Runs the arguments with a Python that has no packages, not even pip, in an empty network namespace."""
    base = interpreter(version)
    if base is None:
        pytest.skip(f"this host has no CPython {version}")
    venv = scratch / "venv"
    if not venv.exists():
        subprocess.run([base, "-m", "venv", "--without-pip", venv], check=True)
    environment = {
        "PATH": f"{venv}/bin:/usr/bin:/bin",
        "HOME": str(scratch),
        "PEX_ROOT": str(scratch / "pex"),
    }
    python = str(venv / "bin" / "python")
    assert subprocess.run(
        [python, "-c", "import pip"], env=environment, capture_output=True, check=False
    ).returncode
    return subprocess.run(
        ["unshare", "--net", python, *arguments],
        env=environment,
        capture_output=True,
        check=False,
        cwd=scratch,
    )


def document(completed: subprocess.CompletedProcess[bytes]) -> dict[str, Any]:
    assert completed.stdout, completed.stderr.decode()
    result: dict[str, Any] = json.loads(completed.stdout)
    return result


@pytest.mark.parametrize("version", VERSIONS)
def test_light(light_archive: Path, tmp_path: Path, version: str) -> None:
    completed = isolated(
        version, tmp_path, light_archive, "check", MODELS, "--load", "none", "--format", "json"
    )
    found = document(completed)
    assert completed.returncode == 1, completed.stderr.decode()
    assert {"OVD101", "OVD111", "OVD302", "OVD308", "OVD312"} <= {one["code"] for one in found["findings"]}
    assert "OVD903" not in {one["code"] for one in found["findings"]}
    assert isolated(version, tmp_path, light_archive, "explain", "OVD101").returncode == 0


def test_full(full_archive: Path, tmp_path: Path) -> None:
    version = f"3.{sys.version_info.minor}"
    completed = isolated(
        version, tmp_path, full_archive, "check", MODELS, "--load", "compile", "--format", "json"
    )
    found = document(completed)
    assert completed.returncode == 1, completed.stderr.decode()
    bases = {
        version["state_basis"]
        for model in found["models"]
        for version in model["versions"]
        if version["state"] == "AVAILABLE"
    }
    assert "compiled" in bases
    assert "OVD903" not in {one["code"] for one in found["findings"]}


def test_two_builds_are_one_file(tmp_path: Path) -> None:
    """The second build uses another directory, umask, time zone, locale and hash seed, and no cache of the first."""
    one_python = ("--python", str(sys.version_info.minor))
    first = build(tmp_path / "first.pyz", "light", *one_python, umask=0o022, TZ="UTC")
    (tmp_path / "another directory").mkdir()
    output = tmp_path / "another directory" / "second.pyz"
    second = build(
        output, "light", *one_python, umask=0o077, TZ="Asia/Kathmandu", LC_ALL="C", PYTHONHASHSEED="1"
    )
    assert second.read_bytes() == first.read_bytes()
