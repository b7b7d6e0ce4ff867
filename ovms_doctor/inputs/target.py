"""How a TARGET of the command line is understood: which models it holds.

Pure, like the rules: it asks for listings and gives entries. Names and order follow the design: a
``.json`` file is a configuration, another file a model, a directory a model or a repository.
"""

from __future__ import annotations

import errno
import os
from typing import Literal

from msgspec import Struct

from ovms_doctor.model.deployment import ModelEntry, Note, Target, VersionPolicy
from ovms_doctor.model.facts import (
    AnyQuestion,
    Entry,
    Facts,
    FactsMissingError,
    Failure,
    ListDirectory,
    Listing,
    PathStatus,
    StatPath,
    Unavailable,
)
from ovms_doctor.model.names import looks_like_version, looks_like_wrong_version

#: Suffixes of files that make a directory a model's (compared without regard to case).
MODEL_SUFFIXES = (".xml", ".onnx", ".pdmodel", ".pb", ".tflite")
#: ``.bin`` and ``.pdiparams`` alone are weights: enough to see that a model was meant.
WEIGHT_SUFFIXES = (".bin", ".pdiparams")


class ResolvedTarget(Struct, frozen=True):
    """What a TARGET holds. ``config_path`` is set where it is a configuration file."""

    target: Target
    models: tuple[ModelEntry, ...] = ()
    notes: tuple[Note, ...] = ()
    config_path: str | None = None


def understand(
    path: str,
    server_path: str,
    as_: Literal["repository", "model"] | None,
    policy: VersionPolicy,
    facts: Facts,
) -> ResolvedTarget:
    """The models in the directory or file at ``server_path``, which is ``path`` on this host (absolute).

    Raises FactsMissing until the listings it needs are there.
    """
    look = _Look(facts)
    status = look.status(server_path)
    if isinstance(status, Failure):
        # What the server's user may not look at is still a repository to whoever named it.
        look = _Look(facts, own=True)
        status = look.status(server_path)
    if isinstance(status, PathStatus) and status.kind != "directory":
        return _file(path, server_path, policy)
    if not isinstance(status, PathStatus):
        return _model(path, server_path, policy)
    listing = look.listing(server_path)
    if isinstance(listing, Failure) or not look.may_enter(server_path, listing):
        look = _Look(facts, own=True)
        listing = look.listing(server_path)
    if as_ == "model" or not isinstance(listing, Listing):
        return _model(path, server_path, policy)
    if as_ == "repository":
        return _repository(path, server_path, listing, policy, look)
    if _has_version(server_path, listing, look):
        return _model(path, server_path, policy)
    name = os.path.basename(server_path)
    if looks_like_version(name) and (_has_model_file(listing) or not listing.entries):
        parent, above = os.path.dirname(path), os.path.dirname(server_path)
        note = f"{name} is a version directory: its parent is looked at as the model"
        found = _model(parent, above, policy)
        return ResolvedTarget(found.target, found.models, (Note("version_directory", note, path),))
    if _has_model_file(listing):
        return _model(path, server_path, policy)
    directories = _directories(server_path, listing, look)
    if directories and all(looks_like_wrong_version(name) for name in directories):
        return _model(path, server_path, policy)
    return _repository(path, server_path, listing, policy, look)


class _Look(Struct, frozen=True):
    """Looks as the server's user, or with this process's ``own`` rights."""

    facts: Facts
    own: bool = False

    def status(self, path: str) -> PathStatus | Failure | Unavailable:
        return self.facts.ask(StatPath(path, self.own))

    def listing(self, path: str) -> Listing | Failure | Unavailable:
        return self.facts.ask(ListDirectory(path, self.own))

    def need(self, statuses: list[str], listings: list[str]) -> None:
        """Name all at once what will be asked."""
        questions: list[AnyQuestion] = [StatPath(path, self.own) for path in statuses]
        self.facts.need([*questions, *(ListDirectory(path, self.own) for path in listings)])

    def may_enter(self, path: str, listing: Listing | Failure | Unavailable) -> bool:
        """A directory that can be listed and not entered shows names, and nothing behind them."""
        if not isinstance(listing, Listing) or not listing.entries:
            return True
        status = self.status(f"{path}/{listing.entries[0].name}")
        return not (isinstance(status, Failure) and status.errno == errno.EACCES)


