"""Counting requests and their durations in bounded memory."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

from ovms_doctor.model.log import Api, Distribution, Interface, RequestStatistics

#: The most distinct durations that are kept exactly, distinct reasons, and distinct minutes, of one servable.
DURATIONS = 20_000
REASONS = 100
MINUTES = 3_000
#: The reason under which those beyond the first :data:`REASONS` are counted.
OTHER_REASONS = "(other reasons)"
#: The longest reason, in characters; the rest is cut.
_REASON = 500
#: The number of consecutive failures, up to the last request, after which a servable counts as stuck.
_STUCK = 10

#: Duration as the log writes it → count.
Durations = defaultdict[bytes, int]


def new_durations() -> Durations:
    return defaultdict(int)


def milliseconds(text: bytes) -> float | None:
    """Returns a duration of the log as a number; None for an invalid or negative one, or one beyond a year."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 3.2e10 else None


def condensed(durations: Durations) -> Durations:
    """Returns the same durations, each rounded to three significant digits."""
    result = new_durations()
    for text, count in durations.items():
        value = milliseconds(text)
        if value is not None:
            result[b"%.2e" % value] += count
    return result


def distribution(durations: Durations) -> Distribution | None:
    """Returns the percentiles by nearest rank; None if nothing was logged."""
    values: dict[float, int] = {}
    for text, count in durations.items():
        value = milliseconds(text)
        if value is not None:
            values[value] = values.get(value, 0) + count
    if not values:
        return None
    ordered = sorted(values.items())
    number = sum(values.values())
    p50, p95, p99 = (_rank(ordered, number, share) for share in (50, 95, 99))
    total = math.fsum(value * count for value, count in ordered)
    return Distribution(number, total, p50, p95, p99, ordered[-1][0])


def _rank(ordered: list[tuple[float, int]], number: int, share: int) -> float:
    rank = -(-number * share // 100)
    passed = 0
    for value, count in ordered:
        passed += count
        if passed >= rank:
            return value
    return ordered[-1][0]


class Tally:
    """The requests to one servable over one interface and API, during the reading of the log.

    ``stages``: durations of waiting, deserialisation, inference, serialisation and of the whole request.
    """

    __slots__ = (
        "api", "failed", "failing", "failing_since", "first", "infer_requests", "interface", "last",
        "minutes", "reasons", "requests", "servable", "stages", "succeeded", "versions",
    )  # fmt: skip

    def __init__(self, servable: str, interface: Interface, api: Api | None) -> None:
        self.servable = servable
        self.interface = interface
        self.api = api
        self.requests = 0
        self.succeeded = 0
        self.failed = 0
        self.reasons: dict[str, int] = {}
        self.stages: list[Durations] = [new_durations() for _ in range(5)]
        self.minutes: defaultdict[bytes, int] = defaultdict(int)
        self.first = b""
        self.last = b""
        self.failing = 0
        self.failing_since = b""
        #: Versions and infer requests that answered, as the log writes them: ``1, nireq 0``.
        self.versions: set[bytes] = set()
        self.infer_requests = 0

    def succeed(self) -> None:
        self.succeeded += 1
        self.failing = 0

    def fail(self, reason: str, stamp: bytes) -> None:
        """Counts a failure. ``stamp``: the time of its line."""
        self.failed += 1
        if not self.failing:
            self.failing_since = stamp
        self.failing += 1
        reason = reason[:_REASON] or "(the log does not contain the reason)"
        if reason not in self.reasons and len(self.reasons) >= REASONS:
            reason = OTHER_REASONS
        self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def bound(self) -> None:
        """Keeps the memory bounded; called from time to time."""
        for index, durations in enumerate(self.stages):
            if len(durations) > DURATIONS:
                self.stages[index] = condensed(durations)
        if len(self.minutes) > MINUTES:
            hours: defaultdict[bytes, int] = defaultdict(int)
            for minute, count in self.minutes.items():
                hours[minute[:13]] += count
            self.minutes = hours
        if len(self.versions) > 1000:
            self.versions = set(list(self.versions)[:500])

    def statistics(self, source: str) -> RequestStatistics:
        wait, deserialization, inference, serialization, total = map(distribution, self.stages)
        versions, infer_requests = _answered(self.versions)
        stuck = self.failing >= _STUCK
        ordered = sorted(self.reasons.items(), key=lambda item: (-item[1], item[0]))
        return RequestStatistics(
            source=source,
            servable=self.servable,
            interface=self.interface,
            api=self.api,
            requests=self.requests,
            succeeded=self.succeeded,
            failed=self.failed,
            reasons=dict(ordered),
            first_at=text_of(self.first),
            last_at=text_of(self.last),
            failing_since=text_of(self.failing_since) if stuck else None,
            failing_count=self.failing if stuck else 0,
            wait=wait,
            deserialization=deserialization,
            inference=inference,
            serialization=serialization,
            total=total,
            by_minute={text_of(minute): count for minute, count in sorted(self.minutes.items())},
            versions=versions,
            infer_requests_used=infer_requests,
        )


def _answered(texts: Iterable[bytes]) -> tuple[tuple[int, ...], int]:
    """Returns the versions and the number of infer requests in ``1, nireq 0``."""
    versions: set[int] = set()
    highest = -1
    for text in texts:
        version, _, number = text.partition(b", nireq ")
        if version.isdigit() and number.isdigit() and len(text) < 40:
            versions.add(int(version))
            highest = max(highest, int(number))
    return tuple(sorted(versions)), highest + 1


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "replace")
