"""The existing path that is suggested for a missing one."""

from __future__ import annotations

import pytest

from ovms_doctor.model.facts import Facts, FactsMissingError, Unavailable
from ovms_doctor.model.mounts import Mount
from ovms_doctor.prediction.nearest_path import nearest_path
from tests.prediction.memory import World

WORLD = World(
    {
        "/models/resnet/1/m.onnx": "good",
        "/models/detector/1/m.onnx": "good",
        "/models/Bert/1/m.onnx": "good",
        "/models/yolov8s/1/m.onnx": "good",
        "/models/yolov8n/1/m.onnx": "good",
        "/models/abc/1/m.onnx": "good",
    }
)
MOUNTS = (Mount("/srv/data", "/models"),)


def nearest(path: str, world: World = WORLD) -> str | None:
    facts = Facts({})
    for _ in range(50):
        try:
            return nearest_path(path, MOUNTS, facts)
        except FactsMissingError as missing:
            facts.add({question: world.answer(question) for question in missing.questions})
    raise AssertionError("it requests facts without end")


@pytest.mark.parametrize(
    ("path", "suggestion"),
    [
        # The tail lies below a mount.
        ("/srv/models/resnet", "/models/resnet"),
        ("/home/me/models/resnet", "/models/resnet"),
        ("/srv/models/resnet/1", "/models/resnet/1"),
        # Another case, one edit.
        ("/models/bert", "/models/Bert"),
        ("/Models/resnet", "/models/resnet"),
        ("/models/resnett", "/models/resnet"),
        ("/models/detecter", "/models/detector"),
        ("/models/rsenet", "/models/resnet"),
        ("/models/resnt/1", "/models/resnet/1"),
        # Two edits, two candidates, a short name, and a tail that does not exist.
        ("/models/resmett", None),
        ("/models/yolov8", None),
        ("/models/abd", None),
        ("/models/resnett/2", None),
        ("/models/other", None),
        ("/", None),
    ],
)
def test_suggestions(path: str, suggestion: str | None) -> None:
    assert nearest(path) == suggestion


def test_nothing_is_suggested_from_what_cannot_be_looked_at() -> None:
    class Closed(World):
        def answer(self, question: object) -> Unavailable:  # type: ignore[override]
            return Unavailable("closed")

    assert nearest("/models/resnett", Closed()) is None
