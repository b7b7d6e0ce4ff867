"""The tables of a report, and the lines above them, for formats that show tables: made from the JSON document, as
texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.report.document import ModelInfo, ReportDocument, VersionInfo
from ovms_doctor.report.formats.common import safe
from ovms_doctor.report.live_document import LiveInfo, LiveServableInfo
from ovms_doctor.report.log_document import LogInfo, RequestsInfo, ServableInfo
from ovms_doctor.report.phrases import (
    FORMATS,
    STATUS_TEXTS,
    failure_cause,
    number,
    percentiles,
    plural,
    share,
)
from ovms_doctor.report.request_document import InputComparison, RequestInfo

#: The kind of a row: good, at fault, unknown, or neutral.
Kind: TypeAlias = Literal["good", "bad", "unknown", ""]

#: Maximum rows of one table; further rows are counted.
_ROWS = 2000


class Table(Struct, frozen=True):
    """A table of texts, all safe to show."""

    #: Its heading.
    title: str
    #: The headings of its columns.
    header: tuple[str, ...]
    #: Its rows, as long as the header, each with its kind.
    rows: tuple[tuple[tuple[str, ...], Kind], ...]
    #: How many rows are left out.
    left_out: int = 0


def header_lines(document: ReportDocument) -> Iterator[tuple[str, str]]:
    """Yields label and text of the run's input, rules, time and command."""
    server, run = document.server, document.run
    if server.release:
        yield "OVMS", safe(f"{server.release} ({server.release_from or 'given'})")
    if server.container is not None:
        container = server.container
        parts = [container.name, container.image, container.status or ""]
        yield "Container", safe(", ".join(part for part in parts if part))
    if server.user is not None:
        groups = " ".join(str(group) for group in server.user.groups) or "none"
        yield (
            "User",
            f"uid {server.user.uid} gid {server.user.gid} groups {groups} ({safe(server.user_from or '')})",
        )
    if document.models:
        outcome = {"serves": "starts", "exits": "ends", "never_ends": "never ends"}.get(
            server.outcome, "not known"
        )
        code = f" with exit code {server.exit_code}" if server.exit_code is not None else ""
        yield "Start-up", outcome + code
    if isinstance(document.live, LiveInfo):
        yield (
            "Server",
            safe(
                f"{document.live.url}: {document.live.version or document.live.server_kind or 'not reached'}"
            ),
        )
        yield "Way", " · ".join(safe(f"{step.step}: {step.detail}") for step in document.live.steps)
    if isinstance(document.log, LogInfo):
        yield "Log", _log_text(document.log)
    if isinstance(document.request, RequestInfo):
        request = document.request
        yield "Request", safe(" ".join(part for part in (request.api, request.method, request.path) if part))
        if request.message:
            yield "Answer", safe(f"{request.http_status or request.grpc_code}: {request.message}")
    yield "Run", safe(f"{run.started_at}, {run.duration_s:.1f} s, ovms-doctor {document.tool.version}")
    if run.host:
        yield "Host", safe(", ".join(run.host.values()))
    yield "Arguments", safe(" ".join(run.arguments))
    for note in run.notes:
        yield "Note", safe(note)
    if isinstance(document.error, str):
        yield "Error", safe(document.error)
    yield "Findings", _counts(document)
    yield "Checks", _checks(document)


def _log_text(log: LogInfo) -> str:
    parts = [f"{log.lines:,} lines", log.level or "no record of OVMS"]
    if log.first_at and log.last_at:
        parts.append(f"{log.first_at} to {log.last_at}")
    parts.append(plural(len(log.starts), "start"))
    return safe(", ".join(parts))


def _counts(document: ReportDocument) -> str:
    summary = document.summary
    counts = [plural(summary.errors, "error"), plural(summary.warnings, "warning")]
    if summary.infos:
        counts.append(f"{summary.infos} info")
    if summary.suppressed:
        counts.append(f"{summary.suppressed} known or ignored")
    return ", ".join(counts)


def _checks(document: ReportDocument) -> str:
    ran = sum(check.status == "ran" for check in document.checks)
    others = [
        f"{check.name}: {STATUS_TEXTS[check.status]}" + (f", {check.reason}" if check.reason else "")
        for check in document.checks
        if check.status not in ("ran", "not_applicable")
    ]
    return safe("; ".join([f"{ran} ran", *others]))


def tables(document: ReportDocument) -> Iterator[Table]:
    """Yields the tables that have rows."""
    found = [_models(document)]
    if isinstance(document.log, LogInfo):
        found += [_log_servables(document.log), _log_requests(document.log)]
    if isinstance(document.live, LiveInfo):
        found += [_live_servables(document.live), _live_metrics(document.live)]
    if isinstance(document.request, RequestInfo):
        found.append(_request_inputs(document.request))
    for table in found:
        if table.rows:
            yield table


def _table(title: str, header: str, rows: list[tuple[tuple[str, ...], Kind]]) -> Table:
    """Returns a table. ``header``: the headings, separated by commas."""
    cells_of_rows = tuple((tuple(safe(cell) for cell in cells), kind) for cells, kind in rows[:_ROWS])
    return Table(title, tuple(header.split(", ")), cells_of_rows, max(len(rows) - _ROWS, 0))


# -- check ---------------------------------------------------------------------------------------------


