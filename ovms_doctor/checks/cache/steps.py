"""The steps of the remedies for the cache directory, with the real paths and ids."""

from __future__ import annotations

import errno
import os

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.cache_plan import CachePlan
from ovms_doctor.model.facts import Denial, Writability
from ovms_doctor.model.findings import Step, StepLocation
from ovms_doctor.model.host import User

#: The location of a container's configuration, by the source of the deployment.
_CONFIGURED_IN: dict[str, StepLocation] = {"compose": "compose", "kubernetes": "kubernetes"}
_NEW_DIRECTORY = "/srv/cache"
#: Directories of the system, in addition to those directly below the root.
_SHARED = frozenset({"/usr/local", "/usr/share", "/var/cache", "/var/lib", "/var/tmp", "/var/log"})  # noqa: S108


def owner_steps(context: Context, cache: CachePlan, *, create: bool) -> tuple[Step, ...]:
    """Returns the steps that make the server's user the owner of the directory, or run the server as its owner.
    ``create``: whether the directory is missing."""
    user, rights = context.deployment.user, cache.rights
    on_host = context.on_host(cache.absolute_path) and cache.kept is not False
    host = quote(context.host(cache.absolute_path)) if on_host else ""
    if rights is not None and rights.kind != "directory":
        command = f"ls -l {host}" if host else None
        return (Step("Name a directory, or move the file away and create one.", command, "host", "reads"),)
    if rights is not None and rights.read_only:
        step = _writable(context, cache, host)
        if not host or create or _grants(user, rights):
            return (step,)
        return (step, _chown(context, cache, "Make the server's user the owner of it too, with all blobs."))
    steps = []
    if cache.kept is False:
        command = f"install -d -o {user.uid} -g {user.gid} -m 0750 {_NEW_DIRECTORY}"
        steps += [
            Step("Create a directory on the host for the server's user.", command, "host", "needs root"),
            mount_step(context, cache, "Mount it."),
        ]
    elif on_host:
        command = f"install -d -o {user.uid} -g {user.gid} -m 0750 {host}"
        steps += _move_away(context, cache)
        steps.append(
            Step("Create it for the server's user.", command, "host", "needs root")
            if create
            else _chown(context, cache, "Make the server's user the owner of it, with all blobs.")
        )
    if rights is not None and rights.uid not in (0, user.uid) and rights.mode & 0o300 == 0o300:
        steps.append(_as_owner(context, rights.uid, rights.gid))
    if _configured_in(context) == "kubernetes":
        group = f"securityContext: {{fsGroup: {user.gid}}}"
        text = "Or make the server's group the group of the volume."
        steps.append(Step(text, group, "kubernetes", "restarts the server"))
    return tuple(steps)


def _move_away(context: Context, cache: CachePlan) -> list[Step]:
    """Returns a step if a file or a dangling link has the name of the directory to create."""
    if cache.failure is None or cache.failure.errno not in (errno.ENOTDIR, errno.EEXIST):
        return []
    path = quote(context.host(cache.failed_path))
    text = f"Move {cache.failed_path} away."
    return [Step(text, f"mv -- {path} {path}.unused", "host", "changes files")]


def _chown(context: Context, cache: CachePlan, text: str) -> Step:
    """Returns the step that sets another owner for the directory; if others use the directory, for a new one below
    it."""
    user, path = context.deployment.user, context.host(cache.absolute_path)
    if os.path.normpath(path).count("/") < 2 or os.path.normpath(path) in _SHARED:
        own = quote(os.path.join(path, "ovms-cache"))
        command = f"install -d -o {user.uid} -g {user.gid} -m 0750 {own}"
        return Step(
            f"{path} is not only for the cache: create a directory below it, and use that for the cache.",
            command,
            "host",
            "needs root",
        )
    host, recursive = quote(path), " -R"
    if any(_below(context.host(model.entry.base_path), path) for model in context.plan.models):
        text, recursive = "Make the server's user the owner of it.", ""
    command = f"chown{recursive} {user.uid}:{user.gid} {host} && chmod u+rwx {host}"
    return Step(text, command, "host", "needs root")


def _below(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")


def _grants(user: User, rights: Writability) -> bool:
    """Whether the mode allows the user to write on a writable mount; an ACL may also allow it."""
    if user.uid == 0 or rights.acl:
        return True
    shift = 6 if rights.uid == user.uid else 3 if rights.gid in (user.gid, *user.groups) else 0
    return rights.mode >> shift & 0o3 == 0o3


def mount_step(context: Context, cache: CachePlan, text: str, host: str = _NEW_DIRECTORY) -> Step:
    """Returns a step that mounts ``host`` (quoted for a shell) writable at the path of the cache."""
    location = _configured_in(context)
    if location == "kubernetes":
        command = f"volumeMounts: [{{name: cache, mountPath: {cache.absolute_path}, readOnly: false}}]"
    elif location == "compose":
        command = f"volumes: [{host}:{cache.absolute_path}:rw]"
    else:
        command = f"-v {host}:{quote(cache.absolute_path)}:rw"
    return Step(text, command, location, "restarts the server")


def reach_steps(context: Context, denial: Denial | None) -> tuple[Step, ...]:
    """Returns a step that gives the right to enter the directory."""
    if denial is None or not context.on_host(denial.path):
        return ()
    user = context.deployment.user
    users = "o"
    if denial.uid == user.uid:
        users = "u"
    elif denial.gid in (user.gid, *user.groups):
        users = "g"
    command = f"chmod {users}+x {quote(context.host(denial.path))}"
    return (
        Step(f"Give the server's user the right to enter {denial.path}.", command, "host", "changes files"),
    )


def blob_steps(context: Context, cache: CachePlan) -> tuple[Step, ...]:
    """Returns the steps that remove the blobs, and make the server's user the owner of the directory."""
    if not context.on_host(cache.absolute_path):
        return ()
    paths = " ".join(quote(context.host(blob.path)) for blob in cache.stuck[:5])
    more = "" if len(cache.stuck) <= 5 else f" These are the first 5 of {len(cache.stuck)}."
    remove = Step(f"Remove them: the server writes new ones.{more}", f"rm -f {paths}", "host", "needs root")
    if cache.rights is not None and cache.rights.writable:
        # All users share a sticky directory: its owner is not changed.
        return (remove,)
    return (remove, *owner_steps(context, cache, create=False))


def _configured_in(context: Context) -> StepLocation:
    container = context.deployment.container
    return "docker run" if container is None else _CONFIGURED_IN.get(container.source, "docker run")


def _writable(context: Context, cache: CachePlan, host: str) -> Step:
    if context.deployment.bare_metal:
        return Step(
            "Find the mount of the file system, and mount it without ro.",
            f"findmnt --target {host}",
            "host",
            "reads",
        )
    return mount_step(context, cache, "Mount it without ro.", host or _NEW_DIRECTORY)


def _as_owner(context: Context, uid: int, gid: int) -> Step:
    text, location = "Or run the server as the owner.", _configured_in(context)
    if context.deployment.bare_metal:
        return Step(f"Or run the server as uid {uid} gid {gid}.", None, "host", "restarts the server")
    command = {
        "kubernetes": f"securityContext: {{runAsUser: {uid}, runAsGroup: {gid}}}",
        "compose": f'user: "{uid}:{gid}"',
    }.get(location, f"--user {uid}:{gid}")
    return Step(text, command, location, "restarts the server")
