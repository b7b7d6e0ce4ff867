"""Values of the options of a task, by release."""

from __future__ import annotations

import pytest

from ovms_doctor.inputs.arguments import read_arguments
from ovms_doctor.model.releases import parse_release

SERVE = ("--model_path", "/m", "--model_name", "m", "--rest_port", "8000")
PULL = ("--pull", "--source_model", "OpenVINO/m", "--model_repository_path", "/r")
SWITCH = "{}: {} is not allowed. Supported values: true, false"
TYPES = "pipeline_type: {} is not allowed. Supported types: LM, LM_CB, VLM, VLM_CB, {}AUTO"
DEVICE = "target_device: {} is not allowed. Supported devices: CPU, GPU, NPU, HETERO, AUTO"
PARSERS = (
    'Unsupported tool_parser: "qwen3". Supported tool parsers are: llama3, hermes3, phi4, mistral, gptoss, '
)
NO_NUMBER = "error parsing options: Argument ‘{}’ failed to parse"
NO_SIZE = "Invalid {} format. Expected WxH, e.g., 1024x1024"


def refusal(task: str, *options: str, release: str = "2026.3", start: tuple[str, ...] = SERVE) -> str | None:
    return read_arguments([*start, "--task", task, *options], parse_release(release)).usage_error


@pytest.mark.parametrize(
    ("task", "options", "release", "expected"),
    [
        ("text_generation", ("--enable_prefix_caching", "True"), "2026.3",
         SWITCH.format("enable_prefix_caching", "True")),
        ("text_generation", ("--enable_prefix_caching=false",), "2026.3", None),
        ("text_generation", ("--dynamic_split_fuse", "1"), "2026.2", SWITCH.format("dynamic_split_fuse", "1")),
        # It is not validated.
        ("text_generation", ("--enable_tool_guided_generation", "yes"), "2026.3", None),
        ("text_generation", ("--pipeline_type", "OMNI"), "2026.2", TYPES.format("OMNI", "")),
        ("text_generation", ("--pipeline_type", "OMNI"), "2026.3", None),
        ("text_generation", ("--pipeline_type", "lm"), "2026.3", TYPES.format("lm", "OMNI, ")),
        ("text_generation", ("--target_device", "cpu"), "2026.3", DEVICE.format("cpu")),
        ("text_generation", ("--target_device", "NPU.0"), "2026.3", DEVICE.format("NPU.0")),
        ("text_generation", ("--target_device", "GPU.1"), "2026.3", None),
        ("text_generation", ("--target_device", "AUTO:GPU,CPU"), "2026.3", None),
        ("embeddings", ("--target_device", "NPU.0"), "2026.3", None),
        ("text_generation", ("--max_num_seqs", "many"), "2026.3", NO_NUMBER.format("many")),
        ("text_generation", ("--cache_size=-1",), "2026.3", NO_NUMBER.format("-1")),
        ("text_generation", ("--cache_size", "0x10"), "2026.3", None),
        ("text_generation", ("--tool_parser", "none", "--reasoning_parser", ""), "2026.3", None),
        ("text_generation", ("--tool_parser", "qwen3"), "2026.2", None),
        ("embeddings", ("--normalize", "no"), "2026.3", SWITCH.format("normalize", "no")),
        ("embeddings", ("--truncate", "TRUE"), "2026.3", SWITCH.format("truncate", "TRUE")),
        ("embeddings", ("--pooling", "MEAN"), "2026.2", "Only CLS and LAST pooling modes are supported"),
        ("embeddings", ("--pooling", "MEAN"), "2026.3", None),
        ("embeddings", ("--pooling", "mean"), "2026.3", "Only CLS, LAST and MEAN pooling modes are supported"),
        ("rerank", ("--max_allowed_chunks", "-1"), "2026.3", NO_NUMBER.format("-1")),
        ("image_generation", ("--max_resolution", "1024"), "2026.3", NO_SIZE.format("max_resolution")),
        ("image_generation", ("--default_resolution", "512X512"), "2026.3", NO_SIZE.format("default_resolution")),
        ("image_generation", ("--max_resolution", "1024x1024"), "2026.3", None),
        ("image_generation", ("--num_streams", "0"), "2026.3", "num_streams must be greater than 0"),
        ("speech2text", ("--num_streams", "0"), "2026.3", None),
        ("image_generation", ("--max_num_inference_steps", "0"), "2026.3",
         "max_num_inference_steps must be greater than 0"),
    ],
)  # fmt: skip
def test_a_value(task: str, options: tuple[str, ...], release: str, expected: str | None) -> None:
    assert refusal(task, *options, release=release) == expected


def test_parsers_are_validated_since_2026_3() -> None:
    text = refusal("text_generation", "--tool_parser", "qwen3")
    assert text is not None
    assert text.startswith(PARSERS)
    arguments = read_arguments(
        [*SERVE, "--task", "text_generation", "--tool_parser", "qwen3"], parse_release("2026.3")
    )
    assert (arguments.refusals[0].stage, arguments.refusals[0].option) == ("prepare", "--tool_parser")


@pytest.mark.parametrize(
    ("release", "device", "start", "expected"),
    [
        ("2025.2", "gpu", PULL, True),
        # v2025.2 validates --pull only.
        ("2025.2", "gpu", PULL[1:], False),
        ("2025.3", "gpu", PULL[1:], True),
        ("2025.3", "GPU.0", PULL, True),
        ("2025.4", "GPU.0", PULL, False),
        ("2025.3", "HETERO:GPU,CPU", PULL, False),
    ],
)
def test_devices_of_older_releases(release: str, device: str, start: tuple[str, ...], expected: bool) -> None:
    text = refusal(
        "text_generation", "--target_device", device, "--rest_port", "8000", release=release, start=start
    )
    assert (text == DEVICE.format(device)) is expected
