"""The file of ``--log_path``: the server appends to it from its start, and ends if it cannot be opened.

Source: configure_logger (logging.cpp, all releases) creates spdlog's basic_file_sink, whose constructor throws;
Server::start (server.cpp) logs the exception and returns 1. spdlog 1.15 (OVMS since v2025.3) creates the missing
directories (file_helper-inl.h), spdlog 1.4 does not.
"""

from __future__ import annotations

import errno
import os
import posixpath

from ovms_doctor.model import server_log
from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import (
    CheckWritable,
    Facts,
    Failure,
    PathStatus,
    StatPath,
    Unavailable,
    Writability,
)
from ovms_doctor.model.names import is_stock_image
from ovms_doctor.model.plan_problems import StartProblem
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.mounted_paths import is_mounted, made_by_engine
from ovms_doctor.prediction.paths import absolute

#: Directories of the images in which users other than root may write, or for which this is not known.
_NOT_ROOTS = ("/tmp", "/var/tmp", "/dev", "/proc", "/sys", "/home", "/ovms", "/run", "/var/lock", "/var/run")  # noqa: S108
#: Directories that every image has, and that belong to root (Dockerfile.ubuntu, Dockerfile.redhat, their base images).
_ROOTS = frozenset(
    ("/", "/etc", "/media", "/mnt", "/opt", "/root", "/srv", "/usr", "/var", "/var/lib", "/var/log")
)
#: Directories that every image has, in which users other than root may write.
_THERE = frozenset(("/tmp", "/var/tmp"))  # noqa: S108


def log_file_problem(deployment: Deployment, facts: Facts) -> StartProblem | None:
    """Returns how the process ends because of its log file; None if it does not, or if that is not known. Raises
    FactsMissingError."""
    arguments = deployment.arguments
    path = arguments.value("log_path") if arguments is not None else None
    if not path:
        return None
    full = absolute(path, deployment.working_directory)
    if deployment.bare_metal or is_mounted(full, deployment):
        failure = _on_host(full, deployment, facts)
    else:
        failure = _in_image(full, deployment)
    if failure is None:
        return None
    text = f"{path}: {os.strerror(failure.errno)}"
    line = server_log.LOG_NOT_OPENED(path=path, what=os.strerror(failure.errno))
    return StartProblem(
        "log_file", "INTERNAL_ERROR", 1, (line,), path=path, text=text, failure=failure, option="--log_path"
    )


def log_file_gap(deployment: Deployment, facts: Facts) -> CouldNotLook | None:
    """Returns the log file, if a question about it did not end; None otherwise. Requests no facts."""
    path = deployment.arguments.value("log_path") if deployment.arguments is not None else None
    if not path:
        return None
    full = directory = absolute(path, deployment.working_directory)
    while True:
        for question in (StatPath(directory), CheckWritable(directory)):
            answer = facts.get(question)
            if isinstance(answer, Unavailable) and answer.timed_out:
                return CouldNotLook(full, answer.reason, timed_out=True)
        if directory == "/":
            return None
        directory = posixpath.dirname(directory)


def _on_host(path: str, deployment: Deployment, facts: Facts) -> Failure | None:
    """Returns why opening the file for appending fails."""
    status = facts.ask(StatPath(path))
    if isinstance(status, Unavailable):
        return None
    if isinstance(status, PathStatus):
        if status.kind == "directory":
            return Failure(errno.EISDIR)
        if status.kind != "regular":
            return None
        rights = facts.ask(CheckWritable(path))
        return _not_writable(rights) if isinstance(rights, Writability) else None
    if not status.missing:
        return status
    return _created(path, deployment, facts)


def _created(path: str, deployment: Deployment, facts: Facts) -> Failure | None:
    """Returns why the file, or a directory on the way to it, cannot be created."""
    parent = directory = posixpath.dirname(path) or "/"
    while True:
        status = facts.ask(StatPath(directory))
        if not (isinstance(status, Failure) and status.errno == errno.ENOENT) or directory == "/":
            break
        if made_by_engine(directory, deployment):
            return None if deployment.user.uid == 0 else Failure(errno.EACCES)
        directory = posixpath.dirname(directory)
    if isinstance(status, Failure):
        return status
    if not isinstance(status, PathStatus):
        return None
    if status.kind != "directory":
        return Failure(errno.ENOTDIR)
    missing = directory != parent
    if missing and not _makes_directories(deployment.release):
        return Failure(errno.ENOENT)
    rights = facts.ask(CheckWritable(directory))
    if not isinstance(rights, Writability):
        return None
    failure = _not_writable(rights)
    if failure is not None and missing:
        # The directory is not created, so the file cannot be opened.
        return Failure(errno.ENOENT)
    return failure


def _not_writable(rights: Writability) -> Failure | None:
    if rights.read_only:
        return Failure(errno.EROFS)
    if rights.writable and (rights.kind != "directory" or rights.searchable):
        return None
    return Failure(errno.EACCES)


def _makes_directories(release: Release) -> bool:
    """Whether spdlog creates missing directories: since 1.15 (WORKSPACE, v2025.3)."""
    return release.at_least(2025, 3)


def _in_image(path: str, deployment: Deployment) -> Failure | None:
    """Returns why it fails in the image's own file system, whose directories belong to root; None if that is not
    known."""
    container = deployment.container
    if container is not None and (
        container.user_namespace
        or "user" in container.unknown_fields
        or "mounts" in container.unknown_fields
        or not is_stock_image(container.image)
    ):
        return None
    if container is None and not deployment.mounts:
        return None
    parent = posixpath.dirname(path) or "/"
    if container is not None and container.read_only_root and container.engine != "podman":
        # Podman mounts tmpfs over some.
        if parent in _THERE:
            return Failure(errno.EROFS)
        if posixpath.dirname(parent) in _THERE:
            return Failure(errno.ENOENT)
    if any(path == top or path.startswith(f"{top}/") for top in _NOT_ROOTS):
        return None
    if container is not None and container.read_only_root:
        return Failure(errno.EROFS if parent in _ROOTS else errno.ENOENT)
    if deployment.user.uid == 0:
        # Root may not write either if the directory is missing and spdlog does not create it.
        known = parent in _ROOTS or _makes_directories(deployment.release)
        return None if known or parent.count("/") > 1 else Failure(errno.ENOENT)
    return Failure(errno.EACCES if parent in _ROOTS else errno.ENOENT)
