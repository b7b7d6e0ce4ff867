"""A grpcurl command line: the message is protobuf JSON, of the type of the method."""

from __future__ import annotations

from msgspec.structs import replace

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.protobuf_message import parse_message
from ovms_doctor.inputs.requests.shell import ReadFile, ShellCommand, as_typed, input_of, refuse_unknown
from ovms_doctor.model.client_request import ClientRequest

#: Options with a value that do not change the message.
_WITH_VALUE = frozenset(
    "H rpc-header reflect-header import-path proto protoset max-time connect-timeout max-msg-sz keepalive-time "
    "cacert cert key authority servername user-agent format emit-defaults".split()
)
_METHODS = ("inference.GRPCInferenceService/ModelInfer", "tensorflow.serving.PredictionService/Predict")


def grpcurl_request(found: ShellCommand, read_file: ReadFile) -> ClientRequest:
    """Returns the request of a command. Raises DocumentError if it is not complete."""
    data: str | None = None
    plain: list[str] = []
    words = iter(found.words)
    for word in words:
        name, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("-"):
            plain.append(word)
        elif name == "d":
            data = value if equals else next(words, None)
        elif name in _WITH_VALUE and not equals:
            next(words, None)
    method = (
        plain[1].replace(".ModelInfer", "/ModelInfer").replace(".Predict", "/Predict") if plain[1:] else ""
    )
    if method not in _METHODS:
        raise DocumentError(f"the command line does not call one of {', '.join(_METHODS)}")
    if data == "@":
        data = input_of(found, "-", read_file).decode("utf-8", "replace")
    if data is None:
        raise DocumentError("the command line has no message (-d)")
    refuse_unknown(data)
    try:
        request = parse_message(data)
    except DocumentError as error:
        # grpcurl checks the message against the service before it calls it.
        request = ClientRequest("KServe", "gRPC", "", refusal=" ".join(str(error).split()))
    return replace(request, address=as_typed(plain[0]), form="curl")
