"""Paths of this host where the server's are meant: what to say, and what to do."""

from __future__ import annotations

import posixpath
from difflib import SequenceMatcher

from msgspec import Struct

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.findings import Confidence, Evidence, Step
from ovms_doctor.model.mounts import Mount
from ovms_doctor.model.plan_problems import OutsideMounts

#: How much of two names is to be the same for one to be taken for the other, of 1.
_ALIKE = 0.75


class UnmountedPathAdvice(Struct, frozen=True):
    """What a finding on a path outside of every mount says in place of its usual words."""

    message: str
    evidence: tuple[Evidence, ...]
    confidence: Confidence
    steps: tuple[Step, ...]
    remedy: str


def words_for(
    context: Context, path: str, what: str, *, directory: bool = True
) -> UnmountedPathAdvice | None:
    """None where ``path``, as the server was given it, is not one that it misses for want of a mount. ``what``
    it is to be (``a model's base path``); ``directory``: else a file."""
    outside = next((item for item in context.plan.outside if item.path == path), None)
    if outside is None:
        return None
    inside = None
    if outside.here and context.deployment.mounts:
        host = posixpath.normpath(context.absolute(path))
        inside = context.deployment.mount_table.to_server(host)
    container = context.deployment.container
    looked_into = container is not None and any(
        container.holds(mount.host) for mount in context.deployment.mounts
    )
    shown = ", ".join(f"{mount.host} as {mount.server}" for mount in _bound(context)) or "nothing"
    if inside is not None:
        message = (
            f"{path} exists on this host, but the server sees it as {inside}: under {path} it finds nothing"
        )
    elif outside.here:
        message = f"{path} exists on this host, but the server sees only what is mounted: {shown}"
    else:
        message = f"The server sees nothing at {path}: no mount covers it ({shown})"
    unsure = "" if outside.sure else "; an image of one's own may have it"
    where = "it exists" if outside.here else "nothing there that can be seen"
    evidence = (
        Evidence(f"{path} on this host: {where}", "stat on this host, with this program's rights"),
        Evidence(f"{path}: under no mount, and not in the container's own files", "stat as the server's user")
        if looked_into
        else Evidence(
            f"{path}: under no mount, and not in OVMS's images{unsure}", "the mounts of the deployment"
        ),
    )
    return UnmountedPathAdvice(
        message,
        evidence,
        "high" if outside.sure and context.deployment.release.recorded else "medium",
        _steps(context, outside, inside, what, directory=directory),
        f"Name {inside}, which is where the server sees it."
        if inside
        else "Mount it, or name what is mounted.",
    )


def _bound(context: Context) -> list[Mount]:
    """The mounts but for the container's own files."""
    container = context.deployment.container
    return [
        mount for mount in context.deployment.mounts if container is None or not container.holds(mount.host)
    ]


def similar_path(context: Context, path: str) -> tuple[str, str] | None:
    """``path`` with the name of a mount in place of one that is nearly the same (``/model/m`` where ``/models`` is
    mounted), and that mount's place; None where there is none."""
    names = path.strip("/").split("/")
    best = None
    for mount in _bound(context):
        place = mount.server.strip("/")
        count = place.count("/") + 1
        said = "/".join(names[:count])
        alike = SequenceMatcher(None, said, place).ratio() if place and said != place else 0
        if alike >= _ALIKE and (best is None or alike > best[0]):
            best = (alike, posixpath.join("/", place, *names[count:]), f"/{place}")
    return None if best is None else best[1:]


def _steps(
    context: Context, outside: OutsideMounts, inside: str | None, what: str, *, directory: bool
) -> tuple[Step, ...]:
    if inside is not None:
        return (Step(f"Write {inside} for {what}."),)
    if not outside.here:
        meant = similar_path(context, context.absolute(outside.path))
        hint = () if meant is None else (Step(f"Did you mean {meant[0]}? What is mounted is {meant[1]}."),)
        return hint + tuple(
            Step("See what is mounted.", f"ls -la {quote(mount.host)}", "host", "reads")
            for mount in _bound(context)[:1]
        )
    # A file is mounted with its directory: what it names beside itself is seen then too.
    mounted = outside.path if directory else posixpath.dirname(outside.path)
    return (
        Step(
            f"Mount {mounted} where {what} says it is.",
            f"docker run -v {quote(f'{mounted}:{mounted}:ro')} …",
            "docker run",
            "restarts the server",
        ),
    )
