"""What the findings on entries of the configuration say: the entry and its place, what the server does, the repair."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ovms_doctor.model.findings import CausedBy, Finding
from tests.configuration.build import CONFIG, SINGLE, configured_files, entry, listed, plan_and_findings
from tests.prediction.memory import MemoryFiles, model_of


def configured(config: Any, *models: str, release: str = "2026.3") -> list[Finding]:
    return plan_and_findings(configured_files(config, *models), CONFIG, release)[1]


def single(files: MemoryFiles, release: str = "2026.3") -> list[Finding]:
    return plan_and_findings(files, SINGLE, release)[1]


@pytest.mark.parametrize(
    ("config", "models", "release", "code", "message", "detail", "evidence", "step", "line"),
    [
        (listed(entry(), entry(base_path="/n")), ("/m", "/n"), "2026.3", "OVD402",
         "Several entries of the configuration have the name m: only the first one is loaded", "",
         "several entries named m", "",
         "Duplicated model names: m defined in config file. Only first definition will be loaded."),
        (listed(entry(custom_loader_options={"loader_name": "l"})), ("/m",), "2026.3", "OVD420",
         "/c/config.json:1:68: m needs the custom loader l, which does not exist",
         "The start counts as a success: the server answers “ready”, but serves nothing under this name.",
         "line 1, column 68: loader_name: l", "",
         "Specified custom loader l not found. In case any models are loaded, will be unloading them"),
        (listed(entry(plugin_config={"CPU_THROUGHPUT_STREAMS": "1"}, target_device="CPU")), ("/m",), "2025.4",
         "OVD424",
         "/c/config.json:1:86: plugin_config: the server passes CPU_THROUGHPUT_STREAMS as NUM_STREAMS to OpenVINO, "
         "because the old name is deprecated",
         "The property still has its effect.",
         'line 1, column 86: "plugin_config": {"CPU_THROUGHPUT_STREAMS": "1"}',
         "Replace CPU_THROUGHPUT_STREAMS by NUM_STREAMS.",
         "CPU_THROUGHPUT_STREAMS plugin config key is deprecated. Use NUM_STREAMS instead"),
    ],
)  # fmt: skip
def test_an_entry(
    config: Any,
    models: tuple[str, ...],
    release: str,
    code: str,
    message: str,
    detail: str,
    evidence: str,
    step: str,
    line: str,
) -> None:
    (found,) = configured(config, *models, release=release)
    assert (found.code, found.message, found.detail) == (code, message, detail)
    assert [item.observation for item in found.evidence] == [evidence]
    assert "".join(item.text for item in found.remedy.steps) == step
    assert (found.server_log, found.recovers) == ((line,), "config_change")


def test_an_entry_that_ends_the_list() -> None:
    """modelmanager.cpp, loadModels: an unknown key of a plugin_config returns from the loop over the entries."""
    config = listed(entry(plugin_config={"FOO": "1"}, target_device="CPU"), entry("n", "/n"))
    refused, after = configured(config, "/m", "/n")
    assert (refused.code, refused.severity, refused.subject.model) == ("OVD422", "error", "m")
    assert refused.detail == (
        "The server loads neither this entry nor any entry after it. It starts and answers “ready”."
    )
    assert refused.server_log == (
        "Plugin config key: FOO not found in supported config keys for device: CPU.",
        "Plugin config contains unsupported keys",
        "Loading main OVMS config models failed.",
    )
    assert [step.text for step in refused.remedy.steps] == ["Remove FOO: no device has such a property."]
    assert (after.code, after.severity, after.subject.model) == ("OVD417", "error", "n")
    assert after.message.endswith(": n is never loaded, because the server stops reading the list at m")
    assert after.detail == "This entry is valid. Nothing is served under this name."
    assert after.server_log == ("Loading main OVMS config models failed.",)
    assert after.evidence[0].observation.endswith(": comes after the entry that is refused")
    assert after.causes == (CausedBy("OVD422", any_model=True),)


@pytest.mark.parametrize("scheme", ["hdfs://", "http://", "https://", "file://", "abfs://"])
def test_a_scheme_that_the_server_does_not_know_is_a_local_path(scheme: str) -> None:
    missing, meaning = configured(listed(entry(base_path=f"{scheme}x/m")))
    path = f"/c/{scheme}x/m"
    assert (missing.code, missing.server_log) == ("OVD106", (f"Directory does not exist: {path}",))
    assert (meaning.code, meaning.severity) == ("OVD447", "info")
    assert f"the server does not support {scheme} (only s3://, gs://, az:// and azfs://)" in meaning.message
    assert [item.observation for item in meaning.evidence] == [path]


@pytest.mark.parametrize(
    ("path", "kind", "message", "version"),
    [
        ("/m/graph.pbtxt", "fifo",
         "/m/graph.pbtxt is a FIFO: the server opens it to find out whether it is a graph, and waits for ever", None),
        ("/m/1/mapping_config.json", "fifo", "/m/1/mapping_config.json is a FIFO: a read of it never returns", 1),
        ("/m/1/a.onnx", "fifo", "/m/1/a.onnx is a FIFO: a read of it never returns", 1),
    ],
)  # fmt: skip
def test_a_file_that_is_never_read_to_its_end(
    path: str, kind: str, message: str, version: int | None
) -> None:
    files = model_of("1")
    files.files.pop(path, None)
    files.other_kinds[path] = kind  # type: ignore[assignment]
    (found,) = single(files)
    assert (found.code, found.message, found.recovers) == ("OVD314", message, "restart")
    assert (found.subject.model, found.subject.version, found.subject.path) == ("m", version, path)
    assert [(item.observation, item.how) for item in found.evidence] == [
        (f"{path}: a FIFO", "stat; it was not opened")
    ]
    assert "nothing is logged about it" in found.detail
    assert [step.command for step in found.remedy.steps] == [f"ls -la {path}"]


def test_an_entry_that_names_a_tensor_the_model_lacks() -> None:
    files = model_of("1")
    files.files["/m/1/mapping_config.json"] = '{"inputs": {"nope": "y"}, "outputs": {}}'
    (found,) = single(files)
    assert (found.code, found.severity, found.recovers) == ("OVD462", "warning", "restart")
    assert found.message == "/m/1/mapping_config.json maps nope, but the model has no such input"
    assert found.detail == "The server logs nothing about it. The tensor keeps the model's own name."
    assert [item.observation for item in found.evidence] == ["inputs: x f32 (1,3); outputs: y f32 (1,10)"]


def test_a_mapping_that_is_not_json() -> None:
    files = model_of("1")
    files.files["/m/1/mapping_config.json"] = '{"inputs":'
    (found,) = single(files)
    assert (found.code, found.severity) == ("OVD461", "warning")
    assert found.message == (
        "/m/1/mapping_config.json:1:11 is not JSON (it ends before all of its brackets are closed): the model keeps "
        "its own names"
    )
    assert found.server_log == ("Model: m mapping configuration file is not a valid JSON file.",)
    assert found.remedy.steps[0].command == "cat /m/1/mapping_config.json"


# -- version policies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "release", "message", "detail", "confidence"),
    [
        # Until 2022.3 the schema asks for an object only, and an invalid policy is replaced.
        ({"newest": {}}, "2022.3", " is not a valid policy: the server uses latest 1",
         "The server warns about it, and serves the latest version.", "medium"),
        ({"latest": {"num_versions": "x"}}, "2022.3", " contains a value of a type that the server does not expect",
         "The server does not check the type, and reads the value as a number. It is not known which versions it "
         "requests.", "low"),
        ({"specific": {"versions": [1, 0]}}, "2022.3",
         ": the server ignores items that are not a number greater than 0",
         "The server warns about each of them, and uses the others.", "medium"),
    ],
)  # fmt: skip
def test_a_version_policy(
    policy: dict[str, Any], release: str, message: str, detail: str, confidence: str
) -> None:
    found = configured(listed(entry(model_version_policy=policy)), "/m", release=release)[0]
    assert (found.code, found.severity, found.subject.model) == ("OVD423", "warning", "m")
    assert found.message == f'/c/config.json:1:68: "model_version_policy": {json.dumps(policy)}{message}'
    assert (found.detail, found.confidence, found.recovers) == (detail, confidence, "config_change")


@pytest.mark.parametrize(
    ("policy", "recovers"),
    [
        ({"specific": {"versions": [3]}}, "next_poll"),
        # No version that is added later is requested.
        ({"specific": {"versions": []}}, "config_change"),
    ],
)
def test_a_policy_that_matches_no_version(policy: dict[str, Any], recovers: str) -> None:
    """Versions that do not exist are dropped from the request without a line in the log (model_version_policy.cpp)."""
    (found,) = configured(listed(entry(model_version_policy=policy)), "/m")
    assert (found.code, found.severity, found.recovers) == ("OVD401", "error", recovers)
    assert (
        found.message == f"The version policy {json.dumps(policy)} matches none of the existing versions: 1"
    )
    assert (found.server_log, [item.observation for item in found.evidence]) == ((), ["versions 1"])
    assert found.detail == (
        "The server starts, answers “ready”, logs nothing about it, and serves nothing under this name."
    )


@pytest.mark.parametrize(
    ("policy", "recovers"),
    [('{"latest": {"num_versions": 0}}', "restart"), ('{"specific": {"versions": [3]}}', "next_poll")],
)
def test_a_policy_of_the_command_line_that_matches_no_version(policy: str, recovers: str) -> None:
    """Without a schema, it may request no version at all."""
    (found,) = plan_and_findings(model_of("1"), (*SINGLE, "--model_version_policy", policy))[1]
    assert (found.code, found.recovers) == ("OVD401", recovers)


# -- parameters ------------------------------------------------------------------------------------------

FORM = "in the server's form: "


@pytest.mark.parametrize(
    ("arguments", "code", "message", "line", "step"),
    [
        (("--shape", "(1,x)"), "OVD421", "--shape (1,x): the server does not accept this value",
         "Couldn't parse shape parameter", f"Write shape {FORM}(1,3,224,224), with -1 for any number"),
        (("--layout", "NNCHWQ"), "OVD421", "--layout NNCHWQ: the server does not accept this value",
         "Couldn't parse layout parameter", f"Write layout {FORM}NCHW, or NHWC:NCHW for what clients send"),
        (("--plugin_config", '{"FOO": "1"}', "--target_device", "CPU"), "OVD422",
         '--plugin_config {"FOO": "1"}: the device has no such property',
         "Plugin config key: FOO not found in supported config keys for device: CPU.",
         "Remove FOO: no device has such a property."),
    ],
)  # fmt: skip
def test_a_parameter_of_the_command_line(
    arguments: tuple[str, ...], code: str, message: str, line: str, step: str
) -> None:
    (found,) = plan_and_findings(model_of("1"), (*SINGLE, *arguments))[1]
    assert (found.code, found.severity, found.recovers) == (code, "error", "restart")
    assert found.message == f"argument 7 ({arguments[0]}): {message}"
    assert found.detail == "The server ends with exit code 1; nothing is served."
    assert found.server_log[0] == line
    assert found.message.startswith(found.evidence[0].observation)
    assert found.remedy.steps[0].text.startswith(step)


@pytest.mark.parametrize(
    ("parameters", "code", "message", "line"),
    [
        ({"layout": "NQ"}, "OVD421", '"layout": "NQ": the server does not accept this value',
         "Parsing model: m config failed due to error: The provided layout is in wrong format"),
        ({"shape": "(1,x)"}, "OVD423", '"shape": "(1,x)" is not valid; the server ignores it',
         "There was an error parsing shape (1,x)"),
        ({"batch_size": "x"}, "OVD423", '"batch_size": "x" is not valid; the server ignores it',
         "Parsing dimension string not a number: x"),
        ({"batch_size": "2", "shape": "(1,3)"}, "OVD423",
         '"batch_size": "2" is ignored, because a shape is configured too',
         "Both shape and batch size have been defined. Batch size parameter will be ignored."),
    ],
)  # fmt: skip
def test_a_parameter_of_an_entry(parameters: dict[str, Any], code: str, message: str, line: str) -> None:
    """A layout that is refused leaves out its entry; a shape or batch size is ignored (modelconfig.cpp)."""
    config = listed(entry(**parameters), entry("n", "/n"))
    (found,) = configured(config, "/m", "/n")
    is_refused = code == "OVD421"
    assert (found.code, found.severity) == (code, "error" if is_refused else "warning")
    assert found.message == f"/c/config.json:1:68: {message}"
    assert (found.server_log[0], found.recovers) == (line, "config_change")
    assert ("The server does not load this entry." in found.detail) is is_refused


# -- directories -----------------------------------------------------------------------------------------


def test_a_flat_directory() -> None:
    """No release serves one, though a page of the documentation says so."""
    (found,) = single(MemoryFiles({"/m/a.onnx": "good"}))
    assert (found.code, found.severity, found.recovers) == ("OVD101", "error", "next_poll")
    assert found.message == "The server finds no version in /m: the model's files are in the directory itself"
    assert found.server_log == ("No version found for model in path: /m",)
    assert [step.command for step in found.remedy.steps] == ["mkdir /m/1", "mv -- /m/a.onnx /m/1/"]
    assert [step.location for step in found.remedy.steps] == ["host", "host"]


@pytest.mark.parametrize(("count", "more"), [(8, ""), (12, " and 4 more")])
def test_a_version_without_a_model(count: int, more: str) -> None:
    (found,) = single(MemoryFiles({f"/m/1/f{number}.txt": "x" for number in range(count)}))
    assert (found.code, found.subject.version, found.recovers) == ("OVD111", 1, "restart")
    assert found.message == "/m/1 holds no file that the server accepts as a model"
    assert found.detail.startswith(
        "The server looks for .xml with .bin, .onnx, .pdmodel with .pdiparams, .pb, or "
    )
    assert (
        found.evidence[0].observation
        == "f0.txt, f1.txt, f2.txt, f3.txt, f4.txt, f5.txt, f6.txt, f7.txt" + more
    )


@pytest.mark.parametrize(
    ("names", "recovers"),
    [
        (("1", "0", "99999999999999999999"), "next_poll"),
        # The server ends because of the other directory.
        (("1_old", "0", "99999999999999999999"), "restart"),
    ],
)
def test_names_beside_a_version(names: tuple[str, ...], recovers: str) -> None:
    found = [item for item in single(model_of(*names)) if item.code != "OVD103"]
    assert [(item.code, item.severity, item.recovers) for item in found] == [
        ("OVD104", "warning", recovers),
        ("OVD104", "warning", recovers),
    ]
    zero, large = found
    assert zero.message == "The directory 0 is not greater than 0: it is never served"
    assert zero.server_log == ("Expected version directory name to be a number greater than 0. Got: 0",)
    assert zero.evidence[0].observation == "directory 0"
    assert large.message == (
        "The directory 99999999999999999999 is a number too large to be a version: it is never served"
    )
    assert large.server_log == (
        "Directory name is out of range for supported version format. Got: 99999999999999999999",
    )


def test_a_version_under_another_name() -> None:
    (found,) = single(model_of("1_old"))
    assert (found.code, found.subject.version, found.subject.path) == ("OVD103", 1, "/m/1")
    assert found.message == "The server reads “1_old” as version 1 and then opens /m/1, which does not exist"
    assert found.evidence[0].observation == "directories read as 1: “1_old”; no directory 1"
    assert [step.command for step in found.remedy.steps] == ["mv -- /m/1_old /m/1", "mv -- /m/1_old /m.1_old"]
    assert found.server_log[0] == "Missing model directory /m/1"


def test_two_directories_of_one_version() -> None:
    (found,) = single(model_of("1", "01"))
    assert (found.code, found.severity, found.recovers) == ("OVD105", "info", "next_poll")
    assert found.message == "“01”, “1” are all read as version 1"
    assert found.detail == "The server opens only /m/1."
    (step,) = found.remedy.steps
    assert step.command == "mv -- /m/01 /m.01"
