"""Makes options from a Container: the server's user on the host, the host paths of its mounts, its arguments and
limits."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Collection

from msgspec.structs import replace

from ovms_doctor.model.container import Container, ContainerMount, IdRange
from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.host import IMAGE_USER, Host, HostDevices, User
from ovms_doctor.model.mounts import Mount, UnavailablePath, covering
from ovms_doctor.model.options import CheckOptions, SourceUnavailable
from ovms_doctor.model.releases import ReleaseError, parse_release

_IMAGE_NAMES = {"": IMAGE_USER, "ovms": IMAGE_USER, str(IMAGE_USER.uid): IMAGE_USER}
#: The devices that Intel's device plugins for Kubernetes add for a resource of that name.
_NODES = {
    "gpu.intel.com/i915": "/dev/dri",
    "gpu.intel.com/xe": "/dev/dri",
    "npu.intel.com/accel": "/dev/accel",
}
_UNKNOWN_BIND = "is mounted from a path of the host that is not known"
_CONTENT = {
    "volume": "is the volume {name}, whose files cannot be reached from this host",
    "tmpfs": "is a tmpfs, whose content is visible only in the container",
    "config": "comes from {name}, which is not on this host",
    "claim": "is the volume claim {name}, whose files cannot be reached from this host",
    "bind": "is mounted from {host}, which is not on this host",
    "image": "is the files of an image, which cannot be reached from this host",
    "other": "is a volume whose files cannot be reached from this host",
}


def options_from_container(
    options: CheckOptions,
    container: Container,
    this_host: Host | None = None,
    missing_paths: Collection[str] = (),
) -> CheckOptions:
    """Returns ``options`` with the settings of the container: arguments, user, mounts, environment, limits.

    Options of the command line are kept. Raises UsageError for a release that is too old. ``this_host``: this host, if
    the container runs on it; ``missing_paths``: host paths of mounts that do not exist on this host, because the
    document describes another host.
    """
    user, user_from, problem = _user(options, container)
    if problem:
        container = replace(container, problems=(*container.problems, problem))
    release = options.release or _release(container)
    if release is None and "@" in container.image and container.state is None:
        # The labels of an image are known only if the engine was queried for them.
        problem = (
            "The image is named by its digest, which does not show the release. Set it with --ovms-version."
        )
        container = replace(container, problems=(*container.problems, problem))
    mounts = _mounts(container, options.mounts, missing_paths)
    unavailable = None
    if container.arguments is None:
        reason = container.arguments_unavailable or "the source does not give them"
        unavailable = SourceUnavailable(container.source_name, reason)
    return replace(
        options,
        arguments=container.arguments,
        unavailable=unavailable,
        release=release,
        release_from="" if options.release else container.release_from,
        user=user,
        user_from=user_from,
        bare_metal=False,
        mounts=mounts,
        unavailable_paths=_unavailable(container, mounts),
        environment=tuple(
            {item.name: item for item in (*container.environment, *options.environment)}.values()
        ),
        working_directory=container.working_directory or "/",
        host=_host(container, this_host),
        memory=options.memory if options.memory is not None else container.limits.memory,
        container=container,
    )


def _release(container: Container) -> str | None:
    """Returns the release that the source names; None if its text is not a release. Raises UsageError for a release
    that is too old."""
    if container.release is None:
        return None
    try:
        parse_release(container.release)
    except ReleaseError as error:
        if "older" not in str(error):
            return None
        raise UsageError(
            f"{container.release_from}: {error}. Set the release whose rules are used with --ovms-version."
        ) from None
    return container.release


# -- the user ------------------------------------------------------------------------------------------


def _user(options: CheckOptions, container: Container) -> tuple[User, str, str]:
    """Returns the server's user on the host, the source of the user, and a sentence if it is uncertain, else an empty
    text.

    Source: the OCI runtime's own reading of a user (libcontainer's GetExecUser): a user that is in /etc/passwd gets
    its groups there, unless a group is named.
    """
    if options.user_from == "--user":
        return options.user, options.user_from, ""
    text = container.user
    # Unknown permissions must not be reported as missing, and root lacks none.
    unknown = User(0, 0)
    if "user" in container.unknown_fields:
        problem = (
            "The container's user is not known, so no permission is reported as missing. Set the user "
            "with --user UID:GID."
        )
        return unknown, "not known: the source does not name the user", problem
    inside = _inside(text)
    if inside is None:
        problem = (
            f"The container's user {text} is a name that only the image's /etc/passwd defines: the "
            f"image's own user, uid {IMAGE_USER.uid}, is assumed. Set the user with --user UID:GID."
        )
        return IMAGE_USER, f"as in the image: only its files contain the ids of {text}", problem
    numbers = {group: _gid(group) for group in container.groups}
    groups = [number for number in numbers.values() if number is not None]
    if container.fs_group is not None:
        groups.append(container.fs_group)
    user = replace(inside, groups=tuple(dict.fromkeys((*inside.groups, *groups))))
    user_from = "as in the image" if not text or text == "ovms" else f"as the container has it: {text}"
    named = next((group for group, number in numbers.items() if number is None), "")
    problem = (
        f"The group {named} is a name that only the image's /etc/group defines. It is not used."
        if named
        else ""
    )
    if not container.user_namespace:
        return user, user_from, problem
    mapped = _mapped(user, container.id_map)
    if mapped is None:
        kind = container.user_namespace
        problem = (
            f"The container's ids are {kind}, and it is not known which ids of this host they are. No "
            "permission is reported as missing."
        )
        return unknown, f"not known on this host: its ids are {kind}", problem
    return mapped, f"{user.uid} in the container, whose ids are {container.user_namespace}", problem


def _inside(text: str) -> User | None:
    """Returns the ids inside the container; None for a name that only the container's /etc/passwd resolves. Without a
    user before the colon, the user is root; without a group after it, the group is the user's own."""
    name, colon, group = text.partition(":")
    known = _IMAGE_NAMES.get(name)
    if known is not None and not group and not (colon and not name):
        return known
    uid = _id(name or "0", {"root": 0, "ovms": IMAGE_USER.uid})
    gid = _id(group or "0", {"root": 0, "ovms": IMAGE_USER.gid})
    return None if uid is None or gid is None else User(uid, gid)


