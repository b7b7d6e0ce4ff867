"""Further results of an inspection beside its faults, the files that it never opens, and its messages."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ovms_doctor.model.facts import Failure, Fault, FileSample, ModelInspection, Operation, Tensor
from ovms_doctor.model.facts.answers import WeightsInspection
from ovms_doctor.model.facts.preparation import ModelFormat
from ovms_doctor.probes.inspect import inspect_model
from ovms_doctor.probes.inspect.weights import weights_path
from tests.probes.inspect.models import (
    BIN,
    FLOATS,
    GRAPH_DEF,
    HTML,
    LFS,
    VARIABLE,
    XML,
    external,
    loop_xml,
    message,
    onnx,
    saved_model,
    varint,
)


def inspected(path: Path | str, model_format: ModelFormat = "ir") -> ModelInspection:
    inspection = inspect_model(str(path), model_format)
    assert isinstance(inspection, ModelInspection)
    return inspection


def only_fault(inspection: ModelInspection) -> Fault:
    assert len(inspection.faults) == 1
    return inspection.faults[0]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "m.xml").write_text(XML)
    (tmp_path / "m.bin").write_bytes(BIN)
    return tmp_path / "m.xml"


def test_a_file_of_weights_that_is_too_short_to_be_the_model_s(base: Path) -> None:
    base.with_suffix(".bin").unlink()
    base.with_name("weights.bin").write_bytes(BIN[:9])
    fault = only_fault(inspected(base))
    assert fault.kind == "weights-missing"
    assert f"weights.bin is too short to be it: 9 of {len(BIN)} bytes" in fault.detail


def test_ir(base: Path) -> None:
    inspection = inspected(base)
    assert inspection == ModelInspection(
        "ir",
        (FileSample(str(base), len(XML)), FileSample(str(base.with_suffix(".bin")), 288)),
        (),
        operations=(
            Operation("Parameter", "opset1", 1, "x"),
            Operation("Const", "opset1", 2, "W"),
            Operation("MatMul", "opset1", 1, "mm"),
            Operation("Add", "opset1", 1, "add"),
            Operation("ReLU", "opset1", 1, "relu"),
            Operation("Result", "opset1", 1, "res"),
        ),
        element_types=("f32",),
        inputs=(Tensor(("x",), "f32", "[1,8]"),),
        outputs=(Tensor(("y",), "f32", "[1,8]"),),
        ir_version=11,
        writer="2026.4.1-22982-e213a147257-releases/2026/4",
        weights_needed=288,
        weights=(WeightsInspection("f32", 288),),
    )


def test_operations_in_bodies_count(tmp_path: Path) -> None:
    (tmp_path / "m.xml").write_text(loop_xml(32))
    (tmp_path / "m.bin").write_bytes(BIN[:32])
    counts = {operation.type: operation.count for operation in inspected(tmp_path / "m.xml").operations}
    assert counts == {"Parameter": 2, "TensorIterator": 1, "Result": 2, "Const": 1, "Add": 1}


def test_writer_is_the_networks_own(base: Path) -> None:
    """``rt_info`` occurs in layers too; only the child of ``<net>`` names the writer of the file."""
    inner = '<rt_info><info name="OpenVINO Runtime" value="1999"/></rt_info>'
    base.write_text(XML.replace('<data auto_broadcast="numpy" />', inner))
    assert inspected(base).writer == "2026.4.1-22982-e213a147257-releases/2026/4"
    old = '<rt_info><Runtime_version value="2022.3.0"/></rt_info></net>'
    base.write_text(XML[: XML.index("<rt_info>")] + old)
    assert inspected(base).writer == "2022.3.0"


@pytest.mark.parametrize(
    ("model", "weights"),
    [
        ("/r/1/m.xml", "/r/1/m.bin"),
        ("/r/1/a.b.xml", "/r/1/a.b.bin"),
        ("/r/1/m.XML", "/r/1/m.bin"),
        ("/r/1/.xml", "/r/1/.xml.bin"),
        ("/r.x/1/m", "/r.x/1/m.bin"),
        ("m.xml", "m.bin"),
        ("/m.xml", "/m.bin"),
    ],
)
def test_weights_path(model: str, weights: str) -> None:
    assert weights_path(model) == weights


def test_onnx(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(onnx(external("w.data", 0, 32), kind="MyOp", domain="my.domain"))
    (tmp_path / "w.data").write_bytes(FLOATS)
    inspection = inspected(path, "onnx")
    assert inspection.files == (
        FileSample(str(path), path.stat().st_size),
        FileSample(str(tmp_path / "w.data"), 32),
    )
    assert inspection.operations == (
        Operation("Add", "ai.onnx:17", 1, "n0"),
        Operation("MyOp", "my.domain:?", 1, "n1"),
    )
    assert (inspection.ir_version, inspection.writer) == (8, "us 1.2")
    assert inspection.inputs == (Tensor(("x",), "f32", "[1,8]"),)


def test_large_tensors_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tensor of 3 GiB: the data around it is read, the tensor is skipped."""
    size = 3 << 30
    tensor = message(1, size // 4) + message(2, 1) + message(8, "b") + varint(9 << 3 | 2) + varint(size)
    graph = varint(5 << 3 | 2) + varint(len(tensor) + size) + tensor
    path = tmp_path / "m.onnx"
    with path.open("wb") as file:
        file.write(message(1, 8) + message(2, "us") + varint(7 << 3 | 2) + varint(len(graph) + size) + graph)
        file.truncate(file.tell() + size)
    sizes = []
    pread = os.pread

    def counted(descriptor: int, length: int, offset: int) -> bytes:
        data = pread(descriptor, length, offset)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", counted)
    assert inspected(path, "onnx").faults == ()
    assert sum(sizes) < 16 << 20


def test_saved_model_files(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(saved_model(GRAPH_DEF + VARIABLE))
    inspection = inspected(f"{tmp_path}/", "saved_model")
    fault = only_fault(inspection)
    assert (fault.kind, fault.fatal) == ("saved-model-variables-missing", False)
    (tmp_path / "variables").mkdir()
    for name in ("variables.index", "variables.data-00000-of-00001"):
        (tmp_path / "variables" / name).write_bytes(b"abc")
    inspection = inspected(f"{tmp_path}/", "saved_model")
    assert inspection.faults == ()
    assert [os.path.basename(file.path) for file in inspection.files] == [
        "saved_model.pb", "variables.data-00000-of-00001", "variables.index",
    ]  # fmt: skip
    assert {operation.type for operation in inspection.operations} == {
        "Placeholder",
        "Identity",
        "VarHandleOp",
    }


def test_pointer_file_finding_names_the_missing_file(base: Path) -> None:
    base.write_bytes(LFS)
    fault = only_fault(inspected(base))
    assert "the real file has 288 bytes" in fault.detail
    assert "sha256:aaaa" in fault.evidence


def test_web_page_is_reported_with_its_title(base: Path) -> None:
    base.with_suffix(".bin").write_bytes(HTML)
    assert "Sign in" in only_fault(inspected(base)).detail


def test_short_weights_report_both_sizes(base: Path) -> None:
    base.with_suffix(".bin").write_bytes(BIN[:272])
    fault = only_fault(inspected(base))
    assert "272" in fault.detail
    assert "288" in fault.detail
    assert fault.evidence == "constant B needs bytes 256 to 288"
    assert fault.path == str(base.with_suffix(".bin"))


def test_pointer_instead_of_external_data(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(onnx(external("w.data", 0, 4096)))
    (tmp_path / "w.data").write_bytes(LFS)
    fault = only_fault(inspected(tmp_path / "m.onnx", "onnx"))
    assert (fault.kind, fault.fatal) == ("external-data-too-small", True)
    assert "Git LFS pointer" in fault.detail


def test_many_similar_faults_are_not_all_reported(base: Path) -> None:
    edge = '<edge from-layer="1" from-port="0" to-layer="{}" to-port="0" />'
    base.write_text(XML.replace("</edges>", "".join(edge.format(n) for n in range(100, 5000)) + "</edges>"))
    assert 1 <= len(inspected(base).faults) <= 20


@pytest.mark.parametrize("name", ["m.xml", "m.bin"])
def test_fifo_is_never_opened(base: Path, name: str) -> None:
    """Opening it would wait for a writer without end."""
    path = base.with_name(name)
    path.unlink()
    os.mkfifo(path)
    fault = only_fault(inspected(base))
    assert (fault.kind, fault.fatal, fault.path) == ("not-regular", False, str(path))


@pytest.mark.parametrize("model_format", ["ir", "onnx", "paddle", "frozen", "tflite", "saved_model"])
def test_missing(tmp_path: Path, model_format: ModelFormat) -> None:
    assert inspect_model(str(tmp_path / "none"), model_format) == Failure(errno.ENOENT)
    (tmp_path / "link").symlink_to("nowhere")
    assert inspect_model(str(tmp_path / "link"), model_format) == Failure(errno.ENOENT)
    (tmp_path / "loop").symlink_to("loop")
    assert inspect_model(str(tmp_path / "loop"), model_format) == Failure(errno.ELOOP)


def test_zero_byte_in_a_path() -> None:
    assert inspect_model("/a\0b", "ir") == Failure(errno.ENOENT)


def test_name_that_is_not_utf_8(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/m\xff.xml")
    Path(path).write_text(XML)
    fault = only_fault(inspected(path))
    assert fault.kind == "weights-missing"
    assert fault.path == path[:-4] + ".bin"


@pytest.mark.needs_root
@pytest.mark.parametrize(("name", "expected"), [("m.xml", errno.EACCES), ("m.bin", "weights-unreadable")])
def test_unreadable(base: Path, name: str, expected: int | str) -> None:
    """Inspected as another user, in a child that changes to that user."""
    base.with_name(name).chmod(0)
    child = os.fork()
    if child == 0:
        descriptor = os.open(base.parent, os.O_RDONLY)
        os.fchdir(descriptor)
        os.fchmod(descriptor, 0o755)
        os.setgroups([])
        os.setresgid(5000, 5000, 5000)
        os.setresuid(5000, 5000, 5000)
        try:
            inspection = inspect_model("m.xml", "ir")
            got = inspection.errno if isinstance(inspection, Failure) else inspection.faults[0].kind
            os._exit(0 if got == expected else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0


def test_document_too_large_for_memory(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A memory limit ends the reading, not the program."""

    def out_of_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("ovms_doctor.probes.inspect.read_ir", out_of_memory)
    fault = only_fault(inspected(base))
    assert (fault.kind, fault.fatal) == ("too-large-to-read", False)
