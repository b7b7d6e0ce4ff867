"""The paths on this host of paths that the server uses."""

from __future__ import annotations

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.report.model import Report

_REMOTE = lazy_pattern(r"[a-z][a-z0-9+]*://")


def host_path(server_path: str, report: Report) -> str | None:
    """Returns the host path of a server path, None for remote storage."""
    if _REMOTE.match(server_path):
        return None
    return server_path if report.deployment is None else report.deployment.host_path(server_path)