def _models(document: ReportDocument) -> Table:
    rows: list[tuple[tuple[str, ...], Kind]] = []
    has_exited = document.server.outcome == "exits"
    for model in document.models:
        versions = [item for item in model.versions if item.requested or item.state or item.later_state]
        for version in sorted(versions, key=lambda item: -item.version):
            rows.append(_version(model, version, has_exited=has_exited))
        if not versions:
            served = "not served" if model.error_findings or has_exited else "not known"
            kind: Kind = "bad" if served == "not served" else "unknown"
            rows.append(((model.name, "-", served, "-", model.error_findings), kind))
    return _table("Models", "model, version, state, file, why", rows)


def _version(model: ModelInfo, version: VersionInfo, *, has_exited: bool) -> tuple[tuple[str, ...], Kind]:
    now, later = version.state, version.later_state
    state: str = now or "not known"
    if has_exited:
        state = f"{now} → gone" if now else "not tried"
    elif later is not None and later != now:
        state = f"{now or 'not tried'} → {later}"
    file = version.model_file or "-"
    if version.format is not None:
        # For a SavedModel the server hands over the directory.
        name = "saved_model.pb" if version.format == "saved_model" else file.rpartition("/")[2]
        file = f"{name} ({FORMATS[version.format]})"
    kind: Kind = "unknown" if now is None and not has_exited else "bad"
    if now == "AVAILABLE" and later in (now, None) and not has_exited:
        kind = "good"
    note = model.error_findings if kind == "bad" else ""
    if kind == "good" and not version.requested:
        note = "served instead"
    return (model.name, str(version.version), state, file, note), kind


# -- logs ----------------------------------------------------------------------------------------------


def _log_servables(log: LogInfo) -> Table:
    rows = [_log_servable(servable) for servable in log.servables]
    return _table("Servables at the end of the log", "servable, kind, state, since, causes", rows)


def _log_servable(item: ServableInfo) -> tuple[tuple[str, ...], Kind]:
    state = item.state or "not logged"
    if item.retries:
        state += f" (retried {item.retries:,} ×)"
    name = f"{item.source}: {item.name}" if item.source else item.name
    number = f" {item.version}" if item.version is not None else ""
    good = item.state is not None and item.state.startswith("AVAILABLE") and not item.causes
    kind: Kind = "good" if good else "bad" if item.causes else ""
    return (name, f"{item.kind}{number}", state, item.since or "-", ", ".join(item.causes)), kind


def _log_requests(log: LogInfo) -> Table:
    rows = [_log_request(item) for item in log.requests]
    header = "requests to, interface, requests, failed, wait p50/p95 ms, inference p50/p95 ms, most frequent failure"
    return _table("Requests", header, rows)


def _log_request(item: RequestsInfo) -> tuple[tuple[str, ...], Kind]:
    name = item.servable or "(not named)"
    reason = next((f"{failure_cause(text)} ({count:,})" for text, count in item.reasons.items()), "")
    cells = (
        f"{item.source}: {name}" if item.source else name,
        f"{item.interface} {item.api}" if item.api else item.interface,
        f"{item.requests:,}",
        share(item.failed, item.requests),
        percentiles(item.wait_ms),
        percentiles(item.inference_ms),
        reason,
    )
    return cells, "bad" if item.failing_since else ""


# -- status --------------------------------------------------------------------------------------------


def _live_servables(live: LiveInfo) -> Table:
    rows = [row for item in live.servables or () for row in _live_servable(item)]
    return _table("Servables", "servable, kind, version, state, condition", rows)


def _live_servable(item: LiveServableInfo) -> Iterator[tuple[tuple[str, ...], Kind]]:
    if not item.versions:
        yield (item.name, item.kind or "-", "-", "no version", ""), "bad"
    for version in item.versions:
        state = version.state if version.error_code == "OK" else f"{version.state}/{version.error_code}"
        bad = version.condition in ("failing", "loading")
        kind: Kind = "bad" if bad else "good" if version.condition == "available" else ""
        yield (item.name, item.kind or "-", str(version.version), state, version.condition), kind


def _live_metrics(live: LiveInfo) -> Table:
    rows: list[tuple[tuple[str, ...], Kind]] = [
        (
            (
                item.name,
                item.interface or "-",
                "-" if item.requests is None else f"{item.requests:,}",
                "-" if item.failed is None else f"{item.failed:,}",
                number(item.rate),
                number(item.mean_ms),
                number(item.wait_ms),
                number(item.inference_ms),
            ),
            "",
        )
        for item in live.metrics.models
        if item.requests is None or item.requests or item.current
    ]
    header = "requests to, interface, requests, failed, per second, mean ms, waiting ms, inference ms"
    return _table("Requests", header, rows)


# -- request -------------------------------------------------------------------------------------------


def _request_inputs(request: RequestInfo) -> Table:
    return _table("Inputs", "input, sent, model expects, verdict", [_input(item) for item in request.inputs])


def _input(item: InputComparison) -> tuple[tuple[str, ...], Kind]:
    sent = "-" if item.sent is None else f"{item.sent.datatype} {list(item.sent.shape)}"
    expected = "-"
    if item.expected is not None:
        expected = f"{item.expected.datatype} {item.expected.shape} {item.expected.layout}".strip()
    good = item.verdict in ("", "ok")
    return (item.name, sent, expected, item.verdict or "ok"), "good" if good else "bad"
