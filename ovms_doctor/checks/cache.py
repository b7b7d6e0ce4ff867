"""The model cache: what the server makes of its directory, and what that does to the models."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ovms_doctor import server_log
from ovms_doctor.checks.cache_steps import blob_steps, mount_step, owner_steps, reach_steps
from ovms_doctor.checks.context import Context, describe_denial, quote
from ovms_doctor.facts import Failure, Probed, Writability
from ovms_doctor.findings import Evidence, Finding, Step
from ovms_doctor.serving.model import Attempt, CacheFails, CachePlan, ModelPlan

_TERMINATED = (
    "terminate called after throwing an instance of 'std::filesystem::__cxx11::filesystem_error'\n"
    "  what():  {what}"
)
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
        yield from _rights(context, cache, cache.rights)
        yield from _room(context, cache, cache.rights)
    yield from _kept(context, cache)
    yield from _probe(context, cache)
    for model in context.plan.models:
        yield from _model(context, model)


# -- the start -----------------------------------------------------------------------------------------


def _ends(context: Context, cache: CachePlan) -> Finding:
    """The process ends with exit code 1 before it opens a port."""
    problem, failure = context.plan.problem, cache.failure
    denial = failure.denial if failure is not None else None
    reached = cache.ends.startswith(f"filesystem error: {_STATUS}:")
    why = os.strerror(failure.errno).lower() if failure is not None else "it fails"
    evidence = [Evidence(f"{cache.at}: {cache.ends}", "the rule of the server's constructor")]
    if denial is not None:
        evidence = [describe_denial(denial, context)]
    elif cache.at_rights is not None:
        evidence = [_seen(context, cache.at, cache.at_rights)]
    guessed = cache.kept is False
    return context.finding(
        "OVD502" if reached else "OVD501",
        f"The server may not look whether {cache.path} is there ({why})"
        if reached
        else f"The cache directory {cache.path} is missing, and {context.who} cannot make it in {cache.at} ({why})",
        path=cache.where,
        detail="The process ends with exit code 1 before it serves anything."
        + (" Nothing is mounted there." if guessed else ""),
        confidence="medium" if guessed else None,
        log=problem.log if problem is not None else (),
        evidence=tuple(evidence),
        recovers="restart",
        steps=reach_steps(context, denial) if reached else owner_steps(context, cache, make=True),
    )


# -- the directory -------------------------------------------------------------------------------------


def _rights(context: Context, cache: CachePlan, rights: Writability) -> Iterator[Finding]:
    if rights.kind != "directory":
        if rights.kind == "regular":
            yield from _spoils(
                context, cache, rights, "OVD506", f"The cache directory {cache.path} is a file"
            )
        return
    if not rights.searchable:
        text = f"{context.who} may not enter the cache directory {cache.path} (it lacks x)"
        yield from _spoils(context, cache, rights, "OVD503", text)
        return
    if not rights.writable:
        why = "is mounted read-only" if rights.read_only else f"is not writable for {context.who}"
        yield from _spoils(context, cache, rights, "OVD505", f"The cache directory {cache.path} {why}")
    if cache.stuck:
        yield _stuck(context, cache)


def _spoils(
    context: Context, cache: CachePlan, rights: Writability, code: str, message: str
) -> Iterator[Finding]:
    """An error on each version that does not come up for it; where none is hit, one warning. What OpenVINO does was
    measured with its own packages of these releases, not with the server's: so it is not quite sure."""
    evidence: tuple[Evidence, ...] = (_seen(context, cache.where, rights),)
    if cache.engine_makes:
        host = context.host(cache.where)
        evidence = (Evidence(f"{host} is missing on the host: the engine makes it, as root's", "stat"),)
    steps = owner_steps(context, cache, make=cache.engine_makes)
    line = server_log.CACHE_ENABLED(path=cache.path)
    if not rights.writable:
        line = server_log.CACHE_NOT_WRITABLE(path=cache.path, number=-1)
    hit = [(model, attempt) for model in context.plan.models for attempt in _hit(model)]
    for model, attempt in hit:
        aborts = cache.effect == "aborts"
        end = (_TERMINATED.format(what=cache.what),) if aborts else context.attempt_log(model, attempt)
        detail = (
            "OpenVINO ends the process with SIGABRT as soon as it compiles the first model. "
            if aborts
            else ""
        )
        yield context.finding(
            code,
            message,
            severity="error",
            model=model.entry.name,
            version=attempt.version,
            path=cache.where,
            detail=detail + context.what_then(model),
            confidence="medium",
            log=(line, *end),
            evidence=evidence,
            recovers="restart" if aborts else context.recovers(attempt),
            steps=steps,
        )
    if not hit:
        yield context.finding(
            code,
            message,
            severity="warning",
            path=cache.where,
            detail=_without_harm(cache, rights),
            log=(line,),
            evidence=evidence,
            recovers="restart",
            steps=steps,
        )


