"""Models that are read: facts in, findings out."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ovms_doctor.checks import mapping, operations, reading
from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context
from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    Facts,
    Fault,
    InspectModel,
    LoadModel,
    LoadReport,
    ModelInspection,
    Operation,
    Tensor,
)
from ovms_doctor.model.findings import Finding
from tests.prediction.memory import INPUT, OUTPUT, MemoryFiles, deployment, settle


class ReadModel(MemoryFiles):
    """A model at /m/1 that OpenVINO reads, with these faults and tensors. ``inspection``, ``report``: other fields of
    the static reading and of OpenVINO's result."""

    inspection: dict[str, Any]
    report: dict[str, Any]

    def __init__(
        self, *faults: Fault, inputs: tuple[Tensor, ...] = (INPUT,), outputs: tuple[Tensor, ...] = (OUTPUT,)
    ) -> None:
        self.inspection, self.report = {}, {}
        super().__init__({"/m/1/a.xml": "good", "/m/1/a.bin": "good"})
        self.faults = faults
        self.tensors = inputs, outputs

    def answer(self, question: AnyQuestion) -> Answer:
        answer = super().answer(question)
        inputs, outputs = self.tensors
        if isinstance(answer, ModelInspection) and isinstance(question, InspectModel):
            return replace(answer, faults=self.faults, inputs=inputs, outputs=outputs, **self.inspection)
        if isinstance(answer, LoadReport) and isinstance(question, LoadModel):
            return replace(answer, inputs=inputs, outputs=outputs, **self.report)
        return answer


def findings(
    files: MemoryFiles, release: str = "2026.3", mode: str = "config", check: Check = reading.CHECK
) -> list[Finding]:
    server = deployment(release, mode)
    return list(check.run(Context(server, settle(server, files), Facts(complete=True))))


WEIGHTS = "/m/1/a.bin"


@pytest.mark.parametrize(("mode", "recovers"), [("single", "restart"), ("config", "config_change")])
@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("weights-lfs-pointer", "OVD302"),
        ("weights-html", "OVD303"),
        ("weights-zero-tail", "OVD309"),
        ("weights-sparse", "OVD309"),
        ("weights-all-zero", "OVD309"),
        ("weights-trailing-bytes", "OVD310"),
        ("graph-empty", "OVD317"),
        ("empty-file", "OVD305"),
    ],
)
def test_a_fault_that_openvino_does_not_notice(kind: str, code: str, mode: str, recovers: str) -> None:
    """A tiny model loads with the bytes of a Git LFS pointer as its weights: it is served, with wrong results."""
    fault = Fault(kind, WEIGHTS, False, "The file is odd", "the first bytes")
    (found,) = findings(ReadModel(fault), mode=mode)
    assert (found.code, found.severity, found.message) == (code, "warning", "The file is odd")
    assert (found.subject.model, found.subject.version, found.subject.path) == ("m", 1, WEIGHTS)
    assert found.detail == (
        "OpenVINO does not notice it: the model is served, and its results are computed from these bytes."
    )
    assert [(item.observation, item.how) for item in found.evidence] == [
        ("the first bytes", "static reading")
    ]
    # The server does not read the files of a version again that it serves.
    assert (found.recovers, found.server_log) == (recovers, ())


def test_the_path_is_the_evidence_of_a_fault_without_another() -> None:
    (found,) = findings(ReadModel(Fault("weights-html", WEIGHTS, False, "The file is odd", "")))
    assert [item.observation for item in found.evidence] == [WEIGHTS]


def test_openvino_read_what_static_reading_called_fatal() -> None:
    """It knows better: this is no fault of a model that is served."""
    assert findings(ReadModel(Fault("weights-html", WEIGHTS, True, "The file is odd", ""))) == []
    assert findings(ReadModel(Fault("a-new-kind", WEIGHTS, False, "The file is odd", ""))) == []


def test_what_other_tools_refuse_is_an_info() -> None:
    (found,) = findings(ReadModel(Fault("xml-tolerated", "/m/1/a.xml", False, "An entity is odd", "line 7")))
    assert (found.code, found.severity, found.recovers) == ("OVD319", "info", None)
    assert (found.message, found.subject.path) == ("An entity is odd", "/m/1/a.xml")
    assert found.detail == "The model is served. Other tools may refuse the file."
    assert [item.observation for item in found.evidence] == ["line 7"]


UNNAMED = Tensor((), "f32", "[1,3]")


@pytest.mark.parametrize(
    ("files", "release", "code", "message", "line"),
    [
        (ReadModel(inputs=()), "2024.3", None, "", ""),
        (ReadModel(outputs=()), "2024.3", None, "", ""),
        (ReadModel(inputs=()), "2024.4", "OVD331", "The model has no inputs, and this release serves no such model",
         "Tried to load model:m, version: 1 with no inputs"),
        (ReadModel(outputs=()), "2026.3", "OVD332", "The model has no outputs, and this release serves no such model",
         "Tried to load model:m, version: 1 with no outputs"),
        (ReadModel(inputs=(UNNAMED,)), "2026.3", "OVD333", "An input of the model has no name",
         "Failed to configure input layout for model:m; version:1;"),
        (ReadModel(outputs=(UNNAMED,)), "2024.5", "OVD333",
         "An output of the model has no name, which this release needs",
         "Failed to configure output layout for model:m; version:1;"),
        # Since 2025.0, outputs without a name get one.
        (ReadModel(outputs=(UNNAMED,)), "2025.0", None, "", ""),
    ],
)  # fmt: skip
def test_inputs_and_outputs_that_the_server_refuses(
    files: ReadModel, release: str, code: str | None, message: str, line: str
) -> None:
    """modelinstance.cpp, loadTensors: after OpenVINO has read the model."""
    found = findings(files, release)
    assert [item.code for item in found] == ([] if code is None else [code])
    for finding in found:
        assert (finding.severity, finding.message, finding.recovers) == ("error", message, "next_poll")
        assert (finding.subject.version, finding.subject.path) == (1, "/m/1/a.xml")
        assert finding.server_log[0].startswith(line)
        assert finding.detail == (
            "The server keeps running and answers “ready”, but serves nothing under this name."
        )


