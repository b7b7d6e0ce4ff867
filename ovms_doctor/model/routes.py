"""The route of each storage client of the server: direct or through a proxy."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Client: TypeAlias = Literal["s3", "gcs", "azure", "hf-clone", "hf-files"]


#: ``direct``: no proxy is set; ``proxy``: through it; ``ends``: the server ends because of the value; ``unread``: the
#: value cannot be read and the client connects directly; ``exempt``: no_proxy names the host.
RouteKind: TypeAlias = Literal["direct", "proxy", "ends", "unread", "exempt"]


class Route(Struct, frozen=True):
    """How a client reaches its storage."""

    #: Directly or through a proxy.
    kind: RouteKind
    #: The variable that decides; empty if none does.
    variable: str = ""


class Exemption(Struct, frozen=True):
    """A host in a list of hosts to reach without a proxy."""

    #: The variable with the list; empty for none.
    variable: str = ""
    #: The host of the client's requests.
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
    #: The models' names; empty for a pull.
    models: tuple[str, ...]
    #: Its route.
    route: Route
    #: The entry of no_proxy for the host; only for S3.
    exemption: Exemption = NO_EXEMPTION
