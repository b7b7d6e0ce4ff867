"""Base paths of a configuration file that name directories of a container, without ``--mount``.

This is not a rule of the server: without ``--mount`` it is not known which directory of this host the container has at
such a path, and the missing path on this host proves nothing.
"""

from __future__ import annotations

import posixpath

from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Facts, PathStatus, StatPath

#: Of deeper paths only the last names are compared with this host's directories.
_DEPTH = 12


def unmapped(path: str, deployment: Deployment, facts: Facts) -> CouldNotLook | None:
    """Returns why ``path``, which does not exist here, can exist for the server; None if this host decides.

    The path is absolute. It is this host's path if the directory above it exists. Else it is a path of a container,
    unless the server runs on this host or its mounts are known. Raises FactsMissingError.
    """
    by_user = deployment.container is None and deployment.arguments is None and not deployment.mounts
    config = deployment.config_path
    names = [name for name in path.split("/") if name]
    if not by_user or deployment.bare_metal or config is None or not path.startswith("/") or len(names) < 2:
        return None
    if isinstance(facts.ask(StatPath(posixpath.dirname("/" + "/".join(names)))), PathStatus):
        return None
    mount = _mount(names, config, facts)
    top = f"/{names[0]}" if mount is None else mount.rpartition(":")[2]
    reason = f"no --mount maps {top}, a path inside the container, to a directory of this host"
    return CouldNotLook(path, reason, mount=mount or f"DIRECTORY:{top}")


def _mount(names: list[str], config: str, facts: Facts) -> str | None:
    """Returns the mount with which the longest end of the path exists next to the configuration file or one level
    above it."""
    beside = posixpath.dirname(config)
    found = {}
    for start in range(max(len(names) - _DEPTH, 0), len(names)):
        found[start, beside] = posixpath.join(beside, *names[start:])
        if start < len(names) - 1:
            # One level above, a single name is not specific enough.
            above = posixpath.dirname(beside)
            found[start, above] = posixpath.join(above, *names[start:])
    facts.need(StatPath(each) for each in found.values())
    for (start, top), candidate in found.items():
        status = facts.ask(StatPath(candidate))
        if isinstance(status, PathStatus) and status.kind == "directory":
            # Users usually mount the first directory of a path in a container.
            host = posixpath.join(top, *names[:1]) if start == 0 else top
            return f"{host}:/{'/'.join(names[: max(start, 1)])}"
    return None
