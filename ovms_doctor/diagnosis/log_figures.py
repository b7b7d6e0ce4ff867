"""Findings from a log that no single message shows: from its figures, and from failures without a reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ovms_doctor.checks.logs.figures import (
    GENERATION_CACHE_FULL,
    LOAD_FAILS_UNEXPLAINED,
    LOG_ENDS_WHILE_LOADING,
    SERVABLE_STUCK,
    START_FAILS_UNEXPLAINED,
    WAITING_DOMINATES,
)
from ovms_doctor.explain.index import CodeEntry, codes
from ovms_doctor.explain.search import explain
from ovms_doctor.model.codes import Code
from ovms_doctor.model.findings import Confidence, Evidence, Finding, Occurrences, Remedy, Severity, Subject
from ovms_doctor.model.log import LogProblem, LogSummary, RequestStatistics, ServableHistory, ServerStart

#: The number of requests, and the share of failures among them, from which on refused requests are a finding.
_REQUESTS, _FAILED = 20, 0.25
#: Waiting dominates from this share of the time at the 95th percentile on, and from this number of milliseconds on.
_WAIT_SHARE, _WAIT_MS = 0.5, 1.0
#: The share of the inference time from which on one servable slows the others.
_MOST_OF_THE_TIME = 0.8
#: Messages on the load of a graph or a generative model, which other messages follow (servable_initializer.cpp,
#: mediapipegraphdefinition.cpp).
_GENERATIVE_LOADS = (
    "Initializing Language Model",
    "Initializing Visual Language Model",
    "MediapipeGraphDefinition initializing graph nodes",
)
#: The most codes of possible causes in a sentence.
_CAUSES = 8


def figure_findings(log: LogSummary) -> Iterator[Finding]:
    """Yields findings on the requests and the end of a log."""
    loading = {servable.name for servable in log.servables if servable.failing}
    for item in log.requests:
        if item.failing_since and (item.succeeded or item.servable not in loading):
            yield from _stuck(item, log)
        elif item.servable in loading:
            # Its requests are refused because it does not load, which is already a finding.
            pass
        elif item.requests >= _REQUESTS and item.failed >= _FAILED * item.requests:
            yield from _refused(item)
        yield from _waiting(item, log)
    for generative in log.generative:
        if generative.cache_full_lines:
            yield _finding(
                GENERATION_CACHE_FULL,
                f"The cache of a generative model is full: its usage is {generative.max_cache_usage:g} % at most, "
                f"99 % and more in {generative.cache_full_lines:,} of {generative.lines:,} lines.",
                occurrences=Occurrences(
                    generative.cache_full_lines,
                    generative.cache_full_first_at,
                    generative.cache_full_last_at,
                    0,
                    0,
                ),
            )
    yield from _loading_at_end(log)


def _stuck(item: RequestStatistics, log: LogSummary) -> Iterator[Finding]:
    known = any(
        servable.name == item.servable and (servable.state or "").startswith("AVAILABLE")
        for servable in log.servables
    )
    if not item.succeeded and not known:
        yield from _refused(item)
        return
    reason = next(iter(item.reasons), "")
    yield _finding(
        SERVABLE_STUCK,
        f"Every request to {item.servable} over {item.interface} fails since {item.failing_since}: "
        f"{item.failing_count:,} in a row, up to the last one.",
        servable=item.servable,
        evidence=f"{item.succeeded:,} of {item.requests:,} requests succeeded; most frequent failure: {reason}",
        occurrences=Occurrences(item.failing_count, item.failing_since, item.last_at, 0, 0),
    )


def _refused(item: RequestStatistics) -> Iterator[Finding]:
    if not item.failed:
        return
    found = explain(next(iter(item.reasons), ""))
    if not found.codes:
        return
    reasons = "; ".join(f"{reason} ({count:,})" for reason, count in list(item.reasons.items())[:3])
    share = 100 * item.failed / item.requests
    yield _finding(
        found.codes[0][0],
        f"{item.failed:,} of {item.requests:,} requests to {item.servable or 'a servable'} over "
        f"{item.interface} fail ({share:.1f} %).",
        servable=item.servable or None,
        evidence=reasons,
        severity="warning",
        occurrences=Occurrences(item.failed, item.first_at, item.last_at, 0, 0),
    )


def _busiest_servable(item: RequestStatistics, log: LogSummary) -> str:
    """Returns a sentence on another servable that takes nearly all of the inference time; empty if there is none."""
    times: dict[str, float] = {}
    for other in log.requests:
        if other.inference is not None and other.source == item.source:
            times[other.servable] = times.get(other.servable, 0.0) + other.inference.total
    name = max(times, key=lambda key: times[key], default=item.servable)
    if name == item.servable or times[name] < _MOST_OF_THE_TIME * sum(times.values()):
        return ""
    return f" {name} takes {100 * times[name] / sum(times.values()):.0f} % of the time of inference."


def _waiting(item: RequestStatistics, log: LogSummary) -> Iterator[Finding]:
    wait, total = item.wait, item.total
    if wait is None or total is None or wait.count < _REQUESTS or total.p95 <= 0:
        return
    share = min(1.0, wait.p95 / total.p95)
    if share < _WAIT_SHARE or wait.p95 < _WAIT_MS:
        return
    used = (
        f"{item.infer_requests_used} infer requests are in use"
        if item.infer_requests_used > 1
        else "nireq is 1"
    )
    yield _finding(
        WAITING_DOMINATES,
        f"{100 * share:.0f} % of the time of requests to {item.servable} over {item.interface} at the 95th "
        f"percentile is waiting for an infer request ({used}).{_busiest_servable(item, log)}",
        servable=item.servable,
        evidence=f"waiting {wait.p50:g} / {wait.p95:g} ms, whole request {total.p50:g} / {total.p95:g} ms "
        "(p50 / p95)",
    )


def _loading_at_end(log: LogSummary) -> Iterator[Finding]:
    """Yields the finding that a model was being loaded when the last start broke off."""
    if not log.starts or log.starts[-1].ended != "cut_off":
        return
    last = len(log.starts) - 1
    start = log.starts[-1]
    if start.last_message.startswith(_GENERATIVE_LOADS):
        yield _finding(
            LOG_ENDS_WHILE_LOADING,
            "The log breaks off while a graph or a generative model is being loaded.",
            log=(start.last_message,),
            confidence="medium",
            occurrences=Occurrences(1, start.ended_at, start.ended_at, start.ended_line, start.ended_line),
        )
    for servable in log.servables:
        if servable.start == last and servable.state == "LOADING" and servable.error_code == "OK":
            if servable.failing or servable.problems:
                continue
            yield _finding(
                LOG_ENDS_WHILE_LOADING,
                f"The log breaks off while {servable.name} is being loaded since {servable.since}.",
                servable=servable.name,
                version=servable.version,
                confidence="medium",
                occurrences=Occurrences(
                    1, start.ended_at, start.ended_at, start.ended_line, start.ended_line
                ),
            )


def load_unexplained(
    servable: ServableHistory, problem: LogProblem | None = None, causes: Sequence[CodeEntry] = ()
) -> Finding:
    """Returns the finding on a servable that does not load for a reason that is not known.

    ``problem``: the message that ends the load, and that these causes have in common; or a message that is not
    recognised."""
    evidence = f"line {servable.since_line:,}: {servable.state} {servable.error_code}"
    return _finding(
        LOAD_FAILS_UNEXPLAINED,
        f"{servable.name} does not load, and nothing in the log is recognised as the reason.",
        servable=servable.name,
        version=servable.version,
        evidence=evidence if servable.state else "",
        detail=_in_common(causes),
        log=(problem.text,) if problem else (),
        occurrences=_occurrences(problem) if problem else None,
    )


def start_unexplained(
    start: ServerStart, problem: LogProblem | None = None, causes: Sequence[CodeEntry] = ()
) -> Finding:
    """Returns the finding on a start that ended for a reason that is not known. ``problem``: the message that ends it,
    and that these causes have in common; or a message that is not recognised."""
    return _finding(
        START_FAILS_UNEXPLAINED,
        "The server exits, and nothing in the log is recognised as the reason.",
        detail=_in_common(causes),
        log=(problem.text,) if problem else (),
        occurrences=_occurrences(problem)
        if problem
        else Occurrences(1, start.ended_at, start.ended_at, start.ended_line, start.ended_line),
    )


def _in_common(causes: Sequence[CodeEntry]) -> str:
    if not causes:
        return ""
    names = ", ".join(cause.code for cause in causes[:_CAUSES])
    rest = f" and {len(causes) - _CAUSES} more" if len(causes) > _CAUSES else ""
    return f"The last message is the same for {names}{rest}; a message before it has the reason."


def _occurrences(problem: LogProblem) -> Occurrences:
    return Occurrences(
        problem.count, problem.first_at, problem.last_at, problem.first_line, problem.last_line
    )


def _finding(
    code: Code | CodeEntry,
    message: str,
    *,
    servable: str | None = None,
    version: int | None = None,
    evidence: str = "",
    occurrences: Occurrences | None = None,
    confidence: Confidence = "high",
    severity: Severity | None = None,
    log: tuple[str, ...] = (),
    detail: str = "",
) -> Finding:
    entry = codes()[code.code]
    return Finding(
        code=entry.code,
        name=entry.name,
        severity=severity or entry.severity,
        confidence=confidence,
        subject=Subject(model=servable, version=version),
        message=message,
        detail=detail,
        evidence=(Evidence(evidence, "log"),) if evidence else (),
        server_log=log,
        recovers=entry.recovers,
        remedy=Remedy(entry.remedy),
        docs=entry.docs,
        occurrences=occurrences,
    )
