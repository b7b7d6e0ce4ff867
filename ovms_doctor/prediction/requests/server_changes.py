"""Changes of the server after which a refused request is answered: layout, shape, batch size, names."""

from __future__ import annotations

import json
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.model.client_request import Answer, InferMessage, InferTensor
from ovms_doctor.model.parameters import Dimension
from ovms_doctor.model.served_models import ServedInput, ServedModel, ServedModels
from ovms_doctor.prediction.requests.corrections import permutation

_NHWC = (0, 3, 1, 2)


class ServerChange(Struct, frozen=True):
    """A change of the deployment, and the models after it."""

    #: The change, as one sentence.
    text: str
    #: Options of the command line: `--layout NHWC:NCHW`.
    option: str
    #: The key and value of the model's entry in config.json, as JSON; empty if it is not set there.
    config: str
    #: The content of mapping_config.json; empty if none is needed.
    mapping: str
    #: The models after the change.
    models: ServedModels
    #: The model that is changed.
    model: ServedModel


def server_changes(
    answer: Answer, message: InferMessage | None, model: ServedModel | None, models: ServedModels
) -> Iterator[ServerChange]:
    """Yields changes that may help, the smallest first. The caller checks whether one does."""
    if message is None or model is None or not model.known:
        return
    sent = {tensor.name: tensor for tensor in message.inputs}
    if answer.code == "INVALID_MISSING_INPUT":
        yield from _names(message, model, models)
    for item in model.inputs:
        tensor = sent.get(item.name)
        if tensor is None:
            continue
        order = permutation(tensor.shape, item)
        if answer.code in ("UNSUPPORTED_LAYOUT", "INVALID_NO_OF_CHANNELS") or order == _NHWC:
            yield from _layout(item, model, models)
        elif order is not None:
            # With a dynamic shape, the model would take rows for channels.
            continue
        elif answer.code in ("INVALID_BATCH_SIZE", "INVALID_SHAPE") and len(tensor.shape) == len(item.shape):
            yield from _shape(item, tensor, model, models)


def _changed(model: ServedModel, models: ServedModels, **fields: object) -> tuple[ServedModel, ServedModels]:
    changed_model = replace(model, **fields)
    if "inputs" in fields:
        changed_model = replace(changed_model, initial=changed_model.inputs)
    others = tuple(
        changed_model if (item.name, item.version) == (model.name, model.version) else item
        for item in models.models
    )
    return changed_model, replace(models, models=others)


def _with(item: ServedInput, model: ServedModel, changed: ServedInput) -> tuple[ServedInput, ...]:
    return tuple(changed if other.name == item.name else other for other in model.inputs)


def _names(message: InferMessage, model: ServedModel, models: ServedModels) -> Iterator[ServerChange]:
    """Yields the change of mapping_config.json to the names that the client sends."""
    names = {item.name for item in model.inputs}
    extra = [tensor.name for tensor in message.inputs if tensor.name not in names]
    missing = [item for item in model.inputs if item.name not in {tensor.name for tensor in message.inputs}]
    if len(extra) != len(missing) or len(missing) != 1 or not extra[0]:
        return
    item, name = missing[0], extra[0]
    mapped = {other.model_name: other.name for other in model.inputs if other.name != other.model_name}
    mapped[item.model_name] = name
    changed = replace(item, name=name)
    changed_model, after = _changed(model, models, inputs=_with(item, model, changed))
    content = json.dumps({"inputs": mapped}, ensure_ascii=False)
    yield ServerChange(
        f"Give the server a mapping_config.json that names the input {item.model_name} {name}.",
        "",
        "",
        content,
        after,
        changed_model,
    )


def _layout(item: ServedInput, model: ServedModel, models: ServedModels) -> Iterator[ServerChange]:
    """Yields the change to the layout that clients send, with the model's own layout."""
    if len(item.shape) != 4 or item.layout not in ("N...", "NCHW"):
        return
    shape = tuple(item.shape[index] for index in (0, 2, 3, 1))
    changed = replace(item, shape=shape, layout="NHWC")
    changed_model, after = _changed(model, models, inputs=_with(item, model, changed))
    value = "NHWC:NCHW" if len(model.inputs) == 1 else json.dumps({item.name: "NHWC:NCHW"})
    option = f"--layout {value}" if len(model.inputs) == 1 else f"--layout '{value}'"
    config = f'"layout": {json.dumps("NHWC:NCHW") if len(model.inputs) == 1 else value}'
    yield ServerChange(
        "Let the server accept NHWC and convert it to NCHW itself.", option, config, "", after, changed_model
    )


def _shape(
    item: ServedInput, tensor: InferTensor, model: ServedModel, models: ServedModels
) -> Iterator[ServerChange]:
    """Yields the change to a dynamic shape, if the request differs from the model."""
    index = item.batch_index
    differs = [
        position
        for position, (dimension, value) in enumerate(zip(item.shape, tensor.shape, strict=True))
        if dimension.static and dimension.low != value
    ]
    if not differs or model.batch_auto or item.shape_auto or any(value <= 0 for value in tensor.shape):
        return
    dimensions = tuple(
        Dimension(-1, -1) if position in differs else dimension
        for position, dimension in enumerate(item.shape)
    )
    if differs == [index]:
        batch = Dimension(-1, -1)
        inputs = tuple(
            replace(
                other, shape=(*other.shape[: other.batch_index], batch, *other.shape[other.batch_index + 1 :])
            )
            if other.batch_index is not None and other.batch_index < len(other.shape)
            else other
            for other in model.inputs
        )
        changed_model, after = _changed(model, models, inputs=inputs)
        text = "Let the server accept any batch size."
        yield ServerChange(text, "--batch_size -1", '"batch_size": "-1"', "", after, changed_model)
        return
    changed_model, after = _changed(model, models, inputs=_with(item, model, replace(item, shape=dimensions)))
    written = (
        "(" + ",".join(str(dimension.low) if dimension.static else "-1" for dimension in dimensions) + ")"
    )
    value = written if len(model.inputs) == 1 else json.dumps({item.name: written})
    option = f"--shape '{value}'"
    config = f'"shape": {json.dumps(written) if len(model.inputs) == 1 else value}'
    text = f"Let the server accept the shape {written} for the input {item.name}."
    yield ServerChange(text, option, config, "", after, changed_model)
