"""The report of ``logs`` for people: header, servables, findings, requests, changes, unrecognised messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ovms_doctor.model.display_text import clip
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.log import (
    Change,
    GenerativeStatistics,
    LogDiagnosis,
    RequestStatistics,
    ServableHistory,
    ServerStart,
)
from ovms_doctor.model.styled import PLAIN_WIDTH
from ovms_doctor.report.phrases import failure_cause, number, percentiles, plural, share, title_of
from ovms_doctor.report.text_columns import Column, Row, write_columns
from ovms_doctor.report.text_failures import Failure, write_failures
from ovms_doctor.report.text_findings import write_findings
from ovms_doctor.report.text_writer import TextWriter
from ovms_doctor.report.verdict import BAD, GOOD, OPEN, PARTLY, STYLES

_SOURCE = Column("source", 40, 12)
#: On a short line the kind is left out, then the time; then the cause moves below its row.
_SERVABLES = (
    Column("servable", 40, 12),
    Column("kind", 16, 8, leaves=1),
    Column("state", 40, 14),
    Column("since", 19, 8, leaves=2),
    Column("cause"),
)
#: On a short line the columns are left out in this order: wait, inference, interface; then the failure moves below its
#: row.
_REQUESTS = (
    Column("requests to", 40, 12),
    Column("interface", 14, 9, leaves=3),
    Column("requests", 12, 8),
    Column("failed", 8, 7),
    Column("wait p50/p95", 20, 12, leaves=1),
    Column("inference p50/p95", 20, 17, leaves=2),
    Column("most frequent failure"),
)
_STAGES = (
    Column("requests to", 40, 12),
    Column("stage", 40, 12),
    Column("p50", 12, 5),
    Column("p95", 12, 5),
    Column("p99", 12, 5, leaves=1),
    Column("max"),
)
#: Maximum number of entries of a list without --verbose.
_CHANGES = 12
_BARS = "▁▂▃▄▅▆▇█"
_PLAIN_BARS = "_.:-=+*#"
#: Width of the sparkline, in cells.
_SPARKLINE = 60
_WHERE_TO_LOOK = (
    "A server that is killed does not log it (exit codes 132, 134, 135, 137, 139, OOMKilled): docker inspect or "
    'kubectl describe pod shows it, and ovms-doctor explain "exit 137" what it means.'
)
#: States of servables that are no longer configured.
_REMOVED = ("END", "RETIRED", "UNLOADING")
_ENDS = {
    "shutdown": "shuts down",
    "exit": "exits",
    "cut_off": "ends without shutdown lines: killed or still running",
}


def write_log_report(
    writer: TextWriter, diagnosis: LogDiagnosis, findings: Sequence[Finding], titles: dict[str, str]
) -> None:
    """Writes the whole report except its last line. ``titles``: code → its title."""
    log = diagnosis.summary
    _write_header(writer, diagnosis, titles)
    for note in (*diagnosis.time_notes, *log.limits):
        writer.prose(note, indent=1)
    if log.servables:
        writer.blank()
        _write_servables(writer, diagnosis, titles)
    write_findings(writer, findings)
    if log.requests or diagnosis.hidden:
        writer.blank()
        _write_requests(writer, diagnosis)
    for item in log.generative:
        _write_generative(writer, item)
    if log.changes:
        writer.blank()
        _write_changes(writer, log.changes)
    _write_unmatched(writer, diagnosis)


# -- header --------------------------------------------------------------------------------------------


def _write_header(writer: TextWriter, diagnosis: LogDiagnosis, titles: dict[str, str]) -> None:
    log = diagnosis.summary
    parts = [
        f"OVMS {diagnosis.release}" if diagnosis.release else "release not in this excerpt (--ovms-version)"
    ]
    if diagnosis.release and diagnosis.release_from not in (None, "log"):
        parts[0] += f" ({diagnosis.release_from})"
    if log.openvino:
        parts.append(f"OpenVINO {log.openvino.split('-')[0]}")
    parts.append(log.level.upper() if log.level else "no record of OVMS")
    if log.first_at and log.last_at:
        parts.append(f"{_span(log.first_at, log.last_at)} ({_duration(log.duration_s)})")
    parts.append(plural(len(log.starts), "start") if log.starts else "no start")
    writer.prose(" · ".join(parts), style="bold")
    displayed = log.starts if writer.verbose else log.starts[-3:]
    if len(log.starts) > len(displayed):
        ends = Counter(start.ended for start in log.starts[: -len(displayed)])
        counted = ", ".join(f"{number} × {_ENDS[end].partition(':')[0]}" for end, number in ends.items())
        writer.prose(f"{plural(len(log.starts) - len(displayed), 'earlier start')}: {counted}", indent=1)
    codes = diagnosis.ended_by[-len(displayed) :] if displayed else ()
    for start, code in zip(displayed, codes, strict=True):
        writer.prose(_start(start, code, titles), indent=1)
    if displayed and displayed[-1].ended == "cut_off":
        writer.prose(_WHERE_TO_LOOK, indent=1)


def _start(start: ServerStart, code: str | None, titles: dict[str, str]) -> str:
    subject = f"{start.source}: " if start.source else ""
    start_text = f"start at {_clock(start.at)}" if start.from_beginning and start.at else "excerpt"
    if start.from_beginning and not start.at:
        start_text = "start"
    ends = _ENDS[start.ended]
    if start.ended == "exit":
        ends += f" over {code} {titles.get(code, '')}".rstrip() if code else " with an error"
    if start.ended_at and start.ended != "cut_off":
        ends += f" at {_clock(start.ended_at)}"
    line = f"line {start.line:,} to {start.ended_line:,}"
    text = f"{subject}{start_text} ({line}) {ends}"
    if start.ended == "cut_off" and start.last_message:
        text += f"; its last message: {clip(start.last_message.partition(chr(10))[0], 120)}"
    return text


# -- servables -----------------------------------------------------------------------------------------


def _write_servables(writer: TextWriter, diagnosis: LogDiagnosis, titles: dict[str, str]) -> None:
    log = diagnosis.summary
    several = len(log.sources) > 1
    rows: list[Row] = []
    pairs = sorted(zip(log.servables, diagnosis.causes, strict=True), key=lambda pair: _is_good(pair[0]))
    for servable, codes in pairs:
        cause = f"{codes[0]} {titles.get(codes[0], '')}".strip() if codes else ""
        if cause and len(codes) > 1:
            cause += f" (+{len(codes) - 1})"
        cells = (
            *((servable.source,) if several else ()),
            servable.name,
            servable.kind if servable.version is None else f"{servable.kind} {servable.version}",
            _state(servable),
            _clock(servable.since),
            cause,
        )
        style = "green" if _is_good(servable) else "" if servable.state in _REMOVED else "red"
        rows.append(Row(cells, style, 3 if several else 2))
    write_columns(writer, (*((_SOURCE,) if several else ()), *_SERVABLES), rows)


def _is_good(servable: ServableHistory) -> bool:
    return servable.state is not None and servable.state.startswith("AVAILABLE") and not servable.failing


def _state(servable: ServableHistory) -> str:
    state = servable.state or "not logged"
    if servable.failing:
        failing_text = f"fails, retried {servable.retries:,} ×" if servable.retries else "fails"
        return f"{state} ({failing_text})"
    return state


# -- requests ------------------------------------------------------------------------------------------


def _write_requests(writer: TextWriter, diagnosis: LogDiagnosis) -> None:
    log = diagnosis.summary
    if log.requests:
        several = len(log.sources) > 1
        rows: list[Row] = []
        for item in log.requests:
            reason = _most_frequent(item)
            cells = (
                *((item.source,) if several else ()),
                item.servable or "(not named)",
                f"{item.interface} {item.api}" if item.api else item.interface,
                f"{item.requests:,}",
                share(item.failed, item.requests),
                percentiles(item.wait),
                percentiles(item.inference),
                reason,
            )
            rows.append(Row(cells, "red" if item.failing_since else ""))
        write_columns(writer, (*((_SOURCE,) if several else ()), *_REQUESTS), rows)
        if any(item.total for item in log.requests):
            text = "durations in milliseconds, as the server logs them; --verbose shows all stages"
            writer.prose(text, indent=1, style="dim")
        _write_sparkline(writer, log.requests)
        if writer.verbose:
            _write_stages(writer, log.requests)
    if diagnosis.hidden:
        writer.prose(diagnosis.hidden, indent=1)
    for servable, reason, count in sorted(log.failures, key=lambda item: -item[2])[
        : None if writer.verbose else 5
    ]:
        writer.prose(f"{plural(count, 'request')} to {servable} failed: {clip(reason, 200)}", indent=1)
    if log.unattributed:
        text = "end here and began before this excerpt: their servable is not known."
        writer.prose(f"{plural(log.unattributed, 'request')} {text}", indent=1)


def _most_frequent(item: RequestStatistics) -> str:
    for reason, count in item.reasons.items():
        return f"{clip(failure_cause(reason), 70)} ({count:,})"
    return ""


def _write_stages(writer: TextWriter, requests: Sequence[RequestStatistics]) -> None:
    rows = []
    for item in requests:
        stages = (
            ("waiting", item.wait),
            ("deserialization", item.deserialization),
            ("inference", item.inference),
            ("serialization", item.serialization),
            ("total", item.total),
        )
        for name, values in stages:
            if values is not None:
                numbers = tuple(number(value) for value in (values.p50, values.p95, values.p99, values.max))
                rows.append(Row((f"{item.servable} {item.interface}", name, *numbers)))
        for reason, count in item.reasons.items():
            rows.append(Row((f"{item.servable} {item.interface}", f"{count:,} × {reason}", "", "", "", "")))
    writer.blank()
    write_columns(writer, _STAGES, rows)


def _write_sparkline(writer: TextWriter, requests: Sequence[RequestStatistics]) -> None:
    counts: Counter[str] = Counter()
    for item in requests:
        counts.update(item.by_minute)
    if len(counts) < 2:
        return
    first, last = min(counts), max(counts)
    unit = "minute" if len(first) > 13 else "hour"
    values = _steps(counts, unit)
    per_cell = -(-len(values) // min(_SPARKLINE, writer.width - 2))
    cells = [max(values[start : start + per_cell]) for start in range(0, len(values), per_cell)]
    highest = max(cells)
    bars = _BARS if writer.show("█") == "█" else _PLAIN_BARS
    line = "".join(bars[min(7, 8 * value // (highest + 1))] if value else " " for value in cells)
    text = f"requests for each {unit} from {_clock(first)} to {_clock(last)}, at most {highest:,}:"
    if len(text) + len(line) + 2 <= writer.width or writer.width >= PLAIN_WIDTH:
        writer.line((f" {text} ", "dim"), (line, "cyan"))
        return
    writer.prose(text, indent=1, style="dim")
    writer.line((f" {line}", "cyan"))


def _steps(counts: Counter[str], unit: str) -> list[int]:
    """Returns one number for each minute or hour, also for those without requests."""
    from datetime import datetime, timedelta

    step = timedelta(minutes=1) if unit == "minute" else timedelta(hours=1)
    form = "%Y-%m-%d %H:%M" if unit == "minute" else "%Y-%m-%d %H"
    try:
        at, last = (datetime.fromisoformat(f"{text}:00:00"[:19]) for text in (min(counts), max(counts)))
    except ValueError:
        return list(counts.values())
    if (last - at) / step > 100_000:
        return [counts[key] for key in sorted(counts)]
    values = []
    while at <= last:
        values.append(counts.get(at.strftime(form), 0))
        at += step
    return values


def _write_generative(writer: TextWriter, item: GenerativeStatistics) -> None:
    writer.blank()
    subject = f"{item.source}: " if item.source else ""
    if item.lines:
        text = (
            f"{subject}executor of generative models: at most {plural(item.max_requests, 'request')} in work"
        )
        if item.max_waiting:
            text += f", of which {item.max_waiting} waited"
        if item.max_cache_usage is not None:
            size = f" of {item.cache_size}" if item.cache_size else ""
            text += f"; cache usage at most {item.max_cache_usage:g} %{size}"
        writer.prose(text, indent=1)
    if item.measured_requests:
        text = f"{item.measured_requests:,} measured: {item.input_tokens:,} tokens in, {item.output_tokens:,} out"
        if item.first_token:
            text += f"; first token after {percentiles(item.first_token)} ms (p50/p95)"
        writer.prose(text, indent=1)


# -- changes and the rest ------------------------------------------------------------------------------


def _write_changes(writer: TextWriter, changes: Sequence[Change]) -> None:
    displayed = changes if writer.verbose else changes[-_CHANGES:]
    writer.line((" changes while the server ran", "bold"))
    if len(changes) > len(displayed):
        writer.line((f"  … {plural(len(changes) - len(displayed), 'earlier change')} (--verbose)", "dim"))
    for change in displayed:
        subject = change.servable or ""
        if subject and change.version is not None:
            subject += f" version {change.version}"
        source = f"{change.source}: " if change.source else ""
        writer.prose(f"{_clock(change.at)}  {source}{subject} {change.text}".replace("   ", "  "), indent=2)


def _write_unmatched(writer: TextWriter, diagnosis: LogDiagnosis) -> None:
    warnings, errors = diagnosis.unmatched_warnings, diagnosis.unmatched_errors
    if not warnings and not errors:
        return
    writer.blank()
    counts = " and ".join(
        plural(number, word) for number, word in ((errors, "error"), (warnings, "warning")) if number
    )
    writer.line((f" not recognised: {counts}; the most frequent:", "bold"))
    for item in diagnosis.unmatched:
        text = " ".join(item.text.split())
        writer.prose(f"{item.count:,} × (line {item.line:,}) {clip(text, 300)}", indent=2)


def write_verdict(writer: TextWriter, diagnosis: LogDiagnosis, findings: Sequence[Finding]) -> None:
    """Writes the last line: how many servables serve, and the number of causes."""
    mark, sentence = verdict(diagnosis, findings)
    writer.blank()
    if not writer.quiet:
        write_failures(writer, _failures(diagnosis, findings))
    writer.verdict(mark, sentence, STYLES[mark])


def _failures(diagnosis: LogDiagnosis, findings: Sequence[Finding]) -> list[Failure]:
    """Returns the servables that do not serve at the end of the log, with their first cause."""
    titles = {finding.code: title_of(finding) for finding in reversed(findings)}
    found = []
    for servable, codes in zip(diagnosis.summary.servables, diagnosis.causes, strict=True):
        if _is_good(servable) or servable.state in _REMOVED:
            continue
        version = f", version {servable.version}" if servable.version is not None else ""
        source = f"{servable.source}: " if servable.source else ""
        reason = next((titles.get(code, code) for code in codes), _state(servable))
        found.append(Failure(f"{source}{servable.name}{version}", reason))
    return found


def verdict(diagnosis: LogDiagnosis, findings: Sequence[Finding]) -> tuple[str, str]:
    """Returns the mark and the sentence."""
    log = diagnosis.summary
    if not log.records and not log.problems:
        return OPEN, "this log has no line of OVMS"
    last = {start.source: start for start in log.starts}
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = sum(finding.severity == "warning" for finding in findings)
    causes = " and ".join(
        plural(number, word) for number, word in ((errors, "error"), (warnings, "warning")) if number
    )
    unmatched = diagnosis.unmatched_errors
    if any(start.ended == "exit" for start in last.values()):
        return BAD, f"the server ended with an error{'; ' + causes if causes else ''}"
    present = [servable for servable in log.servables if servable.state not in _REMOVED]
    number = len(present)
    bad = sum(not _is_good(servable) for servable in present)
    if bad:
        causes = causes or "no cause is in the log"
        return BAD, f"{_serving(number - bad, number)} at the end of the log; {causes}"
    if errors:
        return BAD, causes
    if unmatched:
        return OPEN, f"no known cause, but {plural(unmatched, 'error')} not recognised"
    if warnings:
        return PARTLY, causes
    if not number:
        return OPEN, "no servable is named in this log, and no problem"
    return GOOD, f"{_serving(number, number)} at the end of the log; no problem is logged"


def _serving(good: int, number: int) -> str:
    """Returns ``2 of 3 servables serve``."""
    if number == 1:
        return f"the only servable {'serves' if good else 'does not serve'}"
    if good == number:
        return f"all {number} servables serve"
    if good == 0:
        return f"none of the {number} servables serves"
    return f"{good} of {number} servables {'serves' if good == 1 else 'serve'}"


# -- cells ---------------------------------------------------------------------------------------------


def _clock(at: str | None) -> str:
    """Returns the time of day; with the day if the reader cannot infer it."""
    if not at:
        return "-"
    return at[11:19] if len(at) >= 19 else at


def _span(first: str, last: str) -> str:
    if first[:10] == last[:10]:
        return f"{first[:10]} {first[11:19]} to {last[11:19]}"
    return f"{first[:19]} to {last[:19]}"


def _duration(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 172_800:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} days {whole % 86_400 // 3600} h"
