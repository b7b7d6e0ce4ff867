"""How a TARGET on this host is resolved: which models it contains.

Pure, like the rules: it requests listings and returns entries. A ``.json`` file is a configuration, another file a
model, unless it belongs to another option (:mod:`ovms_doctor.inputs.targets.documents`);
:mod:`ovms_doctor.inputs.targets.rule` decides about a directory.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from functools import cached_property

from msgspec import Struct

from ovms_doctor.inputs.targets import documents
from ovms_doctor.inputs.targets.rule import Resolution, ResolvedTarget, resolved
from ovms_doctor.model.deployment import ModelEntry, Note, Target, VersionPolicy
from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.facts import (
    AnyQuestion,
    Facts,
    Failure,
    FileContent,
    ListDirectory,
    Listing,
    PathStatus,
    ReadFile,
    StatPath,
    Unavailable,
)


def understand(
    path: str,
    server_path: str,
    as_: Resolution | None,
    policy: VersionPolicy,
    facts: Facts,
    *,
    typed: str = "",
) -> ResolvedTarget:
    """Returns the models in the directory or file at ``server_path``, which is ``path`` on this host (absolute) and
    ``typed`` on the command line.

    Raises FactsMissingError until the needed listings are collected, and UsageError for a file of another option.
    """
    access = _Access(facts)
    status = access.status(server_path)
    if isinstance(status, Failure):
        # A directory that the server's user cannot read is still a repository for the user who named it.
        access = _Access(facts, own=True)
        status = access.status(server_path)
    if isinstance(status, PathStatus) and status.kind != "directory":
        if as_ is None and status.kind == "regular" and documents.may_be_document(server_path):
            _must_be_target(server_path, typed or path, facts)
        return _file(path, server_path, policy)
    if not isinstance(status, PathStatus):
        return _model(path, server_path, policy)
    listing = access.listing(server_path)
    if isinstance(listing, Failure) or not access.may_enter(server_path, listing):
        access = _Access(facts, own=True)
        listing = access.listing(server_path)
    if as_ == "model" or not isinstance(listing, Listing):
        return _model(path, server_path, policy)
    if as_ is None and not listing.entries and server_path.lower().endswith(".json"):
        # A container engine creates such a directory if the file to mount does not exist.
        return ResolvedTarget(Target(path, "config"), config_path=server_path)
    found = resolved(
        path,
        server_path,
        os.path.basename(server_path.rstrip("/")),
        _LocalDirectory(access, server_path, listing),
        as_,
        policy,
        lambda host, server: _model(host, server, policy),
    )
    if found.target.kind == "repository" and any(entry.name == "config.json" for entry in listing.entries):
        text = "the target has a config.json; it is not used unless it is named as the target"
        unused = Note("unused_config", text, f"{path}/config.json")
        return ResolvedTarget(found.target, found.models, (*found.notes, unused))
    return found


class _Access(Struct, frozen=True):
    """Facts as the server's user gets them, or with this process's ``own`` rights."""

    facts: Facts
    own: bool = False

    def status(self, path: str) -> PathStatus | Failure | Unavailable:
        return self.facts.ask(StatPath(path, self.own))

    def listing(self, path: str) -> Listing | Failure | Unavailable:
        return self.facts.ask(ListDirectory(path, self.own))

    def need(self, statuses: Iterable[str], listings: Iterable[str]) -> None:
        """Requests several facts at once."""
        questions: list[AnyQuestion] = [StatPath(path, self.own) for path in statuses]
        self.facts.need([*questions, *(ListDirectory(path, self.own) for path in listings)])

    def may_enter(self, path: str, listing: Listing | Failure | Unavailable) -> bool:
        """Whether the entries of a listing can be checked: a directory may be readable and not searchable."""
        if not isinstance(listing, Listing) or not listing.entries:
            return True
        status = self.status(f"{path}/{listing.entries[0].name}")
        return not (isinstance(status, Failure) and status.errno == errno.EACCES)


class _LocalDirectory(Struct, frozen=True, dict=True):
    """A directory of this host, by its listing."""

    access: _Access
    path: str
    listing: Listing

    def files(self) -> frozenset[str]:
        directories = set(self._directories)
        return frozenset(entry.name for entry in self.listing.entries) - directories

    def directories(self) -> Sequence[str]:
        return self._directories

    @cached_property
    def _directories(self) -> list[str]:
        """Returns the sub-directories; a link counts if it leads to a directory."""
        followed = [entry.name for entry in self.listing.entries if entry.kind in ("link", "unknown")]
        self.access.need([f"{self.path}/{name}" for name in followed], [])
        names = [entry.name for entry in self.listing.entries if entry.kind == "directory"]
        for name in followed:
            status = self.access.status(f"{self.path}/{name}")
            if isinstance(status, PathStatus) and status.kind == "directory":
                names.append(name)
        return sorted(names, key=os.fsencode)

    def below(self, name: str) -> _LocalDirectory | None:
        path = f"{self.path}/{name}"
        listing = self.access.listing(path)
        return _LocalDirectory(self.access, path, listing) if isinstance(listing, Listing) else None

    def prepare(self, names: Iterable[str]) -> None:
        self.access.need([], [f"{self.path}/{name}" for name in names])


def _file(path: str, server_path: str, policy: VersionPolicy) -> ResolvedTarget:
    if server_path.lower().endswith(".json"):
        return ResolvedTarget(Target(path, "config"), config_path=server_path)
    stem = os.path.splitext(os.path.basename(server_path))[0]
    return ResolvedTarget(Target(path, "file"), (ModelEntry(stem, server_path, policy),))


def _must_be_target(server_path: str, typed: str, facts: Facts) -> None:
    """Raises UsageError for a document of another option."""
    content = facts.ask(ReadFile(server_path, documents.HEAD))
    if isinstance(content, FileContent):
        sentence = documents.misplaced(server_path, typed, content.data)
        if sentence is not None:
            raise UsageError(sentence)


def _model(path: str, server_path: str, policy: VersionPolicy) -> ResolvedTarget:
    name = os.path.basename(server_path.rstrip("/")) or "model"
    return ResolvedTarget(Target(path, "model"), (ModelEntry(name, server_path, policy),))
