"""Paths that no mount covers, often paths of this host instead of the server's: message, evidence and steps."""

from __future__ import annotations

import posixpath

from msgspec import Struct

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.findings import Confidence, Evidence, Step
from ovms_doctor.model.mounts import Mount
from ovms_doctor.model.plan_problems import OutsideMounts

#: The least similarity of two names, from 0 to 1, for a suggestion.
_SIMILAR = 0.75


class UnmountedPathAdvice(Struct, frozen=True):
    """The text of a finding on a path that no mount covers."""

    #: The message, or its end.
    message: str
    #: The evidence of the finding.
    evidence: tuple[Evidence, ...]
    #: The confidence of the finding.
    confidence: Confidence
    #: The steps of the remedy.
    steps: tuple[Step, ...]
    #: Replaces the remedy of the code.
    remedy: str


def advice_for(
    context: Context, path: str, subject: str, *, directory: bool = True, nearest: str | None = None
) -> UnmountedPathAdvice | None:
    """Returns the advice on ``path`` as it is configured; None if a mount covers it or the server finds it.

    ``subject``: what the path is (``the model's base path``); ``directory``: whether it is a directory, not a file;
    ``nearest``: the path that exists for the server in its place; for a version directory, the model's directory.
    """
    outside = next((item for item in context.plan.outside if item.path == path), None)
    if outside is None:
        return None
    inside = None
    if outside.on_this_host and context.deployment.mounts:
        host = posixpath.normpath(context.absolute(path))
        inside = context.deployment.mount_table.to_server(host)
    container = context.deployment.container
    files_known = container is not None and any(
        container.holds(mount.host) for mount in context.deployment.mounts
    )
    mount_list = ", ".join(f"{mount.host} at {mount.server}" for mount in _bound(context)) or "nothing"
    if inside is not None:
        message = f"{path} is a path of this host, which is mounted at {inside}: for the server, {path} does not exist"
    elif outside.on_this_host:
        message = f"{path} exists on this host, but no mount covers it (mounted: {mount_list})"
    else:
        message = f"{path} does not exist for the server: no mount covers it (mounted: {mount_list})"
    if inside is not None and posixpath.dirname(inside.rstrip("/")) == nearest:
        # The path is that of a version directory: the server needs its model's.
        inside = nearest
    unsure = "" if outside.certain else "; the image may contain it"
    state = "exists" if outside.on_this_host else "does not exist, or cannot be accessed"
    evidence = (
        Evidence(f"{path} on this host: {state}", "stat on this host, with this program's rights"),
        Evidence(
            f"{path}: not covered by a mount, and not among the container's own files",
            "stat as the server's user",
        )
        if files_known
        else Evidence(
            f"{path}: not covered by a mount, and not in the images of OVMS{unsure}",
            "the mounts of the deployment",
        ),
    )
    return UnmountedPathAdvice(
        message,
        evidence,
        "high" if outside.certain and context.deployment.release.recorded else "medium",
        _steps(context, outside, inside, subject, directory=directory),
        f"Use {inside}, the path inside the container."
        if inside
        else "Mount it, or use a path that is mounted.",
    )


def _bound(context: Context) -> list[Mount]:
    """Returns the mounts, without the container's own files."""
    container = context.deployment.container
    return [
        mount for mount in context.deployment.mounts if container is None or not container.holds(mount.host)
    ]


def similar_path(context: Context, path: str) -> tuple[str, str] | None:
    """Returns ``path`` with the path of a mount instead of a similar one, and the path of that mount; None if there is
    none.

    ``/models/m`` and ``/models`` for ``/model/m``, if ``/models`` is mounted.
    """
    from difflib import SequenceMatcher

    names = path.strip("/").split("/")
    best = None
    for mount in _bound(context):
        mounted = mount.server.strip("/")
        count = mounted.count("/") + 1
        prefix = "/".join(names[:count])
        ratio = SequenceMatcher(None, prefix, mounted).ratio() if mounted and prefix != mounted else 0
        if ratio >= _SIMILAR and (best is None or ratio > best[0]):
            best = (ratio, posixpath.join("/", mounted, *names[count:]), f"/{mounted}")
    return None if best is None else best[1:]


def _steps(
    context: Context, outside: OutsideMounts, inside: str | None, subject: str, *, directory: bool
) -> tuple[Step, ...]:
    if inside is not None:
        return (Step(f"Use {inside} for {subject}."),)
    if not outside.on_this_host:
        similar = similar_path(context, context.absolute(outside.path))
        hint = () if similar is None else (Step(f"Did you mean {similar[0]}? {similar[1]} is mounted."),)
        return hint + tuple(
            Step("List what is mounted.", f"ls -la {quote(mount.host)}", "host", "reads")
            for mount in _bound(context)[:1]
        )
    # A file is mounted with its directory, which contains the files that it refers to.
    mounted = outside.path if directory else posixpath.dirname(outside.path)
    return (
        Step(
            f"Mount {mounted} at the path of {subject}.",
            f"docker run -v {quote(f'{mounted}:{mounted}:ro')} …",
            "docker run",
            "restarts the server",
        ),
    )
