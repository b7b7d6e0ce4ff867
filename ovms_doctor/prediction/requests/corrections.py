"""One step from a refused KServe or TensorFlow Serving body to one that is accepted.

A step repairs only the fault in the answer. Values are never invented: a fault that only the client can repair stays,
and then there is no corrected request.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from msgspec.structs import replace

from ovms_doctor.model.client_request import Answer, ClientRequest
from ovms_doctor.model.served_models import DATATYPES, ServedInput, ServedModel, dimension_matches
from ovms_doctor.model.similar import similar_names
from ovms_doctor.prediction.requests.binary_extension import HEADER
from ovms_doctor.prediction.requests.json_repairs import repair_json
from ovms_doctor.prediction.requests.steps import Step, with_document

#: The largest body that is corrected, in bytes.
LARGEST_BODY = 1 << 23
_DATATYPES = {
    "float": "FP32", "float32": "FP32", "double": "FP64", "float64": "FP64", "float16": "FP16", "half": "FP16",
    "int": "INT32", "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64", "long": "INT64",
    "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64", "bool": "BOOL",
    "boolean": "BOOL", "string": "BYTES", "str": "BYTES", "i8": "INT8", "i16": "INT16", "i32": "INT32",
    "i64": "INT64", "u8": "UINT8", "u16": "UINT16", "u32": "UINT32", "u64": "UINT64", "f32": "FP32",
    "f64": "FP64", "f16": "FP16", "byte": "BYTES",
}  # fmt: skip


def correct(request: ClientRequest, answer: Answer, model: ServedModel | None) -> Step | None:
    """Returns the step that repairs the fault in the answer; `None` if the repair cannot be derived."""
    if request.interface != "REST" or len(request.body) > LARGEST_BODY:
        return None
    if request.header(HEADER):
        return _header_length(request, answer)
    if answer.code == "JSON_INVALID":
        return repair_json(request)
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return _unwrapped(request, document)
    found = _Correction(document, answer, model).step()
    if found is None:
        return None
    return Step(with_document(request, document), found)


def _header_length(request: ClientRequest, answer: Answer) -> Step | None:
    """Returns the step that sets the header to the length of the JSON in front of the buffers."""
    if answer.code != "JSON_INVALID" and not answer.code.startswith("REST_INFERENCE_HEADER_CONTENT_LENGTH"):
        return None
    try:
        # One character for each byte: this changes only quoted text.
        _, end = json.JSONDecoder().raw_decode(request.body.decode("latin-1"))
    except (ValueError, RecursionError):
        return None
    if request.header(HEADER) == str(end):
        return None
    headers = tuple(
        (name, str(end) if name.lower() == HEADER.lower() else value) for name, value in request.headers
    )
    return Step(replace(request, headers=headers), f"Set {HEADER} to {end}, the length of the JSON in bytes.")


def _unwrapped(request: ClientRequest, document: Any) -> Step | None:
    if isinstance(document, list) and len(document) == 1 and isinstance(document[0], dict):
        return Step(with_document(request, document[0]), "Send the object itself, not a list with it.")
    return None


class _Correction:
    """One step on one document, which is changed in place."""

    def __init__(self, document: dict[str, Any], answer: Answer, model: ServedModel | None) -> None:
        self.document = document
        self.answer = answer
        self.model = model

    def step(self) -> str | None:
        """Returns the change; `None` if nothing can be changed."""
        code = self.answer.code
        if code == "REST_NO_INPUTS_FOUND":
            return self._no_inputs()
        if code == "REST_COULD_NOT_PARSE_INPUT":
            return self._parse_input()
        if code == "REST_COULD_NOT_PARSE_OUTPUT":
            return self._outputs()
        if code == "REST_COULD_NOT_PARSE_PARAMETERS":
            return self._parameters()
        if code in ("REST_CONTENTS_FIELD_NOT_EMPTY", "REST_BINARY_DATA_SIZE_PARAMETER_INVALID"):
            return self._binary_size()
        if self.model is None:
            return None
        if code == "INVALID_NO_OF_INPUTS":
            return self._number()
        if code == "INVALID_MISSING_INPUT":
            return self._rename()
        entry, model_input = self._entry()
        if entry is None or model_input is None:
            return None
        if code in ("INVALID_PRECISION", "REST_UNSUPPORTED_PRECISION"):
            return self._datatype(entry, model_input)
        if code in (
            "INVALID_NO_OF_SHAPE_DIMENSIONS",
            "INVALID_SHAPE",
            "INVALID_BATCH_SIZE",
            "INVALID_VALUE_COUNT",
        ):
            return self._shape(entry, model_input)
        return None

    # -- the document --------------------------------------------------------------------------------
    def _entries(self) -> list[dict[str, Any]]:
        inputs = self.document.get("inputs")
        return [item for item in inputs if isinstance(item, dict)] if isinstance(inputs, list) else []

    def _entry(self) -> tuple[dict[str, Any] | None, ServedInput | None]:
        """Returns the input of the fault in the answer, and the model's input of this name."""
        match = re.match(r"\$\.inputs\[(\d+)\]", self.answer.position.path)
        entries = self._entries()
        entry = None
        if match and int(match[1]) < len(entries):
            entry = entries[int(match[1])]
        elif self.answer.position.input:
            entry = next((item for item in entries if item.get("name") == self.answer.position.input), None)
        if entry is None or self.model is None:
            return entry, None
        model_input = next((item for item in self.model.inputs if item.name == entry.get("name")), None)
        if model_input is None and len(self.model.inputs) == len(entries) == 1:
            model_input = self.model.inputs[0]
        return entry, model_input

    def _no_inputs(self) -> str | None:
        """Repairs a TensorFlow Serving body for a model with one input; returns the change."""
        rows = self.document.get("instances")
        if rows is None or self.model is None:
            return None
        columns: dict[str, Any] = {}
        if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
            for row in rows:
                for name, value in row.items():
                    columns.setdefault(name, []).append(value)
        elif isinstance(rows, list) and len(self.model.inputs) == 1:
            columns = {self.model.inputs[0].name: rows}
        return self._from_columns(columns)

    def _from_columns(self, columns: dict[str, Any]) -> str | None:
        model_input = {item.name: item for item in self.model.inputs} if self.model is not None else {}
        entries = []
        for name, value in columns.items():
            item = model_input.get(name) or (
                next(iter(model_input.values())) if len(model_input) == len(columns) == 1 else None
            )
            shape = _shape_of(value)
            if item is None or shape is None:
                return None
            entries.append({"name": name, "shape": shape, "datatype": item.datatype, "data": value})
        if not entries:
            return None
        for key in ("instances", "signature_name"):
            self.document.pop(key, None)
        self.document["inputs"] = entries
        return "Write each input with the fields that KServe requires: name, shape, datatype and data."

    def _parse_input(self) -> str | None:
        path = self.answer.position.path
        if path == "$.id":
            self.document["id"] = str(self.document["id"])
            return "Write the id as a string."
        if path == "$.outputs":
            return self._outputs()
        inputs = self.document.get("inputs")
        if path == "$.inputs" and isinstance(inputs, dict):
            if "name" in inputs:
                self.document["inputs"] = [inputs]
                return "Put the input into a list."
            return self._from_columns(inputs)
        entry, model_input = self._entry()
        if entry is None:
            return None
        member = path.partition("].")[2]
        if member.startswith("name"):
            if "name" not in entry and model_input is not None:
                entry["name"] = model_input.name
                return f"Name the input {model_input.name}."
            return None
        if member.startswith("shape"):
            return self._parse_shape(entry, model_input)
        if member.startswith("datatype"):
            if model_input is None or entry.get("datatype") == "FP16":
                return self._half(entry, model_input)
            entry["datatype"] = model_input.datatype
            return f"Write the datatype {model_input.datatype}."
        return self._data(entry, model_input) if member.startswith("data") else None

    def _half(self, entry: dict[str, Any], model_input: ServedInput | None) -> str | None:
        if (
            model_input is None
            or model_input.datatype == "FP16"
            or model_input.datatype not in DATATYPES.values()
        ):
            return None
        entry["datatype"] = model_input.datatype
        return f"Write the datatype {model_input.datatype}, which the model has."

    def _parse_shape(self, entry: dict[str, Any], model_input: ServedInput | None) -> str | None:
        shape, data = entry.get("shape"), entry.get("data")
        if isinstance(shape, list):
            whole = [_whole(item) for item in shape]
            if all(item is not None and item >= 0 for item in whole):
                entry["shape"] = whole
                return "Write the sizes of the shape as integers."
        count = _count(data)
        solved = _solve(model_input, count) if model_input is not None else None
        if solved is None:
            return None
        entry["shape"] = solved
        return f"Give the input {entry.get('name')} the shape {solved}."

    def _data(self, entry: dict[str, Any], model_input: ServedInput | None) -> str | None:
        data, datatype = entry.get("data"), entry.get("datatype")
        if isinstance(data, int | float) and not isinstance(data, bool):
            entry["data"] = [data]
            return "Put the value into a list."
        if not isinstance(data, list):
            return None
        flat = _flat(data)
        if datatype in ("FP32", "FP64"):
            numbers = [_number(item) for item in flat]
            if any(item is None for item in numbers):
                return None
            entry["data"] = numbers
            return "Write the values as numbers, without quotation marks."
        if isinstance(datatype, str) and datatype.startswith(("INT", "UINT")):
            return self._integers(entry, flat, datatype)
        if datatype == "BOOL" and all(item in (0, 1) for item in flat):
            entry["data"] = [bool(item) for item in flat]
            return "Write the values as true and false."
        if datatype == "BYTES" and all(isinstance(item, str | int | float) for item in flat):
            entry["data"] = [item if isinstance(item, str) else json.dumps(item) for item in flat]
            return "Write the values as strings."
        return None

    def _integers(self, entry: dict[str, Any], flat: list[Any], datatype: str) -> str | None:
        numbers = [_whole(item) for item in flat]
        top = 2**32 if datatype.startswith("UINT") else 2**31
        low = 0 if datatype.startswith("UINT") else -(2**31)
        if any(item is None or not low <= item < top for item in numbers):
            return None
        entry["data"] = numbers
        return "Write the values as integers, without a decimal point or quotation marks."

    def _outputs(self) -> str | None:
        outputs = self.document.get("outputs")
        if isinstance(outputs, dict):
            outputs = [outputs]
        if isinstance(outputs, str):
            outputs = [outputs]
        if not isinstance(outputs, list):
            return None
        entries = [{"name": item} if isinstance(item, str) else item for item in outputs]
        if all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in entries):
            self.document["outputs"] = entries
            return "Write the outputs as a list of objects with a name."
        return None

    def _parameters(self) -> str | None:
        holders = [self.document, *self._entries()]
        changed = False
        for holder in holders:
            parameters = holder.get("parameters")
            if parameters is None or isinstance(parameters, dict):
                kept = {
                    key: value
                    for key, value in (parameters or {}).items()
                    if isinstance(value, str | bool) or (isinstance(value, int) and -(2**31) <= value < 2**31)
                }
                if parameters is None and "parameters" not in holder:
                    continue
                changed = changed or kept != parameters
                holder["parameters"] = kept
            else:
                holder.pop("parameters")
                changed = True
        return (
            "Remove the parameters that are neither strings, booleans nor integers of 32 bits."
            if changed
            else None
        )

    def _binary_size(self) -> str | None:
        entry, _ = self._entry()
        if entry is None or "data" not in entry or not isinstance(entry.get("parameters"), dict):
            return None
        entry["parameters"].pop("binary_data_size", None)
        return "Remove binary_data_size: the values are in the JSON."

    # -- against the model ---------------------------------------------------------------------------
    def _number(self) -> str | None:
        assert self.model is not None
        names = {item.name for item in self.model.inputs}
        kept: dict[str, dict[str, Any]] = {}
        for entry in self._entries():
            if entry.get("name") in names:
                kept.setdefault(entry["name"], entry)
        dropped = len(self._entries()) - len(kept)
        if len(kept) != len(names) or not dropped:
            return None
        self.document["inputs"] = list(kept.values())
        return "Remove the inputs that the model does not have, and those that occur twice."

    def _rename(self) -> str | None:
        assert self.model is not None
        names = [item.name for item in self.model.inputs]
        extra = [entry for entry in self._entries() if entry.get("name") not in names]
        sent = {entry.get("name") for entry in self._entries()}
        missing = [name for name in names if name not in sent]
        if not extra or not missing:
            return None
        entry, name = extra[0], missing[0]
        if len(missing) > 1:
            close = similar_names(str(entry.get("name", "")), missing, 1, 0.5)
            if not close:
                return None
            name = close[0]
        old, entry["name"] = entry.get("name"), name
        return f"Name the input {name} instead of {old}."

    def _datatype(self, entry: dict[str, Any], model_input: ServedInput) -> str | None:
        if model_input.datatype in ("INVALID", "BYTES", "FP16") and model_input.datatype != _DATATYPES.get(
            str(entry.get("datatype")).lower()
        ):
            return None
        data = entry.get("data")
        if isinstance(data, list) and model_input.datatype != "BYTES":
            flat = _flat(data)
            if model_input.datatype.startswith(("INT", "UINT")):
                numbers = [_whole(item) for item in flat]
                if any(item is None for item in numbers):
                    return None
                entry["data"] = numbers
            elif model_input.datatype == "BOOL":
                if any(item not in (0, 1) for item in flat):
                    return None
                entry["data"] = [bool(item) for item in flat]
            elif any(_number(item) is None for item in flat):
                return None
            else:
                entry["data"] = [_number(item) for item in flat]
        entry["datatype"] = model_input.datatype
        return f"Send the input {entry.get('name')} as {model_input.datatype}."

    def _shape(self, entry: dict[str, Any], model_input: ServedInput) -> str | None:
        shape, data = entry.get("shape"), entry.get("data")
        if not isinstance(shape, list) or not isinstance(data, list):
            return None
        flat = _flat(data)
        order = permutation(tuple(shape), model_input)
        if order is not None and len(flat) == math.prod(shape):
            entry["data"], entry["shape"] = _transposed(flat, shape, order), [shape[axis] for axis in order]
            return (
                f"Transpose the input {entry.get('name')} to {entry['shape']}: np.transpose(array, {order})."
            )
        solved = _solve(model_input, len(flat))
        if solved is not None and solved != shape:
            entry["shape"] = solved
            return f"Give the input {entry.get('name')} the shape {solved}."
        return self._one_of_batch(entry, model_input, shape, flat)

    def _one_of_batch(
        self, entry: dict[str, Any], model_input: ServedInput, shape: list[int], flat: list[Any]
    ) -> str | None:
        """Takes the first of a batch, if the model accepts one at a time; returns the change."""
        batch, index = model_input.batch, model_input.batch_index
        assert self.model is not None
        if index != 0 or batch is None or not batch.static or batch.low != 1 or not shape or shape[0] <= 1:
            return None
        if len(flat) != math.prod(shape) or len(self.model.inputs) != 1:
            return None
        size = len(flat) // shape[0]
        entry["data"], entry["shape"] = flat[:size], [1, *shape[1:]]
        return f"Send {shape[0]} requests with batch size 1; this is the first of them."


