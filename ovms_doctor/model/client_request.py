"""A client's request, and the server's answer to it."""

from __future__ import annotations

import json
from typing import Literal, TypeAlias

from msgspec import Struct

Api: TypeAlias = Literal["KServe", "TFS", "OpenAI", "other"]
Interface: TypeAlias = Literal["REST", "gRPC"]
#: The text in place of a value that is only known when a snippet runs.
NOT_KNOWN = "<not known>"


class TensorContents(Struct, frozen=True):
    """The values of one tensor in a message's own fields."""

    #: The number of values in each field that is not empty.
    counts: tuple[tuple[str, int], ...] = ()
    #: The elements of `bytes_contents` or `string_val`.
    strings: tuple[bytes, ...] = ()

    def count(self, field: str) -> int:
        """Returns the number of values of a field."""
        return dict(self.counts).get(field, 0)


NO_CONTENTS = TensorContents()


class InferTensor(Struct, frozen=True):
    """One input of a ModelInferRequest or PredictRequest."""

    #: The name, as the server compares it.
    name: str
    #: The datatype (KServe) or dtype (TFS, with the server's name) as sent.
    datatype: str
    #: The shape as sent.
    shape: tuple[int, ...]
    #: The values in the message itself; `None` if the field is not set at all.
    contents: TensorContents | None = None
    #: The parameters: (name, value).
    parameters: tuple[tuple[str, str | bool | int], ...] = ()
    #: Bytes of `tensor_content` (TFS).
    content_size: int = 0
    #: Its position in the request, as a JSON path.
    path: str = ""
    #: Offset of its first byte in the body; `None` without a body.
    offset: int | None = None

    @property
    def values(self) -> int | None:
        """Returns the number of values in the message itself."""
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
    """One request: an HTTP request, or a message of a gRPC client."""

    #: Its API.
    api: Api
    #: The interface for which it is sent.
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
    #: Its target host and port, as written; empty without a target.
    address: str = ""
    #: Notes for the report on how the request was read.
    notes: tuple[str, ...] = ()
    #: Its original form.
    form: Literal["json", "curl", "http", "message", "python"] = "json"
    #: Why the client library refuses the call before it sends anything; empty if it sends it.
    refusal: str = ""
    #: Why the sent request may differ from this one; with any doubt, the answer is not certain.
    doubts: tuple[str, ...] = ()

    @property
    def has_input(self) -> bool:
        """Returns whether it sends an input: a body, or the message of an inference."""
        if self.interface == "gRPC" and not self.refusal:
            return not self.path or self.path.endswith(("/ModelInfer", "/Predict"))
        return self.method in ("POST", "")

    def header(self, name: str) -> str | None:
        """Returns the value of a header, independent of the case of its name."""
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None


class RequestPosition(Struct, frozen=True):
    """The position of a fault in a request."""

    #: JSON path: `$.inputs[0].shape[1]`; empty for a fault outside the body.
    path: str = ""
    #: Byte offset in the body; `None` if there is none.
    offset: int | None = None
    #: The name of the wrong input; empty if no input is wrong.
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
    #: The position of the fault.
    position: RequestPosition = NOWHERE
    #: Why this answer is not certain: sentences; empty if it is certain.
    doubts: tuple[str, ...] = ()
    #: Whether the request makes the server reload the model in another shape.
    reloads: bool = False
    #: The whole body of the answer, if it has more than the status text.
    body: str = ""

    @property
    def succeeds(self) -> bool:
        """Whether the answer is a result."""
        return self.code == "OK"

    @property
    def error(self) -> str:
        """Returns the text that the client gets: that of a body of its own, else the status text."""
        document = json.loads(self.body) if self.body.startswith("{") else {}
        return str(document.get("error", self.message))


class SentInput(Struct, frozen=True):
    """One input of a request compared with the model: a line of the table."""

    #: The sent name, or the model's name if nothing was sent.
    name: str
    #: The model's own name of the input; empty if there is none.
    model_name: str
    #: The sent input, `None` if nothing was sent.
    sent: InferTensor | None
    #: The number of sent values; `None` if it is unknown.
    values: int | None
    #: The number of bytes sent as a buffer; `None` without a buffer.
    size: int | None
    #: Its fault; empty if it has none.
    verdict: str