@pytest.mark.parametrize(
    ("number", "stage", "name", "verb"),
    [
        (11, "read", "SIGSEGV", "reads"),
        (8, "compile", "SIGFPE", "compiles"),
        (99, "read", "signal 99", "reads"),
    ],
)
def test_a_crash_of_openvino_ends_the_server(number: int, stage: str, name: str, verb: str) -> None:
    """A native crash in read or compile has no line in the log: exit code 139 for SIGSEGV, 136 for SIGFPE."""
    files = ReadModel()
    files.report = {"outcome": "crashed", "stage": stage, "signal": number}
    (found,) = findings(files)
    assert (found.code, found.severity, found.recovers) == ("OVD343", "error", "restart")
    assert (
        found.message == f"OpenVINO crashes ({name}) while it {verb} this model, and the server ends with it"
    )
    assert found.detail == f"The process ends with exit code {128 + number}; nothing is logged about it."
    assert (found.subject.version, found.subject.path, found.server_log) == (1, "/m/1/a.xml", ())
    assert [(item.observation, item.how) for item in found.evidence] == [
        (f"the child process ended with {name}", "OpenVINO test in a child process")
    ]


@pytest.mark.parametrize(
    ("message", "code", "expected"),
    [
        ("Wrong index file", "OVD318", "The variables of a.xml are damaged: their index is too short"),
        ('Could not open the file: "/m/1/a.xml"', "OVD313",
         "a.xml does not lead to a file: OpenVINO finds no file there"),
        ("Exception from src/core.cpp:1:\nUnable to read the model: /m/1/a.xml", "OVD301",
         "OpenVINO does not recognise a.xml as a model"),
        ("Exception from src/core.cpp:1:\nSomething new", "OVD341", "OpenVINO refuses a.xml: Something new"),
    ],
)  # fmt: skip
def test_what_openvino_refuses(message: str, code: str, expected: str) -> None:
    files = ReadModel()
    files.report = {"outcome": "failed", "message": message}
    (found,) = findings(files)
    assert (found.message, found.severity, found.recovers) == (expected, "error", "next_poll")
    assert (found.subject.version, found.subject.path) == (1, "/m/1/a.xml")
    assert found.server_log[0].startswith(
        f"Error: {message}; occurred during loading ov::Model model: m version: 1"
    )
    assert found.code == code


# -- operations ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("writer", "written"), [(None, ""), ("x 1.0", "; it was written by x 1.0")])
def test_an_operation_that_the_release_does_not_have(writer: str | None, written: str) -> None:
    files = ReadModel()
    used = (Operation("ScaledDotProductAttention", "opset13", 2, "attention"),)
    files.inspection = {"format": "ir", "operations": used, "writer": writer}
    (found,) = findings(files, "2023.2", check=operations.CHECK)
    assert (found.code, found.severity, found.recovers) == ("OVD322", "error", "restart")
    assert found.message == (
        "The model uses ScaledDotProductAttention of opset13, which OpenVINO has since 2023.3; OVMS 2023.2 contains an "
        "older one"
    )
    assert [item.observation for item in found.evidence] == [f"ScaledDotProductAttention (opset13){written}"]
    assert findings(files, "2024.0", check=operations.CHECK) == []


# -- mapping_config.json ---------------------------------------------------------------------------------


SECOND = Tensor(("z",), "f32", "[1,3]")


@pytest.mark.parametrize(
    ("text", "code", "severity", "message"),
    [
        ('{"inputs": {"x": "a", "z": "a"}, "outputs": {}}', "OVD463", "warning",
         "maps several inputs to one name: x and z as a"),
        ('{"inputs": {"x": "z"}, "outputs": {}}', "OVD463", "warning",
         "maps several inputs to one name: x and z as z"),
        ('{"inputs": {"x": "a"}}', "OVD464", "info", "has no outputs"),
        ('{"outputs": {"y": "b"}}', "OVD464", "info", "has no inputs"),
        ("{}", "OVD464", "warning", "has no inputs and outputs: it maps nothing"),
    ],
)  # fmt: skip
def test_a_mapping(text: str, code: str, severity: str, message: str) -> None:
    """Two inputs under one name overwrite each other in the server's map; nothing is logged (modelconfig.cpp)."""
    files = ReadModel(inputs=(INPUT, SECOND))
    path = "/m/1/mapping_config.json"
    files.files[path] = text
    (found,) = findings(files, check=mapping.CHECK)
    assert (found.severity, found.message) == (severity, f"{path} {message}")
    assert (found.subject.model, found.subject.version, found.subject.path) == ("m", 1, path)
    assert found.code == code
