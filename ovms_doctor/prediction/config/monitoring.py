"""Metrics: settings that end the process (metric_config.cpp, modelmanager.cpp loadMetricsConfig)."""

from __future__ import annotations

from typing import Any

from ovms_doctor.model import server_log
from ovms_doctor.model.deployment import ServerArguments
from ovms_doctor.model.plan_problems import StartProblem
from ovms_doctor.model.releases import Release
from ovms_doctor.model.similar import similar_names

_FAMILIES = (
    "ovms_infer_req_queue_size ovms_infer_req_active ovms_current_requests ovms_requests_success "
    "ovms_requests_fail ovms_request_time_us ovms_streams ovms_inference_time_us ovms_wait_for_infer_req_time_us"
).split()
_SINCE = (
    ((2024, 4), "ovms_current_graphs ovms_requests_accepted ovms_requests_rejected ovms_responses"),
    ((2025, 0), "ovms_graph_error ovms_graph_processing_time_us"),
)
LIST = "/monitoring/metrics/metrics_list"


def families(release: Release) -> frozenset[str]:
    """Returns the names that a list of metrics may contain."""
    later = [names for since, names in _SINCE if release.at_least(*since)]
    return frozenset(_FAMILIES) | frozenset(" ".join(later).split())


def config_problem(
    document: dict[str, Any], arguments: ServerArguments | None, release: Release
) -> StartProblem | None:
    """Returns why ``monitoring`` in a configuration, or metrics options on the command line, end the process.
    ``arguments`` is None if only a configuration is known: then a port is assumed."""
    enabled = arguments is not None and arguments_enable_metrics(arguments, release)
    monitoring = document.get("monitoring")
    if not isinstance(monitoring, dict):
        return arguments_problem(arguments, release) if arguments is not None and enabled else None
    if enabled and release.at_least(2022, 3, 0, 1):
        log = (server_log.METRICS_TWICE(),)
        return StartProblem(
            "metrics", "CONFIG_FILE_INVALID", 1, log, option="--metrics_enable", pointer="/monitoring"
        )
    metrics = monitoring.get("metrics", {})
    if metrics.get("enable") and arguments is not None and not arguments.rest_port:
        log = (server_log.METRICS_NEED_REST_PORT(),)
        return StartProblem(
            "metrics", "METRICS_REST_PORT_MISSING", 1, log, option="--rest_port",
            pointer="/monitoring/metrics/enable",
        )  # fmt: skip
    return _list_problem(metrics.get("metrics_list", []), release, LIST)


def arguments_enable_metrics(arguments: ServerArguments, release: Release) -> bool:
    value = arguments.value("metrics_enable")
    return release.at_least(2022, 2) and value is not None and value[:1] in ("t", "T", "1")


def arguments_problem(arguments: ServerArguments, release: Release) -> StartProblem | None:
    """Returns why the list of metrics on the command line ends the process."""
    text = arguments.value("metrics_list") or ""
    if not text or not release.at_least(2022, 2):
        return None
    parts = text.split(",")
    names = parts[:-1] if parts[-1] == "" else parts
    return _list_problem([name.strip() for name in names], release, None)


def _list_problem(names: list[Any], release: Release, pointer: str | None) -> StartProblem | None:
    """Returns the problem of a name that adds nothing to the set: the server refuses a repeated name as an unknown
    one."""
    known = families(release)
    listed: set[str] = set()
    for index, name in enumerate(names):
        if name in known and name not in listed:
            listed.add(name)
            continue
        close = similar_names(str(name), known - listed, 1, 0.7) if name not in listed else []
        return StartProblem(
            "metrics",
            "INVALID_METRICS_FAMILY_NAME",
            1,
            (server_log.METRIC_UNKNOWN(name=name),),
            text=str(name),
            option=None if pointer else "--metrics_list",
            pointer=None if pointer is None else f"{pointer}/{index}",
            keyword="twice" if name in listed else "",
            suggestion=close[0] if close else None,
        )
    return None
