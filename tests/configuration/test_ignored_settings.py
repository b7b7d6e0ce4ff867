"""Settings that the server ignores or reads differently than intended: graphs, tasks, policies, values, positions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ovms_doctor.inputs.arguments import read_arguments
from ovms_doctor.model.releases import parse_release
from ovms_doctor.prediction.config.text import cut_at_nul
from tests.configuration.build import (
    CONFIG,
    SINGLE,
    configured_files,
    deployed,
    entry,
    findings,
    listed,
    plan_and_findings,
    planned,
)
from tests.prediction.memory import MemoryFiles, settle

GRAPH = "/g/graph.pbtxt"


def graphs(*items: dict[str, Any]) -> dict[str, Any]:
    return listed(mediapipe_config_list=list(items))


# -- graphs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", ["2023.0", "2024.5", "2025.4", "2026.3"])
@pytest.mark.parametrize("reason", ["missing", "denied"])
def test_a_graph_that_cannot_be_opened(release: str, reason: str) -> None:
    memory_files = configured_files(graphs({"name": "g", "base_path": "/g"}))
    if reason == "denied":
        memory_files.files[GRAPH] = "node {}"
        memory_files.denied[GRAPH] = "read"
    (found,) = findings(memory_files, release)
    assert (found.code, found.severity, found.recovers) == ("OVD448", "error", "config_change")
    assert found.server_log == (f"Failed to open mediapipe graph definition: g, file: {GRAPH}\n",)
    assert found.subject.server_path == GRAPH
    (model,) = settle(deployed(release), memory_files).models
    assert (model.kind, model.status) == ("graph", "FILE_INVALID")


@pytest.mark.parametrize(
    ("keys", "file"),
    [
        ({}, "/c/g/graph.pbtxt"),
        ({"base_path": ""}, "/c/g/graph.pbtxt"),
        ({"base_path": "x"}, "/c/x/graph.pbtxt"),
        ({"base_path": "/x/"}, "/x/graph.pbtxt"),
        ({"base_path": "/x", "graph_path": "y.pbtxt"}, "/x/y.pbtxt"),
        ({"base_path": "/x", "graph_path": "/y.pbtxt"}, "/y.pbtxt"),
    ],
)
@pytest.mark.parametrize("release", ["2024.5", "2025.1", "2026.3"])
def test_the_file_of_a_listed_graph(keys: dict[str, str], file: str, release: str) -> None:
    memory_files = configured_files(graphs({"name": "g", **keys}))
    (found,) = findings(memory_files, release)
    assert found.subject.server_path == file
    memory_files.files[file] = "node {}"
    assert findings(memory_files, release) == []


@pytest.mark.parametrize(("release", "fault"), [("2023.0", False), ("2023.1", True), ("2026.3", True)])
def test_an_empty_graph(release: str, fault: bool) -> None:
    memory_files = configured_files(graphs({"name": "g", "base_path": "/g"}), **{GRAPH: ""})
    found = findings(memory_files, release)
    assert [item.code for item in found] == (["OVD448"] if fault else [])
    if fault:
        assert found[0].server_log == ("Trying to parse empty mediapipe graph definition: g failed",)


def test_an_empty_graph_started_alone_ends_the_process() -> None:
    memory_files = MemoryFiles({"/m/graph.pbtxt": "", "/m/1/a.onnx": "good"})
    plan, found = plan_and_findings(memory_files, SINGLE)
    assert (plan.outcome, plan.exit_code) == ("exits", 1)
    assert [item.code for item in found] == ["OVD448"]
    memory_files.files["/m/graph.pbtxt"] = "node {}"
    plan, found = plan_and_findings(memory_files, SINGLE)
    assert (plan.outcome, [item.code for item in found]) == ("exits", ["OVD363"])
    node = 'node { calculator: "PassThroughCalculator" input_stream: "in" output_stream: "out" }'
    memory_files.files["/m/graph.pbtxt"] = f'input_stream: "in" output_stream: "out" {node}'
    plan, found = plan_and_findings(memory_files, SINGLE)
    assert (plan.outcome, [item.code for item in found]) == ("unknown", ["OVD903", "OVD121"])


def test_a_directory_at_the_path_of_a_graph_is_not_a_graph() -> None:
    memory_files = configured_files(graphs({"name": "g", "base_path": "/g"}), **{f"{GRAPH}/x": "y"})
    (found,) = findings(memory_files)
    assert (found.code, found.confidence, found.server_log) == ("OVD448", "medium", ())


@pytest.mark.parametrize(("release", "first"), [("2023.0", "m"), ("2023.1", "g"), ("2026.3", "g")])
def test_a_fifo_as_graph_blocks_the_start(release: str, first: str) -> None:
    """Since v2023.1 the list of graphs is read before any model is loaded."""
    memory_files = configured_files({**listed(entry()), **graphs({"name": "g", "base_path": "/g"})}, "/m")
    memory_files.other_kinds[GRAPH] = "fifo"
    memory_files.files["/c/config.json"] = json.dumps(
        {**listed(entry()), "mediapipe_config_list": [{"name": "g", "base_path": "/g"}]}
    )
    plan, found = plan_and_findings(memory_files, CONFIG, release)
    assert (plan.outcome, plan.models[0].entry.name) == ("never_ends", first)
    (cause, *_) = [item.code for item in found if item.severity == "error"]
    assert cause == "OVD314"


# -- tasks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("release", "task", "refused"),
    [
        ("2025.2", "x", True),
        ("2025.2", "embeddings", False),
        ("2025.3", "text2speech", True),
        ("2025.4", "text2speech", False),
        ("2025.4", "Embeddings", True),
        ("2026.3", "", True),
        ("2026.3", "speech2text", False),
    ],
)
def test_the_value_of_task(release: str, task: str, refused: bool) -> None:
    arguments = (*SINGLE, f"--task={task}")
    plan = settle(deployed(release, arguments), MemoryFiles({"/m/1/a.onnx": "good"}))
    if refused:
        assert plan.problem is not None
        assert plan.exit_code == 64
        assert plan.problem.log == (f"error parsing options - --task parameter unsupported value: {task}",)
    else:
        assert plan.outcome == "unknown" or "--task" not in str(plan.problem.log if plan.problem else "")


@pytest.mark.parametrize(("release", "refused"), [("2025.4", True), ("2026.3", False)])
def test_help_makes_the_newest_release_ignore_the_task(release: str, refused: bool) -> None:
    arguments = read_arguments(("--help", "--task", "x"), parse_release(release))
    assert any("--task" in item.text for item in arguments.refusals) is refused
    assert arguments.prints_help is not refused


def test_a_generative_model_ignores_version_directories() -> None:
    plan, found = plan_and_findings(MemoryFiles({"/m/1/a.onnx": "good"}), (*SINGLE, "--task", "embeddings"))
    assert (plan.outcome, plan.models[0].versions, plan.models[0].served) == ("serves", (), ())
    assert [item.code for item in found] == ["OVD366", "OVD122"]


# -- version policies ----------------------------------------------------------------------------------

ITEM = "Model policy specified in config contains invalid version. Version should be a number greater than 0."
WRONG = "Couldn't parse model version policy. Model version policy is in wrong format"


@pytest.mark.parametrize(
    ("policy", "release", "log", "requested"),
    [
        ({"latest": {}}, "2022.3", (WRONG,), (2,)),
        ({"latest": {"num_versions": 1, "x": 1}}, "2022.1", (WRONG,), (2,)),
        ({}, "2022.3", (WRONG,), (2,)),
        (
            {"newest": {}},
            "2022.3",
            ("Couldn't parse model version policy. Model version policy contains unsupported key",),
            (2,),
        ),
        ({"specific": {"versions": ["2", 1]}}, "2022.3", (ITEM,), (1,)),
        ({"specific": {"versions": [0, 1.0, 1]}}, "2022.3", (ITEM, ITEM), (1,)),
        ({"all": {"x": 1}}, "2022.3", None, (1, 2)),
        ({"latest": {"num_versions": -1}}, "2022.3", None, (1, 2)),
    ],
)
def test_a_policy_of_a_wrong_form_in_an_old_configuration(
    policy: Any, release: str, log: tuple[str, ...] | None, requested: tuple[int, ...]
) -> None:
    memory_files = configured_files(listed(entry(model_version_policy=policy)), "/m")
    memory_files.files["/m/2/a.onnx"] = "good"
    found = findings(memory_files, release)
    assert [item.server_log for item in found] == ([] if log is None else [log])
    assert all(
        (item.code, item.severity, item.recovers) == ("OVD423", "warning", "config_change") for item in found
    )
    assert settle(deployed(release), memory_files).models[0].requested == requested


def test_a_policy_with_a_value_of_another_kind_is_unpredictable() -> None:
    memory_files = configured_files(
        listed(entry(model_version_policy={"latest": {"num_versions": "2"}})), "/m"
    )
    (found,) = findings(memory_files, "2022.3")
    assert (found.code, found.confidence, found.server_log) == ("OVD423", "low", ())
    plan = settle(deployed("2022.3"), memory_files)
    assert (plan.outcome, plan.models[0].versions) == ("unknown", ())


@pytest.mark.parametrize(
    ("text", "release", "log"),
    [
        ("{", "2026.3", (WRONG,)),
        ('{"all": {}, "all": {}}', "2026.3", (WRONG,)),
        ('{"latest": {}}', "2026.3", (WRONG,)),
        (
            '{"specific": {"versions": 1}}',
            "2026.3",
            (
                "Model policy is invalid. 'versions' item should have a list of numbers as a value, for example [1,2]",
                WRONG,
            ),
        ),
        (
            '{"specific": {"version": [1]}}',
            "2023.1",
            (
                "Model policy is invalid. 'specific' policy should include 'versions' item with a list of numbers as "
                "a value",
                WRONG,
            ),
        ),
        ('{"specific": {"version": [1]}}', "2023.0", (WRONG,)),
    ],
)
def test_a_policy_on_the_command_line_that_ends_the_process(
    text: str, release: str, log: tuple[str, ...]
) -> None:
    plan = settle(
        deployed(release, (*SINGLE, "--model_version_policy", text)), MemoryFiles({"/m/1/a.onnx": "good"})
    )
    assert plan.problem is not None
    assert (plan.exit_code, plan.problem.log) == (1, log)


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ('{"latest": {"num_versions": "2"}}', "2026.3"),
        ('{"latest": {"num_versions": 2.0}}', "2026.3"),
        ('{"latest": {"num_versions": 9223372036854775808}}', "2026.3"),
        ('{"latest": 2}', "2026.3"),
        ('{"specific": [1]}', "2026.3"),
        ('{"specific": {"versions": 1}}', "2023.0"),
    ],
)
def test_a_policy_on_the_command_line_with_unpredictable_result(text: str, release: str) -> None:
    memory_files = MemoryFiles({"/m/1/a.onnx": "good"})
    plan, found = plan_and_findings(memory_files, (*SINGLE, "--model_version_policy", text), release)
    assert (plan.outcome, plan.exit_code, plan.models) == ("unknown", None, ())
    (error,) = [item for item in found if item.severity == "error"]
    assert (error.code, error.confidence, error.server_log) == ("OVD407", "low", ())


def test_items_of_a_policy_on_the_command_line_that_are_left_out() -> None:
    memory_files = MemoryFiles({"/m/2/a.onnx": "good", "/m/3/a.onnx": "good"})
    policy = '{"specific": {"versions": ["2", 3]}}'
    plan, found = plan_and_findings(memory_files, (*SINGLE, "--model_version_policy", policy))
    assert plan.models[0].served == (3,)
    (warning,) = found
    assert (warning.code, warning.severity, warning.server_log) == ("OVD423", "warning", (ITEM,))
    _, none = plan_and_findings(
        memory_files, (*SINGLE, "--model_version_policy", policy.replace('"2"', "2").replace("'", ""))
    )
    assert none == []


# -- texts with a NUL character ------------------------------------------------------------------------


def test_a_text_ends_at_its_nul_character() -> None:
    text = (
        '{"model_config_list": [{"config": {"name": "m\\u0000x", "base_path": "/m\\u0000/y", "nireq": 0}}]}'
    )
    plan = planned(text, "2026.3", "/m")
    assert [(model.entry.name, model.entry.base_path, model.served) for model in plan.models] == [
        ("m", "/m", (1,))
    ]
    found = findings(configured_files(text, "/m"))
    assert {item.code for item in found} == {"OVD449"}
    assert [item.evidence[0].observation.partition(":")[0] for item in found] == [
        "line 1, column 36",
        "line 1, column 56",
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a\0b", ("a", ("",))),
        (["x", "\0"], (["x", ""], ("/1",))),
        ({"k\0l": "v", "m": {"n": 1}}, ({"k": "v", "m": {"n": 1}}, ("/k\0l",))),
        ({"a": "b"}, ({"a": "b"}, ())),
        (5, (5, ())),
    ],
)
def test_texts_that_are_cut(value: Any, expected: Any) -> None:
    assert cut_at_nul(value) == expected


# -- an entry without base_path ------------------------------------------------------------------------


def test_an_entry_without_base_path_is_the_cause_without_a_suggested_name() -> None:
    memory_files = configured_files(listed(entry(base_path=None)), **{"/c/m/1/a.onnx": "good"})
    _, found = plan_and_findings(memory_files, CONFIG)
    cause, follows = found
    assert (cause.code, cause.severity, cause.caused_by) == ("OVD446", "error", ())
    assert (follows.code, follows.caused_by) == ("OVD102", (cause.fingerprint,))
    for finding in found:
        assert finding.remedy is not None
        assert [step.text for step in finding.remedy.steps] == ['Add "base_path": "m" to the entry.']
        assert all(step.command is None for step in finding.remedy.steps)


def test_an_entry_without_base_path_that_finds_versions_is_a_warning() -> None:
    _, found = plan_and_findings(
        configured_files(listed(entry(base_path=None)), **{"/c/1/a.onnx": "good"}), CONFIG
    )
    assert [(item.code, item.severity) for item in found] == [("OVD446", "warning")]


# -- pipelines and libraries ---------------------------------------------------------------------------


def _pipeline(library: str) -> dict[str, Any]:
    node = {
        "name": "n",
        "type": "custom",
        "library_name": library,
        "inputs": [{"x": {"node_name": "request", "data_item": "i"}}],
        "outputs": [{"data_item": "y", "alias": "y"}],
    }
    outputs = [{"o": {"node_name": "n", "data_item": "y"}}]
    return {"name": "p", "inputs": ["i"], "nodes": [node], "outputs": outputs}


@pytest.mark.parametrize("needed", [True, False])
def test_a_library_is_an_error_if_a_model_needs_it(needed: bool) -> None:
    libraries = [{"name": "l", "base_path": "/l.so"}]
    pipelines = [_pipeline("l")] if needed else []
    config = listed(entry(), custom_node_library_config_list=libraries, pipeline_config_list=pipelines)
    _, found = plan_and_findings(configured_files(config, "/m"), CONFIG)
    reported = [(item.code, item.severity) for item in found if item.severity != "info"]
    assert reported == ([("OVD441", "error"), ("OVD442", "error")] if needed else [("OVD441", "warning")])
    assert [item.serving_effect for item in found[1:2]] == ["pipeline not served"] * needed
    if needed:
        assert found[1].caused_by == (found[0].fingerprint,)


def test_one_of_several_equal_pipelines_is_served() -> None:
    models = {"type": "DL model", "model_name": "m"}
    pipeline = _pipeline("l")
    node = {key: value for key, value in pipeline["nodes"][0].items() if key != "library_name"}
    pipeline["nodes"] = [{**node, **models}]
    _, found = plan_and_findings(
        configured_files(listed(entry(), pipeline_config_list=[pipeline, pipeline]), "/m"), CONFIG
    )
    assert [(item.code, item.severity) for item in found if item.severity != "info"] == [
        ("OVD442", "warning")
    ]


# -- the place and the reason --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "\ufeff{}",
            "config.json:1:1 is not valid JSON for the server: the file begins with a byte order mark",
        ),
        (
            '{\n "a": 1,\n}',
            "config.json:3:1 is not valid JSON for the server: there is a comma before the closing",
        ),
        ('{"a": [1, ]}', "there is a comma before the closing “]”"),
        ("{\n // no\n}", "config.json:2:2 is not valid JSON for the server: this is a comment"),
        ("{'a': 1}", "single quotes"),
        ('{"a": True}', "True is written true"),
        ('{"a": NaN}', "NaN is not a number"),
        ("{a: 1}", "a key has no double quotes"),
        ('{"a": 1 "b": 2}', "a comma is missing"),
        ('{"a" 1}', "a colon is missing"),
        ('{"a": 1', "it ends before all of its brackets are closed"),
        ("", "it is empty"),
        ("{} {}", "there is text after its end"),
        ('{"a": "\t"}', "a string contains a tab"),
        ('{"a": "b\n"}', "a string is not closed on its line"),
        ('{"a": "\x0b"}', "a string contains the control character 0x0B"),
        ('{"a": "C:\\users"}', "a backslash begins an escape: write \\\\ for a backslash"),
        ('{"a": "C:\\models"}', "a backslash begins an escape: write \\\\ for a backslash"),
        ("{", "it ends before all of its brackets are closed"),
        ('{"a": 01}', "Missing a comma or '}' after an object member."),
    ],
)
def test_the_reason_for_invalid_json(text: str, message: str) -> None:
    (found,) = findings(configured_files(text))
    assert found.code == "OVD403"
    assert message in found.message


@pytest.mark.parametrize(("codec", "is_named"), [("utf-16", True), ("utf-16-be", False), ("utf-8", False)])
def test_a_configuration_in_utf_16(codec: str, is_named: bool) -> None:
    mark = "\ufeff" if codec == "utf-8" else ""
    files = configured_files("")
    files.files["/c/config.json"] = (mark + '{"model_config_list": []}').encode(codec)
    (found,) = findings(files)
    assert found.code == "OVD403"
    assert ("the file is UTF-16 text" in found.message) is is_named


@pytest.mark.parametrize(
    ("release", "message"),
    [
        ("2024.2", "Invalid escape character in string."),
        ("2024.3", "Invalid encoding in string."),
        ("2026.3", "Invalid encoding in string."),
    ],
)
def test_each_release_names_a_control_character_as_its_parser_does(release: str, message: str) -> None:
    (found,) = findings(configured_files('{"a": "\x0b"}'), release)
    assert found.server_log == (f"Configuration file is not a valid JSON file. Error: {message}",)


def test_the_servers_pointer_names_the_bytes_of_a_key() -> None:
    files = configured_files("")
    files.files["/c/config.json"] = b'{"model_config_list": [{"config": {"name": "m", "b\xe9\xff\x80": 1}}]}'
    (found,) = findings(files)
    assert found.server_log[0].endswith("Key: #/model_config_list/0/config/b%E9%FF%80")


@pytest.mark.parametrize(
    ("config", "message", "detail"),
    [
        (
            '{"model_config_list": [\n {"config": {"name": "m",\n  "path": "/m"}}]}',
            "config.json:3:3: #/model_config_list/0/config/path is not a key of the configuration in this release",
            "Did you mean base_path?",
        ),
        (
            '{"model_config_list": [\n {"config": {"base_path": "/m"}}]}',
            "config.json:2:3: the key name is missing at #/model_config_list/0/config",
            "",
        ),
        (
            '{"models_config_list": []}',
            "config.json:1:2: #/models_config_list is not a key of the configuration in this release",
            "Did you mean model_config_list?",
        ),
        (
            '{"model_config_list": [\n {"confg": {"name": "m", "base_path": "/m"}}]}',
            "config.json:2:3: the key config is missing at #/model_config_list/0, and confg is not a key",
            "Did you mean config?",
        ),
        (
            '{"model_config_list": [{"config": {"name": "m", "base_path": "/m"},\n "comment": 1}]}',
            "config.json:2:2: comment is an additional key at #/model_config_list/0",
            "2024.0",
        ),
    ],
)
def test_the_key_at_fault(config: str, message: str, detail: str) -> None:
    (found,) = findings(configured_files(config), "2025.0")
    assert (found.code, found.severity) == ("OVD404", "error")
    assert message in found.message
    assert detail in found.detail


@pytest.mark.parametrize(
    ("arguments", "code", "argument"),
    [
        ((*SINGLE, "--log_level", "debug"), "OVD406", "argument 7 (--log_level)"),
        ((*SINGLE, "--foo"), "OVD406", "argument 7 (--foo)"),
        (("--rest_port", "x", *SINGLE), "OVD406", "argument 1 (--rest_port)"),
        ((*SINGLE, "--model_version_policy", "x"), "OVD407", "argument 7 (--model_version_policy)"),
        ((*SINGLE, "--metrics_enable", "--metrics_list", "a"), "OVD414", "argument 8 (--metrics_list)"),
        ((*SINGLE, "--layout=XY"), "OVD421", "argument 7 (--layout)"),
        ((*SINGLE, "--target_device", "CPU", "--plugin_config", '{"X": 1}'), "OVD422", "argument 9"),
    ],
)
def test_the_argument_at_fault(arguments: tuple[str, ...], code: str, argument: str) -> None:
    _, found = plan_and_findings(MemoryFiles({"/m/1/a.onnx": "good"}), arguments)
    (error,) = [item for item in found if item.severity == "error"]
    assert error.code == code
    assert error.message.startswith(argument)
    assert error.evidence[0].observation.startswith(argument)


def test_a_graphs_argument_at_fault() -> None:
    _, found = plan_and_findings(MemoryFiles({"/m/graph.pbtxt": "node {}"}), (*SINGLE, "--nireq", "2"))
    assert [(item.code, item.message.partition(":")[0]) for item in found] == [
        ("OVD444", "argument 7 (--nireq)")
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{\n "input": {}}',
            ":2:2 does not match the server's schema (input is not a key of this file: did you mean inputs?)",
        ),
        (
            '{"inputs": {\n "x": 5}}',
            ":2:2 does not match the server's schema (the value of x is not a string)",
        ),
        ('{"inputs": 5}', "(inputs is not an object)"),
        ('{"inputs": {},}', "mapping_config.json:1:15 is not JSON (there is a comma before the closing “}”)"),
    ],
)
def test_the_fault_of_a_mapping(text: str, message: str) -> None:
    memory_files = MemoryFiles({"/m/1/a.onnx": "good", "/m/1/mapping_config.json": text})
    _, found = plan_and_findings(memory_files, SINGLE)
    (warning,) = [item for item in found if item.code == "OVD461"]
    assert message in warning.message
    assert warning.remedy is not None
    assert "json.tool" not in str(warning.remedy.steps)


def test_an_old_key_is_named_with_its_present_name() -> None:
    memory_files = MemoryFiles({"/m/1/a.onnx": "good"})
    arguments = (*SINGLE, "--target_device", "CPU", "--plugin_config", '{"CPU_THREADS_NUM": "4"}')
    _, found = plan_and_findings(memory_files, arguments)
    (info,) = [item for item in found if item.code == "OVD424"]
    assert "the server passes CPU_THREADS_NUM as INFERENCE_NUM_THREADS" in info.message
    assert info.remedy is not None
    assert "auto" not in info.remedy.summary


def test_old_key_with_a_number_is_reported_with_its_new_name() -> None:
    """The server renames it for strings only (parsePluginConfig)."""

    def found(name: str, value: object) -> list[str]:
        model = entry(target_device="CPU", plugin_config={name: value})
        memory_files = configured_files({"model_config_list": [model]}, "/m")
        _, all_found = plan_and_findings(memory_files, CONFIG, "2026.3")
        return [f"{one.code} {one.remedy.summary} {one.remedy.steps}" for one in all_found if one.remedy]

    (finding,) = found("CPU_THREADS_NUM", 4)
    assert finding.startswith("OVD422")
    assert "Replace CPU_THREADS_NUM by INFERENCE_NUM_THREADS" in finding
    assert found("INFERENCE_NUM_THREADS", 4) == []
    assert [one[:6] for one in found("CPU_THREADS_NUM", "4")] == ["OVD424"]
