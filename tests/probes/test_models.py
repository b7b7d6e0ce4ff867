"""Models by server path: how the libraries of the host reach them, and how their messages get the server path
again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from ovms_doctor.model.facts import (
    Answer,
    Failure,
    Fault,
    FileSample,
    InspectModel,
    LoadModel,
    LoadReport,
    ModelInspection,
    StatPath,
    Unavailable,
)
from ovms_doctor.model.mounts import NO_MOUNTS, Mount, MountTable
from ovms_doctor.probes.access import Ids, PredictedAccess
from ovms_doctor.probes.filesystem import LocalFiles, open_files
from ovms_doctor.probes.local import LocalCollector
from ovms_doctor.probes.runtime.handler import Models
from ovms_doctor.probes.walk import Walker, open_bases


def _inspected(question: InspectModel | LoadModel, path: str) -> Answer:
    """An inspection with its path in every field that may contain one."""
    fault = Fault("kind", path, True, f"{path} is bad", f"'{path}': 3 bytes")
    return ModelInspection("ir", (FileSample(path, 3),), (fault,))


def _loaded(question: InspectModel | LoadModel, path: str) -> Answer:
    return LoadReport(
        "read", "failed", "read", f"Could not open {path}.\nReal: {os.path.realpath(path)}", "1"
    )


def _models(use: object, mounts: Sequence[Mount], roots: Sequence[str] = ()) -> Models:
    return Models(open_files(None, roots, MountTable(mounts)), MountTable(mounts), use)  # type: ignore[arg-type]


@pytest.fixture
def top(public_dir: Path) -> str:
    top = os.path.realpath(public_dir)
    os.makedirs(f"{top}/srv/m/1")
    Path(top, "srv/m/1/model.xml").write_text("xml")
    return top


def test_answers_name_the_servers_paths(top: str) -> None:
    os.symlink("srv", f"{top}/by-link")
    mounts = [Mount(f"{top}/by-link", "/models")]
    path = "/models/m/1/model.xml"
    fault = Fault("kind", path, True, f"{path} is bad", f"'{path}': 3 bytes")
    assert _models(_inspected, mounts).answer(InspectModel(path, "ir")) == ModelInspection(
        "ir", (FileSample(path, 3),), (fault,)
    )
    report = _models(_loaded, mounts).answer(LoadModel(path, "read"))
    assert isinstance(report, LoadReport)
    assert report.message == f"Could not open {path}.\nReal: {path}"


def test_without_mounts_a_path_is_passed_on_unchanged(top: str) -> None:
    path = f"{top}/srv//m/1/model.xml"
    answer = _models(_inspected, ()).answer(InspectModel(path, "ir"))
    assert isinstance(answer, ModelInspection)
    assert answer.files == (FileSample(path, 3),)


def test_a_missing_model_is_passed_to_openvino(top: str) -> None:
    """OpenVINO's own text about it is needed."""
    mounts = [Mount(f"{top}/srv", "/models")]
    answer = _models(_loaded, mounts).answer(LoadModel("/models/m/1/none.onnx", "read"))
    assert isinstance(answer, LoadReport)
    assert answer.message.startswith("Could not open /models/m/1/none.onnx.")


def test_a_link_with_another_target_for_the_server_is_not_followed(top: str) -> None:
    os.makedirs(f"{top}/container")
    Path(top, "container/f.onnx").touch()
    os.symlink(f"{top}/host.onnx", f"{top}/srv/m/1/model.onnx")
    Path(top, "host.onnx").touch()
    mounts = [Mount(f"{top}/srv", "/models"), Mount(f"{top}/container/f.onnx", f"{top}/host.onnx")]
    answer = _models(_loaded, mounts).answer(LoadModel("/models/m/1/model.onnx", "read"))
    assert answer == Unavailable(
        "a link leads elsewhere on this host than it does for the server: /models/m/1/model.onnx"
    )


def test_weights_behind_a_link_out_of_all_mounts_are_unavailable(top: str) -> None:
    os.symlink("/store/model.bin", f"{top}/srv/m/1/model.bin")
    answer = _models(_inspected, [Mount(f"{top}/srv", "/models")]).answer(
        InspectModel("/models/m/1/model.xml", "ir")
    )
    assert isinstance(answer, Unavailable)
    assert "/store" in answer.reason
    assert _models(_inspected, [Mount("/x", "/y")]).answer(InspectModel("/z/a.xml", "ir")) == Unavailable(
        "not under any mount, so it is in the container's own layers: /z/a.xml", outside="/z/a.xml"
    )


