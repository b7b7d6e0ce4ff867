"""The images of ovms-doctor itself, built by the project's Dockerfile on a base image made of this host's Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.container.base_image import base_image
from tests.container.engine import LABEL, Engine

ROOT = Path(__file__).resolve().parents[2]
BASE = f"ovms-doctor-test-{os.getpid()}.invalid/python:3"
OWN = f"ovms-doctor-test-{os.getpid()}.invalid/ovms-doctor:light"
OWN_FULL = f"ovms-doctor-test-{os.getpid()}.invalid/ovms-doctor:full"


@dataclass(frozen=True)
class Ended:
    """How a container ended."""

    code: int
    output: str
    errors: str


@cache
def docker_with_buildkit() -> str | None:
    """Returns the path of the first ``docker`` on PATH that builds with BuildKit; None if there is none.

    Until Docker 22, the program uses the engine's BuildKit directly, later through its plugin buildx.
    """
    for directory in os.environ.get("PATH", "").split(os.pathsep):
        program = shutil.which("docker", path=directory)
        if program is None:
            continue
        buildx = subprocess.run(
            [program, "build", "--help"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "DOCKER_BUILDKIT": "1"},
        )
        if buildx.returncode == 0 and "--progress" in buildx.stdout:
            return program
    return None


def import_base(engine: Engine) -> None:
    """Imports the base image ``BASE`` into the engine."""
    repository, _, tag = BASE.rpartition(":")
    busybox = shutil.which("busybox")
    assert busybox is not None, "the engine's own test image is made of it"
    changes = ["ENV PATH=/usr/local/bin:/usr/bin:/bin"]
    engine.api.import_image_from_data(base_image(busybox), repository, tag, changes)


def make_context(context: Path, *requirements: str | Path) -> None:
    """Fills an empty directory with the part of the checkout that a build uses, and a wheelhouse of the requirements
    (arguments of ``pip wheel``), as docs/image.md shows it for a host without a package index."""
    for name in ("Dockerfile", ".dockerignore", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy2(ROOT / name, context / name)
    shutil.copytree(
        ROOT / "ovms_doctor", context / "ovms_doctor", ignore=shutil.ignore_patterns("__pycache__")
    )
    (context / "docs").mkdir()
    shutil.copy2(ROOT / "docs" / "ovms-doctor.1", context / "docs")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "-w", "wheelhouse", *requirements, "hatchling"],
        check=True,
        cwd=context,
    )


def build(engine: Engine, context: Path, image: str, *options: str, docker: str = "docker") -> None:
    """Builds ``image`` in the engine from ``context``, without a network.

    ``docker``: a program with BuildKit, which is then used, or ``docker`` for the classic builder, which
    every engine has.
    """
    completed = subprocess.run(
        [
            *(docker, "build", "--quiet", "--network", "none", "--label", f"{LABEL}=1", "--tag", image),
            *("--build-arg", f"BASE={BASE}", "--build-arg", "PIP_NO_INDEX=1"),
            *("--build-arg", "PIP_FIND_LINKS=wheelhouse", *options, str(context)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "DOCKER_HOST": engine.url,
            "DOCKER_BUILDKIT": "0" if docker == "docker" else "1",
        },
    )
    assert completed.returncode == 0, f"{completed.stdout}\n{completed.stderr}"


def run(options: list[str], *arguments: str | Path, image: str = OWN) -> Ended:
    """Runs the image with these options of ``docker run``, without a network and with a read-only root."""
    completed = subprocess.run(
        ["docker", "run", "--rm", "--network", "none", "--read-only", *options, image, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(completed.returncode, completed.stdout, completed.stderr)
