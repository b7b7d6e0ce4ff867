"""The model manager: from detected versions to states, over start-up and the polls after it.

Follows ``ModelManager::reloadModelWithVersions`` (modelmanager.cpp; the same from v2022.1 to v2026.3) with
its peculiarities: the fallback searches an unsorted list by bisection, and an exception in a load is
logged and forgotten.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

from msgspec import Struct, field

from ovms_doctor.model.deployment import VersionPolicy
from ovms_doctor.model.facts import AnyQuestion, FactsMissingError
from ovms_doctor.model.plan import Attempt, StatusCode, VersionState
from ovms_doctor.prediction.versions import apply_policy, difference, intersection

LOADING_OK = VersionState("LOADING", "OK")
FAILED = VersionState("LOADING", "UNKNOWN")
AVAILABLE = VersionState("AVAILABLE", "OK")
END = VersionState("END", "OK")


class StartNeverEndsError(Exception):
    """The same versions fail and are tried again without anything changing in between."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


class StartEndsError(Exception):
    """A load does not come back: the process dies in it, hangs, or its end is not known."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(attempt.version)
        self.attempt = attempt


class Changes(Struct):
    """``getVersionsToChange``: what to start, load again and retire; sorted, duplicates kept."""

    start: list[int]
    reload: list[int]
    retire: list[int]


class Manager(Struct):
    """One model's versions. ``states`` grows as the server's map of instances does; nothing leaves it.
    ``begin`` is called with the versions that are loaded together: from a store they are downloaded together."""

    found: tuple[int, ...]
    policy: VersionPolicy
    attempt: Callable[[int], Attempt]
    begin: Callable[[list[int]], None] | None = None
    states: dict[int, VersionState] = field(default_factory=dict)
    tried: dict[int, Attempt] = field(default_factory=dict)
    missed: set[int] = field(default_factory=set)
    retired: set[int] = field(default_factory=set)
    started: list[int] = field(default_factory=list)

    def poll(self) -> StatusCode:
        """One pass; returns the status code that it ends with. Raises StartNeverEndsError, StartEndsError and
        FactsMissingError."""
        available = list(self.found)
        self.started = []
        status: StatusCode = "OK"
        all_failed: set[int] = set()
        failed: list[int] = []
        changes = self._changes(apply_policy(self.policy, available))
        if not (changes.start or changes.reload or changes.retire):
            return "OK"
        while changes.start:
            before = (list(available), list(changes.start))
            self.started += changes.start
            status, failed = self._add(changes.start)
            if status == "OK":
                break
            self._strike(available, failed, all_failed)
            changes = self._changes(apply_policy(self.policy, available))
            if (available, changes.start) == before:
                raise StartNeverEndsError(changes.start[0])
        if changes.reload:
            reload_status = self._reload(changes.reload, failed)
            if reload_status != "OK":
                status = reload_status
        self._strike(available, failed, all_failed)
        changes = self._changes(apply_policy(self.policy, available))
        for version in changes.retire:
            if version in all_failed:
                self.states[version] = FAILED
            else:
                self.states[version] = END
                self.retired.add(version)
        return "OK_RELOADED" if status == "OK" else status

    def _changes(self, requested: list[int]) -> Changes:
        requested = sorted(requested)
        registered = sorted(self.states)
        again = [
            version
            for version in intersection(requested, registered)
            if self.states[version] in (FAILED, END)
        ]
        retire = [version for version in difference(registered, requested) if self.states[version] != END]
        return Changes(difference(requested, registered), again, retire)

    def _strike(self, available: list[int], failed: list[int], all_failed: set[int]) -> None:
        """Removes failed versions from the list, where ``std::binary_search`` finds them: the list is in the byte
        order of the names, so with 9 in the list it does not find 10."""
        for version in failed:
            position = bisect_left(available, version)
            if position < len(available) and available[position] == version:
                available[:] = [other for other in available if other != version]
            elif version in available:
                self.missed.add(version)
            all_failed.add(version)

    def _add(self, versions: list[int]) -> tuple[StatusCode, list[int]]:
        """``Model::addVersions``, and the exception handler around it."""
        self._ask_ahead(versions)
        status: StatusCode = "OK"
        failed: list[int] = []
        for version in versions:
            # A second directory with the same number is loaded, and its instance thrown away.
            first = version not in self.states
            if first:
                self.states[version] = LOADING_OK
            attempt = self._try(version)
            if attempt.outcome == "threw":
                return "OK", failed
            if attempt.outcome == "failed":
                if first:
                    self.states[version] = FAILED
                failed.append(version)
                status = attempt.status
            elif first:
                self.states[version] = AVAILABLE
        return status, failed

    def _reload(self, versions: list[int], failed: list[int]) -> StatusCode:
        """``Model::reloadVersions``, and the exception handler around it; adds to ``failed``."""
        self._ask_ahead(versions)
        status: StatusCode = "OK"
        for version in versions:
            self.states[version] = LOADING_OK
            attempt = self._try(version)
            if attempt.outcome == "threw":
                return "OK"
            if attempt.outcome == "failed":
                self.states[version] = FAILED
                failed.append(version)
                status = attempt.status
            else:
                self.states[version] = AVAILABLE
        return status

    def _try(self, version: int) -> Attempt:
        attempt = self.attempt(version)
        self.tried[version] = attempt
        if attempt.outcome in ("crashed", "hangs", "unknown"):
            raise StartEndsError(attempt)
        return attempt

    def _ask_ahead(self, versions: list[int]) -> None:
        """Requests the missing facts of a whole batch together, so that they are collected in one round."""
        if self.begin is not None:
            self.begin(versions)
        missing: list[AnyQuestion] = []
        for version in versions:
            try:
                self.attempt(version)
            except FactsMissingError as error:
                missing.extend(error.questions)
        if missing:
            raise FactsMissingError(missing)
