"""Missing rights in addition to the first one, which the server finds once the first is granted.

The server stops at the first directory or file without the right, and so do the facts. A remedy that grants this one
right alone would have to be repeated for each directory down to the model.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ovms_doctor.model.causes import AccessFails
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Denials, Facts, Failure, ListDenials
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.plan import ModelPlan, Plan


def with_denials(planned: Plan, deployment: Deployment, facts: Facts) -> Plan:
    """Returns the plan with all missing rights, in addition to those that stop the server. Raises
    FactsMissingError."""
    questions = list(dict.fromkeys(_questions(planned, deployment)))
    facts.need(questions)
    # The next runs find, one right at a time, the paths that cannot be read now.
    answers = [answer for question in questions if isinstance(answer := facts.ask(question), Denials)]
    if not answers:
        return planned
    directories = dict.fromkeys(item for answer in answers for item in answer.directories)
    files = dict.fromkeys(item for answer in answers for item in answer.files)
    more = any(answer.more for answer in answers)
    return replace(planned, denials=Denials(tuple(directories), tuple(files), more))


def _questions(planned: Plan, deployment: Deployment) -> Iterator[ListDenials]:
    problem = planned.problem
    if problem is not None and problem.failure is not None and problem.path:
        yield from _below(problem.failure, deployment.absolute(problem.path), "", deployment)
    for model in planned.models:
        base = model.entry.base_path
        if is_remote(base):
            continue
        base = deployment.absolute(base)
        for failure, version in _failures(model):
            yield from _below(failure, base, version and deployment.absolute(version), deployment)


def _failures(model: ModelPlan) -> Iterator[tuple[Failure, str]]:
    """Yields each failed access with the path of its version; empty for the base path."""
    problem = model.detection.problem
    if problem is not None and problem.failure is not None:
        yield problem.failure, ""
    for version in model.versions:
        attempt = version.attempt
        if attempt is not None and isinstance(attempt.cause, AccessFails):
            yield attempt.cause.failure, attempt.path


def _below(failure: Failure, base: str, version: str, deployment: Deployment) -> Iterator[ListDenials]:
    denial = failure.denial
    if denial is None:
        return
    user = deployment.user
    top, path = denial.path, base
    if not f"{base}/".startswith(f"{top.rstrip('/')}/"):
        # The version's directory, or the target of its link.
        top = path = version if version and f"{top}/".startswith(f"{version}/") else top
    yield ListDenials(path, top, user.uid, user.gid, user.groups)
