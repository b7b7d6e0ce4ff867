"""Whether a server path is in a mount, and whether the engine creates it."""

from __future__ import annotations

from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.mounts import covering


def is_mounted(absolute_path: str, deployment: Deployment) -> bool:
    """Whether something is mounted at the path or above it."""
    container = deployment.container
    return deployment.mount_table.mount_of(absolute_path) is not None or bool(
        container is not None and covering(container.mounts, absolute_path)
    )


def made_by_engine(absolute_path: str, deployment: Deployment) -> bool:
    """Whether the container's engine creates a missing path on the host (``-v``), with root as the owner."""
    container = deployment.container
    if container is None or container.user_namespace:
        return False
    return any(
        mount.server.rstrip("/") == absolute_path.rstrip("/") and mount.created_by_engine
        for mount in container.mounts
    )
