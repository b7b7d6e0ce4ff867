"""Whole reports as people read them, of a dozen worlds: each sentence, each column, each command.

The reports are kept in ``__snapshots__``. Where a change is meant, ``pytest tests/report/test_whole_reports.py
--snapshot-update`` writes them anew; read what changed before it is committed.
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

#: As long as the directory of a run, so that lines break where they do there.
SHOWN = "/var/tmp/report-12345678"
World = Callable[[Path], list[str]]


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty directory that every user can enter, whose path is always of the same length."""
    path = Path(tempfile.mkdtemp(prefix="report-", dir="/var/tmp"))
    assert len(str(path)) == len(SHOWN)
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def healthy(place: Path) -> list[str]:
    good_model(place / "models" / "resnet" / "1")
    good_model(place / "models" / "detector" / "3")
    return ["models"]


def names_that_are_no_versions(place: Path) -> list[str]:
    good_model(place / "models" / "flat")
    good_model(place / "models" / "prefixed" / "v1")
    good_model(place / "models" / "zero" / "001")
    good_model(place / "models" / "both" / "1")
    (place / "models" / "both" / "latest").mkdir()
    return ["models", "--load", "none"]


def broken_files(place: Path) -> list[str]:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12\n"
    for name, text in (("lfs", pointer), ("html", "<!DOCTYPE html><html></html>"), ("empty", "")):
        version = good_model(place / "models" / name / "1")
        (version / "model.xml").write_text(text)
    version = good_model(place / "models" / "cut" / "1")
    (version / "model.bin").write_bytes((MODELS / "fc.bin").read_bytes()[:50])
    version = good_model(place / "models" / "alone" / "1")
    (version / "model.bin").unlink()
    return ["models", "--load", "none"]


def no_rights(place: Path) -> list[str]:
    version = good_model(place / "models" / "closed" / "1")
    version.chmod(0o700)
    version = good_model(place / "models" / "unreadable" / "1")
    (version / "model.bin").chmod(0o600)
    return ["models", "--load", "none"]


def configuration(place: Path) -> list[str]:
    good_model(place / "models" / "a" / "1")
    policy = {"specific": {"versions": [9]}}
    entries = [
        {"name": "a", "base_path": str(place / "models" / "a")},
        {"name": "a", "base_path": str(place / "models" / "a"), "nireq": 100001},
        {"name": "gone", "base_path": str(place / "models" / "gone")},
        {"name": "policy", "base_path": str(place / "models" / "a"), "model_version_policy": policy},
        {"name": "shape", "base_path": str(place / "models" / "a"), "shape": "(1,", "batch_size": "auto"},
    ]  # fmt: skip
    config = {
        "model_config_list": [{"config": entry} for entry in entries],
        "monitoring": {"metrics": {"enable": True}},
    }
    (place / "config.json").write_text(json.dumps(config))
    return ["config.json", "--load", "none"]


def configuration_that_is_no_json(place: Path) -> list[str]:
    (place / "config.json").write_text('{"model_config_list": [{"config": {"name": "a",}}]}')
    return ["config.json"]


def run_line(place: Path) -> list[str]:
    good_model(place / "models" / "m" / "1")
    line = (
        f"docker run -d -u 5000:5000 -v {place}/models/m:/models/m -p 9000:9001 "
        "openvino/model_server:2025.4 --model_name m --model_path /models/n --port 9000 --target_device GPU"
    )
    return ["--load", "none", "--docker-run", line]


def compose(place: Path) -> list[str]:
    good_model(place / "models" / "m" / "1")
    (place / "compose.yaml").write_text(
        "services:\n  ovms:\n    image: openvino/model_server:latest\n    read_only: true\n"
        '    volumes: ["./models:/models:ro"]\n    ports: ["8000:8000"]\n'
        "    command: --model_name m --model_path /models/m --rest_port 8000 --cache_dir /models/cache\n"
    )
    return ["--load", "none", "--compose", "compose.yaml"]


def kubernetes(place: Path) -> list[str]:
    (place / "pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: ovms}\nspec:\n  containers:\n  - name: ovms\n"
        "    image: openvino/model_server:2026.3\n"
        "    args: [--model_name, m, --model_path, az://share/m, --port, '9000']\n"
        "    resources: {limits: {memory: 64Mi}}\n"
    )
    return ["--load", "none", "--kubernetes", "pod.yaml"]


def killed_container(place: Path) -> list[str]:
    good_model(place / "models" / "dense" / "1")
    document = docker_document(place / "models")
    document["State"].update(Status="exited", Running=False, OOMKilled=True, ExitCode=137, Pid=0)
    (place / "inspect.json").write_text(json.dumps([document]))
    return ["--load", "none", "--inspect", "inspect.json"]


def server_arguments(place: Path) -> list[str]:
    good_model(place / "models" / "m" / "1")
    return ["--load", "none", "--", "--model_path", str(place / "models" / "m"), "--rest_workers", "4"]


def old_release(place: Path) -> list[str]:
    good_model(place / "models" / "m" / "1")
    (place / "models" / "m" / "1" / "mapping_config.json").write_text(
        '{"inputs": {"x": "image", "y": "none"}}'
    )
    return ["models/m", "--ovms-version", "2022.1"]


def nothing_there(place: Path) -> list[str]:
    (place / "models" / "m").mkdir(parents=True)
    return ["models/m"]


WORLDS: list[World] = [
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


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.__name__)
def test_report(world: World, place: Path, snapshot: SnapshotAssertion) -> None:
    result = ovms_doctor("check", "--no-plugins", *world(place), cwd=place)
    shown = f"exit {result.code}\n{result.text}{result.err.decode()}".replace(str(place), SHOWN)
    shown = shown.replace(f"ovms-doctor {__version__} ", "ovms-doctor VERSION ")
    assert re.sub(r"OpenVINO 20[\d.]+(-\S+)?", "OpenVINO RELEASE", shown) == snapshot


@pytest.mark.parametrize("what", ["OVD101", "OVD202", "OVD651", "No version found for model in path: /m"])
def test_explain(what: str, snapshot: SnapshotAssertion) -> None:
    assert ovms_doctor("explain", what).text == snapshot
