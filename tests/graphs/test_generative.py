"""Complete directories of generative models: the server's result, also with missing or damaged files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import Result, ovms_doctor
from tests.graphs.models import graph, unpack, without_loading, without_version

#: The effect of the test models' tokenizers on older releases has its own test.
MODELS = {"text_generation": "llm-2025.4", "embeddings": "embeddings", "rerank": "rerank"}


@pytest.fixture
def model(public_dir: Path) -> Callable[[str], Path]:
    """Unpacks the model of a task, with a graph.pbtxt beside it."""

    def make(task: str, options: str = "") -> Path:
        root = unpack(MODELS[task], public_dir)
        without_version(root)
        (root / "graph.pbtxt").write_text(graph(task, options))
        return root

    return make


def check(root: Path, *options: str, release: str = "2026.3") -> Result:
    return ovms_doctor("check", root, "--as", "model", *without_loading(release), *options)


def codes(result: Result) -> list[str]:
    return [item["code"] for item in json.loads(result.out)["findings"]]


def state(result: Result) -> Any:
    (row,) = json.loads(result.out)["models"]
    return [(item["state"], item["error_code"]) for item in row["versions"]]


@pytest.mark.parametrize("release", ["2025.4", "2026.3"])
@pytest.mark.parametrize("task", list(MODELS))
def test_healthy_models(model: Any, task: str, release: str) -> None:
    result = check(model(task), release=release)
    assert (codes(result), result.code) == ([], 0)
    assert state(result) == [("AVAILABLE", "OK")]


def test_a_vision_language_model(public_dir: Path) -> None:
    root = unpack("vlm", public_dir)
    without_version(root)
    (root / "graph.pbtxt").write_text(graph("text_generation"))
    assert codes(check(root)) == []
    config = (root / "config.json").read_text()
    for text in (json.dumps({**json.loads(config), "model_type": None}), '{"hidden_size": 8}', "[]"):
        (root / "config.json").write_text(text)
        (finding,) = check(root).document["findings"]
        assert (finding["code"], finding["message"]) == (
            "OVD367",
            f"{root}/config.json is damaged: it has no text “model_type”",
        )
    (root / "config.json").write_text(config)
    (root / "openvino_vision_embeddings_model.xml").unlink()
    assert codes(check(root)) == ["OVD366"]
    (root / "openvino_text_embeddings_model.xml").unlink()
    result = check(root)
    assert codes(result) == ["OVD369"]
    assert "ends the whole server" in result.text


@pytest.mark.parametrize(
    ("task", "release", "line"),
    [
        ("text_generation", "2026.3", "LLM node models_path: /gone does not exist. "),
        ("text_generation", "2025.4", "LLM node models_path: /gone does not exist. "),
        ("embeddings", "2026.3", ""),
        ("rerank", "2026.3", ""),
    ],
)
def test_missing_models_path(model: Any, task: str, release: str, line: str) -> None:
    root = model(task)
    path = root / "graph.pbtxt"
    path.write_text(path.read_text().replace('models_path: "./"', 'models_path: "/gone"'))
    result = check(root, "--bare-metal", release=release)
    (finding,) = [item for item in result.document["findings"] if item["severity"] == "error"]
    assert (line in finding["server_log"]) is bool(line), finding
    assert not line or finding["server_log"].count(line) == 1


#: A task, the change to its directory, the code, the state (None: the process ends, or there is no model).
def remove(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).unlink()


def write(name: str, text: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / name).write_text(text)

    return change


def cut(name: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        data = (root / name).read_bytes()
        (root / name).write_bytes(data[: len(data) // 2])

    return change


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"
FAULTS = [
    ("text_generation", remove("openvino_model.xml"), "OVD366", "exits"),
    ("text_generation", remove("openvino_model.bin"), "OVD366", "exits"),
    ("text_generation", cut("openvino_model.bin"), "OVD367", "exits"),
    ("text_generation", cut("openvino_model.xml"), "OVD367", "exits"),
    ("text_generation", write("openvino_model.bin", POINTER), "OVD367", "exits"),
    ("text_generation", remove("openvino_tokenizer.bin"), "OVD366", "exits"),
    ("text_generation", remove("openvino_tokenizer.xml"), "OVD371", "available"),
    ("text_generation", remove("openvino_detokenizer.xml"), "OVD371", "available"),
    ("text_generation", write("config.json", "{"), "OVD367", "exits"),
    ("text_generation", write("config.json", '{"a": NaN}'), "OVD367", "exits"),
    ("text_generation", write("tokenizer_config.json", ""), "OVD367", "exits"),
    ("text_generation", write("generation_config.json", POINTER), "OVD367", "absent"),
    ("text_generation", write("generation_config.json", '{"eos_token_id": "</s>"}'), "OVD367", "absent"),
    ("embeddings", remove("openvino_model.xml"), "OVD366", "absent"),
    ("embeddings", write("config.json", "{"), "OVD367", "absent"),
    ("rerank", remove("openvino_tokenizer.xml"), "OVD371", "absent"),
    ("rerank", cut("openvino_model.bin"), "OVD367", "absent"),
]


@pytest.mark.parametrize(("task", "change", "code", "outcome"), FAULTS)
@pytest.mark.sample(every=3)
def test_faults(model: Any, task: str, change: Callable[[Path], None], code: str, outcome: str) -> None:
    root = model(task)
    change(root)
    result = check(root)
    assert codes(result) == [code]
    assert result.code == 1
    document = json.loads(result.out)
    assert document["server"]["outcome"] == ("exits" if outcome == "exits" else "serves")
    assert document["server"]["exit_code"] == (1 if outcome == "exits" else None)
    if outcome != "exits":
        assert state(result) == ([("AVAILABLE", "OK")] if outcome == "available" else [])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "x"),
        ("vocab.json", "{"),
        ("model.onnx.data", ""),
        ("config.json", "{}"),
        ("config.json", "[]"),
    ],
)
def test_valid_generative_models_have_no_finding(model: Any, name: str, text: str) -> None:
    root = model("text_generation")
    (root / name).write_text(text)
    assert codes(check(root)) == []


def test_missing_config_json_is_not_a_fault_of_a_language_model(model: Any) -> None:
    root = model("text_generation")
    (root / "config.json").unlink()
    (root / "generation_config.json").unlink()
    assert codes(check(root)) == []


def test_raw_weights(model: Any) -> None:
    root = model("text_generation")
    for path in root.glob("openvino_*"):
        path.unlink()
    (root / "model.safetensors").write_bytes(b"\0" * 64)
    result = check(root)
    assert codes(result) == ["OVD365"]
    assert "optimum-cli export openvino" in result.text


def test_a_chat_template_is_needed_since_2026_0(model: Any) -> None:
    root = model("text_generation")
    (root / "chat_template.jinja").unlink()
    tokenizer = root / "openvino_tokenizer.xml"
    text = tokenizer.read_text()
    start = text.find("<chat_template")
    if start >= 0:
        tokenizer.write_text(text[:start] + text[text.index("/>", start) + 2 :])
    assert codes(check(root)) == ["OVD373"]
    result = check(root, release="2025.4")
    assert (codes(result), result.document["findings"][0]["severity"]) == (["OVD373"], "info")
    (root / "chat_template.jinja").touch(mode=0o644)
    assert codes(check(root)) == ["OVD373"]
    (root / "chat_template.jinja").write_text("{{ messages[0].content }}")
    assert codes(check(root)) == []


@pytest.mark.parametrize(
    ("options", "release", "expected"),
    [
        ('tool_parser: "hermes3"', "2026.3", []),
        ('tool_parser: "qwen3"', "2026.3", ["OVD374"]),
        ('tool_parser: "qwen3"', "2026.2", ["OVD374"]),
        ('reasoning_parser: "qwen3"', "2026.3", []),
        ('tool_parser: "none"', "2026.3", []),
        ("pipeline_type: VLM_CB", "2026.3", ["OVD369"]),
        ("pipeline_type: LM_CB", "2026.3", []),
        ('plugin_config: "{"', "2026.3", ["OVD374"]),
        ('plugin_config: \'{"NUM_STREAMS": "1"}\'', "2026.3", []),
        ('plugin_config: \'{"NO_SUCH": "1"}\' device: "CPU"', "2026.3", ["OVD374"]),
        ('plugin_config: \'{"CPU_RUNTIME_CACHE_CAPACITY": 1}\' device: "CPU"', "2026.3", []),
        ('plugin_config: \'{"KV_CACHE_PRECISION": "int8"}\' device: "CPU"', "2026.3", ["OVD374"]),
        ('plugin_config: \'{"KV_CACHE_PRECISION": "u4"}\' device: "CPU"', "2026.2", []),
        ('plugin_config: \'{"KV_CACHE_PRECISION": "u3"}\' device: "CPU"', "2026.3", []),
        ('plugin_config: \'{"KV_CACHE_PRECISION": "u4"}\' device: "CPU"', "2026.1", ["OVD374"]),
        ('plugin_config: \'{"KV_CACHE_PRECISION": "F16"}\' device: "CPU"', "2025.4", ["OVD374"]),
        ('plugin_config: \'{"KV_CACHE_PRECISION": "f16"}\' device: "CPU"', "2025.4", []),
        ('plugin_config: \'{"A": {"B": "1"}}\'', "2026.3", ["OVD374"]),
        ('tool_parser: "gptoss" reasoning_parser: "gptoss"', "2026.3", []),
        ('tool_parser: "hermes3" reasoning_parser: "gptoss"', "2026.3", ["OVD374"]),
        ('tool_parser: "lfm2" reasoning_parser: "qwen3"', "2026.2", ["OVD374"]),
        ("cache_interval_multiplier: 0 enable_prefix_caching: true", "2026.3", ["OVD374"]),
        ("cache_interval_multiplier: 0", "2026.3", []),
        ('draft_device: "CPU"', "2026.3", ["OVD374"]),
        ("cache_eviction_config { start_size: 32 recent_size: 32 max_cache_size: 64 }", "2026.3", ["OVD374"]),
        ("cache_eviction_config { start_size: 32 recent_size: 32 max_cache_size: 96 }", "2026.3", []),
        ("cache_eviction_config { start_size: 32 recent_size: 32 max_cache_size: 97 }", "2026.3", ["OVD374"]),
        ("block_size: 32", "2026.3", ["OVD361"]),
    ],
)
@pytest.mark.sample(every=3)
def test_settings(model: Any, options: str, release: str, expected: list[str]) -> None:
    assert codes(check(model("text_generation", options), release=release)) == expected


def test_a_size_that_ends_the_server_with_a_request(model: Any) -> None:
    options = "cache_eviction_config { start_size: 32 recent_size: 32 max_cache_size: 97 }"
    result = check(model("text_generation", options))
    assert state(result) == [("AVAILABLE", "OK")]
    assert "A long request to it ends the whole server" in result.text


def test_properties_that_embeddings_are_loaded_without(model: Any) -> None:
    root = model("embeddings")
    text = (root / "graph.pbtxt").read_text()
    (root / "graph.pbtxt").write_text(
        text.replace('models_path: "./"', 'models_path: "./" plugin_config: "{"')
    )
    result = check(root)
    (finding,) = json.loads(result.out)["findings"]
    assert (finding["code"], finding["severity"]) == ("OVD374", "warning")
    assert state(result) == [("AVAILABLE", "OK")]


IMAGES = """\
input_stream: "HTTP_REQUEST_PAYLOAD:input"
output_stream: "HTTP_RESPONSE_PAYLOAD:output"
node {
  name: "ImageGen"
  calculator: "ImageGenCalculator"
  input_side_packet: "IMAGE_GEN_NODE_RESOURCES:pipes"
  input_stream: "HTTP_REQUEST_PAYLOAD:input"
  output_stream: "HTTP_RESPONSE_PAYLOAD:output"
  node_options: {
    [type.googleapis.com / mediapipe.ImageGenCalculatorOptions]: { models_path: "./" device: "CPU" OPTIONS }
  }
}
"""


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            'resolution: "64x64" max_resolution: "64x64"',
            "Cannot explicitly use max resolution when using static",
        ),
        ('resolution: "64x64 32x32" guidance_scale: 1', "Cannot use static guidance scale with multiple"),
        (
            "num_images_per_prompt: 1",
            "Cannot explicitly use static num images per prompt when not using static",
        ),
        ('default_resolution: "5000x64"', "Default resolution exceeds maximum allowed resolution: (5000x64)"),
        (
            'resolution: "64x64" default_resolution: "32x32"',
            "Default resolution (32x32) is not among the static",
        ),
        ('plugin_config: "{"', "Failed to parse plugin config: "),
        (
            'default_resolution: "512*512"',
            "Failed to parse resolution: INVALID_ARGUMENT: size field is not in correct format - WxH",
        ),
        ('resolution: "64x64 064x64"', "Failed to parse resolution: INVALID_ARGUMENT: size field is not"),
        ('resolution: "auto"', "Resolution is not specified or is invalid: auto"),
        ('max_resolution: "0x64"', "Failed to parse resolution: INVALID_ARGUMENT: size field values must be"),
        # All options are fine: the files come next.
        ('resolution: "64x64" num_images_per_prompt: 1', "Failed to create Image Generation pipelines"),
        (
            'max_resolution: "64x64" default_resolution: "64x32"',
            "Failed to create Image Generation pipelines",
        ),
    ],
)
def test_options_of_image_generation(public_dir: Path, options: str, line: str) -> None:
    (public_dir / "m").mkdir()
    (public_dir / "m/graph.pbtxt").write_text(IMAGES.replace("OPTIONS", options))
    result = check(public_dir / "m")
    findings = json.loads(result.out)["findings"]
    assert [item["server_log"][0][: len(line)] for item in findings] == [line]


def test_a_setting_is_named_with_its_line(model: Any) -> None:
    result = check(model("text_generation", '\n      tool_parser: "qwen3"'))
    (finding,) = json.loads(result.out)["findings"]
    assert "graph.pbtxt, line 14" in finding["evidence"][0]["what"]
    assert "hermes3" in finding["message"]


@pytest.mark.parametrize(("release", "code"), [("2026.3", 139), ("2025.2", 139), ("2025.1", 1)])
def test_a_tokenizer_of_newer_tools(public_dir: Path, release: str, code: int) -> None:
    root = unpack("embeddings" if release != "2025.1" else "llm-2025.4", public_dir)
    task = "embeddings" if release != "2025.1" else "text_generation"
    (root / "graph.pbtxt").write_text(graph(task))
    result = check(root, release=release)
    assert codes(result) == ["OVD372"]
    assert json.loads(result.out)["server"]["exit_code"] == code


def test_an_exception_in_a_graph_stops_the_later_graphs(model: Any, public_dir: Path) -> None:
    first = model("embeddings")
    second = public_dir / "second"
    (first / "config.json").write_text("{")
    unpack("rerank", public_dir).rename(second)
    without_version(second)
    (second / "graph.pbtxt").write_text(graph("rerank"))
    config = public_dir / "config.json"
    entries = [{"config": {"name": path.name, "base_path": str(path)}} for path in (first, second)]
    config.write_text(json.dumps({"model_config_list": entries}))
    result = ovms_doctor("check", config, "--load", "none", "--format", "json", "--ovms-version", "2026.3")
    document = json.loads(result.out)
    assert [item["code"] for item in document["findings"]] == ["OVD367"]
    assert [item["versions"] for item in document["models"]] == [[], []]
    assert document["server"]["outcome"] == "serves"


@pytest.mark.parametrize("task", list(MODELS))
def test_a_graph_that_the_server_makes_in_memory(public_dir: Path, task: str) -> None:
    """Since 2026.3 a directory with a config.json needs no graph.pbtxt if it is the only model of the command
    line."""
    root = unpack(MODELS[task], public_dir)
    without_version(root)
    name = root.rename(public_dir / f"tiny-{task}")
    arguments = ("--model_path", str(name), "--model_name", "m", "--rest_port", "8000")
    result = ovms_doctor(
        "check", "--load", "none", "--format", "json", "--bare-metal", "--user", "0:0", "--", *arguments
    )
    assert [item["code"] for item in json.loads(result.out)["findings"] if item["severity"] == "error"] == []
    assert state(result) == [("AVAILABLE", "OK")]
