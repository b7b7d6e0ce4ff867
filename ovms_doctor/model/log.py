"""The content of a server's log: starts, servables, requests, problems. Data only.

Times are the server's local times as it wrote them, ``2026-11-28 13:36:31.295``, without a zone.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Interface: TypeAlias = Literal["REST", "gRPC", "C-API"]
Api: TypeAlias = Literal["KServe", "TFS", "OpenAI"]
Ending: TypeAlias = Literal["shutdown", "exit", "cut_off"]
ServableKind: TypeAlias = Literal["model", "pipeline", "graph"]
LogLevel: TypeAlias = Literal["trace", "debug", "info", "warning", "error", "critical"]

#: The name of the log check.
LOG_CHECK = "logs"
#: From the most detailed to the least.
LEVELS: tuple[LogLevel, ...] = ("trace", "debug", "info", "warning", "error", "critical")


class Distribution(Struct, frozen=True):
    """Percentiles of a duration in milliseconds, by nearest rank; exact for up to 20,000 distinct values,
    else each value is rounded to three significant digits first."""

    #: How many durations were logged.
    count: int
    #: Their sum, in milliseconds.
    total: float
    #: The median.
    p50: float
    #: The 95th percentile.
    p95: float
    #: The 99th percentile.
    p99: float
    #: The longest.
    max: float


class RequestStatistics(Struct, frozen=True):
    """The requests for inference to one servable over one interface and API."""

    #: Name of the pod, container or file if the log has several servers, else empty.
    source: str
    #: The name that clients request; empty if the log does not name it.
    servable: str
    #: The interface of the request.
    interface: Interface
    #: The API of the request; None for the C-API.
    api: Api | None
    #: Requests that began in the log.
    requests: int
    #: Requests that the log shows to have succeeded.
    succeeded: int
    #: Requests that the log shows to have failed.
    failed: int
    #: The status texts of the failures, with the number of each.
    reasons: dict[str, int]
    #: Time of the first request.
    first_at: str
    #: Time of the last request.
    last_at: str
    #: The time since which every request has failed, if the last ones failed (at least ten).
    failing_since: str | None
    #: Requests that failed since then.
    failing_count: int
    #: Waiting for an infer request.
    wait: Distribution | None
    #: Copying and decoding the inputs.
    deserialization: Distribution | None
    #: Inference in OpenVINO.
    inference: Distribution | None
    #: Copying the outputs.
    serialization: Distribution | None
    #: The whole request, successes only.
    total: Distribution | None
    #: Requests by minute (``2026-11-28 13:36``), or by hour (``2026-11-28 13``) in long logs.
    by_minute: dict[str, int]
    #: The versions that answered.
    versions: tuple[int, ...]
    #: The number of used infer requests.
    infer_requests_used: int


class GenerativeStatistics(Struct, frozen=True):
    """The figures that the executor of generative models logs."""

    #: Name of the pod, container or file if the log has several servers, else empty.
    source: str
    #: Lines of the scheduler.
    lines: int
    #: The highest number of active requests.
    max_requests: int
    #: The highest number of waiting requests.
    max_waiting: int
    #: The highest share of the cache in use, in percent; None if the release does not log it.
    max_cache_usage: float | None
    #: Lines with a cache usage of 99 % and more.
    cache_full_lines: int
    #: Time of the first such line; None without one.
    cache_full_first_at: str | None
    #: Time of the last such line; None without one.
    cache_full_last_at: str | None
    #: The size of the cache, as logged.
    cache_size: str | None
    #: Requests with figures of their own.
    measured_requests: int
    #: The input tokens of these requests.
    input_tokens: int
    #: The output tokens of these requests.
    output_tokens: int
    #: Time to the first token.
    first_token: Distribution | None


class ServerStart(Struct, frozen=True):
    """One start of the server."""

    #: Name of the pod, container or file if the log has several servers, else empty.
    source: str
    #: Time of the first message; None if it has none.
    at: str | None
    #: Line of the first message.
    line: int
    #: The release in the banner.
    release: str | None
    #: The OpenVINO in the banner.
    openvino: str | None
    #: How it ended, as far as the log shows.
    ended: Ending
    #: Time of its last message that has one; None without any.
    ended_at: str | None
    #: Line of its last message.
    ended_line: int
    #: Index of the problem that ended it, in :attr:`LogSummary.problems`.
    ended_by: int | None
    #: Whether the server reported that all its parts have started.
    started: bool
    #: The last message of the start, cut at 300 characters.
    last_message: str
    #: False for an excerpt that begins in the middle of a run.
    from_beginning: bool


class ServableHistory(Struct, frozen=True):
    """A model's version, a pipeline or a graph, in its last start."""

    #: Name of the pod, container or file if the log has several servers, else empty.
    source: str
    #: The servable's name.
    name: str
    #: The kind of servable.
    kind: ServableKind
    #: None for pipelines, graphs and a model whose version the log does not show.
    version: int | None
    #: The last state before the server shut down; None if the log's level hides it.
    state: str | None
    #: The error code of the state; None if the log's level hides it.
    error_code: str | None
    #: The time at which it began: for a load that fails and is tried again, the first failure.
    since: str | None
    #: The line at which it began.
    since_line: int
    #: Number of further attempts after a failed load.
    retries: int
    #: Whether a load fails and is tried again, also at the moment of an attempt.
    failing: bool
    #: The problems before the state, oldest first: indices in :attr:`LogSummary.problems`.
    problems: tuple[int, ...]
    #: Index in :attr:`LogSummary.starts`.
    start: int
    #: Path of the version's directory, if logged.
    path: str | None
    #: The device, if logged.
    device: str | None
    #: Milliseconds of the last successful load.
    load_ms: float | None


