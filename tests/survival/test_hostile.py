"""Two hundred models, ten of which crash or block the process that loads them, with little memory."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from ovms_doctor.model.facts import LoadModel, LoadReport
from ovms_doctor.model.facts.codec import load
from tests.deadlines import LONG
from tests.survival.hostile import HOSTILE, repository

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("started_workers")]

MIB = 1 << 20
LIMIT = 512 * MIB


def _little_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))


def _run(*arguments: str, code: int) -> bytes:
    completed = subprocess.run(
        [sys.executable, "-m", "ovms_doctor", *arguments],
        capture_output=True,
        check=False,
        # Only ends a test that hangs.
        timeout=4 * LONG,
        preexec_fn=_little_memory,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert b"Traceback" not in completed.stderr
    assert completed.returncode == code, completed.stderr
    return completed.stdout


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_the_other_models_have_their_verdict(tmp_path: Path, jobs: str) -> None:
    models = tmp_path / "models"
    expected = repository(models, 200)
    assert len([name for name in expected if not name.endswith("-good")]) == len(HOSTILE) == 10
    saved = tmp_path / "facts.json"
    own_ids = f"{os.getuid()}:{os.getgid()}"
    _run(
        "collect",
        str(models),
        "--load",
        "compile",
        "--jobs",
        jobs,
        "--user",
        own_ids,
        "-o",
        str(saved),
        code=0,
    )
    _, facts = load(saved.read_text())
    found = {
        question.path.split("/")[-3]: answer.outcome
        for question, answer in facts
        if isinstance(question, LoadModel) and isinstance(answer, LoadReport)
    }
    assert found == {name: outcome for name, outcome in expected.items() if outcome is not None}
    report = json.loads(_run("check", "--facts", str(saved), "--format", "json", code=1))
    codes_by_model: dict[str, set[str]] = {}
    for finding in report["findings"]:
        codes_by_model.setdefault(finding["subject"]["model"] or "", set()).add(finding["name"])
    # In one configuration, the first one that ends the start-up prevents the later ones from loading.
    for name, outcome in expected.items():
        names = codes_by_model.get(name, set()) - {"version-not-tried"}
        assert names == set() if outcome == "ok" else names
