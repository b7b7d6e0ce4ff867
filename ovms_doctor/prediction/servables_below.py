"""Servables below a base path in which the server finds nothing.

This is not a rule of the server, which does not search deeper: a base path is often one level too high, and remedies
name the directory below it.
"""

from __future__ import annotations

from typing import Literal

from ovms_doctor.model.facts import Facts, ListDirectory, Listing, PathStatus, StatPath
from ovms_doctor.model.model_files import has_model_file, is_generative
from ovms_doctor.model.mounts import join
from ovms_doctor.model.names import is_plain_number, is_tool_directory
from ovms_doctor.model.plan_problems import ServableBelow

#: The largest number of directories that are listed; a model of an organisation is two levels deep.
_ENTRIES, _LEVELS, _FOUND = 32, 2, 8


def servables_below(base_path: str, absolute_path: str, facts: Facts) -> tuple[ServableBelow, ...]:
    """Returns the directories below a base path that can be served, two levels deep and at most eight; none if the base
    path contains files of a model itself. ``base_path``: the path as configured; ``absolute_path``: the same path,
    absolute. Raises FactsMissingError."""
    listing = facts.ask(ListDirectory(absolute_path))
    if not isinstance(listing, Listing) or has_model_file(_files(listing)):
        return ()
    found: list[ServableBelow] = []
    level: list[tuple[str, Listing]] = [("", listing)]
    for _ in range(_LEVELS):
        names = [_below(above, name) for above, each in level for name in _directories(each)]
        listed = _listed(absolute_path, names[:_ENTRIES], facts)
        # A directory with numbers as names in it is a model only if one of them contains a model: logs have numbers
        # too.
        versions = {name: _versions(each) for name, each in listed}
        paths = [_below(name, number) for name, numbers in versions.items() for number in numbers]
        good = {name for name, each in _listed(absolute_path, paths, facts) if has_model_file(_files(each))}
        level = []
        for name, each in listed:
            kind = _kind_of(_files(each))
            if kind is None and any(_below(name, number) in good for number in versions[name]):
                kind = "model"
            if kind is None:
                level.append((name, each))
            else:
                found.append(ServableBelow(join(base_path.rstrip("/") or "/", name), kind))
    return tuple(found[:_FOUND])


def _kind_of(files: frozenset[str]) -> Literal["graph", "generative", "model"] | None:
    """Returns how a directory with these files can be served; None if this depends on its versions."""
    if "graph.pbtxt" in files:
        return "graph"
    return "generative" if is_generative(files) else None


def _versions(listing: Listing) -> list[str]:
    """Returns the first version directories."""
    return [name for name in _directories(listing) if is_plain_number(name)][:2]


def _files(listing: Listing) -> frozenset[str]:
    return frozenset(entry.name for entry in listing.entries if entry.kind != "directory")


def _directories(listing: Listing) -> list[str]:
    """Returns the names that can be directories, in order."""
    kinds = ("directory", "link", "unknown")
    names = (entry.name for entry in listing.entries if entry.kind in kinds)
    return sorted(name for name in names if not is_tool_directory(name))


def _listed(absolute_path: str, names: list[str], facts: Facts) -> list[tuple[str, Listing]]:
    """Returns the listings of the names that are directories and can be listed."""
    paths = {name: join(absolute_path.rstrip("/") or "/", name) for name in names}
    facts.need(StatPath(path) for path in paths.values())
    directories = {}
    for name, path in paths.items():
        status = facts.ask(StatPath(path))
        if isinstance(status, PathStatus) and status.kind == "directory":
            directories[name] = path
    facts.need(ListDirectory(path) for path in directories.values())
    answers = {name: facts.ask(ListDirectory(path)) for name, path in directories.items()}
    return [(name, answer) for name, answer in answers.items() if isinstance(answer, Listing)]


def _below(above: str, name: str) -> str:
    """Returns the path of a name below a directory, relative to the base path; the base path itself is empty."""
    return f"{above}/{name}" if above else name