class Change(Struct, frozen=True):
    """A change while the server ran."""

    #: Name of the pod, container or file if the log has several servers, else empty.
    source: str
    #: Time of the change.
    at: str
    #: Line of the change.
    line: int
    #: The change, as a sentence without its subject's name.
    text: str
    #: The servable, or None.
    servable: str | None
    #: The version of the servable, or None.
    version: int | None


class LogProblem(Struct, frozen=True):
    """A warning or an error, with all its repetitions."""

    #: Name of the pod, container or file if the log has several servers, else empty.
    source: str
    #: The whole message, at most 16 KiB.
    text: str
    #: The level of the message.
    level: LogLevel
    #: The writer: ``ovms``, or another library that writes into the same stream.
    origin: str
    #: The number of occurrences.
    count: int
    #: Time of the first occurrence, None if the line has no time.
    first_at: str | None
    #: Time of the last occurrence, None if the line has no time.
    last_at: str | None
    #: Line of the first occurrence.
    first_line: int
    #: Line of the last occurrence.
    last_line: int
    #: The servable that was loading, or that a request named.
    servable: str | None
    #: The version of that servable, or None.
    version: int | None
    #: Index in :attr:`LogSummary.starts` of the first occurrence.
    start: int
    #: Index in :attr:`LogSummary.starts` of the last occurrence.
    last_start: int
    #: Whether it occurred before the server reported that all its parts have started.
    at_start: bool
    #: Whether it remains: False if the servable became available, or a later start did not have the problem.
    lasting: bool


class ClockJump(Struct, frozen=True):
    """A position at which the log's clock goes back."""

    #: Name of the pod, container or file if the log has several servers, else empty.
    source: str
    #: The line of the position.
    line: int
    #: The time before.
    before: str
    #: The time after.
    after: str
    #: The number of seconds.
    seconds: float


class LogSummary(Struct, frozen=True):
    """All facts from a log."""

    #: The servers in it; one empty name for a single server.
    sources: tuple[str, ...]
    #: The number of lines.
    lines: int
    #: The number of records of the server among them.
    records: int
    #: Bytes read.
    size: int
    #: The release of the last banner.
    release: str | None
    #: The OpenVINO of the last banner.
    openvino: str | None
    #: The most detailed level in the log; None without any record.
    level: LogLevel | None
    #: The first time in the log; None without any.
    first_at: str | None
    #: The last time in the log; None without any.
    last_at: str | None
    #: Seconds between them, without the time by which the clock was set back.
    duration_s: float
    #: The starts of the servers.
    starts: tuple[ServerStart, ...]
    #: The servables of the last starts.
    servables: tuple[ServableHistory, ...]
    #: The requests by servable, interface and API.
    requests: tuple[RequestStatistics, ...]
    #: The figures of generative models.
    generative: tuple[GenerativeStatistics, ...]
    #: Failed requests that are logged above DEBUG: servable, reason, count.
    failures: tuple[tuple[str, str, int], ...]
    #: The distinct warnings and errors.
    problems: tuple[LogProblem, ...]
    #: The changes while the servers ran.
    changes: tuple[Change, ...]
    #: The positions at which the clock goes back.
    clock_jumps: tuple[ClockJump, ...]
    #: Requests that began outside the excerpt, so that their servable is unknown.
    unattributed: int
    #: What was left out because of a limit, as sentences.
    limits: tuple[str, ...]
    #: Lines that belong to no record.
    foreign_lines: int
    #: Whether times of the wrapper have no year.
    year_missing: bool


class UnmatchedText(Struct, frozen=True):
    """An unknown warning or error."""

    #: Its text, with all its repetitions counted together.
    text: str
    #: The level of the message.
    level: LogLevel
    #: The number of repetitions.
    count: int
    #: The line of the first one.
    line: int


class LogDiagnosis(Struct, frozen=True):
    """A summary with its known messages."""

    #: The summary.
    summary: LogSummary
    #: For each of :attr:`LogSummary.servables` the codes of its causes, likeliest first.
    causes: tuple[tuple[str, ...], ...]
    #: For each of :attr:`LogSummary.starts` the code of the problem that ended it, or None.
    ended_by: tuple[str | None, ...]
    #: The number of unknown warnings, repetitions counted.
    unmatched_warnings: int
    #: The number of unknown errors, repetitions counted.
    unmatched_errors: int
    #: The three most frequent unknown warnings and errors.
    unmatched: tuple[UnmatchedText, ...]
    #: The messages that the log's level hides, and the option that would show them; None if it shows requests.
    hidden: str | None
    #: The release; None if it is unknown.
    release: str | None
    #: The source of the release: the banner or an option; None without one.
    release_from: str | None
    #: Unusual times in the log, as sentences.
    time_notes: tuple[str, ...]
    #: For each finding by its fingerprint all possible codes of its message.
    candidates: dict[str, tuple[str, ...]]
