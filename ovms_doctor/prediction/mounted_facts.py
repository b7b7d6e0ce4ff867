"""The file system outside of the mounts for a server in a container: that of the image, and nothing of the host's.

The image cannot be read. But OVMS's images contain the tree of their base image, /ovms and /licenses
(Dockerfile.ubuntu, Dockerfile.redhat at each tag); so no other path exists there, even if this host has the same path.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from typing import TypeVar, cast

from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    CheckWritable,
    Entry,
    EntryKind,
    Facts,
    Failure,
    ListDirectory,
    Listing,
    PathStatus,
    Question,
    ReadFile,
    StatHost,
    StatPath,
    Unavailable,
)
from ovms_doctor.model.names import is_remote, is_stock_image
from ovms_doctor.model.plan_problems import OutsideMounts
from ovms_doctor.prediction.engine_start import always_directories, as_made, is_missing, may_be_created

A = TypeVar("A")

#: The directories at the top of the images, of every release and base image.
_TOP = frozenset(
    "afs bin boot dev drivers etc home lib lib32 lib64 libx32 licenses lost+found media mnt opt ovms proc root run "
    "sbin srv sys tmp usr var".split()
)
#: Directories whose content in the images is known; other entries of this host belong to the host alone.
_KNOWN_BELOW: dict[str, frozenset[str]] = {
    "home": frozenset(("ovms", "ubuntu")),
    "media": frozenset(),
    "mnt": frozenset(),
    "opt": frozenset(("app-root", "cache", "intel", "libusb-1.0.22")),
    "root": frozenset((".bashrc", ".cache", ".config", ".profile", "buildinfo")),
    "srv": frozenset(),
    "tmp": frozenset(),
    "var": frozenset(
        "adm backups cache crash db empty ftp games kerberos lib local lock log mail nis opt preserve run snap spool "
        "tmp yp".split()
    ),
}
_GONE = Failure(errno.ENOENT)
#: The questions about paths in the server's tree.
_ABOUT_PATHS = (StatPath, ListDirectory, ReadFile)
_ABOUT_CREATED = (*_ABOUT_PATHS, CheckWritable)


class MountedFacts(Facts):
    """The facts for a server with ``deployment``'s mounts: a path under no mount, and not in the image, does not exist.
    This is another view of the same facts: missing facts are requested from the same driver."""

    __slots__ = (
        "_container",
        "_created",
        "_directories",
        "_known",
        "_named_paths",
        "_only_asks",
        "_relative",
        "_table",
        "_unavailable",
        "_user",
    )

    def __init__(self, facts: Facts, deployment: Deployment) -> None:
        self._answers = facts._answers
        self._absent = facts._absent
        self._results = {}
        self.complete = facts.complete
        self._table = deployment.mount_table
        self._known = _known(deployment)
        self._container = deployment.container
        self._user = deployment.user
        self._created = may_be_created(deployment)
        self._directories = always_directories(deployment)
        # Paths without a mount are unavailable too; but the content of OVMS's images is known.
        self._unavailable = tuple(
            _names(item.server) for item in deployment.unavailable_paths if item.server != "/"
        )
        # Relative paths are relative to the container's directory, which is not this process's.
        named_paths = [deployment.config_path]
        if deployment.arguments is not None:
            named_paths += [deployment.arguments.config_path, deployment.arguments.model_path]
        # A container's is known: it is configured, or that of OVMS's images (Dockerfile.ubuntu, Dockerfile.redhat:
        # WORKDIR /).
        relative = deployment.container is None and any(
            path is not None and not path.startswith("/") and not is_remote(path) for path in named_paths
        )
        self._named_paths = tuple(path for path in named_paths if path is not None and path.startswith("/"))
        self._relative = _names(deployment.working_directory) if relative else None
        #: The known mounts do not decide about a path.
        self._only_asks = not (self._known or self._directories or self._created)

    def ask(self, question: Question[A]) -> A:
        """Returns the answer, as Facts.ask. Raises FactsMissingError for the host path if that decides."""
        if self._only_asks:
            known: A | None = self._answers.get(question)
            return super().ask(question) if known is None else known
        if isinstance(question, _ABOUT_PATHS):
            if self._known and self._is_absent(question.path):
                return cast(A, _GONE)
            if isinstance(question, StatPath) and question.path in self._directories:
                return cast(A, PathStatus("directory", 0))
            above = self._above_mounts(question.path)
            if above:
                return cast(A, self._as_made(question, above))
        if self._created and isinstance(question, _ABOUT_CREATED):
            made = self._in_created(question)
            if made is not None:
                return cast(A, made)
        answer = self._answers.get(question) or super().ask(question)
        if isinstance(answer, Unavailable) and answer.outside is not None and self._is_absent(answer.outside):
            # A link leads there; the server does not find the path.
            return cast(A, _GONE)
        return cast(A, answer)

    def has_mount_below(self, directory: str) -> bool:
        return bool(self._table.mounts) and self._table.has_below(directory)

    def _above_mounts(self, path: str) -> tuple[str, ...]:
        """Returns the entries of a directory that the engine creates, because mounts are below it and the image does
        not have it: the next names on the way to the mounts. Empty if the image may have it, or it is mounted.

        The runtime creates the directories above a mount with mode 0755 (runc, libcontainer/rootfs_linux.go
        ``createMountpoint``).
        """
        names = _names(path)
        if not self._known or not path.startswith("/") or not _absent_from_image(names) or ".." in names:
            return ()
        if self._table.mount_of(path) is not None or any(
            _starts_with(names, base) for base in self._unavailable
        ):
            return ()
        bases = (*(_names(mount.server) for mount in self._table.mounts), *self._unavailable)
        below = {base[len(names)] for base in bases if len(base) > len(names) and _starts_with(base, names)}
        return tuple(sorted(below, key=os.fsencode))

    def _as_made(self, question: StatPath | ListDirectory | ReadFile, entries: tuple[str, ...]) -> Answer:
        """Returns the answer about a directory above mounts. Raises FactsMissingError."""
        if isinstance(question, StatPath):
            return PathStatus("directory", 0)
        if isinstance(question, ReadFile):
            return Failure(errno.EISDIR)
        top = question.path.rstrip("/")
        paths = [StatPath(f"{top}/{name}") for name in entries]
        self.need(each for each in paths if self._table.mount_of(each.path) is not None)
        return Listing(
            tuple(Entry(name, self._kind(each)) for name, each in zip(entries, paths, strict=True))
        )

    def _kind(self, question: StatPath) -> EntryKind:
        """Returns the kind of an entry on the way to a mount, which may be a mounted file."""
        if any(_names(question.path) == base for base in self._unavailable):
            return "unknown"
        status = self.ask(question)
        return status.kind if isinstance(status, PathStatus) else "directory"

    def _in_created(self, question: StatPath | ListDirectory | ReadFile | CheckWritable) -> Answer | None:
        """Returns the content of a mount whose source the engine creates: an empty directory. None if the source
        exists. Raises FactsMissingError."""
        mount = self._table.mount_of(question.path)
        host = None if mount is None else self._created.get(mount.server)
        if mount is None or host is None or not is_missing(host, self):
            return None
        if _names(question.path) != _names(mount.server):
            return _GONE
        if isinstance(question, StatPath):
            return PathStatus("directory", 0)
        if isinstance(question, CheckWritable):
            return as_made(self._user)
        return Listing(()) if isinstance(question, ListDirectory) else Failure(errno.EISDIR)

    def need(self, questions: Iterable[AnyQuestion]) -> None:
        if not self._known:
            super().need(questions)
            return
        remaining: list[AnyQuestion] = []
        for question in questions:
            top = None
            if isinstance(question, _ABOUT_PATHS):
                if self._above_mounts(question.path):
                    continue
                top = self._not_in_image(question.path)
            if top is None:
                remaining.append(question)
            else:
                remaining += [StatHost(top), StatHost(question.path)]
                if not self._is_top(top) and isinstance(self._answers.get(StatHost(top)), Failure):
                    remaining.append(question)
        super().need(remaining)

    def outside(self, path: str) -> OutsideMounts | None:
        """Returns the data on a server path that does not exist because nothing is mounted there."""
        if not self._is_absent(path):
            return None
        top = self._not_in_image(path) or "/"
        on_this_host = isinstance(self._answers.get(StatHost(path)), PathStatus)
        return OutsideMounts(path, on_this_host, on_this_host and self._is_top(top))

    def behind_link(self, path: str) -> OutsideMounts | None:
        """Returns the data on the target of the links in the server path, if nothing is mounted there; None if they
        were not followed or have another target."""
        answer = self._answers.get(StatPath(path))
        if (
            not isinstance(answer, Unavailable)
            or answer.outside is None
            or self._table.mount_of(path) is None
        ):
            return None
        return self.outside(answer.outside)

    def host(self, path: str) -> PathStatus | None:
        """Returns the status of a path of this host. Raises FactsMissingError."""
        super().need((StatHost(path),))
        answer = self.ask(StatHost(path))
        return answer if isinstance(answer, PathStatus) else None

    def outside_own(self, path: str) -> OutsideMounts | None:
        """Returns the same for a path that is missing in the container's own files, if this host has something
        there."""
        mount = self._table.mount_of(path)
        if mount is None or self._container is None or not self._container.holds(mount.host):
            return None
        super().need((StatHost(path),))
        return OutsideMounts(path, True, True) if isinstance(self.ask(StatHost(path)), PathStatus) else None

    def _is_absent(self, path: str) -> bool:
        top = self._not_in_image(path)
        if top is None:
            return False
        if self._above_mounts(top):
            # The engine creates the directories above the mounts, and nothing else.
            return True
        super().need((StatHost(top), StatHost(path)))
        # At the top the image's own directories are known; for paths below, this host shows whether the path is its
        # own.
        if self._is_top(top) or isinstance(super().ask(StatHost(top)), PathStatus):
            return True
        return self._lies_below_mount(top)

    def _lies_below_mount(self, top: str) -> bool:
        """Whether a configured path at or below ``top`` ends with a path that exists below a mount: then it is the host
        path of a mounted path (``/srv/models/m`` of ``/models/m``, also if that is mounted at ``/data``). Raises
        FactsMissingError."""
        tails = {
            path[at:]
            for path in self._named_paths
            if f"{path}/".startswith(f"{top}/")
            for at in range(len(path))
            if path[at] == "/" and path[at + 1 :].strip("/")
        }
        ends = {
            tail if f"{tail}/".startswith(f"{mount.server}/") else f"{mount.server.rstrip('/')}{tail}"
            for tail in tails
            for mount in self._table.mounts
        }
        found = [StatPath(end) for end in sorted(ends) if self._table.mount_of(end) is not None]
        super().need(found)
        return any(isinstance(super(MountedFacts, self).ask(each), PathStatus) for each in found)

    @staticmethod
    def _is_top(path: str) -> bool:
        return path.count("/") == 1 and path[1:] not in _TOP

    def _not_in_image(self, path: str) -> str | None:
        """Returns the highest part of ``path`` that the image does not have; None if it may, or if it is mounted."""
        if not self._known or not path.startswith("/"):
            return None
        names = _names(path)
        if not names or ".." in names:
            return None
        # A mount below it creates the directories above itself.
        if self._table.mount_of(path) is not None or self._table.has_below(path):
            return None
        if any(_starts_with(base, names) for base in self._unavailable):
            return None
        if any(_starts_with(names, base) for base in self._unavailable):
            return None
        if self._relative is not None and _starts_with(names, self._relative):
            return None
        if not _absent_from_image(names):
            return None
        return f"/{names[0]}" if names[0] not in _TOP else f"/{names[0]}/{names[1]}"


def _absent_from_image(names: tuple[str, ...]) -> bool:
    """Whether OVMS's images do not have the directory with these names, for a path without mounts."""
    if not names:
        return False
    if names[0] not in _TOP:
        return True
    known = _KNOWN_BELOW.get(names[0])
    return known is not None and len(names) > 1 and names[1] not in known


def _known(deployment: Deployment) -> bool:
    """Returns whether the mounts, and the other directories of the image, are known."""
    container = deployment.container
    if deployment.bare_metal or container is None:
        return bool(deployment.mounts) and not deployment.bare_metal
    return (
        is_stock_image(container.image)
        and "mounts" not in container.unknown_fields
        and not container.merged_directory
    )


def mounted_facts_for(facts: Facts, deployment: Deployment) -> MountedFacts:
    """Returns the facts as they are for the server."""
    return MountedFacts(facts, deployment)


def _names(path: str) -> tuple[str, ...]:
    return tuple(name for name in path.split("/") if name not in ("", "."))


def _starts_with(names: tuple[str, ...], base: tuple[str, ...]) -> bool:
    return names[: len(base)] == base
