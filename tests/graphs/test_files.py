"""Files of the kinds of models that have no complete small example, GGUF models, and devices."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.model.releases import parse_release
from ovms_doctor.prediction.graphs.gguf import architecture
from ovms_doctor.prediction.graphs.template import graph_text
from tests.cli.run import Result, ovms_doctor
from tests.graphs.models import gguf, graph, ir, unpack, without_version, write

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"


def serve(root: Path, task: str, release: str = "2026.3", options: str = "") -> Path:
    text = graph_text(task, parse_release(release))
    assert text is not None
    (root / "graph.pbtxt").write_text(text.replace('models_path: "./"', f'models_path: "./" {options}'))
    return root


def check(root: Path, *arguments: str, release: str = "2026.3") -> Result:
    options = ("--as", "model", "--ovms-version", release, "--load", "none", "--format", "json")
    return ovms_doctor("check", root, *options, *arguments)


def codes(result: Result) -> list[str]:
    return [item["code"] for item in json.loads(result.out)["findings"] if item["severity"] != "info"]


def exit_code(result: Result) -> int | None:
    code: int | None = json.loads(result.out)["server"]["exit_code"]
    return code


# -- images ---------------------------------------------------------------------------------------------


@pytest.fixture
def stable_diffusion(public_dir: Path) -> Path:
    """A model as optimum-cli writes it: the index lists parts that the pipeline does not need as [null, null]."""
    root = public_dir / "sd"
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.30.0",
        "feature_extractor": [None, None],
        "safety_checker": [None, None],
        "text_encoder_2": [None, None],
        "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    write(root / "model_index.json", index)
    write(root / "scheduler" / "scheduler_config.json", {"_class_name": "PNDMScheduler"})
    for part in ("text_encoder", "unet", "vae_decoder", "vae_encoder"):
        ir(root / part)
        write(root / part / "config.json", {})
    ir(root / "tokenizer", "openvino_tokenizer")
    return serve(root, "image_generation")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("lora/a.safetensors", []),
        ("./lora/a.safetensors", []),
        ("{root}/lora/a.safetensors", []),
        ("a.safetensors", ["OVD366"]),
        ("/nowhere/a.safetensors", ["OVD366"]),
    ],
)
def test_an_adapter_of_a_diffusion_model(stable_diffusion: Path, path: str, expected: list[str]) -> None:
    """`ov::genai::Adapter` throws for a file that does not exist, and the graph is not loaded."""
    adapter = stable_diffusion / "lora" / "a.safetensors"
    adapter.parent.mkdir()
    adapter.write_bytes(b"\x08" + bytes(7) + b"{}      ")
    adapter_path = path.format(root=stable_diffusion)
    serve(
        stable_diffusion, "image_generation", options=f'lora_adapters {{ alias: "a" path: "{adapter_path}" }}'
    )
    assert codes(check(stable_diffusion)) == expected


@pytest.mark.parametrize("release", ["2025.2", "2026.0", "2026.3"])
def test_a_whole_diffusion_model(stable_diffusion: Path, release: str) -> None:
    assert codes(check(stable_diffusion, release=release)) == []


@pytest.mark.parametrize(
    ("name", "releases"),
    [
        ("model_index.json", ("2025.4", "2026.3")),
        ("scheduler/scheduler_config.json", ("2025.4", "2026.3")),
        ("unet/openvino_model.xml", ("2025.4", "2026.3")),
        ("unet/openvino_model.bin", ("2025.4", "2026.3")),
        ("unet/config.json", ("2025.4", "2026.3")),
        ("text_encoder/config.json", ("2025.4", "2026.3")),
        ("vae_decoder/openvino_model.xml", ("2025.4", "2026.3")),
        ("vae_encoder/openvino_model.xml", ("2025.4", "2026.0")),
    ],
)
@pytest.mark.sample(every=2)
def test_a_part_that_is_missing(stable_diffusion: Path, name: str, releases: tuple[str, ...]) -> None:
    (stable_diffusion / name).unlink()
    for release in ("2025.4", "2026.0", "2026.3"):
        result = check(stable_diffusion, release=release)
        if release in releases or (release == "2026.0" and releases[-1] == "2026.3"):
            assert (codes(result), exit_code(result)) == (["OVD366"], 1)
        else:
            assert codes(result) == []


def test_a_part_that_is_damaged(stable_diffusion: Path) -> None:
    (stable_diffusion / "unet" / "openvino_model.bin").write_text(POINTER)
    assert codes(check(stable_diffusion)) == ["OVD367"]


def test_parts_that_image_models_do_not_need(stable_diffusion: Path) -> None:
    (stable_diffusion / "tokenizer" / "openvino_tokenizer.xml").unlink()
    (stable_diffusion / "tokenizer" / "openvino_tokenizer.bin").unlink()
    assert codes(check(stable_diffusion)) == []


@pytest.mark.parametrize(
    ("kind", "release", "expected"),
    [
        ("StableDiffusionXLPipeline", "2025.2", []),
        ("LatentConsistencyModelPipeline", "2026.3", []),
        ("FluxFillPipeline", "2026.3", []),
        ("Flux2KleinPipeline", "2026.3", []),
        ("Flux2KleinPipeline", "2026.2", ["OVD370"]),
        ("WanPipeline", "2026.3", ["OVD370"]),
    ],
)
def test_the_kind_of_pipeline(stable_diffusion: Path, kind: str, release: str, expected: list[str]) -> None:
    path = stable_diffusion / "model_index.json"
    write(path, {**json.loads(path.read_text()), "_class_name": kind})
    assert codes(check(stable_diffusion, release=release)) == expected


# -- speech ---------------------------------------------------------------------------------------------


@pytest.fixture
def whisper(public_dir: Path) -> Path:
    root = public_dir / "whisper"
    for name in (
        "openvino_encoder_model",
        "openvino_decoder_model",
        "openvino_tokenizer",
        "openvino_detokenizer",
    ):
        ir(root, name)
    write(
        root / "config.json", {"model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"]}
    )
    for name in ("generation_config.json", "preprocessor_config.json", "tokenizer_config.json"):
        write(root / name, {})
    return serve(root, "speech2text")


@pytest.mark.parametrize("release", ["2025.4", "2026.3"])
def test_a_whole_speech_model(whisper: Path, release: str) -> None:
    assert codes(check(whisper, release=release)) == []


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("openvino_encoder_model.xml", None, "OVD366"),
        ("openvino_decoder_model.bin", None, "OVD366"),
        ("openvino_decoder_model.bin", POINTER, "OVD367"),
        ("preprocessor_config.json", "{", "OVD367"),
        ("processor_config.json", POINTER, "OVD367"),
        ("config.json", '{"model_type": "wav2vec2"}', "OVD370"),
        ("openvino_tokenizer.xml", None, "OVD371"),
    ],
)
def test_a_fault_of_a_speech_model(whisper: Path, name: str, text: str | None, code: str) -> None:
    """The exception is not caught: the server runs without the graph."""
    if text is None:
        (whisper / name).unlink()
    else:
        (whisper / name).write_text(text)
    result = check(whisper)
    assert (codes(result), exit_code(result)) == ([code], None)


@pytest.fixture
def speecht5(public_dir: Path) -> Path:
    root = public_dir / "speecht5"
    for name in ("encoder_model", "decoder_model", "postnet", "vocoder"):
        ir(root, f"openvino_{name}")
    ir(root, "openvino_tokenizer")
    write(root / "config.json", {"architectures": ["SpeechT5ForTextToSpeech"], "model_type": "speecht5"})
    return serve(root, "text2speech")


@pytest.mark.parametrize("release", ["2025.4", "2026.0", "2026.3"])
def test_a_whole_voice(speecht5: Path, release: str) -> None:
    assert codes(check(speecht5, release=release)) == []


@pytest.mark.parametrize("name", ["encoder_model", "decoder_model", "postnet", "vocoder"])
def test_a_part_of_a_voice_that_is_missing(speecht5: Path, name: str) -> None:
    file = speecht5 / f"openvino_{name}.xml"
    file.unlink()
    for release, code in (("2025.4", None), ("2026.3", 1)):
        result = check(speecht5, release=release)
        assert (codes(result), exit_code(result)) == (["OVD366"], code)
        assert file.name in result.text


def test_kokoro_is_one_model_since_2026_3(public_dir: Path) -> None:
    root = public_dir / "kokoro"
    ir(root)
    write(root / "config.json", {"architectures": None, "n_mels": 80, "vocab": {"a": 1}})
    serve(root, "text2speech")
    assert codes(check(root)) == []
    assert codes(check(root, release="2026.2")) == ["OVD366"]


def test_a_voice_of_the_graph(speecht5: Path) -> None:
    serve(speecht5, "text2speech", options='voices { name: "anna" path: "voices/anna.bin" }')
    result = check(speecht5)
    assert codes(result) == ["OVD366"]
    assert "Requested voice speaker embeddings file does not exist" in result.text
    (speecht5 / "voices").mkdir(mode=0o755)
    (speecht5 / "voices" / "anna.bin").write_bytes(bytes(2048))
    assert codes(check(speecht5)) == []


# -- GGUF -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "release", "expected"),
    [
        (gguf("qwen2"), "2026.3", []),
        (gguf("llama"), "2025.3", []),
        (gguf("gemma3"), "2026.3", ["OVD370"]),
        (POINTER.encode(), "2026.3", ["OVD367"]),
        (b"<html>", "2026.3", ["OVD367"]),
        (gguf("qwen2"), "2025.2", ["OVD364"]),
    ],
)
def test_a_gguf_model(public_dir: Path, data: bytes, release: str, expected: list[str]) -> None:
    root = public_dir / "gguf"
    root.mkdir(mode=0o755)
    (root / "m-q4.gguf").write_bytes(data)
    text = graph("text_generation").replace('models_path: "./"', 'models_path: "./m-q4.gguf"')
    (root / "graph.pbtxt").write_text(text)
    assert codes(check(root, release=release)) == expected


@pytest.mark.parametrize(
    ("named", "files", "expected"),
    [
        ("m-00001-of-00003.gguf", (1, 2, 3), []),
        ("m-00001-of-00003.gguf", (1, 3), ["OVD366"]),
        ("m-00002-of-00003.gguf", (1, 2, 3), ["OVD364"]),
        ("m-00001-of-00001.gguf", (1,), []),
    ],
)
def test_a_gguf_model_in_several_files(
    public_dir: Path, named: str, files: tuple[int, ...], expected: list[str]
) -> None:
    """The first file is named, and the others are beside it (`get_all_files`, gguf.cpp)."""
    root = public_dir / "gguf"
    root.mkdir()
    for number in files:
        (root / f"{named[:2]}{number:05}{named[7:]}").write_bytes(gguf("qwen2"))
    text = graph("text_generation").replace('models_path: "./"', f'models_path: "./{named}"')
    (root / "graph.pbtxt").write_text(text)
    for path in root.iterdir():
        path.chmod(0o644)
    assert codes(check(root)) == expected


@pytest.mark.parametrize("length", [0, 3, 8, 24, 30, 60, 90])
def test_the_beginning_of_a_gguf_file(length: int) -> None:
    assert architecture(gguf("qwen2")) == "qwen2"
    assert architecture(gguf("qwen2")[:length]) == ""
    assert architecture(b"GGUF" + b"\xff" * 400) == ""


# -- devices --------------------------------------------------------------------------------------------


@pytest.fixture
def chat(public_dir: Path) -> Callable[[str], Path]:
    def make(options: str) -> Path:
        root = unpack("llm-2025.4", public_dir)
        without_version(root)
        (root / "graph.pbtxt").write_text(graph("text_generation", options))
        return root

    return make


def run(root: Path, release: str = "2026.3", devices: str = "") -> Result:
    line = (
        f"docker run --rm {devices} -v {root}:/models/m openvino/model_server:{release} --model_path /models/m "
        "--model_name m --rest_port 8000"
    )
    return ovms_doctor("check", "--docker-run", line, "--load", "none", "--format", "json")


@pytest.mark.parametrize("device", ["GPU", "GPU.0", "NPU"])
def test_a_device_that_the_container_lacks(chat: Any, device: str) -> None:
    result = run(chat(f'device: "{device}"'))
    assert (codes(result), exit_code(result)) == (["OVD374"], 1)
    assert "--device /dev/" in result.text


@pytest.mark.parametrize("device", ["CPU", "AUTO", "HETERO:CPU"])
def test_devices_that_work(chat: Any, device: str) -> None:
    assert codes(run(chat(f'device: "{device}"'))) == []


def test_a_name_that_is_not_a_device(chat: Any) -> None:
    result = run(chat('device: "cpu"'))
    assert codes(result) == ["OVD374"]
    assert "CPU is one" in result.text


def test_devices_are_unknown_for_a_directory_alone(chat: Any) -> None:
    root = chat('device: "GPU"')
    assert codes(check(root)) == []


@pytest.mark.parametrize(
    ("options", "release", "expected"),
    [
        ('device: "NPU" plugin_config: \'{"MAX_PROMPT_LEN": 2048}\'', "2026.3", []),
        ('device: "NPU" plugin_config: \'{"MAX_PROMPT_LEN": "2048"}\'', "2026.3", ["OVD374"]),
        ('device: "NPU" plugin_config: \'{"MIN_RESPONSE_LEN": -1}\'', "2026.3", ["OVD374"]),
        ('device: "CPU" plugin_config: \'{"MAX_PROMPT_LEN": 2048}\'', "2026.3", ["OVD374"]),
        ("plugin_config: '{\"MAX_PROMPT_LEN\": 2048}'", "2026.2", ["OVD374"]),
        # Without a device the server chooses one, but never the NPU.
        ("plugin_config: '{\"MAX_PROMPT_LEN\": 2048}'", "2026.3", ["OVD374"]),
        ('device: "NPU" pipeline_type: LM_CB', "2026.3", ["OVD374"]),
        ('device: "NPU" pipeline_type: LM', "2026.3", []),
        # Another name of an NPU chooses the pipeline of other devices.
        ('device: "NPU.0"', "2026.3", ["OVD374"]),
        ('device: "HETERO:NPU,CPU"', "2025.4", ["OVD374"]),
        ('device: "AUTO:NPU"', "2026.3", ["OVD374"]),
        ('device: "AUTO:NPU,CPU"', "2026.3", []),
        ('device: "NPU.0" pipeline_type: LM', "2026.3", []),
    ],
)
@pytest.mark.sample(every=4)
def test_settings_that_only_the_npu_accepts(
    chat: Any, options: str, release: str, expected: list[str]
) -> None:
    assert codes(check(chat(options), release=release)) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("dynamic_split_fuse: false", []),
        ("dynamic_split_fuse: false max_num_batched_tokens: 100", ["OVD374"]),
        ("dynamic_split_fuse: false max_num_batched_tokens: 100 max_num_seqs: 100", []),
        ("dynamic_split_fuse: false max_num_seqs: 257", ["OVD374"]),
        ("dynamic_split_fuse: true max_num_seqs: 257", []),
        ("max_num_batched_tokens: 100", []),
        ("dynamic_split_fuse: false max_num_seqs: 257 pipeline_type: LM", []),
    ],
)
def test_more_sequences_than_tokens_in_a_batch(chat: Any, options: str, expected: list[str]) -> None:
    """GenAI's scheduler asserts it when the first prompt is scheduled, and the server ends."""
    result = check(chat(options))
    assert codes(result) == expected
    assert ("The first request to it ends the whole server." in result.text) is bool(expected)


