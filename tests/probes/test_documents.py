"""Questions about files that the document itself contains."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from ovms_doctor.model.container import DocumentFile, document_file
from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    CheckWritable,
    Entry,
    Failure,
    FileContent,
    InspectKeyFile,
    ListDirectory,
    Listing,
    PathStatus,
    ReadFile,
    StatPath,
    Unavailable,
)
from ovms_doctor.probes.documents import DocumentFiles
from tests.cli.run import ovms_doctor

FILES = (
    DocumentFile("/c", directory=True),
    document_file("/c/config.json", 4, "{é}"),
    DocumentFile("/c/keys", directory=True),
    document_file("/c/keys/k", 9, None),
    document_file("/alone.json", 2, "{}"),
)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (StatPath("/c"), PathStatus("directory", 0)),
        (StatPath("/c/./config.json", own=True), PathStatus("regular", 4)),
        (StatPath("/c/other"), Failure(errno.ENOENT)),
        (StatPath("/c/config.json/x"), Failure(errno.ENOTDIR)),
        (StatPath("/elsewhere"), None),
        (StatPath("/"), None),
        (ListDirectory("/c"), Listing((Entry("config.json", "regular"), Entry("keys", "directory")))),
        (ListDirectory("/c/config.json"), Failure(errno.ENOTDIR)),
        (ReadFile("/c/config.json", 100), FileContent("{é}".encode(), 4)),
        (ReadFile("/c/config.json", 1), FileContent(b"{", 4)),
        (ReadFile("/c", 1), Failure(errno.EISDIR)),
        (ReadFile("/c/keys/k", 9), Unavailable("/c/keys/k is a file of a secret, whose content is not kept")),
        (
            InspectKeyFile("/c/keys/k"),
            Unavailable("/c/keys/k is a file of a secret, whose content is not kept"),
        ),
        (StatPath("/alone.json"), PathStatus("regular", 2)),
        (CheckWritable("/c"), None),
    ],
)
def test_answers(question: AnyQuestion, expected: Answer | None) -> None:
    assert DocumentFiles(FILES).answer(question) == expected


MANIFEST = """
kind: ConfigMap
metadata: {name: conf}
data:
  config.json: '{"model_config_list": [{"config": {"name": "m", "base_path": "/models/m", "no_key": 1}}]}'
---
kind: Pod
metadata: {name: p}
spec:
  containers:
    - name: ovms
      image: openvino/model_server:2026.3
      args: [--config_path, /config/CONFIG, --port, "9000"]
      volumeMounts: [{name: c, mountPath: /config}]
  volumes: [{name: c, configMap: {name: conf}}]
"""


@pytest.mark.parametrize(("name", "code"), [("config.json", "OVD404"), ("cfg.json", "OVD405")])
def test_a_configuration_in_the_same_manifest(tmp_path: Path, name: str, code: str) -> None:
    path = tmp_path / "pod.yaml"
    path.write_text(MANIFEST.replace("CONFIG", name), "utf-8")
    document = ovms_doctor("check", "--kubernetes", path, "--format", "json").document
    assert [item["code"] for item in document["findings"]] == [code]
    facts = tmp_path / "facts.json"
    assert ovms_doctor("collect", "--kubernetes", path, "-o", facts).code == 0
    again = ovms_doctor("check", "--facts", facts, "--format", "json").document
    assert again["findings"] == document["findings"]
