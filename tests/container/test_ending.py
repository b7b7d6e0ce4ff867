"""The meaning of a container's end: states in, findings out; good and bad."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ovms_doctor.checks.container.ending import check
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.registry import arrange
from ovms_doctor.inputs.arguments import read_arguments
from ovms_doctor.model.container import Container, ContainerLimits, ContainerState, KernelKill
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.findings import CausedBy, Finding, Subject
from ovms_doctor.model.host import HostLimits
from ovms_doctor.model.plan import Plan
from ovms_doctor.model.plan_problems import StartProblem
from ovms_doctor.model.releases import parse_release
from ovms_doctor.report.model import Report, Run
from ovms_doctor.report.verdict import verdict_line

ARGUMENTS = ("--config_path", "/models/config.json", "--port", "9000")
BASE = Container(
    "docker",
    "ovms",
    name="ovms",
    engine="docker",
    arguments=ARGUMENTS,
    limits=ContainerLimits(memory=64 << 20),
    log=("[2026-01-01][serving][error] Directory does not exist: /models/m",),
)
SERVES = Plan("config", "serves")


def findings(state: ContainerState, plan: Plan = SERVES, **changes: object) -> list[Finding]:
    container = replace(BASE, state=state, **changes)  # type: ignore[arg-type]
    deployment = Deployment("config", parse_release("2026.3"), "given", container=container)
    return list(check(Context(deployment, plan, Facts(complete=True))))


def exited(code: int, **more: object) -> ContainerState:
    return replace(ContainerState("exited", code, False, finished_at="2026-01-01T00:00:00Z"), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "code", "severity"),
    [
        (exited(137, oom_killed=True), "OVD701", "error"),
        (exited(137), "OVD702", "warning"),
        (exited(64), "OVD703", "error"),
        (exited(3), "OVD703", "error"),
        (exited(1), "OVD704", "error"),
        (exited(132), "OVD706", "error"),
        (exited(134), "OVD707", "error"),
        (exited(135), "OVD708", "error"),
        (exited(139), "OVD708", "error"),
        (exited(143), "OVD709", "info"),
        (exited(130), "OVD709", "info"),
        (exited(0), "OVD709", "info"),
        (exited(77), "OVD704", "error"),
        (exited(127), "OVD713", "error"),
        (ContainerState("running", 0, True), "OVD701", "warning"),
        (ContainerState("terminated", 137, reason="OOMKilled"), "OVD701", "error"),
        (
            ContainerState("running", last_exit_code=137, last_reason="OOMKilled", restarts=3),
            "OVD701",
            "error",
        ),
        (
            ContainerState("terminated", reason="Evicted", message="The node was low on memory"),
            "OVD711",
            "error",
        ),
        (ContainerState("waiting", reason="ImagePullBackOff"), "OVD713", "error"),
        (ContainerState("created", 127, message='exec: "ovms": not found'), "OVD713", "error"),
    ],
)
def test_each_end_has_its_code(state: ContainerState, code: str, severity: str) -> None:
    (found,) = findings(state)
    assert (found.code, found.severity) == (code, severity)
    assert found.evidence


@pytest.mark.parametrize(
    "state",
    [
        ContainerState("running", 0, False),
        ContainerState("running"),
        ContainerState("running", restarts=1, last_exit_code=0, last_reason="Completed"),
        ContainerState("created"),
        ContainerState("paused", 0),
        ContainerState("waiting", reason="ContainerCreating"),
    ],
)
def test_running_or_starting_container_has_no_finding_on_its_end(state: ContainerState) -> None:
    assert findings(state) == []


def test_source_without_a_state_has_no_end() -> None:
    deployment = Deployment("config", parse_release("2026.3"), "given", container=BASE)
    assert list(check(Context(deployment, SERVES, Facts(complete=True)))) == []


@pytest.mark.parametrize("arguments", [(), ("--help",), ("--version",)])
def test_help_ends_with_0_in_an_endless_loop(arguments: tuple[str, ...]) -> None:
    (found,) = findings(exited(0), arguments=arguments)
    assert (found.code, found.severity) == ("OVD705", "error")
    loop = ContainerState(
        "waiting", reason="CrashLoopBackOff", last_exit_code=0, last_reason="Completed", restarts=7
    )
    assert [item.code for item in findings(loop, arguments=arguments)] == ["OVD705", "OVD710"]


def test_a_loop_names_what_makes_it_end() -> None:
    state = ContainerState("restarting", 64, False, restarts=5)
    first, second = findings(state, restart="always")
    assert (first.code, second.code, second.causes) == ("OVD703", "OVD710", (CausedBy("OVD703"),))
    assert "5 times" in second.message


def test_the_kernels_log_makes_137_an_oom_kill() -> None:
    kill = KernelKill(42, "ovms", "memcg", "[1.0]", rss=60 << 20, matched="cgroup")
    (found,) = findings(exited(137), oom_kills=(kill,))
    assert (found.code, found.confidence) == ("OVD701", "high")
    assert any("process 42 (ovms), 60 MiB" in item.observation for item in found.evidence)
    (doubtful,) = findings(exited(137), oom_kills=(replace(kill, matched="time"),))
    assert doubtful.confidence == "medium"


def test_a_host_without_memory_is_not_called_a_limit() -> None:
    (found,) = findings(exited(137), oom_kills=(KernelKill(42, "ovms", "host", matched="pid"),))
    assert "the host had no memory left" in found.message
    assert "64 MiB" not in found.message


def test_oom_kill_is_reported_with_the_silent_log_and_the_limit() -> None:
    (found,) = findings(exited(137, oom_killed=True))
    assert "no line" in found.detail
    assert found.server_log == ()
    (step,) = found.remedy.steps
    assert step.command == "docker update --memory 128m --memory-swap 128m ovms && docker restart ovms"


@pytest.mark.parametrize(
    ("source", "arguments"),
    [
        ("compose", "mem_limit: 128m"),
        ("docker-run", "-m 128m --memory-swap 128m"),
        ("kubernetes", "resources: {requests: {memory: 128Mi}, limits: {memory: 128Mi}}"),
    ],
)
def test_the_remedy_has_the_deployments_form(source: str, arguments: str) -> None:
    (found,) = findings(exited(137, oom_killed=True), source=source)
    assert [step.command for step in found.remedy.steps] == [arguments]


def test_exit_1_is_compared_with_the_plan() -> None:
    problem = StartProblem("config_not_json", "JSON_INVALID", 1, ())
    (same,) = findings(exited(1), Plan("config", "exits", 1, problem=problem))
    (other,) = findings(exited(1))
    assert "prediction for its deployment is the same" in same.detail
    assert "something has changed since" in other.detail
    assert any("Directory does not exist" in item.observation for item in same.evidence)


def test_another_processs_kill_does_not_hide_the_end() -> None:
    first, second = findings(exited(1, oom_killed=True))
    assert (first.code, first.severity, second.code) == ("OVD701", "warning", "OVD704")
    assert "continued" not in first.message
    kill = KernelKill(42, "ovms", "memcg", matched="time")
    assert [item.code for item in findings(exited(64), oom_kills=(kill,))] == ["OVD701", "OVD703"]


@pytest.mark.parametrize(
    ("state", "mark"),
    [(exited(137), "!"), (exited(0), "!"), (ContainerState("running"), "✓"), (None, "✓")],
)
def test_stopped_container_is_not_reported_as_served(state: ContainerState | None, mark: str) -> None:
    container = replace(BASE, state=state)
    deployment = Deployment("config", parse_release("2026.3"), "given", container=container)
    report = Report("0", Run("", 0.0, ()), "pass", 0, deployment, SERVES)
    verdict, sentence = verdict_line(report)
    assert verdict == mark
    assert ("does not run" in sentence) is (mark == "!")


def test_a_completed_pull_is_not_reported_as_stopped() -> None:
    arguments = ("--pull", "--source_model", "OpenVINO/x", "--model_repository_path", "/models")
    release = parse_release("2026.3")
    container = replace(BASE, state=exited(0), arguments=arguments)
    deployment = Deployment(
        "config",
        release,
        "given",
        container=container,
        arguments=read_arguments(arguments, release, HostLimits()),
    )
    assert list(check(Context(deployment, SERVES, Facts(complete=True)))) == []


def test_a_restarted_server_that_must_end_is_reported_as_looping() -> None:
    """Between two ends it runs for a moment. A server that should keep running was started again once, and runs."""
    state = ContainerState("running", restarts=2, pid=7)
    (loop,) = findings(state, Plan("single", "exits", 1))
    assert (loop.code, loop.message) == ("OVD710", "ovms ends and is restarted (2 times so far)")
    assert findings(state) == []


def test_end_follows_from_the_predicted_cause() -> None:
    """A mistake in the only model ends the server; the restart loop has the same cause."""
    state = replace(exited(1), status="restarting")
    ended, loop = findings(state, Plan("single", "exits", 1))
    cause = Finding("OVD106", "base-path-missing", "error", Subject(model="m"), "There is no directory")
    warning = Finding("OVD203", "model-file-not-readable", "warning", Subject(model="m"), "Not the reason")
    arranged = {item.code: item for item in arrange([ended, loop, cause, warning])}
    assert arranged["OVD704"].caused_by == arranged["OVD710"].caused_by == (cause.fingerprint,)
    alone = {item.code: item for item in arrange(findings(state))}
    assert alone["OVD704"].caused_by == ()
    assert alone["OVD710"].caused_by == (alone["OVD704"].fingerprint,)


@pytest.mark.parametrize(
    ("source", "engine", "method"),
    [
        ("docker", "docker", "docker inspect"),
        ("inspect", "podman", "podman inspect"),
        ("docker", "", "docker inspect"),
        ("kubernetes", "kubernetes", "the pod's status"),
    ],
)
def test_the_source_of_the_state_is_the_engine_of_the_container(
    source: str, engine: str, method: str
) -> None:
    (found,) = findings(exited(137, oom_killed=True), source=source, engine=engine)
    assert found.evidence[0].how == method