@pytest.mark.parametrize(
    ("pipeline_type", "talker", "release", "expected"),
    [
        ("AUTO", False, "2026.3", []),
        ("VLM_CB", False, "2026.3", []),
        ("LM_CB", False, "2026.3", ["OVD369"]),
        ("OMNI", False, "2026.3", ["OVD369"]),
        ("AUTO", True, "2026.3", []),
        ("OMNI", True, "2026.3", []),
        ("VLM_CB", True, "2026.3", ["OVD369"]),
        # The server compares a text type with the files of a vision model without a talker only.
        ("LM_CB", True, "2026.3", []),
        # Before 2026.3 a talker counts for nothing.
        ("VLM_CB", True, "2026.2", []),
        ("LM_CB", True, "2026.2", ["OVD369"]),
    ],
)
@pytest.mark.sample(every=3)
def test_the_type_of_a_model_with_a_talker(
    public_dir: Path, pipeline_type: str, talker: bool, release: str, expected: list[str]
) -> None:
    """`determinePipelineType` (servable_initializer.cpp)."""
    root, text_model = unpack("vlm", public_dir), unpack("llm-2025.4", public_dir)
    for path in text_model.glob("openvino_*tokenizer.*"):
        path.replace(root / path.name)
    if talker:
        ir(root, "openvino_talker_model")
    for path in root.iterdir():
        path.chmod(0o644)
    (root / "graph.pbtxt").write_text(graph("text_generation", f"pipeline_type: {pipeline_type}"))
    assert codes(check(root, release=release)) == expected


