"""Findings from a log: its causes, and the other parts of its report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from ovms_doctor.checks.logs.figures import LOAD_FAILS_UNEXPLAINED, START_FAILS_UNEXPLAINED
from ovms_doctor.diagnosis.log_causes import (
    CLIENT_CODES,
    Meaning,
    chosen_causes,
    ending_problem,
    is_mere_warning,
    meanings,
    occurs_in,
)
from ovms_doctor.diagnosis.log_figures import figure_findings, load_unexplained, start_unexplained
from ovms_doctor.explain.index import CodeEntry
from ovms_doctor.model.findings import (
    SEVERITIES,
    Confidence,
    Evidence,
    Finding,
    Occurrences,
    Recovers,
    Remedy,
    Severity,
    Subject,
)
from ovms_doctor.model.log import (
    ClockJump,
    LogDiagnosis,
    LogProblem,
    LogSummary,
    ServableHistory,
    UnmatchedText,
)
from ovms_doctor.model.pattern import lazy_pattern

_UNMATCHED = 3
#: Fields whose names do not describe their values.
_UNNAMED = lazy_pattern(r"(?:what|error|details|value|parse)\d*")
_VALUE = 200
#: The number of lines within which messages without a servable belong to one case.
_NEAR_LINES = 20
#: The number of lines within which the messages of a library belong to the server's error.
_LIBRARY_LINES = 300
_MESSAGES = 3
_OVER = "The problem is over: the log does not show it after the last occurrence."
#: Seconds that clocks are set back at the end of daylight saving time, plus some for messages logged meanwhile.
_DST, _DST_SLACK = 3600, 120


def diagnose(
    log: LogSummary, *, release: str | None = None, release_from: str | None = None
) -> tuple[LogDiagnosis, tuple[Finding, ...]]:
    """Returns the diagnosis of a log, and the findings, root causes and errors first. ``release`` replaces the
    banner's."""
    all_meanings = meanings(log.problems)
    if not log.records and not any(
        meaning.known or problem.origin == "ovms"
        for meaning, problem in zip(all_meanings, log.problems, strict=True)
    ):
        # Other servers use the same libraries: their lines alone are no log of OVMS.
        log, all_meanings = replace(log, starts=(), problems=()), []
    causes = [chosen_causes(servable.problems, log.problems, all_meanings) for servable in log.servables]
    groups = _Groups(log, all_meanings)
    servable_codes = []
    for servable, numbers in zip(log.servables, causes, strict=True):
        servable_codes.append(groups.of_servable(servable, numbers))
    ended_by = [groups.of_start(index, servable_codes) for index in range(len(log.starts))]
    groups.add_the_rest()
    findings = [*groups.findings(), *figure_findings(log)]
    order = {severity: index for index, severity in enumerate(SEVERITIES)}
    findings.sort(
        key=lambda item: (order[item.severity], item.occurrences.first_line if item.occurrences else 0)
    )
    unmatched = [
        (number, problem) for number, problem in enumerate(log.problems) if not all_meanings[number].known
    ]
    unmatched.sort(key=lambda item: -item[1].count)
    diagnosis = LogDiagnosis(
        summary=log,
        causes=tuple(servable_codes),
        ended_by=tuple(ended_by),
        unmatched_warnings=sum(problem.count for _, problem in unmatched if problem.level == "warning"),
        unmatched_errors=sum(problem.count for _, problem in unmatched if problem.level != "warning"),
        unmatched=tuple(
            UnmatchedText(problem.text, problem.level, problem.count, problem.first_line)
            for _, problem in unmatched[:_UNMATCHED]
        ),
        hidden=_hidden(log),
        release=release or log.release,
        release_from=release_from if release else ("log" if log.release else None),
        time_notes=tuple(_time_notes(log)),
        candidates=groups.candidates,
    )
    return diagnosis, tuple(findings)


class _Group:
    """The problems for one finding: those with the same code and subject."""

    def __init__(self, entry: CodeEntry, subject: tuple[str, str | None, int | None]) -> None:
        self.entry = entry
        self.source, self.servable, self.version = subject
        self.problems: list[int] = []
        self.values: dict[str, str] = {}
        self.others: tuple[str, ...] = ()
        self.confidence: Confidence = "high"
        #: Whether it ended a start of the server, or keeps a servable from being served.
        self.is_decisive = False


