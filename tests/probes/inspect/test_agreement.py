"""Comparison with OpenVINO without expected results: damaged models, and the table of inputs of operations."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovms_doctor.model.facts import ModelInspection
from ovms_doctor.model.facts.preparation import ModelFormat
from ovms_doctor.probes.inspect import inspect_model
from ovms_doctor.probes.inspect.ir_rules import LEAST_INPUTS
from tests.probes.inspect.models import BIN, GRAPH_DEF, PADDLE_WEIGHTS, ROW, XML, onnx, paddle
from tests.probes.inspect.verdict import ask

pytestmark = pytest.mark.slow

MUTANTS = 320
#: Replacements that change more than one byte.
SWAPS = (
    "",
    "0",
    "1",
    "2",
    "3",
    "6",
    "77",
    "-1",
    "opset1",
    "Const",
    "Result",
    '"',
    "<",
    ">",
    "/",
    "f16",
    "x",
    " ",
)


def mutant(source: random.Random, text: str) -> bytes:
    """The text with one to three changes: a byte, a removed part, a swapped value, the end removed."""
    data = bytearray(text.encode())
    for _ in range(source.randint(1, 3)):
        at = source.randrange(len(data))
        choice = source.random()
        if choice < 0.3:
            data[at] = source.randrange(256)
        elif choice < 0.5:
            del data[at : at + source.randint(1, 60)]
        elif choice < 0.9:
            quote = data.find(b'"', at)
            end = data.find(b'"', quote + 1)
            if 0 <= quote < end < quote + 40:
                data[quote + 1 : end] = source.choice(SWAPS).encode()
        elif choice < 0.95:
            piece = data[at : at + source.randint(1, 200)]
            data[at:at] = piece
        else:
            del data[at:]
    return bytes(data)


@pytest.mark.needs_module("openvino")
def test_a_model_that_openvino_loads_is_never_fatal(tmp_path: Path) -> None:
    source = random.Random(20260401)
    paths = []
    for number in range(MUTANTS):
        path = tmp_path / f"{number}.xml"
        path.write_bytes(mutant(source, XML))
        path.with_suffix(".bin").write_bytes(BIN)
        paths.append(str(path))
    answers = ask(paths)
    agreed = 0
    for path in paths:
        inspection = inspect_model(path, "ir")
        assert isinstance(inspection, ModelInspection)
        fatal = [fault for fault in inspection.faults if fault.fatal]
        assert not fatal or answers[path].outcome != "loads", (Path(path).read_bytes(), fatal)
        agreed += bool(fatal) == (answers[path].outcome == "refused")
    assert {"loads", "refused"} <= {answer.outcome for answer in answers.values()}
    assert agreed > MUTANTS * 3 // 4


@pytest.mark.needs_module("openvino")
@pytest.mark.parametrize(
    ("model_format", "suffix", "whole"),
    [
        ("onnx", ".onnx", onnx()),
        ("frozen", ".pb", GRAPH_DEF),
        ("paddle", ".pdmodel", paddle("w")),
    ],
)
def test_a_model_of_another_format_that_openvino_loads_is_never_fatal(
    tmp_path: Path,
    model_format: ModelFormat,
    suffix: str,
    whole: bytes,
) -> None:
    source = random.Random(20260402)
    paths = []
    for number in range(80):
        data = bytearray(whole)
        at = source.randrange(len(data))
        if number % 3:
            data[at] = source.randrange(256)
        else:
            del data[at:]
        path = tmp_path / f"{number}{suffix}"
        path.write_bytes(data)
        path.with_suffix(".pdiparams").write_bytes(PADDLE_WEIGHTS)
        paths.append(str(path))
    answers = ask(paths)
    for path in paths:
        inspection = inspect_model(path, model_format)
        assert isinstance(inspection, ModelInspection)
        fatal = [fault for fault in inspection.faults if fault.fatal]
        assert not fatal or answers[path].outcome != "loads", (Path(path).read_bytes(), fatal)
    assert {"loads", "refused"} <= {answer.outcome for answer in answers.values()}


def ir_with_inputs(kind: str, inputs: int) -> str:
    """An IR 10 in which one operation gets x that many times and declares the same number of inputs."""
    is_result = kind == "result"
    ports = "".join(f'<port id="{number}"/>' for number in range(inputs))
    edges = "".join(
        f'<edge from-layer="0" from-port="0" to-layer="1" to-port="{number}"/>' for number in range(inputs)
    )
    output = f'<output><port id="9" precision="FP32">{ROW}</port></output>'
    end = '<layer id="2" name="r" type="Result" version="opset1"><input><port id="0"/></input></layer>'
    last = '<edge from-layer="1" from-port="9" to-layer="2" to-port="0"/>'
    return (
        '<net version="10"><layers><layer id="0" name="x" type="Parameter" version="opset1">'
        '<data shape="1,8" element_type="f32"/>'
        f'<output><port id="0" precision="FP32">{ROW}</port></output></layer>'
        f'<layer id="1" name="op" type="{"Result" if is_result else kind}" version="opset1"><data/>'
        f"<input>{ports}</input>{'' if is_result else output}</layer>{'' if is_result else end}</layers>"
        f"<edges>{edges}{'' if is_result else last}</edges></net>"
    )


@pytest.mark.needs_module("openvino")
def test_operations_need_their_inputs(tmp_path: Path) -> None:
    """With one input less than the table says, and with none, each operation is refused."""
    models = {}
    for kind, least in LEAST_INPUTS.items():
        for inputs in {0, least - 1}:
            path = tmp_path / f"{kind}-{inputs}.xml"
            path.write_text(ir_with_inputs(kind, inputs))
            models[str(path)] = f"{kind} with {inputs} inputs"
    answers = ask(list(models))
    assert {
        name: answers[path].message for path, name in models.items() if answers[path].outcome != "refused"
    } == {}
    assert {
        name: answers[path].message
        for path, name in models.items()
        if "contain the op" in answers[path].message
    } == {}
    for path in models:
        inspection = inspect_model(path, "ir")
        assert isinstance(inspection, ModelInspection)
        assert any(fault.fatal and fault.kind == "input-not-connected" for fault in inspection.faults), path


FORMATS: tuple[ModelFormat, ...] = ("ir", "onnx", "paddle", "frozen", "tflite")
PIECES = st.sampled_from(
    [
        b"<net version='11'>",
        b"<layers>",
        b"<layer id='1' ",
        b"<edges>",
        b"</net>",
        b"<!DOCTYPE",
        b"<![CDATA[",
        b"&#xD800;",
        b"\0",
        b"\xff\xfe",
        b"<?xml",
        b"TFL3",
        b"\x3a",
        b"\x08\x08",
        b"\x12\x02us",
        b"version https://git-lfs",
    ]
)


@given(st.lists(st.one_of(st.binary(max_size=40), PIECES), max_size=12).map(b"".join))
def test_survives_any_bytes(data: bytes) -> None:
    """No exception, whatever the file contains and whatever format is requested."""
    descriptor = os.memfd_create("model")
    try:
        os.write(descriptor, data)
        for model_format in FORMATS:
            assert isinstance(inspect_model(f"/proc/self/fd/{descriptor}", model_format), ModelInspection)
    finally:
        os.close(descriptor)
