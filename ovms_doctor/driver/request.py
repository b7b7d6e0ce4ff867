"""What a run was asked for: plain data that can be saved beside the facts and read again."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from ovms_doctor.deployment.environment import Variable
from ovms_doctor.deployment.host import host_from_json
from ovms_doctor.deployment.model import IMAGE_USER, HostSeen, Mount, User


@dataclass(frozen=True, slots=True)
class Request:
    """``targets`` absolute paths on this host; ``words`` the server's own arguments, None where targets are
    named. Times in seconds. ``host``: what the server's host is, None where that is not this one."""

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
    host: HostSeen | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def request_from_json(data: dict[str, Any]) -> Request:
    """A request as ``as_json`` gave it, after a round trip; ValueError where it is none."""
    try:
        known = {field.name for field in fields(Request)}
        values = {name: value for name, value in data.items() if name in known}
        user = values.get("user", {})
        request = Request(**{**values, "user": IMAGE_USER, "mounts": (), "environment": (), "host": None})
        return replace(
            request,
            targets=tuple(str(item) for item in request.targets),
            words=None if request.words is None else tuple(str(item) for item in request.words),
            user=User(int(user["uid"]), int(user["gid"]), tuple(int(gid) for gid in user["groups"])),
            mounts=tuple(Mount(**mount) for mount in values.get("mounts", ())),
            environment=tuple(Variable(**item) for item in values.get("environment", ())),
            host=host_from_json(values.get("host")),
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not a request: {error}") from None
