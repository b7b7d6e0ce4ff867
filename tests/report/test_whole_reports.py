"""Whole reports of a dozen set-ups as users read them: each sentence, each column, each command.

The reports are in ``__snapshots__``. If a change is intended, ``pytest tests/report/test_whole_reports.py
--snapshot-update`` writes them again; review the difference before you commit it.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from ovms_doctor import __version__
from tests.cases_build import MODELS
from tests.cli.helpers import good_model
from tests.cli.run import ovms_doctor
from tests.container.documents import docker_document

pytestmark = pytest.mark.needs_root

#: As long as the directory of a run, so that lines wrap at the same positions.
SHOWN_PATH = "/var/tmp/report-12345678"
MakeCase = Callable[[Path], list[str]]


@pytest.fixture
def directory() -> Iterator[Path]:
    """An empty directory that every user can enter, whose path is always of the same length."""
    path = Path(tempfile.mkdtemp(prefix="report-", dir="/var/tmp"))
    assert len(str(path)) == len(SHOWN_PATH)
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def healthy(directory: Path) -> list[str]:
    good_model(directory / "models" / "resnet" / "1")
    good_model(directory / "models" / "detector" / "3")
    return ["models"]


def names_that_are_no_versions(directory: Path) -> list[str]:
    good_model(directory / "models" / "flat")
    good_model(directory / "models" / "prefixed" / "v1")
    good_model(directory / "models" / "zero" / "001")
    good_model(directory / "models" / "both" / "1")
    (directory / "models" / "both" / "latest").mkdir()
    return ["models", "--load", "none"]


def broken_files(directory: Path) -> list[str]:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12\n"
    for name, text in (("lfs", pointer), ("html", "<!DOCTYPE html><html></html>"), ("empty", "")):
        version = good_model(directory / "models" / name / "1")
        (version / "model.xml").write_text(text)
    version = good_model(directory / "models" / "cut" / "1")
    (version / "model.bin").write_bytes((MODELS / "fc.bin").read_bytes()[:50])
    version = good_model(directory / "models" / "alone" / "1")
    (version / "model.bin").unlink()
    return ["models", "--load", "none"]


def no_rights(directory: Path) -> list[str]:
    version = good_model(directory / "models" / "closed" / "1")
    version.chmod(0o700)
    version = good_model(directory / "models" / "unreadable" / "1")
    (version / "model.bin").chmod(0o600)
    return ["models", "--load", "none"]


def configuration(directory: Path) -> list[str]:
    good_model(directory / "models" / "a" / "1")
    policy = {"specific": {"versions": [9]}}
    entries = [
        {"name": "a", "base_path": str(directory / "models" / "a")},
        {"name": "a", "base_path": str(directory / "models" / "a"), "nireq": 100001},
        {"name": "gone", "base_path": str(directory / "models" / "gone")},
        {"name": "policy", "base_path": str(directory / "models" / "a"), "model_version_policy": policy},
        {"name": "shape", "base_path": str(directory / "models" / "a"), "shape": "(1,", "batch_size": "auto"},
    ]  # fmt: skip
    config = {
        "model_config_list": [{"config": entry} for entry in entries],
        "monitoring": {"metrics": {"enable": True}},
    }
    (directory / "config.json").write_text(json.dumps(config))
    return ["config.json", "--load", "none"]


def configuration_that_is_no_json(directory: Path) -> list[str]:
    (directory / "config.json").write_text('{"model_config_list": [{"config": {"name": "a",}}]}')
    return ["config.json"]


def run_line(directory: Path) -> list[str]:
    good_model(directory / "models" / "m" / "1")
    line = (
        f"docker run -d -u 5000:5000 -v {directory}/models/m:/models/m -p 9000:9001 "
        "openvino/model_server:2025.4 --model_name m --model_path /models/n --port 9000 --target_device GPU"
    )
    return ["--load", "none", "--docker-run", line]


def compose(directory: Path) -> list[str]:
    good_model(directory / "models" / "m" / "1")
    (directory / "compose.yaml").write_text(
        "services:\n  ovms:\n    image: openvino/model_server:latest\n    read_only: true\n"
        '    volumes: ["./models:/models:ro"]\n    ports: ["8000:8000"]\n'
        "    command: --model_name m --model_path /models/m --rest_port 8000 --cache_dir /models/cache\n"
    )
    return ["--load", "none", "--compose", "compose.yaml"]


def kubernetes(directory: Path) -> list[str]:
    (directory / "pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: ovms}\nspec:\n  containers:\n  - name: ovms\n"
        "    image: openvino/model_server:2026.3\n"
        "    args: [--model_name, m, --model_path, az://share/m, --port, '9000']\n"
        "    resources: {limits: {memory: 64Mi}}\n"
    )
    return ["--load", "none", "--kubernetes", "pod.yaml"]


def killed_container(directory: Path) -> list[str]:
    good_model(directory / "models" / "dense" / "1")
    document = docker_document(directory / "models")
    document["State"].update(Status="exited", Running=False, OOMKilled=True, ExitCode=137, Pid=0)
    (directory / "inspect.json").write_text(json.dumps([document]))
    return ["--load", "none", "--inspect", "inspect.json"]


def server_arguments(directory: Path) -> list[str]:
    good_model(directory / "models" / "m" / "1")
    return ["--load", "none", "--", "--model_path", str(directory / "models" / "m"), "--rest_workers", "4"]


def old_release(directory: Path) -> list[str]:
    good_model(directory / "models" / "m" / "1")
    (directory / "models" / "m" / "1" / "mapping_config.json").write_text(
        '{"inputs": {"x": "image", "y": "none"}}'
    )
    return ["models/m", "--ovms-version", "2022.1"]


def nothing_there(directory: Path) -> list[str]:
    (directory / "models" / "m").mkdir(parents=True)
    return ["models/m"]


CASES: list[MakeCase] = [
    healthy,
    names_that_are_no_versions,
    broken_files,
    no_rights,
    configuration,
    configuration_that_is_no_json,
    run_line,
    compose,
    kubernetes,
    killed_container,
    server_arguments,
    old_release,
    nothing_there,
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_report(case: MakeCase, directory: Path, snapshot: SnapshotAssertion) -> None:
    result = ovms_doctor("check", "--no-plugins", *case(directory), cwd=directory)
    output = f"exit {result.code}\n{result.text}{result.err.decode()}".replace(str(directory), SHOWN_PATH)
    output = output.replace(f"ovms-doctor {__version__} ", "ovms-doctor VERSION ")
    assert re.sub(r"OpenVINO 20[\d.]+(-\S+)?", "OpenVINO RELEASE", output) == snapshot


@pytest.mark.parametrize("subject", ["OVD101", "OVD202", "OVD651", "No version found for model in path: /m"])
def test_explain(subject: str, snapshot: SnapshotAssertion) -> None:
    assert ovms_doctor("explain", subject).text == snapshot
