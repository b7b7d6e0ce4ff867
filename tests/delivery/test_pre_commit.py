"""The hooks, run by pre-commit from a repository with the project."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.delivery.conftest import commit
from tests.delivery.paths import MODELS

pytestmark = [pytest.mark.slow, pytest.mark.needs_command("git"), pytest.mark.needs_module("pre_commit")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory where pre-commit stores the hooks: they are installed once."""
    return tmp_path_factory.mktemp("pre-commit")


class Project:
    """A project that uses the hooks, with one model in ``models/m``."""

    def __init__(self, directory: Path, checkout: Path, revision: str, home: Path) -> None:
        self.directory, self.home = directory, home
        shutil.copytree(MODELS / "dense-ir", directory / "models" / "m")
        hooks = [
            {"id": "ovms-doctor-config", "args": ["--mount=models:/models"]},
            {"id": "ovms-doctor-models", "args": ["models"], "files": "^models/"},
        ]
        # JSON is YAML.
        configuration = {"repos": [{"repo": str(checkout), "rev": revision, "hooks": hooks}]}
        self.write(".pre-commit-config.yaml", configuration)

    def write(self, name: str, value: object) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value), encoding="utf-8")

    def config(self, **keys: object) -> None:
        entry = {"name": "m", "base_path": "/models/m", **keys}
        self.write("config.json", {"model_config_list": [{"config": entry}]})

    def run(self) -> tuple[int, str]:
        commit(self.directory)
        environment = {**os.environ, "PRE_COMMIT_HOME": str(self.home), "PRE_COMMIT_COLOR": "never"}
        completed = subprocess.run(
            [sys.executable, "-m", "pre_commit", "run", "--all-files"],
            cwd=self.directory,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return completed.returncode, completed.stdout + completed.stderr


@pytest.fixture
def project(tmp_path: Path, checkout: Path, home: Path) -> Project:
    revision = subprocess.run(
        ["git", "-C", checkout, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    return Project(tmp_path, checkout, revision, home)


def test_valid_repository_passes(project: Project) -> None:
    project.config()
    code, output = project.run()
    assert code == 0, output
    assert output.count("Passed") == 2


def test_a_wrong_key_fails_with_its_position(project: Project) -> None:
    project.config(nireqq=4)
    code, output = project.run()
    assert code == 1
    assert "OVD404" in output
    assert "config.json:1:" in output


def test_a_broken_model_fails(project: Project) -> None:
    project.config()
    (project.directory / "models" / "m" / "1" / "model.bin").unlink()
    code, output = project.run()
    assert code == 1
    assert "OVD111" in output


def test_the_config_of_another_program_is_ignored(project: Project) -> None:
    project.write("app/config.json", {"model_type": "llama", "hidden_size": 4})
    code, output = project.run()
    assert code == 0, output


def test_names_with_spaces_and_quotes(project: Project) -> None:
    entry = {"config": {"name": "m", "base_path": "/models/m", "nireqq": 1}}
    project.write("it's a b/config.json", {"model_config_list": [entry]})
    code, output = project.run()
    assert code == 1
    assert "OVD404" in output
