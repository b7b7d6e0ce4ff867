"""Which files make a directory a model's, a graph's or a generative model's, by their names."""

from __future__ import annotations

from collections.abc import Collection, Iterable

#: Suffixes of files that make a directory a model's (compared without regard to case).
MODEL_SUFFIXES = (".xml", ".onnx", ".pdmodel", ".pb", ".tflite")
#: ``.bin`` and ``.pdiparams`` alone are weights: enough to see that a model was meant.
WEIGHT_SUFFIXES = (".bin", ".pdiparams")
#: Files that only generative models have beside their OpenVINO files or their weights.
_TOKENIZERS = frozenset(
    ("openvino_tokenizer.xml", "tokenizer.json", "tokenizer_config.json", "tokenizer.model")
)


def has_model_file(files: Iterable[str]) -> bool:
    """Whether one of the names is a model file's, or that of its weights."""
    return any(name.lower().endswith(MODEL_SUFFIXES + WEIGHT_SUFFIXES) for name in files)


def is_graph(files: Collection[str]) -> bool:
    """Whether the files are those of a MediaPipe graph, or of a pipeline of several models."""
    return "graph.pbtxt" in files or "model_index.json" in files


def is_generative(files: Collection[str]) -> bool:
    """Whether the files are those of a generative model, as exported or as downloaded from Hugging Face."""
    if is_graph(files):
        return True
    if "config.json" not in files or not any(name in _TOKENIZERS for name in files):
        return False
    return has_model_file(files) or any(name.endswith((".safetensors", ".gguf")) for name in files)
