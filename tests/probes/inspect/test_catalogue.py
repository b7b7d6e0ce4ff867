"""Every row of the catalogue: the cause is named, and "fatal" agrees with OpenVINO itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from ovms_doctor.model.facts import ModelInspection
from ovms_doctor.probes.inspect import faults, inspect_model
from tests.probes.inspect import catalogue, catalogue_files
from tests.probes.inspect.catalogue import Row
from tests.probes.inspect.verdict import OpenvinoAnswer, ask

ROWS = {row.name: row for row in (*catalogue.ROWS, *catalogue_files.ROWS)}


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every model of the catalogue, created once: name → path."""
    base = tmp_path_factory.mktemp("catalogue")
    made = {}
    for number, row in enumerate(ROWS.values()):
        directory = base / str(number)
        directory.mkdir()
        made[row.name] = row.build(directory)
    return made


@pytest.fixture(scope="module")
def openvino_answers(paths: dict[str, str]) -> dict[str, OpenvinoAnswer]:
    """OpenVINO's result for each of them, computed together: name → answer."""
    answers = ask(list(paths.values()))
    return {name: answers[path] for name, path in paths.items()}


def inspect_row(row: Row, path: str) -> ModelInspection:
    inspection = inspect_model(path, row.format)
    assert isinstance(inspection, ModelInspection)
    return inspection


def test_names_are_unique() -> None:
    assert len(ROWS) == len(catalogue.ROWS) + len(catalogue_files.ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_names_the_cause(name: str, paths: dict[str, str]) -> None:
    row = ROWS[name]
    inspection = inspect_row(row, paths[name])
    kinds = {fault.kind for fault in inspection.faults}
    assert kinds == set() if row.kind is None else row.kind in kinds
    assert kinds <= set(faults.KINDS)
    assert any(fault.fatal for fault in inspection.faults) == (
        row.outcome == "refused" and not row.undetected
    )
    if row.kind and row.outcome == "refused" and not row.undetected and row.kind != faults.LAYER_DUPLICATE_ID:
        # The named fault must be one that makes OpenVINO refuse the model.
        assert (
            row.kind in {fault.kind for fault in inspection.faults if fault.fatal}
            or row.name == "edge-to-nowhere"
        )


@pytest.mark.slow
@pytest.mark.needs_module("openvino")
@pytest.mark.parametrize("name", ROWS)
def test_openvino_agrees(name: str, openvino_answers: dict[str, OpenvinoAnswer]) -> None:
    """The expected outcomes of the catalogue are those of the installed OpenVINO."""
    assert openvino_answers[name].outcome == ROWS[name].outcome, openvino_answers[name].message


@pytest.mark.slow
@pytest.mark.needs_module("openvino")
@pytest.mark.parametrize("name", [row.name for row in ROWS.values() if row.outcome == "loads"])
def test_inputs_and_outputs(
    name: str, paths: dict[str, str], openvino_answers: dict[str, OpenvinoAnswer]
) -> None:
    """Where the format contains them, they equal those of the loaded model. Outputs: only names and types,
    because OpenVINO computes the shapes again."""
    inspection = inspect_row(ROWS[name], paths[name])
    answer = openvino_answers[name]
    if inspection.inputs is not None:
        assert [[list(t.names), t.element_type, t.shape] for t in inspection.inputs] == answer.inputs
    if inspection.outputs is not None:
        assert [list(t.names) for t in inspection.outputs] == [names for names, _, _ in answer.outputs]


def test_every_kind_is_described_once() -> None:
    text = Path(faults.__file__).read_text("utf-8")
    for kind in faults.KINDS:
        assert text.count(f"\n| {kind} |") == 1
