"""The rules on files in memory: facts in, plan out."""

from __future__ import annotations

import pytest

from ovms_doctor.model.causes import AccessFails, SpecialFile, VersionDirectoryMissing
from ovms_doctor.model.deployment import ModelEntry, VersionPolicy
from ovms_doctor.model.facts import InspectModel, LoadModel
from ovms_doctor.model.plan import ModelPlan
from tests.prediction.memory import MemoryFiles, deployment, model_of, settle


def only(files: MemoryFiles, release: str = "2026.3", mode: str = "config", **more: object) -> ModelPlan:
    plan = settle(deployment(release, mode, **more), files)
    return plan.models[0]


def states(plan: ModelPlan, *, later: bool = False) -> dict[int, str]:
    chosen = {item.version: item.later if later else item.now for item in plan.versions}
    return {version: f"{s.state}/{s.error_code}" for version, s in chosen.items() if s is not None}


@pytest.mark.parametrize(
    ("versions", "found"),
    [
        (("1", "2"), True),
        (("1", "10"), True),
        (("1", "2", "10"), True),
        (("10", "11"), True),
        (("9", "10", "11"), True),
        (("8", "9", "10", "11", "12"), True),
        (("9", "10"), False),
        (("2", "10"), False),
        (("8", "9", "10"), False),
        (("1", "2", "3", "10"), False),
        (("99", "100"), False),
    ],
)
def test_fallback_depends_on_a_search_in_an_unsorted_list(versions: tuple[str, ...], found: bool) -> None:
    newest = max(versions, key=int)
    plan = only(model_of(*versions, bad=(newest,)))
    assert bool(plan.served) is found
    assert bool(plan.missed) is not found


def test_one_broken_version_above_a_good_one_is_stable() -> None:
    plan = only(model_of("1", "2", bad=("2",)))
    assert states(plan) == states(plan, later=True) == {1: "AVAILABLE/OK", 2: "LOADING/UNKNOWN"}


def test_two_broken_versions_retire_the_good_one_at_the_next_poll() -> None:
    plan = only(model_of("1", "2", "3", bad=("2", "3")))
    assert plan.served == (1,)
    assert plan.served_later == ()
    assert states(plan, later=True)[1] == "END/OK"


def test_two_broken_of_the_latest_two_are_stable() -> None:
    entry = ModelEntry("m", "/m", VersionPolicy("latest", 2))
    plan = only(model_of("1", "2", "3", "4", bad=("3", "4")), entry=entry)
    assert plan.served == plan.served_later == (1, 2)


@pytest.mark.parametrize("mode", ["single", "config"])
def test_a_broken_version_beside_good_ones_ends_a_single_model_server_only(mode: str) -> None:
    entry = ModelEntry("m", "/m", VersionPolicy("all"))
    plan = settle(deployment("2026.3", mode, entry=entry), model_of("1", "2", "3", bad=("2",)))
    assert plan.models[0].versions[0].now is not None
    assert (plan.outcome, plan.exit_code) == (("exits", 1) if mode == "single" else ("serves", None))


@pytest.mark.parametrize(
    ("names", "policy"),
    [(("11", "2", "2.bak"), VersionPolicy("latest", 3)), (("101", "9", "9x"), VersionPolicy("all"))],
)
def test_a_start_that_never_ends(names: tuple[str, ...], policy: VersionPolicy) -> None:
    files = model_of(*names, bad=names[1:])
    plan = settle(deployment(entry=ModelEntry("m", "/m", policy)), files)
    assert plan.outcome == "never_ends"
    assert plan.starts is False
    assert plan.models[0].never_ends == int(names[1])


def test_models_after_one_that_never_ends_are_not_tried() -> None:
    entries = (ModelEntry("m", "/m", VersionPolicy("all")), ModelEntry("n", "/n"))
    files = model_of("101", "9", "9x", bad=("9", "9x"))
    files.files["/n/1/a.onnx"] = "good"
    plan = settle(deployment(models=entries), files)
    assert [model.tried for model in plan.models] == [True, False]
    assert plan.models[1].versions[0].now is None


