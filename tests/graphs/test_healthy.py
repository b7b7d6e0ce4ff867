"""Directories of generative models as users have them: no finding for any of them, however the server is started."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ovms_doctor.model.releases import parse_release
from ovms_doctor.prediction.graphs.template import graph_text
from tests.cli.run import Result, ovms_doctor
from tests.graphs.models import gguf, graph, ir, snapshot, unpack, without_loading, without_version, write

#: Files of optimum-cli, Git and the server beside a model.
OTHER_FILES = {
    ".gitattributes": "*.bin filter=lfs",
    "README.md": "# A model\n",
    "openvino_config.json": '{"quantization_config": {"bits": 8, "sym": false}}',
    "special_tokens_map.json": "{}",
    "vocab.json": "{}",
    "merges.txt": "",
}


def model(public_dir: Path, kind: str, below: str, task: str | None) -> Path:
    """The tiny model ``kind`` at ``where``, with the graph of a task that the release of the test generates."""
    root = public_dir / below
    root.parent.mkdir(parents=True, exist_ok=True)
    directory = unpack(kind, public_dir)
    without_version(directory)
    directory.rename(root)
    for name, text in OTHER_FILES.items():
        (root / name).write_text(text)
    if task is not None:
        (root / "graph.pbtxt").write_text(graph(task))
    for path in (root, *root.parents):
        if path == public_dir:
            break
        path.chmod(0o755)
    return root


def exported(public_dir: Path) -> Path:
    """export_model.py text_generation."""
    return model(public_dir, "llm-2025.4", "models/Qwen3", "text_generation")


def exported_embeddings(public_dir: Path) -> Path:
    return model(public_dir, "embeddings", "models/bge", "embeddings")


def exported_rerank(public_dir: Path) -> Path:
    return model(public_dir, "rerank", "models/reranker", "rerank")


def exported_vision(public_dir: Path) -> Path:
    return model(public_dir, "vlm", "models/llava", "text_generation")


def organisation(public_dir: Path) -> Path:
    return model(public_dir, "llm-2025.4", "models/OpenVINO/Qwen3-0.6B-int4-ov", "text_generation")


def pulled(public_dir: Path) -> Path:
    """``ovms --pull``: a Git repository with the server's own graph."""
    root = model(public_dir, "llm-2025.4", "models/OpenVINO/Tiny", "text_generation")
    (root / ".git").mkdir(mode=0o755)
    (root / ".git" / "config").write_text("[core]\n")
    text = (root / "graph.pbtxt").read_text()
    (root / "graph.pbtxt").write_text("# File created with: OpenVINO Model Server 2025.4\n" + text)
    return root


def with_quantised_draft(public_dir: Path) -> Path:
    root = model(public_dir, "llm-2025.4", "models/speculative", None)
    draft = unpack("llm-2025.4", public_dir)
    without_version(draft)
    draft.rename(root / "draft")
    (root / "graph.pbtxt").write_text(graph("text_generation", 'draft_models_path: "draft"'))
    return root


def hugging_face_cache(public_dir: Path) -> Path:
    return snapshot(public_dir)


def model_mesh(public_dir: Path) -> Path:
    root = model(public_dir, "llm-2025.4", "models/mesh/1", "text_generation")
    return root.parent


def diffusion(public_dir: Path) -> Path:
    root = public_dir / "models" / "sd"
    index = {"_class_name": "StableDiffusionPipeline", "safety_checker": [None, None]}
    for part in ("text_encoder", "unet", "vae_decoder", "vae_encoder"):
        ir(root / part)
        write(root / part / "config.json", {})
        index[part] = ["diffusers", "Part"]
    write(root / "model_index.json", index)
    write(root / "scheduler" / "scheduler_config.json", {})
    ir(root / "tokenizer", "openvino_tokenizer")
    return _with_graph(root, "image_generation")


def whisper(public_dir: Path) -> Path:
    root = public_dir / "models" / "whisper"
    for name in ("encoder_model", "decoder_model", "tokenizer", "detokenizer"):
        ir(root, f"openvino_{name}")
    write(
        root / "config.json", {"model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"]}
    )
    return _with_graph(root, "speech2text")


def one_file(public_dir: Path) -> Path:
    root = public_dir / "models" / "unsloth" / "Qwen3-GGUF"
    root.mkdir(parents=True)
    (root / "Qwen3-Q4_K_M.gguf").write_bytes(gguf("qwen3"))
    text = graph("text_generation").replace('models_path: "./"', 'models_path: "./Qwen3-Q4_K_M.gguf"')
    (root / "graph.pbtxt").write_text(text)
    return root


def _with_graph(root: Path, task: str) -> Path:
    text = graph_text(task, parse_release("2025.4"))
    assert text is not None
    (root / "graph.pbtxt").write_text(text)
    return root


HEALTHY: list[Callable[[Path], Path]] = [
    exported, exported_embeddings, exported_rerank, exported_vision, organisation, pulled, with_quantised_draft,
    hugging_face_cache, model_mesh, diffusion, whisper, one_file,
]  # fmt: skip


def nothing(result: Result) -> None:
    document = json.loads(result.out)
    assert [item["code"] for item in document["findings"] if item["severity"] != "info"] == []
    assert document["server"]["outcome"] == "serves"
    assert result.code == 0


@pytest.mark.parametrize("release", ["2025.4", "2026.3"])
@pytest.mark.parametrize("make", HEALTHY, ids=lambda make: make.__name__)
@pytest.mark.sample(every=4)
def test_healthy_graphs_have_no_findings(
    public_dir: Path, make: Callable[[Path], Path], release: str
) -> None:
    """As a mount of a container that serves only this model, and in a configuration."""
    root = make(public_dir)
    top = root.parents[1] if "snapshots" in root.parts else root
    inside = f"/models/{root.relative_to(top)}".removesuffix("/.")
    options = without_loading(release)
    arguments = ("--model_path", inside, "--model_name", "m", "--rest_port", "8000")
    nothing(ovms_doctor("check", *options, "--mount", f"{top}:/models:ro", "--", *arguments))
    config = public_dir / "config.json"
    entry = {"config": {"name": "m", "base_path": str(root)}}
    config.write_text(json.dumps({"model_config_list": [entry]}))
    nothing(ovms_doctor("check", config, *options))


@pytest.mark.parametrize("make", HEALTHY, ids=lambda make: make.__name__)
@pytest.mark.sample(every=3)
def test_healthy_directories_have_no_findings(public_dir: Path, make: Callable[[Path], Path]) -> None:
    root = make(public_dir)
    if "snapshots" in root.parts:
        # If only this directory was mounted, the targets of its links would not exist.
        return
    nothing(ovms_doctor("check", root, "--load", "none", "--format", "json"))
    models = public_dir / "models"
    nothing(ovms_doctor("check", models, "--load", "none", "--format", "json"))
