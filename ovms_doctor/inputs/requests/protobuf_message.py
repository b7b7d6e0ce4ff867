"""A ModelInferRequest or PredictRequest as protobuf JSON or protobuf text."""

from __future__ import annotations

import re
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

from ovms_doctor.inputs import DocumentError
from ovms_doctor.model.client_request import Api, ClientRequest, InferMessage, InferTensor, TensorContents
from ovms_doctor.model.pattern import lazy_pattern

if TYPE_CHECKING:
    from google.protobuf.message import Message

_SCALARS = {
    "bool": 8,
    "int32": 5,
    "int64": 3,
    "uint32": 13,
    "uint64": 4,
    "float": 2,
    "double": 1,
    "string": 9,
    "bytes": 12,
}
#: The messages, as `name type number [*]` for each field; `*` for repeated ones.
_MESSAGES = {
    "InferParameter": "bool_param bool 1|int64_param int64 2|string_param string 3|double_param double 4|"
    "uint64_param uint64 5",
    "InferTensorContents": "bool_contents bool 1 *|int_contents int32 2 *|int64_contents int64 3 *|"
    "uint_contents uint32 4 *|uint64_contents uint64 5 *|fp32_contents float 6 *|fp64_contents double 7 *|"
    "bytes_contents bytes 8 *",
    "InferInputTensor": "name string 1|datatype string 2|shape int64 3 *|contents InferTensorContents 5",
    "InferRequestedOutputTensor": "name string 1",
    "ModelInferRequest": "model_name string 1|model_version string 2|id string 3|inputs InferInputTensor 5 *|"
    "outputs InferRequestedOutputTensor 6 *|raw_input_contents bytes 7 *",
    "Dim": "size int64 1|name string 2",
    "TensorShapeProto": "dim Dim 2 *|unknown_rank bool 3",
    "TensorProto": "dtype DataType 1|tensor_shape TensorShapeProto 2|version_number int32 3|tensor_content bytes 4|"
    "half_val int32 13 *|float_val float 5 *|double_val double 6 *|int_val int32 7 *|string_val bytes 8 *|"
    "int64_val int64 10 *|bool_val bool 11 *|uint32_val uint32 16 *|uint64_val uint64 17 *",
    "ModelSpec": "name string 1|version Int64Value 2|signature_name string 3|version_label string 4",
    "InputEntry": "key string 1|value TensorProto 2",
    "PredictRequest": "model_spec ModelSpec 1|inputs InputEntry 2 *|output_filter string 3 *",
    "ServerRequest": "",
    "ModelRequest": "name string 1|version string 2",
    "GetModelStatusRequest": "model_spec ModelSpec 1",
    "GetModelMetadataRequest": "model_spec ModelSpec 1|metadata_field string 2 *",
}
_KSERVE, _TFS = "inference.GRPCInferenceService", "tensorflow.serving"
#: The messages of the methods that the server has.
METHODS = {
    f"{_KSERVE}/ModelInfer": "ModelInferRequest",
    f"{_KSERVE}/ServerLive": "ServerRequest",
    f"{_KSERVE}/ServerReady": "ServerRequest",
    f"{_KSERVE}/ServerMetadata": "ServerRequest",
    f"{_KSERVE}/ModelReady": "ModelRequest",
    f"{_KSERVE}/ModelMetadata": "ModelRequest",
    f"{_TFS}.PredictionService/Predict": "PredictRequest",
    f"{_TFS}.PredictionService/GetModelMetadata": "GetModelMetadataRequest",
    f"{_TFS}.ModelService/GetModelStatus": "GetModelStatusRequest",
}
#: The messages of an inference.
INFERENCES = ("ModelInferRequest", "PredictRequest")
_PARAMETERS = {"InferInputTensor": 4, "InferRequestedOutputTensor": 2, "ModelInferRequest": 4}
_DTYPES = (
    "DT_INVALID DT_FLOAT DT_DOUBLE DT_INT32 DT_UINT8 DT_INT16 DT_INT8 DT_STRING DT_COMPLEX64 DT_INT64 DT_BOOL "
    "DT_QINT8 DT_QUINT8 DT_QINT32 DT_BFLOAT16 DT_QINT16 DT_QUINT16 DT_UINT16 DT_COMPLEX128 DT_HALF DT_RESOURCE "
    "DT_VARIANT DT_UINT32 DT_UINT64"
).split()
#: The server's name of a dtype (`getDataTypeAsString`); others are INVALID, DT_UINT32 among them.
DTYPE_NAMES = {
    "DT_FLOAT": "FP32",
    "DT_DOUBLE": "FP64",
    "DT_INT32": "I32",
    "DT_INT8": "I8",
    "DT_UINT8": "U8",
    "DT_HALF": "FP16",
    "DT_INT16": "I16",
    "DT_UINT16": "U16",
    "DT_UINT64": "U64",
    "DT_INT64": "I64",
    "DT_BOOL": "BOOL",
    "DT_STRING": "STRING",
}
_KSERVE_HINT = lazy_pattern(
    r"(?:^|[\s{])(?:model_?[nN]ame|raw_?[iI]nput_?[cC]ontents|(?:fp32|fp64|int|int64|uint|uint64|bytes|bool)_?[cC]ontents)"
    r"\s*[:{<]"
)
_TFS_HINT = lazy_pattern(r"\b(?:model_?[sS]pec|tensor_?[cC]ontent|tensor_?[sS]hape|DT_[A-Z0-9]+)\b")


