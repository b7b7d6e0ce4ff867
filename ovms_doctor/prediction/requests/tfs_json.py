"""From a TensorFlow Serving REST body to a PredictRequest (`TFSRestParser`, rest_parser.cpp until 2026.2)."""

import base64
import binascii

from ovms_doctor.model.client_request import InferMessage, InferTensor, RequestPosition, TensorContents
from ovms_doctor.model.releases import Release
from ovms_doctor.model.served_models import ELEMENT_SIZES, ServedModel
from ovms_doctor.prediction.requests.json_values import (
    JsonArray,
    JsonItem,
    JsonLiteral,
    JsonNumber,
    JsonObject,
    JsonString,
    JsonValue,
    LiteralRun,
    NumberRun,
    is_int,
    numbers_in,
)
from ovms_doctor.prediction.requests.kserve_json import parse_document
from ovms_doctor.prediction.requests.statuses import StatusError

#: The field for the values of a precision: `tensor_content` if it is not listed here.
_VALUE_FIELDS = {"FP16": "half_val", "U16": "int_val"}
#: Precisions that a number is converted to.
_NUMERIC = {"FP32", "FP64", "FP16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8"}


class _NotArrayError(Exception):
    """A tensor's values contain a value that is not part of an array; with its offset and path."""

    def __init__(self, item: JsonItem | None, path: str) -> None:
        super().__init__(path)
        self.position = RequestPosition(path, None if item is None else item.start)


class _Tensor:
    """A TensorProto during its construction."""

    def __init__(self, name: str, precision: str) -> None:
        self.name = name
        #: The precision of the model, or the one of the first value for an input that the model lacks.
        self.precision = precision
        self.dtype = precision
        self.shape: list[int] = []
        self.strings: list[bytes] = []
        self.values = 0
        self.path = ""
        self.offset: int | None = None

    def result(self) -> InferTensor:
        """Returns the tensor, with its values in the field for the dtype."""
        datatype = {"I": "INT", "U": "UINT"}
        kind = self.precision
        if kind[:1] in datatype and kind[1:].isdigit():
            kind = datatype[kind[0]] + kind[1:]
        counts: tuple[tuple[str, int], ...] = ()
        size = 0
        if self.precision in _VALUE_FIELDS:
            counts = ((_VALUE_FIELDS[self.precision], self.values),) if self.values else ()
        else:
            size = self.values * ELEMENT_SIZES.get(kind, 0)
        if self.strings:
            counts = (*counts, ("string_val", len(self.strings)))
        contents = TensorContents(counts, tuple(self.strings)) if counts else None
        return InferTensor(
            self.name, self.dtype, tuple(self.shape), contents, (), size, self.path, self.offset
        )


