"""The traps of a configuration, each with the releases where the behaviour of the server changes."""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest

from ovms_doctor.model.facts import Answer, AnyQuestion, Failure, Unavailable
from tests.configuration.build import (
    configured_files,
    deployed,
    entry,
    findings,
    listed,
    plan_and_findings,
    planned,
)
from tests.prediction.memory import MemoryFiles, settle

SIX = ("2022.1", "2023.3", "2025.0", "2025.4", "2026.2", "2026.3")
METRICS = {"monitoring": {"metrics": {"enable": True}}}


def outcome(config: Any, release: str) -> str:
    plan = planned(config, release, "/m")
    return plan.problem.status if plan.problem is not None else plan.outcome


@pytest.mark.parametrize(
    ("config", "accepted"),
    [
        (listed(entry()), SIX),
        (listed(), SIX),
        (listed(entry(stateful=False)), SIX[:5]),
        (listed(entry(mean="1")), ()),
        (listed(entry(precision="FP32:U8")), ()),
        (listed({**entry(), "comment": "x"}), SIX[:2]),
        (listed(entry(base_path=None)), SIX[3:]),
        (listed(entry(base_path="")), SIX),
        (listed(entry(plugin_config={"PERF_COUNT": True})), SIX[:1] + SIX[1:]),
        (listed(entry(plugin_config={"DEVICE_PROPERTIES": {"CPU": {}}})), ()),
        (listed(entry(plugin_config='{"NUM_STREAMS": "1"}')), ()),
        (listed(entry(model_version_policy='{"all": {}}')), ()),
        (listed(entry(model_version_policy={"latest": {}})), SIX[:1]),
        (listed(entry(nireq=1.0)), ()),
        (listed(entry(graph_path="g.pbtxt")), SIX[3:]),
        (listed(entry(), **METRICS), SIX[1:]),
        (listed(entry(), mediapipe_config_list=[]), SIX[1:]),
        ({"mediapipe_config_list": []}, ()),
        (listed(entry(), **{"$schema": "x"}), ()),
        (listed(entry(), custom_loader_config_list=[], pipeline_config_list=[]), SIX),
        (listed(entry(), custom_node_library_config_list=[]), SIX),
        (listed(entry(), custom_node_library_config_list={}), ()),
    ],
)
def test_configurations_that_each_release_accepts(config: Any, accepted: tuple[str, ...]) -> None:
    taken = {release for release in SIX if outcome(config, release) != "JSON_INVALID"}
    if "DEVICE_PROPERTIES" in str(config):
        # Until v2022.3 the schema accepted any object; there the code refuses this entry.
        taken.discard("2022.1")
    assert taken == set(accepted)


@pytest.mark.parametrize(
    "text", ["\ufeff{}", "// c\n{}", '{"a": 1,}', "{'a': 1}", '["\t"]', "", "[NaN]", "{} x"]
)
def test_texts_that_rapidjson_refuses(text: str) -> None:
    plan = planned(text)
    assert plan.problem is not None
    assert (plan.problem.kind, plan.exit_code) == ("config_not_json", 1)


def test_text_behind_a_nul_byte_is_not_read() -> None:
    plan = planned('{"model_config_list": []}\0 junk')
    assert plan.outcome == "serves"


def test_the_first_of_equal_keys_counts() -> None:
    text = '{"model_config_list": [{"config": {"name": "m", "name": "n", "base_path": "/m"}}]}'
    plan = planned(text, "2026.3", "/m")
    assert [model.entry.name for model in plan.models] == ["m"]
    assert [note.kind for note in plan.config_notes] == ["doubled_key"]


def test_doubled_config_counts_as_two_keys() -> None:
    inner = '"config": {"name": "m", "base_path": "/m"}'
    text = f'{{"model_config_list": [{{{inner}, {inner}}}]}}'
    assert outcome(text, "2023.3") == "serves"
    plan = planned(text)
    assert plan.problem is not None
    assert plan.problem.keyword == "maxProperties"


