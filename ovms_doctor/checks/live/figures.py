"""Findings on the server's metrics."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.live.codes import INFER_REQUESTS_BUSY, METRICS_OFF
from ovms_doctor.checks.live.made import finding
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.live import LiveStatus, VersionLoad


def _metrics_steps(status: LiveStatus) -> tuple[Step, ...]:
    """Returns the steps that turn metrics on.

    Source: modelmanager.cpp. A graph that is named by --model_path is loaded before the option is read in 2025.1 and
    2025.2 (startFromConfig); in 2022.2 and 2022.3 the option is ignored with a configuration file
    (loadMetricsConfig).
    """
    option = "--metrics_enable (and --rest_port)"
    setting = '"monitoring": {"metrics": {"enable": true}}'
    kinds = {item.kind for item in status.servables or ()}
    if status.release in ("2025.1", "2025.2") and (kinds & {"graph", None} or not kinds):
        text = (
            f"Start it with --config_path and {setting} in that file: {status.release} ignores "
            f"--metrics_enable where --model_path names a graph. A server of models accepts {option}."
        )
    elif status.release in ("2022.2", "2022.3"):
        text = f"Start it with {option}; with --config_path only {setting} in that file counts in {status.release}."
    else:
        text = (
            f"Start it with {option}, or with {setting} in config.json, not with both: the server refuses them "
            "together."
        )
    return (Step(text, None, None, "restarts the server"),)


def figures(status: LiveStatus) -> Iterator[Finding]:
    """Yields findings on the metrics."""
    if status.metrics_enabled is False:
        since = "" if status.release is None else f" of {status.release}"
        yield finding(
            METRICS_OFF,
            status,
            f"The server{since} does not show metrics.",
            "How many requests it has and how long they take is not known.",
            steps=_metrics_steps(status),
        )
    reported = set()
    for row in status.metrics:
        if row.name not in reported:
            reported.add(row.name)
            yield from (_busy(status, row.name, load) for load in row.versions if _is_busy(load))


def _is_busy(load: VersionLoad) -> bool:
    """Whether all infer requests of a version are in use, and requests wait for one as long as inference takes."""
    if load.wait_ms is None or not load.inference_ms:
        return False
    return load.active >= load.size and load.wait_ms >= load.inference_ms


def _busy(status: LiveStatus, name: str, load: VersionLoad) -> Finding:
    servable = name if load.version is None else f"{name}, version {load.version},"
    return finding(
        INFER_REQUESTS_BUSY,
        status,
        f"All {load.size} infer requests of {servable} are in use, and requests wait {load.wait_ms or 0.0:.1f} ms for "
        f"one on average, as long as inference takes ({load.inference_ms or 0.0:.1f} ms) or longer.",
        "More clients only wait longer.",
        model=name,
        version=load.version,
        evidence=(Evidence(f"ovms_infer_req_active {load.active} of {load.size}", "/metrics"),),
        steps=(
            Step(
                "Raise --nireq, or set PERFORMANCE_HINT to THROUGHPUT; where the processors are busy, add servers.",
                None,
                None,
                "restarts the server",
            ),
        ),
        relative=name,
    )
