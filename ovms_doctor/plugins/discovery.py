"""Finds the installed third-party checks: reads their metadata and runs none of their code.

Every run imports this module, and most hosts have no such check: the parser of metadata is only imported if an
installed distribution names the group.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator

from msgspec import Struct

GROUP = "ovms_doctor.checks"

_MARK = GROUP.encode("ascii")
_METADATA = (".dist-info", ".egg-info")
#: Maximum size in bytes of a file with entry points.
_LARGEST = 1 << 20


class Plugin(Struct, frozen=True):
    """One entry point."""

    #: The check's name.
    name: str
    #: The distribution that offers it.
    distribution: str
    #: The version of the distribution.
    version: str
    #: The object that the entry point names, ``module:attribute``.
    target: str


def installed(path: list[str] | None = None) -> tuple[Plugin, ...]:
    """Returns the third-party checks in the directories of ``path`` (else of :func:`safe_path`), in stable order.

    Of a distribution that is installed twice, the first on the path counts, as in Python. Unreadable metadata is
    skipped.
    """
    found: dict[str, list[Plugin]] = {}
    for directory in _naming_the_group(safe_path() if path is None else path):
        key, plugins = _read(directory)
        found.setdefault(key, plugins)
    every = (plugin for plugins in found.values() for plugin in plugins)
    return tuple(sorted(every, key=lambda item: (item.name, item.distribution, item.target)))


def safe_path() -> list[str]:
    """Returns the directories from which modules are imported, without the working directory: that may be an
    untrusted repository, and ``python -m`` puts it first."""
    try:
        current = os.getcwd()
    except OSError:
        current = ""
    return [directory for directory in dict.fromkeys(sys.path) if directory not in ("", current)]


def _naming_the_group(path: list[str]) -> Iterator[str]:
    for directory in path:
        try:
            names = sorted(os.listdir(directory))
        except (OSError, ValueError):
            continue
        for name in names:
            if name.endswith(_METADATA) and _names_the_group(f"{directory}/{name}/entry_points.txt"):
                yield f"{directory}/{name}"


def _names_the_group(file: str) -> bool:
    try:
        with open(file, "rb") as opened:
            return _MARK in opened.read(_LARGEST)
    except OSError:
        return False


def _read(directory: str) -> tuple[str, list[Plugin]]:
    from importlib.metadata import Distribution

    distribution = Distribution.at(directory)
    try:
        name = distribution.metadata["Name"] or os.path.basename(directory)
        version = distribution.metadata["Version"] or "unknown"
        # Extras in brackets may follow the attribute; they are obsolete.
        points = [
            Plugin(point.name, name, version, point.value.partition("[")[0].strip())
            for point in distribution.entry_points
            if point.group == GROUP
        ]
    except Exception:  # noqa: BLE001 - untrusted files; the parsers raise any exception
        return directory, []
    return re.sub(r"[-_.]+", "-", name).lower(), points