def _without_harm(cache: CachePlan, rights: Writability) -> str:
    if rights.kind != "directory" or not rights.searchable:
        return "Nothing is cached: every start compiles again."
    if cache.effect == "unknown":
        return (
            "A model whose blob is there is served with it. In this release, one without a blob does not load; "
            "which model a blob belongs to, its name does not tell."
        )
    return "Blobs that are there may be used; none is written, and every start compiles again."


def _hit(model: ModelPlan) -> list[Attempt]:
    if not model.tried:
        return []
    tried = [version.attempt for version in model.versions if version.attempt is not None]
    return [attempt for attempt in tried if isinstance(attempt.cause, CacheFails)]


def _stuck(context: Context, cache: CachePlan) -> Finding:
    count = len(cache.stuck)
    first = cache.stuck[0]
    what = "blob" if count == 1 else "blobs"
    return context.finding(
        "OVD504",
        f"{count} {what} in {cache.path} can neither be used nor removed by {context.who}",
        path=cache.where,
        detail="The load of the model that such a blob belongs to fails; its name does not tell which that is.",
        confidence="medium",
        evidence=(
            Evidence(f"{first.path} is {first.why}", "looked at as the server's user"),
            _seen(context, first.path, first.rights),
        ),
        recovers="next_poll",
        steps=blob_steps(context, cache),
    )


def _room(context: Context, cache: CachePlan, rights: Writability) -> Iterator[Finding]:
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
        path=cache.where,
        confidence="medium",
        evidence=(Evidence(f"{rights.free} bytes free, {cache.blobs or 0} blobs there", "statvfs, list"),),
        recovers="restart",
        steps=(
            Step("See what takes the room.", f"df -h {quote(context.host(cache.where))}", "host", "reads"),
        )
        if context.on_host(cache.where)
        else (),
    )


def _loaded(context: Context) -> list[Attempt]:
    tried = (version.attempt for model in context.plan.models for version in model.versions)
    return [attempt for attempt in tried if attempt is not None and attempt.outcome == "loaded"]


def _weights(attempt: Attempt) -> int:
    files = attempt.inspection.files if attempt.inspection is not None else ()
    return sum(file.size or 0 for file in files)


def _kept(context: Context, cache: CachePlan) -> Iterator[Finding]:
    if not cache.in_memory and not (cache.kept is False and cache.given):
        return
    what = "a tmpfs" if cache.in_memory else "under no mount"
    yield context.finding(
        "OVD507",
        f"The cache directory {cache.path} is {what}: what is cached goes with the container",
        path=cache.where,
        confidence="high" if cache.in_memory else "medium",
        log=(server_log.CACHE_CREATED(path=cache.path),) if cache.created else (),
        evidence=(Evidence(f"{cache.path} is {what}", "the container's mounts"),),
        recovers="restart",
        steps=(mount_step(context, cache, "Mount a directory of the host's there."),),
    )


def _probe(context: Context, cache: CachePlan) -> Iterator[Finding]:
    probe = cache.probe
    if isinstance(probe, Failure):
        text = f"could not be made and written: {os.strerror(probe.errno)}"
    elif isinstance(probe, Probed) and not probe.removed:
        text = f"was written but could not be removed: {probe.name}"
    else:
        return
    yield context.finding(
        "OVD511",
        f"A file in {cache.path} {text}",
        path=cache.where,
        evidence=(Evidence(text, f"tried as {context.who} (--probe-write)"),),
        recovers="restart",
    )


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


def _seen(context: Context, path: str, rights: Writability) -> Evidence:
    text = f"{path}: owner uid {rights.uid} gid {rights.gid}, mode {rights.mode:04o}"
    text += f", ACL {rights.acl}" if rights.acl else ""
    text += ", mounted read-only" if rights.read_only else ""
    text += f"; for {context.who}: " + "".join(
        letter if granted else "-"
        for letter, granted in (("r", rights.readable), ("w", rights.writable), ("x", rights.searchable))
    )
    how = f"access(2) as {context.who}" if rights.how == "tried" else "computed from its rights"
    return Evidence(text, how)
