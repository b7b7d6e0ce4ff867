"""The status calls of KServe's API over gRPC, without generated code.

Messages: src/kfserving_api/grpc_predict_v2.proto, the fields that are used.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ovms_doctor.model.live import GrpcAnswer

if TYPE_CHECKING:
    from ovms_doctor.probes.live.probe import LiveQuestion

_SERVICE = "/inference.GRPCInferenceService/"
_LARGEST_ANSWER = 1 << 24
#: Fields of requests and answers: name, number, type (9 string, 8 bool), whether repeated.
_FIELDS: dict[str, tuple[tuple[str, int, int, bool], ...]] = {
    "Nothing": (),
    "NamedModel": (("name", 1, 9, False), ("version", 2, 9, False)),
    "Flag": (("flag", 1, 8, False),),
    "ServerMetadata": (("name", 1, 9, False), ("version", 2, 9, False)),
    "ModelMetadata": (("name", 1, 9, False), ("versions", 2, 9, True)),
}
_CALLS = (
    ("ServerMetadata", "Nothing", "ServerMetadata"),
    ("ServerLive", "Nothing", "Flag"),
    ("ServerReady", "Nothing", "Flag"),
    ("ModelReady", "NamedModel", "Flag"),
    ("ModelMetadata", "NamedModel", "ModelMetadata"),
)


def is_installed() -> bool:
    """Whether the gRPC library is there."""
    return find_spec("grpc") is not None


def call_all(question: LiveQuestion, seconds: Callable[[], float]) -> tuple[GrpcAnswer, ...]:
    """Each call in turn; those about a model only where one is named. ``seconds``: the deadline of the next."""
    import grpc

    host = f"[{question.host}]" if ":" in question.host else question.host
    # Straight to the server: the proxy of this shell is compared with, not taken.
    options = [("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", _LARGEST_ANSWER)]
    target = f"{host}:{question.port}"
    with _channel(grpc, question, target, options) as channel:
        messages = _messages()
        found = []
        for call, request_type, answer_type in _CALLS:
            model = question.model or ""
            is_about_model = request_type == "NamedModel"
            if is_about_model and not model:
                continue
            request = messages[request_type](name=model) if is_about_model else messages[request_type]()
            method = channel.unary_unary(
                _SERVICE + call,
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=messages[answer_type].FromString,
            )
            found.append(
                _called(grpc, method, request, call, model if is_about_model else "", question, seconds())
            )
            if len(found) == 1 and found[0].code in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
                break
    return tuple(found)


def _channel(grpc: Any, question: LiveQuestion, target: str, options: list[tuple[str, int]]) -> Any:
    if not question.tls:
        return grpc.insecure_channel(target, options=options)
    roots = None
    if question.ca is not None:
        with open(question.ca, "rb") as file:
            roots = file.read(1 << 22)
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(roots), options=options)


def _called(
    grpc: Any, method: Any, request: Any, call: str, model: str, question: LiveQuestion, timeout: float
) -> GrpcAnswer:
    metadata = [("authorization", question.authorization)] if question.authorization else None
    try:
        answer = method(request, timeout=timeout, metadata=metadata)
    except grpc.RpcError as error:
        return GrpcAnswer(call, model, error.code().name, (error.details() or "")[:300])
    except Exception as error:  # noqa: BLE001 - a deserializer's, over an answer of whatever bytes
        return GrpcAnswer(call, model, "INTERNAL", type(error).__name__)
    return GrpcAnswer(
        call,
        model,
        "OK",
        flag=getattr(answer, "flag", False),
        name=getattr(answer, "name", "")[:200],
        version=getattr(answer, "version", "")[:200],
        versions=tuple(text[:20] for text in list(getattr(answer, "versions", ()))[:10_000]),
    )


def _messages() -> dict[str, Any]:
    """A class for each message, made at run time."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="ovms_doctor_live.proto", package="live", syntax="proto3")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            message.field.add(name=field, number=number, type=kind, label=3 if repeated else 1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"live.{name}")) for name in _FIELDS
    }
