"""The existing path that is suggested for a missing one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovms_doctor.model.facts import Facts, FactsMissingError, Unavailable
from ovms_doctor.model.mounts import Mount
from ovms_doctor.prediction.nearest_path import nearest_base_path, nearest_path
from tests.prediction.memory import MemoryFiles

FILES = MemoryFiles(
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


def nearest(path: str, files: MemoryFiles = FILES, *, base: bool = False) -> str | None:
    facts = Facts({})
    for _ in range(50):
        try:
            return (nearest_base_path if base else nearest_path)(path, MOUNTS, facts)
        except FactsMissingError as missing:
            facts.add({question: files.answer(question) for question in missing.questions})
    raise AssertionError("it requests facts without end")


@pytest.mark.parametrize(
    ("path", "suggestion"),
    [
        # The end of the path is below a mount.
        ("/srv/models/resnet", "/models/resnet"),
        ("/home/me/models/resnet", "/models/resnet"),
        ("/srv/models/resnet/1", "/models/resnet/1"),
        # Different letter case; one edit.
        ("/models/bert", "/models/Bert"),
        ("/Models/resnet", "/models/resnet"),
        ("/models/resnett", "/models/resnet"),
        ("/models/detecter", "/models/detector"),
        ("/models/rsenet", "/models/resnet"),
        ("/models/resnt/1", "/models/resnet/1"),
        # Two edits, two candidates, a short name, and a path end that does not exist.
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


@pytest.mark.parametrize(
    ("path", "suggestion"),
    [
        ("/srv/models/resnet/1", "/models/resnet"),
        ("/models/resnt/1", "/models/resnet"),
        ("/srv/models/resnet", "/models/resnet"),
        # A model that is called by a number, and no model at all.
        ("/srv/models/2024", "/models/2024"),
        ("/srv/models/77", "/models/77"),
        ("/srv/elsewhere", None),
    ],
)
def test_the_base_path_is_that_of_the_model(path: str, suggestion: str | None) -> None:
    more = MemoryFiles({**FILES.files, "/models/2024/1/m.onnx": "good", "/models/77/notes.txt": "text"})
    assert nearest(path, more, base=True) == suggestion


@pytest.mark.parametrize(
    ("files", "path", "suggestion"),
    [
        # The model's directory is mounted instead of the one above it, also deeper below the mount.
        ({"/models/1/m.xml": "good"}, "/models/resnet", "/models"),
        ({"/models/1/m.xml": "good"}, "/models/vision/resnet", "/models"),
        ({"/models/a/0/x.txt": "good", "/models/a/7/m.onnx": "good"}, "/models/a/resnet", "/models/a"),
        # A number without a model's file, a repository, and a directory that is further up.
        ({"/models/1/notes.txt": "good"}, "/models/resnet", None),
        ({"/models/other/1/m.xml": "good"}, "/models/resnet", None),
        ({"/models/1/m.xml": "good", "/models/a/x.txt": "good"}, "/models/a/resnet", None),
    ],
)
def test_the_model_that_is_mounted_too_low(files: dict[str, str], path: str, suggestion: str | None) -> None:
    assert nearest(path, MemoryFiles(files), base=True) == suggestion


def test_nothing_is_suggested_from_an_unavailable_directory() -> None:
    class Closed(MemoryFiles):
        def answer(self, question: object) -> Unavailable:  # type: ignore[override]
            return Unavailable("closed")

    assert nearest("/models/resnett", Closed()) is None


@given(
    st.text("abAß1-", min_size=4, max_size=7), st.sets(st.text("abAß1-", min_size=1, max_size=7), max_size=8)
)
def test_names_one_edit_apart_match_a_full_comparison(name: str, names: set[str]) -> None:
    """The names found are the same as with a comparison of each name."""

    def is_near(other: str) -> bool:
        left, right = name.casefold(), other.casefold()
        if abs(len(left) - len(right)) > 1:
            return False
        start = next(
            (at for at, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]), None
        )
        start = min(len(left), len(right)) if start is None else start
        ends = ((start, start + 1), (start + 1, start), (start + 1, start + 1))
        swapped = left[start : start + 2] == right[start : start + 2][::-1]
        return any(left[a:] == right[b:] for a, b in ends) or (
            swapped and left[start + 2 :] == right[start + 2 :]
        )

    files = MemoryFiles({f"/models/{other}/1/m.onnx": "good" for other in names - {name}})
    same = [other for other in names - {name} if other.casefold() == name.casefold()]
    similar = same or [other for other in names - {name} if is_near(other)]
    found = nearest(f"/models/{name}", files)
    if same:
        assert found in {f"/models/{other}" for other in same}
    else:
        assert found == (f"/models/{similar[0]}" if len(similar) == 1 else None)
