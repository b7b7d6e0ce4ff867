"""The image of ovms-doctor itself, built by the project's Dockerfile on a base image made of this host's Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.container.base_image import base_image
from tests.container.engine import LABEL, Engine

ROOT = Path(__file__).resolve().parents[2]
BASE = f"ovms-doctor-test-{os.getpid()}.invalid/python:3"
OWN = f"ovms-doctor-test-{os.getpid()}.invalid/ovms-doctor:light"


@dataclass(frozen=True)
class Ended:
    """How a container ended."""

    code: int
    output: str
    errors: str


def build(engine: Engine, context: Path) -> None:
    """Builds the light image in the engine, as docs/image.md shows it for a host without a package index.

    ``context``: an empty directory for the part of the checkout that a build uses.
    """
    repository, _, tag = BASE.rpartition(":")
    busybox = shutil.which("busybox")
    assert busybox is not None, "the engine's own test image is made of it"
    changes = ["ENV PATH=/usr/local/bin:/usr/bin:/bin"]
    engine.api.import_image_from_data(base_image(busybox), repository, tag, changes)
    for name in ("Dockerfile", ".dockerignore", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy2(ROOT / name, context / name)
    shutil.copytree(
        ROOT / "ovms_doctor", context / "ovms_doctor", ignore=shutil.ignore_patterns("__pycache__")
    )
    (context / "docs").mkdir()
    shutil.copy2(ROOT / "docs" / "ovms-doctor.1", context / "docs")
    listed = context / "ovms_doctor" / "requirements-light.txt"
    subprocess.run(
        [
            sys.executable,
            *("-m", "pip", "wheel", "--quiet", "-w", context / "wheelhouse", "-r", listed, "hatchling"),
        ],
        check=True,
    )
    done = subprocess.run(
        [
            *("docker", "build", "--quiet", "--network", "none", "--label", f"{LABEL}=1", "--tag", OWN),
            *("--build-arg", f"BASE={BASE}", "--build-arg", "PIP_NO_INDEX=1"),
            *("--build-arg", "PIP_FIND_LINKS=wheelhouse", str(context)),
        ],
        capture_output=True,
        text=True,
        check=False,
        # The classic builder is in every engine; BuildKit would look for its own image in a registry.
        env={**os.environ, "DOCKER_HOST": engine.url, "DOCKER_BUILDKIT": "0"},
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def run(options: list[str], *words: str | Path) -> Ended:
    """Runs the image with these options of ``docker run``, without a network and with a root that is read-only."""
    done = subprocess.run(
        ["docker", "run", "--rm", "--network", "none", "--read-only", *options, OWN, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)
