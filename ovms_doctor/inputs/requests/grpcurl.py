"""A grpcurl command line: the message is protobuf JSON, of the type of the method."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.protobuf_message import INFERENCES, METHODS, parse_call
from ovms_doctor.inputs.requests.shell import ReadFile, ShellCommand, as_typed, input_of, refuse_unknown
from ovms_doctor.model.client_request import ClientRequest, InferMessage

#: Options with a value that do not change the message.
_WITH_VALUE = frozenset(
    "H rpc-header reflect-header import-path proto protoset max-time connect-timeout max-msg-sz keepalive-time "
    "cacert cert key authority servername user-agent format emit-defaults".split()
)
#: Services whose other methods the server does not have.
_SERVICES = ("inference.GRPCInferenceService", "grpc.health.v1.Health")
_REFLECTION = (
    "The server has no reflection: without -proto or -protoset, grpcurl ends with “server does not support the "
    "reflection API”."
)
_TLS = "Without -plaintext, grpcurl connects with TLS, which the server does not have."


def grpcurl_request(found: ShellCommand, read_file: ReadFile) -> ClientRequest:
    """Returns the request of a command. Raises DocumentError if it is not complete."""
    data: str | None = None
    plain: list[str] = []
    names: set[str] = set()
    words = iter(found.words)
    for word in words:
        name, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("-"):
            plain.append(word)
            continue
        names.add(name)
        if name == "d":
            data = value if equals else next(words, None)
        elif name in _WITH_VALUE and not equals:
            next(words, None)
    method = _method(plain)
    if data == "@":
        data = input_of(found, "-", read_file).decode("utf-8", "replace")
    if data is None and METHODS.get(method) in INFERENCES:
        raise DocumentError("the command line has no message (-d)")
    refuse_unknown(data or "")
    notes = () if names & {"proto", "protoset"} else (_REFLECTION,)
    notes = notes if "plaintext" in names else (*notes, _TLS)
    return replace(_request(method, data or "{}"), address=as_typed(plain[0]), form="curl", notes=notes)


def _method(plain: Sequence[str]) -> str:
    """Returns the method that is called. Raises DocumentError for one whose answer is not known."""
    method = plain[1] if plain[1:] else ""
    if "/" not in method:
        method = "/".join(method.rsplit(".", 1))
    is_missing = method.partition("/")[0] in _SERVICES and not method.endswith("/ModelStreamInfer")
    if method not in METHODS and not is_missing:
        raise DocumentError(f"the command line does not call one of {', '.join(METHODS)}")
    return method


def _request(method: str, data: str) -> ClientRequest:
    if method not in METHODS:
        return ClientRequest("KServe", "gRPC", "", f"/{method}", message=InferMessage(""))
    try:
        return parse_call(method, data)
    except DocumentError as error:
        # grpcurl checks the message against the service before it calls it.
        return ClientRequest("KServe", "gRPC", "", refusal=" ".join(str(error).split()))
