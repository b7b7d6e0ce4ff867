"""The object ``request`` of the JSON report as types: a client's request, and what the server answers."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct, field

Size: TypeAlias = Annotated[int, Meta(ge=0)]


class SentTensor(Struct, frozen=True):
    """What a request sends for an input.

    * ``datatype``: the datatype as sent; in the server's words for TensorFlow Serving.
    * ``shape``: the shape as sent.
    * ``values``: how many values the message itself carries; null where they are in a buffer.
    * ``bytes``: the size of the buffer; null where there is none.
    """

    datatype: str
    shape: tuple[int, ...]
    values: Size | None
    bytes: Size | None


class WantedTensor(Struct, frozen=True):
    """What the model wants of an input.

    * ``datatype``: the KServe datatype.
    * ``shape``: the shape as the server writes it: -1 for any size, [1~8] for a range.
    * ``layout``: the layout of what clients send.
    """

    datatype: str
    shape: str
    layout: str


class InputComparison(Struct, frozen=True):
    """One input of the request compared with the model.

    * ``name``: the name as sent, or the model's name of an input that is missing.
    * ``model_name``: the name inside the model; null where the model has no such input.
    * ``sent``: what was sent; null for an input that is missing.
    * ``wanted``: what the model wants; null for an input that it does not have.
    * ``verdict``: ok, or what is wrong.
    """

    name: str
    model_name: str | None
    sent: SentTensor | None
    expected: WantedTensor | None = field(name="wanted")
    verdict: str


class RequestDifference(Struct, frozen=True):
    """Where the request first differs from what the server takes.

    * ``path``: JSON path; null where it is not in the body.
    * ``offset``: byte offset in the body; null where it is not known.
    * ``input``: the input that is at fault; null where it is none.
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
    """A change of the server with which the request is answered.

    * ``text``: what to change, in a sentence.
    * ``option``: the option of the command line; null where none is needed.
    * ``config``: the key in config.json; null where none is needed.
    * ``mapping``: the content of mapping_config.json; null where none is needed.
    """

    text: str
    option: str | None
    config: str | None
    mapping: str | None


class RequestInfo(Struct, frozen=True):
    """A client's request, or only its error text, and what the server answers.

    * ``api``: the API; null for an error text.
    * ``interface``: REST or gRPC; null for an error text.
    * ``method``: the HTTP method; null where there is none.
    * ``path``: the path of the URL, or the gRPC method; null for an error text.
    * ``address``: host and port as written in the request; null where none are.
    * ``servable``: the model, pipeline or graph that the request names; null where it names none.
    * ``version``: the version that it reaches or names; null where there is none.
    * ``http_status``: the HTTP status of the answer; null over gRPC.
    * ``grpc_code``: the gRPC code of the answer; null over REST.
    * ``code``: the name of the server's status code, OK for a result; null where it is not known.
    * ``message``: the text of the answer, word for word; null where it is not known.
    * ``reloads``: whether the request makes the server load the model in another shape.
    * ``doubts``: why the answer is not certain, in sentences.
    * ``inputs``: each input compared with the model.
    * ``first_difference``: where the request first differs; null where it does not, or that is not known.
    * ``behind``: what the server answers after each step to the corrected request.
    * ``steps``: what to change in the request, in order.
    * ``corrected``: the request as text with all steps done, which is answered with a result; null where there is none
      or its body is no text.
    * ``server_changes``: what to change on the server instead.
    * ``served``: the names that are served.
    * ``notes``: remarks on how the request was understood.
    * ``parts``: what an error text says: expected, actual, input, error, offset.
    * ``release``: the release whose rules were used.
    * ``release_from``: where the release was read.
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
