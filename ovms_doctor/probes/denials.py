"""All rights that a model needs and the server's user lacks below a directory, found together.

The server's user has no access below the first inaccessible directory. This process may have more rights; it computes
the user's access from the rights of the directories and files.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator

from ovms_doctor.model.facts import Denial, Denials, ListDenials
from ovms_doctor.probes.access import Ids, PredictedAccess
from ovms_doctor.probes.resolved_path import ResolvedPath
from ovms_doctor.probes.walk import Walker

#: The most entries that are checked, the most directory levels, and the most denials that are returned.
_MOST_ENTRIES, _DEEPEST, _MOST = 5000, 8, 200
#: Seconds after which no further directory is opened.
_PATIENCE = 3.0
#: Suffixes of the files that the server passes to OpenVINO, or reads in addition.
_SUFFIXES = (".xml", ".bin", ".onnx", ".pdmodel", ".pdiparams", ".pb", ".tflite", ".pbtxt")
_NAMES = ("mapping_config.json",)


def list_denials(question: ListDenials, walker: Walker) -> Denials:
    """Returns the directories and files below ``question.top`` that the user cannot enter, list or read; upper ones
    first.

    Only the parts of a model count: files that the server reads, and the directories on the way to them. Links are
    not followed.
    """
    search = _Search(walker, PredictedAccess(Ids(question.uid, question.gid, question.groups)))
    for path in _between(question.top, question.path):
        resolved = walker.find(path)
        if isinstance(resolved, ResolvedPath) and resolved.is_directory:
            search.judge_directory(resolved)
    resolved = walker.find(question.path)
    if isinstance(resolved, ResolvedPath) and resolved.is_directory:
        search.walk(resolved, 0)
        if question.path != question.top:
            search.judge_directory(resolved)
    more = search.cut_off or max(len(search.directories), len(search.files)) > _MOST
    return Denials(_ordered(search.directories), _ordered(search.files), more)


def _ordered(denials: list[Denial]) -> tuple[Denial, ...]:
    return tuple(sorted(dict.fromkeys(denials), key=lambda item: item.path.split("/"))[:_MOST])


def _between(top: str, path: str) -> Iterator[str]:
    """Yields the directories below ``top`` on the way to ``path``, without both."""
    start = top.rstrip("/") + "/"
    if not path.startswith(start):
        return
    names = path[len(start) :].rstrip("/").split("/")
    for number in range(1, len(names)):
        yield start + "/".join(names[:number])


class _Search:
    """One search through a tree."""

    def __init__(self, walker: Walker, judge: PredictedAccess) -> None:
        self._walker = walker
        self._judge = judge
        self._left = _MOST_ENTRIES
        self._end = time.monotonic() + _PATIENCE
        self.directories: list[Denial] = []
        self.files: list[Denial] = []
        #: Whether a part of the tree was not searched.
        self.cut_off = False

    def judge_directory(self, resolved: ResolvedPath) -> None:
        """Notes a directory that the user cannot enter or list."""
        denial = self._judge.denies(resolved, "search") or self._judge.denies(resolved, "read")
        if denial is not None:
            self.directories.append(denial)

    def walk(self, directory: ResolvedPath, depth: int) -> bool:
        """Notes the denials below ``directory``; returns whether it contains a model, or a part of one."""
        needed = False
        for name, is_directory in self._entries(directory, depth):
            if not (is_directory or name.endswith(_SUFFIXES) or name in _NAMES):
                continue
            resolved = self._walker.find(f"{directory.server.rstrip('/')}/{name}")
            if not isinstance(resolved, ResolvedPath) or not resolved.host:
                continue
            if is_directory:
                if self.walk(resolved, depth + 1):
                    needed = True
                    self.judge_directory(resolved)
            elif stat.S_ISREG(resolved.mode):
                needed = True
                denial = self._judge.denies(resolved, "read")
                if denial is not None:
                    self.files.append(denial)
        return needed

    def _entries(self, directory: ResolvedPath, depth: int) -> list[tuple[str, bool]]:
        """Returns the names in a directory that may matter, and whether each is a directory; empty if this process
        cannot list it."""
        if depth > _DEEPEST or self._left <= 0 or time.monotonic() > self._end:
            self.cut_off = True
            return []
        entries = []
        try:
            with os.scandir(directory.host) as found:
                for entry in found:
                    self._left -= 1
                    if self._left <= 0:
                        self.cut_off = True
                        break
                    if not entry.is_symlink() and not entry.name.startswith("."):
                        entries.append((entry.name, entry.is_dir(follow_symlinks=False)))
        except OSError:
            return []
        return sorted(entries)
