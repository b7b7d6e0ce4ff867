"""The question for the child process that queries a running server."""

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
    #: The name of a model to query by itself; None for none.
    model: str | None = None
    #: Seconds for one request.
    timeout: float = 5.0
    #: Seconds for everything.
    budget: float = 30.0
    #: Seconds between queries.
    interval: float = 1.0
    #: The most queries while a servable is neither AVAILABLE nor known to fail.
    looks: int = 4
    #: The least number of queries, for rates.
    least_queries: int = 1
    #: A file with trusted certificates; None for the system's.
    ca: str | None = None
    #: Whether the certificate is left unchecked.
    insecure: bool = False
    #: The text of the header Authorization; empty for none.
    authorization: str = ""
    #: The variable with the proxy to compare; empty for none.
    proxy_variable: str = ""
    #: Whether a request for inference is sent to the model, or to each servable that is AVAILABLE.
    infer: bool = False
    #: Seconds for one request for inference.
    infer_timeout: float = 60.0
