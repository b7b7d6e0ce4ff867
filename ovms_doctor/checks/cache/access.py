"""The rights of the server's user on the cache directory and its blobs."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.cache.steps import blob_steps, owner_steps
from ovms_doctor.checks.context import Context
from ovms_doctor.model import server_log
from ovms_doctor.model.cache_plan import CacheFails, CachePlan
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.facts import Writability
from ovms_doctor.model.findings import Evidence, Finding
from ovms_doctor.model.plan import Attempt, ModelPlan

CACHE_NOT_SEARCHABLE = Code(
    code="OVD503",
    name="cache-not-searchable",
    severity="error",
    summary="The server's user has no permission (x) to enter the cache directory",
    remedy="Make the server's user the owner of the directory, with mode 0700 or more.",
    log=(
        server_log.CACHE_NOT_WRITABLE,
        "filesystem error: status: Permission denied [{path}.blob]",
    ),
    recovers="restart",
    releases=(
        "The start is the same in all releases from 2022.1 on; the effect on the models depends on "
        "OpenVINO's release: harmless until 2025.1, a failed load until 2026.1, the end of the "
        "process since 2026.2."
    ),
    see_also=("OVD505", "OVD504"),
    example=Example("drwx------ root root /srv/cache", "drwxr-x--- 5000 5000 /srv/cache"),
)

CACHE_BLOB_IN_THE_WAY = Code(
    code="OVD504",
    name="cache-blob-in-the-way",
    severity="warning",
    summary="The cache holds blobs that the server can neither use nor remove",
    remedy="Remove these blobs, or make the server's user the owner of them and of the directory.",
    log=(
        "filesystem error: cannot remove: Permission denied [{path}.blob]",
        "filesystem error: cannot remove: Operation not permitted [{path}.blob]",
    ),
    recovers="next_poll",
    releases=(
        "The start is the same in all releases from 2022.1 on; the effect on the models depends on "
        "OpenVINO's release: until 2025.1 such a blob is ignored."
    ),
    see_also=("OVD505", "OVD503"),
    example=Example(
        ("drwxr-xr-x root root /srv/cache\n-r--r----- root root /srv/cache/18163291510621031004.blob"),
        ("drwxr-xr-x 5000 5000 /srv/cache\n-r--r----- 5000 5000 /srv/cache/18163291510621031004.blob"),
    ),
)

CACHE_NOT_WRITABLE = Code(
    code="OVD505",
    name="cache-not-writable",
    severity="warning",
    summary="The server's user has no permission (w) to write into the cache directory",
    remedy=(
        "Make the server's user the owner of the directory, and mount it without :ro, or start the server "
        "without a cache."
    ),
    log=(
        server_log.CACHE_NOT_WRITABLE,
        "filesystem error: cannot set permissions: No such file or directory [{path}.blob]",
    ),
    recovers="restart",
    releases=(
        "The start is the same in all releases from 2022.1 on; the effect on the models depends on "
        "OpenVINO's release: the load fails only from 2025.4 to 2026.1."
    ),
    see_also=("OVD503", "OVD504", "OVD501"),
    example=Example("drwxr-xr-x root root /srv/cache", "drwxr-xr-x 5000 5000 /srv/cache"),
)

CACHE_NOT_A_DIRECTORY = Code(
    code="OVD506",
    name="cache-not-a-directory",
    severity="warning",
    summary="The cache directory is a file",
    remedy="Name a directory.",
    log=(
        server_log.CACHE_ENABLED,
        'Couldn\'t create directory ["{path}"], err=Not a directory',
        "filesystem error: cannot set permissions: Not a directory [{path}.blob]",
    ),
    recovers="restart",
    releases=(
        "The start is the same in all releases from 2022.1 on; the effect on the models depends on "
        "OpenVINO's release: from 2025.2 to 2026.1 the load fails."
    ),
    see_also=("OVD505",),
    example=Example(
        "--cache_dir /srv/cache\n-rw-r--r-- 5000 5000 /srv/cache", "drwxr-x--- 5000 5000 /srv/cache"
    ),
)


_TERMINATED = (
    "terminate called after throwing an instance of 'std::filesystem::__cxx11::filesystem_error'\n"
    "  what():  {what}"
)


CODES = (CACHE_NOT_SEARCHABLE, CACHE_BLOB_IN_THE_WAY, CACHE_NOT_WRITABLE, CACHE_NOT_A_DIRECTORY)


def check(context: Context, cache: CachePlan, rights: Writability) -> Iterator[Finding]:
    """Yields findings on a cache directory, or blobs in it, that the server's user cannot use."""
    if rights.kind != "directory":
        kind = "file" if rights.kind == "regular" else f"{rights.kind} file"
        text = f"The cache directory {cache.path} is a {kind}"
        yield from _on_directory(context, cache, rights, CACHE_NOT_A_DIRECTORY, text)
        return
    if not rights.searchable:
        text = f"{context.user_ids} has no permission (x) to enter the cache directory {cache.path}"
        yield from _on_directory(context, cache, rights, CACHE_NOT_SEARCHABLE, text)
        return
    if not rights.writable:
        text = f"{context.user_ids} has no permission (w) to write into the cache directory {cache.path}"
        if rights.read_only:
            text = f"The cache directory {cache.path} is mounted read-only"
        yield from _on_directory(context, cache, rights, CACHE_NOT_WRITABLE, text)
    if cache.stuck:
        yield _on_blobs(context, cache)


