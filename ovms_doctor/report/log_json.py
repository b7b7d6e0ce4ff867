"""Converts the diagnosis of a log to the object ``log`` of the JSON report."""

from __future__ import annotations

from ovms_doctor.model.log import (
    Distribution,
    GenerativeStatistics,
    LogDiagnosis,
    RequestStatistics,
    ServableHistory,
    ServerStart,
)
from ovms_doctor.report.log_document import (
    ChangeInfo,
    DurationInfo,
    FailureInfo,
    GenerativeInfo,
    LogInfo,
    RequestsInfo,
    ServableInfo,
    StartInfo,
    UnmatchedCounts,
    UnmatchedInfo,
)


def log_info(diagnosis: LogDiagnosis) -> LogInfo:
    """Returns the log as the document's types, its text not yet escaped."""
    log = diagnosis.summary
    return LogInfo(
        release=diagnosis.release,
        release_from=diagnosis.release_from,
        openvino=log.openvino,
        level=log.level.upper() if log.level else None,
        first_at=iso_time(log.first_at),
        last_at=iso_time(log.last_at),
        duration_s=round(log.duration_s, 3),
        lines=log.lines,
        records=log.records,
        bytes=log.size,
        sources=tuple(source for source in log.sources if source),
        starts=tuple(_start(*pair) for pair in zip(log.starts, diagnosis.ended_by, strict=True)),
        servables=tuple(_servable(*pair) for pair in zip(log.servables, diagnosis.causes, strict=True)),
        requests=tuple(_requests(item) for item in log.requests),
        generative=tuple(_generative(item) for item in log.generative),
        failures=tuple(FailureInfo(*item) for item in log.failures),
        hidden=diagnosis.hidden,
        changes=tuple(
            ChangeInfo(
                item.source or None, iso_time(item.at), item.line, item.servable, item.version, item.text
            )
            for item in log.changes
        ),
        unmatched=UnmatchedCounts(
            diagnosis.unmatched_warnings,
            diagnosis.unmatched_errors,
            tuple(
                UnmatchedInfo(item.text, item.level, item.count, item.line) for item in diagnosis.unmatched
            ),
        ),
        unattributed_requests=log.unattributed,
        notes=(*diagnosis.time_notes, *log.limits),
    )


def iso_time(text: str | None) -> str | None:
    """Converts ``2026-11-28 13:36:31.295`` to ``2026-11-28T13:36:31.295``."""
    return None if not text else text.replace(" ", "T", 1)


def _start(start: ServerStart, code: str | None) -> StartInfo:
    return StartInfo(
        source=start.source or None,
        at=iso_time(start.at),
        line=start.line,
        release=start.release,
        started=start.started,
        from_beginning=start.from_beginning,
        ended=start.ended,
        ended_at=iso_time(start.ended_at),
        ended_line=start.ended_line,
        ended_by=code,
        last_message=start.last_message or None,
    )


def _servable(servable: ServableHistory, codes: tuple[str, ...]) -> ServableInfo:
    return ServableInfo(
        source=servable.source or None,
        name=servable.name,
        kind=servable.kind,
        version=servable.version,
        state=servable.state,
        error_code=servable.error_code,
        since=iso_time(servable.since),
        since_line=servable.since_line or None,
        retries=servable.retries,
        causes=codes,
        start=servable.start,
        path=servable.path,
        device=servable.device,
        load_ms=servable.load_ms,
    )


def _requests(item: RequestStatistics) -> RequestsInfo:
    return RequestsInfo(
        source=item.source or None,
        servable=item.servable or None,
        interface=item.interface,
        api=item.api,
        requests=item.requests,
        succeeded=item.succeeded,
        failed=item.failed,
        reasons=item.reasons,
        wait_ms=_distribution(item.wait),
        deserialization_ms=_distribution(item.deserialization),
        inference_ms=_distribution(item.inference),
        serialization_ms=_distribution(item.serialization),
        total_ms=_distribution(item.total),
        wait_share=wait_share(item),
        versions=item.versions,
        infer_requests_used=item.infer_requests_used or None,
        first_at=iso_time(item.first_at),
        last_at=iso_time(item.last_at),
        failing_since=iso_time(item.failing_since),
        by_minute={minute.replace(" ", "T", 1): count for minute, count in item.by_minute.items()},
    )


def wait_share(item: RequestStatistics) -> float | None:
    """Returns the share of waiting in the time of the requests that succeeded; None if it is not logged."""
    if item.wait is None or item.total is None or item.total.total <= 0:
        return None
    return round(min(1.0, item.wait.total / item.total.total), 4)


def _distribution(values: Distribution | None) -> DurationInfo | None:
    if values is None:
        return None
    return DurationInfo(values.count, values.p50, values.p95, values.p99, values.max)


def _generative(item: GenerativeStatistics) -> GenerativeInfo:
    return GenerativeInfo(
        source=item.source or None,
        lines=item.lines,
        max_requests=item.max_requests,
        max_waiting=item.max_waiting,
        max_cache_usage=item.max_cache_usage,
        cache_full_lines=item.cache_full_lines,
        cache_full_first_at=iso_time(item.cache_full_first_at),
        cache_full_last_at=iso_time(item.cache_full_last_at),
        cache_size=item.cache_size,
        measured_requests=item.measured_requests,
        input_tokens=item.input_tokens,
        output_tokens=item.output_tokens,
        first_token_ms=_distribution(item.first_token),
    )