def _id(text: str, names: dict[str, int]) -> int | None:
    """Returns the number of an id; None for any other name, and for a number that the engine does not accept."""
    if text.isascii() and text.isdigit():
        return int(text) if len(text) <= 10 and int(text) < 2**31 else None
    return names.get(text)


def _gid(name: str) -> int | None:
    """Returns the number of an added group; a name is known if it has the same number in every image."""
    return _id(name, {"root": 0, "ovms": IMAGE_USER.gid, "audio": 29, "video": 44})


def _mapped(user: User, ranges: tuple[IdRange, ...]) -> User | None:
    uid, gid = _outside(user.uid, ranges), _outside(user.gid, ranges)
    if uid is None or gid is None:
        return None
    groups = (_outside(group, ranges) for group in user.groups)
    return User(uid, gid, tuple(group for group in groups if group is not None))


def _outside(number: int, ranges: tuple[IdRange, ...]) -> int | None:
    for item in ranges:
        if item.inside <= number < item.inside + item.count:
            return item.outside + number - item.inside
    return None


# -- the mounts ----------------------------------------------------------------------------------------


def _mounts(
    container: Container, named: tuple[Mount, ...], missing_paths: Collection[str]
) -> tuple[Mount, ...]:
    """Returns the mounts in order: first the container's own file system, which the mounts hide; last the mounts of
    the command line, which replace the container's at the same path."""
    own = (Mount(container.merged_directory, "/"),) if container.merged_directory else ()
    known = tuple(
        Mount(_host_of(mount), mount.server, mount.read_only)
        for mount in container.mounts
        if mount.host is not None and _host_of(mount) not in missing_paths
    )
    return (*own, *known, *(_as_copy(mount, container) for mount in named))


