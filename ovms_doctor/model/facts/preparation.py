"""What is done to a model on its way to the device, as the questions name it."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

ModelFormat: TypeAlias = Literal["ir", "onnx", "paddle", "saved_model", "frozen", "tflite"]
LoadLevel: TypeAlias = Literal["read", "compile"]


class Preparation(Struct, frozen=True):
    """What the server does to a model between reading and compiling it, and how it compiles it.

    ``layouts``: ``(input or output, tensor's real name, its layout, the model's layout)``; a tensor that is
    not named keeps its own layout or gets ``N...``. ``steps``: preprocessing of the one input, in order,
    as ``(color_format, precision, mean or scale; value as JSON)``. ``reshape``: ``(real name, shape)``, where
    one is asked for. ``batch``: the batch to set. Shapes and batch are as OpenVINO writes them. ``config``:
    plugin properties, each with its value as JSON. ``untouched``: none of the layouts and steps is applied,
    not even the default ones (the server keeps a model of an earlier try, which had them).
    """

    layouts: tuple[tuple[str, ...], ...] = ()
    steps: tuple[tuple[str, ...], ...] = ()
    reshape: tuple[tuple[str, ...], ...] = ()
    batch: str | None = None
    device: str = "CPU"
    config: tuple[tuple[str, ...], ...] = ()
    untouched: bool = False
