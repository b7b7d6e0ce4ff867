"""The playbook, run by Ansible on two hosts with different models; both are this host under other names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.delivery.paths import MODELS, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.needs_module("ansible")]


def play(
    directory: Path, hosts: dict[str, dict[str, object]], **variables: object
) -> subprocess.CompletedProcess[str]:
    """Runs the playbook with the program of the tests instead of the archive."""
    archive = directory / "ovms-doctor.pyz"
    archive.write_text(
        f"#!{sys.executable}\nimport runpy\nrunpy.run_module('ovms_doctor', run_name='__main__')\n"
    )
    common = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = {"all": {"hosts": {name: common | values for name, values in hosts.items()}}}
    (directory / "inventory.json").write_text(json.dumps(inventory), encoding="utf-8")
    extra = {
        "ovms_doctor_archive": str(archive),
        "ovms_doctor_python": sys.executable,
        "ovms_doctor_results": str(directory / "results"),
        "ovms_doctor_command": [sys.executable, "-m", "ovms_doctor"],
        **variables,
    }
    return subprocess.run(
        [
            *(sys.executable, "-m", "ansible", "playbook", "-i", directory / "inventory.json"),
            *("-e", json.dumps(extra), ROOT / "deploy" / "ansible" / "collect.yml"),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "HOME": str(directory),
            "ANSIBLE_NOCOLOR": "1",
            "LC_ALL": "C.UTF-8",
            "TMPDIR": str(directory),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def target(directory: Path, name: str, model: str) -> dict[str, object]:
    shutil.copytree(MODELS / model, directory / name / "models" / "m")
    return {"ovms_doctor_arguments": [str(directory / name / "models"), "--load", "none"]}


def test_two_hosts(tmp_path: Path) -> None:
    hosts = {"good": target(tmp_path, "good", "dense-ir"), "bad": target(tmp_path, "bad", "model2")}
    completed = play(tmp_path, hosts)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    results = tmp_path / "results"
    reports = {path.stem: json.loads(path.read_text("utf-8")) for path in (results / "reports").iterdir()}
    assert {name: one["summary"]["verdict"] for name, one in reports.items()} == {
        "good": "pass",
        "bad": "fail",
    }
    assert {one["run"]["facts_from"]["host"] for one in reports.values()} == {"good", "bad"}
    assert "1 of 2 hosts" in completed.stdout
    assert "OVD101" in completed.stdout
    # No files remain on the hosts.
    assert not list(tmp_path.glob("ovms-doctor.*/"))
    assert (results / "facts").stat().st_mode & 0o777 == 0o700


def test_a_failure_on_one_host_does_not_stop_the_others(tmp_path: Path) -> None:
    bad: dict[str, object] = {"ovms_doctor_arguments": ["--no-such-option"]}
    completed = play(tmp_path, {"good": target(tmp_path, "good", "dense-ir"), "wrong": bad})
    assert "--no-such-option" in completed.stdout + completed.stderr
    assert [path.name for path in (tmp_path / "results" / "facts").iterdir()] == ["good.json"]
    assert not list(tmp_path.glob("ovms-doctor.*/"))
    assert "1 of 1 report passed" in completed.stdout
