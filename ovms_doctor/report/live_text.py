"""The report of ``status`` for people: the way to the server, its servables, figures, findings, the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from ovms_doctor.model.findings import Finding
from ovms_doctor.model.live import InferenceProbe, LiveMetrics, LiveServable, LiveStatus
from ovms_doctor.report.phrases import number, plural, share
from ovms_doctor.report.text_columns import Column, Row, write_columns
from ovms_doctor.report.text_failures import Failure, write_failures
from ovms_doctor.report.text_findings import write_findings
from ovms_doctor.report.text_writer import TextWriter
from ovms_doctor.report.verdict import BAD, GOOD, OPEN, PARTLY, STYLES

#: Maximum number of servables that the last line names.
_NAMED = 3
#: On a short line the kind is left out first, then the reason moves below its row.
_SERVABLES = (
    Column("servable", 40, 12),
    Column("kind", 10, 5, leaves=1),
    Column("version", 20, 7),
    Column("state", 40, 12),
    Column("reason"),
)
#: On a short line the columns are left out in this order: infer requests, inference, waiting, per second, interface.
_METRICS = (
    Column("requests to", 40, 12),
    Column("interface", 9, 6, leaves=5),
    Column("requests", 12, 8),
    Column("failed", 8, 6),
    Column("per second", 10, 10, leaves=4),
    Column("mean ms", 10, 7),
    Column("waiting", 10, 7, leaves=3),
    Column("inference", 10, 9, leaves=2),
    Column("infer requests", leaves=1),
)
_REASONS = {
    "failing": "fails: see the log",
    "loading": "is being loaded",
    "retired": "retired",
    "available": "",
}


def write_live_report(writer: TextWriter, status: LiveStatus, findings: Sequence[Finding]) -> None:
    """Writes the whole report except its last line."""
    writer.prose(steps_phrase(status), indent=1)
    if status.server in ("ovms", "starting"):
        writer.prose(header_phrase(status), indent=1, style="bold")
    if status.servables:
        writer.blank()
        write_servables(writer, status.servables)
    if status.metrics_enabled is not None:
        writer.blank()
        _write_metrics(writer, status)
    for probe in status.observations.probes:
        writer.prose(_probe(probe), indent=1)
    base_url = _client_address(status)
    if base_url:
        writer.prose(base_url, indent=1, style="dim")
    write_findings(writer, findings)


def steps_phrase(status: LiveStatus) -> str:
    """Returns the steps in one sentence: ``localhost → 127.0.0.1 · direct · open … · speaks HTTP``."""
    parts = []
    for step in status.steps:
        text = step.detail if step.ok is not None else f"{step.name}: {step.detail}"
        if step.name == "name":
            text = f"{status.address.host} → {text}"
        parts.append(text)
    if not parts:
        parts.append(status.observations.problem or "nothing was examined")
    if not status.address.port_named:
        parts[0] += f" (port {status.address.port} assumed)"
    return " · ".join(parts)


def header_phrase(status: LiveStatus) -> str:
    """Returns release, liveness and readiness."""
    parts = [f"OVMS {status.release or status.server_text or '(release not known)'}"]
    if status.live is not None:
        parts.append("live" if status.live else "not live")
    if status.ready is not None:
        text = "ready" if status.ready else "not ready: still starting"
        bad = [item for item in status.servables or () if not item.complete and not item.removed]
        if status.ready and bad:
            verb = "is" if len(bad) == 1 else "are"
            text += f" (ready is 200 although {plural(len(bad), 'servable')} {verb} not available)"
        parts.append(text)
    if status.address.grpc and status.model is None:
        parts.append("gRPC does not list servables: use --model NAME")
    return " · ".join(parts)


def _probe(probe: InferenceProbe) -> str:
    """Writes the inference requests and their results."""
    if not probe.sent:
        return f"probe of {probe.name}: not sent, {probe.problem}"
    result = probe.problem or f"{probe.status or probe.code} in {number(probe.took_ms)} ms"
    return f"probe of {probe.name}: {probe.request} was sent ({probe.sent}): {result}"


def _client_address(status: LiveStatus) -> str:
    """Returns the base address of clients with an OpenAI API, which differs between releases."""
    if status.release is None or status.address.grpc or status.server != "ovms":
        return ""
    year, minor = (int(text) for text in status.release.split("."))
    base = status.address.url
    if (year, minor) >= (2026, 3):
        text = (
            f"OpenAI clients: base URL {base}/v3 or {base}/v1; TensorFlow Serving's API was removed in 2026.3"
        )
    elif (year, minor) >= (2024, 2):
        text = f"OpenAI clients: base URL {base}/v3"
    else:
        return ""
    if (year, minor) >= (2025, 4):
        text += " (POST needs the key where the server was started with --api_key_file or API_KEY)"
    return f"{text}; KServe: {base}/v2/models/NAME/infer"


# -- tables --------------------------------------------------------------------------------------------


def write_servables(writer: TextWriter, servables: Sequence[LiveServable]) -> None:
    """Writes a row for each version, those that are not available first."""
    rows: list[Row] = []
    for item in sorted(servables, key=lambda one: (one.complete, one.name)):
        if not item.versions:
            rows.append(
                Row((item.name, item.kind or "-", "-", "no version", "no version directory"), "red", 3)
            )
        for version in item.versions:
            bad = version.condition in ("failing", "loading")
            state = version.state if version.error_code == "OK" else f"{version.state}/{version.error_code}"
            reason = _REASONS[version.condition]
            if bad and version.condition == "failing" and item.kind == "model":
                reason = "fails, retried at every poll: see the log"
            if version.state == "UNLOADING":
                reason = "is being unloaded"
            cells = (item.name, item.kind or "-", str(version.version), state, reason)
            good = version.condition == "available"
            rows.append(Row(cells, "red" if bad else "green" if good else "", 3))
    write_columns(writer, _SERVABLES, rows)


def _write_metrics(writer: TextWriter, status: LiveStatus) -> None:
    if not status.metrics_enabled:
        writer.prose("metrics    off (start with --metrics_enable)", indent=1)
        return
    rows = [Row(_cells(row)) for row in status.metrics if _is_shown(row) or writer.verbose]
    if not rows:
        writer.prose("metrics    on; no request for inference is counted yet", indent=1)
        return
    write_columns(writer, _METRICS, rows)


def _is_shown(row: LiveMetrics) -> bool:
    """Whether a servable has requests, or it is not known whether it has."""
    return row.requests is None or bool(row.requests or row.current)


def _cells(row: LiveMetrics) -> tuple[str, ...]:
    busy = "-" if row.infer_requests is None else f"{row.infer_requests[0]} of {row.infer_requests[1]} in use"
    return (
        row.name,
        row.interface or "-",
        "-" if row.requests is None else f"{row.requests:,}",
        "-" if row.requests is None or row.failed is None else share(row.failed, row.requests),
        number(row.rate),
        number(row.mean_ms),
        number(row.wait_ms),
        number(row.inference_ms),
        busy,
    )


# -- the verdict ---------------------------------------------------------------------------------------


def write_live_verdict(
    writer: TextWriter, status: LiveStatus, findings: Sequence[Finding], gap: str
) -> tuple[str, str]:
    """Writes the last line: its mark and its sentence."""
    mark, sentence = live_verdict(status, findings, gap)
    writer.blank()
    if not writer.quiet:
        write_failures(writer, _failures(status))
    writer.verdict(mark, sentence, STYLES[mark])
    return mark, sentence


def _failures(status: LiveStatus) -> list[Failure]:
    """Returns the servables of which not every configured version, or no version at all, is available."""
    found = []
    for item in status.servables or ():
        if item.removed or item.complete:
            continue
        bad = [version for version in item.versions if version.condition in ("failing", "loading")]
        reasons = [f"version {version.version} {_REASONS[version.condition]}" for version in bad]
        found.append(Failure(item.name, ", ".join(reasons) or "no version directory"))
    return found


def live_verdict(status: LiveStatus, findings: Sequence[Finding], gap: str) -> tuple[str, str]:
    """Returns the mark and the sentence. ``gap``: why the server could not be queried completely."""
    first = next((item for item in findings if item.severity == "error"), None)
    if status.server not in ("ovms", "starting"):
        if first is not None:
            return BAD, f"no OVMS was reached at {status.address.netloc}: {_phrase(first)}"
        return OPEN, f"no OVMS was reached at {status.address.netloc}" + (f": {gap}" if gap else "")
    if status.server == "starting":
        return BAD if first is not None else PARTLY, "the server is still starting"
    present = [item for item in status.servables or () if not item.removed]
    bad = sum(not item.complete for item in present)
    if bad:
        names = ", ".join(item.name for item in present if not item.complete) if bad <= _NAMED else ""
        return (
            BAD if first is not None else PARTLY,
            _not_available(bad, len(present)) + (f": {names}" if names else ""),
        )
    if first is not None:
        served = f"{_all(len(present))}, but " if present else ""
        return BAD, served + _phrase(first)
    if gap:
        return OPEN, gap
    warnings = sum(item.severity == "warning" for item in findings)
    is_list_missing = any(path == "/v1/config" for path, _ in status.unusable)
    if status.model is not None and (status.address.grpc or is_list_missing):
        return GOOD, f"{status.model} is ready"
    return GOOD, _all(len(present)) + (f", with {plural(warnings, 'warning')}" if warnings else "")


#: Returns the findings in the last line, by name.
_PHRASES = {
    "server-certificate-refused": "its certificate is not accepted",
    "status-access-refused": "credentials are required",
    "gateway-error": "a gateway answers, but does not reach the server",
    "server-name-unknown": "its name has no address",
    "connection-refused": "the connection is refused",
    "server-does-not-answer": "it does not answer",
    "other-protocol-on-port": "the port speaks another protocol",
    "tls-differs": "only one side uses TLS",
    "other-server-on-port": "another server answers",
    "proxy-takes-requests": "the clients of this shell use a proxy",
    "inference-probe-fails": "a request for inference fails",
    "status-answer-unusable": "an answer cannot be used",
    "nothing-served": "nothing is served",
}


def _phrase(finding: Finding) -> str:
    if finding.name == "name-not-served" and finding.subject.model is not None:
        return f"{finding.subject.model} is not served"
    if finding.name == "servable-not-available" and finding.subject.model is not None:
        return f"{finding.subject.model} is not available"
    return _PHRASES.get(finding.name) or finding.name.replace("-", " ")


def _not_available(bad: int, number: int) -> str:
    if number == 1:
        return "the only servable is not available"
    if bad == number:
        return f"none of the {number} servables is available"
    return f"{bad} of {number} servables {'is' if bad == 1 else 'are'} not available"


def _all(number: int) -> str:
    return "the only servable is available" if number == 1 else f"all {number} servables are available"