@pytest.mark.parametrize("closed", ["model.xml", "model.bin"])
def test_a_file_unreadable_for_a_predicted_user_is_not_loaded(top: str, closed: str) -> None:
    Path(top, "srv/m/1/model.bin").touch()
    os.chmod(f"{top}/srv/m/1/{closed}", 0o640)
    judge = PredictedAccess(Ids(5000, 5000))
    files = LocalFiles(Walker(open_bases((), NO_MOUNTS, hold=False), judge), judge, "predict")
    models = Models(files, NO_MOUNTS, _loaded)
    path = f"{top}/srv/m/1/model.xml"
    refused = models.answer(InspectModel(path, "ir"))
    assert isinstance(refused, Failure)
    assert refused.denial
    assert refused.denial.path == f"{top}/srv/m/1/{closed}"
    assert models.answer(LoadModel(path, "read")) == Unavailable(
        f"the server's user has no permission to read {top}/srv/m/1/{closed}"
    )


@pytest.mark.needs_root
class TestAsTheServersUser:
    """OpenVINO and the inspection, in children with the server's ids."""

    def test_a_model_under_a_closed_parent_of_its_root_is_reached(self, top: str) -> None:
        path = f"{top}/srv/m/1/model.xml"
        Path(path).write_text("this is no model")
        os.chmod(f"{top}/srv", 0o700)
        with LocalCollector(Ids(5000, 5000), [f"{top}/srv/m"]) as collector:
            answers = collector.collect([LoadModel(path, "read"), InspectModel(path, "ir")])
        report, inspection = answers[LoadModel(path, "read")], answers[InspectModel(path, "ir")]
        assert isinstance(report, LoadReport), report
        assert report.outcome == "failed"
        assert "/proc/self" not in report.message
        assert isinstance(inspection, ModelInspection), inspection
        assert FileSample(path, 16) in inspection.files

    def test_file_that_the_user_may_not_read_is_not_read(self, top: str) -> None:
        path = f"{top}/srv/m/1/model.onnx"
        Path(path).write_text("this is no model")
        os.chmod(path, 0o600)
        with LocalCollector(Ids(5000, 5000)) as collector:
            answers = collector.collect([LoadModel(path, "read"), InspectModel(path, "onnx"), StatPath(path)])
        report = answers[LoadModel(path, "read")]
        assert isinstance(report, LoadReport), report
        assert report.outcome == "failed"
        assert report.runtime
        inspection = answers[InspectModel(path, "onnx")]
        assert isinstance(inspection, Failure), inspection
        assert inspection.errno == 13

    def test_a_root_that_is_a_file_in_a_closed_directory_cannot_be_loaded(self, top: str) -> None:
        path = f"{top}/srv/m/1/model.xml"
        os.chmod(f"{top}/srv", 0o700)
        with LocalCollector(Ids(5000, 5000), [path]) as collector:
            answer = collector.collect([LoadModel(path, "read")])[LoadModel(path, "read")]
        assert answer == Unavailable(f"the server's user has no permission to reach {path} on this host")

    @pytest.mark.parametrize("pair", [("model.xml", "model.bin"), ("a.pdmodel", "a.pdiparams")], ids=str)
    def test_a_root_that_is_a_file_is_loaded_with_the_weights_that_are_another_root(
        self, top: str, pair: tuple[str, str]
    ) -> None:
        model, weights = (f"{top}/srv/m/1/{name}" for name in pair)
        for path in (model, weights):
            Path(path).write_text("this is no model")
        with LocalCollector(Ids(5000, 5000), [model, weights]) as collector:
            answer = collector.collect([LoadModel(model, "read")])[LoadModel(model, "read")]
        assert isinstance(answer, LoadReport), answer
        assert answer.outcome == "failed"
        assert "/proc/self" not in answer.message

    def test_a_root_that_is_a_link_is_loaded_with_the_weights_beside_the_link(self, top: str) -> None:
        link, weights = f"{top}/srv/l.xml", f"{top}/srv/l.bin"
        os.symlink("m/1/model.xml", link)
        Path(weights).write_text("weights")
        with LocalCollector(Ids(5000, 5000), [link, weights]) as collector:
            answer = collector.collect([LoadModel(link, "read")])[LoadModel(link, "read")]
        assert isinstance(answer, LoadReport), answer
        assert answer.outcome == "failed"
