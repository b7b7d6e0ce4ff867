"""The container engine and the host's paths before the server starts: directories that it creates for ``-v``, and
missing paths because of which it does not start a container.

Sources: moby daemon/volume/mounts (linux_parser.go ``errBindSourceDoesNotExist``, mounts.go ``MkdirAllAndChown``),
daemon/oci_linux.go (devices); docs/reference/commandline/container_run.md; containers/podman, which creates nothing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from ovms_doctor.model.container import Container, ContainerMount
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Facts, Failure, PathStatus, StatHost, Writability
from ovms_doctor.model.host import User
from ovms_doctor.model.mounts import covering
from ovms_doctor.model.plan_problems import StartProblem

#: Sources of a container that is still to be started, on this host as far as is known.
_STARTED_HERE = ("docker-run", "compose")
#: Reasons of the state of a container that the kubelet has not started yet.
_BEFORE_START = ("ContainerCreating", "CreateContainerConfigError")


def engine_problem(deployment: Deployment, facts: Facts) -> StartProblem | None:
    """Returns why the engine does not start the container: a mount's source or a device that this host does not have,
    or a user that the manifest forbids. Raises FactsMissingError."""
    missing = mount_with_missing_key(deployment.container)
    if missing is not None:
        return StartProblem("volume_key_missing", "", None, (), path=missing.server, text=missing.missing_key)
    if user_of_non_root(deployment.container) == "0":
        return StartProblem("root_refused", "", None, ())
    container = _started_here(deployment)
    if container is None:
        return None
    refused = refused_mounts(deployment, container)
    devices = [device for device in container.device_sources if device.startswith("/")]
    facts.need([StatHost(mount.host or "") for mount in refused] + [StatHost(device) for device in devices])
    for mount in refused:
        if is_missing(mount.host or "", facts):
            return StartProblem("bind_source_missing", "", None, (), path=mount.server, text=mount.host or "")
    for device in devices:
        if is_missing(device, facts):
            return StartProblem("device_missing", "", None, (), path=device, text=device)
    point = next(refused_mountpoints(deployment, container, facts), None)
    if point is not None:
        return StartProblem("mountpoint_refused", "", None, (), path=point.mount.server)
    return None


def mount_with_missing_key(container: Container | None) -> ContainerMount | None:
    """Returns the first mount because of which the kubelet does not start the pod: its volume names a key that the
    config map or secret does not have. After the start of a pod, the object may have changed.

    Source: kubernetes, pkg/volume/configmap and pkg/volume/secret (MakePayload: ``references non-existent config
    key``).
    """
    if container is None or (container.state is not None and container.state.reason != "ContainerCreating"):
        return None
    return next((mount for mount in container.mounts if mount.missing_key), None)


def user_of_non_root(container: Container | None) -> str | None:
    """Returns the user id of a container that must not run as root (``runAsNonRoot``), empty for the image's own user;
    None for a container without this rule, or one that the kubelet has started.

    The kubelet refuses the id 0, and an image whose user is a name, which OVMS's own images have: ``container has
    runAsNonRoot and image has non-numeric user (ovms), cannot verify user is non-root``. Source: kubernetes,
    pkg/kubelet/kuberuntime/security_context_others.go (verifyRunAsNonRoot); Dockerfile.ubuntu (``USER ovms``).
    """
    if container is None or "runAsNonRoot" not in container.security:
        return None
    if container.state is not None and container.state.reason not in _BEFORE_START:
        return None
    user = container.user.partition(":")[0]
    return user if user.isdigit() else ""


class RefusedMountpoint(Struct, frozen=True):
    """A mount below another one, at a path where the runtime cannot mount it."""

    #: The mount.
    mount: ContainerMount
    #: The mount above it, of a directory of the host.
    above: ContainerMount
    #: The path on the host at which it is mounted.
    host: str
    #: ``read_only``: the path does not exist, and cannot be created in the mount above; ``directory_on_file`` and
    #: ``file_on_directory``: it is of the other kind than the source.
    reason: Literal["read_only", "directory_on_file", "file_on_directory"]
    #: Whether the mount's source is a ``regular`` file or a ``directory``; None if that is not known.
    source_kind: str | None


def refused_mountpoints(
    deployment: Deployment, container: Container, facts: Facts
) -> Iterator[RefusedMountpoint]:
    """Yields the mounts below a directory of the host that the runtime cannot mount, because of which the engine does
    not start the container. Paths behind a link are not judged. Raises FactsMissingError.

    Source: runc, libcontainer/rootfs_linux.go (createMountpoint, after the mount above was made read-only: ``read-only
    file system``; mount(2) of a directory onto a file or vice versa: ``not a directory``), model_server issue 1600.
    """
    for mount in container.mounts:
        above = next((item for item in covering(container.mounts, mount.server) if item is not mount), None)
        if mount.kind not in ("bind", "volume", "tmpfs"):
            continue
        if above is None or above.kind != "bind" or above.host is None or above.sub_path:
            continue
        if mount.server.rstrip("/") == above.server.rstrip("/") or not _is_used(above, deployment):
            continue
        host = posixpath.join(above.host, posixpath.relpath(mount.server, above.server))
        found, kind = facts.ask(StatHost(host)), _source_kind(mount, deployment, facts)
        if isinstance(found, Failure):
            if found.missing and above.read_only and isinstance(facts.ask(StatHost(above.host)), PathStatus):
                yield RefusedMountpoint(mount, above, host, "read_only", kind)
        elif isinstance(found, PathStatus) and found.resolved is None:
            if (kind, found.kind) == ("directory", "regular"):
                yield RefusedMountpoint(mount, above, host, "directory_on_file", kind)
            if (kind, found.kind) == ("regular", "directory"):
                yield RefusedMountpoint(mount, above, host, "file_on_directory", kind)


def _is_used(mount: ContainerMount, deployment: Deployment) -> bool:
    """Whether --mount does not replace the mount."""
    used = deployment.mount_table.mount_of(mount.server)
    return used is not None and used.host == mount.host


def _source_kind(mount: ContainerMount, deployment: Deployment, facts: Facts) -> str | None:
    """Returns the kind of file of a mount's source; None if it is not known. Raises FactsMissingError."""
    if mount.kind in ("volume", "tmpfs"):
        return None if mount.sub_path or mount.host is not None else "directory"
    if mount.kind != "bind" or mount.host is None or not _is_used(mount, deployment):
        return None
    status = facts.ask(StatHost(mount.host))
    if isinstance(status, Failure):
        return "directory" if status.missing and mount.created_by_engine else None
    return status.kind if isinstance(status, PathStatus) else None