def test_an_unsupported_plugin_key_drops_the_following_entries() -> None:
    bad = entry("bad", "/m", plugin_config={"FOO": "1"}, target_device="CPU")
    plan = planned(listed(entry("a", "/a"), bad, entry("z", "/z")), "2025.4", "/a", "/m", "/z")
    assert [model.entry.name for model in plan.models] == ["a"]
    assert [(item.entry.name, item.reason) for item in plan.skipped] == [
        ("bad", "aborts"),
        ("z", "after_abort"),
    ]
    assert plan.outcome == "serves"


def test_a_wrong_layout_leaves_out_that_entry_alone() -> None:
    plan = planned(listed(entry("bad", "/m", layout="X?Y"), entry("z", "/z")), "2025.4", "/m", "/z")
    assert [model.entry.name for model in plan.models] == ["z"]
    assert [(item.entry.name, item.reason) for item in plan.skipped] == [("bad", "refused")]


def test_the_first_of_equal_names_is_loaded() -> None:
    plan = planned(listed(entry(), entry(base_path="/z")), "2026.3", "/m", "/z")
    assert plan.duplicates == ("m",)
    assert [model.entry.base_path for model in plan.models] == ["/m"]


@pytest.mark.parametrize(
    ("metrics", "arguments", "status"),
    [
        ({"enable": True}, ("--rest_port", "1"), None),
        ({"enable": True}, ("--port", "1"), "METRICS_REST_PORT_MISSING"),
        ({"enable": False}, ("--port", "1"), None),
        ({"enable": False, "metrics_list": ["bad"]}, ("--port", "1"), "INVALID_METRICS_FAMILY_NAME"),
        (
            {"enable": True, "metrics_list": ["ovms_streams"] * 2},
            ("--rest_port", "1"),
            "INVALID_METRICS_FAMILY_NAME",
        ),
        ({"enable": True}, ("--rest_port", "1", "--metrics_enable"), "CONFIG_FILE_INVALID"),
    ],
)
def test_metrics_that_end_the_process(metrics: Any, arguments: tuple[str, ...], status: str | None) -> None:
    arguments = ("--config_path", "/c/config.json", *arguments)
    plan = planned(listed(entry(), monitoring={"metrics": metrics}), "2026.3", "/m", arguments=arguments)
    assert (plan.problem.status if plan.problem else None) == status
    assert plan.exit_code == (None if status is None else 1)


def test_metrics_listed_twice_on_the_command_line() -> None:
    arguments = (
        "--config_path",
        "/c/config.json",
        "--rest_port",
        "1",
        "--metrics_enable",
        "--metrics_list",
        "a,a",
    )
    plan = planned(listed(entry()), "2026.3", "/m", arguments=arguments)
    assert plan.problem is not None
    assert plan.problem.log == ("Metrics family name not supported: a",)


def test_a_model_whose_custom_loader_is_missing() -> None:
    memory_files = configured_files(listed(entry(custom_loader_options={"loader_name": "l"})), "/m")
    found = findings(memory_files)
    assert [item.code for item in found] == ["OVD420"]
    assert found[0].severity == "error"


@pytest.mark.parametrize(("release", "graph"), [("2025.0", False), ("2025.1", True), ("2026.3", True)])
def test_an_entry_with_a_graph(release: str, graph: bool) -> None:
    memory_files = configured_files(listed(entry(nireq=2)), "/m")
    memory_files.files["/m/graph.pbtxt"] = "node {}"
    plan = settle(deployed(release), memory_files)
    assert (plan.models[0].kind == "graph") is graph
    assert [note.kind for note in plan.config_notes] == (["graph_keys"] if graph else [])


def test_an_entry_without_base_path_is_a_graph_in_a_directory_of_its_name() -> None:
    memory_files = configured_files(listed(entry(base_path=None)))
    memory_files.files["/c/m/graph.pbtxt"] = "node {}"
    assert settle(deployed("2026.3"), memory_files).models[0].kind == "graph"


