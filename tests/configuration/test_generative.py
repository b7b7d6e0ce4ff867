"""A model path that the newest release treats as a generative model: the task, and what ends the process."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ovms_doctor.model.facts import Facts
from ovms_doctor.model.facts.store import FactsMissingError
from ovms_doctor.prediction.generative import infer_task
from tests.configuration.build import deployed
from tests.prediction.memory import MemoryFiles, settle

ARGUMENTS = ("--model_path", "/repo/m", "--model_name", "m", "--rest_port", "1")


def task(directory: str = "/repo/m", **files: Any) -> str | None:
    memory_files = MemoryFiles(
        {f"{directory.rstrip('/')}/{name}.json": json.dumps(value) for name, value in files.items()}
    )
    facts = Facts()
    while True:
        try:
            return infer_task(directory, facts)
        except FactsMissingError as missing:
            facts.add({question: memory_files.answer(question) for question in missing.questions})


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("WhisperForConditionalGeneration", "speech2text"),
        ("SeamlessM4Tv2Model", "speech2text"),
        ("SpeechT5ForTextToSpeech", "text2speech"),
        ("ParlerTTSForConditionalGeneration", "text2speech"),
        ("XLMRobertaForSequenceClassification", "rerank"),
        ("CLIPTextModel", "image_generation"),
        ("UNet2DConditionModel", "image_generation"),
        ("AutoencoderKL", "image_generation"),
        ("FluxTransformer2DModel", "image_generation"),
        ("BertModel", "embeddings"),
        ("SomeNewModel", "embeddings"),
        ("InternVLChatModel", "text_generation"),
        ("LlamaForCausalLM", "text_generation"),
        ("Qwen2VLForConditionalGeneration", "text_generation"),
        ("ResNetForImageClassification", None),
    ],
)
def test_the_architecture_determines_the_task(architecture: str, expected: str | None) -> None:
    assert task(config={"architectures": [architecture]}) == expected


@pytest.mark.parametrize(
    ("files", "directory", "expected"),
    [
        ({"config": {"architectures": None, "n_mels": 80}}, "/m", "text2speech"),
        ({"config": {"architectures": None}}, "/m", None),
        ({"config": {}}, "/m", None),
        ({"config": []}, "/m", None),
        ({"model_index": {"_class_name": "StableDiffusionXLPipeline"}}, "/m", "image_generation"),
        ({"config": {"architectures": ["Qwen3ForCausalLM"]}}, "/Qwen3-Embedding-0.6B", "embeddings"),
        ({"config": {"architectures": ["Qwen3ForCausalLM"]}}, "/Qwen3-Reranker/", "rerank"),
        ({"config": {"architectures": ["Qwen3ForCausalLM"]}}, "/model", "text_generation"),
        # Only this architecture is that of three tasks: the name of another model does not matter.
        ({"config": {"architectures": ["LlamaForCausalLM"]}}, "/llama-embed", "text_generation"),
        ({"config": {"architectures": ["LlamaForCausalLM"]}}, "/llama-rerank", "text_generation"),
        # With modules.json the name does not matter.
        ({"config": {"architectures": ["Qwen3ForCausalLM"]}, "modules": []}, "/embed", "text_generation"),
        (
            {"config": {"architectures": ["Qwen3ForCausalLM"]}, "modules": [{"type": "x.Pooling"}]},
            "/model",
            "embeddings",
        ),
        (
            {"config": {"architectures": ["Qwen3ForCausalLM"]}, "modules": [{"type": "x.LogitScore"}]},
            "/embed",
            "rerank",
        ),
    ],
)
def test_other_files_and_the_name(files: dict[str, Any], directory: str, expected: str | None) -> None:
    assert task(directory, **files) == expected


@pytest.mark.parametrize(("release", "code"), [("2025.4", None), ("2026.2", None), ("2026.3", 64)])
def test_a_stray_config_json_beside_good_versions(release: str, code: int | None) -> None:
    memory_files = MemoryFiles(
        {"/repo/m/1/a.onnx": "good", "/repo/m/config.json": '{"model_config_list": []}'}
    )
    plan = settle(deployed(release, ARGUMENTS), memory_files)
    assert plan.exit_code == code


def test_a_graph_on_disk_comes_before_the_files_of_a_generative_model() -> None:
    files = {
        "/repo/m/config.json": '{"architectures": ["LlamaForCausalLM"]}',
        "/repo/m/graph.pbtxt": "node {}",
    }
    plan = settle(deployed("2026.3", ARGUMENTS), MemoryFiles(files))
    assert [model.kind for model in plan.models] == ["graph"]
    del files["/repo/m/graph.pbtxt"]
    plan = settle(deployed("2026.3", ARGUMENTS), MemoryFiles(files))
    # Without model files, the graph in memory fails and the process ends.
    assert (plan.outcome, plan.models[0].kind) == ("exits", "generative")


@pytest.mark.parametrize(
    ("release", "option", "code"), [("2026.3", "--nireq", 64), ("2025.0", "--nireq", None)]
)
def test_a_graph_accepts_no_parameters_on_the_command_line(
    release: str, option: str, code: int | None
) -> None:
    memory_files = MemoryFiles({"/repo/m/graph.pbtxt": "node {}", "/repo/m/1/a.onnx": "good"})
    plan = settle(deployed(release, (*ARGUMENTS, option, "2")), memory_files)
    assert plan.exit_code == code
    if code is not None:
        assert plan.problem is not None
        assert plan.problem.log == (
            "Starting mediapipe graph with unsupported model settings: nireq, The settings should be set in "
            "subconfig.json file.",
        )


def test_a_generative_model_accepts_arguments_that_a_classic_model_refuses() -> None:
    memory_files = MemoryFiles({"/repo/m/config.json": '{"architectures": ["LlamaForCausalLM"]}'})
    plan = settle(deployed("2026.3", (*ARGUMENTS, "--max_num_seqs", "4")), memory_files)
    assert (plan.models[0].kind, plan.exit_code) == ("generative", 1)
    refused = settle(deployed("2026.2", (*ARGUMENTS, "--max_num_seqs", "4")), memory_files)
    assert refused.exit_code == 64


@pytest.mark.parametrize(("exists", "code"), [(True, None), (False, 64)])
def test_a_missing_cpu_extension(exists: bool, code: int | None) -> None:
    memory_files = MemoryFiles({"/repo/m/1/a.onnx": "good", **({"/e.so": "x"} if exists else {})})
    plan = settle(deployed("2026.3", (*ARGUMENTS, "--cpu_extension", "/e.so")), memory_files)
    assert plan.exit_code == code


def test_listing_models_ends_well() -> None:
    plan = settle(deployed("2026.3", ("--list_models", "--model_repository_path", "/r")), MemoryFiles({}))
    assert (plan.outcome, plan.exit_code) == ("exits", 0)


def test_help_ends_with_exit_code_0() -> None:
    plan = settle(deployed("2026.3", ("--help",)), MemoryFiles({}))
    assert (plan.outcome, plan.exit_code) == ("exits", 0)


LLAMA = {"/repo/m/config.json": '{"architectures": ["LlamaForCausalLM"]}'}
BERT = {"/repo/m/config.json": '{"architectures": ["BertModel"]}'}


@pytest.mark.parametrize(
    ("files", "options", "text"),
    [
        (
            LLAMA,
            ("--foo", "1"),
            "task: text_generation - error parsing options - unmatched arguments : --foo, 1,",
        ),
        (
            LLAMA,
            ("--pooling", "CLS"),
            "task: text_generation - error parsing options - unmatched arguments : ",
        ),
        (LLAMA, ("--max_num_seqs", "x"), "error parsing options: Argument ‘x’ failed to parse"),
        (LLAMA, ("--enable_prefix_caching", "True"), "enable_prefix_caching: True is not allowed."),
        (LLAMA, ("--tool_parser", "qwen3"), 'Unsupported tool_parser: "qwen3".'),
        (LLAMA, ("--target_device", "cpu"), "target_device: cpu is not allowed."),
        (BERT, ("--pooling", "mean"), "Only CLS, LAST and MEAN pooling modes are supported"),
        # They are options of this task, with good values: the process ends later, as there is no model.
        (LLAMA, ("--max_num_seqs", "8", "--tool_parser", "hermes3"), None),
        (BERT, ("--pooling", "CLS"), None),
        (BERT, ("--target_device", "cpu"), None),
    ],
)
def test_options_of_an_inferred_task(
    files: dict[str, str], options: tuple[str, ...], text: str | None
) -> None:
    plan = settle(deployed("2026.3", [*ARGUMENTS, *options]), MemoryFiles(files))
    if text is None:
        assert plan.problem is None
        assert [model.kind for model in plan.models] == ["generative"]
    else:
        assert plan.problem is not None
        assert (plan.exit_code, plan.problem.text[: len(text)]) == (64, text)
