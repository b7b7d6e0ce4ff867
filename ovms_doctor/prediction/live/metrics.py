"""``/metrics``: the server's Prometheus text, added up by servable and interface.

Names and labels: src/metric_config.hpp and model_metric_reporter.cpp (2022.2 to 2026.3). Requests for inference are
those of the methods ModelInfer, Predict and ModelInferStream; for graphs, the counters of accepted and rejected
requests, because successes are not counted.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ovms_doctor.model.live import LiveMetrics, VersionLoad

_INFERENCE = {"ModelInfer", "Predict", "ModelInferStream", "Unary", "Stream"}
#: Counters of requests, and of those that failed.
_COUNTERS = {
    "ovms_requests_success": (1, 0),
    "ovms_requests_fail": (1, 1),
    "ovms_requests_accepted": (1, 0),
    "ovms_requests_rejected": (1, 1),
    "ovms_graph_error": (0, 1),
}
_GAUGES = {
    "ovms_current_requests", "ovms_current_graphs", "ovms_infer_req_queue_size", "ovms_infer_req_active",
    "ovms_streams",
}  # fmt: skip
_TIMES = {
    "ovms_request_time_us": "request",
    "ovms_graph_processing_time_us": "graph",
    "ovms_wait_for_infer_req_time_us": "wait",
    "ovms_inference_time_us": "inference",
}
_MOST_SAMPLES = 500_000


class MetricsError(ValueError):
    """The text is not in Prometheus' format."""


#: The name of a sample and its labels.
Series = tuple[str, tuple[tuple[str, str], ...]]
#: Value of a sample by its name and labels.
Samples = Mapping[Series, float]


def read_metrics(text: str) -> Samples:
    """Returns the samples of OVMS in a text, without the buckets of histograms. Raises MetricsError."""
    from prometheus_client.parser import text_string_to_metric_families

    found = {}
    try:
        for family in text_string_to_metric_families(text):
            if not family.name.startswith("ovms_"):
                continue
            for sample in family.samples:
                if sample.name.endswith("_bucket"):
                    continue
                found[sample.name, tuple(sorted(sample.labels.items()))] = float(sample.value)
                if len(found) > _MOST_SAMPLES:
                    raise MetricsError(f"it holds more than {_MOST_SAMPLES:,} samples")
    except MetricsError:
        raise
    except Exception as error:  # noqa: BLE001 - the parser raises any exception on an invalid text
        raise MetricsError(f"it is not in Prometheus' format ({type(error).__name__})") from None
    return found


def metrics_table(samples: Samples, earlier: tuple[Samples, float] | None = None) -> tuple[LiveMetrics, ...]:
    """Returns one row for each servable and interface that has requests, most requests first; a servable without
    requests has one row. ``earlier``: the samples of an earlier query, and the number of seconds since then."""
    now = _Figures(samples)
    before = _Figures(earlier[0]) if earlier else None
    seconds = earlier[1] if earlier else 0.0
    rows = []
    interfaces: dict[str, list[str]] = defaultdict(list)
    for (name, interface), count in sorted(now.requests.items()):
        if count:
            interfaces[name].append(interface)
    for name in sorted(now.names):
        for interface in interfaces.get(name) or [""]:
            rows.append(_row(now, before, seconds, name, interface))
    return tuple(sorted(rows, key=lambda row: (-(row.requests or 0), row.name, row.interface)))


def _row(now: _Figures, before: _Figures | None, seconds: float, name: str, interface: str) -> LiveMetrics:
    key = (name, interface)
    is_counted = name in now.counted
    added = now.added(before, key) if before is not None and is_counted else None
    rate = added / seconds if added is not None and seconds > 0 else None
    is_graph = name in now.graphs
    mean = now.mean("graph", name) if is_graph else now.mean("request", name, interface)
    busy, size = now.gauge("ovms_infer_req_active", name), now.gauge("ovms_infer_req_queue_size", name)
    current = now.gauge("ovms_current_graphs" if is_graph else "ovms_current_requests", name)
    return LiveMetrics(
        name,
        interface,
        int(now.requests.get(key, 0.0)) if is_counted else None,
        int(now.failed.get(key, 0.0)) if name in now.failures_counted else None,
        rate,
        mean,
        None if is_graph else now.mean("wait", name),
        None if is_graph else now.mean("inference", name),
        current,
        None if busy is None or not size else (busy, size),
        now.gauge("ovms_streams", name),
        now.loads(name),
    )