@pytest.mark.parametrize("release", ["2025.1", "2025.4", "2026.3"])
def test_a_graph_beside_config_json_belongs_to_no_model(release: str) -> None:
    """Without a base path, a graph is in the directory with its name. For a model the base path is then the
    configuration's own directory, where the server does not look for graph.pbtxt."""
    memory_files = configured_files(listed(entry(base_path=None)))
    memory_files.files["/c/graph.pbtxt"] = memory_files.files["/c/1/graph.pbtxt"] = "node {}"
    memory_files.files["/c/2/a.onnx"] = "good"
    (model,) = settle(deployed(release), memory_files).models
    assert (model.kind, model.entry.base_path, model.served) == ("classic", "/c/", (2,))


def test_an_empty_base_path_equals_a_missing_one() -> None:
    memory_files = configured_files(listed(entry(base_path="")))
    memory_files.files["/c/graph.pbtxt"] = "node {}"
    memory_files.files["/c/1/a.onnx"] = "good"
    assert settle(deployed("2026.3"), memory_files).models[0].kind == "classic"
    memory_files.files["/c/m/graph.pbtxt"] = "node {}"
    assert settle(deployed("2026.3"), memory_files).models[0].kind == "graph"


@pytest.mark.parametrize(("release", "kind"), [("2025.2", "graph"), ("2025.3", "classic")])
def test_a_graph_path_replaces_graph_pbtxt(release: str, kind: str) -> None:
    memory_files = configured_files(listed(entry(graph_path="other.pbtxt")), "/m")
    memory_files.files["/m/graph.pbtxt"] = "node {}"
    assert settle(deployed(release), memory_files).models[0].kind == kind
    memory_files.files["/m/other.pbtxt"] = "node {}"
    assert settle(deployed("2026.3"), memory_files).models[0].kind == "graph"


def test_an_unreadable_graph_is_not_a_graph() -> None:
    memory_files = configured_files(listed(entry(), entry("n", "/n")), "/m", "/n")
    memory_files.files["/m/graph.pbtxt"] = memory_files.files["/n/1/graph.pbtxt"] = "node {}"
    memory_files.denied["/m/graph.pbtxt"] = "read"
    models = settle(deployed("2026.3"), memory_files).models
    assert [(model.entry.name, model.kind) for model in models] == [("m", "classic"), ("n", "graph")]


def test_a_pipe_named_graph_pbtxt_blocks_the_server() -> None:
    memory_files = configured_files(listed(entry(base_path=None), entry("n", "/n")), "/n")
    memory_files.other_kinds["/c/m/graph.pbtxt"] = "fifo"
    plan = settle(deployed("2026.3"), memory_files)
    assert plan.outcome == "never_ends"
    assert plan.models[0].blocked is not None
    assert plan.models[0].blocked.path == "/c/m/graph.pbtxt"


def test_a_graph_may_not_have_a_models_name() -> None:
    config = listed(entry(), mediapipe_config_list=[{"name": "m"}, {"name": "g"}, {"name": "g"}])
    plan = planned(config, "2026.3", "/m")
    assert [(item.entry.name, item.reason) for item in plan.skipped] == [
        ("m", "occupied"),
        ("g", "duplicate"),
    ]
    assert [(model.entry.name, model.kind) for model in plan.models] == [("m", "classic"), ("g", "graph")]


PIPELINE: dict[str, Any] = {
    "name": "p",
    "inputs": ["i"],
    "nodes": [
        {
            "name": "n",
            "model_name": "m",
            "type": "DL model",
            "inputs": [{"x": {"node_name": "request", "data_item": "i"}}],
            "outputs": [{"data_item": "y", "alias": "y"}],
        }
    ],
    "outputs": [{"o": {"node_name": "n", "data_item": "y"}}],
}
CUSTOM = {"name": "c", "type": "custom", "library_name": "l", "inputs": [], "outputs": []}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"name": "m"}, "occupied"),
        ({"nodes": [{**PIPELINE["nodes"][0], "model_name": "nope"}]}, "missing_model"),
        ({"nodes": PIPELINE["nodes"] * 2}, "doubled_node"),
        ({"outputs": [{"o": {"node_name": "zz", "data_item": "y"}}]}, "missing_node"),
        ({"nodes": [*PIPELINE["nodes"], CUSTOM]}, "missing_library"),
    ],
)
def test_pipelines_that_the_configuration_alone_shows_to_fail(
    change: dict[str, Any], reason: str | None
) -> None:
    plan = planned(listed(entry(), pipeline_config_list=[{**PIPELINE, **change}]), "2026.3", "/m")
    assert plan.outcome == "serves"
    assert [item.fault.reason for item in plan.pipelines if item.fault] == (
        [] if reason is None else [reason]
    )