def is_message(text: str) -> bool:
    """Whether a text is a protobuf message rather than the JSON of a REST body."""
    if _TFS_HINT.search(text):
        return True
    if text.lstrip().startswith("{"):
        return re.search(r'"(?:raw_?[iI]nput_?[cC]ontents|contents|modelName)"\s*:', text) is not None
    return _KSERVE_HINT.search(text) is not None or re.match(r"\s*inputs\s*[:{]", text) is not None


def parse_message(text: str) -> ClientRequest:
    """Returns the inference in a protobuf text or JSON. Raises DocumentError with protobuf's own text."""
    tfs = _TFS_HINT.search(text) is not None
    return parse_call(f"{_TFS}.PredictionService/Predict" if tfs else f"{_KSERVE}/ModelInfer", text)


def parse_call(method: str, text: str) -> ClientRequest:
    """Returns the request of a method with a message in protobuf text or JSON. Raises DocumentError with protobuf's own
    text."""
    from google.protobuf import json_format, text_format

    kind = METHODS[method]
    message = _classes()[kind]()
    try:
        # Python warns about an escape in a string that protobuf does not decode.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            if text.lstrip().startswith("{"):
                json_format.Parse(text, message)
            else:
                text_format.Parse(text, message)
    except (json_format.ParseError, text_format.ParseError, ValueError, RecursionError) as error:
        raise DocumentError(f"protobuf does not accept the message: {error}") from None
    if kind == "PredictRequest":
        infer = _predict(message)
    elif kind == "ModelInferRequest":
        infer = _model_infer(message)
    elif kind == "ModelRequest":
        infer = InferMessage(message.name, message.version)
    else:
        infer = InferMessage("") if kind == "ServerRequest" else InferMessage(*_specified(message))
    api: Api = "TFS" if method.startswith(_TFS) else "KServe"
    return ClientRequest(api, "gRPC", "", f"/{method}", message=infer, form="message")


def _specified(message: Any) -> tuple[str, str]:
    """Returns the name and the version in a model_spec."""
    spec = message.model_spec
    return spec.name, str(spec.version.value) if spec.HasField("version") else ""


