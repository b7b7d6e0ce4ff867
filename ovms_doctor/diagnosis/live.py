"""A running server: query it in a child process, wait until everything is AVAILABLE if requested, report."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor import __version__
from ovms_doctor.checks.live import CHECK, live_findings, live_gap
from ovms_doctor.checks.registry import arrange
from ovms_doctor.diagnosis.adjust import adjusted
from ovms_doctor.diagnosis.run_start import RunStart
from ovms_doctor.diagnosis.selection import is_reported
from ovms_doctor.diagnosis.verdict import verdict_of
from ovms_doctor.model.container import Engine
from ovms_doctor.model.live import Address, LiveQuery, LiveStatus, Observations, QuerySettings
from ovms_doctor.model.output_options import OutputOptions
from ovms_doctor.prediction.live.client_routes import client_routes
from ovms_doctor.prediction.live.interpret import READY, interpret
from ovms_doctor.probes.live.question import LiveQuestion
from ovms_doctor.probes.processes.child import ChildExit
from ovms_doctor.probes.processes.task import run_in_child
from ovms_doctor.report.model import CheckRun, CheckStatus, Report

#: Seconds that a child process gets in addition to its own time limit, to start and to send its result.
_GRACE = 15.0
#: Seconds for one inference request, and the number of requests that may take this long.
_INFERENCE, _INFERENCES = 60.0, 20
#: The number of queries while a model is being loaded.
_QUERIES = 4


class LiveOptions(Struct, frozen=True):
    """The options for a query of a running server."""

    #: How the server is queried.
    settings: QuerySettings
    #: Seconds to wait until everything is AVAILABLE.
    wait: float = 0.0
    #: The container that the address was read from; empty if an address was named.
    container: str = ""
    #: The engine that runs this container; empty if that is not known.
    engine: Engine = ""


def live_status(
    address: Address,
    options: LiveOptions,
    environment: Mapping[str, str],
    progress: Callable[[LiveStatus], None] | None = None,
) -> LiveStatus:
    """Returns the status of the server; with a waiting time, the status of the last query."""
    end = time.monotonic() + options.wait
    settings = options.settings
    # An inference request is sent once, after the waiting time.
    infers_later = bool(options.wait) and settings.infer
    waiting = replace(options, settings=replace(settings, infer=False)) if infers_later else options
    while True:
        status = query_once(address, waiting, environment)
        if is_served(status) or time.monotonic() >= end:
            return query_once(address, options, environment) if infers_later else status
        if progress is not None:
            progress(status)
        time.sleep(max(0.0, min(settings.interval, end - time.monotonic())))


def query_once(address: Address, options: LiveOptions, environment: Mapping[str, str]) -> LiveStatus:
    """Returns the status from one run of the child process."""
    settings = options.settings
    routes = client_routes(address, environment)
    question = LiveQuestion(
        address,
        settings,
        budget=6 * settings.timeout + _QUERIES * settings.interval,
        looks=_QUERIES,
        proxy_variable=next((route.variable for route in routes if route.variable), ""),
        infer_timeout=max(settings.timeout, _INFERENCE),
    )
    extra = _INFERENCES * question.infer_timeout if settings.infer else 0.0
    answer = run_in_child("live", question, Observations, question.budget + extra + _GRACE, environment)
    observed = (
        Observations(problem=f"the probe failed: {answer}") if isinstance(answer, ChildExit) else answer
    )
    status = interpret(address, routes, observed, settings.model)
    return replace(status, container=options.container, engine=options.engine)


def query_container_server(query: LiveQuery, timeout: float, model: str | None) -> LiveQuery:
    """Returns ``query`` with the answers of the server at its address. Only that address is contacted. ``timeout``:
    seconds for one request; ``model``: the name for requests over gRPC, because gRPC does not list servables."""
    assert query.address is not None
    named = model if query.address.grpc else None
    status = query_once(query.address, LiveOptions(QuerySettings(named, timeout)), {})
    return replace(query, model=named, observations=status.observations, queried_at=time.time())


def is_served(status: LiveStatus) -> bool:
    """Whether every configured servable is AVAILABLE, including the named model."""
    if status.model is not None and status.address.grpc:
        return status.model_ready is True and all(item.complete for item in status.servables or ())
    if status.server != "ovms" or status.ready is False or any(path == READY for path, _ in status.unusable):
        return False
    if status.address.grpc:
        return status.ready is True
    if status.servables is None and status.model is not None:
        return status.model_ready is True
    present = [item for item in status.servables or () if not item.removed]
    if status.model is not None and not any(item.name == status.model for item in present):
        return False
    return bool(present) and all(item.complete for item in present)


def live_report(status: LiveStatus, options: OutputOptions, run_start: RunStart) -> Report:
    """Returns the report on a running server."""
    findings = tuple(item for item in arrange(live_findings(status)) if is_reported(item, options))
    problem = live_gap(status)
    ended: CheckStatus = "could_not_look" if problem else "ran"
    checks = (CheckRun(CHECK.name, ended, problem),)
    result = adjusted(findings, options.adjustments, run_start.text[:10])
    verdict, code = verdict_of(result.findings, checks, options)
    return Report(
        *(__version__, run_start.run(), verdict, code, None, None, result.findings, checks),
        notes=result.notes,
        suppressed=result.suppressed,
    )
