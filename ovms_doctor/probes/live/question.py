"""What the child process that looks at a running server is sent."""

from __future__ import annotations

from msgspec import Struct


class LiveQuestion(Struct, frozen=True):
    """The question for a probe."""

    #: The name or IP address.
    host: str
    #: The port.
    port: int
    #: Whether TLS is requested.
    tls: bool = False
    #: Whether gRPC is requested.
    grpc: bool = False
    #: The name of a model that is looked at by itself; None for none.
    model: str | None = None
    #: Seconds for one request.
    timeout: float = 5.0
    #: Seconds for everything.
    budget: float = 30.0
    #: Seconds between looks.
    interval: float = 1.0
    #: The most looks while a servable is neither AVAILABLE nor known to fail.
    looks: int = 4
    #: The least looks, for rates.
    least_looks: int = 1
    #: A file with certificates that are trusted; None for the system's.
    ca: str | None = None
    #: Whether the certificate is left unchecked.
    insecure: bool = False
    #: The text of the header Authorization; empty for none.
    authorization: str = ""
    #: The variable that names the proxy to compare with; empty for none.
    proxy_variable: str = ""
    #: Whether a request for inference is sent to the model, or to each servable that is AVAILABLE.
    infer: bool = False
    #: Seconds for one request for inference.
    infer_timeout: float = 60.0
