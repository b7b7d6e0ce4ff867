"""How much of a file that describes a model OpenVINO can use, whatever size a sparse file claims."""

from __future__ import annotations

#: Protobuf and FlatBuffers end at 2 GiB; no IR's text comes near.
LARGEST_DESCRIPTION = 2 << 30
_SUFFIXES = (".xml", ".onnx", ".pb", ".pdmodel", ".tflite")


def is_oversized(path: str, size: int) -> bool:
    """Whether a file of ``size`` bytes describes a model, and is larger than any description can be."""
    return size > LARGEST_DESCRIPTION and path.endswith(_SUFFIXES)


def bytes_to_load(path: str, size: int) -> int:
    """Of a model's file of ``size`` bytes, those for which time and memory are given."""
    return LARGEST_DESCRIPTION if is_oversized(path, size) else size
