"""The explanations beside the server's own text: what to know about a fault, and remedies that work."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from ovms_doctor.checks.configuration import check
from ovms_doctor.checks.context import Context
from ovms_doctor.diagnosis.settle import settled_run
from ovms_doctor.model.environment import Variable
from ovms_doctor.model.facts import Answer, AnyQuestion, Facts, LoadModel, LoadReport
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.host import Host
from ovms_doctor.model.options import CheckOptions
from tests.configuration.build import (
    CONFIG,
    SINGLE,
    MemoryCollector,
    configured_files,
    deployed,
    entry,
    findings,
    listed,
    plan_and_findings,
)
from tests.prediction.memory import INPUT, OUTPUT, MemoryFiles, settle


def steps(found: Finding) -> str:
    assert found.remedy is not None
    return " ".join(f"{step.text} {step.command or ''}" for step in found.remedy.steps)


@pytest.mark.parametrize(
    ("arguments", "release", "message"),
    [
        (("--stateful",), "2026.3", "--stateful was removed in OVMS 2026.3."),
        (("--mean", "1"), "2025.4", "--mean exists since OVMS 2026.0."),
        (("--metrics_enable",), "2022.1", "--metrics_enable exists since OVMS 2022.2."),
        (("--file_system_poll_wait_seconds", "-1"), "2026.3", "0 turns the polls off"),
        (("--log_level", "debug"), "2026.3", "in capital letters"),
    ],
)
def test_explanation_of_an_argument(arguments: tuple[str, ...], release: str, message: str) -> None:
    _, found = plan_and_findings(MemoryFiles({"/m/1/a.onnx": "good"}), (*SINGLE, *arguments), release)
    (error,) = [item for item in found if item.code == "OVD406"]
    assert message in error.detail
    assert message not in "".join(error.server_log)


@pytest.mark.parametrize(
    ("config", "release", "message"),
    [
        (listed(entry(nireq=1.0)), "2026.3", "of the type integer. The server accepts neither 1.0"),
        (listed(entry(shape=[1, 3])), "2022.1", "of the type object or string"),
        (listed(entry(shape=[1, 3])), "2026.3", "an object with a string for each tensor"),
        (listed(entry(allow_cache="true")), "2026.3", "of the type boolean"),
        (listed(entry(plugin_config={"D": {}})), "2023.2", "string or number; an object"),
        (listed(entry(plugin_config={"D": {}})), "2023.3", "string or boolean or number; an object"),
        (listed(entry(model_version_policy={"latest": {"num_versions": 0}})), "2026.3", "numbers from 1"),
        (
            listed(entry(model_version_policy='{"all": {}}')),
            "2026.3",
            "a string that contains JSON is only for the",
        ),
        ([], "2026.3", "of the type object"),
    ],
)
def test_explanation_of_a_value(config: Any, release: str, message: str) -> None:
    (found,) = findings(configured_files(config), release)
    assert found.code == "OVD404"
    assert message in found.detail


def test_a_key_of_a_newer_release_is_not_replaced_by_another() -> None:
    (found,) = findings(configured_files({"mediapipe_config_list": [], "model_config_list": []}), "2022.1")
    assert "mediapipe_config_list exists since OVMS 2023.0." in found.detail
    assert "Did you mean" not in found.detail


def test_a_directory_instead_of_the_configuration() -> None:
    memory_files = MemoryFiles({"/c/config.json/1/a": "x"})
    (found,) = findings(memory_files)
    assert (found.code, "it is a directory" in found.message) == ("OVD403", True)
    assert found.server_log == ("Configuration file is not a valid JSON file. Error: The document is empty.",)


def test_missing_configuration_was_not_read() -> None:
    (found,) = findings(MemoryFiles({}))
    assert [item.observation for item in found.evidence] == ["/c/config.json: does not exist"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"base_path": "/m", "base_path": "/n"', "the server uses the first one"),
        ('"base_path": "/m", "plugin_config": {"A": "1", "A": "2"}', "the server uses only one of them"),
    ],
)
def test_which_of_equal_keys_counts(text: str, message: str) -> None:
    memory_files = configured_files(f'{{"model_config_list": [{{"config": {{"name": "m", {text}}}}}]}}', "/m")
    (found,) = [item for item in findings(memory_files, "2022.1") if item.code == "OVD418"]
    assert message in found.message


def test_entries_after_a_refused_one_are_listed_below_it() -> None:
    bad = entry("z", "/m", plugin_config={"NUM_STREAM": "1"}, target_device="CPU")
    _, found = plan_and_findings(configured_files(listed(bad, entry("a", "/a")), "/m", "/a"), CONFIG)
    assert [item.code for item in found] == ["OVD422", "OVD417"]
    assert found[1].caused_by == (found[0].fingerprint,)


# -- --task before v2026.2 -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("release", "arguments", "variable", "line"),
    [
        ("2025.2", (), False, None),
        ("2025.3", (), False, "source_model parameter is required for pull mode"),
        (
            "2025.3",
            ("--source_model", "o/m"),
            False,
            "model_repository_path parameter is required for pull mode",
        ),
        ("2025.4", (), False, "model_repository_path parameter is required for pull mode"),
        ("2026.1", (), False, "model_repository_path parameter is required for pull mode"),
        ("2025.4", (), True, None),
        ("2025.4", ("--model_repository_path", "/r"), False, None),
        (
            "2025.4",
            ("--reranker", "x", "--pooling", "CLS"),
            False,
            "task: embeddings - error parsing options - unmatched arguments : --reranker, x,",
        ),
    ],
)
def test_a_task_pulls_first(
    release: str, arguments: tuple[str, ...], variable: bool, line: str | None
) -> None:
    deployment = deployed(release, (*SINGLE, "--task", "embeddings", *arguments))
    if variable:
        deployment = replace(deployment, environment=(Variable("OVMS_MODEL_REPOSITORY_PATH"),))
    plan = settle(deployment, MemoryFiles({"/m/1/a.onnx": "good"}))
    if line is None:
        assert plan.outcome == "unknown"
    else:
        assert plan.problem is not None
        assert (plan.exit_code, plan.problem.log) == (64, (line,))


@pytest.mark.parametrize(
    ("release", "arguments", "line"),
    [
        ("2026.1", ("--model_name", "o/m"), None),
        ("2026.2", ("--source_model", "o/m"), "error parsing options - --task parameter wasn't passed"),
        ("2026.2", ("--model_name", "o/m", "--task", "rerank"), None),
        ("2026.3", ("--source_model", "o/m"), None),
        ("2026.3", ("--model_name", "o/m"), "Could not infer model task - specify --task value explicitly"),
        ("2026.3", ("--source_model", ""), "Could not infer model task - specify --task value explicitly"),
        ("2026.3", (), "Could not infer model task - specify --task value explicitly"),
        ("2026.3", ("--model_name", "o/m", "--task", "rerank"), None),
        (
            "2026.3",
            ("--model_name", "OpenVINO/m", "--weight-format", "int4"),
            "--weight-format parameter unsupported for OpenVINO models.",
        ),
    ],
)
def test_what_a_pull_needs_to_find_the_task(
    release: str, arguments: tuple[str, ...], line: str | None
) -> None:
    plan = settle(deployed(release, ("--pull", "--model_repository_path", "/r", *arguments)), MemoryFiles({}))
    if line is None:
        assert plan.outcome == "unknown"
    else:
        assert plan.problem is not None
        assert (plan.exit_code, plan.problem.log) == (64, (line,))


def test_value_that_is_not_a_path_is_not_shown_as_one() -> None:
    arguments = ("--pull", "--source_model", "o/m", "--model_repository_path", "/r", "--task", "embeddings")
    _, found = plan_and_findings(MemoryFiles({}), arguments)
    (unavailable,) = [item for item in found if item.code == "OVD903"]
    assert (unavailable.subject.path, unavailable.subject.server_path) == (None, None)


# -- remedies ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("config", "release", "message", "absent_text"),
    [
        ({"plugin_config": {"PERF_COUNT": True}}, "2022.1", "strings and numbers:", "boolean"),
        ({"layout": "NHWX"}, "2026.3", "letters NCHWD", "ignored"),
    ],
)
def test_the_form_is_that_of_the_release(config: Any, release: str, message: str, absent_text: str) -> None:
    _, found = plan_and_findings(configured_files(listed(entry(**config)), "/m"), CONFIG, release)
    (error,) = [item for item in found if item.code == "OVD421"]
    assert message in steps(error)
    assert absent_text not in steps(error)


@pytest.mark.parametrize(
    ("device", "message"), [("cpu", "--target_device CPU"), ("CPUU", "--target_device CPU")]
)
def test_a_device_on_the_command_line_is_corrected_there(device: str, message: str) -> None:
    _, found = plan_and_findings(MemoryFiles({"/m/1/a.onnx": "good"}), (*SINGLE, "--target_device", device))
    (error,) = [item for item in found if item.code == "OVD432"]
    assert message in steps(error)
    assert '"target_device"' not in steps(error)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/m/1/a.xml", "Name the directory above the file's version directory: /m."),
        ("/m/a.xml", "mkdir /m/1 && mv /m/a.xml /m/a.bin /m/1/"),
        ("/m/a.onnx", "mkdir /m/1 && mv /m/a.onnx /m/1/"),
    ],
)
def test_a_single_file_of_an_older_release(path: str, message: str) -> None:
    memory_files = configured_files(listed(entry(base_path=path)))
    memory_files.files[path] = "good"
    _, found = plan_and_findings(memory_files, CONFIG, "2025.4")
    (error,) = [item for item in found if item.code == "OVD107"]
    assert message in steps(error)


# -- traps that are nobody else's ----------------------------------------------------------------------
def test_files_of_a_generative_model_in_a_configuration_are_not_loaded_as_one() -> None:
    """The server searches only --model_path for them (configuration.md, traps 27 and 28)."""
    memory_files = configured_files(listed(entry()))
    memory_files.files["/m/config.json"] = '{"architectures": ["LlamaForCausalLM"]}'
    plan, found = plan_and_findings(memory_files, CONFIG)
    assert [model.kind for model in plan.models] == ["classic"]
    assert [item.code for item in found if item.severity == "error"] == ["OVD101"]


def test_a_graph_may_not_have_the_name_of_a_model_that_failed() -> None:
    graph = {"name": "m", "base_path": "/g"}
    memory_files = configured_files(listed(entry(base_path="/nowhere"), mediapipe_config_list=[graph]))
    memory_files.files["/g/graph.pbtxt"] = "node {}"
    _, found = plan_and_findings(memory_files, CONFIG, "2025.4")
    assert {item.code for item in found if item.severity == "error"} == {"OVD106", "OVD443"}


def test_a_path_that_the_config_path_makes_escape() -> None:
    arguments = ("--config_path", "../c/config.json", "--rest_port", "1")
    memory_files = MemoryFiles({"/w/../c/config.json": json.dumps(listed(entry(base_path="m")))})
    plan = settle(deployed("2026.3", arguments), memory_files)
    (model,) = plan.models
    assert model.detection.problem is not None
    assert model.detection.problem.kind == "escapes"


class _Mismatch(MemoryFiles):
    """Files in memory, and an OpenVINO that refuses the mean or scale."""

    def answer(self, question: AnyQuestion) -> Answer:
        if not isinstance(question, LoadModel) or question.preparation is None:
            return super().answer(question)
        message = "Number of channels and mean/values size mismatch: Channels = 3, mean/scale = 2"
        return LoadReport(
            question.level, "failed", "read", message, "test", None, (INPUT,), (OUTPUT,), step="build"
        )


@pytest.mark.parametrize(("option", "named_option"), [("mean", "--mean [1,2]"), ("scale", "--scale [1,2]")])
def test_values_for_another_number_of_channels_are_not_the_layouts_fault(
    option: str, named_option: str
) -> None:
    arguments = (*SINGLE, f"--{option}", "[1,2]", "--layout", "NC")
    _, found = plan_and_findings(_Mismatch({"/m/1/a.onnx": "good"}), arguments)
    (error,) = [item for item in found if item.severity == "error"]
    assert (error.code, named_option in error.message) == ("OVD431", True)
    assert "one for each" in steps(error)


# -- keys beside config --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("release", "key", "value", "moves"),
    [
        ("2023.3", "nireq", 4, True),
        ("2026.3", "nireq", 4, True),
        # Not a number; a key of no release; a key that this release no longer has; a key that is already there.
        ("2026.3", "nireq", "4", False),
        ("2026.3", "comment", "ours", False),
        ("2026.3", "stateful", True, False),
        ("2026.2", "stateful", True, True),
        ("2024.0", "graph_path", "g.pbtxt", False),
        ("2025.1", "graph_path", "g.pbtxt", True),
        ("2023.3", "plugin_config", {"X": {"Y": 1}}, False),
        ("2026.3", "base_path", "/m", False),
        ("2023.0", "comment", "ours", False),
    ],
)
def test_a_key_is_moved_only_to_an_object_that_allows_it(
    release: str, key: str, value: object, moves: bool
) -> None:
    item = {**entry(), key: value}
    memory_files = configured_files({"model_config_list": [item]}, "/m")
    (found,) = [one for one in findings(memory_files, release) if one.code in ("OVD404", "OVD419")]
    assert found.remedy is not None
    remedy_text = " ".join((found.remedy.summary, *(step.text for step in found.remedy.steps)))
    assert (f"Move {key} into “config”" in remedy_text) is moves
    assert moves or f"Remove {key}" in remedy_text
    # The remedy removes the finding.
    rest = {name: item[name] for name in item if name != key}
    changed = entry(**{key: value}) if moves else rest
    assert not [
        one
        for one in findings(configured_files({"model_config_list": [changed]}, "/m"), release)
        if one.code in ("OVD404", "OVD419")
    ]


# -- tasks, open files ---------------------------------------------------------------------------------


def test_the_task_of_a_generative_model_can_be_set() -> None:
    memory_files = MemoryFiles({"/m/config.json": "{}", "/m/1/a.onnx": "good"})
    (found,) = [one for one in plan_and_findings(memory_files, SINGLE)[1] if one.code == "OVD408"]
    assert "--task text_generation" in steps(found)
    assert "mv -- /m/config.json" in steps(found)
    named = plan_and_findings(memory_files, (*SINGLE, "--task", "text_generation"))[1]
    assert "OVD408" not in [one.code for one in named]


@pytest.mark.parametrize(
    ("workers", "open_files", "needed", "most"),
    [("50", 64, 315, 8), ("10", 20, 75, None), ("100", 300, 615, 47)],
)
def test_a_limit_of_open_files_is_raised_with_ulimit(
    workers: str, open_files: int, needed: int, most: int | None
) -> None:
    def found(number: str, files: int) -> list[Finding]:
        options = CheckOptions(
            arguments=(*CONFIG, "--rest_workers", number),
            release="2026.3",
            bare_metal=True,
            working_directory="/w",
            host=Host(online=2, affinity=2, quota=0, open_files=files),
        )
        settled = settled_run(options, Facts(), MemoryCollector(configured_files({"model_config_list": []})))
        return [
            one
            for one in check(Context(settled.deployment, settled.plan, settled.facts))
            if one.code == "OVD406"
        ]

    (error,) = found(workers, open_files)
    assert f"ulimit -n {needed}" in steps(error)
    assert (f"--rest_workers {most}" in steps(error)) is (most is not None)
    assert found(workers, needed) == []
    assert found(workers, needed - 1) != []
    if most is not None:
        assert found(str(most), open_files) == []