class TfsJson:
    """Converts one document to a PredictRequest. The model's inputs and their types are known before."""

    def __init__(self, body: bytes, model: ServedModel, release: Release) -> None:
        self._body = body
        self._release = release
        self._tensors = {item.name: _Tensor(item.name, item.precision) for item in model.inputs}
        for tensor in self._tensors.values():
            if tensor.precision not in (*_NUMERIC, "STRING", "BOOL"):
                tensor.dtype = "INVALID"

    def message(self) -> InferMessage:
        """Returns the message. Raises StatusError."""
        document = parse_document(self._body, self._release)
        instances, inputs = document.find(b"instances"), document.find(b"inputs")
        if (instances is None) == (inputs is None):
            raise StatusError("REST_PREDICT_UNKNOWN_ORDER", "", RequestPosition("$", document.start))
        if instances is not None:
            found = self._rows(instances)
        else:
            assert inputs is not None
            found = self._columns(inputs)
        tensors = tuple(
            tensor.result()
            for name, tensor in sorted(self._tensors.items())
            if found is None or name in found
        )
        return InferMessage("", "", tensors)

    # -- row format ----------------------------------------------------------------------------------
    def _rows(self, node: JsonValue) -> set[str] | None:
        """Returns the names that occur, `None` for a format without names. Raises StatusError."""
        at = RequestPosition("$.instances", node.start)
        if not isinstance(node, JsonArray):
            raise StatusError("REST_INSTANCES_NOT_AN_ARRAY", "", at)
        if node.size == 0:
            raise StatusError("REST_NO_INSTANCES_FOUND", "", at)
        first = node.items[0]
        try:
            if isinstance(first, JsonObject) and not _is_binary(first):
                return self._named_rows(node)
            if isinstance(first, JsonLiteral | LiteralRun):
                code = "REST_INSTANCES_NOT_NAMED_OR_NONAMED"
                raise StatusError(code, "", RequestPosition("$.instances[0]", first.start))
            tensor = self._only(at)
            tensor.path, tensor.offset = "$.instances", node.start
            self._array(node, 0, tensor, "$.instances")
        except _NotArrayError as error:
            raise StatusError("REST_COULD_NOT_PARSE_INSTANCE", "", error.position) from None
        return None

    def _only(self, at: RequestPosition) -> _Tensor:
        if not self._tensors:
            raise StatusError("REST_INPUT_NOT_PREALLOCATED", "", at)
        if len(self._tensors) != 1:
            raise StatusError("INVALID_INPUT_FORMAT", "", at)
        return next(iter(self._tensors.values()))

    def _named_rows(self, node: JsonArray) -> set[str]:
        found: set[str] = set()
        for index, item in enumerate(node.items):
            path = f"$.instances[{index}]"
            if not isinstance(item, JsonObject):
                raise StatusError("REST_NAMED_INSTANCE_NOT_AN_OBJECT", "", RequestPosition(path, item.start))
            self._instance(item, path, found)
        sizes = [self._tensors[name].shape[0] for name in sorted(found)]
        # A batch size of 0 is skipped in the search for the first one.
        known = 0
        for size in sizes:
            if known == 0:
                known = size
            elif size != known:
                code = "REST_INSTANCES_BATCH_SIZE_DIFFER"
                raise StatusError(code, "", RequestPosition("$.instances", node.start))
        return found

    def _instance(self, item: JsonObject, path: str, found: set[str]) -> None:
        if not item.members:
            raise _NotArrayError(item, path)
        for member in item.members:
            name = member.name.c_string.decode("utf-8", "surrogateescape")
            item_path, value = f"{path}.{name}", member.value
            found.add(name)
            tensor = self._tensors.setdefault(name, _Tensor(name, ""))
            tensor.path, tensor.offset = (
                tensor.path or item_path,
                value.start if not tensor.path else tensor.offset,
            )
            tensor.shape[:1] = [tensor.shape[0] + 1 if tensor.shape else 1]
            if isinstance(value, JsonNumber | JsonString):
                if len(tensor.shape) > 1:
                    raise _NotArrayError(value, item_path)
                self._add(tensor, value, item_path)
                continue
            if _is_binary(value):
                if len(tensor.shape) > 1:
                    raise _NotArrayError(value, item_path)
            elif tensor.shape[0] > 1 and len(tensor.shape) == 1:
                raise _NotArrayError(value, item_path)
            self._array(value, 1, tensor, item_path)

    # -- column format -------------------------------------------------------------------------------
    def _columns(self, node: JsonValue) -> set[str] | None:
        at = RequestPosition("$.inputs", node.start)
        try:
            if isinstance(node, JsonNumber) and len(self._tensors) == 1:
                tensor = self._only(at)
                tensor.path, tensor.offset = "$.inputs", node.start
                self._number(tensor)
                return None
            if isinstance(node, JsonArray):
                tensor = self._only(at)
                tensor.path, tensor.offset = "$.inputs", node.start
                self._array(node, 0, tensor, "$.inputs")
                return None
            if not isinstance(node, JsonObject):
                raise StatusError("REST_INPUTS_NOT_AN_OBJECT", "", at)
            if not node.members:
                raise StatusError("REST_NO_INPUTS_FOUND", "", at)
            return self._named_columns(node)
        except _NotArrayError as error:
            raise StatusError("REST_COULD_NOT_PARSE_INPUT", "", error.position) from None

    def _named_columns(self, node: JsonObject) -> set[str]:
        found: set[str] = set()
        for member in node.members:
            name = member.name.c_string.decode("utf-8", "surrogateescape")
            found.add(name)
            tensor = self._tensors.setdefault(name, _Tensor(name, ""))
            tensor.path, tensor.offset = f"$.inputs.{name}", member.value.start
            if isinstance(member.value, JsonNumber):
                self._set_type(tensor, member.value)
                self._number(tensor)
            else:
                self._array(member.value, 0, tensor, f"$.inputs.{name}")
        return found

    # -- values --------------------------------------------------------------------------------------
    def _array(self, node: JsonItem, dim: int, tensor: _Tensor, path: str) -> None:
        """Applies `parseArray`, without recursion. Raises _NotArrayError."""
        pending: list[tuple[JsonItem, int, str]] = [(node, dim, path)]
        while pending:
            item, depth, item_path = pending.pop()
            if _is_binary(item):
                self._add(tensor, item, item_path)
                continue
            if isinstance(item, JsonString) and tensor.precision == "U8" and tensor.dtype in ("U8", "STRING"):
                self._add(tensor, item, item_path)
                continue
            if not isinstance(item, JsonArray) or not _set_dimension(tensor, depth, item.size):
                raise _NotArrayError(item, item_path)
            if tensor.name in ("sequence_id", "sequence_control_input"):
                self._special(tensor, item, item_path)
            elif item.items and isinstance(item.items[0], JsonArray):
                pending += reversed(
                    [(inner, depth + 1, f"{item_path}[{index}]") for index, inner in enumerate(item.items)]
                )
            elif item.items:
                self._scalars(tensor, item, item_path)

    def _scalars(self, tensor: _Tensor, array: JsonArray, path: str) -> None:
        self._set_type(tensor, array.items[0], path)
        index = 0
        for item in array.items:
            if isinstance(item, NumberRun) and tensor.dtype in _NUMERIC:
                tensor.values += item.count
                index += item.count
                continue
            self._add(tensor, item, f"{path}[{index}]")
            index += 1

    def _special(self, tensor: _Tensor, array: JsonArray, path: str) -> None:
        """Adds inputs of stateful models: numbers in one row, with a type of their own."""
        bits = 64 if tensor.name == "sequence_id" else 32
        tensor.precision = tensor.dtype = f"U{bits}"
        for item in array.items:
            numbers = numbers_in(self._body, item) if isinstance(item, NumberRun) else (item,)
            for number in numbers:
                fits = isinstance(number, JsonNumber) and number.integer is not None
                if not fits or not 0 <= number.integer < 2**bits:  # type: ignore[union-attr, operator]
                    raise _NotArrayError(item, path)
                tensor.values += 1

    def _set_type(self, tensor: _Tensor, value: JsonItem, path: str = "") -> None:
        """Applies `setDTypeIfNotSet`: an input that the model lacks gets the type of its first value."""
        if tensor.precision:
            return
        first = next(iter(numbers_in(self._body, value)), value) if isinstance(value, NumberRun) else value
        if isinstance(first, JsonNumber) and is_int(first):
            tensor.precision = "I32"
        elif isinstance(first, JsonNumber) and first.integer is None:
            tensor.precision = "FP32"
        elif path:
            raise _NotArrayError(value, path)
        tensor.dtype = tensor.precision or tensor.dtype

    def _number(self, tensor: _Tensor) -> bool:
        """Applies `addNumber`: any number is converted to the type of the tensor."""
        if tensor.dtype not in _NUMERIC:
            return False
        tensor.values += 1
        return True

    def _add(self, tensor: _Tensor, value: JsonItem, path: str) -> None:
        """Applies `addValue`. Raises _NotArrayError."""
        if _is_binary(value):
            assert isinstance(value, JsonObject)
            text = value.members[0].value
            assert isinstance(text, JsonString)
            decoded = _decode_base64(text.c_string)
            if decoded is None:
                raise _NotArrayError(value, f"{path}.b64")
            tensor.strings.append(decoded)
            tensor.dtype = "STRING"
        elif isinstance(value, JsonString) and tensor.dtype in ("U8", "STRING"):
            tensor.strings.append(value.c_string)
            tensor.dtype = "STRING"
        elif not isinstance(value, JsonNumber) or not self._number(tensor):
            raise _NotArrayError(value, path)


def _is_binary(value: JsonItem) -> bool:
    """Whether a value is `{"b64": "…"}` and nothing else."""
    return (
        isinstance(value, JsonObject)
        and len(value.members) == 1
        and value.members[0].name.value == b"b64"
        and isinstance(value.members[0].value, JsonString)
    )


def _set_dimension(tensor: _Tensor, depth: int, size: int) -> bool:
    """Applies `setDimOrValidate`: the first array of a depth sets the dimension, the others must have it."""
    if len(tensor.shape) > depth:
        return tensor.shape[depth] == size
    tensor.shape += [0] * (depth - len(tensor.shape))
    tensor.shape.append(size)
    return True


def _decode_base64(text: bytes) -> bytes | None:
    """Applies `absl::Base64Unescape`: white space and missing padding are accepted; `None` for text that is not
    base64."""
    compact = bytes(text).translate(None, b" \t\r\n\v\f").rstrip(b"=.")
    if len(compact) % 4 == 1:
        return None
    try:
        return base64.b64decode(compact + b"=" * (-len(compact) % 4), validate=True)
    except binascii.Error:
        return None
