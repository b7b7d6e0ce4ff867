"""Recorded starts of the server with a fault: ``check`` of the same files and arguments predicts the same."""

from __future__ import annotations

import io
import json
import re
import socket
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.diagnosis.run import begin, report_on
from ovms_doctor.diagnosis.settle import settled_run
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.host import User
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.output_options import OutputOptions
from ovms_doctor.report.json_report import to_document
from tests.cases_run import collector
from tests.conftest import public_directory
from tests.logs.recorded import recorded

DATA = Path(__file__).parents[1] / "data" / "faults"
RUNS: dict[str, Any] = json.loads((DATA / "runs.json").read_text())
RECORDED_BELOW = "/srv/ovms"
#: The port that another program used in the recordings with a busy port.
RECORDED_PORT = "18080"
#: Faults that depend on features that the recorded builds do not have.
OTHER_BUILD = {
    "mediapipe-config-in-build-without-mediapipe": "graphs",
    "s3-path-cloud-disabled": "remote storage",
}
#: Modes of files and directories; the archive does not contain them.
MODES = {
    "models/noperm/1": 0o700,
    "models/nopermbase": 0o700,
    "models/nopermbin/1/model.bin": 0o600,
    "configs/unreadable.json": 0o600,
    "rocache": 0o755,
}
DIRECTORIES = ("models/emptyver/1", "cache", "rocache")
#: The start of OpenVINO's own text, which contains files and line numbers of another build.
_OF_OPENVINO = re.compile(r"Exception from|Check '")


@pytest.fixture(scope="module")
def root_directory() -> Iterator[Path]:
    with public_directory() as directory:
        with tarfile.open(fileobj=io.BytesIO((DATA / "models.tar.xz").read_bytes())) as archive:
            archive.extractall(directory, filter="data")
        for path in directory.rglob("*.json"):
            path.write_text(path.read_text().replace(RECORDED_BELOW, str(directory)))
        for name in DIRECTORIES:
            (directory / name).mkdir(parents=True)
        for name, mode in MODES.items():
            (directory / name).chmod(mode)
        yield directory


@pytest.fixture
def busy_port() -> Iterator[str]:
    """A port on which something listens."""
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        yield str(listener.getsockname()[1])


def states(config: str) -> dict[str, list[tuple[int, str, str]]]:
    """The states in an answer of ``/v1/config``."""
    return {
        name: [
            (int(version["version"]), version["state"], version["status"]["error_code"])
            for version in model["model_version_status"]
        ]
        for name, model in json.loads(config).items()
    }


@pytest.mark.needs_root
@pytest.mark.parametrize("key", [key for key in RUNS if key.split("/")[1] not in OTHER_BUILD])
def test_recorded_fault(key: str, root_directory: Path, busy_port: str) -> None:
    run, recording = RUNS[key], recorded()[key]
    uid = run.get("uid", 0)
    replaced = {RECORDED_BELOW: str(root_directory)}
    if key.split("/")[1] == "port-busy-rest":
        replaced[RECORDED_PORT] = busy_port
    options = CheckOptions(
        arguments=tuple(_replace(word, replaced) for word in run["arguments"]),
        release=key.partition("/")[0],
        user=User(uid, uid),
        user_from="--user",
        bare_metal=True,
        working_directory="/",
        load="read",
    )
    document = to_document(
        report_on(settled_run(options, Facts(), collector(uid)), OutputOptions(), begin(()))
    )
    server = document["server"]
    if recording["stopped_with"]:
        assert server["outcome"] == "serves"
    else:
        assert (server["outcome"], server["exit_code"]) == ("exits", recording["exit_code"])
    if recording["config"] is not None:
        predicted = {
            model["name"]: [
                (version["version"], version["state"], version["error_code"])
                for version in model["versions"]
                if version["state"] is not None
            ]
            for model in document["models"]
        }
        assert predicted == states(recording["config"])
    log = recording["stdout"] + recording["stderr"]
    for finding in document["findings"]:
        for line in finding["server_log"]:
            own = _OF_OPENVINO.split(_replace(line, {new: old for old, new in replaced.items()}))[0]
            assert own in log, finding["code"]


def _replace(text: str, pairs: dict[str, str]) -> str:
    for old, new in pairs.items():
        text = text.replace(old, new)
    return text
