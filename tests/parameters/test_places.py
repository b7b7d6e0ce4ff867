"""The position of a parameter in config.json is at the start of every finding about it."""

from __future__ import annotations

import pytest

from ovms_doctor.checks import parameters
from ovms_doctor.checks.context import Context
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.findings import Finding
from tests.configuration.build import configured_files, deployed
from tests.prediction.memory import settle

CONFIG = """{"model_config_list": [
  {"config": {"name": "n", "base_path": "/n"}},
  {"config": {
    "name": "m", "base_path": "/m",
    %s
  }}
]}"""


def findings_on(line: str, release: str = "2025.4", config: str = CONFIG) -> list[Finding]:
    deployment = deployed(release)
    plan = settle(deployment, configured_files(config % line, "/m", "/n"))
    return list(parameters.check(Context(deployment, plan, Facts(complete=True))))


def test_the_last_of_equal_names_in_a_configuration() -> None:
    deployment = deployed("2025.4")
    line = '"shape": {"x": "(1,3)", "x": "(2,3)"}'
    (model,) = [
        m
        for m in settle(deployment, configured_files(CONFIG % line, "/m", "/n")).models
        if m.entry.name == "m"
    ]
    assert model.parameters is not None
    assert [shape.as_openvino() for _, shape in model.parameters.shapes] == ["[2,3]"]


@pytest.mark.parametrize(
    ("line", "code", "position", "message"),
    [
        ('"layout": "X:Y:Z"', "OVD421", (5, 5), '"layout": "X:Y:Z": the server does not accept this value'),
        (
            '"plugin_config": {"NUM_STREAMS": "1", "NUM_STREAM": "2"}',
            "OVD422",
            (5, 43),
            '"plugin_config": {"NUM_STREAM": "2"}: the device has no such property',
        ),
        (
            '"shape": "(1,a)"',
            "OVD423",
            (5, 5),
            '"shape": "(1,a)" is not valid; the server ignores it',
        ),
        ('"batch_size": "auto"', "OVD424", (5, 5), '"batch_size": "auto" is deprecated'),
        (
            '"nireq": 1, "shape": {"x": "(1,3)", "z": "(2,3)"}',
            "OVD425",
            (5, 41),
            '"shape": {"x": "(1,3)", "z": "(2,3)"}: the model has no input or output with the name z',
        ),
        ('"nireq": 100001', "OVD434", (5, 5), '"nireq": 100001 is more than the server accepts: 100000'),
    ],
)
def test_line_and_column(line: str, code: str, position: tuple[int, int], message: str) -> None:
    found = next(item for item in findings_on(line) if item.code == code)
    row, column = position
    assert found.message == f"/c/config.json:{row}:{column}: {message}"
    assert found.evidence[0].observation.startswith(f"line {row}, column {column}: ")
    assert found.evidence[0].how == "read of the configuration"


def test_a_key_with_a_slash_is_found() -> None:
    (found,) = (item for item in findings_on('"shape": {"a/b~": "(2,3)"}') if item.code == "OVD425")
    assert found.message.startswith("/c/config.json:5:15: ")


def test_the_position_is_not_part_of_a_findings_identity() -> None:
    moved = CONFIG.replace('    "name": "m"', '\n\n    "name": "m"')
    (one,), (other,) = findings_on('"nireq": 100001'), findings_on('"nireq": 100001', config=moved)
    assert one.message != other.message
    assert (one.subject.line, one.subject.document) == (other.subject.line - 2, other.subject.document)
    assert (one.code, one.fingerprint, one.relative) == (other.code, other.fingerprint, other.relative)


def test_a_parameter_on_the_command_line_has_no_position() -> None:
    arguments = ("--model_path", "/m", "--model_name", "m", "--rest_port", "1", "--nireq", "100001")
    deployment = deployed("2025.4", arguments)
    plan = settle(deployment, configured_files("{}", "/m"))
    (found,) = parameters.check(Context(deployment, plan, Facts(complete=True)))
    assert found.message == "--nireq 100001 is more than the server accepts: 100000"
    assert found.evidence[0].how == "read of the arguments"
