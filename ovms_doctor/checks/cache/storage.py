"""The file system of the cache: its free space, whether its files are kept, and whether a file could be written."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ovms_doctor.checks.cache.steps import mount_step
from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model import server_log
from ovms_doctor.model.cache_plan import CachePlan
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.facts import Failure, Writability, WriteProbe
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.plan import Attempt

CACHE_NOT_KEPT = Code(
    code="OVD507",
    name="cache-not-kept",
    severity="warning",
    summary="The cache is in the container and is lost with it",
    remedy="Mount a directory or a volume there.",
    log=(server_log.CACHE_CREATED,),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD501",),
    example=Example("docker run --tmpfs /opt/cache …", "docker run -v /srv/cache:/opt/cache …"),
)

CACHE_WITHOUT_ROOM = Code(
    code="OVD508",
    name="cache-without-room",
    severity="warning",
    summary="The file system of the cache is full",
    remedy="Free space, or move the cache to another file system.",
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD511",),
    example=Example("/srv/cache      1 MB free\nm/1/model.bin   100 MB", "/srv/cache      10 GB free"),
)

CACHE_PROBE_FAILED = Code(
    code="OVD511",
    name="cache-probe-failed",
    severity="warning",
    summary="A file could not be written into the cache directory",
    remedy="Check the file system and its quotas.",
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD505", "OVD508"),
    example=Example(
        "/srv/cache   a quota of 0 bytes for uid 5000", "/srv/cache   a quota with free space for uid 5000"
    ),
)


CODES = (CACHE_NOT_KEPT, CACHE_WITHOUT_ROOM, CACHE_PROBE_FAILED)


def check_space(context: Context, cache: CachePlan, rights: Writability) -> Iterator[Finding]:
    """Yields a finding if a new blob does not fit; its size is about that of the weights (measured on the CPU)."""
    if cache.effect != "caches" or rights.free is None:
        return
    sizes = [_weights(attempt) for attempt in _loaded(context)]
    known = [size for size in sizes if size]
    largest = max(known, default=0)
    if rights.free_files == 0:
        text = "no more files can be created"
    elif cache.blobs is not None and cache.blobs < len(sizes) and rights.free < largest:
        text = f"{rights.free} bytes are left, and the largest model has {largest} bytes of weights"
    else:
        return
    yield context.finding(
        CACHE_WITHOUT_ROOM,
        f"The file system of the cache {cache.path} is full: {text}",
        path=cache.absolute_path,
        confidence="medium",
        evidence=(
            Evidence(f"{rights.free} bytes free, {cache.blobs or 0} blobs in the directory", "statvfs, list"),
        ),
        recovers="restart",
        steps=(
            Step(
                "Show the free space.", f"df -h {quote(context.host(cache.absolute_path))}", "host", "reads"
            ),
        )
        if context.on_host(cache.absolute_path)
        else (),
    )


def _loaded(context: Context) -> list[Attempt]:
    attempts = (version.attempt for model in context.plan.models for version in model.versions)
    return [attempt for attempt in attempts if attempt is not None and attempt.outcome == "loaded"]


def _weights(attempt: Attempt) -> int:
    files = attempt.inspection.files if attempt.inspection is not None else ()
    return sum(file.size or 0 for file in files)


def check_persistence(context: Context, cache: CachePlan) -> Iterator[Finding]:
    """Yields a finding if the blobs are lost with the container."""
    if not cache.in_memory and not (cache.kept is False and cache.configured):
        return
    kind = "a tmpfs" if cache.in_memory else "not mounted from the host"
    yield context.finding(
        CACHE_NOT_KEPT,
        f"The cache directory {cache.path} is {kind}: its blobs are lost with the container",
        path=cache.absolute_path,
        confidence="high" if cache.in_memory else "medium",
        log=(server_log.CACHE_CREATED(path=cache.path),) if cache.created else (),
        evidence=(Evidence(f"{cache.path} is {kind}", "the container's mounts"),),
        recovers="restart",
        steps=(mount_step(context, cache, "Mount a directory of the host there."),),
    )


def check_written_file(context: Context, cache: CachePlan) -> Iterator[Finding]:
    """Yields a finding if the file of --probe-write could not be written or removed."""
    probe = cache.probe
    if isinstance(probe, Failure):
        text = f"cannot be created and written: {os.strerror(probe.errno)}"
    elif isinstance(probe, WriteProbe) and not probe.removed:
        text = f"was written but cannot be removed: {probe.name}"
    else:
        return
    yield context.finding(
        CACHE_PROBE_FAILED,
        f"A file in {cache.path} {text}",
        path=cache.absolute_path,
        evidence=(Evidence(text, f"tried as {context.user_ids} (--probe-write)"),),
        recovers="restart",
    )
