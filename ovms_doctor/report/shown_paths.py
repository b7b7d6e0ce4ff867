"""Where what the server names lies on this host."""

from __future__ import annotations

import re

from ovms_doctor.report.model import Report

_REMOTE = re.compile(r"[a-z][a-z0-9+]*://")


def host_path(server_path: str, report: Report) -> str | None:
    """Where the server's path lies on this host, by the longest known prefix; None for remote storage."""
    if _REMOTE.match(server_path):
        return None
    known = dict(report.host_paths)
    if server_path in known:
        return known[server_path]
    path = server_path
    if report.deployment is not None:
        known.update((mount.server, mount.host) for mount in report.deployment.mounts)
        if not path.startswith("/"):
            path = f"{report.deployment.working_directory.rstrip('/')}/{path}"
    for prefix in sorted(known, key=len, reverse=True):
        below = prefix.rstrip("/")
        if path == prefix or path.startswith(below + "/"):
            return known[prefix].rstrip("/") + path[len(below) :] or "/"
    return path
