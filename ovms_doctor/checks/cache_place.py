"""Where the model cache lies: whether there is room, whether it outlives the container, whether a file could be
written."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ovms_doctor.checks.cache_steps import mount_step
from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model import server_log
from ovms_doctor.model.cache_plan import CachePlan
from ovms_doctor.model.facts import Failure, Writability, WriteProbe
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.plan import Attempt


def findings_on_room(context: Context, cache: CachePlan, rights: Writability) -> Iterator[Finding]:
    """A blob takes about as much as the weights (measured on the CPU)."""
    if cache.effect != "caches" or rights.free is None:
        return
    sizes = [_weights(attempt) for attempt in _loaded(context)]
    known = [size for size in sizes if size]
    largest = max(known, default=0)
    if rights.free_files == 0:
        text = "no file can be made there any more"
    elif cache.blobs is not None and cache.blobs < len(sizes) and rights.free < largest:
        text = f"{rights.free} bytes are left, and the largest model has {largest} bytes of weights"
    else:
        return
    yield context.finding(
        "OVD508",
        f"There is no room for the cache in {cache.path}: {text}",
        path=cache.absolute_path,
        confidence="medium",
        evidence=(Evidence(f"{rights.free} bytes free, {cache.blobs or 0} blobs there", "statvfs, list"),),
        recovers="restart",
        steps=(
            Step(
                "See what takes the room.",
                f"df -h {quote(context.host(cache.absolute_path))}",
                "host",
                "reads",
            ),
        )
        if context.on_host(cache.absolute_path)
        else (),
    )


def _loaded(context: Context) -> list[Attempt]:
    tried = (version.attempt for model in context.plan.models for version in model.versions)
    return [attempt for attempt in tried if attempt is not None and attempt.outcome == "loaded"]


def _weights(attempt: Attempt) -> int:
    files = attempt.inspection.files if attempt.inspection is not None else ()
    return sum(file.size or 0 for file in files)


def findings_on_keeping(context: Context, cache: CachePlan) -> Iterator[Finding]:
    if not cache.in_memory and not (cache.kept is False and cache.configured):
        return
    what = "a tmpfs" if cache.in_memory else "under no mount"
    yield context.finding(
        "OVD507",
        f"The cache directory {cache.path} is {what}: what is cached goes with the container",
        path=cache.absolute_path,
        confidence="high" if cache.in_memory else "medium",
        log=(server_log.CACHE_CREATED(path=cache.path),) if cache.created else (),
        evidence=(Evidence(f"{cache.path} is {what}", "the container's mounts"),),
        recovers="restart",
        steps=(mount_step(context, cache, "Mount a directory of the host's there."),),
    )


def findings_on_probe(context: Context, cache: CachePlan) -> Iterator[Finding]:
    probe = cache.probe
    if isinstance(probe, Failure):
        text = f"could not be made and written: {os.strerror(probe.errno)}"
    elif isinstance(probe, WriteProbe) and not probe.removed:
        text = f"was written but could not be removed: {probe.name}"
    else:
        return
    yield context.finding(
        "OVD511",
        f"A file in {cache.path} {text}",
        path=cache.absolute_path,
        evidence=(Evidence(text, f"tried as {context.who} (--probe-write)"),),
        recovers="restart",
    )