def _as_copy(mount: Mount, container: Container) -> Mount:
    """Returns a mount of the command line, marked as a copy where the container mounts something else at its
    path."""
    covered = covering(container.mounts, mount.server)
    if mount.rights or (covered and _host_at(covered[0], mount.server) == mount.host):
        return mount
    return replace(mount, rights="copy")


def _host_at(mount: ContainerMount, server: str) -> str | None:
    """Returns the host path of a server path at or below a mount."""
    if mount.host is None:
        return None
    return posixpath.normpath(posixpath.join(_host_of(mount), posixpath.relpath(server, mount.server)))


def _host_of(mount: ContainerMount) -> str:
    assert mount.host is not None
    return f"{mount.host.rstrip('/')}/{mount.sub_path}" if mount.sub_path else mount.host


def _unavailable(container: Container, mounts: tuple[Mount, ...]) -> tuple[UnavailablePath, ...]:
    known = {mount.server for mount in mounts}
    found = []
    for mount in container.mounts:
        if mount.server in known:
            continue
        content = _UNKNOWN_BIND if mount.kind == "bind" and mount.host is None else _CONTENT[mount.kind]
        reason = content.format(name=mount.name or "(without a name)", host=mount.host)
        found.append(
            UnavailablePath(
                mount.server, (f"{mount.server} {reason}: name its path with --mount HOST:{mount.server}")
            )
        )
    if not mounts or "mounts" in container.unknown_fields:
        # Without a mount, a path of the server would be used as a path of this host.
        reason = "it is in the image itself, which cannot be read from this host"
        if "mounts" in container.unknown_fields:
            reason = (
                "it is in a mount that is not known, or in the image: name its path with --mount HOST:SERVER"
            )
        found.append(UnavailablePath("/", reason))
    return tuple(found)


# -- the host's devices and limits --------------------------------------------------------------------


def _host(container: Container, this_host: Host | None) -> Host:
    limits = container.limits
    affinity = _count(limits.cpuset) if limits.cpuset else (this_host.online if this_host else None)
    quota = None
    if limits.complete:
        quota = math.ceil(limits.cpus) if limits.cpus else 0
    # Containers of Kubernetes may or may not have the marks by which the server recognises a container.
    marked = None if container.engine in ("kubernetes", "") else True
    online = this_host.online if this_host else None
    bf16 = this_host.bf16 if this_host else None
    devices = _devices(container, this_host.devices if this_host else None)
    return Host(online, affinity, quota, marked, limits.open_files, devices, bf16=bf16)


def _devices(container: Container, this_host: HostDevices | None) -> HostDevices | None:
    """Returns the GPUs and NPUs of the host that the container gets; without a setting it gets none."""
    if container.privileged:
        # A run line or a file may be for another host, which may have devices that this host lacks.
        lacks = this_host is not None and not (this_host.dri or this_host.accel or this_host.dxg)
        return None if lacks and container.source in ("docker-run", "compose") else this_host
    if any(mount.server.startswith("/dev/") for mount in container.mounts):
        # Device nodes that are mounted but not passed as devices: whether they can be opened is not known.
        return None
    device_paths = (
        *container.devices,
        *(_NODES.get(name.partition("=")[0], "") for name in container.device_requests),
    )

    def has(node: str) -> bool:
        return any(path == node or path.startswith(node + "/") for path in device_paths)

    if "devices" in container.unknown_fields:
        return None
    # Unknown groups may include the groups that a device needs.
    groups_known = "groups" not in container.unknown_fields and all(
        _gid(name) is not None for name in container.groups
    )
    groups = this_host if groups_known else None
    dri = has("/dev/dri")
    return HostDevices(
        dri,
        has("/dev/accel"),
        has("/dev/dxg"),
        groups.render_groups if groups and dri else (),
        groups.accel_groups if groups else (),
        bool(this_host and this_host.intel_gpu and dri),
    )


def _count(cpuset: str) -> int | None:
    """Returns the number of processors in a list such as ``0-3,8``; None if the list is not valid."""
    numbers: set[int] = set()
    for part in cpuset.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()) or len(first) + len(last) > 10:
            return None
        numbers.update(range(int(first), min(int(last or first), int(first) + 4096) + 1))
    return len(numbers) or None
