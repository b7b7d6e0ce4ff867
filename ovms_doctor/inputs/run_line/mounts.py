"""The mounts of a run line: volumes, ``--mount``, temporary file systems, Podman's secrets."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from ovms_doctor.inputs import mounts
from ovms_doctor.inputs.run_line.collected import RunLine
from ovms_doctor.inputs.values import shown
from ovms_doctor.model.container import ContainerMount, MountKind


def read_mounts(told: RunLine) -> tuple[ContainerMount, ...]:
    """All mounts of the line; Refused for two at one place."""
    place = told.command.directory or "/"
    found: list[ContainerMount] = []
    for text in dict.fromkeys(told.options.all("volume")):
        found.extend(
            _mount(told, text, "--volume", lambda item: mounts.read_volume(item, place, podman=told.podman))
        )
    for text in told.options.all("mount"):
        found.extend(
            _mount(told, text, "--mount", lambda item: mounts.read_mount(item, place, podman=told.podman))
        )
    for text in dict.fromkeys(told.options.all("tmpfs")):
        found.extend(_mount(told, text, "--tmpfs", mounts.read_tmpfs))
    for text in told.many("secret", "mounts"):
        found.extend(_secret(text))
    mounts.check_targets(tuple(found))
    return tuple(found)


def _mount(
    told: RunLine, text: str, written: str, read: Callable[[str], ContainerMount]
) -> list[ContainerMount]:
    """One mount; where only its place on the host is not known, the place inside still is."""
    if not told.shell.unknown(text):
        mount = read(text)
        relative = re.search(r"(?:^|[=,])(?:src=|source=)?\.", text)
        if mount.kind == "bind" and told.command.directory is None and relative:
            told.not_known("mounts", f"{written} takes a relative path, and the directory is not known here.")
            return [_without_host(mount)]
        if mount.kind == "bind" and mount.host is None:
            told.not_known(
                "mounts", f"The host's path of the mount at {shown(mount.server)} is one of Windows."
            )
        return [mount]
    told.is_known(text, written, "mounts")
    if written == "--volume":
        source, _, rest = text.partition(":")
        parts = rest.split(":")
        if source and parts[0] and len(parts) < 3 and not told.shell.unknown(rest):
            # Whether it is a path or a volume's name shows once something of it is known.
            kind: MountKind = "bind" if "/" in told.shell.show(source) else "other"
            mount = read(":".join(["/unknown", *parts]))
            return [_without_host(mount, kind)]
    if written == "--mount":
        fields = dict(item.partition("=")[::2] for item in text.split(","))
        target = next((fields[key] for key in ("target", "dst", "destination") if fields.get(key)), "")
        if target and not told.shell.unknown(target):
            kind = "bind" if fields.get("type") == "bind" else "other"
            read_only = any(fields.get(key) in ("", "true", "1") for key in ("ro", "readonly"))
            return [ContainerMount(mounts.inside(target), kind, None, read_only)]
    return []


def _without_host(mount: ContainerMount, kind: MountKind = "bind") -> ContainerMount:
    return ContainerMount(
        mount.server,
        kind,
        None,
        mount.read_only,
        options=mount.options,
        created_by_engine=mount.created_by_engine and kind == "bind",
    )


def _secret(text: str) -> list[ContainerMount]:
    """Podman's ``--secret``, which is a file unless its type is ``env``."""
    name, _, rest = text.partition(",")
    fields = dict(item.partition("=")[::2] for item in rest.split(",") if item)
    if fields.get("type", "mount") != "mount":
        return []
    target = posixpath.join("/run/secrets", fields.get("target", name))
    return [ContainerMount(mounts.inside(target), "config", None, True, name=name)]