def test_the_first_of_two_pipelines_with_one_name_counts() -> None:
    plan = planned(listed(entry(), pipeline_config_list=[PIPELINE, PIPELINE]), "2026.3", "/m")
    assert [(item.fault.reason, item.fault.pointer) for item in plan.pipelines if item.fault] == [
        ("duplicate", "/pipeline_config_list/1")
    ]


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/l.so", "missing"), ("../l.so", "escapes"), ("/text.so", "not_a_library"), ("/good.so", None)],
)
def test_libraries_of_custom_nodes(path: str, reason: str | None) -> None:
    memory_files = configured_files(
        listed(custom_node_library_config_list=[{"name": "l", "base_path": path}])
    )
    memory_files.files |= {"/text.so": "no library " * 9, "/good.so": "\x7fELF" + "x" * 99}
    codes = [item.code for item in findings(memory_files) if item.code == "OVD441"]
    assert codes == ([] if reason is None else ["OVD441"])


def test_a_relative_config_path_and_a_relative_library() -> None:
    text = (
        '{"model_config_list": [], "custom_node_library_config_list": [{"name": "l", "base_path": "l.so"}]}'
    )
    memory_files = MemoryFiles({"/w/d/c.json": text})
    plan = settle(deployed("2026.3", ("--config_path", "d/c.json", "--port", "1")), memory_files)
    assert [fault.reason for fault in plan.libraries] == ["relative"]


def test_without_polls_states_stay_and_nothing_recovers() -> None:
    arguments = ("--config_path", "/c/config.json", "--port", "1", "--file_system_poll_wait_seconds", "0")
    memory_files = configured_files(listed(entry(), entry()), "/m")
    plan = planned(listed(entry()), "2026.3", "/m", arguments=arguments)
    assert plan.polls is False
    assert {item.recovers for item in findings(memory_files, arguments=arguments)} == {"restart"}


@pytest.mark.parametrize(
    ("config", "json_path", "suggestion"),
    [
        ('{\n "model_config_list": [\n  {"config": {"nmae": "m", "base_path": "/m"}}]}', "3:15", "name"),
        ('{\n "model_confg_list": []}', "2:2", "model_config_list"),
        (
            '{"model_config_list": [\n {"config": {"name": "m", "base_path": "/m",\n  "nirq": 1}}]}',
            "3:3",
            "nireq",
        ),
        ('{"model_config_list": [],\n "modle": 1}', "2:2", None),
    ],
)
def test_findings_name_the_json_path(config: str, json_path: str, suggestion: str | None) -> None:
    found = findings(configured_files(config))
    assert [item.code for item in found] == ["OVD404"]
    assert f"config.json:{json_path}" in found[0].message
    if suggestion is not None:
        assert f"Did you mean {suggestion}?" in found[0].detail


def test_a_syntax_error_points_at_the_character() -> None:
    found = findings(configured_files('{"model_config_list": [\n  ,]}'))
    assert [item.code for item in found] == ["OVD403"]
    assert "config.json:2:3" in found[0].message


@pytest.mark.parametrize(
    ("base_path", "part"),
    [
        ("azure://b/m", "does not support azure://"),
        ("~/m", "expand"),
        ("C:\\m", "backslash"),
        ("$HOME/m", "variables"),
    ],
)
def test_paths_that_the_server_interprets_differently(base_path: str, part: str) -> None:
    found = [
        item
        for item in findings(configured_files(listed(entry(base_path=base_path))))
        if item.code == "OVD447"
    ]
    assert len(found) == 1
    assert part in found[0].message


