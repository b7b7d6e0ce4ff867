"""Converts a running server's status to the object ``live`` of the JSON report."""

from __future__ import annotations

from ovms_doctor.model.live import LiveMetrics, LiveServable, LiveStatus
from ovms_doctor.report.live_document import (
    LiveInfo,
    LiveMetricsInfo,
    LiveProbeInfo,
    LiveRouteInfo,
    LiveServableInfo,
    LiveStepInfo,
    LiveVersionInfo,
    MetricsInfo,
)


def live_info(status: LiveStatus) -> LiveInfo:
    """Returns the status as the document's types, its text not yet escaped."""
    servables = status.servables
    return LiveInfo(
        url=status.address.url,
        release=status.release,
        version=status.server_text or None,
        server_kind=status.server or None,
        steps=tuple(LiveStepInfo(step.name, step.ok, step.detail) for step in status.steps),
        routes=tuple(
            LiveRouteInfo(route.client, route.proxy or None, route.variable or None, route.exempt_by or None)
            for route in status.routes
        ),
        live=status.live,
        ready=status.ready,
        looks=status.looks,
        servables=None if servables is None else tuple(_servable(item) for item in servables),
        metrics=MetricsInfo(status.metrics_enabled, tuple(_metrics(row) for row in status.metrics)),
        probes=tuple(
            LiveProbeInfo(
                item.name,
                item.request,
                item.sent or None,
                item.status,
                item.code or None,
                item.message or None,
                item.problem or None,
                round(item.took_ms, 3),
            )
            for item in status.observations.probes
        ),
    )


def _servable(item: LiveServable) -> LiveServableInfo:
    versions = tuple(
        LiveVersionInfo(version.version, version.state, version.error_code, version.condition)
        for version in item.versions
    )
    return LiveServableInfo(item.name, item.kind, versions, item.available)


def _metrics(row: LiveMetrics) -> LiveMetricsInfo:
    active, total = row.infer_requests or (None, None)
    return LiveMetricsInfo(
        row.name,
        row.interface,
        row.requests,
        row.failed,
        _rounded(row.rate),
        _rounded(row.mean_ms),
        _rounded(row.wait_ms),
        _rounded(row.inference_ms),
        row.current,
        active,
        total,
        row.streams,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
