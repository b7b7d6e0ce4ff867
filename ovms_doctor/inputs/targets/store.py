"""How a TARGET in a store is resolved: which models it contains.

The rule is that of targets on this host, applied to one list of keys instead of directories. Pure, like the rules: it
requests lists and returns entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from ovms_doctor.inputs.targets.rule import Resolution, ResolvedTarget, resolved
from ovms_doctor.model.deployment import ModelEntry, Note, Target, TargetKind, VersionPolicy
from ovms_doctor.model.facts import Facts, ListStore, StoreAccess, StoreListing, Unavailable
from ovms_doctor.model.model_files import MODEL_SUFFIXES
from ovms_doctor.model.store_paths import target_key, target_listing

#: How many slashes of a key below a target are examined: the deepest directory that matters is the fourth, a version
#: directory of a model of a group of groups.
_SLASHES = 4


def understand_remote(
    path: str,
    access: StoreAccess | str,
    as_: Resolution | None,
    policy: VersionPolicy,
    facts: Facts,
) -> ResolvedTarget:
    """Returns the models at ``path``, as typed. ``access``: how its store is queried, or why it is not.

    A path that cannot be listed, or is empty, is one model with that base path: the rules report the result. Raises
    FactsMissingError until the needed lists are collected.
    """
    if as_ == "model" or isinstance(access, str):
        return _model(path, policy)
    question = target_listing(access, path)
    listed = facts.ask(question)
    if isinstance(listed, Unavailable):
        # Too long for one answer: the first page shows the kind of the directory.
        listed = facts.ask(ListStore(access, question.prefix))
    if not isinstance(listed, StoreListing):
        return _model(path, policy)
    if not listed.objects:
        is_file = as_ is None and _is_object(access, path, facts)
        return _model(path, policy, "file" if is_file else "model")
    top = _StoredDirectory.of(question.prefix, listed)
    # A bucket has no parent directory, so it is not a version directory, even with such a name.
    name = path.rstrip("/").rpartition("/")[2] if question.prefix else ""
    found = resolved(path, path, name, top, as_, policy, lambda model, _: _model(model, policy))
    if found.target.kind == "repository" and "config.json" in top.names:
        text = (
            "the target has a config.json; it is not used: the server reads a configuration file only "
            "from its local files"
        )
        unused = Note(None, text, f"{path.rstrip('/')}/config.json")
        found = ResolvedTarget(found.target, found.models, (*found.notes, unused))
    if listed.more and found.target.kind == "repository":
        text = (
            f"more than {len(listed.objects):,} objects are below it, and only the models among those are "
            "checked; name its directories as TARGETs to check all"
        )
        return ResolvedTarget(found.target, found.models, (*found.notes, Note("unlisted", text, path)))
    return found


def _model(path: str, policy: VersionPolicy, kind: TargetKind = "model") -> ResolvedTarget:
    """Returns one model, named by the last part of its path; a bucket itself by the bucket's name."""
    name = path.partition("://")[2].rstrip("/").rpartition("/")[2] or "model"
    if kind == "file":
        name = name.rpartition(".")[0] or name
    return ResolvedTarget(Target(path, kind), (ModelEntry(name, path, policy),))


def _is_object(access: StoreAccess, path: str, facts: Facts) -> bool:
    """Whether ``path`` is the key of an object that is a model's file."""
    key = target_key(access, path)
    if not key.lower().endswith(MODEL_SUFFIXES):
        return False
    beginning = facts.ask(ListStore(access, key))
    return isinstance(beginning, StoreListing) and any(item.key == key for item in beginning.objects)


class _StoredDirectory(Struct, frozen=True):
    """The "directories" that the keys form, to the depth that matters. A key with a slash at its end and nothing
    below it is a directory too."""

    children: dict[str, _StoredDirectory]
    names: set[str]

    @staticmethod
    def of(prefix: str, listed: StoreListing) -> _StoredDirectory:
        top = _StoredDirectory({}, set())
        for item in listed.objects:
            top.add(item.key[len(prefix) :].split("/", _SLASHES))
        return top

    def add(self, parts: list[str]) -> None:
        """Adds the parts of a key; the last may contain slashes."""
        directory = self
        for name in parts[:-1]:
            directory = directory.children.setdefault(name, _StoredDirectory({}, set()))
        if parts[-1] and "/" not in parts[-1]:
            directory.names.add(parts[-1])

    def files(self) -> frozenset[str]:
        return frozenset(self.names)

    def directories(self) -> Sequence[str]:
        """Returns the names of the sub-directories; two consecutive slashes form no name."""
        return sorted(name for name in self.children if name)

    def below(self, name: str) -> _StoredDirectory | None:
        return self.children[name]

    def prepare(self, names: Iterable[str]) -> None:
        """Does nothing: the whole list is collected."""
