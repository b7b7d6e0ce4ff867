"""Children that share out questions. All are real processes."""

from __future__ import annotations

from pathlib import Path

from ovms_doctor.model.facts import InspectModel, ModelInspection
from ovms_doctor.probes.processes.child import ChildExit
from ovms_doctor.probes.processes.pool import Pool


def test_a_child_that_waited_long_for_its_first_question_is_not_taken_for_a_hanging_one(
    tmp_path: Path,
) -> None:
    """It is warmed before the files are looked at, which takes minutes where there are thousands."""
    file = tmp_path / "model.onnx"
    file.write_bytes(b"no model")
    question = InspectModel(str(file), "onnx")
    pool = Pool("inspect", {"ids": None, "roots": [], "mounts": []}, 1)
    try:
        pool.warm()
        # As if the time that it may take to come up were over.
        pool._seats[0].ends = 0.0
        ((asked, answer),) = pool.answer([question], lambda _: 60.0)
    finally:
        pool.close()
    assert asked == question
    assert not isinstance(answer, ChildExit)
    assert isinstance(answer, ModelInspection)
