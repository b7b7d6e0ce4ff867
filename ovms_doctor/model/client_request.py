"""A client's request, and what the server answers to it."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Api: TypeAlias = Literal["KServe", "TFS", "OpenAI", "other"]
Interface: TypeAlias = Literal["REST", "gRPC"]


class TensorContents(Struct, frozen=True):
    """The values of one tensor that a message carries in fields of its own."""

    #: How many values each field that is not empty has.
    counts: tuple[tuple[str, int], ...] = ()
    #: The elements of `bytes_contents` or `string_val`.
    strings: tuple[bytes, ...] = ()

    def count(self, field: str) -> int:
        """How many values a field has."""
        return dict(self.counts).get(field, 0)


NO_CONTENTS = TensorContents()


class InferTensor(Struct, frozen=True):
    """One input of a ModelInferRequest or PredictRequest."""

    #: The name, as the server compares it.
    name: str
    #: The datatype (KServe) or dtype (TFS, in the server's words) as sent.
    datatype: str
    #: The shape as sent.
    shape: tuple[int, ...]
    #: The values that the message itself carries; `None` where the field is not set at all.
    contents: TensorContents | None = None
    #: The parameters: (name, value).
    parameters: tuple[tuple[str, str | bool | int], ...] = ()
    #: Bytes of `tensor_content` (TFS).
    content_size: int = 0
    #: Its position in the request, as a JSON path.
    path: str = ""
    #: Offset of its first byte in the body; `None` where there is no body.
    offset: int | None = None

    @property
    def values(self) -> int | None:
        """How many values the message itself carries."""
        return None if self.contents is None else sum(count for _, count in self.contents.counts)


class InferMessage(Struct, frozen=True):
    """A ModelInferRequest or PredictRequest, sent as such or made by the server from JSON."""

    #: The name of the servable.
    model_name: str
    #: The version as a text; empty for the default one.
    model_version: str = ""
    #: The inputs in the order sent.
    inputs: tuple[InferTensor, ...] = ()
    #: `raw_input_contents`.
    raw: tuple[bytes, ...] = ()
    #: The names of the requested outputs.
    outputs: tuple[str, ...] = ()


class ClientRequest(Struct, frozen=True):
    """One request: an HTTP request, or a message that a gRPC client sends."""

    #: The API that it belongs to.
    api: Api
    #: The interface that it is sent to.
    interface: Interface = "REST"
    #: The HTTP method; empty for gRPC.
    method: str = "POST"
    #: The path of the URL, as sent, or the gRPC method.
    path: str = ""
    #: The HTTP headers as sent.
    headers: tuple[tuple[str, str], ...] = ()
    #: The HTTP body.
    body: bytes = b""
    #: The message of a gRPC client.
    message: InferMessage | None = None
    #: Host and port that it is sent to, as written; empty where none is.
    address: str = ""
    #: How the request was understood: notes for the report.
    notes: tuple[str, ...] = ()
    #: The form in which it was given.
    form: Literal["json", "curl", "http", "message", "python"] = "json"
    #: Why the client library refuses the call before anything is sent; empty where it sends it.
    refusal: str = ""
    #: Why the request that is sent may differ from this one; with any, the answer is not certain.
    doubts: tuple[str, ...] = ()

    def header(self, name: str) -> str | None:
        """The value of a header, whatever the case of its name."""
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None


class RequestPosition(Struct, frozen=True):
    """The position of a fault in a request."""

    #: JSON path: `$.inputs[0].shape[1]`; empty for what is not in the body.
    path: str = ""
    #: Byte offset in the body; `None` where there is none.
    offset: int | None = None
    #: The name of the wrong input; empty where no input is wrong.
    input: str = ""


NOWHERE = RequestPosition()


class Answer(Struct, frozen=True):
    """The server's answer."""

    #: The name of its status code (status.hpp): `OK`, `INVALID_SHAPE`.
    code: str
    #: The status text, as in `error` of the answer, or as in the gRPC message.
    message: str
    #: The HTTP status; `None` for gRPC.
    http_status: int | None = None
    #: The gRPC code; `None` for REST.
    grpc_code: str | None = None
    #: What the answer is about.
    position: RequestPosition = NOWHERE
    #: Why this answer is not certain: sentences; empty where it is.
    doubts: tuple[str, ...] = ()
    #: Whether the request makes the server reload the model in another shape.
    reloads: bool = False
    #: The whole body of the answer, where the status text is not all of it.
    body: str = ""

    @property
    def succeeds(self) -> bool:
        """Whether the request is answered with a result."""
        return self.code == "OK"


class SentInput(Struct, frozen=True):
    """One input of a request compared with the model: a line of the table."""

    #: The name that was sent or, where nothing was, that the model has.
    name: str
    #: The model's own name of the input; empty where there is none.
    model_name: str
    #: What was sent, `None` where nothing was.
    sent: InferTensor | None
    #: How many values were sent; `None` where that is not known.
    values: int | None
    #: How many bytes were sent as a buffer; `None` where none was.
    size: int | None
    #: What is wrong with it; empty where nothing is.
    verdict: str