def refused_mounts(deployment: Deployment, container: Container) -> list[ContainerMount]:
    """Returns the mounts without whose source the engine does not start the container."""
    return [mount for mount in _from_host(deployment, container) if not mount.created_by_engine]


def may_be_created(deployment: Deployment) -> dict[str, str]:
    """Returns the host paths by server path, of the mounts for which the engine creates a missing directory."""
    container = _started_here(deployment)
    if container is None:
        return {}
    return {
        mount.server: mount.host or ""
        for mount in _from_host(deployment, container)
        if mount.created_by_engine
    }


def created_mounts(deployment: Deployment, facts: Facts) -> tuple[str, ...]:
    """Returns the server paths of the mounts whose source the engine creates, as an empty directory owned by root.
    Raises FactsMissingError."""
    sources = may_be_created(deployment)
    facts.need(StatHost(host) for host in sources.values())
    return tuple(server for server, host in sources.items() if is_missing(host, facts))


def as_made(user: User) -> Writability:
    """Returns the rights on a directory that the engine creates: root owns it, and everybody may read it (moby,
    volume/mounts: mode 0755)."""
    return Writability("directory", 0, 0, 0o755, user.uid == 0, True, True, False, "predicted")


def always_directories(deployment: Deployment) -> frozenset[str]:
    """Returns the server paths at which a volume is mounted: its content is not known, but the directory exists."""
    container = deployment.container
    if container is None or "mounts" in container.unknown_fields:
        return frozenset()
    return frozenset(
        mount.server
        for mount in container.mounts
        if mount.kind in ("volume", "tmpfs", "claim")
        and mount.host is None
        and not mount.sub_path
        and deployment.mount_table.mount_of(mount.server) is None
    )


def hidden_config(deployment: Deployment, facts: Facts) -> str | None:
    """Returns the configuration file on this host that a volume over its directory hides; None if none does. Raises
    FactsMissingError."""
    container, path = deployment.container, deployment.config_path
    if container is None or path is None or container.source == "kubernetes":
        return None
    mounts = covering(container.mounts, deployment.absolute(path))
    below = next((mount for mount in mounts[1:] if mount.kind == "bind" and mount.host), None)
    if below is None or mounts[0].kind not in ("volume", "tmpfs") or mounts[0].host is not None:
        return None
    rest = posixpath.relpath(deployment.absolute(path), below.server)
    host = posixpath.join(below.host or "", rest)
    return host if isinstance(facts.ask(StatHost(host)), PathStatus) else None


def is_missing(host: str, facts: Facts) -> bool:
    """Whether this host has nothing at one of its paths. Raises FactsMissingError."""
    answer = facts.ask(StatHost(host))
    return isinstance(answer, Failure) and answer.missing


def _started_here(deployment: Deployment) -> Container | None:
    container = deployment.container
    if container is None or container.source not in _STARTED_HERE or container.elsewhere:
        return None
    return container


def _from_host(deployment: Deployment, container: Container) -> Iterator[ContainerMount]:
    """Yields the mounts of paths of the host, without those that --mount replaces."""
    for mount in container.mounts:
        covering = deployment.mount_table.mount_of(mount.server)
        if mount.host is not None and covering is not None and covering.host == mount.host:
            yield mount