@pytest.mark.parametrize(
    ("number", "release", "ends"),
    [
        (2**63 - 1, "2026.3", False),
        (2**63, "2026.3", True),
        (2**64 - 2, "2026.3", True),
        (2**63, "2022.2", True),
        # -1, which is any number.
        (2**64 - 1, "2026.3", False),
        (2**63, "2022.1", False),
    ],
)
def test_a_batch_size_that_becomes_negative_ends_the_server(number: int, release: str, *, ends: bool) -> None:
    entries = listed(entry("a", "/a"), entry("m", "/m", batch_size=number))
    plan = planned(entries, release, "/a", "/m")
    assert (plan.outcome, plan.exit_code) == (("exits", 1) if ends else ("serves", None))
    arguments = ("--config_path", "/c/config.json", "--port", "9000", "--rest_port", "8000")
    _, found = plan_and_findings(configured_files(entries, "/a", "/m"), arguments, release)
    refused = [item for item in found if item.code == "OVD421"]
    assert bool(refused) == ends
    if ends:
        line = "Exception catch: Range must not be lower than -1 - will now terminate."
        assert refused[0].server_log == (line,)
        assert refused[0].message.startswith("/c/config.json:1:")


def test_a_batch_size_after_an_entry_that_stops_the_reading_is_not_read() -> None:
    bad = entry("bad", "/m", plugin_config={"FOO": "1"}, target_device="CPU")
    plan = planned(listed(bad, entry("z", "/z", batch_size=2**63)), "2025.4", "/m", "/z")
    assert plan.outcome == "serves"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ELOOP, "leads back to itself"),
        (errno.ENAMETOOLONG, "Shorten /m/"),
        (errno.EIO, "right to enter"),
    ],
)
def test_the_remedy_for_a_model_path_fits_its_failure(number: int, remedy: str) -> None:
    class Unresolved(MemoryFiles):
        def answer(self, question: AnyQuestion) -> Answer:
            inside = getattr(question, "path", "").startswith("/m")
            return Failure(number) if inside else super().answer(question)

    arguments = ("--model_path", "/m", "--model_name", "m", "--port", "9000")
    plan, found = plan_and_findings(Unresolved({}, {"/"}), arguments)
    finding = next(item for item in found if item.code == "OVD201")
    assert (plan.outcome, plan.exit_code) == ("exits", 64)
    assert remedy in finding.remedy.summary
    assert finding.evidence[0].observation == f"/m/config.json: {os.strerror(number)}"


@pytest.mark.parametrize(
    ("number", "message", "remedy"),
    [
        (errno.ELOOP, "cannot be opened: Too many levels of symbolic links", "leads back to itself"),
        (errno.ENAMETOOLONG, "cannot be opened: File name too long", "Shorten /c/config.json"),
        (errno.EIO, "cannot be opened: Input/output error", "Mount the file"),
        (errno.ENOENT, "does not exist", "Mount the file"),
        (errno.ENOTDIR, "does not exist", "Mount the file"),
    ],
)
def test_a_configuration_file_that_cannot_be_opened(number: int, message: str, remedy: str) -> None:
    """An ifstream that fails for any of these reasons gives the same line in the log (schema.cpp)."""

    class Unresolved(MemoryFiles):
        def answer(self, question: AnyQuestion) -> Answer:
            is_file = getattr(question, "path", "") == "/c/config.json"
            return Failure(number) if is_file else super().answer(question)

    arguments = ("--config_path", "/c/config.json", "--port", "9000")
    plan, found = plan_and_findings(Unresolved({}, {"/", "/c"}), arguments)
    finding = next(item for item in found if item.code == "OVD405")
    assert (plan.outcome, plan.exit_code) == ("exits", 1)
    assert finding.server_log == ("Configuration file is invalid /c/config.json",)
    assert finding.message == f"/c/config.json {message}"
    assert [item.observation for item in finding.evidence][:1] == [
        f"/c/config.json: {message.removeprefix('cannot be opened: ')}"
    ]
    assert remedy in finding.remedy.summary