def permutation(shape: tuple[Any, ...], model_input: ServedInput) -> tuple[int, ...] | None:
    """Returns the order of axes with which an image fits, from NHWC to NCHW or back; `None` if there is none."""
    if len(shape) != 4 or len(model_input.shape) != 4 or not all(isinstance(size, int) for size in shape):
        return None
    if all(
        dimension_matches(dimension, size) for dimension, size in zip(model_input.shape, shape, strict=True)
    ):
        return None
    for order in ((0, 3, 1, 2), (0, 2, 3, 1)):
        moved = [shape[axis] for axis in order]
        if all(
            dimension_matches(dimension, size)
            for dimension, size in zip(model_input.shape, moved, strict=True)
        ):
            return order
    return None


def _transposed(flat: list[Any], shape: list[int], order: tuple[int, ...]) -> list[Any]:
    strides = [math.prod(shape[axis + 1 :]) for axis in range(4)]
    sizes = [shape[axis] for axis in order]
    steps = [strides[axis] for axis in order]
    return [
        flat[a * steps[0] + b * steps[1] + c * steps[2] + d * steps[3]]
        for a in range(sizes[0])
        for b in range(sizes[1])
        for c in range(sizes[2])
        for d in range(sizes[3])
    ]


def _solve(model_input: ServedInput, count: int | None) -> list[int] | None:
    """Returns the shape for a number of values: at most one dimension of the model may be open."""
    if count is None:
        return None
    open_at = [index for index, dimension in enumerate(model_input.shape) if not dimension.static]
    known = math.prod(dimension.low for dimension in model_input.shape if dimension.static)
    if not open_at:
        return [dimension.low for dimension in model_input.shape] if known == count else None
    if len(open_at) > 1 or known == 0 or count % known:
        return None
    size = count // known
    if not dimension_matches(model_input.shape[open_at[0]], size):
        return None
    return [
        size if index == open_at[0] else dimension.low for index, dimension in enumerate(model_input.shape)
    ]


def _flat(data: Any) -> list[Any]:
    found: list[Any] = []
    pending = [data]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending += reversed(item)
        else:
            found.append(item)
    return found


def _count(data: Any) -> int | None:
    return len(_flat(data)) if isinstance(data, list) else None


def _shape_of(value: Any) -> list[int] | None:
    """Returns the shape of nested lists; `None` if rows differ in length."""
    if not isinstance(value, list):
        return []
    shapes = [_shape_of(item) for item in value[:10_000]]
    if any(shape is None or shape != shapes[0] for shape in shapes):
        return None
    return [len(value), *(shapes[0] or [])] if shapes else [0]


def _number(item: Any) -> int | float | None:
    if isinstance(item, bool):
        return int(item)
    if isinstance(item, int | float):
        return item
    if isinstance(item, str):
        try:
            value = float(item)
        except ValueError:
            return None
        if math.isfinite(value):
            return int(value) if value.is_integer() and "." not in item and "e" not in item.lower() else value
    return None


def _whole(item: Any) -> int | None:
    number = _number(item)
    return int(number) if number is not None and float(number).is_integer() else None