def test_a_text_model_is_not_omni(chat: Any) -> None:
    assert codes(check(chat("pipeline_type: OMNI"))) == ["OVD369"]


@pytest.mark.parametrize(
    ("options", "length", "release", "expected"),
    [
        ("max_tokens_limit: 64", 64, "2026.3", ["OVD374"]),
        ("max_tokens_limit: 65", 64, "2026.3", ["OVD374"]),
        ("max_tokens_limit: 63", 64, "2026.3", []),
        ("max_tokens_limit: 0x40", 64, "2025.4", ["OVD374"]),
        ("max_tokens_limit: 64", None, "2026.3", []),
        ("", 64, "2026.3", []),
    ],
)
def test_a_limit_that_leaves_no_room_for_a_prompt(
    chat: Any, options: str, length: int | None, release: str, expected: list[str]
) -> None:
    """It is the number of tokens of each request that names none (openai_api_handler.cpp, servable.cpp)."""
    root = chat(options)
    config = json.loads((root / "config.json").read_text())
    config.pop("max_position_embeddings", None)
    write(root / "config.json", config if length is None else {**config, "n_positions": length})
    result = check(root, release=release)
    assert (codes(result), result.code) == (expected, 0)
    assert ("with max_tokens in the request, it is answered" in result.text) is bool(expected)