@pytest.mark.parametrize(
    ("size", "model", "codes", "outcome"),
    [
        (1 << 20, "good", set(), "loaded"),
        ((1 << 20) + 1, "good", {"OVD903"}, "unknown"),
        # A model that OpenVINO refuses is not served with any mapping.
        ((1 << 20) + 1, "broken", set(), "failed"),
    ],
)
def test_a_mapping_that_is_too_large_to_be_read_is_reported(
    size: int, model: str, codes: set[str], outcome: str
) -> None:
    text = '{"inputs": {}, "outputs": {}}'
    files = MemoryFiles({"/m/1/a.onnx": model, "/m/1/mapping_config.json": text.ljust(size)}, {"/m", "/m/1"})
    arguments = ("--model_path", "/m", "--model_name", "m", "--port", "9000")
    plan, found = plan_and_findings(files, arguments)
    attempt = plan.models[0].versions[0].attempt
    assert attempt is not None
    assert (attempt.outcome, {item.code for item in found} & {"OVD903"}) == (outcome, codes)
    if codes:
        messages = [item.message for item in found if item.code == "OVD903"]
        assert messages == ["Could not look at /m/1/mapping_config.json: it is larger than 1 MiB"]


@pytest.mark.parametrize("timed_out", [False, True])
@pytest.mark.parametrize(
    ("model", "codes", "outcome"),
    [("good", {"OVD903"}, "unknown"), ("broken", set(), "failed")],
)
def test_a_mapping_whose_status_is_not_known_is_not_absent(
    model: str, codes: set[str], outcome: str, timed_out: bool
) -> None:
    class Unseen(MemoryFiles):
        def answer(self, question: AnyQuestion) -> Answer:
            if getattr(question, "path", "").endswith("/mapping_config.json"):
                return Unavailable("the file system does not answer", timed_out)
            return super().answer(question)

    arguments = ("--model_path", "/m", "--model_name", "m", "--port", "9000")
    plan, found = plan_and_findings(Unseen({"/m/1/a.onnx": model}, {"/m", "/m/1"}), arguments)
    attempt = plan.models[0].versions[0].attempt
    assert attempt is not None
    reported = {"OVD903", "OVD904"} if timed_out else {"OVD903"}
    assert (attempt.outcome, bool({item.code for item in found} & reported)) == (outcome, bool(codes))


def test_a_mapping_that_does_not_exist_is_absent() -> None:
    arguments = ("--model_path", "/m", "--model_name", "m", "--port", "9000")
    plan, _ = plan_and_findings(MemoryFiles({"/m/1/a.onnx": "good"}, {"/m", "/m/1"}), arguments)
    attempt = plan.models[0].versions[0].attempt
    assert attempt is not None
    assert attempt.outcome == "loaded"


@pytest.mark.parametrize(
    ("escape", "release", "outcome"),
    [
        (r"\udc00", "2024.2", "serves"),
        (r"\uDFFF\udc00", "2022.1", "serves"),
        (r"\udc00", "2024.3", "exits"),
        (r"\udc00", "2026.3", "exits"),
        # A high surrogate needs a low one in every release.
        (r"\ud800", "2024.2", "exits"),
        (r"\ud800\ud800", "2024.2", "exits"),
        (r"\ud83d\ude00", "2026.3", "serves"),
        (r"\\udc00", "2026.3", "serves"),
    ],
)
def test_a_low_surrogate_alone_is_accepted_until_2024_2(escape: str, release: str, outcome: str) -> None:
    text = f'{{"model_config_list": [{{"config": {{"name": "a{escape}b", "base_path": "/m"}}}}]}}'
    assert planned(text, release, "/m").outcome == outcome


def test_the_name_with_a_low_surrogate_alone_has_its_three_bytes() -> None:
    text = r'{"model_config_list": [{"config": {"name": "a\udc00b", "base_path": "/m"}}]}'
    (model,) = planned(text, "2024.2", "/m").models
    assert model.entry.name.encode("utf-8", "surrogateescape") == b"a\xed\xb0\x80b"


def test_a_fault_after_a_low_surrogate_has_its_position_in_the_file() -> None:
    text = r'{"model_config_list": [{"config": {"name": "\udc00\udc01", "base_path": "/m"}}],}'
    problem = planned(text, "2024.2", "/m").problem
    assert problem is not None
    assert problem.at == planned(text.replace("udc0", "u0e0"), "2024.2", "/m").problem.at  # type: ignore[union-attr]
