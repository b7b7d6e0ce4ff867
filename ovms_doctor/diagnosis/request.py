"""What a run was asked for: plain data that can be saved beside the facts and read again."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from msgspec import Struct, field, to_builtins

from ovms_doctor.model.container import Container
from ovms_doctor.model.deployment import IMAGE_USER, Host, User
from ovms_doctor.model.environment import Variable
from ovms_doctor.model.json_text import JsonFormatError, convert, map_text
from ovms_doctor.model.mounts import Mount, MountTable, UnavailablePath, engine_order
from ovms_doctor.model.text import escape, unescape

#: Bytes of one version in a store that are downloaded at most, unless more is asked for.
DOWNLOAD_LIMIT = 1 << 30


class Request(Struct, frozen=True, dict=True):
    """``targets`` absolute paths on this host, or places in a store as typed; ``words`` the server's own
    arguments, None where targets are named. Times in seconds. ``host``: what the server's host is, None where that is
    not this one. ``release_from``: where the release was read, empty where the user named it. ``container``: what all
    this was read from. ``untold``: (source, reason, timed out) where it could not be. ``memory`` in bytes.
    ``cache_dir``, ``cpu_extension``, ``target_device``: as the server's own, beside targets. ``download_limit``:
    bytes of one version in a store, 0 for no limit. ``kept_back``: names of variables for stores that this process
    has and the server was not given."""

    targets: tuple[str, ...] = ()
    words: tuple[str, ...] | None = None
    as_: Literal["repository", "model"] | None = None
    release: str | None = None
    user: User = IMAGE_USER
    user_from: str = "as in the image"
    bare_metal: bool = False
    mounts: tuple[Mount, ...] = ()
    policy: str | None = None
    environment: tuple[Variable, ...] = ()
    load: Literal["none", "read", "compile"] = "read"
    working_directory: str = "/"
    timeout: float = 10.0
    host: Host | None = None
    release_from: str = ""
    container: Container | None = None
    #: Server paths whose content is unavailable.
    unavailable_paths: tuple[UnavailablePath, ...] = field(name="unseen", default=())
    untold: tuple[str, str, bool] | None = None
    memory: int | None = None
    cache_dir: str | None = None
    cpu_extension: str | None = None
    target_device: str | None = None
    probe_write: bool = False
    host_proxy: str = ""
    download_limit: int = DOWNLOAD_LIMIT
    kept_back: tuple[str, ...] = ()

    @cached_property
    def mount_table(self) -> MountTable:
        """The mounts as a container engine makes them."""
        return MountTable(engine_order(self.mounts), self.unavailable_paths)

    def as_json(self) -> dict[str, Any]:
        """JSON values that :func:`request_from_json` reads, without secrets."""
        values: dict[str, Any] = to_builtins(self)
        # Facts files of version 1 escape the text of these two here, and all of the document once more.
        for name in _ESCAPED:
            values[name] = map_text(values[name], escape)
        return values


#: Members whose text is escaped by itself.
_ESCAPED = ("container", "environment")


def request_from_json(data: dict[str, Any]) -> Request:
    """A request as ``as_json`` gave it, after a round trip; ValueError where it is none."""
    unescaped = {name: map_text(data[name], unescape) for name in _ESCAPED if name in data}
    try:
        return convert({**data, **unescaped}, Request)
    except JsonFormatError as error:
        raise ValueError(f"not a request: {error}") from None
