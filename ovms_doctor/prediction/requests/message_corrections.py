"""One step from a refused message to one that is accepted: names, types and shapes, never values."""

from __future__ import annotations

import json
import math
import re

from msgspec.structs import replace

from ovms_doctor.model.client_request import Answer, ClientRequest, InferMessage, InferTensor, TensorContents
from ovms_doctor.model.served_models import ELEMENT_SIZES, ServedInput, ServedModel
from ovms_doctor.prediction.requests.corrections import permutation
from ovms_doctor.prediction.requests.steps import Step

_FIELDS = {
    "BOOL": "bool_contents", "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents",
    "INT64": "int64_contents", "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents", "FP32": "fp32_contents", "FP64": "fp64_contents",
}  # fmt: skip


def correct_message(
    request: ClientRequest, answer: Answer, model: ServedModel | None, received: InferMessage | None
) -> Step | None:
    """Returns the step that repairs the fault in the answer; `None` if the repair cannot be derived.

    `received`: the server's message for a REST request with buffers after its JSON.
    """
    if model is None:
        return None
    binary = request.interface == "REST" and request.header("inference-header-content-length") is not None
    message = received if binary else request.message
    if message is None or (request.interface == "REST" and not binary):
        return None
    changed = _step(message, answer, model, tfs=request.api == "TFS")
    if changed is None:
        return None
    fixed, text = changed
    if not binary:
        return Step(replace(request, message=fixed), text)
    rebuilt = _with_message(request, fixed)
    return None if rebuilt is None else Step(rebuilt, text)


def _with_message(request: ClientRequest, message: InferMessage) -> ClientRequest | None:
    """Returns the HTTP request with the inputs of a changed message; `None` if they do not belong together."""
    length = request.header("inference-header-content-length") or ""
    if not length.isdigit() or len(message.raw) != len(message.inputs):
        return None
    try:
        document = json.loads(request.body[: int(length)])
    except (ValueError, RecursionError):
        return None
    document["inputs"] = [
        {
            "name": item.name,
            "shape": list(item.shape),
            "datatype": item.datatype,
            "parameters": {**dict(item.parameters), "binary_data_size": len(buffer)},
        }
        for item, buffer in zip(message.inputs, message.raw, strict=True)
    ]
    head = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    headers = tuple(
        (name, str(len(head))) if name.lower() == "inference-header-content-length" else (name, value)
        for name, value in request.headers
        if name.lower() != "content-length"
    )
    return replace(request, body=head + b"".join(message.raw), headers=headers)


def _step(
    message: InferMessage, answer: Answer, model: ServedModel, *, tfs: bool
) -> tuple[InferMessage, str] | None:
    if answer.code == "INVALID_MISSING_INPUT":
        return _rename(message, model)
    if answer.code == "INVALID_NO_OF_INPUTS":
        return _number(message, model)
    index = next((i for i, item in enumerate(message.inputs) if item.name == answer.position.input), None)
    if index is None:
        return None
    sent = message.inputs[index]
    model_input = next((item for item in model.inputs if item.name == sent.name), None)
    if model_input is None:
        return None
    changed: tuple[InferTensor, str] | None = None
    raw = message.raw
    if answer.code == "INVALID_PRECISION":
        changed = _datatype(sent, model_input, tfs=tfs)
        if changed is not None and index < len(raw):
            if any(raw[index]):
                # Only the client can convert real values.
                return None
            size = math.prod(sent.shape) * ELEMENT_SIZES.get(model_input.datatype, 0)
            raw = (*raw[:index], bytes(size), *raw[index + 1 :])
    elif answer.code in (
        "INVALID_NO_OF_SHAPE_DIMENSIONS",
        "INVALID_SHAPE",
        "INVALID_BATCH_SIZE",
        "INVALID_VALUE_COUNT",
    ):
        changed = _shape(sent, model_input)
        order = permutation(sent.shape, model_input)
        if changed is not None and order is not None and index < len(raw):
            raw = (*raw[:index], _transposed(raw[index], sent, order), *raw[index + 1 :])
    elif answer.code == "INVALID_CONTENT_SIZE" and tfs and sent.contents is not None:
        size = math.prod(sent.shape) * ELEMENT_SIZES.get(model_input.datatype, 0)
        fixed = replace(sent, contents=None, content_size=size)
        changed = (
            fixed,
            f"Put the values of {sent.name} into tensor_content, as make_tensor_proto does with arrays.",
        )
    if changed is None:
        return None
    inputs = (*message.inputs[:index], changed[0], *message.inputs[index + 1 :])
    return replace(message, inputs=inputs, raw=raw), changed[1]