@pytest.mark.parametrize(("sym", "expected"), [(True, []), (False, ["OVD374"])])
def test_weights_for_the_npu(chat: Any, sym: bool, expected: list[str]) -> None:
    root = chat('device: "NPU"')
    write(root / "openvino_config.json", {"quantization_config": {"bits": 4, "sym": sym, "group_size": 128}})
    result = check(root)
    assert (codes(result), result.code) == (expected, 0)
    (root / "graph.pbtxt").write_text(graph("text_generation", 'device: "CPU"'))
    assert codes(check(root)) == []


# -- side packets ---------------------------------------------------------------------------------------


def test_a_side_packet_that_the_server_lacks(chat: Any) -> None:
    root = chat("")
    text = (root / "graph.pbtxt").read_text()
    (root / "graph.pbtxt").write_text(text.replace("LLM_NODE_RESOURCES:llm", "LLM_NODE_RESOURCES:chat"))
    result = check(root)
    assert (codes(result), exit_code(result)) == (["OVD363"], None)
    assert "LLM_NODE_RESOURCES:llm" in result.text


def test_a_graph_of_a_newer_release(chat: Any) -> None:
    """The side packet for contexts was added in 2026.2; older releases do not expect it."""
    root = chat("")
    text = (root / "graph.pbtxt").read_text()
    line = '  input_side_packet: "LLM_NODE_RESOURCES:llm"\n'
    (root / "graph.pbtxt").write_text(
        text.replace(line, line + '  input_side_packet: "LLM_NODE_EXECUTION_CONTEXTS:llm_ctx"\n')
    )
    assert codes(check(root, release="2026.2")) == []
    old = check(root, release="2026.1")
    assert (codes(old), exit_code(old)) == (["OVD363"], 1)
    assert "before OVMS 2026.2" in old.text
