"""Results of the first poll after the start, and files that are read before any version."""

from __future__ import annotations

import pytest

from ovms_doctor.model.causes import AccessFails, SpecialFile
from ovms_doctor.model.deployment import ModelEntry, VersionPolicy
from ovms_doctor.model.facts import LoadModel
from tests.prediction.memory import MemoryFiles, deployment, model_of, settle

ALL = ModelEntry("m", "/m", VersionPolicy("all"))


def test_versions_that_throw_one_after_the_other_wait_for_a_poll_each() -> None:
    files = model_of("1", "2", "3")
    files.denied.update({f"/m/{version}": "read" for version in (1, 2, 3)})
    model = settle(deployment(entry=ALL), files).models[0]
    now = {item.version: item.now for item in model.versions}
    later = {item.version: item.later for item in model.versions}
    assert [version for version, state in now.items() if state is not None] == [1]
    assert all(state is not None and state.error_code == "OK" for state in later.values())


def test_a_hang_at_a_later_poll_does_not_end_a_started_server() -> None:
    files = model_of("1")
    files.denied["/m/1"] = "read"
    files.other_kinds["/m/2/a.onnx"] = "fifo"
    plan = settle(deployment(entry=ALL), files)
    assert plan.outcome == "serves"
    assert plan.models[0].hangs == 2
    assert plan.models[0].at_poll


def test_endless_tries_at_a_later_poll_do_not_stop_the_others() -> None:
    files = model_of("1", "101", "9", "9x", bad=("9", "9x"))
    files.denied["/m/1"] = "read"
    files.files["/n/1/a.onnx"] = "good"
    plan = settle(deployment(models=(ALL, ModelEntry("n", "/n"))), files)
    assert plan.outcome == "serves"
    assert plan.models[0].never_ends == 9
    assert plan.models[1].served == (1,)


@pytest.mark.parametrize("path", ["/m/graph.pbtxt", "/m/1/graph.pbtxt"])
def test_a_fifo_for_a_graph_blocks_the_start(path: str) -> None:
    files = model_of("1")
    files.other_kinds[path] = "fifo"
    plan = settle(deployment(), files)
    assert plan.outcome == "never_ends"
    assert plan.models[0].blocked == SpecialFile(path, "fifo")


def test_an_unopenable_graph_is_not_a_graph() -> None:
    files = model_of("1")
    files.files["/m/graph.pbtxt"] = "node {}"
    files.denied["/m/graph.pbtxt"] = "read"
    model = settle(deployment(), files).models[0]
    assert model.kind == "classic"
    assert model.served == (1,)


def test_a_directory_opens_as_a_graph() -> None:
    files = model_of("1")
    files.directories.add("/m/graph.pbtxt")
    assert settle(deployment(), files).models[0].kind == "graph"


def test_a_fifo_for_a_mapping_blocks_the_load() -> None:
    files = model_of("1")
    files.other_kinds["/m/1/mapping_config.json"] = "fifo"
    plan = settle(deployment(), files)
    assert plan.outcome == "never_ends"
    assert not [question for question in files.questions if isinstance(question, LoadModel)]


def test_variables_that_may_not_be_read_are_named() -> None:
    files = MemoryFiles(
        {
            "/m/1/saved_model.pb": "good",
            "/m/1/": "refused because its variables are missing",
            "/m/1/variables/variables.index": "x",
        }
    )
    files.denied["/m/1/variables/variables.index"] = "read"
    attempt = settle(deployment(), files).models[0].versions[0].attempt
    assert attempt is not None
    assert isinstance(attempt.cause, AccessFails)
    assert attempt.cause.path == "/m/1/variables/variables.index"
