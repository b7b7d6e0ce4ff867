"""A base path one level above a graph, a generative model or a model, from every source: the right directory
is named.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.checks.helpers import findings
from tests.cli.helpers import good_model
from tests.cli.run import ovms_doctor

CONFIG = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3"}


def generative(directory: Path, *, graph: bool = False) -> Path:
    """An exported model; with ``graph``, a graph.pbtxt that no parser accepts, which must be found nevertheless."""
    for name in ("openvino_model", "openvino_tokenizer"):
        good_model(directory / name)
        for suffix in ("xml", "bin"):
            (directory / name / f"model.{suffix}").rename(directory / f"{name}.{suffix}")
        (directory / name).rmdir()
    (directory / "config.json").write_text(json.dumps(CONFIG))
    if graph:
        (directory / "graph.pbtxt").write_text("x")
    return directory


def served(top: Path, *arguments: str, release: str = "2026.3") -> dict[str, Any]:
    """The only finding for a server with these arguments and ``top`` mounted at /models."""
    options = ("check", "--format", "json", "--ovms-version", release, "--mount", f"{top}:/models", "--")
    (finding,) = ovms_doctor(*options, *arguments, "--port", "9000").document["findings"]
    return dict(finding)


def configured(top: Path, document: dict[str, Any], release: str = "2026.3") -> dict[str, Any]:
    (top / "config.json").write_text(json.dumps(document))
    return served(top, "--config_path", "/models/config.json", release=release)


def steps(finding: dict[str, Any]) -> str:
    return "\n".join(f"{step['text']} {step['command'] or ''}".strip() for step in finding["remedy"]["steps"])


def single(top: Path, release: str = "2026.3") -> dict[str, Any]:
    return served(top, "--model_path", "/models", "--model_name", "m", release=release)


# -- --model_path ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Qwen3-8B-int4-ov", "OpenVINO/Qwen3-8B", "a b", "v1-chat"])
def test_a_generative_model_below_the_path(name: str, public_dir: Path) -> None:
    generative(public_dir / name)
    finding = single(public_dir)
    assert finding["code"] == "OVD101"
    assert f"the generative model is in a deeper directory, /models/{name}" in finding["message"]
    quoted_path = f"'/models/{name}'" if " " in name else f"/models/{name}"
    assert steps(finding) == f"Give the server --model_path {quoted_path}"
    assert finding["recovers"] == "restart"


def test_the_path_that_is_named_serves_it(public_dir: Path) -> None:
    """After the remedy, the server treats the directory as a generative model."""
    generative(public_dir / "chat")
    named = re.findall(r"--model_path (\S+)", steps(single(public_dir)))
    options = ("check", "--format", "json", "--mount", f"{public_dir}:/models", "--")
    arguments = ("--model_path", *named, "--model_name", "m", "--port", "9000")
    document = ovms_doctor(*options, *arguments).document
    assert not [item for item in document["findings"] if item["code"] in ("OVD101", "OVD102")]


def test_remedy_for_older_releases(public_dir: Path) -> None:
    generative(public_dir / "chat")
    assert "--model_path /models/chat --task TASK" in steps(single(public_dir, "2026.2"))
    assert "Put a graph.pbtxt into /models/chat" in steps(single(public_dir, "2025.4"))


def test_a_graph_below_the_path(public_dir: Path) -> None:
    generative(public_dir / "chat", graph=True)
    for release in ("2026.3", "2025.4"):
        assert steps(single(public_dir, release)) == "Give the server --model_path /models/chat"
    assert '"mediapipe_config_list": {"name": "m", "base_path": "/models/chat"}' in steps(
        single(public_dir, "2024.5")
    )


def test_a_model_with_versions_below_the_path(public_dir: Path) -> None:
    good_model(public_dir / "resnet" / "1")
    (public_dir / "docs").mkdir()
    assert steps(single(public_dir)) == "Give the server --model_path /models/resnet"


def test_several_below_the_path(public_dir: Path) -> None:
    good_model(public_dir / "resnet" / "1")
    generative(public_dir / "llm" / "chat", graph=True)
    finding = single(public_dir)
    assert "the models are in deeper directories: /models/resnet, /models/llm/chat" in finding["message"]
    assert "For /models/resnet: --model_path /models/resnet" in steps(finding)
    assert "For /models/llm/chat: --model_path /models/llm/chat" in steps(finding)
    assert f"ovms-doctor check {public_dir}" in steps(finding)


# -- other sources ---------------------------------------------------------------------------------------


def test_a_target(public_dir: Path) -> None:
    generative(public_dir / "llm" / "chat")
    (finding,) = findings("--as", "model", public_dir / "llm")
    assert steps(finding) == f"Give the server --model_path {public_dir}/llm/chat"


def test_a_base_path_of_the_configuration(public_dir: Path) -> None:
    generative(public_dir / "llm" / "chat", graph=True)
    entry = {"config": {"name": "m", "base_path": "/models/llm"}}
    finding = configured(public_dir, {"model_config_list": [entry]})
    assert finding["code"] == "OVD101"
    assert steps(finding) == 'Give the server "base_path": "/models/llm/chat"'
    assert finding["recovers"] == "config_change"


@pytest.mark.parametrize("release", ["2026.3", "2024.5"])
def test_an_entry_of_the_graphs(release: str, public_dir: Path) -> None:
    generative(public_dir / "llm" / "chat", graph=True)
    document = {"model_config_list": [], "mediapipe_config_list": [{"name": "g", "base_path": "/models/llm"}]}
    finding = configured(public_dir, document, release)
    assert finding["code"] == "OVD448"
    assert steps(finding) == 'Give the server "base_path": "/models/llm/chat"'
    assert "the graph is in a deeper directory, /models/llm/chat" in finding["message"]


@pytest.mark.parametrize("release", ["2026.3", "2025.4"])
def test_a_configuration_needs_a_graph(release: str, public_dir: Path) -> None:
    """The path is right; moving the files into a version directory would not help."""
    generative(public_dir / "chat")
    entry = {"config": {"name": "m", "base_path": "/models/chat"}}
    finding = configured(public_dir, {"model_config_list": [entry]}, release)
    assert finding["code"] == "OVD381"
    assert "Write the graph that serves it" in steps(finding)
    assert "mv " not in steps(finding)
    assert '"base_path"' not in steps(finding)


# -- where there must be no finding ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "files",
    [
        # Versions with a wrong name hold the model themselves.
        ["v1/model.xml", "v1/model.bin"],
        ["latest/model.onnx"],
        # Numbers below a directory that are no versions.
        ["logs/1/events.log", "v2/model.onnx"],
        ["docs/readme.md"],
        # Files of file systems and tools.
        [".cache/chat/config.json", ".cache/chat/tokenizer.json", ".cache/chat/model.safetensors"],
    ],
)
def test_directories_below_without_models_are_not_suggested(files: list[str], public_dir: Path) -> None:
    for name in files:
        (public_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (public_dir / name).write_bytes(b"x")
    finding = single(public_dir)
    assert finding["code"] in ("OVD101", "OVD102")
    assert "deeper" not in finding["message"]


def test_a_model_on_another_path_keeps_its_remedy(public_dir: Path) -> None:
    """The model files in the base path are the model, whatever a directory beside them contains."""
    good_model(public_dir / "old" / "1")
    (public_dir / "model.onnx").write_bytes(b"x")
    finding = single(public_dir)
    assert "the model's files are in the directory itself" in finding["message"]


def test_a_served_model_may_have_others_below_it(public_dir: Path) -> None:
    good_model(public_dir / "1")
    good_model(public_dir / "backup" / "1")
    generative(public_dir / "chat", graph=True)
    options = ("check", "--format", "json", "--mount", f"{public_dir}:/models", "--")
    arguments = ("--model_path", "/models", "--model_name", "m", "--port", "9000")
    assert ovms_doctor(*options, *arguments).document["findings"] == []