def _rename(message: InferMessage, model: ServedModel) -> tuple[InferMessage, str] | None:
    names = [item.name for item in model.inputs]
    extra = [index for index, item in enumerate(message.inputs) if item.name not in names]
    missing = [name for name in names if name not in {item.name for item in message.inputs}]
    if len(extra) != 1 or len(missing) != 1:
        return None
    old = message.inputs[extra[0]]
    inputs = tuple(replace(item, name=missing[0]) if item is old else item for item in message.inputs)
    return replace(message, inputs=inputs), f"Name the input {missing[0]} instead of {old.name}."


def _number(message: InferMessage, model: ServedModel) -> tuple[InferMessage, str] | None:
    names = {item.name for item in model.inputs}
    kept: dict[str, int] = {}
    for index, item in enumerate(message.inputs):
        if item.name in names:
            kept.setdefault(item.name, index)
    if set(kept) != names or len(kept) == len(message.inputs):
        return None
    inputs = tuple(message.inputs[index] for index in kept.values())
    raw = (
        tuple(message.raw[index] for index in kept.values())
        if len(message.raw) == len(message.inputs)
        else message.raw
    )
    text = "Remove the inputs that the model does not have, and those that occur twice."
    return replace(message, inputs=inputs, raw=raw), text


def _datatype(sent: InferTensor, model_input: ServedInput, *, tfs: bool) -> tuple[InferTensor, str] | None:
    if (
        sent.datatype in ("BYTES", "STRING")
        or model_input.precision == "STRING"
        or model_input.datatype == "INVALID"
    ):
        return None
    name = re.sub(r"^FP", "float", model_input.datatype).lower() if model_input.datatype != "BOOL" else "bool"
    text = f"Send the input {sent.name} as {model_input.datatype}: array.astype(np.{name})."
    if tfs:
        size = math.prod(sent.shape) * ELEMENT_SIZES.get(model_input.datatype, 0)
        return replace(sent, datatype=model_input.precision, content_size=size, contents=None), text
    contents = sent.contents
    if contents is not None:
        count = sum(number for _, number in contents.counts)
        contents = (
            TensorContents(((_FIELDS[model_input.datatype], count),))
            if model_input.datatype in _FIELDS
            else None
        )
    return replace(sent, datatype=model_input.datatype, contents=contents), text


def _shape(sent: InferTensor, model_input: ServedInput) -> tuple[InferTensor, str] | None:
    order = permutation(sent.shape, model_input)
    if order is not None:
        shape = tuple(sent.shape[axis] for axis in order)
        return replace(
            sent, shape=shape
        ), f"Transpose the input {sent.name} to {list(shape)}: np.transpose(array, {order})."
    count = sent.values if sent.contents is not None else math.prod(sent.shape)
    open_at = [index for index, dimension in enumerate(model_input.shape) if not dimension.static]
    known = math.prod(dimension.low for dimension in model_input.shape if dimension.static)
    if count is None or len(open_at) > 1 or known == 0 or count % known or (not open_at and known != count):
        return None
    sizes = tuple(
        count // known if index in open_at else dimension.low
        for index, dimension in enumerate(model_input.shape)
    )
    if sizes == sent.shape:
        return None
    return replace(
        sent, shape=sizes
    ), f"Give the input {sent.name} the shape {list(sizes)}: array.reshape{sizes}."


def _transposed(buffer: bytes, sent: InferTensor, order: tuple[int, ...]) -> bytes:
    """Returns the elements of a buffer in another order of axes."""
    size = ELEMENT_SIZES.get(sent.datatype, 0)
    if not size or len(buffer) != math.prod(sent.shape) * size or not any(buffer):
        return buffer
    strides = [math.prod(sent.shape[axis + 1 :]) for axis in range(4)]
    sizes, steps = [sent.shape[axis] for axis in order], [strides[axis] for axis in order]
    moved = bytearray()
    for a in range(sizes[0]):
        for b in range(sizes[1]):
            for c in range(sizes[2]):
                for d in range(sizes[3]):
                    start = (a * steps[0] + b * steps[1] + c * steps[2] + d * steps[3]) * size
                    moved += buffer[start : start + size]
    return bytes(moved)
