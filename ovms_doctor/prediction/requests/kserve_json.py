"""From a KServe REST body to the server's message (`KFSRestParser`, rest_parser.cpp)."""

from msgspec.structs import replace

from ovms_doctor.model.client_request import InferMessage, InferTensor, RequestPosition, TensorContents
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.requests.json_reader import JsonDepthError, JsonRules, JsonSyntaxError, read_json
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
    is_uint,
    numbers_in,
)
from ovms_doctor.prediction.requests.statuses import StatusError

#: The field for the values of a datatype, and the type that RapidJSON must report for each value.
_FIELDS = {
    "FP32": ("fp32_contents", "number"),
    "FP64": ("fp64_contents", "number"),
    "INT64": ("int64_contents", "int"),
    "INT32": ("int_contents", "int"),
    "INT16": ("int_contents", "int"),
    "INT8": ("int_contents", "int"),
    "UINT64": ("uint64_contents", "uint"),
    "UINT32": ("uint_contents", "uint"),
    "UINT16": ("uint_contents", "uint"),
    "UINT8": ("uint_contents", "uint"),
    "BOOL": ("bool_contents", "bool"),
    "BYTES": ("bytes_contents", "string"),
}


def json_rules(release: Release) -> JsonRules:
    """Returns how a release parses request bodies."""
    iterative = release.at_least(2026, 2)
    return JsonRules(iterative, 100 if iterative else None)


def parse_document(body: bytes, release: Release) -> JsonObject:
    """Returns the JSON object of a body. Raises StatusError for another body."""
    try:
        document = read_json(body, json_rules(release))
    except JsonSyntaxError as error:
        details = f"Error: {error.text} Offset: {error.offset}"
        if not release.at_least(2023, 1):
            details = ""
        raise StatusError("JSON_INVALID", details, RequestPosition("$", error.offset)) from None
    except JsonDepthError as error:
        raise StatusError("JSON_NESTING_DEPTH_EXCEEDED", "", RequestPosition("$", error.offset)) from None
    if not isinstance(document, JsonObject):
        raise StatusError("REST_BODY_IS_NOT_AN_OBJECT", "", RequestPosition("$", document.start))
    return document


def _text(value: JsonString) -> str:
    """Returns a string as the server keeps it: up to the first NUL, in a form that can contain any bytes."""
    return value.c_string.decode("utf-8", "surrogateescape")


def _refused(code: str, path: str, value: JsonItem | None, fallback: int, name: str = "") -> StatusError:
    return StatusError(code, "", RequestPosition(path, fallback if value is None else value.start, name))


