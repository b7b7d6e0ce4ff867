"""The status calls of KServe's and TensorFlow Serving's API over gRPC, without generated code.

Messages: the used fields of src/kfserving_api/grpc_predict_v2.proto and of TensorFlow Serving's
get_model_status.proto. TensorFlow Serving's API exists until 2026.2.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from time import monotonic
from typing import TYPE_CHECKING, Any

from ovms_doctor.model.live import GrpcAnswer, InferenceProbe
from ovms_doctor.probes.live.infer import sent_phrase, zero_inputs
from ovms_doctor.probes.recording.active import record_channel

if TYPE_CHECKING:
    from ovms_doctor.probes.live.question import LiveQuestion

_SERVICE = "/inference.GRPCInferenceService/"
_TFS_SERVICE = "/tensorflow.serving.ModelService/"
_LARGEST_ANSWER = 1 << 24
_STRING, _BOOL, _INT64, _INT32, _BYTES = 9, 8, 3, 5, 12
#: Fields of requests and answers: name, number, type (for a message its name), whether repeated.
_FIELDS: dict[str, tuple[tuple[str, int, int | str, bool], ...]] = {
    "Nothing": (),
    "NamedModel": (("name", 1, _STRING, False), ("version", 2, _STRING, False)),
    "Flag": (("flag", 1, _BOOL, False),),
    "ServerMetadata": (("name", 1, _STRING, False), ("version", 2, _STRING, False)),
    "Tensor": (("name", 1, _STRING, False), ("datatype", 2, _STRING, False), ("shape", 3, _INT64, True)),
    "ModelMetadata": (
        ("name", 1, _STRING, False),
        ("versions", 2, _STRING, True),
        ("inputs", 4, "Tensor", True),
    ),
    "InferRequest": (
        ("model_name", 1, _STRING, False),
        ("inputs", 5, "Tensor", True),
        ("raw_input_contents", 7, _BYTES, True),
    ),
    "ModelSpec": (("name", 1, _STRING, False),),
    "StatusRequest": (("model_spec", 1, "ModelSpec", False),),
    "Status": (("error_code", 1, _INT32, False),),
    "VersionStatus": (
        ("version", 1, _INT64, False),
        ("state", 2, _INT32, False),
        ("status", 3, "Status", False),
    ),
    "StatusAnswer": (("rows", 1, "VersionStatus", True),),
}
_CALLS = (
    ("ServerMetadata", "Nothing", "ServerMetadata"),
    ("ServerLive", "Nothing", "Flag"),
    ("ServerReady", "Nothing", "Flag"),
    ("ModelReady", "NamedModel", "Flag"),
    ("ModelMetadata", "NamedModel", "ModelMetadata"),
)
_GONE = ("UNAVAILABLE", "DEADLINE_EXCEEDED")
#: The first release without TensorFlow Serving's API.
_WITHOUT_TFS = (2026, 3)


def is_installed() -> bool:
    """Whether the gRPC library is installed."""
    return find_spec("grpc") is not None


def call_all(
    question: LiveQuestion, seconds: Callable[[], float]
) -> tuple[tuple[GrpcAnswer, ...], tuple[InferenceProbe, ...]]:
    """Makes each call in turn: the calls about a model only if one is named, and a request for inference if that is
    requested. ``seconds``: the deadline of the next call."""
    import grpc

    # Connects directly to the server: the proxy of this shell is only compared, not used.
    options = [("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", _LARGEST_ANSWER)]
    record_channel(question.address.host, question.address.port)
    with _channel(grpc, question, question.address.netloc, options) as channel:
        caller = _Caller(grpc, channel, question)
        model = question.settings.model or ""
        found = []
        metadata: Any = None
        for call, request_type, answer_type in _CALLS:
            is_about_model = request_type == "NamedModel"
            if is_about_model and not model:
                continue
            fields: dict[str, Any] = {"name": model} if is_about_model else {}
            about = model if is_about_model else ""
            row, message = caller.call(_SERVICE + call, request_type, fields, answer_type, about, seconds())
            found.append(row)
            metadata = message if call == "ModelMetadata" else metadata
            if len(found) == 1 and row.code in _GONE:
                return tuple(found), ()
        if model and _has_tfs(found[0].version):
            fields = {"model_spec": {"name": model}}
            row, _ = caller.call(
                f"{_TFS_SERVICE}GetModelStatus", "StatusRequest", fields, "StatusAnswer", model, seconds()
            )
            found.append(row)
        probes = (_infer(caller, question, metadata),) if question.settings.infer and model else ()
    return tuple(found), probes


def _has_tfs(version: str) -> bool:
    """Whether a release has TensorFlow Serving's API; True too for a text that is not a release."""
    parts = version.split(".")
    try:
        return (int(parts[0]), int(parts[1])) < _WITHOUT_TFS
    except (ValueError, IndexError):
        return True


