"""How many bytes of a file that describes a model OpenVINO can use, independent of the size that a sparse file
reports."""

from __future__ import annotations

#: Protobuf and FlatBuffers end at 2 GiB; an IR's text is never nearly as large.
LARGEST_DESCRIPTION = 2 << 30
_SUFFIXES = (".xml", ".onnx", ".pb", ".pdmodel", ".tflite")


def is_oversized(path: str, size: int) -> bool:
    """Whether a file of ``size`` bytes describes a model, and is larger than any description can be."""
    return size > LARGEST_DESCRIPTION and path.endswith(_SUFFIXES)


def bytes_to_load(path: str, size: int) -> int:
    """Returns how many of the ``size`` bytes of a model's file count for the limits of time and memory."""
    return LARGEST_DESCRIPTION if is_oversized(path, size) else size