def _file(path: str, server_path: str, policy: VersionPolicy) -> ResolvedTarget:
    if server_path.lower().endswith(".json"):
        return ResolvedTarget(Target(path, "config"), config_path=server_path)
    stem = os.path.splitext(os.path.basename(server_path))[0]
    return ResolvedTarget(Target(path, "file"), (ModelEntry(stem, server_path, policy),))


def _model(path: str, server_path: str, policy: VersionPolicy) -> ResolvedTarget:
    name = os.path.basename(server_path.rstrip("/")) or "model"
    return ResolvedTarget(Target(path, "model"), (ModelEntry(name, server_path, policy),))


def _repository(
    path: str, server_path: str, listing: Listing, policy: VersionPolicy, look: _Look
) -> ResolvedTarget:
    """Each sub-directory that is a model by the same rules; the others are named without a finding."""
    directories = _directories(server_path, listing, look)
    look.need([], [f"{server_path}/{name}" for name in directories])
    models = []
    notes = []
    missing: list[AnyQuestion] = []
    for name in directories:
        below = f"{server_path}/{name}"
        try:
            if _is_model(below, look):
                models.append(ModelEntry(name, below, policy))
            else:
                text = "no version directory and no model file within two levels"
                notes.append(Note(None, f"{name}: {text}", f"{path}/{name}"))
        except FactsMissingError as error:
            missing.extend(error.questions)
    if missing:
        raise FactsMissingError(missing)
    if any(entry.name == "config.json" for entry in listing.entries):
        text = "a config.json lies here; it is not used unless it is named as the target"
        notes.append(Note("unused_config", text, f"{path}/config.json"))
    return ResolvedTarget(Target(path, "repository"), tuple(models), tuple(notes))


def _is_model(server_path: str, look: _Look) -> bool:
    listing = look.listing(server_path)
    if not isinstance(listing, Listing):
        # It cannot be listed: most likely a model whose rights are wrong; the rules will say.
        return True
    if _has_model_file(listing) or _has_version(server_path, listing, look):
        return True
    directories = _directories(server_path, listing, look)
    if any(looks_like_wrong_version(name) for name in directories):
        return True
    look.need([], [f"{server_path}/{name}" for name in directories])
    for name in directories:
        inner = look.listing(f"{server_path}/{name}")
        if isinstance(inner, Listing) and _has_model_file(inner):
            return True
    return False


def _has_version(server_path: str, listing: Listing, look: _Look) -> bool:
    return any(looks_like_version(name) for name in _directories(server_path, listing, look))


def _has_model_file(listing: Listing) -> bool:
    return any(_is_model_file(entry) for entry in listing.entries)


def _is_model_file(entry: Entry) -> bool:
    return entry.kind != "directory" and entry.name.lower().endswith(MODEL_SUFFIXES + WEIGHT_SUFFIXES)


def _directories(server_path: str, listing: Listing, look: _Look) -> list[str]:
    """Names of sub-directories in byte order; links count where they lead to one."""
    look.need(
        [f"{server_path}/{entry.name}" for entry in listing.entries if entry.kind in ("link", "unknown")], []
    )
    names = []
    for entry in listing.entries:
        if entry.kind == "directory":
            names.append(entry.name)
        elif entry.kind in ("link", "unknown"):
            followed = look.status(f"{server_path}/{entry.name}")
            if isinstance(followed, PathStatus) and followed.kind == "directory":
                names.append(entry.name)
    return sorted(names, key=os.fsencode)
