"""Starts, servables and problems of one server, while its log is read."""

from __future__ import annotations

from collections.abc import Iterable

from ovms_doctor.model.log import Ending, LogLevel, LogProblem, ServableHistory, ServableKind, ServerStart
from ovms_doctor.model.pattern import lazy_pattern

#: The most distinct problems that are kept exactly; beyond them, texts that differ only in numbers count as one; and
#: the most in all.
EXACT_PROBLEMS = 500
PROBLEMS = 1_500
SERVABLES = 5_000
STARTS = 1_000
#: The most problems kept before one change of a servable's state.
_RECENT = 20
#: The longest text of a problem, in characters; the rest is cut.
TEXT = 16_384

#: States of an attempt: between them, a failed load is still failed.
_ATTEMPTS = ("START", "LOADING", "BEGIN", "RELOADING")

_NUMBERS = lazy_pattern(r"\d+")


class Start:
    """One start of the server, during the reading."""

    __slots__ = (
        "at",
        "ended_at",
        "ended_line",
        "errors",
        "exit",
        "from_beginning",
        "last",
        "line",
        "openvino",
        "release",
        "source",
        "started",
        "stopping",
    )  # fmt: skip

    def __init__(self, source: str, at: str | None, line: int, *, from_beginning: bool) -> None:
        self.source = source
        self.at = at
        self.line = line
        self.from_beginning = from_beginning
        self.release: str | None = None
        self.openvino: str | None = None
        self.started = False
        self.stopping = False
        self.exit = False
        self.errors = 0
        self.ended_at: str | None = None
        self.ended_line = line
        self.last = ""

    @property
    def ended(self) -> Ending:
        if self.exit:
            return "exit"
        if not self.stopping:
            return "cut_off"
        return "exit" if self.errors and not self.started and self.from_beginning else "shutdown"

    def frozen(self) -> ServerStart:
        return ServerStart(
            source=self.source,
            at=self.at,
            line=self.line,
            release=self.release,
            openvino=self.openvino,
            ended=self.ended,
            ended_at=self.ended_at,
            ended_line=self.ended_line,
            ended_by=None,
            started=self.started,
            last_message=self.last[:300],
            from_beginning=self.from_beginning,
        )


class Problem:
    """A warning or an error with its repetitions, during the counting."""

    __slots__ = (
        "at_start", "count", "first_at", "first_line", "last_at", "last_line", "last_start", "level",
        "number", "origin", "servable", "start", "text", "version",
    )  # fmt: skip

    def __init__(self, number: int, text: str, level: LogLevel, origin: str) -> None:
        self.number = number
        self.text = text
        self.level = level
        self.origin = origin
        self.count = 0
        self.first_at: str | None = None
        self.last_at: str | None = None
        self.first_line = 0
        self.last_line = 0
        self.servable: str | None = None
        self.version: int | None = None
        self.start = 0
        self.last_start = 0
        self.at_start = False

    def count_one(self, at: str | None, line: int, start: int) -> None:
        if not self.count:
            self.first_at, self.first_line, self.start = at, line, start
        self.count += 1
        self.last_at, self.last_line, self.last_start = at, line, start

    def frozen(self, source: str, *, lasting: bool) -> LogProblem:
        return LogProblem(
            source=source,
            text=self.text,
            level=self.level,
            origin=self.origin,
            count=self.count,
            first_at=self.first_at,
            last_at=self.last_at,
            first_line=self.first_line,
            last_line=self.last_line,
            servable=self.servable,
            version=self.version,
            start=self.start,
            last_start=self.last_start,
            at_start=self.at_start,
            lasting=lasting,
        )


class Problems:
    """The distinct problems of one server; their number is limited."""

    def __init__(self) -> None:
        self.all: list[Problem] = []
        #: Counted problems that are not kept.
        self.left_out = 0
        self._by_text: dict[tuple[str, str | None, int | None], Problem] = {}

    def add(
        self, text: str, level: LogLevel, origin: str, servable: str | None, version: int | None
    ) -> Problem | None:
        """Returns the problem with this text, new or known; None if there are too many."""
        text = text[:TEXT]
        key = (text, servable, version)
        known = self._by_text.get(key)
        if known is not None:
            return known
        if len(self.all) >= EXACT_PROBLEMS:
            key = (_NUMBERS.sub("#", text), servable, version)
            known = self._by_text.get(key)
            if known is not None:
                return known
        if len(self.all) >= PROBLEMS:
            self.left_out += 1
            return None
        problem = Problem(len(self.all), text, level, origin)
        problem.servable, problem.version = servable, version
        self.all.append(problem)
        self._by_text[key] = problem
        return problem


class Servable:
    """A model's version, a pipeline or a graph, in one start."""

    __slots__ = (
        "device", "error_code", "failing", "kind", "load_ms", "loading_since", "name", "over_line", "path",
        "problems", "retries", "since", "since_line", "start", "state", "version",
    )  # fmt: skip

    def __init__(self, name: str, kind: ServableKind, version: int | None, start: int) -> None:
        self.name = name
        self.kind = kind
        self.version = version
        self.start = start
        self.state: str | None = None
        self.error_code: str | None = None
        self.since: str | None = None
        self.since_line = 0
        self.retries = 0
        self.failing = False
        self.problems: list[int] = []
        self.path: str | None = None
        self.device: str | None = None
        self.loading_since: str | None = None
        self.load_ms: float | None = None
        #: The last line with a state that ends earlier problems.
        self.over_line = 0

    def set_state(self, state: str, error_code: str, at: str | None, line: int) -> bool:
        """Sets the state of a line. Returns whether it changed; a repeated failed attempt does not count as a
        change."""
        failed = error_code != "OK" or state.startswith("LOADING_PRECONDITION_FAILED")
        if state in ("AVAILABLE", "END", "RETIRED"):
            self.over_line = line
        if state == "LOADING" and not failed:
            self.loading_since = at
        if self.failing and not failed and state in _ATTEMPTS:
            self.retries += state in ("LOADING", "RELOADING")
            return False
        if failed and self.failing:
            self.state, self.error_code = state, error_code
            return False
        changed = (state, error_code) != (self.state, self.error_code) or self.failing != failed
        if changed:
            self.since, self.since_line = at, line
            self.state, self.error_code = state, error_code
        if self.failing and not failed:
            self.problems = []
            self.retries = 0
        self.failing = failed
        return changed

    def caused_by(self, problems: Iterable[int]) -> None:
        for number in problems:
            if number not in self.problems and len(self.problems) < _RECENT:
                self.problems.append(number)

    def frozen(self, source: str) -> ServableHistory:
        return ServableHistory(
            source=source,
            name=self.name,
            kind=self.kind,
            version=self.version,
            state=self.state,
            error_code=self.error_code,
            since=self.since,
            since_line=self.since_line,
            retries=self.retries,
            failing=self.failing,
            problems=tuple(self.problems),
            start=self.start,
            path=self.path,
            device=self.device,
            load_ms=self.load_ms,
        )
