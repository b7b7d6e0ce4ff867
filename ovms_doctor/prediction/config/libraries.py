"""The libraries that a configuration names: custom loaders and custom nodes (modelmanager.cpp createCustomLoader,
custom_node_library_manager.cpp). This program never loads them, because loading a library runs its code."""

from __future__ import annotations

import os
from typing import Any, Literal

from msgspec import Struct

from ovms_doctor.model import server_log
from ovms_doctor.model.facts import Facts, Failure, PathStatus, ReadFile, StatPath, Unavailable
from ovms_doctor.model.plan_problems import LibraryFault
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.paths import absolute, escapes, join_base_path

_ELF = b"\x7fELF"
#: The smallest header of an ELF file that the loader reads, in bytes.
_ELF_HEADER = 64


class Libraries(Struct, frozen=True):
    """The libraries of a configuration."""

    #: The libraries that cannot be opened.
    faults: tuple[LibraryFault, ...]
    #: The names of the libraries that can be opened, or for which this is not known.
    usable: frozenset[str]


class _LibraryContext(Struct, frozen=True):
    """The context for libraries: the directory to which paths are relative, and the facts."""

    root: str
    working_directory: str
    release: Release
    facts: Facts


def custom_loaders(
    document: dict[str, Any], root: str, working_directory: str, release: Release, facts: Facts
) -> Libraries:
    """Reads ``custom_loader_config_list``: of equal names, the first that opens counts. Raises FactsMissingError."""
    context = _LibraryContext(root, working_directory, release, facts)
    items = [
        (
            item["config"]["loader_name"],
            item["config"]["library_path"],
            f"/custom_loader_config_list/{index}/config",
        )
        for index, item in enumerate(document.get("custom_loader_config_list", []))
    ]
    return _all("loader", items, "library_path", context)


def node_libraries(
    document: dict[str, Any], root: str, working_directory: str, release: Release, facts: Facts
) -> Libraries:
    """Reads ``custom_node_library_config_list``. Raises FactsMissingError."""
    context = _LibraryContext(root, working_directory, release, facts)
    items = [
        (item["name"], item["base_path"], f"/custom_node_library_config_list/{index}")
        for index, item in enumerate(document.get("custom_node_library_config_list", []))
    ]
    return _all("nodes", items, "base_path", context)


def _all(
    kind: Literal["loader", "nodes"], items: list[tuple[str, str, str]], key: str, context: _LibraryContext
) -> Libraries:
    paths = [join_base_path(path_text, context.root) for _, path_text, _ in items]
    context.facts.need(
        StatPath(absolute(path, context.working_directory))
        for path in paths
        if not escapes(path, context.release)
    )
    faults = []
    usable = set()
    for (name, _, pointer), path in zip(items, paths, strict=True):
        fault = _fault(kind, name, path, f"{pointer}/{key}", context)
        if fault is None:
            usable.add(name)
        else:
            faults.append(fault)
    return Libraries(tuple(faults), frozenset(usable))


def _fault(
    kind: Literal["loader", "nodes"], name: str, path: str, pointer: str, context: _LibraryContext
) -> LibraryFault | None:
    if escapes(path, context.release):
        log = (server_log.PATH_ESCAPES(path=path),)
        return LibraryFault(kind, name, path, pointer, log, "escapes")
    if kind == "nodes" and not path.startswith("/"):
        log = (server_log.LIBRARY_RELATIVE(path=path, name=name),)
        return LibraryFault(kind, name, path, pointer, log, "relative")
    absolute_path = absolute(path, context.working_directory)
    status = context.facts.ask(StatPath(absolute_path))
    if isinstance(status, Unavailable):
        return None
    if isinstance(status, Failure):
        return _not_opened(kind, name, path, pointer, status)
    return _content_fault(kind, name, path, pointer, absolute_path, status, context.facts)


def _content_fault(
    kind: Literal["loader", "nodes"],
    name: str,
    path: str,
    pointer: str,
    absolute_path: str,
    status: PathStatus,
    facts: Facts,
) -> LibraryFault | None:
    """Returns the fault of a file that dlopen(3) cannot load, by its first bytes; None for another file."""
    error = None
    if status.kind == "directory":
        error = f"{path}: cannot read file data: Is a directory"
    elif status.kind == "regular":
        head = facts.ask(ReadFile(absolute_path, _ELF_HEADER))
        if isinstance(head, Failure):
            return _not_opened(kind, name, path, pointer, head)
        if isinstance(head, Unavailable):
            return None
        if len(head.data) < _ELF_HEADER:
            error = f"{path}: file too short"
        elif not head.data.startswith(_ELF):
            error = f"{path}: invalid ELF header"
    if error is None:
        return None
    return LibraryFault(kind, name, path, pointer, (_line(kind, name, path, error),), "not_a_library")


def _not_opened(
    kind: Literal["loader", "nodes"], name: str, path: str, pointer: str, failure: Failure
) -> LibraryFault:
    error = f"{path}: cannot open shared object file: {os.strerror(failure.errno)}"
    problem: Literal["missing", "denied"] = "missing" if failure.missing else "denied"
    return LibraryFault(kind, name, path, pointer, (_line(kind, name, path, error),), problem, failure)


def _line(kind: Literal["loader", "nodes"], name: str, path: str, error: str) -> str:
    if kind == "loader":
        return server_log.LOADER_NOT_OPENED(what=f"{path} {error}")
    return server_log.LIBRARY_NOT_OPENED(name=name, path=path, error=error)
