"""Mounts, labels, ids and rights that a container was given, against what its server needs of them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from ovms_doctor.checks import permissions
from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.container import Container, ContainerMount, IdRange
from ovms_doctor.model.facts import ListDirectory, Listing
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.mounts import covering
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.plan import ModelPlan

#: Where the server puts what it downloads, in all releases (filesystem.cpp: /tmp/fileXXXXXX).
_DOWNLOADS = "/tmp"  # noqa: S108 - the server's own
_DOES_NOT_SEE = lazy_pattern(r"permission denied|does not exist|not have .*permission", re.IGNORECASE)
_COMPLAINT = lazy_pattern(r"\[(error|warning|critical)\]", re.IGNORECASE)
#: SELinux types that confine nothing.
_UNCONFINED = ("spc_t", "unconfined_t", "container_runtime_t")


def check(context: Context) -> Iterator[Finding]:
    container = context.deployment.container
    if container is None:
        return
    for model in context.plan.models:
        if not is_remote(model.entry.base_path):
            yield from _hidden_or_empty(context, container, model)
    yield from _selinux(context, container)
    yield from _ids(context, container)
    yield from _read_only(context, container)


# -- mounts --------------------------------------------------------------------------------------------


def _hidden_or_empty(context: Context, container: Container, model: ModelPlan) -> Iterator[Finding]:
    """What was mounted over the models, or instead of them, and has nothing in it."""
    mounts = covering(container.mounts, context.absolute(model.entry.base_path))
    if not mounts or "mounts" in container.unknown_fields or model.versions:
        return
    first = mounts[0]
    below = next((mount for mount in mounts[1:] if mount.kind == "bind"), None)
    empty = _is_empty(context, model, first.server)
    # A pod's other containers may fill a volume first; with an engine a tmpfs is empty when the server starts.
    in_memory = first.kind == "tmpfs" and container.source != "kubernetes"
    if below is not None and (in_memory or (first.kind == "volume" and empty)):
        yield _hidden(context, model, first, below)
    elif first.kind == "bind" and empty and first.host is not None:
        yield _empty(context, container, model, first)


def _is_empty(context: Context, model: ModelPlan, place: str) -> bool:
    """Whether it is known that a directory has nothing in it."""
    answer = context.facts.get(ListDirectory(place))
    if context.absolute(model.entry.base_path).rstrip("/") == place.rstrip("/"):
        answer = model.detection.listing or answer
    return isinstance(answer, Listing) and not answer.entries


def _hidden(context: Context, model: ModelPlan, over: ContainerMount, below: ContainerMount) -> Finding:
    what = "a tmpfs" if over.kind == "tmpfs" else f"the volume {over.name or '(without a name)'}"
    shown = below.host or below.name
    return context.finding(
        "OVD718",
        f"{what[0].upper()}{what[1:]} lies over {over.server} and hides what {shown} has there: it is empty",
        model=model.entry.name,
        path=over.server,
        base=model.entry.base_path,
        confidence="medium",
        detail=context.what_then(model),
        log=model.detection.log,
        evidence=(
            Evidence(f"{shown} as {below.server}, {what} at {over.server}", "the deployment's mounts"),
        ),
        recovers="restart",
        steps=(Step(f"Take the mount at {over.server} out, or move it to another place."),),
    )


def _empty(context: Context, container: Container, model: ModelPlan, mount: ContainerMount) -> Finding:
    host = mount.host or ""
    made = mount.created_by_engine and container.source != "kubernetes"
    hint = " Where a path is not there, the engine makes it: an empty directory of root's." if made else ""
    return context.finding(
        "OVD716",
        f"{host} is mounted as {mount.server}, and is empty",
        model=model.entry.name,
        path=mount.server,
        base=model.entry.base_path,
        detail=f"{context.what_then(model)}{hint}",
        log=model.detection.log,
        evidence=(Evidence(f"{mount.server}: no entries", "list"),),
        recovers=context.recovers(),
        steps=(
            Step(
                "See whether it is the directory that was meant: a letter more or less, small or capital.",
                f"ls -la {quote(posixpath.dirname(host.rstrip('/')) or '/')}",
                "host",
                "reads",
            ),
            Step("Mount the one with the models, or put them there."),
        ),
    )


# -- SELinux -------------------------------------------------------------------------------------------


def _selinux(context: Context, container: Container) -> Iterator[Finding]:
    """The server did not see what its user may read by rights, SELinux confines it, and a mount has no label."""
    label = next((item for item in container.security if item.startswith("process-label=")), "")
    kind = label.partition("=")[2].split(":")[2:3]
    off = any(re.fullmatch(r"label[=:]disable", item) for item in container.security)
    if not kind or kind[0] in _UNCONFINED or off or container.privileged:
        return
    said = [line for line in container.log if _COMPLAINT.search(line) and _DOES_NOT_SEE.search(line)]
    for model in context.plan.models:
        base = model.entry.base_path
        mounts = () if is_remote(base) else covering(container.mounts, context.absolute(base))
        if not mounts or mounts[0].kind != "bind" or {"z", "Z"} & set(mounts[0].options) or not model.served:
            continue
        lines = [line for line in said if base in line]
        if lines:
            yield _unlabelled(context, container, model, mounts[0], lines[-1], kind[0])
            return


def _unlabelled(
    context: Context, container: Container, model: ModelPlan, mount: ContainerMount, line: str, kind: str
) -> Finding:
    host = mount.host or ""
    bind = quote(f"{host}:{mount.server}:{'ro,' if mount.read_only else ''}z")
    labelled = Step(
        "Mount it with z: the engine labels the files for containers.",
        f'volumes: ["{host}:{mount.server}:z"]' if container.source == "compose" else f"-v {bind}",
        "compose" if container.source == "compose" else "docker run",
        "restarts the server",
    )
    return context.finding(
        "OVD722",
        f"{mount.server} is mounted without a label, and the server did not see into it: SELinux keeps it out",
        model=model.entry.name,
        path=mount.server,
        base=model.entry.base_path,
        confidence="medium",
        detail="By owner and mode its user may read the files; SELinux forbids it beside these rights.",
        evidence=(
            Evidence(line[:300], "the container's log"),
            Evidence(f"type {kind}", "the container's process label"),
        ),
        recovers="restart",
        steps=(
            Step("See the labels, and what was refused.", f"ls -dZ {quote(host)}", "host", "reads"),
            labelled,
        ),
    )


# -- ids -----------------------------------------------------------------------------------------------


def _ids(context: Context, container: Container) -> Iterator[Finding]:
    """Who the server is on the host, where a refusal would not be understood without it."""
    user = context.deployment.user
    inside = _inside(user.uid, container.id_map)
    if not container.user_namespace or inside is None or inside == user.uid:
        return
    if next(permissions.check(context), None) is None:
        return
    group = _inside(user.gid, container.id_map)
    gid = "" if group is None else f" and gid {group}"
    on_host = "" if group is None else f" and gid {user.gid}"
    yield context.finding(
        "OVD723",
        f"The server's uid {inside}{gid} is uid {user.uid}{on_host} on this host",
        detail=f"The container's ids are {container.user_namespace}: rights on the host count for those of the host.",
        evidence=tuple(
            Evidence(
                f"ids from {item.inside} are {item.outside} on the host, {item.count} of them", "uid_map"
            )
            for item in container.id_map[:3]
        ),
    )


def _inside(number: int, ranges: tuple[IdRange, ...]) -> int | None:
    for item in ranges:
        if item.outside <= number < item.outside + item.count:
            return item.inside + number - item.outside
    return None


# -- a root that may not be written --------------------------------------------------------------------


def _read_only(context: Context, container: Container) -> Iterator[Finding]:
    """Models from remote storage are downloaded into /tmp first. Podman lays a tmpfs there by itself."""
    if not container.read_only_root or container.engine == "podman" or "mounts" in container.unknown_fields:
        return
    mounts = covering(container.mounts, _DOWNLOADS)
    if mounts and not mounts[0].read_only:
        return
    remote = [model for model in context.plan.models if is_remote(model.entry.base_path)]
    if not remote:
        return
    yield context.finding(
        "OVD724",
        f"The root file system is read-only and nothing writable lies at {_DOWNLOADS}: the server cannot "
        "download a model",
        model=remote[0].entry.name,
        path=_DOWNLOADS,
        confidence="medium",
        detail="No version of a model in remote storage is loaded.",
        evidence=(
            Evidence(f"{', '.join(model.entry.name for model in remote)}: in remote storage", "base paths"),
            Evidence("read-only root, no tmpfs or volume over /tmp", "the deployment's mounts"),
        ),
        recovers="restart",
        steps=(_writable(container),),
    )


def _writable(container: Container) -> Step:
    text = f"Put a tmpfs, or a volume with room for the models, at {_DOWNLOADS}."
    if container.source == "kubernetes":
        command = f"volumes: [{{name: tmp, emptyDir: {{}}}}], volumeMounts: [{{name: tmp, mountPath: {_DOWNLOADS}}}]"
        return Step(text, command, "kubernetes", "restarts the server")
    if container.source == "compose":
        return Step(text, f"tmpfs: [{_DOWNLOADS}]", "compose", "restarts the server")
    return Step(text, f"--tmpfs {_DOWNLOADS}", "docker run", "restarts the server")
