"""The GitHub Action and the GitLab template: valid by the published schemas; their commands are run as written."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.delivery.paths import MODELS, ROOT

pytestmark = pytest.mark.slow


def validate(schema: str, path: Path) -> None:
    """Checks a file with the published schema in check-jsonschema."""
    completed = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr


class Job:
    """A job of GitHub Actions: the action's own steps run in order, actions of others are left out."""

    def __init__(self, directory: Path, python: Path, checkout: Path, **inputs: str) -> None:
        self.document: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
        self.directory = directory
        self.temp = directory / "temp"
        self.temp.mkdir()
        self.summary = self.temp / "summary.md"
        declared = self.document["inputs"]
        assert set(inputs) <= set(declared)
        values = {name: entry.get("default", "") for name, entry in declared.items()} | inputs
        self.values = {f"inputs.{name}": value for name, value in values.items()}
        self.values["runner.temp"] = str(self.temp)
        # As actions/setup-python does: its python is first on PATH.
        self.values["steps.python.outputs.python-version"] = "3.x"
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "PYTHON"))},
            "PATH": f"{python}{os.pathsep}{os.environ['PATH']}",
            "RUNNER_TEMP": str(self.temp),
            "RUNNER_OS": "Linux",
            "RUNNER_ARCH": "X64",
            "GITHUB_ACTION_PATH": str(checkout),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_ACTIONS": "true",
        }
        self.output = ""

    def run(self) -> int:
        """Returns the exit code of the first step that fails, or 0."""
        for step in self.document["runs"]["steps"]:
            if "uses" in step:
                continue
            assert step["shell"] == "bash"
            # An expression inside a script would allow injection of commands.
            assert "${{" not in step["run"]
            written = self.temp / "output"
            written.write_text("")
            environment = {key: self.expand(value) for key, value in step.get("env", {}).items()}
            completed = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=self.directory,
                env={**self.environment, "GITHUB_OUTPUT": str(written), **environment},
                capture_output=True,
                text=True,
                check=False,
            )
            self.output += completed.stdout + completed.stderr
            for line in written.read_text().splitlines():
                name, _, value = line.partition("=")
                self.values[f"steps.{step['id']}.outputs.{name}"] = value
            if completed.returncode:
                return completed.returncode
        return 0

    def expand(self, text: str) -> str:
        return re.sub(r"\$\{\{ ([a-z.-]+) \}\}", lambda found: self.values[found[1]], text)

    def outputs(self) -> dict[str, str]:
        return {name: self.expand(entry["value"]) for name, entry in self.document["outputs"].items()}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A project with one good model and one without its weights."""
    shutil.copytree(MODELS / "dense-ir", tmp_path / "good" / "m")
    shutil.copytree(MODELS / "dense-ir", tmp_path / "bad" / "m")
    (tmp_path / "bad" / "m" / "1" / "model.bin").unlink()
    return tmp_path


def job(work: Path, light_installation: Path, checkout: Path, **inputs: str) -> Job:
    result = Job(work, light_installation, checkout, **inputs)
    # As actions/cache restores it: an environment that is already installed.
    (result.temp / "ovms-doctor").symlink_to(light_installation.parent)
    return result


def test_the_action_is_valid() -> None:
    validate("vendor.github-actions", ROOT / "action.yml")


def test_it_installs_and_passes(work: Path, checkout: Path) -> None:
    completed = Job(work, Path(sys.executable).parent, checkout, arguments="good")
    assert completed.run() == 0, completed.output
    outputs = completed.outputs()
    assert (outputs["exit-code"], outputs["verdict"]) == ("0", "pass")
    assert completed.values["steps.key.outputs.key"].startswith("ovms-doctor-Linux-X64-3.x-light-")
    packages = list((completed.temp / "ovms-doctor" / "lib").glob("python3*/site-packages/*"))
    assert "openvino" not in {path.name for path in packages}


def test_findings_are_annotations_and_files(work: Path, light_installation: Path, checkout: Path) -> None:
    completed = job(work, light_installation, checkout, arguments="bad --user 0:0")
    assert completed.run() == 1
    assert "::error" in completed.output
    assert "OVD111" in completed.output
    assert "OVD111" in completed.summary.read_text("utf-8")
    outputs = completed.outputs()
    assert (outputs["exit-code"], outputs["verdict"]) == ("1", "fail")
    assert json.loads(Path(outputs["sarif"]).read_text("utf-8"))["version"] == "2.1.0"
    arguments = json.loads(Path(outputs["report"]).read_text("utf-8"))["run"]["arguments"]
    assert arguments[-3:] == ["bad", "--user", "0:0"]


def test_wrong_usage(work: Path, light_installation: Path, checkout: Path) -> None:
    completed = job(work, light_installation, checkout, arguments="good --no-such-option")
    assert completed.run() == 2
    assert completed.outputs()["exit-code"] == "2"


def test_arguments_run_no_commands(work: Path, light_installation: Path, checkout: Path) -> None:
    completed = job(work, light_installation, checkout, arguments="'$(touch made)' `touch made` ; touch made")
    assert completed.run() != 0
    assert not (work / "made").exists()


def test_a_wrong_kind_of_installation(work: Path, checkout: Path) -> None:
    completed = Job(work, Path(sys.executable).parent, checkout, arguments="good", install="tiny")
    assert completed.run() == 2
    assert "install is light or full, not tiny" in completed.output


def gitlab(work: Path, **inputs: str) -> dict[str, Any]:
    """The template's job as text, with its inputs filled in as GitLab does."""
    text = (ROOT / "templates" / "ovms-doctor.yml").read_text("utf-8")
    header, _, body = text.partition("\n---\n")
    declared = yaml.safe_load(header)["spec"]["inputs"]
    values = {name: entry["default"] for name, entry in declared.items() if "default" in entry} | inputs
    assert set(values) == set(declared), "GitLab refuses a component without an input that has no default"
    for name, value in values.items():
        body = body.replace(f"$[[ inputs.{name} ]]", value)
    assert "$[[" not in body
    (work / ".gitlab-ci.yml").write_text(body, encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(body)
    return document["ovms-doctor"]


def test_the_template_is_valid(work: Path) -> None:
    gitlab(work, arguments="models", package="git+https://gitlab.example.com/group/ovms-doctor@v0.1.0")
    validate("vendor.gitlab-ci", work / ".gitlab-ci.yml")


@pytest.mark.parametrize(("target", "code"), [("good", 0), ("bad", 1)])
def test_the_template_runs(
    work: Path, light_installation: Path, checkout: Path, target: str, code: int
) -> None:
    one = gitlab(work, arguments=target, package=str(checkout))
    completed = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(one["script"])],
        cwd=work,
        env={
            **os.environ,
            "PATH": f"{light_installation}{os.pathsep}{os.environ['PATH']}",
            **{name: value for name, value in one["variables"].items() if "$" not in value},
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == code, completed.stdout + completed.stderr
    assert ("OVD111" in completed.stdout) == (code == 1)
    for path in (*one["artifacts"]["paths"], *one["artifacts"]["reports"].values()):
        assert (work / path).stat().st_size
    quality = json.loads((work / one["artifacts"]["reports"]["codequality"]).read_text("utf-8"))
    assert bool(quality) == (code == 1)