def _on_directory(
    context: Context, cache: CachePlan, rights: Writability, code: Code, message: str
) -> Iterator[Finding]:
    """Yields an error for each version that fails because of the directory, or one warning if no version fails.

    The confidence is medium: OpenVINO was measured in its own packages of these releases, not in the server.
    """
    evidence: tuple[Evidence, ...] = (describe_rights(context, cache.absolute_path, rights),)
    if cache.engine_makes:
        host = context.host(cache.absolute_path)
        evidence = (
            Evidence(f"{host} does not exist on the host: the engine creates it, owned by root", "stat"),
        )
    steps = owner_steps(context, cache, create=cache.engine_makes)
    line = server_log.CACHE_ENABLED(path=cache.path)
    if not rights.writable:
        line = server_log.CACHE_NOT_WRITABLE(path=cache.path, number=-1)
    affected = [(model, attempt) for model in context.plan.models for attempt in _affected(model)]
    for model, attempt in affected:
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
            detail=detail + context.failure_effect(model),
            confidence="medium",
            log=(line, *end),
            evidence=evidence,
            recovers="restart" if aborts else context.recovers(attempt),
            steps=steps,
        )
    if not affected:
        yield context.finding(
            code,
            message,
            severity="warning",
            path=cache.absolute_path,
            detail=_effect(cache, rights),
            log=(line,),
            evidence=evidence,
            recovers="restart",
            steps=steps,
        )


def _effect(cache: CachePlan, rights: Writability) -> str:
    if rights.kind != "directory" or not rights.searchable:
        return "Nothing is cached: the models are compiled at every start."
    if cache.effect == "unknown":
        return (
            "A model that has a blob is served with it. In this release, a model without a blob does not load; "
            "the name of a blob does not show to which model it belongs."
        )
    return "Existing blobs are used. No blob is written: models without one are compiled at every start."


def _affected(model: ModelPlan) -> list[Attempt]:
    """Returns the attempts that fail because of the cache."""
    if not model.tried:
        return []
    tried = [version.attempt for version in model.versions if version.attempt is not None]
    return [attempt for attempt in tried if isinstance(attempt.cause, CacheFails)]


def _on_blobs(context: Context, cache: CachePlan) -> Finding:
    count = len(cache.stuck)
    first = cache.stuck[0]
    noun = "blob" if count == 1 else "blobs"
    return context.finding(
        CACHE_BLOB_IN_THE_WAY,
        f"{context.user_ids} can neither use nor remove {count} {noun} in {cache.path}",
        path=cache.absolute_path,
        detail="The load of the model to which such a blob belongs fails. The name of a blob does not show its "
        "model.",
        confidence="medium",
        evidence=(
            Evidence(f"{first.path} is {first.problem}", "read as the server's user"),
            describe_rights(context, first.path, first.rights),
        ),
        recovers="next_poll",
        steps=blob_steps(context, cache),
    )


def describe_rights(context: Context, path: str, rights: Writability) -> Evidence:
    """Returns the rights of the server's user on ``path``, and how they were determined."""
    text = f"{path}: owner uid {rights.uid} gid {rights.gid}, mode {rights.mode:04o}"
    text += f", ACL {rights.acl}" if rights.acl else ""
    text += ", mounted read-only" if rights.read_only else ""
    text += f"; for {context.user_ids}: " + "".join(
        letter if granted else "-"
        for letter, granted in (("r", rights.readable), ("w", rights.writable), ("x", rights.searchable))
    )
    how = f"access(2) as {context.user_ids}" if rights.how == "tried" else "computed from its rights"
    return Evidence(text, how)
