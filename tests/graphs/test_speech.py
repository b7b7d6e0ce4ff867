"""Models for speech: config.json, plugin_config and voices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.model.releases import parse_release
from ovms_doctor.prediction.graphs.template import graph_text
from tests.cli.run import Result, ovms_doctor
from tests.graphs.models import ir, without_loading, write

WHISPER = ("encoder_model", "decoder_model", "tokenizer", "detokenizer")
SPEECHT5 = ("encoder_model", "decoder_model", "postnet", "vocoder", "tokenizer")
KOKORO = ("model",)


def speech(root: Path, task: str, models: tuple[str, ...], config: Any, options: str = "") -> Path:
    """The directory of a model, with its graph; without a config.json if that is None."""
    for name in models:
        ir(root, f"openvino_{name}")
    if config is not None:
        write(root / "config.json", config)
    text = graph_text(task, parse_release("2025.4"))
    assert text is not None
    (root / "graph.pbtxt").write_text(text.replace('models_path: "./"', f'models_path: "./" {options}'))
    return root


def check(root: Path, release: str) -> Result:
    for path in (root, *root.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return ovms_doctor("check", root, "--as", "model", *without_loading(release))


def codes(result: Result) -> list[str]:
    return [item["code"] for item in json.loads(result.out)["findings"]]


def states(result: Result) -> list[Any]:
    return [item["state"] for row in json.loads(result.out)["models"] for item in row["versions"]]


@pytest.mark.parametrize(
    ("release", "config", "code"),
    [
        ("2026.3", {"model_type": "whisper"}, None),
        ("2026.3", {"model_type": "qwen3_asr"}, None),
        ("2026.2", {"model_type": "qwen3_asr"}, "OVD370"),
        # ASRPipeline chooses the model by it.
        ("2026.3", None, "OVD366"),
        ("2026.3", {"architectures": ["WhisperForConditionalGeneration"]}, "OVD367"),
        ("2026.3", [], "OVD367"),
        # WhisperPipeline does not.
        ("2026.2", None, None),
        ("2025.4", {"architectures": ["WhisperForConditionalGeneration"]}, None),
    ],
)
def test_the_kind_of_a_speech_to_text_model(
    public_dir: Path, release: str, config: Any, code: str | None
) -> None:
    result = check(speech(public_dir / "m", "speech2text", WHISPER, config), release)
    assert codes(result) == ([] if code is None else [code])
    # An exception leaves the graph out.
    assert states(result) == (["AVAILABLE"] if code is None else [])


@pytest.mark.parametrize(
    ("task", "models", "config", "expected"),
    [
        ("speech2text", WHISPER, {"model_type": "whisper"}, []),
        ("text2speech", SPEECHT5, {"architectures": ["SpeechT5ForTextToSpeech"]}, ["LOADING"]),
    ],
)
@pytest.mark.parametrize("options", ["plugin_config: '{bad'", 'plugin_config: \'{"NUM_STREAM": "1"}\''])
def test_plugin_config_of_speech(
    public_dir: Path, task: str, models: tuple[str, ...], config: Any, expected: list[str], options: str
) -> None:
    root = speech(public_dir / "m", task, models, config, options)
    result = check(root, "2026.3")
    assert (codes(result), states(result)) == (["OVD374"], expected)
    # v2025.4 does not read the option.
    assert codes(check(root, "2025.4")) == []
    good = options.replace("{bad", '{"NUM_STREAMS": "1"}').replace('"NUM_STREAM"', '"NUM_STREAMS"')
    (root / "graph.pbtxt").write_text((root / "graph.pbtxt").read_text().replace(options, good))
    assert codes(check(root, "2026.3")) == []


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"vocab": {"a": 1}, "n_mels": 80, "architectures": None}, []),
        ({"n_mels": 80, "architectures": None}, ["OVD367"]),
        ({"vocab": ["a"]}, ["OVD367"]),
    ],
)
def test_kokoro(public_dir: Path, config: Any, expected: list[str]) -> None:
    result = check(speech(public_dir / "m", "text2speech", KOKORO, config), "2026.3")
    assert codes(result) == expected
    assert states(result) == (["LOADING"] if expected else ["AVAILABLE"])


@pytest.mark.parametrize(
    ("size", "code"), [(2048, None), (100, "OVD367"), (2047, "OVD367"), (None, "OVD366")]
)
def test_the_file_of_a_voice(public_dir: Path, size: int | None, code: str | None) -> None:
    config = {"architectures": ["SpeechT5ForTextToSpeech"]}
    voice = 'voices { name: "a" path: "voices/a.bin" }'
    root = speech(public_dir / "m", "text2speech", SPEECHT5, config, voice)
    if size is not None:
        (root / "voices").mkdir()
        (root / "voices" / "a.bin").write_bytes(b"\0" * size)
    assert codes(check(root, "2026.3")) == ([] if code is None else [code])


def test_a_voice_of_kokoro_has_another_size(public_dir: Path) -> None:
    root = speech(
        public_dir / "m", "text2speech", KOKORO, {"vocab": {}}, 'voices { name: "a" path: "a.bin" }'
    )
    (root / "a.bin").write_bytes(b"\0" * 522240)
    assert codes(check(root, "2026.3")) == []
