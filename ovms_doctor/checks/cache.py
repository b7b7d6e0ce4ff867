"""The model cache: what the server makes of its directory, and what that does to the models."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from ovms_doctor.checks.cache_place import findings_on_keeping, findings_on_probe, findings_on_room
from ovms_doctor.checks.cache_rights import findings_on_rights, seen
from ovms_doctor.checks.cache_steps import owner_steps, reach_steps
from ovms_doctor.checks.context import Context, describe_denial
from ovms_doctor.model import server_log
from ovms_doctor.model.cache_plan import CachePlan
from ovms_doctor.model.findings import Evidence, Finding
from ovms_doctor.model.plan import ModelPlan

_STATUS = "status"


def check(context: Context) -> Iterator[Finding]:
    """Nothing where the cache is off or nothing is known of it."""
    cache = context.plan.cache
    if cache is None:
        return
    if cache.ends:
        yield _ends(context, cache)
        return
    if cache.rights is not None:
        yield from findings_on_rights(context, cache, cache.rights)
        yield from findings_on_room(context, cache, cache.rights)
    yield from findings_on_keeping(context, cache)
    yield from findings_on_probe(context, cache)
    for model in context.plan.models:
        yield from _model(context, model)


# -- the start -----------------------------------------------------------------------------------------


def _ends(context: Context, cache: CachePlan) -> Finding:
    """The process ends with exit code 1 before it opens a port."""
    problem, failure = context.plan.problem, cache.failure
    denial = failure.denial if failure is not None else None
    reached = cache.ends.startswith(f"filesystem error: {_STATUS}:")
    why = os.strerror(failure.errno).lower() if failure is not None else "it fails"
    evidence = [Evidence(f"{cache.failed_path}: {cache.ends}", "the rule of the server's constructor")]
    if denial is not None:
        evidence = [describe_denial(denial, context)]
    elif cache.failed_path_rights is not None:
        evidence = [seen(context, cache.failed_path, cache.failed_path_rights)]
    guessed = cache.kept is False
    return context.finding(
        "OVD502" if reached else "OVD501",
        f"The server may not look whether {cache.path} is there ({why})"
        if reached
        else _not_made(context, cache, why),
        path=cache.absolute_path,
        detail="The process ends with exit code 1 before it serves anything."
        + (" Nothing is mounted there." if guessed else ""),
        confidence="medium" if guessed else None,
        log=problem.log if problem is not None else (),
        evidence=tuple(evidence),
        recovers="restart",
        steps=reach_steps(context, denial) if reached else owner_steps(context, cache, make=True),
    )


def _not_made(context: Context, cache: CachePlan, why: str) -> str:
    missing = f"The cache directory {cache.path} is missing, and"
    if cache.failure is not None and cache.failure.errno == errno.EEXIST:
        return f"{missing} cannot be made: {cache.failed_path} is a link that leads nowhere"
    return f"{missing} {context.who} cannot make it in {cache.failed_path} ({why})"


# -- the models ----------------------------------------------------------------------------------------


def _model(context: Context, model: ModelPlan) -> Iterator[Finding]:
    given = model.entry.parameters
    allowed = given.get("allow_cache") is True
    if given.get("custom_loader_options") is not None:
        if allowed:
            yield context.finding(
                "OVD510",
                f"Model {model.entry.name} comes from a custom loader and has allow_cache: none of it is loaded",
                model=model.entry.name,
                confidence="medium",
                log=(server_log.CACHE_CUSTOM_LOADER(model=model.entry.name),),
                evidence=(
                    Evidence("allow_cache is true, beside custom_loader_options", "the configuration"),
                ),
                recovers="config_change",
            )
        return
    if (
        model.parameters is not None
        and model.parameters.dynamic
        and not model.parameters.allow_cache
        and model.served
    ):
        yield context.finding(
            "OVD509",
            f"Model {model.entry.name} does not use the cache: its shape or batch size is auto",
            model=model.entry.name,
            log=(server_log.CACHE_DISABLED(model=model.entry.name),),
            evidence=(Evidence("shape or batch_size is auto, without allow_cache", "the configuration"),),
            recovers="config_change",
        )
