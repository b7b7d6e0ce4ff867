"""The requests of the usual Python clients: tritonclient, ovmsclient, TensorFlow Serving, and over HTTP."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from ovms_doctor.inputs.requests.python_arguments import PARSER, argument_parser, parser_call
from ovms_doctor.inputs.requests.python_cohere import COHERE_CLIENTS, cohere_call, cohere_client
from ovms_doctor.inputs.requests.python_http import (
    CONNECTIONS,
    SESSIONS,
    Requests,
    connection,
    connection_request,
    dumped,
    environment_value,
    http_call,
    http_request,
    http_session,
    joined_url,
    session_call,
    urllib_request,
    urlopen,
)
from ovms_doctor.inputs.requests.python_langchain import LANGCHAIN_CALLS, langchain_call
from ovms_doctor.inputs.requests.python_openai import openai_client, openai_create, openai_endpoint
from ovms_doctor.inputs.requests.python_tensors import (
    NUMPY_TYPES,
    SIZES,
    TFS_TYPES,
    TRITON_TYPES,
    array_from,
    buffer_of,
    check_size,
    model_of,
    strings_of,
)
from ovms_doctor.inputs.requests.python_triton_status import TRITON_STATUS, triton_status
from ovms_doctor.inputs.requests.python_values import (
    FILE_CONTENT,
    SAMPLE_IMAGE,
    Array,
    ClientError,
    ClientRefusalError,
    Instance,
    Unknown,
    dict_of,
    dtype_of,
    encoded,
    is_undetermined,
    list_of,
    shape_of,
    text_of,
)
from ovms_doctor.model.client_request import ClientRequest, InferMessage, InferTensor, TensorContents

#: The text of gRPC for an address that begins like a URL.
_NO_NAME = (
    "gRPC ends the call with UNAVAILABLE: DNS resolution failed for {}: it should not include the scheme"
)
_HTTP_METHODS = ("post", "get", "put", "delete", "patch", "head", "options")


# -- tritonclient ----------------------------------------------------------------------------------------


def _infer_input(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
    named = {**dict(zip(("name", "shape", "datatype"), arguments, strict=False)), **keywords}
    return Instance("tritonclient.InferInput", named)


def _set_data(tensor: Instance, arguments: list[Any], keywords: dict[str, Any]) -> None:
    """Calls `InferInput.set_data_from_numpy`, which compares type and shape itself."""
    value = arguments[0] if arguments else keywords.get("input_tensor")
    binary = arguments[1] if len(arguments) > 1 else keywords.get("binary_data", True)
    if is_undetermined(value):
        raise ClientError(f"the data of the input {text_of(tensor.attributes.get('name'))} are not known")
    if not isinstance(value, Array):
        raise ClientRefusalError(
            "tritonclient raises InferenceServerException: input_tensor must be a numpy array"
        )
    datatype = tensor.attributes.get("datatype")
    actual = TRITON_TYPES.get(value.dtype, value.dtype)
    if isinstance(datatype, str) and actual and datatype != actual:
        raise ClientRefusalError(
            "tritonclient raises InferenceServerException before anything is sent: got unexpected datatype "
            f"{actual} from numpy array, expected {datatype}"
        )
    expected = shape_of(tensor.attributes.get("shape"))
    if value.shape is not None and expected is not None and value.shape != expected:
        raise ClientRefusalError(
            "tritonclient raises InferenceServerException before anything is sent: got unexpected numpy array "
            f"shape [{', '.join(map(str, value.shape))}], expected [{', '.join(map(str, expected))}]"
        )
    if not value.dtype and isinstance(datatype, str):
        value = value.with_dtype(NUMPY_TYPES.get(datatype, ""))
    tensor.attributes.update(data=value, binary=binary)


def _triton_infer(client: Instance, arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
    named = {**dict(zip(("model_name", "inputs", "model_version"), arguments, strict=False)), **keywords}
    items = list_of(named.get("inputs"))
    if items is None or not all(isinstance(item, Instance) for item in items):
        raise ClientError("the inputs of infer are not known")
    inputs = [item for item in items if isinstance(item, Instance)]
    name, version = model_of(named)
    address = text_of(client.attributes.get("url"))
    if ".grpc" in client.kind:
        tensors, raw = [], []
        for index, item in enumerate(inputs):
            array = _tensor_array(item)
            raw.append(buffer_of(item, array))
            check_size(raw)
            tensors.append(InferTensor(*_names_of(item, array), None, path=f"$.inputs[{index}]"))
        message = InferMessage(name, version, tuple(tensors), tuple(raw))
        path = "/inference.GRPCInferenceService/ModelInfer"
        sent.append(
            ClientRequest("KServe", "gRPC", "", path, message=message, address=address, form="python")
        )
        return Unknown("an answer")
    sent.append(_triton_http(name, version, inputs, address))
    return Unknown("an answer")


def _tensor_array(item: Instance) -> Array:
    data, name = item.attributes.get("data"), text_of(item.attributes.get("name"))
    if isinstance(item.attributes.get("_raw_content"), bytes):
        # The bytes are sent as they are, whatever the datatype of the input is.
        content = item.attributes["_raw_content"]
        return Array((len(content),), "uint8", list(content))
    if not isinstance(data, Array):
        raise ClientError(f"the input {name} receives no data before infer is called")
    shape = data.shape if data.shape is not None else shape_of(item.attributes.get("shape"))
    if shape is None:
        raise ClientError(f"the shape of the input {name} is not known")
    return data if data.shape is not None else Array(shape, data.dtype)


def _names_of(item: Instance, array: Array) -> tuple[str, str, tuple[int, ...]]:
    """Returns name, datatype and shape of an input; datatype and shape are those of the array."""
    if is_undetermined(item.attributes.get("name")):
        raise ClientError("the name of an input is not known")
    name, datatype = text_of(item.attributes.get("name")), item.attributes.get("datatype")
    encoded(name)
    actual = TRITON_TYPES.get(array.dtype, "")
    sizes = shape_of(item.attributes.get("shape"))
    shape = sizes if sizes is not None else array.shape
    return name, datatype if isinstance(datatype, str) else actual, shape or ()


def _triton_http(name: str, version: str, inputs: list[Instance], address: str) -> ClientRequest:
    entries, buffers = [], []
    for item in inputs:
        array = _tensor_array(item)
        label, datatype, shape = _names_of(item, array)
        entry: dict[str, Any] = {"name": label, "shape": list(shape), "datatype": datatype}
        if item.attributes.get("binary", True):
            buffer = buffer_of(item, array)
            entry["parameters"] = {"binary_data_size": len(buffer)}
            buffers.append(buffer)
            check_size(buffers)
        else:
            flat = array.reshaped([-1]).to_list()
            if isinstance(flat, Unknown):
                raise ClientError(f"the input {label} is not known: {flat.source}")
            entry["data"] = [
                text.decode("utf-8", "replace") if isinstance(text, bytes) else text for text in flat
            ]
        entries.append(entry)
    encoded(version)
    head = json.dumps({"inputs": entries, "parameters": {"binary_data_output": True}}).encode()
    path = f"/v2/models/{name}" + (f"/versions/{version}" if version else "") + "/infer"
    headers = [("Content-Type", "application/json")]
    if buffers:
        headers = [
            ("Content-Type", "application/octet-stream"),
            ("Inference-Header-Content-Length", str(len(head))),
        ]
    return ClientRequest(
        "KServe", "REST", "POST", path, tuple(headers), head + b"".join(buffers), None, address, (), "python"
    )


def _np_to_triton_dtype(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
    found = TRITON_TYPES.get(dtype_of(arguments[0] if arguments else None, ""))
    return Unknown("a datatype") if found is None else found


def _grpc_channel(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
    target = arguments[0] if arguments else keywords.get("target")
    if isinstance(target, str) and target.startswith(("http://", "https://")):
        raise ClientRefusalError(_NO_NAME.format(target))
    return Instance("grpc.Channel")


# -- ovmsclient and TensorFlow Serving -------------------------------------------------------------------


def tensor_proto(
    name: str, value: Any, dtype: Any = None, shape: Any = None, *, tensorflow: bool = False
) -> InferTensor:
    """Returns the tensor of `make_tensor_proto`: ovmsclient's, or TensorFlow's, which keeps scalars without a shape."""
    if isinstance(value, Instance) and value.kind == FILE_CONTENT:
        value = SAMPLE_IMAGE
    if is_undetermined(value):
        raise ClientError(f"the value of the input {name} is not known")
    scalar = not isinstance(value, list | tuple | Array)
    array = array_from(value if tensorflow or not scalar else [value])
    sizes = shape_of(shape)
    if array.shape is None:
        if sizes is None:
            raise ClientError(f"the shape of the input {name} is not known")
        array = Array(sizes, array.dtype)
    if not isinstance(value, Array):
        array = array.with_dtype({"float64": "float32", "int64": "int32"}.get(array.dtype, array.dtype))
    if isinstance(dtype, Instance):
        named = dtype.kind.rpartition(".")[2].removeprefix("DT_").lower()
        named = {"float": "float32", "double": "float64", "half": "float16", "string": "bytes"}.get(
            named, named
        )
        array = array.with_dtype(named)
    if not array.dtype:
        raise ClientError(f"the type of the input {name} is not known")
    sizes = sizes if sizes is not None else (array.shape or ())
    kind = TFS_TYPES.get(array.dtype, "INVALID")
    path = f"$.inputs.{name}"
    if kind == "STRING":
        strings = strings_of(array)
        return InferTensor(
            name, kind, sizes, TensorContents((("string_val", len(strings)),), strings), path=path
        )
    if scalar and not tensorflow:
        # A scalar goes into the field of its type, which the server does not read.
        return InferTensor(name, kind, sizes, TensorContents((("float_val", 1),)), path=path)
    size = array.size * SIZES.get(array.dtype, 4)
    return InferTensor(name, kind, sizes, None, (), size, path)


def _make_client(kind: str) -> Callable[[list[Any], dict[str, Any], Requests], Any]:
    def call(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
        url = arguments[0] if arguments else keywords.get("url", "")
        if isinstance(url, str) and url.startswith(("http://", "https://")):
            if kind.startswith("tritonclient.http"):
                raise ClientRefusalError(
                    "tritonclient raises InferenceServerException: url should not include the scheme"
                )
            if kind.startswith("tritonclient.grpc"):
                raise ClientRefusalError(_NO_NAME.format(url))
        return Instance(kind, {"url": url})

    return call


def _ovms_predict(client: Instance, arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
    named = {**dict(zip(("inputs", "model_name", "model_version"), arguments, strict=False)), **keywords}
    inputs = named.get("inputs")
    if is_undetermined(inputs):
        raise ClientError("the inputs of predict are not known")
    if not isinstance(inputs, dict):
        raise ClientRefusalError(
            "ovmsclient raises TypeError before anything is sent: inputs type should be dict"
        )
    name, version = model_of(named)
    address = text_of(client.attributes.get("url"))
    if "http" in client.kind:
        plain = {key: value.to_list() if isinstance(value, Array) else value for key, value in inputs.items()}
        path = f"/v1/models/{name}" + (f"/versions/{version}" if version else "") + ":predict"
        body = dumped({"signature_name": "", "inputs": plain}).encode()
        headers = (("Content-Type", "application/json"),)
        sent.append(ClientRequest("TFS", "REST", "POST", path, headers, body, None, address, (), "python"))
        return Unknown("an answer")
    tensors = tuple(
        tensor_proto(_key_of(key), value)
        for key, value in sorted(inputs.items(), key=lambda item: str(item[0]))
    )
    message = InferMessage(name, version, tensors)
    path = "/tensorflow.serving.PredictionService/Predict"
    sent.append(ClientRequest("TFS", "gRPC", "", path, message=message, address=address, form="python"))
    return Unknown("an answer")


def _key_of(key: Any) -> str:
    """Returns the name of an input. Raises ClientError for a key that is not a text."""
    if not isinstance(key, str):
        raise ClientRefusalError(
            "ovmsclient raises TypeError before anything is sent: inputs keys should be of type str"
        )
    encoded(key)
    return key


def _make_tensor(tensorflow: bool) -> Callable[[list[Any], dict[str, Any], Requests], Any]:
    def call(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
        named = {**dict(zip(("values", "dtype", "shape"), arguments, strict=False)), **keywords}
        values, dtype, shape = named.get("values"), named.get("dtype"), named.get("shape")
        tensor = tensor_proto("", values, dtype, shape, tensorflow=tensorflow)
        return Instance("TensorProto", {"tensor": tensor})

    return call


def _stub_predict(arguments: list[Any], sent: Requests) -> Any:
    """Handles `stub.Predict(request)` of TensorFlow Serving's own client."""
    request = arguments[0] if arguments else None
    if not isinstance(request, Instance):
        raise ClientError("the request that is sent is not known")
    spec = request.child("model_spec")
    name = text_of(spec.attributes.get("name")) if isinstance(spec, Instance) else ""
    encoded(name)
    version = spec.attributes.get("version") if isinstance(spec, Instance) else None
    number = version.attributes.get("value") if isinstance(version, Instance) else None
    inputs = request.child("inputs")
    tensors = []
    for key, value in sorted(inputs.attributes.items()) if isinstance(inputs, Instance) else []:
        tensor = value.attributes.get("tensor") if isinstance(value, Instance) else None
        if isinstance(tensor, InferTensor):
            label = key.strip("[]")
            encoded(label)
            tensors.append(
                InferTensor(
                    label,
                    tensor.datatype,
                    tensor.shape,
                    tensor.contents,
                    (),
                    tensor.content_size,
                    f"$.inputs.{label}",
                )
            )
    message = InferMessage(name, str(number) if isinstance(number, int) else "", tuple(tensors))
    path = "/tensorflow.serving.PredictionService/Predict"
    sent.append(ClientRequest("TFS", "gRPC", "", path, message=message, form="python"))
    return Unknown("an answer")


