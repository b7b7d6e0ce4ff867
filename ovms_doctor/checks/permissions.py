"""Permissions: paths to which the server's user has no access, and what the server does then."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator

from ovms_doctor.checks import path_advice
from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context, describe_denial, describe_failure
from ovms_doctor.checks.directory_listing import DIRECTORY_LISTING_FAILS
from ovms_doctor.checks.openvino_report import quote_release
from ovms_doctor.checks.permission_steps import steps_for
from ovms_doctor.model import server_log
from ovms_doctor.model.causes import AccessFails
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.facts import Denial, Denials, Failure
from ovms_doctor.model.findings import Evidence, Finding
from ovms_doctor.model.openvino_log import LIST_DENIED, NOT_MAPPED, STATUS_DENIED, UNREADABLE
from ovms_doctor.model.plan import Attempt, ModelPlan

DIRECTORY_NOT_SEARCHABLE = Code(
    code="OVD201",
    name="directory-not-searchable",
    severity="error",
    summary="The server's user has no permission (x) to enter a directory on the path to the model",
    remedy=(
        "Give the server's user (in the image: uid 5000) the right to enter every directory from the "
        "mounted one down to the version directory (x), or run the server as a user who has it. If the "
        "log contains “Exception occurred while loading model”, restart the server afterwards."
    ),
    log=(
        server_log.CANNOT_CHECK_DIRECTORY,
        server_log.LOAD_THREW,
        server_log.OPTIONS_EXCEPTION,
        server_log.VERSION_DIRECTORY_MISSING,
        server_log.CANNOT_LIST,
        STATUS_DENIED,
    ),
    releases=(
        "Until 2025.0 there is no exception: without x on the base path the version's directory is "
        "“missing” and tried again at every poll; without x on the version directory OpenVINO fails to "
        "read the model. Exit code 64 since 2026.3."
    ),
    see_also=("OVD202", "OVD203", "OVD118"),
    example=Example("drwxr--r-- root root m/1", "drwxr-xr-x root root m/1"),
)

DIRECTORY_NOT_LISTABLE = Code(
    code="OVD202",
    name="directory-not-listable",
    severity="error",
    summary="The server's user has no permission (r) to list the model's directory or a version directory",
    remedy=(
        "Give the server's user (in the image: uid 5000) the right to list the directory (r), or run the "
        "server as a user who has it. If the log contains “Exception occurred while loading model”, "
        "restart the server afterwards."
    ),
    log=(
        server_log.CANNOT_LIST,
        server_log.LOAD_THREW,
        server_log.VERSION_DIRECTORY_MISSING,
        LIST_DENIED,
    ),
    releases=(
        "Until 2025.0 a version directory that the server's user cannot list is “missing”, and tried "
        "again at every poll."
    ),
    see_also=("OVD201", "OVD203", "OVD118"),
    example=Example("drwx--x--x root root m", "drwxr-xr-x root root m"),
)

MODEL_FILE_NOT_READABLE = Code(
    code="OVD203",
    name="model-file-not-readable",
    severity="error",
    summary="The server's user has no permission (r) to read the model's file or its weights",
    remedy=(
        "Give the server's user (in the image: uid 5000) the right to read the file (r), or run the "
        "server as a user who has it."
    ),
    log=(
        server_log.READ_FAILED,
        NOT_MAPPED,
        *UNREADABLE,
    ),
    recovers="next_poll",
    releases="The same in all releases; the text is OpenVINO's, here that of 2026.4.1.",
    see_also=("OVD201", "OVD301"),
    example=Example("-rw------- root root m/1/model.bin", "-rw-r--r-- root root m/1/model.bin"),
)

MAPPING_CONFIG_NOT_READABLE = Code(
    code="OVD204",
    name="mapping-config-not-readable",
    severity="warning",
    summary="The server's user has no permission (r) to read mapping_config.json",
    remedy=(
        "Give the server's user the right to read the file, then change the model's configuration or "
        "restart the server."
    ),
    recovers="config_change",
    releases="The same in all releases.",
    see_also=("OVD203",),
    example=Example(
        "-rw------- root root m/1/mapping_config.json", "-rw-r--r-- root root m/1/mapping_config.json"
    ),
)

CONFIG_FILE_NOT_READABLE = Code(
    code="OVD205",
    name="config-file-not-readable",
    severity="error",
    summary="The server's user has no permission (r) to read the configuration file",
    remedy=(
        "Give the server's user the right to read the file and to enter the directories above it, "
        "then start the server again."
    ),
    log=(
        server_log.CONFIG_UNREADABLE,
        "Failed to debug-read fileconfig",
    ),
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD405",),
    example=Example("-rw------- root root config.json", "-rw-r--r-- root root config.json"),
)


#: The optional file next to a model that names its tensors for clients.
MAPPING = "mapping_config.json"


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on every denied access."""
    problem = context.plan.problem
    if problem is not None and problem.failure is not None and problem.failure.denial is not None:
        code = CONFIG_FILE_NOT_READABLE if problem.kind == "config_unreadable" else None
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


