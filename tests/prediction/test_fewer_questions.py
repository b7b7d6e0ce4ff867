"""Facts that are not collected, because a list of a directory already shows them."""

from __future__ import annotations

from msgspec.structs import replace

from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    ListDirectory,
    Listing,
    StatPath,
)
from ovms_doctor.model.mounts import Mount
from ovms_doctor.model.plan import Plan
from tests.configuration.build import configured_files, deployed, entry, listed
from tests.prediction.memory import MemoryFiles, settle

GRAPHS = ["/m/graph.pbtxt", "/m/1/graph.pbtxt"]


def one_model(**more: str) -> MemoryFiles:
    return configured_files(listed(entry()), "/m", **more)


def statuses_of_graphs(files: MemoryFiles) -> list[str]:
    return [path for path in GRAPHS if StatPath(path) in files.questions]


def kinds(plan: Plan) -> list[str]:
    return [model.kind for model in plan.models]


def test_lists_without_graph_pbtxt_decide_that_an_entry_is_a_model() -> None:
    files = one_model()
    plan = settle(deployed("2026.3"), files)
    assert (kinds(plan), statuses_of_graphs(files)) == (["classic"], [])
    assert plan.models[0].served == (1,)


def test_a_second_version_is_not_listed_for_a_graph() -> None:
    files = one_model(**{"/m/2/a.onnx": "good"})
    plan = settle(deployed("2026.3"), files)
    assert (plan.models[0].served, statuses_of_graphs(files)) == ((2,), GRAPHS[1:])
    assert ListDirectory("/m/1") not in files.questions


def test_a_name_in_other_case_decides_nothing() -> None:
    """A file system that ignores the case of names finds it."""
    files = one_model(**{"/m/Graph.PBTXT": "text"})
    settle(deployed("2026.3"), files)
    assert statuses_of_graphs(files) == GRAPHS[:1]


def test_a_directory_that_cannot_be_listed_decides_nothing() -> None:
    files = one_model(**{"/m/graph.pbtxt": "text"})
    files.denied["/m"] = "read"
    plan = settle(deployed("2026.3"), files)
    assert (kinds(plan), statuses_of_graphs(files)) == (["graph"], GRAPHS)


class MountedGraph(MemoryFiles):
    """A graph.pbtxt that is mounted into the directory of a model: the directory's list on the host lacks it."""

    def answer(self, question: AnyQuestion) -> Answer:
        answer = super().answer(question)
        if isinstance(answer, Listing):
            return Listing(tuple(each for each in answer.entries if each.name != "graph.pbtxt"))
        return answer


def test_a_mounted_file_is_found_although_the_list_lacks_it() -> None:
    files = MountedGraph(one_model(**{"/m/graph.pbtxt": "text"}).files)
    mounts = (Mount("/h/c", "/c"), Mount("/h/m", "/m"), Mount("/h/g", "/m/graph.pbtxt"))
    assert kinds(settle(replace(deployed("2026.3"), mounts=mounts), files)) == ["graph"]