class _Groups:
    """Problems by cause: each is counted once."""

    def __init__(self, log: LogSummary, all_meanings: list[Meaning]) -> None:
        self._log = log
        self._meanings = all_meanings
        self._groups: dict[tuple[str, str, str | None, int | None], _Group] = {}
        self._of_problem: dict[int, _Group] = {}
        self._extra: list[Finding] = []
        #: The findings without a cause on starts that ended, by source and message.
        self._ended_unexplained: dict[tuple[str, int | None], Finding] = {}
        #: Fingerprint of a finding → all codes that its message can mean.
        self.candidates: dict[str, tuple[str, ...]] = {}

    def of_servable(self, servable: ServableHistory, numbers: list[int]) -> tuple[str, ...]:
        """Returns the codes of a servable's causes; adds a finding for each."""
        bad = servable.failing or servable.state in ("LOADING", "START")
        groups = [self._add(number, servable) for number in numbers]
        for group in groups:
            group.is_decisive = group.is_decisive or servable.failing
        if groups or not servable.failing:
            return tuple(dict.fromkeys(group.entry.code for group in groups)) if bad else ()
        # Only messages are left that end the load: the status in them is that of a class of causes.
        suggested = [
            (number, entries)
            for number in servable.problems
            if not is_mere_warning(self._log.problems[number], self._meanings[number])
            and (entries := self._suggested(number))
        ]
        if suggested:
            number, entries = min(suggested, key=lambda item: len(item[1]))
            if len(entries) == 1:
                return (self._add_suggested(number, servable, entries[0]),)
            finding = load_unexplained(servable, self._log.problems[number], entries)
            self._add_unexplained(finding, servable.start, entries)
            return (LOAD_FAILS_UNEXPLAINED.code,)
        unknown = next((number for number in servable.problems if not self._meanings[number].known), None)
        if servable.problems or (self._log.starts and self._log.starts[servable.start].from_beginning):
            problem = None if unknown is None else self._log.problems[unknown]
            self._add_unexplained(load_unexplained(servable, problem), servable.start)
            return (LOAD_FAILS_UNEXPLAINED.code,)
        return ()

    def of_start(self, index: int, servable_codes: Sequence[tuple[str, ...]]) -> str | None:
        """Returns the code of the cause that ended a start; adds a finding for it. ``servable_codes``: the causes of
        each servable."""
        start = self._log.starts[index]
        if start.ended != "exit":
            return None
        number = ending_problem(index, self._log, self._meanings)
        if number is not None and (number in self._of_problem or self._meanings[number].is_cause):
            group = self._of_problem.get(number) or self._add(number, None)
            group.is_decisive = True
            return group.entry.code
        entries = () if number is None else self._suggested(number)
        if number is not None and len(entries) == 1:
            return self._add_suggested(number, None, entries[0])
        if any(
            servable.start == index and LOAD_FAILS_UNEXPLAINED.code in found
            for servable, found in zip(self._log.servables, servable_codes, strict=True)
        ):
            return LOAD_FAILS_UNEXPLAINED.code
        if number is None:
            if self._only_servables_fail(index):
                # Nothing shows that they end the start: it may have been stopped meanwhile.
                return None
            number = self._unknown_error(index)
        problem = None if number is None else self._log.problems[number]
        before = self._ended_unexplained.get((start.source, number))
        if before is not None:
            self._extra.remove(before)
        finding = start_unexplained(start, problem, entries)
        finding = self._add_unexplained(finding, problem.last_start if problem else index, entries)
        self._ended_unexplained[start.source, number] = finding
        return START_FAILS_UNEXPLAINED.code

    def _only_servables_fail(self, index: int) -> bool:
        """Whether a start has errors, and all of them belong to servables."""
        of_servables = {number for servable in self._log.servables for number in servable.problems}
        errors = [
            number in of_servables or problem.servable is not None
            for number, problem in enumerate(self._log.problems)
            if occurs_in(problem, index) and problem.level != "warning"
        ]
        return bool(errors) and all(errors)

    def _unknown_error(self, index: int) -> int | None:
        """Returns the last error of a start that is not recognised."""
        return next(
            (
                number
                for number in reversed(range(len(self._meanings)))
                if not self._meanings[number].known
                and occurs_in(self._log.problems[number], index)
                and self._log.problems[number].level != "warning"
            ),
            None,
        )

    def _suggested(self, number: int) -> tuple[CodeEntry, ...]:
        """Returns the codes of the causes that a message without a cause suggests by its status."""
        meaning = self._meanings[number]
        entries = meaning.noted_codes or tuple(entry for entry, _ in meaning.codes)
        return tuple(entry for entry in entries if entry.severity != "info")

    def _add_suggested(self, number: int, servable: ServableHistory | None, entry: CodeEntry) -> str:
        """Adds the finding for the only cause that a message suggests, and returns its code."""
        group = self._add(number, servable, entry=entry)
        group.confidence = "low"
        group.is_decisive = True
        return group.entry.code

    def _add_unexplained(self, finding: Finding, start: int, entries: tuple[CodeEntry, ...] = ()) -> Finding:
        """Adds a finding without a cause, on a start, and returns it. ``entries``: the causes that it can have."""
        starts = self._log.starts
        if any(later.started and later.source == starts[start].source for later in starts[start + 1 :]):
            finding = replace(finding, severity="warning", detail=f"{finding.detail} {_OVER}".strip())
        self._extra.append(finding)
        self.candidates[finding.fingerprint] = (finding.code, *(entry.code for entry in entries))
        return finding

    def add_the_rest(self) -> None:
        """Adds causes that led to no state: warnings, and errors while requests run."""
        for number, (problem, meaning) in enumerate(zip(self._log.problems, self._meanings, strict=True)):
            if number in self._of_problem or not meaning.is_cause:
                continue
            candidates = [entry.code for entry, _ in meaning.codes]
            if set(candidates) <= CLIENT_CODES or candidates[0] in CLIENT_CODES:
                continue
            known = self._known(candidates, problem)
            if known is not None:
                known.problems.append(number)
                self._of_problem[number] = known
                continue
            self._add(number, None)

    def _known(self, candidates: list[str], problem: LogProblem) -> _Group | None:
        """Returns the group to which the problem belongs: same subject, and a code that the message can mean; for a
        message that names no servable, a group whose messages were written next to it."""
        for group in self._groups.values():
            if group.source != problem.source:
                continue
            distance = min(
                abs(self._log.problems[other].first_line - problem.first_line) for other in group.problems
            )
            is_near = distance <= _NEAR_LINES
            if problem.origin not in ("ovms", "drogon") and distance <= _LIBRARY_LINES:
                return group
            if group.entry.code not in candidates:
                continue
            same = group.servable == problem.servable and group.version in (problem.version, None)
            unnamed = problem.servable is None or group.servable is None
            if (same and problem.servable is not None) or (unnamed and is_near):
                return group
        return None

    def _add(
        self,
        number: int,
        servable: ServableHistory | None,
        *,
        entry: CodeEntry | None = None,
        others: tuple[CodeEntry, ...] = (),
    ) -> _Group:
        problem, meaning = self._log.problems[number], self._meanings[number]
        values: dict[str, str] = {}
        if entry is None:
            entry, values = meaning.codes[0]
            others = tuple(other for other, _ in meaning.codes[1:])
        name = servable.name if servable else problem.servable
        version = servable.version if servable else problem.version
        # A fault of a configuration or a path is one case, no matter which line shows it.
        path = values.get("path", "") if name is None else ""
        key = (entry.code, problem.source, name or path, version)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(entry, (problem.source, name, version))
            group.values = values
            group.others = tuple(other.code for other in others)
            group.confidence = "low" if meaning.is_cut else "medium" if others else "high"
        if number not in group.problems:
            group.problems.append(number)
        self._of_problem.setdefault(number, group)
        return group

    def findings(self) -> Iterator[Finding]:
        for group in self._groups.values():
            finding = self._finding(group)
            self.candidates[finding.fingerprint] = (group.entry.code, *group.others)
            yield finding
        yield from self._extra

    def _finding(self, group: _Group) -> Finding:
        problems = [self._log.problems[number] for number in group.problems]
        lasting = any(problem.lasting for problem in problems)
        first = min(problems, key=lambda item: item.first_line)
        last = max(problems, key=lambda item: item.last_line)
        # Several messages of one case are logged together: the most frequent message counts the cases.
        occurrences = Occurrences(
            max(problem.count for problem in problems),
            first.first_at,
            last.last_at,
            first.first_line,
            last.last_line,
        )
        severity: Severity = "error" if group.is_decisive else group.entry.severity
        sentences = []
        if group.values:
            subjects = (group.servable, str(group.version))
            named_values = ", ".join(
                f"{name.replace('_', ' ')} “{value[:_VALUE]}”"
                for name, value in group.values.items()
                if value and not _UNNAMED.fullmatch(name) and value not in subjects
            )
            sentences.append(f"The message names: {named_values}." if named_values else "")
        if group.others:
            sentences.append(f"The same message is written for {', '.join(group.others[:8])}.")
        if not lasting:
            sentences.append(_OVER)
            severity = "warning" if severity == "error" else severity
        if group.source:
            sentences.append(f"Logged by {group.source}.")
        texts = tuple(dict.fromkeys(problem.text for problem in problems))
        return Finding(
            code=group.entry.code,
            name=group.entry.name,
            severity=severity,
            confidence=group.confidence,
            subject=Subject(
                model=group.servable, version=group.version, server_path=_path(group.values.get("path"))
            ),
            message=f"{group.entry.summary}.",
            detail=" ".join(sentence for sentence in sentences if sentence),
            server_log=texts[:_MESSAGES],
            evidence=(Evidence(f"line {first.first_line:,} of the log", "log"),),
            recovers=self._recovers(group, problems),
            remedy=Remedy(group.entry.remedy),
            docs=group.entry.docs,
            relative=group.values.get("path", "") if group.servable is None else "",
            occurrences=occurrences,
        )

    def _recovers(self, group: _Group, problems: list[LogProblem]) -> Recovers | None:
        """Returns what makes a running server recover by its code; a server that ended reads nothing again, and a graph
        is read again only with the configuration (modelmanager.cpp)."""
        recovers = group.entry.recovers
        if recovers is None:
            return None
        starts = self._log.starts
        if problems and all(
            problem.last_start < len(starts) and starts[problem.last_start].ended == "exit"
            for problem in problems
        ):
            return "restart"
        is_graph = any(
            servable.kind == "graph" and servable.name == group.servable and servable.source == group.source
            for servable in self._log.servables
        )
        return "config_change" if is_graph and recovers == "next_poll" else recovers


