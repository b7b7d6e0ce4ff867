"""One run: runs the checks on a settled plan, and makes the report with the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from ovms_doctor import __version__
from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.doctor import CHECK_CRASHED
from ovms_doctor.checks.registry import NAMES, Outcome, all_checks, arrange, run_checks, selects
from ovms_doctor.diagnosis.adjust import adjusted
from ovms_doctor.diagnosis.run_start import RunStart, begin
from ovms_doctor.diagnosis.selection import is_reported
from ovms_doctor.diagnosis.settle import SettledRun
from ovms_doctor.diagnosis.verdict import EXIT_INCOMPLETE, verdict_of
from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.facts import CheckWritable, Facts, LoadReport, StatPath, Unavailable
from ovms_doctor.model.findings import Finding, Subject
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.output_options import OutputOptions
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.prediction.log_file import log_file_gap
from ovms_doctor.report.model import CheckRun, CheckStatus, Report

if TYPE_CHECKING:
    from ovms_doctor.model.live import LiveStatus

__all__ = ["NO_THIRD_PARTY", "ThirdParty", "begin", "failed_report", "report_on"]


class ThirdParty(Struct, frozen=True):
    """The results of the selected third-party checks."""

    #: Their findings.
    findings: tuple[Finding, ...] = ()
    #: The status of each check.
    checks: tuple[CheckRun, ...] = ()
    #: Sentences for a green report.
    coverage: tuple[str, ...] = ()
    #: The patterns of ``--select`` and ``--ignore`` that match a third-party check or code.
    matched: frozenset[str] = frozenset()


NO_THIRD_PARTY = ThirdParty()


def report_on(
    run: SettledRun, options: OutputOptions, run_start: RunStart, third_party: ThirdParty = NO_THIRD_PARTY
) -> Report:
    """Runs the selected checks on a settled plan, and returns the report with the results of the third-party
    checks."""
    context = Context(run.deployment, run.plan, run.facts)
    selected = [check for check in all_checks() if _is_selected(check, options)] if options.select else None
    outcomes = run_checks(context, selected)
    findings = [
        finding for outcome in outcomes for finding in outcome.findings if is_reported(finding, options)
    ]
    findings += [_crashed(outcome) for outcome in outcomes if outcome.status == "crashed"]
    log = run.deployment.options.server_log
    if log is not None and any(outcome.name == "logs" for outcome in outcomes):
        from ovms_doctor.diagnosis.log_join import joined

        findings = [finding for finding in joined(findings, log) if is_reported(finding, options)]
    live: LiveStatus | None = None
    now: frozenset[str] = frozenset()
    if run.deployment.options.live is None:
        arranged = arrange([*findings, *third_party.findings])
    else:
        from ovms_doctor.diagnosis.live_join import about_now, joined_live
        from ovms_doctor.prediction.live.drift import live_status_of

        arranged = arrange([*joined_live(findings, context), *third_party.findings])
        live, now = live_status_of(run.deployment), about_now(arranged)
    gaps = _gaps(context)
    checks = (*(_check_run(outcome, gaps) for outcome in outcomes), *third_party.checks)
    result = adjusted(arranged, options.adjustments, run_start.text[:10])
    verdict, code = verdict_of(result.findings, checks, options)
    return Report(
        __version__,
        run_start.run(),
        verdict,
        code,
        run.deployment,
        run.plan,
        result.findings,
        checks,
        runtime=_runtime(run),
        host_paths=_host_paths(run),
        live=live,
        about_now=now,
        coverage=(
            *(
                f"{outcome.name}: {outcome.summary}"
                for outcome, run in zip(outcomes, checks, strict=False)
                if outcome.name != "doctor" and run.status != "not_applicable"
            ),
            *third_party.coverage,
        ),
        notes=(*(note.text for note in run.deployment.notes if note.kind is None), *result.notes),
        suppressed=result.suppressed,
    )


def failed_report(error: str, run_start: RunStart, exit_code: int = EXIT_INCOMPLETE) -> Report:
    """Returns the report of a run that failed: one document as well."""
    return Report(__version__, run_start.run(), "incomplete", exit_code, None, None, error=error)


def _is_selected(check: Check, options: OutputOptions) -> bool:
    if check.name == "doctor":
        return True
    return selects(options.select, check)


def _crashed(outcome: Outcome) -> Finding:
    return Finding(
        CHECK_CRASHED.code,
        CHECK_CRASHED.name,
        CHECK_CRASHED.severity,
        Subject(),
        f"The check {outcome.name} crashed: {outcome.reason}",
        "Its findings are missing from this report. Report it with the recorded facts.",
        relative=outcome.name,
    )


# -- coverage ------------------------------------------------------------------------------------------


def _check_run(outcome: Outcome, gaps: Sequence[tuple[CouldNotLook, tuple[str, ...]]]) -> CheckRun:
    if outcome.status != "ran":
        return CheckRun(outcome.name, outcome.status, outcome.reason, outcome.duration_s)
    for cause, checks in gaps:
        if outcome.name in checks:
            status: CheckStatus = "timed_out" if cause.timed_out else "could_not_look"
            return CheckRun(outcome.name, status, f"{cause.path}: {cause.reason}", outcome.duration_s)
    return CheckRun(outcome.name, "ran", "", outcome.duration_s)


def _gaps(context: Context) -> list[tuple[CouldNotLook, tuple[str, ...]]]:
    """Returns the gaps: facts that could not be collected, with the checks that depend on them."""
    # The running server is queried separately from the files.
    known_names = tuple(name for name in NAMES if name not in ("doctor", "live"))
    gaps: list[tuple[CouldNotLook, tuple[str, ...]]] = []
    if context.plan.unknown is not None:
        gaps.append((context.plan.unknown, known_names))
    gaps += [
        (CouldNotLook(note.path or "", note.text), _ON_A_MODEL)
        for note in context.deployment.notes
        if note.kind == "unlisted"
    ]
    extension = context.plan.extension
    if extension is not None and extension.unavailable:
        gaps.append((CouldNotLook(extension.path, extension.untried, extension.timed_out), ("extension",)))
    for model in context.plan.models:
        if model.unknown is not None:
            gaps.append((model.unknown, _resting_on(model)))
        elif model.served and model.parameters is not None and model.parameters.verdict.unavailable:
            name, verdict = model.entry.name, model.parameters.verdict
            cause = CouldNotLook(f"target_device of model {name}", verdict.unavailable)
            gaps.append((cause, ("devices",)))
        for node in model.followed.models if model.followed is not None and model.tried else ():
            gaps += [(cause, ("graphs",)) for cause in node.unchecked]
    for pipeline in context.plan.pipelines:
        if pipeline.available is None:
            cause = CouldNotLook(f"pipeline {pipeline.name}", "; ".join(pipeline.doubts))
            gaps.append((cause, ("configuration",)))
    cache = context.plan.cache
    if cache is not None and cache.rights is None and not (cache.ends or cache.created):
        gaps.append((_unseen_cache(cache.absolute_path, context.facts), ("cache",)))
    log_file = log_file_gap(context.deployment, context.facts)
    if log_file is not None:
        gaps.append((log_file, ("host",)))
    return gaps


def _unseen_cache(path: str, facts: Facts) -> CouldNotLook:
    """Returns why the directory of the cache is unknown."""
    for question in (StatPath(path), CheckWritable(path)):
        answer = facts.get(question)
        if isinstance(answer, Unavailable) and answer.timed_out:
            return CouldNotLook(path, answer.reason, timed_out=True)
    return CouldNotLook(path, "the directory of the cache was not inspected")


#: The checks that need the model's file to have been found and inspected.
_ON_THE_FILE = ("reading", "operations", "versions", "parameters", "mapping")
#: The checks that need the model's directory too.
_ON_A_MODEL = ("layout", "permissions", *_ON_THE_FILE)


def _resting_on(model: ModelPlan) -> tuple[str, ...]:
    if model.followed is not None:
        return ("graphs",)
    for version in model.versions:
        attempt = version.attempt
        if attempt is not None and attempt.cause is model.unknown and attempt.model_file is not None:
            return _ON_THE_FILE
    return _ON_A_MODEL


# -- other parts of the report ---------------------------------------------------------------------------


def _runtime(run: SettledRun) -> str | None:
    for _, answer in run.facts:
        if isinstance(answer, LoadReport) and not isinstance(answer, Unavailable):
            return answer.runtime
    return None


def _host_paths(run: SettledRun) -> tuple[tuple[str, str], ...]:
    """Returns the server path and the host path of every base path if the two differ."""
    pairs = []
    for model in run.plan.models:
        path = model.entry.base_path
        if is_remote(path):
            continue
        host = run.deployment.host_path(path)
        if host != path:
            pairs.append((path, host))
    return tuple(pairs)
