"""What to do about the cache directory, with the real paths and ids."""

from __future__ import annotations

import errno
import os

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.cache_plan import CachePlan
from ovms_doctor.model.facts import Denial, Writability
from ovms_doctor.model.findings import Step, StepLocation
from ovms_doctor.model.host import User

#: StepLocation a container that is to be made is told what it is; by the source that it was read from.
_PLACES: dict[str, StepLocation] = {"compose": "compose", "kubernetes": "kubernetes"}
_ELSEWHERE = "/srv/cache"
#: Directories of the system, beside those right below the root.
_SHARED = frozenset({"/usr/local", "/usr/share", "/var/cache", "/var/lib", "/var/tmp", "/var/log"})  # noqa: S108


def owner_steps(context: Context, cache: CachePlan, *, make: bool) -> tuple[Step, ...]:
    """Let the directory belong to the server's user, or run the server as its owner. ``make``: it is not there."""
    user, rights = context.deployment.user, cache.rights
    on_host = context.on_host(cache.absolute_path) and cache.kept is not False
    host = quote(context.host(cache.absolute_path)) if on_host else ""
    if rights is not None and rights.kind != "directory":
        look = f"ls -l {host}" if host else None
        return (Step("Name a directory, or move the file away and make one.", look, "host", "reads"),)
    if rights is not None and rights.read_only:
        step = _writable(context, cache, host)
        if not host or make or _grants(user, rights):
            return (step,)
        return (step, _chown(context, cache, "It must belong to the server's user too, blobs and all."))
    steps = []
    if cache.kept is False:
        command = f"install -d -o {user.uid} -g {user.gid} -m 0750 {_ELSEWHERE}"
        steps += [
            Step("Make a directory on the host for the server's user.", command, "host", "needs root"),
            mount_step(context, cache, "Mount it."),
        ]
    elif on_host:
        command = f"install -d -o {user.uid} -g {user.gid} -m 0750 {host}"
        steps += _out_of_the_way(context, cache)
        steps.append(
            Step("Make it for the server's user.", command, "host", "needs root")
            if make
            else _chown(context, cache, "Let it belong to the server's user, blobs and all.")
        )
    if rights is not None and rights.uid not in (0, user.uid) and rights.mode & 0o300 == 0o300:
        steps.append(_as_owner(context, rights.uid, rights.gid))
    if _where(context) == "kubernetes":
        group = f"securityContext: {{fsGroup: {user.gid}}}"
        text = "Or have the volume given to the server's group."
        steps.append(Step(text, group, "kubernetes", "restarts the server"))
    return tuple(steps)


def _out_of_the_way(context: Context, cache: CachePlan) -> list[Step]:
    """A file, or a link that leads nowhere, stands where a directory is to be made."""
    if cache.failure is None or cache.failure.errno not in (errno.ENOTDIR, errno.EEXIST):
        return []
    place = quote(context.host(cache.failed_path))
    text = f"Move away what lies at {cache.failed_path}."
    return [Step(text, f"mv -- {place} {place}.unused", "host", "changes files")]


def _chown(context: Context, cache: CachePlan, text: str) -> Step:
    """Never of a directory that others use: there the cache is to have one of its own."""
    user, path = context.deployment.user, context.host(cache.absolute_path)
    if os.path.normpath(path).count("/") < 2 or os.path.normpath(path) in _SHARED:
        own = quote(os.path.join(path, "ovms-cache"))
        command = f"install -d -o {user.uid} -g {user.gid} -m 0750 {own}"
        return Step(
            f"{path} is not for the cache alone: make one below it, and name that.",
            command,
            "host",
            "needs root",
        )
    host, everything = quote(path), " -R"
    if any(_below(context.host(model.entry.base_path), path) for model in context.plan.models):
        text, everything = "Let it belong to the server's user.", ""
    command = f"chown{everything} {user.uid}:{user.gid} {host} && chmod u+rwx {host}"
    return Step(text, command, "host", "needs root")


def _below(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")


def _grants(user: User, rights: Writability) -> bool:
    """Whether the mode alone lets the user write, were it mounted so; an ACL may do so as well."""
    if user.uid == 0 or rights.acl:
        return True
    shift = 6 if rights.uid == user.uid else 3 if rights.gid in (user.gid, *user.groups) else 0
    return rights.mode >> shift & 0o3 == 0o3


def mount_step(context: Context, cache: CachePlan, text: str, host: str = _ELSEWHERE) -> Step:
    """``host``, ready for a shell, mounted where the server looks for its cache, for writing."""
    where = _where(context)
    if where == "kubernetes":
        command = f"volumeMounts: [{{name: cache, mountPath: {cache.absolute_path}, readOnly: false}}]"
    elif where == "compose":
        command = f"volumes: [{host}:{cache.absolute_path}:rw]"
    else:
        command = f"-v {host}:{quote(cache.absolute_path)}:rw"
    return Step(text, command, where, "restarts the server")


def reach_steps(context: Context, denial: Denial | None) -> tuple[Step, ...]:
    """The right to go through the directory that refuses."""
    if denial is None or not context.on_host(denial.path):
        return ()
    user = context.deployment.user
    who = "o"
    if denial.uid == user.uid:
        who = "u"
    elif denial.gid in (user.gid, *user.groups):
        who = "g"
    command = f"chmod {who}+x {quote(context.host(denial.path))}"
    return (Step(f"Let the server's user through {denial.path}.", command, "host", "changes files"),)


def blob_steps(context: Context, cache: CachePlan) -> tuple[Step, ...]:
    """Remove what is in the way, and let the rest belong to the server's user."""
    if not context.on_host(cache.absolute_path):
        return ()
    paths = " ".join(quote(context.host(blob.path)) for blob in cache.stuck[:5])
    more = "" if len(cache.stuck) <= 5 else f" These are the first 5 of {len(cache.stuck)}."
    remove = Step(f"Remove them: they are made anew.{more}", f"rm -f {paths}", "host", "needs root")
    if cache.rights is not None and cache.rights.writable:
        # A sticky directory is for everybody, and not to be given to one user.
        return (remove,)
    return (remove, *owner_steps(context, cache, make=False))


def _where(context: Context) -> StepLocation:
    container = context.deployment.container
    return "docker run" if container is None else _PLACES.get(container.source, "docker run")


def _writable(context: Context, cache: CachePlan, host: str) -> Step:
    if context.deployment.bare_metal:
        return Step("Mount the file system for writing.", f"findmnt --target {host}", "host", "reads")
    return mount_step(context, cache, "Mount it without ro.", host or _ELSEWHERE)


def _as_owner(context: Context, uid: int, gid: int) -> Step:
    text, where = "Or run the server as the owner.", _where(context)
    if context.deployment.bare_metal:
        return Step(f"Or run the server as uid {uid} gid {gid}.", None, "host", "restarts the server")
    command = {
        "kubernetes": f"securityContext: {{runAsUser: {uid}, runAsGroup: {gid}}}",
        "compose": f'user: "{uid}:{gid}"',
    }.get(where, f"--user {uid}:{gid}")
    return Step(text, command, where, "restarts the server")
