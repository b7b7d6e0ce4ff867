"""Mounts and devices as a run line or a compose file writes them.

``-v`` and Compose's short syntax have one format, ``--mount`` another. A value that the client or the daemon of
Docker 28 refuses raises ``RefusedValueError`` (docker/cli internal/volumespec and opts/mount.go; moby
daemon/volume/mounts).
"""

from __future__ import annotations

import csv
import posixpath
import re

from ovms_doctor.inputs.engine_values import RefusedValueError, for_message
from ovms_doctor.model.container import ContainerMount, MountKind
from ovms_doctor.model.pattern import lazy_pattern

_VOLUME_NAME = lazy_pattern(r"[A-Za-z0-9][A-Za-z0-9_.-]+", re.ASCII)
_WINDOWS = lazy_pattern(r"([A-Za-z]:[\\/]|\\\\)")
_PROPAGATIONS = {"private", "rprivate", "shared", "rshared", "slave", "rslave"}
#: At most one option of each set.
_MODES = (
    {"ro", "rw"}, {"z", "Z"}, _PROPAGATIONS, {"nocopy"}, {"consistent", "cached", "delegated", "default"},
)  # fmt: skip
_PODMAN_MODES = {
    "U", "O", "copy", "nocopy", "dev", "nodev", "exec", "noexec", "suid", "nosuid", "bind", "rbind", "idmap", "noatime",
    "private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable", "ro", "rw", "z", "Z",
}  # fmt: skip
_DEVICE_MODE = lazy_pattern(r"(?=[rwm]{1,3}$)(?!.*(.).*\1)[rwm]{1,3}")
_CDI = lazy_pattern(r"[A-Za-z][A-Za-z0-9_.-]*/[A-Za-z][A-Za-z0-9_-]*=[A-Za-z0-9][A-Za-z0-9_.:-]*", re.ASCII)

#: Fields of ``--mount``: other names of the same field → name.
_KEYS = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
_BOOLEANS = {"readonly", "volume-nocopy", "bind-nonrecursive", "bind-create-src"}
_FIELDS = _BOOLEANS | {
    "type", "source", "target", "consistency", "bind-propagation", "bind-recursive", "volume-subpath", "volume-label",
    "volume-driver", "volume-opt", "image-subpath", "tmpfs-size", "tmpfs-mode",
}  # fmt: skip
_PODMAN_FIELDS = {
    "relabel", "z", "Z", "U", "chown", "idmap", "subpath", "rw", "tmpcopyup", "notmpcopyup", "size", "mode",
    "exec", "noexec", "dev", "nodev", "suid", "nosuid", "readwrite", "no-dereference", "glob",
}  # fmt: skip
_KINDS: dict[str, MountKind] = {"bind": "bind", "volume": "volume", "tmpfs": "tmpfs", "image": "image"}


def read_volume(
    text: str, directory: str, *, podman: bool = False, known_modes: frozenset[str] | None = None
) -> ContainerMount:
    """Returns the mount of ``-v``: ``[name or path:]path[:options]``.

    A path that begins with a dot is relative to ``directory`` (since Docker 23); another one without a leading slash
    is a volume's name. ``known_modes``: other options are ignored, as Compose does; None: refused.
    """
    parts = _split(text)
    if not all(parts):
        raise RefusedValueError(f'the volume "{for_message(text)}" has an empty part between its colons')
    if len(parts) > 3:
        raise RefusedValueError(f'the volume "{for_message(text)}" has too many colons')
    if len(parts) == 1:
        return ContainerMount(inside(parts[0]), "volume")
    source, target = parts[0], parts[1]
    if len(parts) == 2 and all(word in set().union(*_MODES) for word in target.split(",")):
        raise RefusedValueError(f'the volume "{for_message(text)}" has options, but no path on the host')
    modes = parts[2].split(",") if len(parts) == 3 else []
    if known_modes is None:
        _check_modes(modes, podman)
    modes = [word for word in modes if known_modes is None or word in known_modes]
    read_only = "ro" in modes
    options = tuple(word for word in modes if word not in ("ro", "rw"))
    if _WINDOWS.match(source):
        return ContainerMount(inside(target), "bind", None, read_only, options=options)
    if source.startswith(("/", ".")):
        if "nocopy" in options and not podman:
            raise RefusedValueError(f'"nocopy" of the volume "{for_message(text)}" is for named volumes only')
        host = posixpath.normpath(posixpath.join(directory, source))
        return ContainerMount(
            inside(target), "bind", host, read_only, options=options, created_by_engine=not podman
        )
    check_volume_name(source)
    if _PROPAGATIONS.intersection(options) and not podman:
        raise RefusedValueError(
            f'the propagation of the volume "{for_message(text)}" is for paths of the host only'
        )
    return ContainerMount(inside(target), "volume", None, read_only, name=source, options=options)


