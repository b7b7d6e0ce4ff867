"""Which files make a directory that of a model, a graph or a generative model, by their names."""

from __future__ import annotations

from collections.abc import Collection, Iterable

#: Suffixes of a model's files (compared without regard to case).
MODEL_SUFFIXES = (".xml", ".onnx", ".pdmodel", ".pb", ".tflite")
#: ``.bin`` and ``.pdiparams`` alone are weights: they show that a model was intended.
WEIGHT_SUFFIXES = (".bin", ".pdiparams")
#: Files with weights as published, before any tool has converted them for OpenVINO.
RAW_WEIGHTS = (".safetensors", ".pt", ".pth", ".h5", ".ckpt", ".msgpack")
#: Files that only generative models have in addition to their OpenVINO files or their weights.
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
    if any(name.endswith(".gguf") for name in files) and not has_model_file(files):
        return True
    if "openvino_tokenizer.xml" in files and any(
        name.startswith("openvino_") and name.endswith("model.xml") for name in files
    ):
        # Without a config.json: a language model is served without one.
        return True
    if "config.json" not in files or not any(name in _TOKENIZERS for name in files):
        return False
    return has_model_file(files) or any(name.endswith((*RAW_WEIGHTS, ".gguf")) for name in files)


def is_raw(files: Iterable[str]) -> bool:
    """Whether there are weights as published, and no model in OpenVINO's format or GGUF."""
    names = tuple(files)
    if any(
        (name.startswith("openvino_") and name.endswith(".xml")) or name.endswith(".gguf") for name in names
    ):
        return False
    return any(name.endswith(RAW_WEIGHTS) or name.startswith("pytorch_model") for name in names)
