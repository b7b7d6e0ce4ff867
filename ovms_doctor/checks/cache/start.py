"""The end of the server process when it checks or creates its cache directory."""

from __future__ import annotations

import errno
import os

from ovms_doctor.checks.cache.access import describe_rights
from ovms_doctor.checks.cache.steps import owner_steps, reach_steps
from ovms_doctor.checks.context import Context, describe_denial
from ovms_doctor.checks.path_advice import unresolved_remedy, unresolved_steps
from ovms_doctor.model.cache_plan import CachePlan
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import Evidence, Finding

CACHE_NOT_CREATED = Code(
    code="OVD501",
    name="cache-not-created",
    severity="error",
    summary="The cache directory does not exist, and the server cannot create it",
    remedy=("Create the directory with the server's user as its owner, and mount it, or remove --cache_dir."),
    log=("filesystem error: cannot create directories: {reason} [{path}] - will now terminate.",),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD505", "OVD502"),
    example=Example(
        "docker run -v /srv/models:/models … --cache_dir /cache",
        "docker run -v /srv/models:/models -v /srv/cache:/cache … --cache_dir /cache",
    ),
)

CACHE_NOT_REACHED = Code(
    code="OVD502",
    name="cache-not-reached",
    severity="error",
    summary="The server cannot check whether its cache directory exists",
    remedy="Give the server's user the right to enter (x) every directory above it.",
    log=(
        "filesystem error: status: Permission denied [{path}] - will now terminate.",
        ("filesystem error: status: Too many levels of symbolic links [{path}] - will now terminate."),
    ),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD501", "OVD201"),
    example=Example(
        "drwx------ root root /srv\ndrwx------ 5000 5000 /srv/cache", "drwx--x--x root root /srv"
    ),
)


CODES = (CACHE_NOT_CREATED, CACHE_NOT_REACHED)


def finding_on_end(context: Context, cache: CachePlan) -> Finding:
    """Returns the finding: the process ends with exit code 1 before it opens a port."""
    problem, failure = context.plan.problem, cache.failure
    denial = failure.denial if failure is not None else None
    not_reached = cache.ends.startswith("filesystem error: status:")
    reason = os.strerror(failure.errno).lower() if failure is not None else "it fails"
    evidence = [Evidence(f"{cache.failed_path}: {cache.ends}", "the rule of the server's constructor")]
    if denial is not None:
        evidence = [describe_denial(denial, context)]
    elif cache.failed_path_rights is not None:
        evidence = [describe_rights(context, cache.failed_path, cache.failed_path_rights)]
    steps = reach_steps(context, denial) if not_reached else owner_steps(context, cache, create=True)
    remedy = unresolved_remedy(failure, cache.path)
    if remedy:
        steps = unresolved_steps(context, failure, cache.absolute_path)
    return context.finding(
        CACHE_NOT_REACHED if not_reached else CACHE_NOT_CREATED,
        f"The server cannot check whether {cache.path} exists ({reason})"
        if not_reached
        else _not_created(context, cache, reason),
        path=cache.absolute_path,
        detail="The process ends with exit code 1 before it serves anything."
        + (" No mount covers the path." if cache.kept is False else ""),
        confidence="medium" if cache.kept is False else None,
        log=problem.log if problem is not None else (),
        evidence=tuple(evidence),
        recovers="restart",
        steps=steps,
        remedy=remedy,
    )


def _not_created(context: Context, cache: CachePlan, reason: str) -> str:
    missing = f"The cache directory {cache.path} does not exist, and"
    if cache.failure is not None and cache.failure.errno == errno.EEXIST:
        return f"{missing} cannot be created: {cache.failed_path} is a link whose destination does not exist"
    return f"{missing} {context.user_ids} cannot create it in {cache.failed_path} ({reason})"