def read_mount(text: str, directory: str, *, podman: bool = False) -> ContainerMount:
    """Returns the mount of ``--mount``: fields separated by commas. The default type is ``volume``."""
    fields = _mount_fields(text, podman)
    kind = fields.get("type", "volume").lower()
    if kind not in _KINDS and not (podman and kind in ("devpts", "glob", "ramfs", "artifact")):
        raise RefusedValueError(f'"{for_message(kind)}" is not a type of mount: bind, volume, tmpfs or image')
    if "target" not in fields:
        raise RefusedValueError(f'the mount "{for_message(kind)}" has no target')
    if not podman:
        _check_exclusive(kind, fields)
    source = fields.get("source", "")
    read_only = _truth(fields, "readonly")
    options = tuple(fields[key] for key in ("bind-propagation",) if key in fields)
    options += ("nocopy",) * _truth(fields, "volume-nocopy")
    host, name = None, ""
    if kind == "bind":
        host = _host(source, directory)
    elif kind in ("volume", "image") and source:
        name = check_volume_name(source) if kind == "volume" else source
    elif kind == "tmpfs" and source:
        raise RefusedValueError("a mount of type tmpfs cannot have a source")
    return ContainerMount(
        inside(fields["target"]),
        _KINDS.get(kind, "other"),
        host,
        read_only,
        name=name,
        options=options,
        created_by_engine=_truth(fields, "bind-create-src"),
        sub_path=fields.get("volume-subpath", fields.get("image-subpath", fields.get("subpath", ""))),
    )


def read_tmpfs(text: str) -> ContainerMount:
    """Returns the mount of ``--tmpfs``: a path, and mount options after a colon."""
    path, _, settings = text.partition(":")
    options = tuple(word for word in settings.split(",") if word and word not in ("ro", "rw"))
    return ContainerMount(inside(path), "tmpfs", None, "ro" in settings.split(","), options=options)


def read_device(text: str) -> str:
    """Returns the path in the container from ``--device``'s ``host[:inside][:rwm]``."""
    parts = text.split(":")
    if not parts[0] or len(parts) > 3:
        raise RefusedValueError(
            f'"{for_message(text)}" is not a device: write it as /dev/dri or /dev/dri:/dev/dri:rw'
        )
    path = parts[1] if len(parts) > 1 and not _DEVICE_MODE.fullmatch(parts[1]) else parts[0]
    if len(parts) == 3 and not _DEVICE_MODE.fullmatch(parts[2]):
        raise RefusedValueError(f'the rights of the device "{for_message(text)}" are not some of r, w and m')
    if not path.startswith("/"):
        raise RefusedValueError(f'the device "{for_message(text)}" is not an absolute path')
    return posixpath.normpath(path)


def read_device_source(text: str) -> str:
    """Returns the path on the host from a value that :func:`read_device` accepts."""
    return posixpath.normpath(text.partition(":")[0])


def is_cdi(text: str) -> bool:
    """Whether a device has a name of the Container Device Interface: ``vendor.com/class=name``."""
    return _CDI.fullmatch(text) is not None


def inside(path: str) -> str:
    """Returns a mount's path in the container, cleaned; it must be absolute, and not the root."""
    if not path.startswith("/"):
        raise RefusedValueError(
            f'the mount\'s path in the container, "{for_message(path)}", is not an absolute path'
        )
    clean = "/" + posixpath.normpath(path).lstrip("/")
    if clean == "/":
        raise RefusedValueError("a mount cannot replace the container's root directory")
    return clean


