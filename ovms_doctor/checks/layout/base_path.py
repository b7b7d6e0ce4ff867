"""The base path itself: whether there is a directory that the server can list."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ovms_doctor.checks import path_advice, unmounted_paths
from ovms_doctor.checks.context import Context, quote
from ovms_doctor.checks.conversion import foreign_file
from ovms_doctor.checks.directory_listing import DIRECTORY_LISTING_FAILS
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import CausedBy, Evidence, Finding, Step
from ovms_doctor.model.names import remote_but_for_capitals
from ovms_doctor.model.plan import BaseProblem, ModelPlan

BASE_PATH_MISSING = Code(
    code="OVD106",
    name="base-path-missing",
    severity="error",
    summary="The model's base path does not exist for the server",
    remedy=(
        "Mount the directory at the path that the server uses, or correct base_path or --model_path. "
        "In a container that is the path inside the container, not this host's path."
    ),
    log=(server_log.DIRECTORY_MISSING,),
    recovers="next_poll",
    releases=ALL_RELEASES,
    see_also=("OVD107", "OVD124"),
    example=Example(
        "docker run -v /srv/models:/models … --model_path /model/m",
        "docker run -v /srv/models:/models … --model_path /models/m",
    ),
)

BASE_PATH_NOT_A_DIRECTORY = Code(
    code="OVD107",
    name="base-path-not-a-directory",
    severity="error",
    summary=(
        "The model's base path is a file (before 2026.3), or something that is neither file nor directory"
    ),
    remedy=(
        "Put the model's files into a version directory and name the directory above it, or use "
        "release 2026.3, which serves a single model file as version 1."
    ),
    log=(server_log.DIRECTORY_MISSING,),
    releases=(
        "Until 2026.2 for every file. Since 2026.3 a regular file is served if its suffix fits (OVD108)."
    ),
    see_also=("OVD106", "OVD108"),
    example=Example(
        "--model_path /models/model.onnx        until 2026.2", "--model_path /models/m\nm/1/model.onnx"
    ),
)

MODEL_FILE_NOT_SERVABLE = Code(
    code="OVD108",
    name="model-file-not-servable",
    severity="error",
    summary="The base path is a file with a suffix that the server does not serve as a single file",
    remedy=("Rename the file to the suffix of its format in lower case, or put it into a version directory."),
    log=(server_log.INVALID_MODEL_FILE,),
    releases="Since 2026.3. Before, no file is served as a base path (OVD107).",
    see_also=("OVD107", "OVD112"),
    example=Example("--model_path /models/model.ONNX", "--model_path /models/model.onnx"),
)

PATH_ESCAPES = Code(
    code="OVD109",
    name="path-escapes",
    severity="error",
    summary="The path contains “..”, which the server refuses in every path",
    remedy="Write the path without “..”, preferably as an absolute path.",
    log=(server_log.PATH_ESCAPES,),
    recovers="config_change",
    releases="The same in all releases; since 2025.2 also with backslashes, on Linux too.",
    see_also=("OVD106",),
    example=Example('"base_path": "../models/m"', '"base_path": "/models/m"'),
)


#: Ends of the names of model files, in lower case.
_MODEL_SUFFIXES = (".xml", ".bin", ".onnx", ".pdmodel", ".pdiparams", ".pb", ".tflite")
#: Findings of the check of containers that explain why the server finds nothing.
_MOUNT_CAUSES = (CausedBy("OVD716"), CausedBy("OVD718"))


CODES = (
    BASE_PATH_MISSING,
    BASE_PATH_NOT_A_DIRECTORY,
    MODEL_FILE_NOT_SERVABLE,
    PATH_ESCAPES,
    DIRECTORY_LISTING_FAILS,
)


def check(context: Context, model: ModelPlan, problem: BaseProblem) -> Iterator[Finding]:
    """Yields a finding on the reason why the server cannot list the base path. Denied access is reported by the
    check of permissions, a store's refusal by that of remote storage."""
    denied = problem.failure is not None and problem.failure.denial is not None
    if (
        not denied
        and problem.kind != "store"
        and not path_advice.is_never_mounted(context, model.entry.base_path)
    ):
        yield _finding(context, model, problem)


def _finding(context: Context, model: ModelPlan, problem: BaseProblem) -> Finding:
    base = model.entry.base_path
    common: dict[str, object] = {
        "model": model.entry.name,
        "path": base,
        "base": base,
        "log": model.detection.log,
        "detail": context.failure_effect(model),
        "recovers": context.recovers(),
    }
    if problem.kind == "escapes":
        return context.finding(
            PATH_ESCAPES,
            f"The path {base} contains “..”, which the server refuses in every path",
            **{**common, "recovers": "restart" if context.single else "config_change"},  # type: ignore[arg-type]
        )
    advice = (
        unmounted_paths.advice_for(context, base, "the model's base path", nearest=problem.suggestion)
        if problem.kind == "missing"
        else None
    )
    nearest = problem.suggestion
    on_host = any(item.on_this_host for item in context.plan.outside if item.path == base)
    if advice is not None and nearest is not None and not on_host:
        common["confidence"] = advice.confidence
        return _nearest(context, base, nearest, advice.message, advice.evidence, common)
    if advice is not None:
        return context.finding(
            BASE_PATH_MISSING,
            advice.message,
            evidence=advice.evidence,
            confidence=advice.confidence,
            steps=advice.steps,
            remedy=advice.remedy,
            **{**common, "recovers": _recovers_from_missing(context, base)},  # type: ignore[arg-type]
        )
    if problem.kind == "missing":
        step = Step(
            "List the directory.",
            f"ls -la {quote(posixpath.dirname(context.host(base)) or '/')}",
            "host",
            "reads",
        )
        # A scheme in capitals (OVD645): there is no directory to list.
        steps = () if remote_but_for_capitals(model.entry.base_path) else (step,)
        message = f"The directory {base} does not exist"
        observed = (Evidence(f"{base}: does not exist", "stat as the server's user"),)
        if nearest is not None:
            return _nearest(context, base, nearest, message, observed, common)
        return context.finding(
            BASE_PATH_MISSING,
            message,
            evidence=observed,
            steps=steps,
            causes=(
                *_MOUNT_CAUSES,
                *path_advice.mount_causes(context, base),
                CausedBy("OVD645", any_severity=True),
            ),
            **common,  # type: ignore[arg-type]
        )
    if problem.kind in ("not_directory", "invalid_file"):
        return _file_named(context, problem, base, common)
    return _listing_fails(context, model, problem, common)


