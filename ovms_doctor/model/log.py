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
    #: Time of the first and of the last request.
    first_at: str
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
    #: The version that answered, and the number of used infer requests.
    versions: tuple[int, ...]
    infer_requests_used: int


class GenerativeStatistics(Struct, frozen=True):
    """The figures that the executor of generative models logs."""

    #: Name of the pod, container or file if the log has several servers, else empty.
    source: str
    #: Lines of the scheduler.
    lines: int
    #: The highest number of active requests, and of waiting ones.
    max_requests: int
    max_waiting: int
    #: The highest share of the cache in use, in percent; None if the release does not log it.
    max_cache_usage: float | None
    #: Lines with 99 % and more, and the first and last of them.
    cache_full_lines: int
    cache_full_first_at: str | None
    cache_full_last_at: str | None
    #: The size of the cache, as logged.
    cache_size: str | None
    #: Requests with figures of their own, and their tokens.
    measured_requests: int
    input_tokens: int
    output_tokens: int
    #: Time to the first token.
    first_token: Distribution | None


class ServerStart(Struct, frozen=True):
    """One start of the server."""

    #: Name of the pod, container or file if the log has several servers, else empty.
    source: str
    #: Time and line of the first message; time None if that has none.
    at: str | None
    line: int
    #: The release and the OpenVINO of the banner.
    release: str | None
    openvino: str | None
    #: How it ended, as far as the log shows.
    ended: Ending
    ended_at: str | None
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
    kind: ServableKind
    #: None for pipelines, graphs and a model whose version the log does not show.
    version: int | None
    #: The last state before the server shut down; None if the log's level hides it.
    state: str | None
    error_code: str | None
    #: The time at which it began: for a load that fails and is tried again, the first failure.
    since: str | None
    since_line: int
    #: Number of further attempts after a failed load.
    retries: int
    #: Whether a load fails and is tried again, also at the moment of an attempt.
    failing: bool
    #: The problems before the state, oldest first: indices in :attr:`LogSummary.problems`.
    problems: tuple[int, ...]
    #: Index in :attr:`LogSummary.starts`.
    start: int
    #: Path of the version's directory, and device, if logged.
    path: str | None
    device: str | None
    #: Milliseconds of the last successful load.
    load_ms: float | None


class Change(Struct, frozen=True):
    """A change while the server ran."""

    source: str
    at: str
    line: int
    #: The change, as a sentence without its subject's name.
    text: str
    #: The servable, or None.
    servable: str | None
    version: int | None


class LogProblem(Struct, frozen=True):
    """A warning or an error, with all its repetitions."""

    source: str
    #: The whole message, at most 16 KiB.
    text: str
    level: LogLevel
    #: The writer: ``ovms``, or another library that writes into the same stream.
    origin: str
    count: int
    #: Time of the first and last occurrence, None if the line has no time.
    first_at: str | None
    last_at: str | None
    first_line: int
    last_line: int
    #: The servable that was loading, or that a request named.
    servable: str | None
    version: int | None
    #: Index in :attr:`LogSummary.starts` of the first and last occurrence.
    start: int
    last_start: int
    #: Whether it occurred before the server reported that all its parts have started.
    at_start: bool
    #: Whether it remains: False if the servable became available, or a later start did not have the problem.
    lasting: bool


class ClockJump(Struct, frozen=True):
    """A position at which the log's clock goes back."""

    source: str
    line: int
    #: The time before and after.
    before: str
    after: str
    #: The number of seconds.
    seconds: float


class LogSummary(Struct, frozen=True):
    """All facts from a log."""

    #: The servers in it; one empty name for a single server.
    sources: tuple[str, ...]
    #: Lines, and records of the server among them.
    lines: int
    records: int
    #: Bytes read.
    size: int
    #: The release of the last banner, its OpenVINO.
    release: str | None
    openvino: str | None
    #: The most detailed level in the log; None without any record.
    level: LogLevel | None
    first_at: str | None
    last_at: str | None
    #: Seconds between them, without the time by which the clock was set back.
    duration_s: float
    starts: tuple[ServerStart, ...]
    servables: tuple[ServableHistory, ...]
    requests: tuple[RequestStatistics, ...]
    generative: tuple[GenerativeStatistics, ...]
    #: Failed requests that are logged above DEBUG: servable, reason, count.
    failures: tuple[tuple[str, str, int], ...]
    problems: tuple[LogProblem, ...]
    changes: tuple[Change, ...]
    clock_jumps: tuple[ClockJump, ...]
    #: Requests that began outside the excerpt, so that their servable is unknown.
    unattributed: int
    #: What was left out because of a limit, as sentences.
    limits: tuple[str, ...]
    #: Lines that belong to no record.
    foreign_lines: int
    #: Whether times of the carrier have no year.
    year_missing: bool


class UnmatchedText(Struct, frozen=True):
    """An unknown warning or error."""

    #: Its text, with all its repetitions counted together.
    text: str
    level: LogLevel
    count: int
    #: The line of the first one.
    line: int


class LogDiagnosis(Struct, frozen=True):
    """A summary with its known messages."""

    summary: LogSummary
    #: For each of :attr:`LogSummary.servables` the codes of its causes, likeliest first.
    causes: tuple[tuple[str, ...], ...]
    #: For each of :attr:`LogSummary.starts` the code of the problem that ended it, or None.
    ended_by: tuple[str | None, ...]
    #: Unknown warnings and errors, repetitions counted, and the three most frequent.
    unmatched_warnings: int
    unmatched_errors: int
    unmatched: tuple[UnmatchedText, ...]
    #: The messages that the log's level hides, and the option that would show them; None if it shows requests.
    hidden: str | None
    #: The source of the release: the banner, an option, or none.
    release: str | None
    release_from: str | None
    #: Unusual times in the log, as sentences.
    time_notes: tuple[str, ...]
    #: For each finding by its fingerprint all possible codes of its message.
    candidates: dict[str, tuple[str, ...]]
