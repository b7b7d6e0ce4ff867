"""The options of ``status``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from ovms_doctor.model import option_values
from ovms_doctor.model.option import Option

_COMMANDS = ("status",)


class StatusOptions(Struct, frozen=True):
    """The options on a running server."""

    #: The address of the server.
    server: Annotated[
        str | None,
        Option(
            (),
            "The server: http://HOST:PORT, HOST:PORT, HOST; grpc:// for gRPC.",
            "URL",
            option_values.server_address,
            commands=_COMMANDS,
        ),
    ] = None
    #: The container whose server is queried.
    container: Annotated[
        str | None,
        Option(
            ("--container",),
            "The server in this running container, at its published or its own address.",
            "NAME",
            commands=_COMMANDS,
        ),
    ] = None
    #: Whether the server is queried over gRPC.
    grpc: Annotated[bool, Option(("--grpc",), "The port is the gRPC port.", commands=_COMMANDS)] = False
    #: The only model to query.
    model: Annotated[
        str | None,
        Option(("--model",), "Report whether this servable is served.", "NAME", commands=_COMMANDS),
    ] = None
    #: Seconds to wait until everything is AVAILABLE.
    wait: Annotated[
        str | None,
        Option(
            ("--wait",),
            "Time limit for waiting until everything is AVAILABLE. [0]",
            "SECONDS",
            commands=_COMMANDS,
        ),
    ] = None
    #: Seconds between two queries.
    interval: Annotated[
        str | None,
        Option(
            ("--interval",),
            "Time between two queries; if set, also the time over which request rates are measured. [1]",
            "SECONDS",
            commands=_COMMANDS,
        ),
    ] = None
    #: Whether the server is queried until an interruption.
    watch: Annotated[
        bool,
        Option(
            ("--watch",),
            "Query the server repeatedly until Ctrl-C, and show what changes.",
            commands=_COMMANDS,
        ),
    ] = False
    #: Whether a request for inference is sent.
    probe: Annotated[
        bool,
        Option(
            ("--probe",),
            "Send one inference request, with zeros or for one token, to --model or to each servable.",
            commands=_COMMANDS,
        ),
    ] = False
    #: Seconds for one request.
    timeout: Annotated[
        str | None, Option(("--timeout",), "Time limit for one request. [5]", "SECONDS", commands=_COMMANDS)
    ] = None
    #: A file with certificates that are trusted.
    ca: Annotated[
        str | None, Option(("--ca",), "Trusted certificates, in PEM format.", "FILE", commands=_COMMANDS)
    ] = None
    #: Whether the server's certificate is not checked.
    insecure: Annotated[
        bool, Option(("--insecure",), "Do not verify the server's certificate.", commands=_COMMANDS)
    ] = False
    #: A file with the API key.
    api_key_file: Annotated[
        str | None,
        Option(
            ("--api-key-file",),
            "A file; its first line is sent as bearer token.",
            "FILE",
            commands=_COMMANDS,
        ),
    ] = None