def _model_infer(message: Any) -> InferMessage:
    inputs = []
    for index, item in enumerate(message.inputs):
        contents = None
        if item.HasField("contents"):
            counts = tuple((field.name, len(values)) for field, values in item.contents.ListFields())
            contents = TensorContents(counts, tuple(item.contents.bytes_contents))
        path = f"$.inputs[{index}]"
        inputs.append(InferTensor(item.name, item.datatype, tuple(item.shape), contents, path=path))
    outputs = tuple(item.name for item in message.outputs)
    return InferMessage(
        message.model_name, message.model_version, tuple(inputs), tuple(message.raw_input_contents), outputs
    )


def _predict(message: Any) -> InferMessage:
    inputs = []
    for name, tensor in sorted(message.inputs.items()):
        dtype = DTYPE_NAMES.get(_DTYPES[tensor.dtype] if 0 <= tensor.dtype < len(_DTYPES) else "", "INVALID")
        counts = tuple(
            (field.name, len(values)) for field, values in tensor.ListFields() if field.name.endswith("_val")
        )
        contents = TensorContents(counts, tuple(tensor.string_val)) if counts else None
        shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
        path = f"$.inputs.{name}"
        inputs.append(InferTensor(name, dtype, shape, contents, (), len(tensor.tensor_content), path))
    return InferMessage(*_specified(message), tuple(inputs))


@cache
def _classes() -> dict[str, type[Message]]:
    """Returns the message classes, made from the descriptions above."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

    file = descriptor_pb2.FileDescriptorProto(
        name="ovms_doctor_requests.proto", package="ovms_doctor", syntax="proto3"
    )
    dtype = file.enum_type.add(name="DataType")
    for number, name in enumerate(_DTYPES):
        dtype.value.add(name=name, number=number)
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if name == "InputEntry":
            message = _nested_map(file, "PredictRequest")
        for field in filter(None, fields.split("|")):
            _field(message, field.split())
        if name in _PARAMETERS:
            entry = message.nested_type.add(name="ParametersEntry")
            entry.options.map_entry = True
            _field(entry, ["key", "string", "1"])
            _field(entry, ["value", "InferParameter", "2"])
            message.field.add(
                name="parameters",
                number=_PARAMETERS[name],
                label=3,
                type=11,
                type_name=f".ovms_doctor.{name}.ParametersEntry",
            )
    pool = descriptor_pool.DescriptorPool()
    wrappers = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(wrappers)
    pool.Add(wrappers)
    pool.Add(_without_placeholder(file))
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"ovms_doctor.{name}"))
        for name in set(METHODS.values())
    }


def _nested_map(file: Any, holder: str) -> Any:
    """Returns the entry of a map field, which protobuf requires inside its message."""
    message = file.message_type.add(name=holder)
    entry = message.nested_type.add(name="InputsEntry")
    entry.options.map_entry = True
    return entry


def _without_placeholder(file: Any) -> Any:
    """Returns the file with each message once: the map's entry was described before its message."""
    kept: dict[str, Any] = {}
    for message in list(file.message_type):
        if message.name == "InputEntry":
            continue
        if message.name in kept:
            kept[message.name].field.extend(message.field)
        else:
            kept[message.name] = message
    messages = list(kept.values())
    copy = type(file)(name=file.name, package=file.package, syntax=file.syntax)
    copy.dependency.append("google/protobuf/wrappers.proto")
    copy.enum_type.extend(file.enum_type)
    copy.message_type.extend(messages)
    return copy


def _field(message: Any, parts: list[str]) -> None:
    name, kind, number = parts[:3]
    field = message.field.add(name=name, number=int(number), label=3 if parts[3:] else 1)
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    elif kind == "Int64Value":
        # In JSON it is a plain number.
        field.type, field.type_name = 11, ".google.protobuf.Int64Value"
    elif kind == "DataType":
        field.type, field.type_name = 14, ".ovms_doctor.DataType"
    else:
        field.type = 11
        inner = "PredictRequest.InputsEntry" if kind == "InputEntry" else kind
        field.type_name = f".ovms_doctor.{inner}"
