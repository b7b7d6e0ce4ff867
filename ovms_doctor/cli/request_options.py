"""The options of ``request`` that ``check`` does not have."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct

from ovms_doctor.model import option_values
from ovms_doctor.model.option import Option


class RequestOptions(Struct, frozen=True):
    """The options on a client's request."""

    #: The file with the request, ``-`` for standard input; None if only an error text is passed.
    source: Annotated[
        str | None,
        Option(
            (),
            "The request: a JSON body, a command line, raw HTTP, a protobuf message or Python; - for standard input.",
            "FILE|-",
        ),
    ] = None
    #: The targets that are served.
    models: Annotated[
        tuple[str, ...], Option(("--model",), "The served models, as a TARGET of check.", "TARGET")
    ] = ()
    #: Address of a running server whose metadata are requested.
    url: Annotated[
        str | None,
        Option(
            ("--url",),
            "A running server; only its metadata is requested.",
            "URL",
            option_values.server_address,
        ),
    ] = None
    #: A file with metadata.
    metadata: Annotated[str | None, Option(("--metadata",), "A saved answer of /v2/models/NAME.", "FILE")] = (
        None
    )
    #: The path of the URL.
    path: Annotated[str | None, Option(("--path",), "The path to which the client sends a body.", "PATH")] = (
        None
    )
    #: The API of a body.
    api: Annotated[Literal["kserve", "tfs", "openai"] | None, Option(("--api",), "The API of a body.")] = None
    #: A client's error text.
    error: Annotated[
        str | None, Option(("--error",), "The error text of the client, without a request.", "TEXT")
    ] = None
    #: Whether the server was built without MediaPipe.
    without_mediapipe: Annotated[
        bool, Option(("--without-mediapipe",), "The server was built without MediaPipe.")
    ] = False
