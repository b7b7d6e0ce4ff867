"""The model manager: from detected versions to states, over start-up and the polls after it.

Follows ``ModelManager::reloadModelWithVersions`` (modelmanager.cpp; the same from v2022.1 to v2026.3) with its
peculiarities: the fallback searches an unsorted list by bisection, and an exception in a load is logged and has no
other effect.
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
    """The same versions fail and are tried again, without a change in between."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


class StartEndsError(Exception):
    """A load does not return: the process ends in it, hangs, or its end is not known."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(attempt.version)
        self.attempt = attempt


class Changes(Struct):
    """The result of ``getVersionsToChange``; sorted, with duplicates."""

    #: The versions to start.
    start: list[int]
    #: The versions to load again.
    reload: list[int]
    #: The versions to retire.
    retire: list[int]


class Manager(Struct):
    """The versions of one model."""

    #: The detected versions, with duplicates.
    found: tuple[int, ...]
    #: The version policy.
    policy: VersionPolicy
    #: Returns the result of loading a version.
    attempt: Callable[[int], Attempt]
    #: Called with the versions that are loaded together: from a store they are downloaded together.
    begin: Callable[[list[int]], None] | None = None
    #: The states by version. Like the server's map of instances, it only grows.
    states: dict[int, VersionState] = field(default_factory=dict)
    #: The attempts, by version.
    tried: dict[int, Attempt] = field(default_factory=dict)
    #: Failed versions that the search in the unsorted list does not find.
    missed: set[int] = field(default_factory=set)
    #: The versions that were retired.
    retired: set[int] = field(default_factory=set)
    #: The versions that the last poll started.
    started: list[int] = field(default_factory=list)

    def poll(self) -> StatusCode:
        """Runs one pass; returns the status code that it ends with. Raises StartNeverEndsError, StartEndsError and
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
            self._remove_failed(available, failed, all_failed)
            changes = self._changes(apply_policy(self.policy, available))
            if (available, changes.start) == before:
                raise StartNeverEndsError(changes.start[0])
        if changes.reload:
            reload_status = self._reload(changes.reload, failed)
            if reload_status != "OK":
                status = reload_status
        self._remove_failed(available, failed, all_failed)
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
        reloaded = [
            version
            for version in intersection(requested, registered)
            if self.states[version] in (FAILED, END)
        ]
        retire = [version for version in difference(registered, requested) if self.states[version] != END]
        return Changes(difference(requested, registered), reloaded, retire)

    def _remove_failed(self, available: list[int], failed: list[int], all_failed: set[int]) -> None:
        """Removes failed versions from the list, if ``std::binary_search`` finds them: the list is in the byte order of
        the names, so with 9 in the list it does not find 10."""
        for version in failed:
            position = bisect_left(available, version)
            if position < len(available) and available[position] == version:
                available[:] = [other for other in available if other != version]
            elif version in available:
                self.missed.add(version)
            all_failed.add(version)

    def _add(self, versions: list[int]) -> tuple[StatusCode, list[int]]:
        """Applies ``Model::addVersions``, and the exception handler around it."""
        self._request_in_advance(versions)
        status: StatusCode = "OK"
        failed: list[int] = []
        for version in versions:
            # A second directory with the same number is loaded, and its instance is discarded.
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
        """Applies ``Model::reloadVersions``, and the exception handler around it; adds to ``failed``."""
        self._request_in_advance(versions)
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

    def _request_in_advance(self, versions: list[int]) -> None:
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
