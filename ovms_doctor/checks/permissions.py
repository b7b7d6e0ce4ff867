"""Rights: where the server's user is stopped, by which right, and what the server makes of it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ovms_doctor.checks.context import Context, describe_denial, describe_failure, quote
from ovms_doctor.checks.refusal import quote_release
from ovms_doctor.model.deployment import User
from ovms_doctor.model.facts import Denial, Failure
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.plan import AccessFails, Attempt, ModelPlan

#: The optional file beside a model that names its tensors for clients.
MAPPING = "mapping_config.json"


def check(context: Context) -> Iterator[Finding]:
    """Findings on every refusal that the server meets."""
    problem = context.plan.problem
    if problem is not None and problem.failure is not None and problem.failure.denial is not None:
        code = "OVD205" if problem.kind == "config_unreadable" else None
        yield _start(context, problem.failure, problem.path or "", problem.log, code)
    for model in context.plan.models:
        base = model.detection.problem
        if base is not None and base.failure is not None and base.failure.denial is not None:
            yield _base(context, model, base.failure)
        for version in model.versions:
            attempt = version.attempt
            if attempt is None:
                continue
            if isinstance(attempt.cause, AccessFails):
                yield _attempt(context, model, attempt, attempt.cause)
            elif attempt.outcome == "loaded":
                yield from _mapping(context, model, attempt)


def _start(context: Context, failure: Failure, path: str, log: tuple[str, ...], code: str | None) -> Finding:
    """Refused before any model is looked at: the process ends."""
    denial = failure.denial
    assert denial is not None
    message = f"{context.who} {_may_not(denial)}"
    if code is None:
        message += f", and the server looks for {posixpath.basename(path)} there before anything else"
    code = code or _code(denial)
    return context.finding(
        code,
        message,
        path=denial.at,
        detail=f"The server ends with exit code {context.plan.exit_code}.",
        log=log,
        evidence=(describe_denial(denial, context),),
        recovers="restart",
        steps=steps_for(context, denial, code),
        model=context.plan.models[0].entry.name if context.plan.models else _single_name(context),
    )


def _single_name(context: Context) -> str | None:
    arguments = context.deployment.arguments
    if arguments is not None:
        return arguments.model_name
    return context.deployment.models[0].name if context.single and context.deployment.models else None


def _base(context: Context, model: ModelPlan, failure: Failure) -> Finding:
    denial = failure.denial
    assert denial is not None
    return context.finding(
        _code(denial),
        f"{context.who} {_may_not(denial)}: the server cannot look into {model.entry.base_path}",
        model=model.entry.name,
        path=denial.at,
        base=model.entry.base_path,
        detail=context.what_then(model),
        log=model.detection.log,
        evidence=(describe_denial(denial, context),),
        recovers=context.recovers(),
        steps=steps_for(context, denial, _code(denial)),
    )


def _attempt(context: Context, model: ModelPlan, attempt: Attempt, cause: AccessFails) -> Finding:
    denial = cause.failure.denial
    detail = context.what_then(model)
    if attempt.outcome == "threw":
        replaced = ", and a version that it replaces is unloaded" if _replaces(model, attempt) else ""
        detail = (
            "An exception leaves the load half done: the version stays LOADING/OK, and is not tried again even "
            f"after the rights are mended{replaced}. {detail}"
        )
    elif cause.during == "read":
        detail = f"OpenVINO reports it as if the file were broken. {detail}"
    if denial is None:
        return context.of_attempt(
            "OVD203" if cause.during == "read" else "OVD110",
            f"{cause.path} cannot be opened by {context.who}",
            model,
            attempt,
            path=cause.path,
            detail=detail,
            evidence=(describe_failure(cause.failure, cause.path),),
        )
    code = _code(denial) if denial.right == "search" or cause.during == "look" else "OVD203"
    return context.of_attempt(
        code,
        f"{context.who} {_may_not(denial)}",
        model,
        attempt,
        path=denial.at,
        detail=detail,
        evidence=(
            describe_denial(denial, context),
            *_quoted(cause),
            *quote_release(cause.report, context.deployment.release, cause.path),
        ),
        steps=steps_for(context, denial, code),
    )


def _replaces(model: ModelPlan, attempt: Attempt) -> bool:
    """An older version that is not asked for any more makes room for this one."""
    return any(item.version < attempt.version and not item.requested for item in model.versions)


def _quoted(cause: AccessFails) -> tuple[Evidence, ...]:
    if cause.report is None or not cause.report.message.strip():
        return ()
    last = cause.report.message.strip().splitlines()[-1]
    return (Evidence(last, f"OpenVINO {cause.report.runtime} as the server's user"),)


def _mapping(context: Context, model: ModelPlan, attempt: Attempt) -> Iterator[Finding]:
    """mapping_config.json that may not be read is passed over without a word."""
    if attempt.mapping is None or attempt.mapping.denial is None:
        return
    denial = attempt.mapping.denial
    yield context.finding(
        "OVD204",
        f"{context.who} {_may_not(denial)}: the model is served without its {MAPPING}",
        model=model.entry.name,
        version=attempt.version,
        path=denial.at,
        base=model.entry.base_path,
        evidence=(describe_denial(denial, context),),
        recovers="restart" if context.single else "config_change",
        steps=steps_for(context, denial, "OVD204"),
    )


def _code(denial: Denial) -> str:
    return "OVD201" if denial.right == "search" else "OVD202"


def _may_not(denial: Denial) -> str:
    if denial.right == "search":
        return f"may not enter the directory {denial.at} (it lacks x)"
    return f"may not read {denial.at} (it lacks r)"


def steps_for(context: Context, denial: Denial, code: str) -> tuple[Step, ...]:
    """Give the right to the class that decided (owner, group or others), or to this user alone; or run the
    server as the owner."""
    host = quote(context.host(denial.at))
    # A model's directories must be listed as well as entered: one right without the other helps nobody.
    rights = "rx" if code in ("OVD201", "OVD202") else "r"
    user = context.deployment.user
    steps = []
    if denial.acl is None:
        who, words = _class(user, denial)
        steps.append(
            Step(f"Give {words} the right.", f"chmod {who}+{rights} {host}", "host", "changes files")
        )
    if user.uid != denial.uid:
        steps.append(
            Step(
                ("Or give" if steps else "Give") + " it to the server's user alone (needs the package acl).",
                f"setfacl -m u:{user.uid}:{rights} {host}",
                "host",
                "changes files",
            )
        )
    if denial.uid not in (0, user.uid):
        steps.append(_as_owner(context, denial))
    return tuple(steps)


def _as_owner(context: Context, denial: Denial) -> Step:
    """In the form of the deployment. In a user namespace the owner has another id, or none."""
    container = context.deployment.container
    text = "Or run the server as the owner."
    if container is not None and container.user_namespace:
        return Step(f"Or run the server as the user that is uid {denial.uid} gid {denial.gid} on the host.")
    if container is not None and container.source == "kubernetes":
        ids = f"securityContext: {{runAsUser: {denial.uid}, runAsGroup: {denial.gid}}}"
        return Step(text, ids, "kubernetes", "restarts the server")
    if container is not None and container.source == "compose":
        return Step(text, f'user: "{denial.uid}:{denial.gid}"', "compose", "restarts the server")
    return Step(text, f"--user {denial.uid}:{denial.gid}", "docker run", "restarts the server")


def _class(user: User, denial: Denial) -> tuple[str, str]:
    """The class of users that the kernel takes the server's user for: only its bits count."""
    if user.uid == denial.uid:
        return "u", "the owner, who is the server's user,"
    if denial.gid in (user.gid, *user.groups):
        return "g", f"the group {denial.gid}, which the server's user is in,"
    return "o", "everyone"
