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

    * ``count``: the number of logged durations.
    * ``p50``: the 50th percentile.
    * ``p95``: the 95th percentile.
    * ``p99``: the 99th percentile.
    * ``max``: the longest duration.
    """

    count: Number
    p50: Milliseconds
    p95: Milliseconds
    p99: Milliseconds
    max: Milliseconds


class StartInfo(Struct, frozen=True):
    """One start of the server.

    * ``source``: the pod, container or file if the log contains several servers, else null.
    * ``at``: the time of its first message; null if that has none.
    * ``line``: the line of its first message.
    * ``release``: the release that it reported.
    * ``started``: whether all its modules reported their start.
    * ``from_beginning``: false for an excerpt that begins in the middle of a run.
    * ``ended``: shutdown lines, an error, or cut off: killed, crashed, or still running.
    * ``ended_at``: when it ended, or the time of the last message.
    * ``ended_line``: the line of its last message.
    * ``ended_by``: the code of the finding that ended it.
    * ``last_message``: its last message if it is cut off.
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

    * ``source``: the pod, container or file if the log contains several servers, else null.
    * ``name``: its name.
    * ``kind``: its kind.
    * ``version``: the version of a model; null for other kinds, and if the log does not name it.
    * ``state``: the last state before the server shut down; null if the log level hides it.
    * ``error_code``: the error code that the server shows beside the state.
    * ``since``: the time of the state; for a load that fails repeatedly, of the first failure.
    * ``since_line``: the line that shows the state.
    * ``retries``: further attempts after a failed load.
    * ``causes``: the codes of the causes, the first cause first.
    * ``start``: the index of its start.
    * ``path``: the version's directory, if the log names it.
    * ``device``: the target device, if the log names it.
    * ``load_ms``: the duration of the last good load, in milliseconds.
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

    * ``source``: the pod, container or file if the log contains several servers, else null.
    * ``servable``: the name in the requests; null if the log does not name it.
    * ``interface``: the interface of the requests.
    * ``api``: their API; null for the C-API.
    * ``requests``: the number of requests that began.
    * ``succeeded``: the number of requests that succeeded.
    * ``failed``: the number of requests that failed.
    * ``reasons``: the status texts of the failures, and the number of each.
    * ``wait_ms``: the time of waiting for an infer request.
    * ``deserialization_ms``: the time of reading the inputs.
    * ``inference_ms``: the time of inference.
    * ``serialization_ms``: the time of writing the outputs.
    * ``total_ms``: the time of whole requests that succeeded.
    * ``wait_share``: the share of waiting in the time of all of them.
    * ``versions``: the versions that answered.
    * ``infer_requests_used``: the number of infer requests in use.
    * ``first_at``: the time of the first request.
    * ``last_at``: the time of the last request.
    * ``failing_since``: the time from which on every request fails, up to the last one.
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
    """The figures that the executor of generative models logs.

    * ``source``: the pod, container or file if the log contains several servers, else null.
    * ``lines``: lines of the scheduler.
    * ``max_requests``: the most requests that were processed at a time.
    * ``max_waiting``: the most of them that waited.
    * ``max_cache_usage``: the highest share of the cache in use, in percent; null if it is not logged.
    * ``cache_full_lines``: lines with 99 % and more.
    * ``cache_full_first_at``: the time of the first of them.
    * ``cache_full_last_at``: the time of the last of them.
    * ``cache_size``: the size of the cache, as logged.
    * ``measured_requests``: requests whose own figures are logged.
    * ``input_tokens``: the tokens of their inputs.
    * ``output_tokens``: the tokens that they generated.
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
    * ``count``: the number of failed requests.
    """

    servable: str
    reason: str
    count: Number


class ChangeInfo(Struct, frozen=True):
    """Something that changed while the server ran.

    * ``source``: the pod, container or file if the log contains several servers, else null.
    * ``at``: the time of the change.
    * ``line``: the line that shows it.
    * ``servable``: the changed servable; null for the server as a whole.
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
    * ``line``: the line of the first occurrence.
    """

    text: str
    level: LogLevel
    count: Number
    line: Number


class UnmatchedCounts(Struct, frozen=True):
    """The numbers of unrecognised messages.

    * ``warnings``: the number of warnings.
    * ``errors``: the number of errors.
    * ``examples``: the most frequent of them.
    """

    warnings: Number
    errors: Number
    examples: tuple[UnmatchedInfo, ...]


class LogInfo(Struct, frozen=True):
    """The content of a server's log.

    * ``release``: the release of the last start, or of --ovms-version.
    * ``release_from``: its source: log, or --ovms-version; null if unknown.
    * ``openvino``: the OpenVINO that the server reported.
    * ``level``: the most detailed level in the log; null without a record.
    * ``first_at``: the time of the first record.
    * ``last_at``: the time of the last record.
    * ``duration_s``: seconds between the two, corrected for a clock that was set back.
    * ``lines``: the number of lines.
    * ``records``: the number of records of the server.
    * ``bytes``: the size in bytes.
    * ``sources``: the servers if there are several.
    * ``starts``: starts of the server.
    * ``servables``: models, pipelines and graphs.
    * ``requests``: requests, most used first.
    * ``generative``: figures of generative models.
    * ``failures``: failed requests that are logged above DEBUG.
    * ``hidden``: the content that the log's level hides, and the option that shows it.
    * ``changes``: the changes while the server ran.
    * ``unmatched``: the unrecognised messages.
    * ``unattributed_requests``: requests that ended here and began before the excerpt.
    * ``notes``: remarks on inconsistent times and on content that is omitted because of its size.
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
