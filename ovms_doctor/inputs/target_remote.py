"""How a TARGET in a store is understood: which models it holds. The words are those of targets on this host
(:mod:`ovms_doctor.inputs.target`), read off one list of keys instead of directories.

Pure, like the rules: it asks for lists and gives entries.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from ovms_doctor.inputs.target import MODEL_SUFFIXES, WEIGHT_SUFFIXES, ResolvedTarget
from ovms_doctor.model.deployment import ModelEntry, Note, Target, TargetKind, VersionPolicy
from ovms_doctor.model.facts import Facts, ListStore, StoreAccess, StoreListing
from ovms_doctor.model.names import looks_like_version, looks_like_wrong_version
from ovms_doctor.model.store_paths import target_key, target_listing

#: Slashes that are looked for in a key below a target: what decides is in a model's sub-directory at the deepest.
_SLASHES = 2


def understand_remote(
    path: str,
    access: StoreAccess | str,
    as_: Literal["repository", "model"] | None,
    policy: VersionPolicy,
    facts: Facts,
) -> ResolvedTarget:
    """The models at ``path``, as typed. ``access``: how its store is asked, or why it is not.

    What cannot be listed, or holds nothing, is one model with that base path: the rules say what becomes of it.
    Raises FactsMissing until the lists it needs are there.
    """
    if as_ == "model" or isinstance(access, str):
        return _model(path, policy)
    question = target_listing(access, path)
    listed = facts.ask(question)
    if not isinstance(listed, StoreListing):
        return _model(path, policy)
    if not listed.objects:
        is_file = as_ is None and _is_object(access, path, facts)
        return _model(path, policy, "file" if is_file else "model")
    top = _Directory.of(question.prefix, listed)
    if as_ == "repository":
        found = _repository(path, top, policy)
    else:
        found = _understood(path, top, policy, in_bucket=bool(question.prefix))
    if listed.more:
        text = f"more than {len(listed.objects)} objects lie below {path}: of the others nothing is said"
        return ResolvedTarget(found.target, found.models, (*found.notes, Note(None, text, path)))
    return found


def _understood(path: str, top: _Directory, policy: VersionPolicy, *, in_bucket: bool) -> ResolvedTarget:
    """``in_bucket``: the path names more than a bucket, so there is a place above it."""
    if top.has_version():
        return _model(path, policy)
    parent, _, name = path.rstrip("/").rpartition("/")
    if in_bucket and looks_like_version(name) and (top.has_model_file() or top.is_empty()):
        found = _model(parent, policy)
        text = f"{name} is a version directory: its parent is looked at as the model"
        return ResolvedTarget(found.target, found.models, (Note("version_directory", text, path),))
    if top.has_model_file() or top.only_wrong_versions():
        return _model(path, policy)
    return _repository(path, top, policy)


def _model(path: str, policy: VersionPolicy, kind: TargetKind = "model") -> ResolvedTarget:
    """One model: by the last part of its path, in a bucket itself by the bucket's name."""
    name = path.partition("://")[2].rstrip("/").rpartition("/")[2] or "model"
    if kind == "file":
        name = name.rpartition(".")[0] or name
    return ResolvedTarget(Target(path, kind), (ModelEntry(name, path, policy),))


def _repository(path: str, top: _Directory, policy: VersionPolicy) -> ResolvedTarget:
    """Each "directory" that is a model by the same rules; the others are named without a finding."""
    models, notes = [], []
    for name, directory in top.inside():
        below = f"{path.rstrip('/')}/{name}"
        if directory.is_model():
            models.append(ModelEntry(name, below, policy))
        else:
            text = f"{name}: no version directory and no model file within two levels"
            notes.append(Note(None, text, below))
    if "config.json" in top.files:
        text = "a config.json lies here; it is not used: the server reads one from its local files only"
        notes.append(Note(None, text, f"{path.rstrip('/')}/config.json"))
    return ResolvedTarget(Target(path, "repository"), tuple(models), tuple(notes))


def _is_object(access: StoreAccess, path: str, facts: Facts) -> bool:
    """Whether ``path`` is the name of an object, and that of a model's file."""
    key = target_key(access, path)
    if not key.lower().endswith(MODEL_SUFFIXES):
        return False
    beginning = facts.ask(ListStore(access, key))
    return isinstance(beginning, StoreListing) and any(item.key == key for item in beginning.objects)


class _Directory(Struct, frozen=True):
    """What keys make of a "directory", as far down as it decides anything. One that lies there as a key of its own,
    with a slash at its end and nothing below, is one too."""

    directories: dict[str, _Directory]
    files: set[str]

    @staticmethod
    def of(prefix: str, listed: StoreListing) -> _Directory:
        top = _Directory({}, set())
        for item in listed.objects:
            top.add(item.key[len(prefix) :].split("/", _SLASHES))
        return top

    def add(self, parts: list[str]) -> None:
        """The parts of a key; the last may hold slashes."""
        where = self
        for name in parts[:-1]:
            where = where.directories.setdefault(name, _Directory({}, set()))
        if parts[-1] and "/" not in parts[-1]:
            where.files.add(parts[-1])

    def inside(self) -> Iterable[tuple[str, _Directory]]:
        """What is named and lies below, in the order of names. Two slashes in a row leave a name out."""
        return [(name, self.directories[name]) for name in sorted(self.directories) if name]

    def is_empty(self) -> bool:
        return not self.files and not self.directories

    def has_model_file(self) -> bool:
        return any(name.lower().endswith(MODEL_SUFFIXES + WEIGHT_SUFFIXES) for name in self.files)

    def has_version(self) -> bool:
        return any(looks_like_version(name) for name in self.directories)

    def only_wrong_versions(self) -> bool:
        names = [name for name, _ in self.inside()]
        return bool(names) and all(looks_like_wrong_version(name) for name in names)

    def is_model(self) -> bool:
        if self.has_model_file() or self.has_version():
            return True
        below = self.directories
        return any(looks_like_wrong_version(name) or below[name].has_model_file() for name in below)
