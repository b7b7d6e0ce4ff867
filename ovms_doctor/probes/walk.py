"""Resolves a server path, step by step as the kernel does (path_resolution(7)).

One stat(2) is not enough because the server's tree is not this host's: a link must be followed in the server's tree,
whose mounts have other paths here; rights count from the roots downwards; and a denial must be reported with the path
where it happens. If this process has the server's ids, the kernel still decides whether a step is allowed: every step
is a separate system call.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.model.facts import Failure, Unavailable
from ovms_doctor.model.mounts import MountTable, components, join, plain, prefix_length
from ovms_doctor.probes.access import Judge, links_are_protected, may_follow, own_access_denied
from ovms_doctor.probes.resolved_path import ResolvedPath

#: MAXSYMLINKS, PATH_MAX and NAME_MAX of Linux; PATH_MAX counts the NUL at the end.
MAX_LINKS, MAX_PATH, MAX_NAME = 40, 4096, 255

Stop: TypeAlias = Failure | Unavailable


class BasePaths(Struct, frozen=True):
    """The start directories of walks.

    ``roots`` and ``mounts``: by the names of their server path.
    ``entered``: the host path of the one that is this process's working directory; empty if none is.
    """

    roots: dict[tuple[str, ...], ResolvedPath | Stop]
    mounts: dict[tuple[str, ...], ResolvedPath | Stop]
    entered: str = ""


def open_bases(
    roots: Sequence[str], table: MountTable, *, hold: bool, stuck: Mapping[str, str] | None = None
) -> BasePaths:
    """Opens the roots and mounts with the present rights of this process.

    ``hold``: whether to keep a descriptor of each (O_PATH: it is not opened for reading), so that it stays reachable
        after this process gives up the right to search its parents. The descriptors stay open until the process ends.
    ``stuck``: the roots and mounts whose file system does not answer, with the reason; they are not opened.
    """
    opened: dict[str, ResolvedPath | Stop] = {}
    for server in (*roots, *(mount.server for mount in table.mounts)):
        host = table.to_host(server)
        if stuck and server in stuck:
            opened[server] = Unavailable(stuck[server], timed_out=True)
        elif host is not None and "\0" not in host:
            opened[server] = _open_base(server, host, mapped=bool(table.mounts), hold=hold)
    return BasePaths(
        {tuple(plain(root)): opened[root] for root in roots if root in opened},
        {
            tuple(plain(mount.server)): opened[mount.server]
            for mount in table.mounts
            if mount.server in opened
        },
    )


def enter_one(bases: BasePaths) -> BasePaths:
    """Makes the first directory of the roots and mounts this process's working directory: the kernel resolves a path
    below it in half the time of a path through its descriptor. Its own path stays the one with the descriptor: the name
    ``.`` needs the right to search it."""
    for base in (*bases.roots.values(), *bases.mounts.values()):
        if isinstance(base, ResolvedPath) and base.is_directory:
            try:
                os.chdir(base.host)
            except OSError:
                return bases
            return replace(bases, entered=base.host)
    return bases


class Walker:
    """Resolves paths. It caches the directories that it has read, so one walker shows the state at one time."""

    def __init__(self, bases: BasePaths, judge: Judge) -> None:
        self._bases = bases
        self._judge = judge
        self._protected = links_are_protected()
        self._directories: dict[tuple[str, ...], ResolvedPath | Stop] = {}
        #: Directories found under their own paths: no link is on the way to them.
        self._plain: dict[str, ResolvedPath] = {}
        self._begins = {"/" + "/".join(names) for names in (*bases.roots, *bases.mounts)}
        # For these, ``..`` is not the part before the last slash.
        self._tops = {
            base.host
            for base in (*bases.roots.values(), *bases.mounts.values())
            if isinstance(base, ResolvedPath)
        }

    def find(self, path: str) -> ResolvedPath | Stop:
        """Returns the path that stat(2) of ``path`` would reach, or how it fails."""
        known = self._plain.get(path)
        if known is not None:
            return known
        try:
            raw = os.fsencode(path)
        except UnicodeEncodeError:
            return Unavailable("the path cannot be expressed in this host's file system encoding")
        if b"\0" in raw:
            return Unavailable("the path holds a NUL character")
        if not raw:
            return Failure(errno.ENOENT)
        if not path.startswith("/"):
            return Unavailable("the path is relative to a directory that is not known")
        if len(raw) >= MAX_PATH:
            return Failure(errno.ENAMETOOLONG)
        above, _, name = path.rpartition("/")
        directory = self._plain.get(above)
        if directory is None or name in ("", ".", "..") or path in self._begins:
            names = components(path)
            resolved = self._walk(names)
            self._keep_plain(above, self._directories.get(tuple(names[:-1])))
        else:
            resolved = self._step(directory, name)
            if isinstance(resolved, ResolvedPath) and stat.S_ISLNK(resolved.mode):
                resolved = self._advance(directory, [name], final=True)
        self._keep_plain(path, resolved)
        return resolved

    def _keep_plain(self, path: str, resolved: ResolvedPath | Stop | None) -> None:
        """Keeps a directory that was found under its own path, for lookups of its entries."""
        if (
            isinstance(resolved, ResolvedPath)
            and resolved.is_directory
            and not resolved.linked
            and resolved.server == path
        ):
            self._plain[path] = resolved

    def _walk(self, names: list[str]) -> ResolvedPath | Stop:
        """Returns the resolved path for an absolute path of these names."""
        base, used = self._start(names)
        last = len(names) - 1 if names and names[-1] else len(names) - 2
        if last < used:
            return self._advance(base, names[used:], final=True)
        return self._advance(self._directory(names[:last], base, used), names[last:], final=True)

    def base_of(self, path: str) -> tuple[str, ResolvedPath, list[str]] | None:
        """Returns the root, else the mount, that contains ``path`` by its text: its server path, its resolved path,
        and the names from there on."""
        names = components(path)
        for bases in (self._bases.roots, self._bases.mounts):
            fitting = [
                (len(base), base, used) for base in bases if (used := prefix_length(names, base)) is not None
            ]
            if fitting:
                _, base, used = max(fitting)
                resolved = bases[base]
                return (
                    ("/" + "/".join(base), resolved, names[used:])
                    if isinstance(resolved, ResolvedPath)
                    else None
                )
        return None

    def beginning(self, host: str) -> str:
        """Returns the beginning of the host paths of the entries of a directory with this host path."""
        return "." if host == self._bases.entered else host

    def _start(self, names: Sequence[str]) -> tuple[ResolvedPath | Stop, int]:
        """Returns the start of an absolute path, and how many of its names lead to it."""
        best: tuple[ResolvedPath | Stop, int] | None = None
        length = -1
        for root, resolved in self._bases.roots.items():
            used = prefix_length(names, root)
            if used is not None and len(root) > length:
                best, length = (resolved, used), len(root)
        if best is not None:
            return best
        if self._bases.mounts:
            return self._mounted("/", ()), 0
        return _stat("/", "/"), 0

    def _directory(self, names: Sequence[str], base: ResolvedPath | Stop, used: int) -> ResolvedPath | Stop:
        """Returns the directory of the first names of a path; each prefix is looked up once."""
        known = len(names)
        while known > used and tuple(names[:known]) not in self._directories:
            known -= 1
        resolved = base if known == used else self._directories[tuple(names[:known])]
        for end in range(known + 1, len(names) + 1):
            resolved = self._advance(resolved, [names[end - 1]], final=False)
            self._directories[tuple(names[:end])] = resolved
        return resolved

    def _advance(
        self, start: ResolvedPath | Stop, names: Sequence[str], *, final: bool
    ) -> ResolvedPath | Stop:
        """Continues from ``start``; ``final``: whether the last of the names is the last of the whole path."""
        resolved = start
        left = list(reversed(names))
        while left:
            if not isinstance(resolved, ResolvedPath):
                return _further(resolved, reversed(left))
            name = left.pop()
            if not name:
                if not resolved.is_directory:
                    return Failure(errno.ENOTDIR)
                continue
            found = self._step(resolved, name)
            if isinstance(found, ResolvedPath) and stat.S_ISLNK(found.mode):
                at_end = final and not any(left)
                followed = self._follow(resolved, found, at_end=at_end)
                if not isinstance(followed, tuple):
                    return followed
                resolved, rest = followed
                left.extend(reversed(rest))
            else:
                resolved = found
        return resolved

    def _step(self, directory: ResolvedPath, name: str) -> ResolvedPath | Stop:
        """Resolves one name in one directory; a link is not followed."""
        if not directory.is_directory:
            return Failure(errno.ENOTDIR)
        if name == "..":
            server = os.path.dirname(directory.server)
        else:
            server = directory.server if name == "." else join(directory.server, name)
        if not directory.host:
            return self._mounted(server, plain(server), directory)
        denial = self._judge.denies(directory, "search")
        if denial is not None:
            return Failure(errno.EACCES, denial)
        host = join(self.beginning(directory.host), name)
        found = _lstat(server, host, directory)
        if isinstance(found, OSError) and found.errno == errno.EACCES:
            return self._judge.refused(directory, "search")
        if self._bases.mounts and self._crosses(directory, name, server):
            return self._mounted(server, plain(server), directory)
        if isinstance(found, OSError):
            return _failure(found, name)
        if name == ".":
            return directory
        return replace(found, host=self._parent(directory.host)) if name == ".." else found

    def _crosses(self, directory: ResolvedPath, name: str, server: str) -> bool:
        """Whether the step leads out of the mount whose top is ``directory``, or into another."""
        entered = directory.server if name == ".." else server
        return name != "." and tuple(plain(entered)) in self._bases.mounts

    def _mounted(
        self, server: str, names: Sequence[str], link: ResolvedPath | None = None
    ) -> ResolvedPath | Stop:
        """Returns a path of the server's tree as the mounts create it."""
        names = tuple(names)
        followed, linked = (link.followed, link.linked) if link else (0, False)
        for length in range(len(names), -1, -1):
            base = self._bases.mounts.get(names[:length])
            if base is not None:
                if isinstance(base, ResolvedPath):
                    base = replace(base, followed=followed, linked=linked)
                return self._advance(base, names[length:], final=False)
        if any(mount[: len(names)] == names for mount in self._bases.mounts):
            return ResolvedPath(server, "", stat.S_IFDIR | 0o755, 0, 0, 0, followed, linked)
        return outside(server)

    def _follow(
        self, directory: ResolvedPath, link: ResolvedPath, *, at_end: bool
    ) -> tuple[ResolvedPath | Stop, list[str]] | Stop:
        """Returns the start of a link's target, and the names from there on."""
        followed = directory.followed + 1
        if followed > MAX_LINKS:
            return Failure(errno.ELOOP)
        # Only the link at the end of a path is protected (fs/namei.c pick_link, WALK_TRAILING).
        protected = self._protected and at_end
        if protected and not may_follow(self._judge.ids.uid, link.uid, directory.mode, directory.uid):
            return Failure(errno.EACCES)
        try:
            target = os.readlink(link.host)
        except OSError as error:
            return _failure(error, "")
        names = components(target)
        if not target.startswith("/"):
            return replace(directory, followed=followed, linked=True), names
        start, used = self._start(names)
        if isinstance(start, ResolvedPath):
            start = replace(start, followed=followed, linked=True)
        return start, names[used:]

    def _parent(self, host: str) -> str:
        # Through a descriptor the parents have no names here, and the user may not reach them by their names.
        if host in self._tops or host.endswith("/.."):
            return host + "/.." if host != "/" else host
        above = os.path.dirname(host)
        return self._bases.entered if above == "." else above