def test_the_directory_opened_is_the_number() -> None:
    plan = only(model_of("1_backup"))
    attempt = plan.versions[0].attempt
    assert attempt is not None
    assert attempt.cause == VersionDirectoryMissing("/m/1", ("1_backup",))


def test_duplicates_are_loaded_again_at_every_poll_under_all_only() -> None:
    entry = ModelEntry("m", "/m", VersionPolicy("all"))
    assert only(model_of("1", "01"), entry=entry).reloaded == (1,)
    assert only(model_of("1", "01")).reloaded == ()


@pytest.mark.parametrize(
    ("release", "state", "kind"),
    [
        ("2025.0", "LOADING/UNKNOWN", "failed"),
        ("2025.1", "LOADING/OK", "threw"),
        ("2026.3", "LOADING/OK", "threw"),
    ],
)
def test_a_version_directory_that_may_not_be_listed(release: str, state: str, kind: str) -> None:
    files = model_of("1")
    files.denied["/m/1"] = "read"
    plan = only(files, release)
    attempt = plan.versions[0].attempt
    assert states(plan) == {1: state}
    assert attempt is not None
    assert attempt.outcome == kind
    assert isinstance(attempt.cause, AccessFails)


def test_an_exception_in_a_version_stops_a_good_one() -> None:
    files = model_of("1", "2")
    files.denied["/m/2"] = "read"
    plan = only(files)
    assert plan.served == ()
    assert states(plan) == {2: "LOADING/OK"}


def test_an_exception_in_a_version_delays_the_rest_of_a_round() -> None:
    files = model_of("1", "2")
    files.denied["/m/1"] = "read"
    plan = only(files, entry=ModelEntry("m", "/m", VersionPolicy("all")))
    assert states(plan) == {1: "LOADING/OK"}
    assert states(plan, later=True) == {1: "LOADING/OK", 2: "AVAILABLE/OK"}


@pytest.mark.parametrize(
    ("release", "served"), [("2022.1", False), ("2025.4", False), ("2026.2", False), ("2026.3", True)]
)
def test_single_files(release: str, served: bool) -> None:
    files = MemoryFiles({"/m.onnx": "good"})
    plan = settle(deployment(release, "single", entry=ModelEntry("m", "/m.onnx")), files)
    assert (plan.outcome == "serves") is served
    if served:
        assert plan.models[0].served == (1,)


@pytest.mark.parametrize(
    ("release", "name", "served"),
    [
        ("2022.1", "a.pdmodel", False),
        ("2022.2", "a.pdmodel", True),
        ("2022.2", "a.pb", False),
        ("2022.3", "a.pb", True),
        ("2023.0", "a.tflite", False),
        ("2023.1", "a.tflite", True),
        ("2022.1", "a.ONNX", True),
    ],
)
def test_formats_came_with_releases(release: str, name: str, served: bool) -> None:
    files = MemoryFiles({f"/m/1/{name}": "good"})
    if name.endswith(".pdmodel"):
        files.files["/m/1/a.pdiparams"] = "x"
    assert bool(only(files, release).served) is served


@pytest.mark.parametrize(("release", "file"), [("2025.0", "/m/1/x.xml"), ("2025.1", "/m/1/y.xml")])
def test_a_directory_with_a_models_suffix_counted_as_a_file_once(release: str, file: str) -> None:
    files = MemoryFiles({"/m/1/y.bin": "w", "/m/1/y.xml": "good"})
    files.files = {"/m/1/x.xml/z": "", **files.files}
    attempt = only(files, release).versions[0].attempt
    assert attempt is not None
    assert attempt.model_file == file


def test_saved_models_are_handed_over_as_directories_since_2023_0() -> None:
    files = MemoryFiles({"/m/1/saved_model.pb": "good"})
    for release, file in (("2022.3", "/m/1/saved_model.pb"), ("2023.0", "/m/1/")):
        attempt = only(files, release).versions[0].attempt
        assert attempt is not None
        assert attempt.model_file == file
    files = MemoryFiles({"/saved_model.pb.d/m/1/saved_model.pb": "good"})
    attempt = only(files, entry=ModelEntry("m", "/saved_model.pb.d/m")).versions[0].attempt
    assert attempt is not None
    assert attempt.model_file == "/"


