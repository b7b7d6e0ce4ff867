"""Sparse model files of a tebibyte: only little of them is read, and the other models keep their verdict."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ovms_doctor.model.description_size import LARGEST_DESCRIPTION
from ovms_doctor.model.facts import LoadModel, PathStatus, StatPath
from ovms_doctor.probes import local
from ovms_doctor.probes.processes.pool import Handling
from ovms_doctor.probes.runtime.read import GIB, weight_bytes
from tests.cli.helpers import check, good_model

FIXTURES = Path(__file__).parents[2] / "fixtures" / "models"
TEBIBYTE = 1 << 40
#: A model's file and its first bytes: a whole model, a field header with this length, or nothing.
SPARSE = {
    "onnx": ("model.onnx", (FIXTURES / "dense-onnx" / "1" / "model.onnx").read_bytes()),
    "onnx-field": ("model.onnx", b"\x08\x07\x3a\xf0\xff\xff\xff\xff\x1f"),
    "onnx-zeros": ("model.onnx", b""),
    "frozen": ("graph.pb", (FIXTURES / "dense-frozen" / "1" / "frozen_graph.pb").read_bytes()),
    "pb-zeros": ("graph.pb", b""),
    "saved": ("saved_model.pb", (FIXTURES / "dense-saved-model" / "1" / "saved_model.pb").read_bytes()),
    "paddle": ("inference.pdmodel", (FIXTURES / "dense-paddle" / "1" / "inference.pdmodel").read_bytes()),
}


def sparse(path: Path, header: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header)
    os.truncate(path, TEBIBYTE)
    return path


@pytest.mark.parametrize("level", ["none", "read"])
def test_the_run_ends_and_the_others_keep_their_verdict(level: str, public_dir: Path) -> None:
    for name, (file, header) in SPARSE.items():
        sparse(public_dir / name / "1" / file, header)
    good_model(public_dir / "zz-good" / "1")
    result = check(public_dir, "--load", level)
    assert result.code == 1
    served = {model["name"]: model["served_versions"] for model in result.document["models"]}
    assert served == {**{name: [] for name in SPARSE}, "zz-good": [1]}
    assert result.document["summary"]["checks"]["timed_out"] == 0


def test_a_file_that_openvino_would_read_for_hours_is_not_loaded(public_dir: Path) -> None:
    content = (FIXTURES / "dense-tflite" / "1" / "model.tflite").read_bytes()
    sparse(public_dir / "m" / "1" / "model.tflite", content)
    good_model(public_dir / "zz-good" / "1")
    result = check(public_dir)
    served = {model["name"]: model["served_versions"] for model in result.document["models"]}
    assert (result.code, served) == (3, {"m": [], "zz-good": [1]})
    (finding,) = result.document["findings"]
    assert finding["code"] == "OVD903"
    assert "1,099,511,627,776 bytes, more than a file of its kind can hold" in finding["message"]


def test_memory_and_time_do_not_follow_what_a_file_claims(
    public_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("m.onnx", "m.pb", "m.xml", "m.tflite", "m.pdmodel"):
        assert weight_bytes(str(sparse(public_dir / name / name))) == 2 * GIB
    # Weights are mapped: they use address space of their full size.
    assert weight_bytes(str(sparse(public_dir / "w" / "m.bin").with_suffix(".xml"))) == TEBIBYTE
    limits: list[float] = []

    def answer(self: object, questions: list[LoadModel], handling: Handling) -> list[object]:
        limits.extend(handling.deadline(question) for question in questions)
        return []

    monkeypatch.setattr(local.Pool, "answer", answer)
    with local.LocalCollector(None) as collector:
        for name in ("m.onnx/m.onnx", "w/m.xml"):
            collector.collect([LoadModel(str(public_dir / name), "read")])
        small = good_model(public_dir / "small" / "1") / "model.xml"
        collector.collect([LoadModel(str(small), "read")])
        status = collector.collect([StatPath(str(public_dir / "w" / "m.bin"))])
    described = LARGEST_DESCRIPTION / local.BYTES_PER_SECOND
    assert limits[:2] == [local.LOAD_DEADLINE + described, local.LONGEST_LOAD]
    assert local.LOAD_DEADLINE < limits[2] < local.LOAD_DEADLINE + 1
    (found,) = status.values()
    assert isinstance(found, PathStatus)
    assert found.size == TEBIBYTE