def check_volume_name(name: str) -> str:
    """Returns a volume's name; refuses a path, as the daemon does."""
    if not _VOLUME_NAME.fullmatch(name):
        hint = (
            ""
            if name.startswith("~")
            else f'; a directory needs a path that begins with / or "./{for_message(name)}"'
        )
        more = " (a shell does not expand ~ there; write $HOME)" if name.startswith("~") else ""
        raise RefusedValueError(
            f'"{for_message(name)}" is neither an absolute path nor a volume\'s name{hint}{more}'
        )
    return name


def check_targets(mounts: tuple[ContainerMount, ...]) -> None:
    """Refuses two mounts at one path."""
    known: set[str] = set()
    for mount in mounts:
        if mount.server in known:
            raise RefusedValueError(
                f'two mounts have the same path in the container, "{for_message(mount.server)}"'
            )
        known.add(mount.server)


def is_windows(path: str) -> bool:
    """Whether ``path`` is a Windows path, which this host does not have."""
    return _WINDOWS.match(path) is not None


def _split(text: str) -> list[str]:
    drive = _WINDOWS.match(text)
    head = text[:2] if drive and text[1] == ":" else ""
    first, *rest = text[len(head) :].split(":")
    return [head + first, *rest]


def _check_modes(modes: list[str], podman: bool) -> None:
    if podman:
        unknown = [
            word
            for word in modes
            if word not in _PODMAN_MODES and not re.match(r"(idmap|upperdir|workdir)=", word)
        ]
    else:
        unknown = [word for word in modes if not any(word in group for group in _MODES)]
    if unknown:
        raise RefusedValueError(f'"{for_message(unknown[0])}" is not an option of a volume')
    if not podman and any(sum(word in group for word in modes) > 1 for group in _MODES):
        raise RefusedValueError("a volume has options that exclude each other")


def _mount_fields(text: str, podman: bool) -> dict[str, str]:
    try:
        (row,) = csv.reader([text.strip()], strict=True)
    except (csv.Error, ValueError):
        raise RefusedValueError("a mount is not a list of name=value, separated by commas") from None
    fields: dict[str, str] = {}
    for item in row:
        key, equals, value = item.partition("=")
        if key != key.strip() or value != value.strip():
            raise RefusedValueError(
                f'the field "{for_message(key.strip())}" of a mount has a blank before or after its name or value'
            )
        key = key if podman and key in _PODMAN_FIELDS else key.lower()
        key = _KEYS.get(key, key)
        if key not in _FIELDS and not (podman and key in _PODMAN_FIELDS):
            raise RefusedValueError(f'a mount has no field "{for_message(key)}"')
        if not equals and key not in _BOOLEANS and not podman:
            raise RefusedValueError(f'the field "{for_message(key)}" of a mount has no value')
        if equals and not value:
            raise RefusedValueError(f'the field "{for_message(key)}" of a mount is empty')
        fields[key] = value if equals else "true"
    return fields


def _check_exclusive(kind: str, fields: dict[str, str]) -> None:
    for key in fields:
        owner, dash, _ = key.partition("-")
        if dash and owner in _KINDS and owner != kind:
            raise RefusedValueError(f'"{key}" of a mount cannot be used with its type {kind}')


def _truth(fields: dict[str, str], key: str) -> bool:
    value = fields.get(key, "false")
    if value not in ("1", "true", "0", "false"):
        raise RefusedValueError(f'"{key}" of a mount is true or false, not "{for_message(value)}"')
    return value in ("1", "true")


def _host(source: str, directory: str) -> str | None:
    if _WINDOWS.match(source):
        return None
    if not source.startswith(("/", ".")):
        problem = f', "{for_message(source)}", is not an absolute path' if source else " is not named"
        raise RefusedValueError(f"the host's directory of a mount of type bind{problem}")
    return posixpath.normpath(posixpath.join(directory, source))
