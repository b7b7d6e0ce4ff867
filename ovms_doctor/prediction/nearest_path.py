"""The existing path that was probably intended instead of a missing one: below a mount, in another case, or misspelt.

This is not a rule of the server, which only reads the configured path. Only remedies use the suggestion, which consists
of existing paths.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from ovms_doctor.model.facts import Facts, Failure, ListDirectory, Listing, PathStatus, StatPath
from ovms_doctor.model.model_files import has_model_file
from ovms_doctor.model.mounts import Mount
from ovms_doctor.model.names import is_plain_number

#: The largest numbers of mounts, names of a path and entries of a listing that are compared.
_MOUNTS, _DEPTH, _ENTRIES = 8, 12, 10_000
#: The largest number of version directories that are searched for a model's file.
_VERSIONS = 4
#: Shorter names are one edit away from too many others.
_SHORTEST = 4


def nearest_path(path: str, mounts: Sequence[Mount], facts: Facts) -> str | None:
    """Returns the server's path that exists in place of ``path``, which is absolute and does not exist; None for none.

    Raises FactsMissingError.
    """
    names = [name for name in path.split("/") if name]
    if not names or len(names) > _DEPTH:
        return None
    return _below_a_mount(path, names, mounts, facts) or _misspelt(names, facts)


def nearest_base_path(path: str, mounts: Sequence[Mount], facts: Facts) -> str | None:
    """Returns the same for a model's base path, which is a model's directory: the one above a version directory with a
    model's files, and the one that was mounted instead of the directory above it. Raises FactsMissingError."""
    found = nearest_path(path, mounts, facts)
    if found is None:
        return _model_above(path, facts)
    above, _, name = found.rstrip("/").rpartition("/")
    if not is_plain_number(name) or not above:
        return found
    return above if _has_model_file(found, facts) else found


def _model_above(path: str, facts: Facts) -> str | None:
    """Returns the nearest directory above ``path`` that exists, if it has a version directory with a model's file."""
    names = [name for name in path.split("/") if name][:_DEPTH]
    for depth in range(len(names) - 1, 0, -1):
        above = "/" + "/".join(names[:depth])
        status = facts.ask(StatPath(above))
        if isinstance(status, Failure) and status.missing:
            continue
        listing = facts.ask(ListDirectory(above)) if isinstance(status, PathStatus) else None
        entries = listing.entries[:_ENTRIES] if isinstance(listing, Listing) else ()
        versions = [entry.name for entry in entries if is_plain_number(entry.name)]
        return (
            above if any(_has_model_file(f"{above}/{name}", facts) for name in versions[:_VERSIONS]) else None
        )
    return None


def _has_model_file(directory: str, facts: Facts) -> bool:
    listing = facts.ask(ListDirectory(directory))
    return isinstance(listing, Listing) and has_model_file([entry.name for entry in listing.entries])


def _below_a_mount(path: str, names: list[str], mounts: Sequence[Mount], facts: Facts) -> str | None:
    """Returns the longest tail of the path that exists below a mount: ``/models/resnet`` for ``/srv/models/resnet``."""
    tops = [mount.server.rstrip("/") for mount in mounts[:_MOUNTS]]
    tails = ["/".join(names[start:]) for start in range(1, len(names))]
    found = [f"{top}/{tail}" for tail in tails for top in tops]
    return _first_existing((each for each in found if each != path), facts)


def _first_existing(paths: Iterable[str], facts: Facts) -> str | None:
    distinct = list(dict.fromkeys(paths))
    facts.need(StatPath(each) for each in distinct)
    return next((each for each in distinct if isinstance(facts.ask(StatPath(each)), PathStatus)), None)


def _misspelt(names: list[str], facts: Facts) -> str | None:
    """Returns the path with one name replaced by another of its directory that differs in case, or by one edit."""
    for depth in range(len(names) - 1, -1, -1):
        above = "/" + "/".join(names[:depth])
        status = facts.ask(StatPath(above))
        if isinstance(status, Failure) and status.missing:
            continue
        listing = facts.ask(ListDirectory(above)) if isinstance(status, PathStatus) else None
        if not isinstance(listing, Listing):
            return None
        similar = _names_of(_ListingKey(listing)).similar(names[depth])
        rest = names[depth + 1 :]
        return _first_existing(("/" + "/".join([*names[:depth], name, *rest]) for name in similar), facts)
    return None


class _Names:
    """The names of a directory, indexed so that a search does not compare each: a configuration may name thousands of
    models that are missing from a directory of thousands."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_casefold: dict[str, list[str]] = {}
        for name in names:
            self._by_casefold.setdefault(name.casefold(), []).append(name)
        self._characters = frozenset[str]().union(*self._by_casefold)

    def similar(self, name: str) -> list[str]:
        """Returns the names that differ in case only, else the one that is one edit away, if there is just one."""
        folded = name.casefold()
        same = self._by_casefold.get(folded, [])
        if same or len(name) < _SHORTEST:
            return same
        edited = _one_edit_away(folded, self._characters)
        similar = [other for text in edited for other in self._by_casefold.get(text, ())]
        return similar if len(similar) == 1 else []


def _one_edit_away(text: str, characters: Collection[str]) -> set[str]:
    """Returns the texts in which one letter is left out, replaced or added, or two neighbours are exchanged."""
    edited = set()
    for at in range(len(text) + 1):
        before, after = text[:at], text[at:]
        edited.add(before + after[1:])
        edited.add(before + after[1:2] + after[:1] + after[2:])
        for character in characters:
            edited.add(before + character + after)
            edited.add(before + character + after[1:])
    return edited - {text}


class _ListingKey:
    """A listing as a key: only the same object is equal, because a comparison takes as long as a search."""

    __slots__ = ("listing",)

    def __init__(self, listing: Listing) -> None:
        self.listing = listing

    def __hash__(self) -> int:
        return id(self.listing)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ListingKey) and other.listing is self.listing


@lru_cache(maxsize=2)
def _names_of(key: _ListingKey) -> _Names:
    return _Names(entry.name for entry in key.listing.entries[:_ENTRIES])
