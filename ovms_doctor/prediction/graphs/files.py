"""Graphs of MediaPipe: whether the server finds a graph.pbtxt, and whether it can open the file (modelmanager.cpp
CheckStartFromGraph, mediapipegraphdefinition.cpp). The content of a graph is not followed."""

from __future__ import annotations

from collections.abc import Iterable

from ovms_doctor.model import server_log
from ovms_doctor.model.causes import SpecialFile
from ovms_doctor.model.facts import (
    Facts,
    Failure,
    ListDirectory,
    Listing,
    PathStatus,
    ReadFile,
    StatPath,
    Unavailable,
)
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.plan_problems import GraphFault
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.paths import absolute
from ovms_doctor.prediction.versions import DetectionError

_INVALID = "MEDIAPIPE_GRAPH_CONFIG_FILE_INVALID"


def graph_files(base_path: str) -> tuple[str, str]:
    """Returns the paths at which the server searches for graph.pbtxt below a base path that is named itself
    (``--model_path``)."""
    return f"{base_path}/graph.pbtxt", f"{base_path}/1/graph.pbtxt"


def find_graph(files: Iterable[str], working_directory: str, facts: Facts) -> str | SpecialFile | None:
    """Applies ``CheckStartFromGraph``: returns the first of ``files``, the server's paths in its order, that an
    ifstream opens.

    A directory that may be read opens too; a FIFO blocks the server, and is returned as SpecialFile. Raises
    FactsMissingError, DetectionError.
    """
    everywhere = {path: absolute(path, working_directory) for path in files if not is_remote(path)}
    local = {path: full_path for path, full_path in everywhere.items() if not is_unlisted(full_path, facts)}
    facts.need(StatPath(absolute_path) for absolute_path in local.values())
    for path, absolute_path in local.items():
        status = facts.ask(StatPath(absolute_path))
        if not isinstance(status, PathStatus):
            continue
        if status.kind == "fifo":
            return SpecialFile(path, "fifo")
        opened = facts.ask(
            ListDirectory(absolute_path) if status.kind == "directory" else ReadFile(absolute_path, 1)
        )
        if isinstance(opened, Unavailable):
            raise DetectionError(path, opened)
        if not isinstance(opened, Failure):
            return path
    return None


def is_unlisted(absolute_path: str, facts: Facts) -> bool:
    """Whether no file can be opened at a path, because the list of its directory, if that was collected, does not have
    its name. Some file systems ignore the case of names."""
    directory, _, name = absolute_path.rpartition("/")
    listing = facts.get(ListDirectory(directory))
    if not isinstance(listing, Listing) or not name.isascii() or name in ("", ".", ".."):
        return False
    if facts.has_mount_below(directory):
        return False
    return name.casefold() not in [entry.name.casefold() for entry in listing.entries]


def open_graph(
    name: str, path: str, working_directory: str, release: Release, facts: Facts
) -> GraphFault | SpecialFile | None:
    """Applies ``validateForConfigFileExistence`` and the next steps: returns why the graph ``name`` of ``path`` is not
    loaded, None if the file opens and is not empty. Raises FactsMissingError, DetectionError."""
    absolute_path = absolute(path, working_directory)
    status = facts.ask(StatPath(absolute_path))
    if isinstance(status, Unavailable):
        raise DetectionError(path, status)
    if isinstance(status, Failure):
        return _not_opened(name, path, status)
    if status.kind == "fifo":
        return SpecialFile(path, "fifo")
    if status.kind == "socket":
        return GraphFault(path, "missing", "FILE_INVALID", (_line(name, path),))
    opened = facts.ask(
        ListDirectory(absolute_path) if status.kind == "directory" else ReadFile(absolute_path, 1)
    )
    if isinstance(opened, Unavailable):
        raise DetectionError(path, opened)
    if isinstance(opened, Failure):
        return _not_opened(name, path, opened)
    if status.kind == "directory":
        # A directory can be opened. Its reported size depends on the file system, and so does the failure.
        return GraphFault(path, "directory", _INVALID, ())
    if status.size == 0 and release.at_least(2023, 1):
        return GraphFault(path, "empty", _INVALID, (server_log.GRAPH_EMPTY(name=name),))
    return None


def _not_opened(name: str, path: str, failure: Failure) -> GraphFault:
    return GraphFault(
        path, "missing" if failure.missing else "denied", "FILE_INVALID", (_line(name, path),), failure
    )


def _line(name: str, path: str) -> str:
    # The server's own message ends a line.
    return server_log.GRAPH_NOT_OPENED(name=name, path=path) + "\n"
