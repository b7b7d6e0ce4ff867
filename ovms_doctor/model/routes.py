"""The way that each storage client of the server takes: direct or through a proxy."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Client: TypeAlias = Literal["s3", "gcs", "azure", "hf-clone", "hf-files"]


#: ``direct``: no proxy is set; ``proxy``: through it; ``ends``: the server ends over the value; ``unread``: the value
#: cannot be read and the client goes direct; ``exempt``: no_proxy names the host.
Way: TypeAlias = Literal["direct", "proxy", "ends", "unread", "exempt"]


class Route(Struct, frozen=True):
    """How a client reaches its storage."""

    #: Directly or through a proxy.
    way: Way
    #: The variable that decides; empty where none does.
    variable: str = ""


class Exemption(Struct, frozen=True):
    """A host that is listed as one to reach without a proxy."""

    #: The variable that lists it; empty where none does.
    variable: str = ""
    #: The host that the client sends its requests to.
    host: str = ""
    #: The entry for it, as written.
    entry: str = ""
    #: Whether the client reads the list, and understands the entry.
    honoured: bool = False


NO_EXEMPTION = Exemption()


class StorageRoute(Struct, frozen=True):
    """A client that models need, and its route."""

    #: The client.
    client: Client
    #: The models' names; none for what is pulled.
    models: tuple[str, ...]
    #: Its route.
    route: Route
    #: The entry of no_proxy for the host; only for S3.
    exemption: Exemption = NO_EXEMPTION
