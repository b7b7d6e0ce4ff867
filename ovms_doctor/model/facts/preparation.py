"""The steps between reading a model and compiling it for the device, as parameters of the questions."""

from __future__ import annotations

import sys
from typing import Literal, TypeAlias

from msgspec.structs import force_setattr

from ovms_doctor.model.facts.question import FactData

ModelFormat: TypeAlias = Literal["ir", "onnx", "paddle", "saved_model", "frozen", "tflite"]
LoadLevel: TypeAlias = Literal["read", "compile"]


class Preparation(FactData, frozen=True):
    """The server's changes to a model between reading and compiling it, and how it compiles it.

    * ``layouts``: rows of input or output, the tensor's real name, its layout, the model's layout. A tensor that is
      not named keeps its own layout or gets ``N...``.
    * ``steps``: preprocessing of the one input, in order: rows of ``color_format``, ``precision``, ``mean`` or
      ``scale`` and the value as JSON.
    * ``reshape``: rows of a tensor's real name and its requested shape, as OpenVINO writes it.
    * ``batch``: the batch to set, as OpenVINO writes it, None for none.
    * ``device``: the device for which the model is compiled.
    * ``config``: plugin properties, each with its value as JSON.
    * ``untouched``: whether all layouts and preprocessing are left out, the default ones too. The server keeps a
      model of an earlier try, which had them.
    """

    layouts: tuple[tuple[str, ...], ...] = ()
    steps: tuple[tuple[str, ...], ...] = ()
    reshape: tuple[tuple[str, ...], ...] = ()
    batch: str | None = None
    device: str = "CPU"
    config: tuple[tuple[str, ...], ...] = ()
    untouched: bool = False

    def __post_init__(self) -> None:
        # msgspec omits a field that *is* its default, not one that equals it; equal facts must give equal text.
        force_setattr(self, "device", sys.intern(self.device))
