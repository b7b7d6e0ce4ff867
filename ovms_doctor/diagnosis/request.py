"""What a run was asked for: plain data that can be saved beside the facts and read again."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from msgspec import Struct, field, to_builtins
from msgspec.structs import fields, replace

from ovms_doctor.inputs.host import host_from_json
from ovms_doctor.model.container import Container
from ovms_doctor.model.deployment import IMAGE_USER, Host, User
from ovms_doctor.model.environment import Variable
from ovms_doctor.model.facts.codec import FactFormatError, decode_data, encode_data
from ovms_doctor.model.mounts import Mount, MountTable, UnavailablePath, engine_order

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
        container = None if self.container is None else encode_data(self.container)
        environment = [encode_data(item) for item in self.environment]
        plain: dict[str, Any] = to_builtins(replace(self, container=None, environment=()))
        return {**plain, "container": container, "environment": environment}


def request_from_json(data: dict[str, Any]) -> Request:
    """A request as ``as_json`` gave it, after a round trip; ValueError where it is none."""
    try:
        known = {item.name for item in fields(Request)}
        values = {name: value for name, value in data.items() if name in known}
        unavailable = tuple(UnavailablePath(**item) for item in data.get("unseen", ()))
        user = values.get("user", {})
        container, untold = values.get("container"), values.get("untold")
        plain = {"user": IMAGE_USER, "mounts": (), "environment": (), "host": None, "container": None}
        request = Request(**{**values, **plain, "untold": None})
        return replace(
            request,
            targets=tuple(str(item) for item in request.targets),
            words=None if request.words is None else tuple(str(item) for item in request.words),
            user=User(int(user["uid"]), int(user["gid"]), tuple(int(gid) for gid in user["groups"])),
            mounts=tuple(Mount(**mount) for mount in values.get("mounts", ())),
            environment=tuple(decode_data(Variable, item) for item in values.get("environment", ())),
            host=host_from_json(values.get("host")),
            container=None if container is None else decode_data(Container, container),
            kept_back=tuple(str(item) for item in request.kept_back),
            download_limit=int(request.download_limit),
            unavailable_paths=unavailable,
            untold=None if untold is None else (str(untold[0]), str(untold[1]), bool(untold[2])),
        )
    except (TypeError, KeyError, IndexError, AttributeError, FactFormatError) as error:
        raise ValueError(f"not a request: {error}") from None
