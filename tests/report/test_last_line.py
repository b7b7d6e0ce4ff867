"""The last line of the report: it never contradicts the findings, and ✓ means that everything was looked at and is
served."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.container import Container, ContainerState
from ovms_doctor.model.findings import Finding, Subject
from ovms_doctor.model.graph_plan import GraphPlan, GraphProblem, ServableFault
from ovms_doctor.model.live import Address, LiveServable, LiveStatus, LiveVersion, Observations
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.plan_problems import StartProblem
from ovms_doctor.model.pull_plan import PullPlan
from ovms_doctor.report.model import CheckRun, Report
from ovms_doctor.report.verdict import model_status
from tests.report import samples
from tests.report.rendered import text


def last(report: Report) -> str:
    return text(report, quiet=True).strip()


GOOD = samples.model("good", samples.version(1))
BAD = samples.model("bad", samples.version(1, "LOADING"))
CLOSED = samples.model("closed", unknown=CouldNotLook("/models/closed", "timed out"))
AZURE = samples.model(
    "far", base="az://container/far", unknown=CouldNotLook("az://container/far", "in Azure")
)
GRAPH = samples.model("graph", kind="graph")


def finding(code: str, severity: str = "warning", message: str = "A message") -> Finding:
    return Finding(code, "a-name", severity, Subject(), message)  # type: ignore[arg-type]


def report(*models: ModelPlan, plan: dict[str, Any] | None = None, **more: Any) -> Report:
    """A report with these fields; ``plan``: fields of its plan."""
    made = samples.report(*models, **more)
    assert made.plan is not None
    return replace(made, plan=replace(made.plan, **(plan or {})))


# -- the server does not serve ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ({"outcome": "exits", "exit_code": 64}, "✗ the process ends with exit code 64: no model is served"),
        ({"outcome": "exits", "exit_code": None}, "✗ the process ends: no model is served"),
        (
            {"outcome": "exits", "killed": True, "exit_code": 137},
            "✗ the kernel kills the server, which needs more memory than its limit: no model is served",
        ),
        (
            {"outcome": "exits", "host_problem": StartProblem("device_missing", "", None, ())},
            "✗ the engine does not start the container: no model is served",
        ),
        (
            {"outcome": "exits", "host_problem": StartProblem("port_in_use", "", 1, ()), "exit_code": 1},
            "✗ the process ends with exit code 1: no model is served",
        ),
    ],
)
def test_a_server_that_ends(plan: dict[str, Any], expected: str) -> None:
    assert last(report(GOOD, verdict="fail", plan=plan)) == expected


@pytest.mark.parametrize(("verdict", "mark"), [("fail", "✗"), ("incomplete", "?")])
def test_a_start_that_cannot_be_determined(verdict: str, mark: str) -> None:
    problem = StartProblem("directive", "", None, ())
    made = report(GOOD, verdict=verdict, plan={"outcome": "unknown", "problem": problem})
    assert last(made) == f"{mark} what the server does at its start cannot be determined"


@pytest.mark.parametrize(
    ("error", "expected"),
    [("\n \n a reason\nmore", "a reason"), (" \n", "no reason given")],
)
def test_a_run_that_failed(error: str, expected: str) -> None:
    assert last(replace(samples.crashed(), error=error)) == f"? the run failed: {expected}"


@pytest.mark.parametrize(
    ("pull", "expected"),
    [
        (
            PullPlan("pull", "OpenVINO/m", "/models/m"),
            "OpenVINO/m is there already, and graph.pbtxt is written; the server ends with exit code 0",
        ),
        (PullPlan("configure", "", "/m/graph.pbtxt"), "/m/graph.pbtxt is written; the server ends with exit code 0"),
        (PullPlan("modify_config", "", "/c.json"), "/c.json is written; the server ends with exit code 0"),
        (PullPlan("list_models", "", "/models"), "the models are listed; the server ends with exit code 0"),
    ],
)  # fmt: skip
def test_another_task_than_serving(pull: PullPlan, expected: str) -> None:
    plan = {"outcome": "exits", "exit_code": 0, "pull": pull}
    assert last(report(plan=plan)) == f"✓ {expected}"
    gap = (CheckRun("pull", "could_not_look", "x"),)
    assert (
        last(report(verdict="incomplete", checks=gap, plan=plan)) == f"? {expected}, but pull could not look"
    )
    failing = (finding("OVD451", "error"),)
    assert (
        last(report(verdict="fail", findings=failing, plan=plan))
        == f"✗ {expected}, but 1 error counts as a failure here"
    )
    # It ends like a success without its task done.
    problem = StartProblem("pull", "OK", 0, (), text="nothing is written")
    assert (
        last(report(plan={**plan, "problem": problem}))
        == "! nothing is written; the server ends with exit code 0"
    )


# -- the server serves -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ((AZURE,), "? did not examine the model (in Azure)"),
        ((AZURE, AZURE), "? did not examine any of 2 models (in Azure)"),
        (
            (AZURE, GOOD),
            "? did not examine 1 of 2 models (in Azure); the other model is served as its owner expects",
        ),
        ((AZURE, CLOSED), "? could not look at any of 2 models"),
        ((GRAPH, CLOSED), "? could not look at the model; 1 graph or generative model not followed"),
        (
            (GRAPH, GRAPH, BAD),
            "✗ the model is not served as its owner expects; 2 graphs or generative models not followed",
        ),
    ],
)
def test_models_that_were_not_looked_at(models: tuple[ModelPlan, ...], expected: str) -> None:
    verdict = "fail" if BAD in models else "incomplete"
    assert last(report(*models, verdict=verdict)) == expected


def test_a_graph_that_is_not_followed_is_no_success() -> None:
    not_known = "whether its graph or generative model is served is not known"
    assert last(report(GRAPH)) == f"? the server starts; {not_known}"
    assert last(report(GRAPH, plan={"outcome": "unknown"})) == f"? {not_known}"
    assert last(report(GOOD, GRAPH)) == "? the model is served; 1 graph or generative model not followed"


NODE_FAULT = ServableFault("file_missing", "requests", "LLMExecutor")
TEXT_FAULT = GraphProblem("text", "MEDIAPIPE_GRAPH_CONFIG_FILE_INVALID", "it is not valid")


@pytest.mark.parametrize(
    ("followed", "tried", "expected"),
    [
        (GraphPlan("/models/graph/graph.pbtxt"), True, "✓ the model is served as its owner expects"),
        # A graph that is AVAILABLE and fails with each request is not what its owner expects.
        (GraphPlan("", faults=(NODE_FAULT,)), True, "✗ the model is not served as its owner expects"),
        (GraphPlan("", problem=TEXT_FAULT), True, "✗ the model is not served as its owner expects"),
        (GraphPlan(""), False, "✗ the model is not served as its owner expects"),
        (GraphPlan("", doubts=("x is too large",)), True, "? could not look at the model"),
        (
            GraphPlan("", unfollowed=("XCalculator",)),
            True,
            "? the server starts; whether its graph or generative model is served is not known",
        ),
        (
            GraphPlan("", problem=TEXT_FAULT, unfollowed=("XCalculator",)),
            True,
            "✗ the model is not served as its owner expects",
        ),
    ],
)
def test_a_graph(followed: GraphPlan, tried: bool, expected: str) -> None:
    graph = replace(GRAPH, followed=followed, tried=tried)
    verdict = {"✓": "pass", "✗": "fail", "?": "incomplete"}[expected[0]]
    assert last(report(graph, verdict=verdict)) == expected


def test_a_generative_model_that_is_not_there_yet() -> None:
    pull = PullPlan("serve", "OpenVINO/m", "/models/m")
    assert last(report(GRAPH, verdict="incomplete", plan={"pull": pull})) == (
        "? the server starts; whether its graph or generative model is served is not known before it is downloaded"
    )


def test_success_that_depends_on_memory() -> None:
    short = replace(finding("OVD742"), serving_effect="memory may not suffice")
    assert last(report(GOOD, findings=(short,))) == (
        "! the model is served if the memory suffices, with 1 warning"
    )
    noted = replace(short, severity="info")
    assert last(report(GOOD, findings=(noted,))) == "! the model is served if the memory suffices"
    both = (short, finding("OVD124"))
    assert last(report(GOOD, GOOD, findings=both)) == (
        "! all 2 models are served if the memory suffices, with 2 warnings"
    )


def test_warnings_about_ovms_doctor_are_not_about_the_server() -> None:
    found = (finding("OVD903"), finding("OVD124"))
    assert last(report(GOOD, findings=found)) == "✓ the model is served, with 1 warning"
    assert last(report(GOOD, findings=found[:1])) == "✓ the model is served as its owner expects"


@pytest.mark.parametrize(
    ("severities", "expected"),
    [
        (("info", "warning", "warning"), "2 warnings count as failures"),
        (("warning", "error", "error", "error"), "3 errors count as failures"),
        (("info",), "1 info counts as a failure"),
    ],
)
def test_the_worst_findings_are_counted(severities: tuple[str, ...], expected: str) -> None:
    found = tuple(finding("OVD741" if one == "error" else "OVD124", one) for one in severities)
    made = report(GOOD, verdict="fail", findings=(*found, finding("OVD901", "error")))
    assert last(made) == f"✗ the model is served, but {expected} here"


def test_one_version_that_fails_is_no_success() -> None:
    half = samples.model("half", samples.version(1), samples.version(2, "LOADING"))
    assert model_status(half, report(half)) == "bad"


def test_known_errors_are_no_success() -> None:
    """A baseline or the configuration of a project suppresses what is known."""
    known = (finding("OVD301", "error"),)
    assert last(report(GOOD, BAD, suppressed=known)) == (
        "! 1 of 2 models is served as its owner expects; the known findings do not fail the run"
    )
    assert last(report(GOOD, BAD, suppressed=(finding("OVD124"),))).endswith(
        "; no finding counts as a failure here"
    )


def test_models_of_a_configuration_that_was_not_read_are_unknown() -> None:
    """The row of each model in the table, too."""
    cause = CouldNotLook("/config.json", "not among the recorded facts")
    made = report(GOOD, verdict="incomplete", plan={"outcome": "unknown", "unknown": cause})
    assert last(made) == "? could not look at /config.json"
    assert model_status(GOOD, made) == "unknown"
    assert model_status(GOOD, report(GOOD)) == "good"
    assert model_status(GOOD, report(GOOD, plan={"outcome": "exits"})) == "bad"


# -- a container that ended, and a server that runs --------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [
        ("exited", 1, "(exited, exit code 1)"),
        ("dead", None, "(dead)"),
        ("terminated", 137, "(terminated, exit code 137)"),
    ],
)
def test_a_container_that_does_not_run_is_no_success(status: str, code: int | None, state: str) -> None:
    container = Container("docker", "ovms", state=ContainerState(status, code))
    deployment = replace(samples.DEPLOYMENT, container=container)
    start = f"the container does not run {state}; started again as it is:"
    good = "the model is served as its owner expects"
    assert last(report(GOOD, deployment=deployment)) == f"! {start} {good}"
    assert last(report(BAD, deployment=deployment, verdict="fail")).startswith(f"✗ {start} ")
    running = replace(container, state=ContainerState("running"))
    assert last(report(GOOD, deployment=replace(deployment, container=running))) == f"✓ {good}"


def live(*conditions: str, **more: Any) -> LiveStatus:
    servables = tuple(
        LiveServable(f"m{number}", "model", (LiveVersion(1, "", "", condition),))  # type: ignore[arg-type]
        for number, condition in enumerate(conditions)
    )
    address = Address("localhost", 8000, False, False, True)
    status = LiveStatus(address, (), (), Observations(), server="ovms", servables=servables)
    return replace(status, **more)


@pytest.mark.parametrize(
    ("status", "now"),
    [
        (live("available"), "the running server serves its only servable"),
        (live("available", "available", "retired"), "the running server serves all 2 servables"),
        (live("available", "failing"), "the running server serves 1 of 2 servables"),
        (live("available", "available", "failing"), "the running server serves 2 of 3 servables"),
        (live("failing"), "the running server does not serve its only servable"),
        (live("failing", "failing", "retired"), "the running server serves none of its 2 servables"),
        (live("retired"), "the running server serves nothing"),
        (live(servables=None), "what the running server serves is not known"),
        (live(server="starting"), "the running server is still starting"),
    ],
)
def test_the_running_server_comes_before_its_next_start(status: LiveStatus, now: str) -> None:
    bad = "the model is not served as its owner expects"
    found = (replace(finding("OVD301", "error"), subject=Subject("bad", 1)),)
    assert last(report(BAD, live=status, verdict="fail", findings=found)) == f"✗ {now}; started now: {bad}"
    ends = {"outcome": "exits", "exit_code": 1}
    assert last(report(BAD, live=status, verdict="fail", plan=ends)) == (
        f"✗ {now}; started now: the process ends with exit code 1: no model is served"
    )


def test_a_server_that_is_still_starting_serves_nothing_yet() -> None:
    good = "the model is served as its owner expects"
    assert last(report(GOOD, live=live("available"))) == f"✓ {good}"
    assert last(report(GOOD, live=live(server="starting"))) == (
        f"! the running server is still starting; started now: {good}"
    )


@pytest.mark.parametrize(
    "status", [live("failing", server="triton"), live("failing", address=Address("h", 9000, False, True, True))]
)  # fmt: skip
def test_what_says_nothing_about_the_servables(status: LiveStatus) -> None:
    """Another server, and gRPC, which has no list of the servables."""
    assert last(report(BAD, live=status, verdict="fail")) == "✗ the model is not served as its owner expects"


def test_findings_about_the_running_server_do_not_count_for_the_next_start() -> None:
    about_now = replace(finding("OVD841", "error"), subject=Subject("good"))
    status = live("failing")
    made = report(
        GOOD,
        live=status,
        verdict="fail",
        findings=(about_now,),
        about_now=frozenset({about_now.fingerprint}),
    )
    assert last(made) == (
        "✗ the running server does not serve its only servable; started now: "
        "the model is served as its owner expects"
    )