def _path(value: str | None) -> str | None:
    return value if value and value.startswith("/") and len(value) < 4096 else None


# -- header --------------------------------------------------------------------------------------------


def _hidden(log: LogSummary) -> str | None:
    if log.level in ("trace", "debug") or log.level is None:
        return None
    if log.level == "info":
        return (
            "This log begins at INFO, a level at which the server does not log requests. Start it with "
            "--log_level DEBUG to log them, or with --metrics_enable to count them under /metrics."
        )
    return (
        "This log contains only warnings and errors. The server logs states of servables from --log_level "
        "INFO on, and requests from DEBUG on."
    )


def _time_notes(log: LogSummary) -> Iterator[str]:
    for jump in log.clock_jumps[:3]:
        yield _jump(jump)
    if len(log.clock_jumps) > 3:
        yield f"The clock goes back {len(log.clock_jumps) - 3} more times."
    if log.year_missing:
        yield (
            "The times of the system log have no year. The report uses the times that the server itself "
            "writes."
        )


def _jump(jump: ClockJump) -> str:
    text = f"At line {jump.line:,} the clock goes back by {jump.seconds:,.0f} s, from {jump.before} to {jump.after}"
    if abs(jump.seconds - _DST) <= _DST_SLACK:
        text += ", as at the end of daylight saving time"
    return f"{text}. Durations do not include this."
