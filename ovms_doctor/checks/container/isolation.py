"""Reasons other than rights for which the server cannot use its files: SELinux, user namespaces, a read-only
root."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ovms_doctor.checks import permissions
from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.container import Container, ContainerMount, IdRange
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.mounts import covering
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.plan import ModelPlan

SELINUX_LABEL_MISSING = Code(
    code="OVD722",
    name="selinux-label-missing",
    severity="warning",
    summary="SELinux denies the server access to a mount without a label for containers",
    remedy=("Mount with z (shared by containers) or Z (this container only), or label the files with chcon."),
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD106", "OVD201"),
    example=Example("docker run -v /srv/models:/models …", "docker run -v /srv/models:/models:z …"),
)

USER_NAMESPACE = Code(
    code="OVD723",
    name="user-namespace",
    severity="info",
    summary="The server's user has another uid on the host",
    remedy="Grant the rights to the ids on the host.",
    releases="The same in all releases.",
    see_also=("OVD201", "OVD202", "OVD203"),
    example=Example(
        "uid 5000 in the container is uid 105000 on the host\ndrwx------ 5000 5000 /srv/models",
        "drwx------ 105000 105000 /srv/models",
    ),
)

READ_ONLY_WITHOUT_TMP = Code(
    code="OVD724",
    name="read-only-without-tmp",
    severity="error",
    summary="The root file system is read-only, and /tmp, into which models are downloaded, is not writable",
    remedy="Mount a tmpfs, or a volume with enough space for the models, at /tmp.",
    log=(server_log.NO_TEMPORARY,),
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD501", "OVD621"),
    example=Example(
        "docker run --read-only … --model_path s3://bucket/m",
        "docker run --read-only --tmpfs /tmp … --model_path s3://bucket/m",
    ),
)


#: The directory of the server's downloads, in all releases (filesystem.cpp: /tmp/fileXXXXXX).
_DOWNLOADS = "/tmp"  # noqa: S108 - the server's own
#: Messages of the server about files that it cannot read.
_NOT_READ = lazy_pattern(r"permission denied|does not exist|not have .*permission", re.IGNORECASE)
_ERROR_LINE = lazy_pattern(r"\[(error|warning|critical)\]", re.IGNORECASE)
#: SELinux types that do not restrict a process.
_UNCONFINED = ("spc_t", "unconfined_t", "container_runtime_t")


CODES = (SELINUX_LABEL_MISSING, USER_NAMESPACE, READ_ONLY_WITHOUT_TMP)


def check(context: Context, container: Container) -> Iterator[Finding]:
    """Yields findings on SELinux labels, ids and the file system for downloads."""
    yield from _selinux(context, container)
    yield from _ids(context, container)
    yield from _read_only(context, container)


# -- SELinux -------------------------------------------------------------------------------------------


def _selinux(context: Context, container: Container) -> Iterator[Finding]:
    """Yields a finding if SELinux confines the server, a mount has no label, and the server logs that it cannot read
    it."""
    label = next((item for item in container.security if item.startswith("process-label=")), "")
    kind = label.partition("=")[2].split(":")[2:3]
    is_disabled = any(re.fullmatch(r"label[=:]disable", item) for item in container.security)
    if not kind or kind[0] in _UNCONFINED or is_disabled or container.privileged:
        return
    errors = [line for line in container.log if _ERROR_LINE.search(line) and _NOT_READ.search(line)]
    for model in context.plan.models:
        base = model.entry.base_path
        mounts = () if is_remote(base) else covering(container.mounts, context.absolute(base))
        if not mounts or mounts[0].kind != "bind" or {"z", "Z"} & set(mounts[0].options) or not model.served:
            continue
        lines = [line for line in errors if base in line]
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
        SELINUX_LABEL_MISSING,
        f"{mount.server} is mounted without an SELinux label, and the server cannot read it",
        model=model.entry.name,
        path=mount.server,
        base=model.entry.base_path,
        confidence="medium",
        detail="Owner and mode allow the server's user to read the files; SELinux forbids it nevertheless.",
        evidence=(
            Evidence(line[:300], "the container's log"),
            Evidence(f"type {kind}", "the container's process label"),
        ),
        recovers="restart",
        steps=(
            Step("See the labels.", f"ls -dZ {quote(host)}", "host", "reads"),
            labelled,
        ),
    )


# -- ids -----------------------------------------------------------------------------------------------


def _ids(context: Context, container: Container) -> Iterator[Finding]:
    """Yields a finding on the server's ids on the host, if they explain why access is denied."""
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
        USER_NAMESPACE,
        f"The server's uid {inside}{gid} is uid {user.uid}{on_host} on this host",
        detail=f"The container's ids are {container.user_namespace}: files on the host are accessed with the "
        "ids of the host.",
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


# -- a read-only root file system --------------------------------------------------------------------


def _read_only(context: Context, container: Container) -> Iterator[Finding]:
    """Yields a finding if models in remote storage cannot be downloaded. Podman mounts a tmpfs at /tmp by itself."""
    if not container.read_only_root or container.engine == "podman" or "mounts" in container.unknown_fields:
        return
    mounts = covering(container.mounts, _DOWNLOADS)
    if mounts and not mounts[0].read_only:
        return
    remote = [model for model in context.plan.models if is_remote(model.entry.base_path)]
    if not remote:
        return
    yield context.finding(
        READ_ONLY_WITHOUT_TMP,
        f"The root file system is read-only and no writable mount covers {_DOWNLOADS}: the server cannot "
        "download a model",
        model=remote[0].entry.name,
        path=_DOWNLOADS,
        confidence="medium",
        detail="The server loads no version of a model in remote storage.",
        evidence=(
            Evidence(f"{', '.join(model.entry.name for model in remote)}: in remote storage", "base paths"),
            Evidence("read-only root, no tmpfs or volume at /tmp", "the deployment's mounts"),
        ),
        recovers="restart",
        steps=(_writable(container),),
    )


def _writable(container: Container) -> Step:
    text = f"Mount a tmpfs, or a volume with enough space for the models, at {_DOWNLOADS}."
    if container.source == "kubernetes":
        command = f"volumes: [{{name: tmp, emptyDir: {{}}}}], volumeMounts: [{{name: tmp, mountPath: {_DOWNLOADS}}}]"
        return Step(text, command, "kubernetes", "restarts the server")
    if container.source == "compose":
        return Step(text, f"tmpfs: [{_DOWNLOADS}]", "compose", "restarts the server")
    return Step(text, f"--tmpfs {_DOWNLOADS}", "docker run", "restarts the server")
