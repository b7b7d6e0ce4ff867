"""Children that share out questions. All are real processes."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from ovms_doctor.model.facts import InspectModel, ModelInspection
from ovms_doctor.probes.processes.child import ChildExit
from ovms_doctor.probes.processes.pool import Pool
from ovms_doctor.probes.processes.single import START_DEADLINE


def test_a_child_that_waited_long_for_its_first_question_is_not_taken_for_a_hanging_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is warmed before the files are looked at, which takes minutes where there are thousands."""
    file = tmp_path / "model.onnx"
    file.write_bytes(b"no model")
    question = InspectModel(str(file), "onnx")
    pool = Pool("inspect", {"ids": None, "roots": [], "mounts": []}, 1)
    try:
        pool.warm()
        # As if the time that it may take to come up were over.
        later = SimpleNamespace(monotonic=lambda: time.monotonic() + 2 * START_DEADLINE)
        monkeypatch.setattr("ovms_doctor.probes.processes.pool.time", later)
        ((asked, answer),) = pool.answer([question], lambda _: 60.0)
    finally:
        pool.close()
    assert asked == question
    assert not isinstance(answer, ChildExit)
    assert isinstance(answer, ModelInspection)
