"""The object ``request`` of the JSON report as types: a client's request, and the server's answer."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct, field

Size: TypeAlias = Annotated[int, Meta(ge=0)]


class SentTensor(Struct, frozen=True):
    """The data that a request sends for an input.

    * ``datatype``: the datatype as sent; for TensorFlow Serving, the server's name of it.
    * ``shape``: the shape as sent.
    * ``values``: the number of values in the message itself; null if they are in a buffer.
    * ``bytes``: the size of the buffer; null if there is none.
    """

    datatype: str
    shape: tuple[int, ...]
    values: Size | None
    bytes: Size | None


class WantedTensor(Struct, frozen=True):
    """The properties that the model requires of an input.

    * ``datatype``: the KServe datatype.
    * ``shape``: the shape as the server writes it: -1 for any size, [1~8] for a range.
    * ``layout``: the layout of the data that clients send.
    """

    datatype: str
    shape: str
    layout: str


class InputComparison(Struct, frozen=True):
    """One input of the request compared with the model.

    * ``name``: the name as sent, or the model's name of an input that is missing.
    * ``model_name``: the name inside the model; null if the model has no such input.
    * ``sent``: the sent data; null for a missing input.
    * ``wanted``: the required data; null for an input that the model does not have.
    * ``verdict``: ok, or the difference.
    """

    name: str
    model_name: str | None
    sent: SentTensor | None
    expected: WantedTensor | None = field(name="wanted")
    verdict: str


class RequestDifference(Struct, frozen=True):
    """The first part of the request that the server does not accept.

    * ``path``: JSON path; null if it is not in the body.
    * ``offset``: byte offset in the body; null if unknown.
    * ``input``: the wrong input; null if the fault is not in an input.
    """

    path: str | None
    offset: Size | None
    input: str | None


class AnswerInfo(Struct, frozen=True):
    """An answer of the server.

    * ``http_status``: the HTTP status; null over gRPC.
    * ``grpc_code``: the gRPC code; null over REST.
    * ``code``: the name of the server's status code.
    * ``message``: the text of the answer.
    """

    http_status: int | None
    grpc_code: str | None
    code: str
    message: str


class ServerChangeInfo(Struct, frozen=True):
    """A change of the server with which the server accepts the request.

    * ``text``: the change, in a sentence.
    * ``option``: the option of the command line; null if none is needed.
    * ``config``: the key in config.json; null if none is needed.
    * ``mapping``: the content of mapping_config.json; null if none is needed.
    """

    text: str
    option: str | None
    config: str | None
    mapping: str | None


class RequestInfo(Struct, frozen=True):
    """A client's request, or only its error text, and the server's answer.

    * ``api``: the API; null for an error text.
    * ``interface``: REST or gRPC; null for an error text.
    * ``method``: the HTTP method; null if there is none.
    * ``path``: the path of the URL, or the gRPC method; null for an error text.
    * ``address``: host and port as written in the request; null if it contains none.
    * ``servable``: the model, pipeline or graph that the request names; null if it names none.
    * ``version``: the version that it reaches or names; null if there is none.
    * ``http_status``: the HTTP status of the answer; null over gRPC.
    * ``grpc_code``: the gRPC code of the answer; null over REST.
    * ``code``: the name of the server's status code, OK for a result; null if unknown.
    * ``message``: the exact text of the answer; null if unknown.
    * ``reloads``: whether the request makes the server load the model in another shape.
    * ``doubts``: why the answer is uncertain, in sentences.
    * ``inputs``: each input compared with the model.
    * ``first_difference``: where the request first differs; null if it does not, or if that is unknown.
    * ``behind``: the server's answer after each step to the corrected request.
    * ``steps``: the changes of the request, in order.
    * ``corrected``: the request as text with all steps done, which is answered with a result; null if there is none
      or its body is not text.
    * ``server_changes``: the changes of the server that make the request valid instead.
    * ``served``: the names of the servables.
    * ``notes``: remarks on how the request was understood.
    * ``parts``: the parts of an error text: expected, actual, input, error, offset.
    * ``release``: the release whose rules were used.
    * ``release_from``: the source of the release.
    """

    api: Literal["KServe", "TFS", "OpenAI", "other"] | None
    interface: Literal["REST", "gRPC"] | None
    method: str | None
    path: str | None
    address: str | None
    servable: str | None
    version: int | None
    http_status: int | None
    grpc_code: str | None
    code: str | None
    message: str | None
    reloads: bool
    doubts: tuple[str, ...]
    inputs: tuple[InputComparison, ...]
    first_difference: RequestDifference | None
    behind: tuple[AnswerInfo, ...]
    steps: tuple[str, ...]
    corrected: str | None
    server_changes: tuple[ServerChangeInfo, ...]
    served: tuple[str, ...]
    notes: tuple[str, ...]
    parts: dict[str, str]
    release: str
    release_from: str