def _file_named(context: Context, problem: BaseProblem, base: str, common: dict[str, object]) -> Finding:
    """Returns the finding on a base path that is a file: of another program, of a model that must be in a version
    directory, or of no model."""
    code, message = BASE_PATH_NOT_A_DIRECTORY, f"{base} is a file, not a directory"
    if problem.kind == "invalid_file":
        code = MODEL_FILE_NOT_SERVABLE
        message = (
            f"{base} does not end in .xml, .onnx, .pdmodel, .pdiparams, .pb or .tflite, in lower case, "
            "and the server serves no other single file"
        )
    foreign = foreign_file(context, posixpath.dirname(base), (posixpath.basename(base),))
    if foreign is not None:
        message = f"{base} is {foreign.format}"
        remedy = "Convert the model to a format that OVMS reads."
        return context.finding(code, message, steps=foreign.steps, remedy=remedy, **common)  # type: ignore[arg-type]
    if not base.lower().endswith(_MODEL_SUFFIXES):
        remedy = "Name a directory with models, a model file, or a config.json."
        return context.finding(code, message, remedy=remedy, **common)  # type: ignore[arg-type]
    if problem.kind == "not_directory" and not context.deployment.release.serves_single_file:
        message += f"; OVMS {context.deployment.release} serves single files since 2026.3 only"
    return context.finding(code, message, steps=_wrap_file(context, base), **common)  # type: ignore[arg-type]


def _nearest(
    context: Context,
    model_path: str,
    nearest: str,
    message: str,
    evidence: tuple[Evidence, ...],
    common: dict[str, object],
) -> Finding:
    """Returns the finding on a base path that is missing while a similar path, or a model above it, exists."""
    is_above = posixpath.normpath(context.absolute(model_path)).startswith(f"{nearest}/")
    state = "has the versions of a model itself" if is_above else "exists"
    return context.finding(
        BASE_PATH_MISSING,
        f"{message}; {nearest} {state}",
        evidence=(*evidence, Evidence(f"{nearest}: {state}", "stat as the server's user")),
        steps=(Step(f"Give the server the path {nearest}."),),
        remedy=f"Name {nearest}, which exists.",
        causes=_MOUNT_CAUSES,
        **{**common, "recovers": "restart" if context.single else "config_change"},  # type: ignore[arg-type]
    )


def _recovers_from_missing(context: Context, base: str) -> str:
    """Returns ``config_change`` if another path in the configuration is enough, else ``restart``: for another mount."""
    table = context.deployment.mount_table
    covered = bool(table.mounts) and table.to_server(context.absolute(base)) is not None
    return "config_change" if covered and not context.single else "restart"


def _listing_fails(
    context: Context, model: ModelPlan, problem: BaseProblem, common: dict[str, object]
) -> Finding:
    base = model.entry.base_path
    if problem.entry is None:
        message = f"The directory {base} cannot be listed"
        return context.finding(DIRECTORY_LISTING_FAILS, message, **common)  # type: ignore[arg-type]
    entry = f"{base}/{problem.entry}"
    reason = "" if problem.failure is None else _strerror(problem.failure.errno)
    message = (
        f"The link {entry} cannot be followed ({reason}), so the server loads no version of the model, "
        "not even an intact one"
    )
    steps = (
        Step(
            "Remove the link, or change its destination to one that exists.",
            f"rm {quote(context.host(entry))}",
            "host",
            "changes files",
        ),
    )
    observed = (Evidence(f"{entry}: {reason}", "stat as the server's user"),)
    return context.finding(
        DIRECTORY_LISTING_FAILS,
        message,
        evidence=observed,
        steps=steps,
        **{**common, "path": entry},  # type: ignore[arg-type]
    )


def _strerror(number: int) -> str:
    import os

    return os.strerror(number)


def _wrap_file(context: Context, base: str) -> tuple[Step, ...]:
    host = context.host(base)
    if base.endswith(".bin") and context.deployment.release.serves_single_file:
        # It is not known whether the model file of these weights exists.
        return (Step("Name the model's .xml file: a .bin file contains only the model's weights."),)
    if posixpath.basename(posixpath.dirname(base)).isdecimal():
        above = posixpath.dirname(posixpath.dirname(base)) or "/"
        return (Step(f"Name the directory above the file's version directory: {above}."),)
    directory = quote(posixpath.join(posixpath.dirname(host), "1"))
    files = quote(host)
    for one, other in ((".xml", ".bin"), (".pdmodel", ".pdiparams")):
        # The weights are in the same directory, and must be moved too.
        if host.endswith((one, other)):
            stem = host.removesuffix(one).removesuffix(other)
            files = f"{quote(stem + one)} {quote(stem + other)}"
    return (
        Step(
            "Put the model's files into a version directory and name the directory above it.",
            f"mkdir {directory} && mv {files} {directory}/",
            "host",
            "changes files",
        ),
    )
