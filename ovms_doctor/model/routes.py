"""The way that each storage client of the server takes: direct or through a proxy."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Client: TypeAlias = Literal["s3", "gcs", "azure", "hf-clone", "hf-files"]


#: ``direct``: no proxy is set; ``proxy``: through it; ``ends``: the server ends over the value; ``unread``: the value
#: cannot be read and the client goes direct; ``exempt``: no_proxy names the host.
Way: TypeAlias = Literal["direct", "proxy", "ends", "unread", "exempt"]


class Route(Struct, frozen=True):
    """The way a client takes; ``variable``: the one that decides, empty where none does."""

    way: Way
    variable: str = ""


class StorageRoute(Struct, frozen=True):
    """A client that these models need, and the way it takes. ``models``: their names, none for what is pulled.
    ``exempt``: the variable that names the endpoint as one to reach without a proxy, though it is not asked."""

    client: Client
    models: tuple[str, ...]
    route: Route
    exempt: str = ""
