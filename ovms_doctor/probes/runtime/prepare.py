"""A model prepared as the server prepares it between reading and compiling, by OpenVINO's Python binding.

Follows ``ModelInstance::loadTensors`` (modelinstance.cpp): layouts and preprocessing in one PrePostProcessor, which
is built even if nothing is requested (it sets the default layout of each tensor without one); then the shapes, then
the batch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ovms_doctor.model.facts import Preparation
from ovms_doctor.model.facts.answers import PreparationStep
from ovms_doctor.probes.runtime.backend import COMPILE_PROPERTIES, OpenVINOError, error_text

_COLOR_FORMATS = {
    "RGB": "RGB",
    "BGR": "BGR",
    "GRAY": "GRAY",
    "NV12": "NV12_SINGLE_PLANE",
    "NV12_2": "NV12_TWO_PLANES",
    "I420": "I420_SINGLE_PLANE",
    "I420_3": "I420_THREE_PLANES",
}
_ELEMENT_TYPES = {"BF": "bf", "FP": "f", "INT": "i", "UINT": "u"}


class PreparationError(OpenVINOError):
    """OpenVINO refused a step of the preparation."""

    def __init__(self, step: PreparationStep, message: str) -> None:
        super().__init__(message)
        self.step = step


def prepare(module: Any, model: Any, preparation: Preparation) -> Any:
    """Returns ``model`` (of ``module``, the binding) after all steps. Raises PreparationError."""
    for index, output in enumerate(model.outputs):
        if not output.get_names():
            output.get_tensor().set_names({f"out_{index}"})
    if not preparation.untouched:
        model = _preprocess(module, model, preparation)
    with _step("reshape"):
        _reshape(module, model, dict(_pairs(preparation.reshape)))
    if preparation.batch is not None:
        with _step("batch"):
            module.set_batch(model, module.Dimension(preparation.batch))
    return model


def compile_properties(preparation: Preparation) -> dict[str, Any]:
    """Returns the properties to compile with: the user's, and the server's default hint.

    A model cache is left out, because OpenVINO writes into it. The rest of COMPILE_PROPERTIES only keeps several
    workers from disturbing each other, and only on the CPU.
    """
    properties = {key: json.loads(text) for key, text in _pairs(preparation.config) if key != "CACHE_DIR"}
    defaults = dict(COMPILE_PROPERTIES if preparation.device == "CPU" else COMPILE_PROPERTIES[:1])
    if "NUM_STREAMS" in properties:
        del defaults["PERFORMANCE_HINT"]
    return {**defaults, **properties}


def _pairs(rows: tuple[tuple[str, ...], ...]) -> Iterator[tuple[str, str]]:
    for key, value in rows:  # noqa: UP028 - only unpacking shows that the rows are pairs
        yield key, value


@contextmanager
def _step(step: PreparationStep) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise PreparationError(step, error_text(error)) from error


def _preprocess(module: Any, model: Any, preparation: Preparation) -> Any:
    with _step("build"):
        processor = module.preprocess.PrePostProcessor(model)
    for side, ports, step in (
        ("input", model.inputs, "input layout"),
        ("output", model.outputs, "output layout"),
    ):
        layouts = {name: rest for kind, name, *rest in preparation.layouts if kind == side}
        for port in ports:
            with _step("input layout" if step == "input layout" else "output layout"):
                _set_layout(module, getattr(processor, side), port, layouts)
    with _step("preprocessing"):
        for name, text in _pairs(preparation.steps):
            _add_step(module, processor, name, json.loads(text))
    with _step("build"):
        return processor.build()


def _set_layout(module: Any, part: Any, port: Any, layouts: dict[str, list[str]]) -> None:
    name = port.get_any_name()
    if name in layouts:
        tensor, inner = layouts[name]
        part(name).tensor().set_layout(module.Layout(tensor))
        part(name).model().set_layout(module.Layout(inner))
        return
    own = module.layout_helpers.get_layout(port)
    scalar = port.get_partial_shape().rank.is_static and len(port.get_partial_shape()) == 0
    part(name).model().set_layout(own if not own.empty else module.Layout("..." if scalar else "N..."))


def _add_step(module: Any, processor: Any, name: str, value: Any) -> None:
    if name == "color_format":
        formats = module.preprocess.ColorFormat
        processor.input().tensor().set_color_format(getattr(formats, _COLOR_FORMATS[value[1]]))
        processor.input().preprocess().convert_color(getattr(formats, _COLOR_FORMATS[value[0]]))
    elif name == "precision":
        processor.input().tensor().set_element_type(_element_type(module, value[0]))
        processor.input().preprocess().convert_element_type(_element_type(module, value[1]))
    elif name == "mean":
        processor.input().preprocess().mean(value)
    else:
        processor.input().preprocess().scale(value)


def _element_type(module: Any, name: str) -> Any:
    letters = name.rstrip("0123456789")
    return getattr(module.Type, _ELEMENT_TYPES[letters] + name[len(letters) :])


def _reshape(module: Any, model: Any, requested: dict[str, str]) -> None:
    """As ``gatherReshapeInfo``: every input's shape goes into the call, if any of them changes."""
    shapes = {}
    changes = False
    for port in model.inputs:
        name = port.get_any_name()
        shape = port.get_partial_shape()
        if name in requested:
            new_shape = module.PartialShape(requested[name])
            changes = changes or new_shape != shape
            shape = new_shape
        shapes[name] = shape
    if changes:
        model.reshape(shapes)