class _Figures:
    """Samples, added up over versions, methods and APIs."""

    def __init__(self, samples: Samples) -> None:
        self.requests: dict[tuple[str, str], float] = defaultdict(float)
        self.failed: dict[tuple[str, str], float] = defaultdict(float)
        #: The servables whose requests, and whose failed requests, the server counts: metrics_list may leave them out.
        self.counted: set[str] = set()
        self.failures_counted: set[str] = set()
        self._series: dict[tuple[str, str], dict[Series, float]] = defaultdict(dict)
        self.names: set[str] = set()
        self.graphs: set[str] = set()
        self._gauges: dict[tuple[str, str], float] = defaultdict(float)
        self._times: dict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
        #: Infer requests in use, and all of them, by servable and version.
        self._loads: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
        #: The times of each version, by kind, servable and version.
        self._version_times: dict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
        for (sample, labels), value in samples.items():
            if math.isfinite(value) and value >= 0:
                self._add((sample, labels), value)

    def _add(self, series: Series, value: float) -> None:
        sample, labels = series[0], dict(series[1])
        name = labels.get("name", "")[:500]
        # A counter is written without the ending that the format gives it.
        base = sample.removesuffix("_total")
        if not name:
            return
        if base in _COUNTERS and labels.get("method") in _INFERENCE:
            self.names.add(name)
            counted, failed = _COUNTERS[base]
            key = (name, labels.get("interface", ""))
            self.requests[key] += counted * value
            self.failed[key] += failed * value
            if counted:
                self._series[key][series] = value
                (self.failures_counted if failed else self.counted).add(name)
            if base == "ovms_requests_accepted":
                self.graphs.add(name)
        elif base in _GAUGES:
            self.names.add(name)
            self._gauges[base, name] += value
            if base in ("ovms_infer_req_active", "ovms_infer_req_queue_size"):
                self._loads[name].setdefault(labels.get("version", ""), {})[base] = value
            if base == "ovms_current_graphs":
                self.graphs.add(name)
        else:
            self._add_time(sample, labels, name, value)

    def _add_time(self, sample: str, labels: dict[str, str], name: str, value: float) -> None:
        for ending, position in (("_sum", 0), ("_count", 1)):
            kind = _TIMES.get(sample.removesuffix(ending)) if sample.endswith(ending) else None
            if kind is not None:
                self._version_times[kind, name, labels.get("version", "")][position] += value
                for interface in {labels.get("interface", ""), ""}:
                    self._times[kind, name, interface][position] += value

    def mean(self, kind: str, name: str, interface: str = "") -> float | None:
        """Returns the mean in milliseconds; None if nothing was counted."""
        return _mean(self._times.get((kind, name, interface)))

    def loads(self, name: str) -> tuple[VersionLoad, ...]:
        """Returns the infer requests of each version that has both gauges, ascending."""
        found = []
        for label, gauges in self._loads.get(name, {}).items():
            active, size = gauges.get("ovms_infer_req_active"), gauges.get("ovms_infer_req_queue_size")
            if active is None or not size:
                continue
            number = int(label) if label.isascii() and label.isdecimal() and len(label) < 20 else None
            wait, inference = (
                _mean(self._version_times.get((kind, name, label))) for kind in ("wait", "inference")
            )
            found.append(VersionLoad(number, int(active), int(size), wait, inference))
        return tuple(sorted(found, key=lambda item: item.version or 0))

    def added(self, before: _Figures, key: tuple[str, str]) -> float | None:
        """Returns the requests since ``before``; None if a counter was reset, as at a restart or when a version is
        loaded again: the others may have grown by more."""
        now, earlier = self._series.get(key, {}), before._series.get(key, {})
        if any(now.get(series, 0.0) < value for series, value in earlier.items()):
            return None
        return sum(value - earlier.get(series, 0.0) for series, value in now.items())

    def gauge(self, gauge: str, name: str) -> int | None:
        value = self._gauges.get((gauge, name))
        return None if value is None else int(value)


def _mean(time: Sequence[float] | None) -> float | None:
    """Returns the mean of a sum in microseconds and a count, in milliseconds; None if nothing was counted."""
    total, count = time or (0.0, 0.0)
    return total / count / 1000 if count else None


def as_text(body: bytes) -> str:
    """Returns the body as text; bytes that are not UTF-8 are replaced."""
    text: Any = body.decode("utf-8", "replace")
    return str(text)
