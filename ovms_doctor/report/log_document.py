"""The object ``log`` of the JSON report as types: the content of a server's log.

Times are the server's own, without a zone, like ``2026-11-28T13:36:31.295``.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from ovms_doctor.model.log import Api, Ending, Interface, LogLevel, ServableKind

Number: TypeAlias = Annotated[int, Meta(ge=0)]
Milliseconds: TypeAlias = Annotated[float, Meta(ge=0)]
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]


class DurationInfo(Struct, frozen=True):
    """Percentiles of a duration in milliseconds, by nearest rank.

    * ``count``: how many durations are logged.
    * ``p50``: half of them are at most so long.
    * ``p95``: 95 of 100 are at most so long.
    * ``p99``: 99 of 100 are at most so long.
    * ``max``: the longest.
    """

    count: Number
    p50: Milliseconds
    p95: Milliseconds
    p99: Milliseconds
    max: Milliseconds


class StartInfo(Struct, frozen=True):
    """One start of the server.

    * ``source``: the pod, container or file where the log holds several servers, else null.
    * ``at``: the time of its first message; null where that has none.
    * ``line``: the line of its first message.
    * ``release``: the release that it reported.
    * ``started``: whether all its parts reported that they have started.
    * ``from_beginning``: false for an excerpt that begins in the middle of a run.
    * ``ended``: by shutdown lines, by an error, or cut off: killed, crashed, or still running.
    * ``ended_at``: when it ended, or the time of the last message.
    * ``ended_line``: the line of its last message.
    * ``ended_by``: the code of the finding that ended it.
    * ``last_message``: its last message where it is cut off.
    """

    source: str | None
    at: str | None
    line: Number
    release: str | None
    started: bool
    from_beginning: bool
    ended: Ending
    ended_at: str | None
    ended_line: Number
    ended_by: str | None
    last_message: str | None


class ServableInfo(Struct, frozen=True):
    """A model's version, a pipeline or a graph, in its last start.

    * ``source``: the pod, container or file where the log holds several servers, else null.
    * ``name``: its name.
    * ``kind``: what it is.
    * ``version``: the version of a model; null for others, and where the log does not name it.
    * ``state``: the last state before the server shut down; null where the level hides it.
    * ``error_code``: as the server shows it beside the state.
    * ``since``: since when, for a load that fails again and again since the first failure.
    * ``since_line``: the line that shows it.
    * ``retries``: further attempts after a load that failed.
    * ``causes``: the codes of the causes, the first cause first.
    * ``start``: the index of its start.
    * ``path``: the version's directory, where the log names it.
    * ``device``: the target device, where the log names it.
    * ``load_ms``: how long the last good load took, in milliseconds.
    """

    source: str | None
    name: str
    kind: ServableKind
    version: int | None
    state: str | None
    error_code: str | None
    since: str | None
    since_line: int | None
    retries: Number
    causes: tuple[str, ...]
    start: Number
    path: str | None
    device: str | None
    load_ms: float | None


class RequestsInfo(Struct, frozen=True):
    """The requests for inference to one servable over one interface and API.

    * ``source``: the pod, container or file where the log holds several servers, else null.
    * ``servable``: the name in the requests; null where the log does not name it.
    * ``interface``: how they came.
    * ``api``: their API; null for the C-API.
    * ``requests``: how many began.
    * ``succeeded``: how many succeeded.
    * ``failed``: how many failed.
    * ``reasons``: the status texts of the failures, and how many there were of each.
    * ``wait_ms``: waiting for an infer request.
    * ``deserialization_ms``: taking the inputs in.
    * ``inference_ms``: inference.
    * ``serialization_ms``: writing the outputs.
    * ``total_ms``: whole requests that succeeded.
    * ``wait_share``: the share of waiting in the time of all of them.
    * ``versions``: the versions that answered.
    * ``infer_requests_used``: how many infer requests were in use.
    * ``first_at``: the time of the first request.
    * ``last_at``: the time of the last request.
    * ``failing_since``: since when every request fails, up to the last one.
    * ``by_minute``: requests by minute, in long logs by hour.
    """

    source: str | None
    servable: str | None
    interface: Interface
    api: Api | None
    requests: Number
    succeeded: Number
    failed: Number
    reasons: dict[str, int]
    wait_ms: DurationInfo | None
    deserialization_ms: DurationInfo | None
    inference_ms: DurationInfo | None
    serialization_ms: DurationInfo | None
    total_ms: DurationInfo | None
    wait_share: Share | None
    versions: tuple[int, ...]
    infer_requests_used: int | None
    first_at: str | None
    last_at: str | None
    failing_since: str | None
    by_minute: dict[str, int]


class GenerativeInfo(Struct, frozen=True):
    """What the executor of generative models logs.

    * ``source``: the pod, container or file where the log holds several servers, else null.
    * ``lines``: lines of the scheduler.
    * ``max_requests``: the most requests in work at a time.
    * ``max_waiting``: the most of them that waited.
    * ``max_cache_usage``: the highest share of the cache in use, in percent; null where it is not logged.
    * ``cache_full_lines``: lines with 99 % and more.
    * ``cache_full_first_at``: the time of the first of them.
    * ``cache_full_last_at``: the time of the last of them.
    * ``cache_size``: the size of the cache, as logged.
    * ``measured_requests``: requests with figures of their own.
    * ``input_tokens``: their tokens that were sent.
    * ``output_tokens``: their tokens that were generated.
    * ``first_token_ms``: the time to the first token.
    """

    source: str | None
    lines: Number
    max_requests: Number
    max_waiting: Number
    max_cache_usage: float | None
    cache_full_lines: Number
    cache_full_first_at: str | None
    cache_full_last_at: str | None
    cache_size: str | None
    measured_requests: Number
    input_tokens: Number
    output_tokens: Number
    first_token_ms: DurationInfo | None


class FailureInfo(Struct, frozen=True):
    """Failed requests that are logged above DEBUG.

    * ``servable``: the servable of the requests.
    * ``reason``: the status text.
    * ``count``: how many.
    """

    servable: str
    reason: str
    count: Number


class ChangeInfo(Struct, frozen=True):
    """Something that changed while the server ran.

    * ``source``: the pod, container or file where the log holds several servers, else null.
    * ``at``: when.
    * ``line``: the line that shows it.
    * ``servable``: what changed; null for the server as a whole.
    * ``version``: the version of a model.
    * ``text``: the change, as a sentence without its subject.
    """

    source: str | None
    at: str | None
    line: Number
    servable: str | None
    version: int | None
    text: str


class UnmatchedInfo(Struct, frozen=True):
    """A warning or error that is not recognised.

    * ``text``: the message.
    * ``level``: its level.
    * ``count``: how often it is logged.
    * ``line``: the line of the first.
    """

    text: str
    level: LogLevel
    count: Number
    line: Number


class UnmatchedCounts(Struct, frozen=True):
    """What is not recognised.

    * ``warnings``: how many warnings.
    * ``errors``: how many errors.
    * ``examples``: the most frequent of them.
    """

    warnings: Number
    errors: Number
    examples: tuple[UnmatchedInfo, ...]


class LogInfo(Struct, frozen=True):
    """What a server's log shows.

    * ``release``: the release of the last start, or as given.
    * ``release_from``: where it is from: log, or --ovms-version; null where it is not known.
    * ``openvino``: the OpenVINO that the server reported.
    * ``level``: the most detailed level in the log; null where no record is in it.
    * ``first_at``: the time of the first record.
    * ``last_at``: the time of the last record.
    * ``duration_s``: seconds between them, without what the clock was set back.
    * ``lines``: lines.
    * ``records``: records of the server among them.
    * ``bytes``: bytes.
    * ``sources``: the servers where there are several.
    * ``starts``: starts of the server.
    * ``servables``: models, pipelines and graphs.
    * ``requests``: requests, most used first.
    * ``generative``: figures of generative models.
    * ``failures``: failed requests that are logged above DEBUG.
    * ``hidden``: what the log's level hides, and the option that would show it.
    * ``changes``: what changed while the server ran.
    * ``unmatched``: what is not recognised.
    * ``unattributed_requests``: requests that ended here and began before the excerpt.
    * ``notes``: oddities of times, and what was left out because there was too much of it.
    """

    release: str | None
    release_from: str | None
    openvino: str | None
    level: str | None
    first_at: str | None
    last_at: str | None
    duration_s: Annotated[float, Meta(ge=0)]
    lines: Number
    records: Number
    bytes: Number
    sources: tuple[str, ...]
    starts: tuple[StartInfo, ...]
    servables: tuple[ServableInfo, ...]
    requests: tuple[RequestsInfo, ...]
    generative: tuple[GenerativeInfo, ...]
    failures: tuple[FailureInfo, ...]
    hidden: str | None
    changes: tuple[ChangeInfo, ...]
    unmatched: UnmatchedCounts
    unattributed_requests: Number
    notes: tuple[str, ...]
