"""An environment without OpenVINO, a checkout of the working tree, and the Python interpreters of this host."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery.paths import FILES, ROOT


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository with the current state of the project, in one commit with the tag v0.0.0-test."""
    target = tmp_path_factory.mktemp("checkout") / "ovms-doctor"
    for name in FILES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.mkdir(exist_ok=True)
            shutil.copy2(source, target / name)
    commit(target)
    return target


def commit(directory: Path) -> str:
    """Commits all files of a directory, which becomes a repository if it is none; returns the commit."""
    git = ["git", "-C", str(directory), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "test: all"]):
        subprocess.run([*git, *arguments], check=True)
    completed = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return completed.stdout.strip()


@pytest.fixture(scope="session")
def light_installation(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Iterator[Path]:
    """The directory ``bin`` of an environment installed as docs/install.md says, without OpenVINO."""
    target = tmp_path_factory.mktemp("light")
    subprocess.run([sys.executable, "-m", "venv", str(target)], check=True)
    pip = [str(target / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    for arguments in (
        ["-r", str(checkout / "ovms_doctor" / "requirements-light.txt")],
        ["--no-deps", str(checkout)],
    ):
        subprocess.run([*pip, *arguments], check=True, env=environment)
    yield target / "bin"
    shutil.rmtree(target)
