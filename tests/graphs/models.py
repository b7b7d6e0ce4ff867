"""Tiny generative models with random weights, and graphs that serve them."""

from __future__ import annotations

import json
import struct
import tarfile
from pathlib import Path
from typing import Any

from tests.cli.helpers import MODELS

_ARCHIVES = Path(__file__).parents[1] / "data" / "generative"

LLM = """\
input_stream: "HTTP_REQUEST_PAYLOAD:input"
output_stream: "HTTP_RESPONSE_PAYLOAD:output"
node: {
  name: "LLMExecutor"
  calculator: "HttpLLMCalculator"
  input_stream: "LOOPBACK:loopback"
  input_stream: "HTTP_REQUEST_PAYLOAD:input"
  input_side_packet: "LLM_NODE_RESOURCES:llm"
  output_stream: "LOOPBACK:loopback"
  output_stream: "HTTP_RESPONSE_PAYLOAD:output"
  input_stream_info: { tag_index: "LOOPBACK:0", back_edge: true }
  node_options: {
    [type.googleapis.com / mediapipe.LLMCalculatorOptions]: { models_path: "./" OPTIONS }
  }
}
"""
PLAIN = """\
input_stream: "REQUEST_PAYLOAD:input"
output_stream: "RESPONSE_PAYLOAD:output"
node {{
  name: "Executor"
  calculator: "{calculator}CalculatorOV"
  input_side_packet: "{packet}_NODE_RESOURCES:{lower}_servable"
  input_stream: "REQUEST_PAYLOAD:input"
  output_stream: "RESPONSE_PAYLOAD:output"
  node_options: {{ [type.googleapis.com / mediapipe.{calculator}CalculatorOVOptions]: {{ models_path: "./" }} }}
}}
"""


def unpack(name: str, directory: Path) -> Path:
    """Unpacks the model ``name`` below ``directory``; every user can read it."""
    with tarfile.open(_ARCHIVES / f"{name}.tar.xz") as archive:
        archive.extractall(directory, filter="data")
    root = directory / name
    for path in (directory, root, *root.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return root


def graph(task: str, options: str = "") -> str:
    """The graph.pbtxt for a task, with additional options of its node."""
    if task == "text_generation":
        return LLM.replace("OPTIONS", options)
    names = {"embeddings": "Embeddings", "rerank": "Rerank"}
    return PLAIN.format(calculator=names[task], packet=task.upper(), lower=task)


def without_version(directory: Path) -> None:
    """Removes the release from the tokenizer's files, as the oldest tools write it."""
    for name in ("openvino_tokenizer.xml", "openvino_detokenizer.xml"):
        path = directory / name
        text = path.read_text()
        start = text.find("<openvino_tokenizers_version")
        if start >= 0:
            path.write_text(text[:start] + text[text.index("/>", start) + 2 :])


def ir(directory: Path, name: str = "openvino_model") -> None:
    """A small IR; its computation does not matter."""
    directory.mkdir(parents=True, exist_ok=True)
    for suffix in ("xml", "bin"):
        (directory / f"{name}.{suffix}").write_bytes((MODELS / f"fc.{suffix}").read_bytes())


def write(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def gguf(kind: str) -> bytes:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    pairs = text("general.alignment") + struct.pack("<II", 4, 32)
    pairs += text("general.architecture") + struct.pack("<I", 8) + text(kind)
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + pairs


def snapshot(public_dir: Path) -> Path:
    """A Hugging Face cache with one model: files are links to ../../blobs."""
    directory = unpack("llm-2025.4", public_dir)
    without_version(directory)
    (directory / "graph.pbtxt").write_text(graph("text_generation"))
    cache = public_dir / "hub" / "models--Org--Tiny"
    (cache / "blobs").mkdir(parents=True)
    revision = cache / "snapshots" / "0123abc"
    revision.mkdir(parents=True)
    for number, path in enumerate(sorted(directory.iterdir())):
        path.rename(cache / "blobs" / f"{number:040x}")
        (revision / path.name).symlink_to(f"../../blobs/{number:040x}")
    for path in (public_dir / "hub", *(public_dir / "hub").rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    return revision


def without_loading(release: str) -> tuple[str, ...]:
    """Options: the rules of this release, nothing loaded, the report as JSON."""
    return ("--ovms-version", release, "--load", "none", "--format", "json")
