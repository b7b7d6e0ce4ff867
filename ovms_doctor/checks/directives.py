"""``--list_models``, ``--add_to_config`` and ``--remove_from_config``: the cases without the intended result."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context, describe_failure
from ovms_doctor.checks.positions import argument_position
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.plan_problems import StartProblem

CONFIGURATION_NOT_CHANGED = Code(
    code="OVD844",
    name="configuration-not-changed",
    severity="error",
    summary="A model cannot be added to a configuration file, removed from it, or listed",
    remedy=("Correct the path, the file or the name: only a model that the file names can be removed."),
    log=(
        server_log.CONFIG_NOT_CHANGED,
        server_log.CONFIG_TO_CHANGE_MISSING,
        server_log.CONFIG_TO_CHANGE_INVALID,
        server_log.MODEL_TO_REMOVE_MISSING,
        server_log.LIST_NO_DIRECTORY,
        server_log.LIST_EMPTY,
    ),
    recovers="restart",
    releases="Since 2025.2.",
    see_also=("OVD385", "OVD393", "OVD402"),
    example=Example(
        "ovms --remove_from_config --model_name m2     where the file names m only",
        "ovms --remove_from_config --model_name m",
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Yields the finding on the result of the command."""
    problem = context.plan.problem
    if problem is None or problem.kind != "directive":
        return
    position = argument_position(context, problem.option)
    message = (f"{position}: " if position else "") + problem.text
    written = problem.exit_code == 0
    yield context.finding(
        CONFIGURATION_NOT_CHANGED,
        message,
        path=problem.path,
        severity="warning" if written else None,
        detail=(
            "The server ends with exit code 0 nevertheless."
            if written
            else f"The server ends with exit code {problem.exit_code}; the file remains unchanged."
        ),
        log=problem.log,
        evidence=_evidence(problem),
        recovers="restart",
        steps=_steps(problem),
    )


def _evidence(problem: StartProblem) -> tuple[Evidence, ...]:
    path = problem.path or ""
    if problem.failure is not None:
        return (describe_failure(problem.failure, path),)
    return (Evidence(problem.text, "read as the server's user"),)


def _steps(problem: StartProblem) -> tuple[Step, ...]:
    if problem.status == "MODEL_NAME_MISSING":
        return (
            Step("Correct --model_name. A model that the file does not contain does not have to be removed."),
        )
    if problem.status == "PATH_INVALID":
        return (Step("Correct the path of the configuration file."),)
    if problem.option == "--list_models" and problem.exit_code == 0:
        return (
            Step("Name the directory that holds the directories of the models with --model_repository_path."),
        )
    return ()


CHECK = Check(
    name="directives",
    summary="commands that change a configuration file or list models",
    codes=(CONFIGURATION_NOT_CHANGED,),
    run=check,
)