def _start(context: Context, failure: Failure, path: str, log: tuple[str, ...], code: Code | None) -> Finding:
    """Returns the finding on access that is denied before the server reads any model: the process ends."""
    denial = failure.denial
    assert denial is not None
    message = f"{context.user_ids} {_lacks(denial)}"
    if code is None:
        message += f", and the server looks for {posixpath.basename(path)} there before anything else"
    code = code or _code(denial)
    return context.finding(
        code,
        message,
        path=denial.path,
        detail=f"The server ends with exit code {context.plan.exit_code}.",
        log=log,
        evidence=(describe_denial(denial, context),),
        recovers="restart",
        steps=steps_for(
            context, denial, directory=_is_directory(denial, code), further=_further(context, denial)
        ),
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
        f"{context.user_ids} {_lacks(denial)}: the server cannot read {model.entry.base_path}",
        model=model.entry.name,
        path=denial.path,
        base=model.entry.base_path,
        detail=context.failure_effect(model),
        log=model.detection.log,
        evidence=(describe_denial(denial, context),),
        recovers=context.recovers(),
        steps=steps_for(context, denial, directory=True, further=_further(context, denial)),
    )


def _attempt(context: Context, model: ModelPlan, attempt: Attempt, cause: AccessFails) -> Finding:
    denial = cause.failure.denial
    detail = context.failure_effect(model)
    if attempt.outcome == "threw":
        replaced = ", and a version that it replaces is unloaded" if _replaces(model, attempt) else ""
        repaired = "the permission is granted" if denial is not None else "the path is repaired"
        detail = (
            "An exception leaves the load half done: the version stays LOADING/OK, and is not tried again even "
            f"after {repaired}{replaced}. {detail}"
        )
    elif cause.during == "read":
        detail = f"OpenVINO reports the same as for a broken file. {detail}"
    if denial is None:
        path = context.absolute(cause.path)
        remedy = path_advice.unresolved_remedy(cause.failure, path, is_link=True)
        opened_by = "" if remedy else f" by {context.user_ids}"
        return context.of_attempt(
            MODEL_FILE_NOT_READABLE if cause.during == "read" else DIRECTORY_LISTING_FAILS,
            f"{cause.path} cannot be opened{opened_by}: {os.strerror(cause.failure.errno)}",
            model,
            attempt,
            path=cause.path,
            detail=detail,
            evidence=(describe_failure(cause.failure, cause.path),),
            steps=path_advice.unresolved_steps(context, cause.failure, path, is_link=True),
            remedy=remedy,
        )
    code = _code(denial) if denial.right == "search" or cause.during == "look" else MODEL_FILE_NOT_READABLE
    return context.of_attempt(
        code,
        f"{context.user_ids} {_lacks(denial)}",
        model,
        attempt,
        path=denial.path,
        detail=detail,
        evidence=(
            describe_denial(denial, context),
            *_quoted(cause),
            *quote_release(cause.report, context.deployment.release, cause.path),
        ),
        steps=steps_for(
            context,
            denial,
            directory=_is_directory(denial, code),
            further=_further(context, denial, attempt.path),
        ),
    )


def _further(context: Context, denial: Denial, version: str = "") -> Denials:
    """Returns the paths that are denied below this one, or in the same version's directory."""
    tops = [denial.path.rstrip("/") + "/"]
    if version:
        directory = context.absolute(version).rstrip("/") + "/"
        if denial.path.startswith(directory):
            tops.append(directory)
    found = context.plan.denials
    return Denials(
        tuple(item for item in found.directories if item.path.startswith(tuple(tops))),
        tuple(item for item in found.files if item.path.startswith(tuple(tops))),
        found.more,
    )


def _replaces(model: ModelPlan, attempt: Attempt) -> bool:
    """Whether an older version that is no longer requested is unloaded for this one."""
    return any(item.version < attempt.version and not item.requested for item in model.versions)


def _quoted(cause: AccessFails) -> tuple[Evidence, ...]:
    if cause.report is None or not cause.report.message.strip():
        return ()
    last = cause.report.message.strip().splitlines()[-1]
    return (Evidence(last, f"OpenVINO {cause.report.runtime} as the server's user"),)


def _mapping(context: Context, model: ModelPlan, attempt: Attempt) -> Iterator[Finding]:
    """Yields a finding on a mapping_config.json that the server may not read: it ignores the file, and logs nothing."""
    if attempt.mapping is None or attempt.mapping.denial is None:
        return
    denial = attempt.mapping.denial
    yield context.finding(
        MAPPING_CONFIG_NOT_READABLE,
        f"{context.user_ids} {_lacks(denial)}: the model is served without its {MAPPING}",
        model=model.entry.name,
        version=attempt.version,
        path=denial.path,
        base=model.entry.base_path,
        evidence=(describe_denial(denial, context),),
        recovers="restart" if context.single else "config_change",
        steps=steps_for(context, denial, directory=denial.right == "search"),
    )


def _code(denial: Denial) -> Code:
    return DIRECTORY_NOT_SEARCHABLE if denial.right == "search" else DIRECTORY_NOT_LISTABLE


def _is_directory(denial: Denial, code: Code) -> bool:
    return denial.right == "search" or code is DIRECTORY_NOT_LISTABLE


def _lacks(denial: Denial) -> str:
    if denial.right == "search":
        return f"has no permission (x) to enter the directory {denial.path}"
    return f"has no read permission (r) on {denial.path}"


CHECK = Check(
    name="permissions",
    summary="what the server's user may enter, list and read",
    codes=(
        DIRECTORY_NOT_SEARCHABLE,
        DIRECTORY_NOT_LISTABLE,
        MODEL_FILE_NOT_READABLE,
        MAPPING_CONFIG_NOT_READABLE,
        CONFIG_FILE_NOT_READABLE,
    ),
    run=check,
)
