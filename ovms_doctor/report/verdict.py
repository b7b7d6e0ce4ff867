"""The last line of the text report: one sentence on whether everything is served as intended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec.structs import replace

from ovms_doctor.model.findings import SEVERITIES, ServingEffect
from ovms_doctor.model.graph_plan import MINOR
from ovms_doctor.report.model import Report
from ovms_doctor.report.phrases import plural

if TYPE_CHECKING:
    from ovms_doctor.model.plan import ModelPlan, Plan
    from ovms_doctor.model.pull_plan import PullPlan

ModelStatus: TypeAlias = Literal["good", "bad", "unknown", "not followed"]

GOOD, BAD, OPEN, PARTLY = "✓", "✗", "?", "!"
#: Why clients get no answer from models that load. The first one that a finding names is reported.
_OBSTACLES: Mapping[ServingEffect, str] = {
    "pod never ready": "the pod never becomes ready",
    "container restarts": "Kubernetes restarts the container again and again",
}
STYLES = {GOOD: "bold green", BAD: "bold red", OPEN: "bold yellow", PARTLY: "bold yellow"}


def model_status(model: ModelPlan, report: Report) -> ModelStatus:
    """Returns the status of the model: whether it is served as requested, with all requested versions AVAILABLE, now
    and later."""
    plan = report.plan
    if model.graph is not None or (model.kind == "graph" and model.blocked is not None):
        return "bad"
    if model.kind != "classic":
        return _graph_status(model)
    if plan is not None and plan.outcome in ("exits", "never_ends"):
        return "bad"
    if any(finding.severity == "error" for finding in report.by_model.get(model.entry.name, ())):
        return "bad"
    if model.unknown is not None or (plan is not None and plan.unknown is not None):
        return "unknown"
    if not model.tried or not model.served or any(version.fails for version in model.versions):
        return "bad"
    return "good"


def _graph_status(model: ModelPlan) -> ModelStatus:
    graph = model.followed
    if not model.tried:
        return "bad"
    if graph is None:
        return "not followed"
    if graph.verdict == "unknown":
        return "not followed" if graph.unfollowed and not graph.doubts else "unknown"
    # AVAILABLE with failing requests is not the expected result.
    is_expected = all(fault.kind in MINOR for fault in graph.faults)
    return "good" if graph.verdict == "available" and is_expected else "bad"


def is_in_azure(model: ModelPlan) -> bool:
    """Whether the model is in Azure, which is not queried: only the effect of its path and of the environment is
    known."""
    return model.entry.base_path.startswith(("az://", "azfs://"))


def verdict_line(report: Report) -> tuple[str, str]:
    """Returns the mark and the sentence. The mark is ``✓`` only if nothing is wrong and everything was checked."""
    if report.error is not None:
        return OPEN, f"the run failed: {_first_line(report.error)}"
    plan = report.plan
    if plan is None:
        return OPEN, "nothing could be examined"
    if plan.host_problem is not None and plan.host_problem.of_engine:
        return BAD, "the engine does not start the container: no model is served"
    running = _running(report)
    now = f"{running}; started now: " if running else ""
    if plan.killed:
        reason = "the kernel kills the server, which needs more memory than its limit"
        return BAD, f"{now}{reason}: no model is served"
    if plan.outcome == "exits" and plan.exit_code == 0 and plan.pull is not None:
        return _other_task(plan, plan.pull, report)
    if plan.outcome == "exits":
        code = "" if plan.exit_code is None else f" with exit code {plan.exit_code}"
        return BAD, f"{now}the process ends{code}: no model is served"
    if plan.outcome == "never_ends":
        return BAD, f"{now}start-up never ends"
    if plan.outcome == "unknown" and plan.problem is not None:
        return (
            BAD if report.verdict == "fail" else OPEN,
            "what the server does at its start cannot be determined",
        )
    mark, sentence = _of_models(plan, report)
    ended = _ended(report)
    if ended:
        return PARTLY if mark == GOOD else mark, f"{ended}; started again as it is: {sentence}"
    if now and (mark != GOOD or (report.live is not None and report.live.server == "starting")):
        return PARTLY if mark == GOOD else mark, now + _of_models(plan, _next_start(report))[1]
    return mark, sentence


def _other_task(plan: Plan, pull: PullPlan, report: Report) -> tuple[str, str]:
    """Returns a sentence if the server performs another task than serving, and ends normally."""
    results = {
        "pull": f"{pull.source} is there already, and graph.pbtxt is written",
        "configure": f"{pull.directory} is written",
        "modify_config": f"{pull.directory} is written",
        "list_models": "the models are listed",
    }.get(pull.mode, "")
    if plan.problem is not None:
        # It does not perform its task, but ends like a success.
        results = plan.problem.text
    sentence = f"{results}; the server ends with exit code 0"
    if report.verdict == "fail":
        return BAD, f"{sentence}, but {_counted(report)} here"
    return (
        (OPEN, f"{sentence}, but {_gaps(report)}")
        if report.verdict == "incomplete"
        else (PARTLY if plan.problem is not None else GOOD, sentence)
    )


def _ended(report: Report) -> str:
    """Returns a sentence that the container does not run, for any prediction of its next start; empty if that is
    unknown."""
    container = report.deployment.container if report.deployment is not None else None
    state = container.state if container is not None else None
    if state is None or state.status not in ("exited", "dead", "terminated"):
        return ""
    code = "" if state.exit_code is None else f", exit code {state.exit_code}"
    return f"the container does not run ({state.status}{code})"


def _next_start(report: Report) -> Report:
    """Returns the report without the findings about the server as it runs."""
    findings = tuple(item for item in report.findings if item.fingerprint not in report.about_now)
    fails = any(item.severity == "error" and not item.about_itself for item in findings)
    verdict = report.verdict if fails or report.verdict == "incomplete" else "pass"
    return replace(report, findings=findings, verdict=verdict)


def _running(report: Report) -> str:
    """Returns a sentence on what the running server serves; empty if that is unknown."""
    status = report.live
    if status is None:
        return ""
    if status.server == "starting":
        return "the running server is still starting"
    if status.server != "ovms" or status.address.grpc:
        return ""
    if status.servables is None:
        return "what the running server serves is not known"
    present = [item for item in status.servables if not item.removed]
    good = sum(item.complete for item in present)
    if not present:
        return "the running server serves nothing"
    if len(present) == 1:
        return f"the running server {'serves' if good else 'does not serve'} its only servable"
    share = {0: "none of its", len(present): "all"}.get(good, f"{good} of")
    return f"the running server serves {share} {len(present)} servables"


def _of_models(plan: Plan, report: Report) -> tuple[str, str]:
    statuses = [model_status(model, report) for model in plan.models]
    followed: list[ModelStatus] = [one for one in statuses if one != "not followed"]
    total, unknown = len(followed), followed.count("unknown")
    others = len(statuses) - total
    if others and not total:
        return _of_start(plan, report, others)
    more = _not_followed(others)
    if "bad" in followed:
        sentence = _served(followed)
        if unknown:
            sentence = f"{_not_served(followed.count('bad'), total)}; could not look at {unknown}"
        if report.verdict == "pass":
            reason = "no finding counts as a failure here"
            if any(finding.severity == "error" for finding in report.suppressed):
                reason = "the known findings do not fail the run"
            return PARTLY, f"{sentence}{more}; {reason}"
        return BAD, sentence + more
    obstacle = _obstacle(report)
    if obstacle:
        mark = BAD if report.verdict == "fail" else PARTLY
        if total == unknown:
            return mark, obstacle
        link = "; " if unknown else ", but "
        return mark, f"{_served_so_far(plan, report, total, unknown)}{more}{link}{obstacle}"
    if report.verdict == "fail":
        return BAD, f"{_served_so_far(plan, report, total, unknown)}{more}, but {_counted(report)} here"
    if unknown or plan.unknown is not None:
        rest = f"; {_all_served(total - unknown, 'other')}" if total > unknown else ""
        if plan.unknown is not None:
            return OPEN, f"could not look at {plan.unknown.path}{rest}{more}"
        open_ = [model for model, one in zip(plan.models, statuses, strict=True) if one == "unknown"]
        if all(is_in_azure(model) for model in open_):
            return OPEN, f"did not examine {_share(unknown, total)} (in Azure){rest}{more}"
        return OPEN, f"could not look at {_share(unknown, total)}{rest}{more}"
    if report.verdict == "incomplete":
        return OPEN, f"{_served_so_far(plan, report, total, unknown)}{more}, but {_gaps(report)}"
    warnings = _warnings(report)
    doubt = _doubt(report)
    counted = f", with {plural(warnings, 'warning')}" if warnings else ""
    if others:
        return OPEN, f"{_all_served(total)}{counted}{more}"
    if doubt and total:
        return PARTLY, f"{_all_served(total)} {doubt}{counted}"
    if counted and total:
        return GOOD, f"{_all_served(total)}{counted}"
    return GOOD, _all_served(total, expected=True)


def _of_start(plan: Plan, report: Report, others: int) -> tuple[str, str]:
    """Returns the mark and the sentence where nothing but graphs and generative models that are not followed is served:
    only the start of the server is known, and not even that for one that is started alone."""
    start = "the server starts; " if plan.outcome == "serves" else ""
    obstacle = _obstacle(report)
    if obstacle:
        return BAD if report.verdict == "fail" else PARTLY, obstacle
    subject = "graph or generative model is" if others == 1 else f"{others} graphs or generative models are"
    later = " before it is downloaded" if plan.pull is not None else ""
    sentence = f"{start}whether its {subject} served is not known{later}"
    if report.verdict == "fail":
        return BAD, f"{sentence}, and {_counted(report)} here"
    if plan.unknown is not None:
        return OPEN, f"could not look at {plan.unknown.path}{_not_followed(others)}"
    return OPEN, sentence


def _not_followed(others: int) -> str:
    kind = "graph or generative model" if others == 1 else "graphs or generative models"
    return f"; {others} {kind} not followed" if others else ""


def _obstacle(report: Report) -> str:
    """Returns why clients get no answer from a server that serves; empty if no finding explains it."""
    effects = {item.serving_effect for item in report.findings if item.severity == "error"}
    return next((text for effect, text in _OBSTACLES.items() if effect in effects), "")


def _doubt(report: Report) -> str:
    """Returns the unknown condition on which success depends; empty if no finding names one."""
    is_short = any(item.serving_effect == "memory may not suffice" for item in report.findings)
    return "if the memory suffices" if is_short else ""


def _served_so_far(plan: Plan, report: Report, total: int, unknown: int) -> str:
    """Returns the known facts about the models, for a sentence that then names another problem."""
    if plan.unknown is not None:
        return f"could not look at {plan.unknown.path}"
    if unknown:
        return f"could not look at {_share(unknown, total)}"
    notes = report.deployment.notes if report.deployment is not None else ()
    return _all_served(total, "listed" if any(note.kind == "unlisted" for note in notes) else "")


def _not_served(bad: int, total: int) -> str:
    if bad == 1:
        return f"1 of {total} models is not served as its owner expects"
    return f"{bad} of {total} models are not served as their owner expects"


def _served(statuses: list[ModelStatus]) -> str:
    good, total = statuses.count("good"), len(statuses)
    if total == 1:
        return "the model is not served as its owner expects"
    if good == 0:
        return f"none of the {total} models is served as its owner expects"
    if good == 1:
        return f"1 of {total} models is served as its owner expects"
    return f"{good} of {total} models are served as their owner expects"


def _all_served(total: int, kind: str = "", *, expected: bool = False) -> str:
    if total == 0:
        return "the server starts; no model was examined" if kind else "the server starts without a model"
    if total == 1:
        name = f"the {kind} model" if kind else "the model"
        return f"{name} is served" + (" as its owner expects" if expected or kind else "")
    name = f"the {kind} {total} models" if kind else f"all {total} models"
    return f"{name} are served" + (" as their owner expects" if expected or kind else "")


def _share(unknown: int, total: int) -> str:
    if total == 1:
        return "the model"
    return f"any of {total} models" if unknown == total else f"{unknown} of {total} models"


def _warnings(report: Report) -> int:
    return sum(item.severity == "warning" and not item.about_itself for item in report.findings)


def _counted(report: Report) -> str:
    """Returns the worst findings, which made the run fail; findings about the doctor itself never do."""
    for severity in SEVERITIES:
        number = sum(item.severity == severity and not item.about_itself for item in report.findings)
        if number:
            return (
                f"{plural(number, severity)} {'counts as a failure' if number == 1 else 'count as failures'}"
            )
    return "something counts as a failure"


def _gaps(report: Report) -> str:
    """Returns the checks that could not collect their facts, grouped by reason."""
    gaps = []
    for status in ("could_not_look", "timed_out", "crashed"):
        names = [check.name for check in report.checks if check.status == status]
        if names:
            verb = {"timed_out": "timed out", "crashed": "crashed"}.get(status, "could not look")
            gaps.append(f"{', '.join(names)} {verb}")
    return "; ".join(gaps) or "not everything could be examined"


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.split("\n") if line.strip()), "no reason given")