def outside(server: str) -> Unavailable:
    """Returns that ``server`` is in the container's own layers, which cannot be read from this host."""
    return Unavailable(
        f"not under any mount, so it is in the container's own layers: {server}", outside=server
    )


def _further(stop: Stop, names: Iterable[str]) -> Stop:
    """Returns the stop of a walk with its remaining names; for a path under no mount, all names."""
    left = [name for name in names if name]
    if not isinstance(stop, Unavailable) or stop.outside is None or not left:
        return stop
    return outside(os.path.normpath(join(stop.outside, "/".join(left))))


def _open_base(server: str, host: str, *, mapped: bool, hold: bool) -> ResolvedPath | Stop:
    try:
        real = os.path.realpath(host)
        reach = f"/proc/self/fd/{os.open(host, os.O_PATH | os.O_CLOEXEC)}" if hold else real
        status = os.stat(reach)
    except OSError as error:
        if error.errno == errno.EACCES:
            return own_access_denied(_barrier(os.path.realpath(host)), "search")
        return _failure(error, "")
    plain_path = "/" + "/".join(plain(server))
    linked = not mapped and real != plain_path
    return ResolvedPath(
        real if linked else plain_path,
        reach,
        status.st_mode,
        status.st_uid,
        status.st_gid,
        status.st_size,
        linked=linked,
    )


def _barrier(path: str) -> str:
    """Returns the first directory on the way to ``path`` that this process may not search."""
    names = plain(path)
    for length in range(1, len(names) + 1):
        try:
            os.lstat("/" + "/".join(names[:length]))
        except PermissionError:
            return "/" + "/".join(names[: length - 1])
        except OSError:
            break
    return path


def _stat(server: str, host: str) -> ResolvedPath | Stop:
    try:
        status = os.stat(host)
    except OSError as error:
        return _failure(error, "")
    return ResolvedPath(server, host, status.st_mode, status.st_uid, status.st_gid, status.st_size)


def _lstat(server: str, host: str, link: ResolvedPath) -> ResolvedPath | OSError:
    try:
        status = os.lstat(host)
    except OSError as error:
        return error
    return ResolvedPath(
        server, host, status.st_mode, status.st_uid, status.st_gid, status.st_size, link.followed, link.linked
    )


def _failure(error: OSError, name: str) -> Stop:
    number = error.errno or errno.EIO
    if number == errno.ENAMETOOLONG and len(os.fsencode(name)) <= MAX_NAME:
        return Unavailable("the path is longer than this host allows")
    return Failure(number)
