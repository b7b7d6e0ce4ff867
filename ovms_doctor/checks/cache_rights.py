"""The model cache's directory and blobs: what the server's user may do with them, and whom that hits."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.cache_steps import blob_steps, owner_steps
from ovms_doctor.checks.context import Context
from ovms_doctor.model import server_log
from ovms_doctor.model.cache_plan import CacheFails, CachePlan
from ovms_doctor.model.facts import Writability
from ovms_doctor.model.findings import Evidence, Finding
from ovms_doctor.model.plan import Attempt, ModelPlan

_TERMINATED = (
    "terminate called after throwing an instance of 'std::filesystem::__cxx11::filesystem_error'\n"
    "  what():  {what}"
)


def findings_on_rights(context: Context, cache: CachePlan, rights: Writability) -> Iterator[Finding]:
    if rights.kind != "directory":
        kind = "file" if rights.kind == "regular" else f"{rights.kind} file"
        text = f"The cache directory {cache.path} is a {kind}"
        yield from _spoils(context, cache, rights, "OVD506", text)
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
    evidence: tuple[Evidence, ...] = (seen(context, cache.absolute_path, rights),)
    if cache.engine_makes:
        host = context.host(cache.absolute_path)
        evidence = (Evidence(f"{host} is missing on the host: the engine makes it, as root's", "stat"),)
    steps = owner_steps(context, cache, make=cache.engine_makes)
    line = server_log.CACHE_ENABLED(path=cache.path)
    if not rights.writable:
        line = server_log.CACHE_NOT_WRITABLE(path=cache.path, number=-1)
    hit = [(model, attempt) for model in context.plan.models for attempt in _hit(model)]
    for model, attempt in hit:
        aborts = cache.effect == "aborts"
        end = (_TERMINATED.format(what=cache.exception),) if aborts else context.attempt_log(model, attempt)
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
            path=cache.absolute_path,
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
            path=cache.absolute_path,
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
        path=cache.absolute_path,
        detail="The load of the model that such a blob belongs to fails; its name does not tell which that is.",
        confidence="medium",
        evidence=(
            Evidence(f"{first.path} is {first.problem}", "looked at as the server's user"),
            seen(context, first.path, first.rights),
        ),
        recovers="next_poll",
        steps=blob_steps(context, cache),
    )


def seen(context: Context, path: str, rights: Writability) -> Evidence:
    """What the server's user may do with ``path``, and how that was found out."""
    text = f"{path}: owner uid {rights.uid} gid {rights.gid}, mode {rights.mode:04o}"
    text += f", ACL {rights.acl}" if rights.acl else ""
    text += ", mounted read-only" if rights.read_only else ""
    text += f"; for {context.who}: " + "".join(
        letter if granted else "-"
        for letter, granted in (("r", rights.readable), ("w", rights.writable), ("x", rights.searchable))
    )
    how = f"access(2) as {context.who}" if rights.how == "tried" else "computed from its rights"
    return Evidence(text, how)
