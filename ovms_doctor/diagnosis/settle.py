"""Plans and collects in turns: the rules name the facts that they lack, the collector finds the answers, the rules
continue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from msgspec import Struct

from ovms_doctor.diagnosis.deploy import deployment_for
from ovms_doctor.diagnosis.parts import Collector, Progress, settle_parts
from ovms_doctor.model.deployment import Deployment, Mode, ModelEntry
from ovms_doctor.model.facts import AnyQuestion, Facts, FactsMissingError
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.plan import ModelPlan, Plan
from ovms_doctor.prediction.mounted_facts import mounted_facts_for
from ovms_doctor.prediction.servable import plan_model
from ovms_doctor.prediction.startup import plan
from ovms_doctor.probes import interrupts

#: The maximum number of rounds, more than any chain of rules needs; reaching it means that a rule asks endless
#: questions.
_MOST_TURNS = 100_000
#: The number of questions that are collected before their answers are added to the facts.
_PORTION = 8192
T = TypeVar("T")


class SettledRun(Struct, frozen=True):
    """A settled plan with its facts."""

    #: The deployment.
    deployment: Deployment
    #: The predicted result.
    plan: Plan
    #: The facts that the plan is based on.
    facts: Facts


class _Settled:
    """Plans models, and stores the plans that need no more facts: a repository of thousands is planned in many turns,
    and a settled plan does not change when facts are added."""

    def __init__(self) -> None:
        self._plans: dict[tuple[ModelEntry, Mode], ModelPlan] = {}

    def __call__(self, entry: ModelEntry, deployment: Deployment, mode: Mode, facts: Facts) -> ModelPlan:
        if not facts.complete:
            interrupts.check()
        key = (entry, mode)
        known = self._plans.get(key)
        if known is None:
            known = plan_model(entry, deployment, mode, facts)
            self._plans[key] = known
        return known


def settled_run(
    options: CheckOptions, facts: Facts, collector: Collector | None, progress: Progress | None = None
) -> SettledRun:
    """Collects the facts that the rules need until the plan is settled, and returns the run. Without a collector,
    ``facts`` must be complete. After an interruption the rules use the facts that were collected by then. Raises
    UsageError."""
    deployment = _until_settled(lambda: deployment_for(options, facts), facts, collector, progress)
    planner = _Settled()
    view = mounted_facts_for(facts, deployment)

    def settled_plan() -> Plan:
        nonlocal view
        if view.complete != facts.complete:
            view = mounted_facts_for(facts, deployment)
        planned = plan(deployment, view, planner)
        if planned.plan is None:
            raise FactsMissingError(planned.missing, planned.parts)
        return planned.plan

    planned = _until_settled(settled_plan, facts, collector, progress)
    if options.live is not None:
        _compare(deployment, planned, facts, collector, progress)
    return SettledRun(deployment, planned, facts)


def _compare(
    deployment: Deployment,
    planned: Plan,
    facts: Facts,
    collector: Collector | None,
    progress: Progress | None,
) -> None:
    """Collects the facts for the comparison with the running server, which a check makes."""
    from ovms_doctor.prediction.live.drift import drifts, live_status_of

    status = live_status_of(deployment)
    if status is not None:
        _until_settled(lambda: drifts(deployment, planned, facts, status), facts, collector, progress)


def _until_settled(
    attempt: Callable[[], T], facts: Facts, collector: Collector | None, progress: Progress | None
) -> T:
    for _ in range(_MOST_TURNS):
        try:
            try:
                return attempt()
            except FactsMissingError as missing:
                if collector is None:
                    raise RuntimeError("facts are missing, and there is nothing to collect them") from None
                if settle_parts(missing.parts, facts, collector, progress):
                    continue
                begin = None if progress is None else numbered(missing.questions, progress)
                for questions in _portions(missing.questions):
                    facts.add(collector.collect(questions, begin))
        except interrupts.InterruptedRunError as stop:
            # The facts collected so far still give a report: the rules run on them.
            facts.add(getattr(stop, "answers", {}))
            facts.close("interrupted")
    raise RuntimeError("the rules never stop asking for facts")


def numbered(questions: Sequence[AnyQuestion], progress: Progress) -> Callable[[AnyQuestion], None]:
    """Returns the function that is called for each of the questions, and counts them by kind."""
    totals = Counter(type(question) for question in questions)
    counts: Counter[type[AnyQuestion]] = Counter()

    def begin(question: AnyQuestion) -> None:
        kind = type(question)
        counts[kind] += 1
        # A question that is repeated after a child process died does not count again.
        progress(question, min(counts[kind], totals[kind]), totals[kind])

    return begin


def _portions(questions: Sequence[AnyQuestion]) -> Iterator[Sequence[AnyQuestion]]:
    """Yields the questions in portions whose answers take little memory until they are added. Questions about stores
    are in one portion: the files of a version are downloaded once for all of them."""
    size = len(questions) if any(is_remote(question.path) for question in questions) else _PORTION
    for start in range(0, len(questions), size):
        yield questions[start : start + size]
