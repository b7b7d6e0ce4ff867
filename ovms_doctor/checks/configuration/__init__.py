"""The arguments, the configuration file, version policies and the server's environment."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.api import Check
from ovms_doctor.checks.configuration import (
    base_path,
    entries,
    environment,
    graphs,
    keys,
    libraries,
    nothing_served,
    options,
    paths,
    pipelines,
    start,
)
from ovms_doctor.checks.context import Context
from ovms_doctor.model.findings import Finding


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on the problem that ends the start, then on the configuration in the order in which the server
    reads it."""
    problem = context.plan.problem
    if problem is not None:
        yield from start.check(context, problem)
    host_problem = context.plan.host_problem
    if host_problem is not None and host_problem.kind == "usage":
        yield from start.check(context, host_problem)
    yield from nothing_served.check_configuration(context)
    yield from entries.check(context)
    yield from libraries.check(context)
    yield from pipelines.check(context)
    yield from keys.check(context)
    yield from base_path.check(context)
    yield from paths.check(context)
    yield from graphs.check(context)
    yield from environment.check(context)
    yield from nothing_served.check_policies(context)
    if problem is None or problem.kind != "usage":
        yield from options.check(context)


CHECK = Check(
    name="configuration",
    summary="arguments, config.json and version policies",
    codes=(
        *start.CODES,
        *nothing_served.CODES,
        *entries.CODES,
        *libraries.CODES,
        *pipelines.CODES,
        *keys.CODES,
        *base_path.CODES,
        *paths.CODES,
        *graphs.CODES,
        *environment.CODES,
        *options.CODES,
    ),
    run=check,
)
