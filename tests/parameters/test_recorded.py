"""Every recorded case with model parameters or a mapping: states now and later, and the server's log lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.model.plan import ModelPlan
from tests.cases_build import Case, kind_of_outcome, load_cases
from tests.parameters.plans import Followed, follow, has_parameters
from tests.samples import sampled

#: The length at which the recordings truncate a message.
CUT = 500
#: Log lines that do not belong to single models.
_STARTS = frozenset({"JSON_INVALID", "CONFIG_FILE_INVALID", "INVALID_METRICS_FAMILY_NAME"})


def in_scope(case: Case) -> bool:
    if case.recorded.get("stage") != "start" or case.never_ends:
        return False
    if str(case.recorded["start_status"]).split(":")[0] in _STARTS:
        return False
    if case.exit_code == 64:
        return False  # options that exclude each other, reported before anything is loaded
    return case.group == "mapping" or has_parameters(case)


CASES = [
    case
    for release in ("2026.3", "2025.4")
    for family in ("serving", "random")
    for case in load_cases(release, family).values()  # type: ignore[arg-type]
    if in_scope(case)
]


def test_there_are_many() -> None:
    assert len(CASES) > 250


@pytest.mark.needs_root
@pytest.mark.parametrize(
    "case", sampled(CASES, kind_of_outcome), ids=lambda case: f"{case.release}-{case.id}"
)
def test_states_and_lines(case: Case, public_dir: Path) -> None:
    directory = public_dir / "case"
    followed = follow(case, directory)
    recorded = case.filled("models", str(directory))
    plans = {item.entry.name: item.plan for item in followed if item.plan is not None}
    assert set(plans) == set(recorded)
    ended = next((plan.ended for plan in plans.values() if plan.ended), None)
    refused = any(item.parsed.problem or item.parsed.abort for item in followed)
    if case.recorded["server_exits_at_start"]:
        assert ended == 1 or (refused and "--config_path" not in case.recorded["args"])
    else:
        assert ended is None
    later = case.recorded["cycles_result"][-1]["models"] if case.polls_comparable else {}
    for name, plan in plans.items():
        assert states(plan, "now") == recorded_states(recorded[name])
        if name in later:
            assert states(plan, "later") == recorded_states(later[name])
    status = str(case.recorded["start_status"]).split(":")[0]
    if plans and "--config_path" not in case.recorded["args"]:
        (plan,) = plans.values()
        assert plan.status == status
    _lines(case, followed, str(directory))


def _lines(case: Case, followed: list[Followed], directory: str) -> None:
    recorded = {line[2] for line in case.filled("log", directory) or []}
    if len(recorded) >= 24:
        return
    predicted: set[str] = set()
    for item in followed:
        for refusal in (item.parsed.problem, item.parsed.abort):
            predicted |= set(refusal.log if refusal else ())
        for warning in item.parsed.warnings:
            predicted |= set(warning.log)
        for version in item.plan.versions if item.plan else ():
            if version.attempt is not None:
                predicted |= set(version.attempt.log) | set(version.attempt.names.log)
    assert {line[:CUT].strip() for line in predicted} <= {line.strip() for line in recorded}


def states(plan: ModelPlan, moment: str) -> dict[int, tuple[str, str]]:
    found = {version.version: getattr(version, moment) for version in plan.versions}
    return {number: (state.state, state.error_code) for number, state in found.items() if state is not None}


def recorded_states(model: dict[str, Any]) -> dict[int, tuple[str, str]]:
    return {
        int(number): (version["state"], version["error_code"])
        for number, version in model["versions"].items()
    }
