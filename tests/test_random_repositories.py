"""Random repositories: no finding for a healthy one; for one mistake, only findings about it."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.diagnosis.roots import roots
from ovms_doctor.diagnosis.settle import settled_run
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.host import User
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.probes.local import LocalCollector
from tests.cases_build import load_cases
from tests.cases_run import document_of, predict_case
from tests.random_repositories import MISTAKES, build_repository
from tests.samples import sampled

#: The releases that read every format of the generator.
RELEASES = ("2023.1", "2023.3", "2024.1", "2025.4", "2026.0", "2026.3")
SERVER = User(5000, 5000)
SEEDS = range(24)


def report(top: Path, release: str) -> dict[str, Any]:
    options = CheckOptions(
        targets=(str(top),), release=release, user=SERVER, user_from="--user", as_="repository", load="read"
    )
    with LocalCollector(SERVER, roots(options)) as collector:
        return document_of(settled_run(options, Facts(), collector))


def served(document: dict[str, Any]) -> dict[str, list[int]]:
    return {model["name"]: model["served_versions"] for model in document["models"]}


@pytest.mark.needs_root
@pytest.mark.parametrize("seed", sampled(SEEDS, lambda seed: None, every=4))
@pytest.mark.sample(every=3)
def test_a_healthy_repository_and_one_mistake(seed: int, public_dir: Path) -> None:
    rng = random.Random(seed)
    release = rng.choice(RELEASES)
    models = build_repository(seed, public_dir / "models")
    document = report(public_dir / "models", release)
    assert document["findings"] == []
    assert served(document) == {model.name: [max(model.versions)] for model in models}
    assert document["summary"]["verdict"] == "pass"

    mistake, damaged_model = rng.choice(sorted(MISTAKES)), rng.choice(models)
    MISTAKES[mistake](damaged_model)
    document = report(public_dir / "models", release)
    assert {finding["subject"].get("model") for finding in document["findings"]} == {damaged_model.name}
    assert document["summary"]["errors"] > 0
    assert document["summary"]["verdict"] == "fail"
    others = {model.name: [max(model.versions)] for model in models if model.name != damaged_model.name}
    assert others.items() <= served(document).items()
    assert max(damaged_model.versions) not in served(document)[damaged_model.name]


# -- remedies that are commands, followed ------------------------------------------------------------------
_PROGRAMS = ("mv", "mkdir", "chmod", "chown", "cp", "rm", "rmdir", "ln")
#: Placeholders that the reader replaces.
_PLACEHOLDERS = ("SOURCE", "SOMEWHERE")
#: Cases for each code.
_MOST = 3


def commands_of(finding: dict[str, Any], top: Path) -> list[str]:
    """The commands of the remedy if they can be run unchanged, without alternatives (“Or …”)."""
    steps = (finding["remedy"] or {}).get("steps", [])
    found = [
        step["command"] for step in steps if step["command"] and not step["text"].startswith(("Or ", "Or,"))
    ]
    runnable = all(
        command.split()[0] in _PROGRAMS
        and str(top) in command
        and not any(word in command for word in _PLACEHOLDERS)
        for command in found
    )
    return found if runnable else []


@pytest.mark.needs_root
@pytest.mark.slow
def test_a_command_that_is_followed_removes_its_finding(public_dir: Path) -> None:
    """For some of the recorded cases of each code."""
    tried: dict[str, int] = {}
    for number, case in enumerate(load_cases("2026.3", "serving").values()):
        top = public_dir / str(number)
        _, run = predict_case(case, top)
        for finding in document_of(run)["findings"]:
            if not commands_of(finding, top) or tried.get(finding["code"], 0) == _MOST:
                continue
            tried[finding["code"]] = tried.get(finding["code"], 0) + 1
            shutil.rmtree(top)
            options, run = predict_case(case, top)
            for command in commands_of(finding, top):
                subprocess.run(["sh", "-c", command], check=True, cwd=public_dir)
            with LocalCollector(options.user) as collector:
                left = document_of(settled_run(options, Facts(), collector))["findings"]
            assert finding["fingerprint"] not in {item["fingerprint"] for item in left}, (
                case.id,
                finding["code"],
            )
    assert len(tried) >= 10
