"""The existing path that was probably meant by a missing one: below a mount, in another case, or misspelt.

Not a rule of the server, which only looks at the configured path. The suggestion is used in remedies only, and
consists of existing paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ovms_doctor.model.facts import Facts, Failure, ListDirectory, Listing, PathStatus, StatPath
from ovms_doctor.model.mounts import Mount

#: Of more mounts, deeper paths and longer listings only the first are looked at.
_MOUNTS, _DEPTH, _ENTRIES = 8, 12, 10_000
#: A shorter name has too many others one edit away.
_SHORTEST = 4


def nearest_path(path: str, mounts: Sequence[Mount], facts: Facts) -> str | None:
    """The server's path of what exists in place of ``path``, which is absolute and does not; None for nothing.

    Raises FactsMissingError.
    """
    names = [name for name in path.split("/") if name]
    if not names or len(names) > _DEPTH:
        return None
    return _below_a_mount(path, names, mounts, facts) or _misspelt(names, facts)


def _below_a_mount(path: str, names: list[str], mounts: Sequence[Mount], facts: Facts) -> str | None:
    """The longest tail of the path that exists below a mount: ``/models/resnet`` for ``/srv/models/resnet``."""
    tops = [mount.server.rstrip("/") for mount in mounts[:_MOUNTS]]
    tails = ["/".join(names[start:]) for start in range(1, len(names))]
    found = [f"{top}/{tail}" for tail in tails for top in tops]
    return _first_existing((each for each in found if each != path), facts)


def _first_existing(paths: Iterable[str], facts: Facts) -> str | None:
    distinct = list(dict.fromkeys(paths))
    facts.need(StatPath(each) for each in distinct)
    return next((each for each in distinct if isinstance(facts.ask(StatPath(each)), PathStatus)), None)


def _misspelt(names: list[str], facts: Facts) -> str | None:
    """The path with one name replaced by one of its directory that differs in case, or by one edit."""
    for depth in range(len(names) - 1, -1, -1):
        above = "/" + "/".join(names[:depth])
        status = facts.ask(StatPath(above))
        if isinstance(status, Failure) and status.missing:
            continue
        listing = facts.ask(ListDirectory(above)) if isinstance(status, PathStatus) else None
        if not isinstance(listing, Listing):
            return None
        near = _similar_names(names[depth], [entry.name for entry in listing.entries[:_ENTRIES]])
        rest = names[depth + 1 :]
        return _first_existing(("/" + "/".join([*names[:depth], name, *rest]) for name in near), facts)
    return None


def _similar_names(name: str, others: list[str]) -> list[str]:
    """Those that differ in case only, else the one that is one edit away, where there is just one."""
    same = [other for other in others if other.casefold() == name.casefold()]
    if same or len(name) < _SHORTEST:
        return same
    near = [other for other in others if _is_one_edit(name.casefold(), other.casefold())]
    return near if len(near) == 1 else []


def _is_one_edit(left: str, right: str) -> bool:
    """Whether one letter is added, left out or replaced, or two neighbours are exchanged."""
    if abs(len(left) - len(right)) > 1:
        return False
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    if left[start:] == right[start + 1 :] or left[start + 1 :] == right[start:]:
        return True
    if left[start + 1 :] == right[start + 1 :]:
        return True
    return (
        left[start + 2 :] == right[start + 2 :] and left[start : start + 2] == right[start : start + 2][::-1]
    )