def test_a_link_loop_beside_a_good_version_fails_the_whole_model() -> None:
    files = model_of("1")
    files.loops.add("/m/loop")
    plan = only(files)
    assert plan.status == "PATH_INVALID"
    assert plan.detection.problem is not None
    assert plan.detection.problem.entry == "loop"


def test_a_fifo_is_recognised_before_anything_opens_it() -> None:
    files = MemoryFiles({"/m/1/a.bin": "w"}, other_kinds={"/m/1/a.xml": "fifo"})
    plan = settle(deployment(), files)
    assert plan.outcome == "never_ends"
    attempt = plan.models[0].versions[0].attempt
    assert attempt is not None
    assert attempt.cause == SpecialFile("/m/1/a.xml", "fifo")
    assert not [question for question in files.questions if isinstance(question, LoadModel | InspectModel)]


def test_version_that_is_not_requested_is_not_checked() -> None:
    files = model_of("1", "2", "3")
    only(files)
    assert not [question for question in files.questions if question.path.startswith(("/m/1/a", "/m/2/a"))]


def test_load_none_sends_no_question_to_openvino() -> None:
    files = model_of("1")
    plan = only(files, load="none")
    assert plan.served == (1,)
    attempt = plan.versions[0].attempt
    assert attempt is not None
    assert attempt.basis == "static"
    assert not [question for question in files.questions if isinstance(question, LoadModel)]


@pytest.mark.parametrize(("release", "code"), [("2025.4", None), ("2026.3", 64)])
def test_a_model_path_that_may_not_be_searched_ends_the_newest_release(
    release: str, code: int | None
) -> None:
    files = model_of("1")
    files.denied["/m"] = "search"
    plan = settle(deployment(release, "single"), files)
    assert plan.exit_code == code


def test_a_stray_config_json_ends_a_single_model_server_of_2026_3() -> None:
    files = model_of("1")
    files.files["/m/config.json"] = '{"model_config_list": []}'
    assert settle(deployment("2026.2", "single"), files).outcome == "serves"
    plan = settle(deployment("2026.3", "single"), files)
    assert (plan.outcome, plan.exit_code) == ("exits", 64)
    files.files["/m/config.json"] = '{"architectures": ["LlamaForCausalLM"]}'
    plan = settle(deployment("2026.3", "single"), files)
    # Treated as a language model without any file.
    assert (plan.outcome, plan.exit_code) == ("exits", 1)
    assert plan.models[0].kind == "generative"


def test_a_graph_is_recognised_since_2025_1() -> None:
    files = model_of("1")
    files.files["/m/graph.pbtxt"] = "node {}"
    assert only(files, "2025.0").kind == "classic"
    assert only(files, "2025.1").kind == "graph"


@pytest.mark.parametrize("name", ["a.onnx", "a.pb", "a.tflite", "a.xml", "a.pdmodel", "a.pdiparams"])
def test_a_single_file_is_version_1(name: str) -> None:
    """Since 2026.3 a base path may be a model file (modelmanager.cpp); a pair needs both files of one stem."""
    stem, suffix = name.split(".")
    partner = {"xml": "bin", "pdmodel": "pdiparams", "pdiparams": "pdmodel"}.get(suffix)
    entry = ModelEntry("m", f"/{name}")
    files = MemoryFiles({f"/{name}": "good"})
    if partner is not None:
        files.files[f"/b.{partner}"] = "good"
        assert only(files, entry=entry).served == ()
        files.files[f"/{stem}.{partner}"] = "good"
    assert only(files, entry=entry).served == (1,)
    assert only(files, "2026.2", entry=entry).status == "PATH_INVALID"


@pytest.mark.parametrize("name", ["a.ONNX", "a.bin", "a.txt"])
def test_another_file_is_no_model(name: str) -> None:
    """The suffix is compared as it is written, unlike that of a file in a version directory."""
    plan = only(MemoryFiles({f"/{name}": "good"}), entry=ModelEntry("m", f"/{name}"))
    assert (plan.served, plan.status) == ((), "FILE_INVALID")