def _channel(grpc: Any, question: LiveQuestion, target: str, options: list[tuple[str, int]]) -> Any:
    if not question.address.tls:
        return grpc.insecure_channel(target, options=options)
    roots = None
    if question.settings.ca is not None:
        with open(question.settings.ca, "rb") as file:
            roots = file.read(1 << 22)
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(roots), options=options)


class _Caller:
    """Calls over one channel."""

    def __init__(self, grpc: Any, channel: Any, question: LiveQuestion) -> None:
        self._grpc = grpc
        self._channel = channel
        authorization = question.settings.authorization
        self._metadata = [("authorization", authorization)] if authorization else None
        self._messages = _messages()

    def call(
        self,
        path: str,
        request_type: str,
        fields: dict[str, Any],
        answer_type: str,
        model: str,
        timeout: float,
    ) -> tuple[GrpcAnswer, Any]:
        """Returns the answer, and its message; None without a message."""
        method = self._channel.unary_unary(
            path,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=self._messages[answer_type].FromString,
        )
        name = path.rpartition("/")[2]
        try:
            answer = method(self._messages[request_type](**fields), timeout=timeout, metadata=self._metadata)
        except self._grpc.RpcError as error:
            return GrpcAnswer(name, model, error.code().name, (error.details() or "")[:300]), None
        except Exception as error:  # noqa: BLE001 - a deserializer raises any exception on untrusted bytes
            return GrpcAnswer(name, model, "INTERNAL", type(error).__name__), None
        rows = getattr(answer, "rows", ())
        read = GrpcAnswer(
            name,
            model,
            "OK",
            flag=getattr(answer, "flag", False),
            name=getattr(answer, "name", "")[:200],
            version=getattr(answer, "version", "")[:200],
            versions=tuple(text[:20] for text in list(getattr(answer, "versions", ()))[:10_000]),
            states=tuple((row.version, row.state, row.status.error_code) for row in list(rows)[:10_000]),
        )
        return read, answer


def _infer(caller: _Caller, question: LiveQuestion, metadata: Any) -> InferenceProbe:
    name = (question.settings.model or "")[:500]
    if metadata is None:
        return InferenceProbe(name, "ModelInfer", "", problem="its metadata cannot be read")
    inputs = zero_inputs([(item.name, item.datatype, list(item.shape)) for item in metadata.inputs])
    if isinstance(inputs, str):
        return InferenceProbe(name, "ModelInfer", "", problem=inputs)
    fields = {
        "model_name": question.settings.model,
        "inputs": [{"name": item.name, "datatype": item.datatype, "shape": item.shape} for item in inputs],
        "raw_input_contents": [bytes(item.size) for item in inputs],
    }
    began = monotonic()
    row, _ = caller.call(
        f"{_SERVICE}ModelInfer", "InferRequest", fields, "Nothing", name, question.infer_timeout
    )
    took = 1000 * (monotonic() - began)
    return InferenceProbe(name, "ModelInfer", sent_phrase(inputs), None, row.code, row.details, "", took)


def _messages() -> dict[str, Any]:
    """Returns a class for each message, made at run time."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="ovms_doctor_live.proto", package="live", syntax="proto3")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            label = 3 if repeated else 1
            if isinstance(kind, str):
                message.field.add(name=field, number=number, type=11, type_name=f".live.{kind}", label=label)
            else:
                message.field.add(name=field, number=number, type=kind, label=label)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"live.{name}")) for name in _FIELDS
    }