def _b64encode(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
    """Returns the result of `base64.b64encode`. Of bytes that are not known, that of a sample image: its result is
    valid base64 for any bytes."""
    value = arguments[0] if arguments else keywords.get("s")
    return base64.b64encode(value if isinstance(value, bytes) else SAMPLE_IMAGE)


# -- dispatch --------------------------------------------------------------------------------------------


def call_method(
    holder: Instance, name: str, arguments: list[Any], keywords: dict[str, Any], sent: Requests
) -> tuple[bool, Any]:
    """Returns whether a method of an object is known, and its result."""
    kind = holder.kind
    if kind == "tritonclient.InferInput" and name == "set_data_from_numpy":
        _set_data(holder, arguments, keywords)
        return True, holder
    if kind.startswith("tritonclient.") and name in ("infer", "async_infer"):
        return True, _triton_infer(holder, arguments, keywords, sent)
    if kind.startswith("tritonclient.") and name in ("async_stream_infer", "start_stream"):
        raise ClientError("the answers to ModelStreamInfer, which streams requests, are not predicted")
    if kind.startswith("tritonclient.") and name in TRITON_STATUS:
        return True, triton_status(holder, name, arguments, keywords, sent)
    if kind.startswith("ovmsclient.") and name == "predict":
        return True, _ovms_predict(holder, arguments, keywords, sent)
    if kind.startswith("openai.OpenAI") and name == "with_options":
        return True, Instance(kind, {**holder.attributes, **keywords})
    if kind.startswith("openai."):
        endpoint = openai_endpoint(kind, name)
        if endpoint:
            return True, openai_create(_root(holder), name, endpoint, arguments, keywords, sent)
    if kind.startswith("langchain."):
        return langchain_call(holder, name, arguments, keywords, sent)
    if kind.startswith(("cohere.Client", "cohere.ClientV2")):
        return True, cohere_call(holder, name, keywords, sent)
    if name == "Predict" and kind.endswith("PredictionServiceStub"):
        return True, _stub_predict(arguments, sent)
    if name == "CopyFrom" and arguments and isinstance(arguments[0], Instance):
        holder.attributes.update(arguments[0].attributes)
        return True, None
    if kind in SESSIONS and name in (*_HTTP_METHODS, "request", "stream"):
        return True, session_call(holder, name, arguments, keywords, sent)
    if kind in CONNECTIONS and name == "request":
        return True, connection_request(holder, arguments, keywords, sent)
    if kind == "os.environ" and name == "get":
        return True, environment_value(arguments, keywords, sent)
    if kind == PARSER:
        return True, parser_call(holder, name, arguments, keywords)
    if kind == "file":
        if name in ("read", "read_bytes"):
            return True, Instance(FILE_CONTENT)
        return True, holder
    if kind == "urllib.request.Request" and name == "add_header" and len(arguments) == 2:
        headers = dict_of(holder.attributes.get("headers"))
        holder.attributes["headers"] = {**headers, text_of(arguments[0]): arguments[1]}
        return True, None
    return False, None


def _root(holder: Instance) -> Instance:
    while holder.parent is not None:
        holder = holder.parent
    return holder


CLIENT_CALLS: dict[str, Callable[[list[Any], dict[str, Any], Requests], Any]] = {
    **{
        f"{package}.{method}": http_call(method)
        for package in ("requests", "httpx")
        for method in _HTTP_METHODS
    },
    "requests.request": http_request,
    "httpx.request": http_request,
    "httpx.stream": http_request,
    "aiohttp.request": http_request,
    "requests.session": http_session("requests.Session"),
    **{name: http_session(name) for name in SESSIONS},
    **{name: connection(name) for name in CONNECTIONS},
    "urllib.request.Request": urllib_request,
    "urllib.request.urlopen": urlopen,
    "urllib.parse.urljoin": joined_url,
    "os.getenv": environment_value,
    PARSER: argument_parser,
    "tritonclient.utils.np_to_triton_dtype": _np_to_triton_dtype,
    "ovmsclient.make_grpc_client": _make_client("ovmsclient.grpc"),
    "ovmsclient.make_http_client": _make_client("ovmsclient.http"),
    "ovmsclient.make_tensor_proto": _make_tensor(False),
    "tensorflow.make_tensor_proto": _make_tensor(True),
    "tensorflow.contrib.util.make_tensor_proto": _make_tensor(True),
    "grpc.insecure_channel": _grpc_channel,
    "grpc.aio.insecure_channel": _grpc_channel,
    "base64.b64encode": _b64encode,
    "base64.standard_b64encode": _b64encode,
    "openai.OpenAI": openai_client,
    "openai.AsyncOpenAI": openai_client,
    **{name: cohere_client(kind) for name, kind in COHERE_CLIENTS.items()},
    **LANGCHAIN_CALLS,
}
for _module in ("tritonclient.http", "tritonclient.grpc", "tritonclient.http.aio", "tritonclient.grpc.aio"):
    CLIENT_CALLS[f"{_module}.InferenceServerClient"] = _make_client(_module)
    CLIENT_CALLS[f"{_module}.InferInput"] = _infer_input
for _name in (
    "tensorflow_serving.apis.prediction_service_pb2_grpc.PredictionServiceStub",
    "PredictionServiceStub",
):
    CLIENT_CALLS[_name] = lambda arguments, keywords, sent: Instance("PredictionServiceStub")
for _name in ("tensorflow_serving.apis.predict_pb2.PredictRequest", "PredictRequest"):
    CLIENT_CALLS[_name] = lambda arguments, keywords, sent: Instance(
        "PredictRequest", {"model_spec": Instance("ModelSpec")}
    )