class KServeJson:
    """Converts one KServe document to a message."""

    def __init__(self, body: bytes, release: Release) -> None:
        self._body = body
        self._release = release
        self._strings: list[bytes] = []
        self._count = 0

    def message(self) -> InferMessage:
        """Returns the message, without the names that the URL gives. Raises StatusError."""
        document = parse_document(self._body, self._release)
        identifier = document.find(b"id")
        if identifier is not None and not isinstance(identifier, JsonString):
            raise _refused("REST_COULD_NOT_PARSE_INPUT", "$.id", identifier, 0)
        parameters = document.find(b"parameters")
        if parameters is not None:
            self._parameters(parameters, "$.parameters")
        outputs = document.find(b"outputs")
        names = () if outputs is None else self._outputs(outputs)
        inputs = document.find(b"inputs")
        if inputs is None:
            raise _refused("REST_NO_INPUTS_FOUND", "$", None, document.start)
        if not isinstance(inputs, JsonArray):
            raise _refused("REST_COULD_NOT_PARSE_INPUT", "$.inputs", inputs, 0)
        if inputs.size == 0:
            raise _refused("REST_NO_INPUTS_FOUND", "$.inputs", inputs, 0)
        tensors = []
        for index, item in enumerate(inputs.items):
            if not isinstance(item, JsonObject):
                raise _refused("REST_COULD_NOT_PARSE_INPUT", f"$.inputs[{index}]", item, 0)
            tensors.append(self._input(item, f"$.inputs[{index}]", only=inputs.size == 1))
        return InferMessage("", "", tuple(tensors), outputs=names)

    def _parameters(self, value: JsonValue, path: str) -> tuple[tuple[str, str | bool | int], ...]:
        """Returns the parameters of an object; of equal names the last one counts, as in a protobuf map."""
        if not isinstance(value, JsonObject):
            raise _refused("REST_COULD_NOT_PARSE_PARAMETERS", path, value, 0)
        found: dict[str, str | bool | int] = {}
        for member in value.members:
            name = _text(member.name)
            if isinstance(member.value, JsonString):
                found[name] = _text(member.value)
            elif isinstance(member.value, JsonLiteral) and member.value.value is not None:
                found[name] = member.value.value
            elif isinstance(member.value, JsonNumber) and is_int(member.value):
                assert member.value.integer is not None
                found[name] = member.value.integer
            else:
                raise _refused("REST_COULD_NOT_PARSE_PARAMETERS", f"{path}.{name}", member.value, 0)
        return tuple(found.items())

    def _outputs(self, value: JsonValue) -> tuple[str, ...]:
        """Returns the requested outputs: the server keeps only the last one."""
        if not isinstance(value, JsonArray):
            raise _refused("REST_COULD_NOT_PARSE_INPUT", "$.outputs", value, 0)
        names: tuple[str, ...] = ()
        for index, item in enumerate(value.items):
            path = f"$.outputs[{index}]"
            name = item.find(b"name") if isinstance(item, JsonObject) else None
            if not isinstance(item, JsonObject) or not isinstance(name, JsonString):
                raise _refused("REST_COULD_NOT_PARSE_OUTPUT", path, item, 0)
            parameters = item.find(b"parameters")
            if parameters is not None:
                self._parameters(parameters, f"{path}.parameters")
            names = (_text(name),)
        return names

    def _input(self, item: JsonObject, path: str, *, only: bool) -> InferTensor:
        """Parses one input. Members are read in the server's order, not in the document's."""
        code = "REST_COULD_NOT_PARSE_INPUT"
        name = item.find(b"name")
        if not isinstance(name, JsonString):
            raise _refused(code, f"{path}.name", name, item.start)
        label = _text(name)
        shape = item.find(b"shape")
        if not isinstance(shape, JsonArray):
            raise _refused(code, f"{path}.shape", shape, item.start, label)
        dimensions = self._dimensions(shape, f"{path}.shape", label)
        datatype = item.find(b"datatype")
        if not isinstance(datatype, JsonString):
            raise _refused(code, f"{path}.datatype", datatype, item.start, label)
        tensor = InferTensor(label, _text(datatype), dimensions, None, (), 0, path, item.start)
        parameters = item.find(b"parameters")
        if parameters is not None:
            tensor = replace(tensor, parameters=self._parameters(parameters, f"{path}.parameters"))
        data = item.find(b"data")
        if data is not None:
            return self._with_data(tensor, data)
        if "binary_data_size" in dict(tensor.parameters):
            return tensor
        if tensor.datatype == "BYTES" and (not only or dimensions != (1,)):
            raise _refused(code, f"{path}.data", None, item.start, label)
        return tensor

    def _dimensions(self, shape: JsonArray, path: str, name: str) -> tuple[int, ...]:
        dimensions: list[int] = []
        for item in shape.items:
            for number in numbers_in(self._body, item) if isinstance(item, NumberRun) else (item,):
                item_path = f"{path}[{len(dimensions)}]"
                if not isinstance(number, JsonNumber) or not is_int(number):
                    raise _refused("REST_COULD_NOT_PARSE_INPUT", item_path, number, 0, name)
                assert number.integer is not None
                if number.integer < 0 and self._release.at_least(2023, 0):
                    raise _refused("REST_COULD_NOT_PARSE_INPUT", item_path, number, 0, name)
                if number.integer == 0 and self._release.numbers[:2] == (2023, 0):
                    raise _refused("REST_COULD_NOT_PARSE_INPUT", item_path, number, 0, name)
                dimensions.append(number.integer)
        return tuple(dimensions)

    def _with_data(self, tensor: InferTensor, data: JsonValue) -> InferTensor:
        path = f"{tensor.path}.data"
        if not isinstance(data, JsonArray):
            raise _refused("REST_COULD_NOT_PARSE_INPUT", path, data, 0, tensor.name)
        datatype = tensor.datatype
        if datatype in ("FP16", "BF16"):
            code = "REST_COULD_NOT_PARSE_INPUT"
            if not self._release.at_least(2024, 1):
                code = "REST_UNSUPPORTED_PRECISION"
            raise StatusError(code, "", RequestPosition(f"{tensor.path}.datatype", data.start, tensor.name))
        if datatype not in _FIELDS or (datatype == "BYTES" and not self._release.at_least(2023, 0)):
            position = RequestPosition(f"{tensor.path}.datatype", tensor.offset, tensor.name)
            raise StatusError("REST_UNSUPPORTED_PRECISION", "", position)
        field, kind = _FIELDS[datatype]
        self._strings, self._count = [], 0
        self._values(data, path, kind, tensor.name)
        if not self._count:
            return tensor
        contents = TensorContents(((field, self._count),), tuple(self._strings))
        return replace(tensor, contents=contents)

    def _values(self, data: JsonArray, path: str, kind: str, name: str) -> None:
        """Count the values of nested lists. The server flattens them and never compares their lengths."""
        pending = [(data, path, 0, 0)]
        while pending:
            array, item_path, start, index = pending.pop()
            for position in range(start, len(array.items)):
                item = array.items[position]
                if isinstance(item, JsonArray):
                    pending.append((array, item_path, position + 1, index + 1))
                    pending.append((item, f"{item_path}[{index}]", 0, 0))
                    break
                wrong = self._wrong_value(item, kind)
                if wrong is not None:
                    offset, value = wrong
                    raise _refused(
                        "REST_COULD_NOT_PARSE_INPUT", f"{item_path}[{index + offset}]", value, 0, name
                    )
                size = item.count if isinstance(item, NumberRun | LiteralRun) else 1
                self._count += size
                index += size

    def _wrong_value(self, item: JsonItem, kind: str) -> tuple[int, JsonItem] | None:
        """Returns the first value of an item that the datatype does not allow, with its index in the item."""
        if isinstance(item, NumberRun):
            return self._wrong_number(item, kind)
        if isinstance(item, LiteralRun):
            return None if kind == "bool" else (0, item)
        if isinstance(item, JsonString) and kind == "string":
            self._strings.append(item.c_string)
            return None
        if isinstance(item, JsonLiteral) and kind == "bool" and item.value is not None:
            return None
        if isinstance(item, JsonNumber) and _number_fits(item, kind):
            return None
        return 0, item

    def _wrong_number(self, run: NumberRun, kind: str) -> tuple[int, JsonItem] | None:
        if kind == "number" or (kind == "int" and run.small_integers):
            return None
        if kind == "uint" and run.small_integers and not run.negative:
            return None
        for index, number in enumerate(numbers_in(self._body, run)):
            if not _number_fits(number, kind):
                return index, number
        return None


def _number_fits(number: JsonNumber, kind: str) -> bool:
    if kind == "number":
        return True
    return is_int(number) if kind == "int" else kind == "uint" and is_uint(number)
