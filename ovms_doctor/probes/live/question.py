"""The question for the child process that queries a running server."""

from __future__ import annotations

from msgspec import Struct

from ovms_doctor.model.live import Address, QuerySettings


class LiveQuestion(Struct, frozen=True):
    """The question for a probe."""

    #: The server.
    address: Address
    #: How it is queried.
    settings: QuerySettings
    #: Seconds for everything.
    budget: float = 30.0
    #: The most queries while a servable is neither AVAILABLE nor known to fail.
    looks: int = 4
    #: The variable with the proxy to compare; empty for none.
    proxy_variable: str = ""
    #: Seconds for one request for inference.
    infer_timeout: float = 60.0
