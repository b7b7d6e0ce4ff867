"""The end of a container: what its exit code means for OVMS, OOM kills, restarts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ovms_doctor.checks.container.crash_steps import crash_steps, usual_causes
from ovms_doctor.checks.container.steps import log_step, memory_steps
from ovms_doctor.checks.context import Context
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.container import Container, ContainerState, state_source
from ovms_doctor.model.findings import CausedBy, Evidence, Finding, Severity, Step
from ovms_doctor.model.text import size_text

OOM_KILLED = Code(
    code="OVD701",
    name="oom-killed",
    severity="error",
    summary="The kernel killed the server, or a process in its container, because memory ran out",
    remedy="Give the container more memory, or load less: fewer versions, smaller precision.",
    recovers="restart",
    releases="The same in all releases: the server checks no memory.",
    see_also=("OVD702", "OVD741"),
    example=Example(
        "docker run -m 1g …\nkernel: Memory cgroup out of memory: Killed process 4711 (ovms)",
        "docker run -m 4g …",
    ),
)

KILLED_FROM_OUTSIDE = Code(
    code="OVD702",
    name="killed-from-outside",
    severity="warning",
    summary="The server was killed, and no OOM kill is known",
    remedy="Find out what stopped it: the events of the engine or the cluster, the kernel's log.",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD701", "OVD709"),
    example=Example("docker kill ovms\nState: exited, exit code 137, OOMKilled false", "docker start ovms"),
)

ENDED_OVER_ARGUMENTS = Code(
    code="OVD703",
    name="ended-over-arguments",
    severity="error",
    summary="The server refused its arguments and ended",
    remedy="Correct the arguments.",
    recovers="restart",
    releases="The same in all releases. Each release has its own options.",
    see_also=("OVD406", "OVD704"),
    example=Example("docker run … --rest_prot 8000\nexit code 64", "docker run … --rest_port 8000"),
)

ENDED_AT_START = Code(
    code="OVD704",
    name="ended-at-start",
    severity="error",
    summary="The server could not start and ended",
    remedy="Fix what the findings on configuration and models report, then restart the server.",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD703", "OVD403"),
    example=Example(
        "docker run … --config_path /models/config.json   a file that does not exist\nexit code 1",
        "docker run -v /srv/models:/models … --config_path /models/config.json",
    ),
)

ENDED_WITH_ITS_HELP = Code(
    code="OVD705",
    name="ended-with-its-help",
    severity="error",
    summary="The server has nothing to serve: it printed its help and ended",
    remedy="Add --config_path, or --model_path and --model_name, and a port.",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD415", "OVD710"),
    example=Example(
        "docker run openvino/model_server\nexit code 0",
        "docker run openvino/model_server --config_path /models/config.json --port 9000",
    ),
)

ILLEGAL_INSTRUCTION = Code(
    code="OVD706",
    name="illegal-instruction",
    severity="error",
    summary="The processor lacks an instruction that the server uses",
    remedy=(
        "Check whether the processor has AVX2; let a virtual machine use the model of the host's "
        "processor. Remove a CPU extension that was built for another processor."
    ),
    recovers="restart",
    releases="The server catches the signal since 2026.2.",
    see_also=("OVD708",),
    example=Example(
        "a virtual machine with the processor qemu64\nexit code 132",
        "a virtual machine with the host's processor",
    ),
)

ABORTED = Code(
    code="OVD707",
    name="aborted",
    severity="error",
    summary="The server aborted",
    remedy=(
        "Start the server without the CPU extension. Check the models against the release, and check the "
        "cache directory. Then read the last lines of the log."
    ),
    recovers="restart",
    releases="A cache that cannot be entered aborts the server since 2026.2.",
    see_also=("OVD503", "OVD708"),
    example=Example("drwx------ root root /srv/cache\nexit code 134", "drwxr-x--- 5000 5000 /srv/cache"),
)

CRASHED = Code(
    code="OVD708",
    name="crashed",
    severity="error",
    summary="The server crashed",
    remedy=(
        "Check the models with --load compile. Run the server without the CPU extension and without the "
        "GPU to find the cause."
    ),
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD343", "OVD707"),
    example=Example(
        "cp model.bin /srv/models/m/1/   while it is served\nexit code 135", "cp model.bin /srv/models/m/2/"
    ),
)

STOPPED = Code(
    code="OVD709",
    name="stopped",
    severity="info",
    summary="The server was stopped",
    remedy="Start it again when it is needed.",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD702",),
    example=Example("docker stop ovms\nexit code 143", "docker start ovms"),
)

RESTARTS_AGAIN_AND_AGAIN = Code(
    code="OVD710",
    name="restarts-again-and-again",
    severity="error",
    summary="The container ends and is restarted, again and again",
    remedy="Correct the problem that ends it.",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD703", "OVD704", "OVD705"),
    example=Example(
        "docker run --restart always … --rest_prot 8000\nrestarting, exit code 64",
        "docker run --restart always … --rest_port 8000",
    ),
)

EVICTED = Code(
    code="OVD711",
    name="evicted",
    severity="error",
    summary="Kubernetes evicted the pod from its node",
    remedy="Request as much memory and ephemeral storage as the models need (resources.requests).",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD701",),
    example=Example(
        "reason: Evicted\nmessage: The node was low on resource: memory.",
        "resources: {requests: {memory: 4Gi}, limits: {memory: 4Gi}}",
    ),
)

NEVER_STARTED = Code(
    code="OVD713",
    name="never-started",
    severity="error",
    summary="The engine could not start the container",
    remedy="Correct the problem that the engine's message reports.",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD704",),
    example=Example(
        "docker run -p 80:8000 …\nexit code 125: port is already allocated", "docker run -p 8000:8000 …"
    ),
)


#: Exit codes of signals: the code, the signal, and the reason for the message. main.cpp and server.cpp of v2022.1 to
#: v2026.3 return none of them.
_SIGNALS = {
    132: (ILLEGAL_INSTRUCTION, "SIGILL", "the processor lacks an instruction"),
    134: (ABORTED, "SIGABRT", "the server aborted"),
    135: (CRASHED, "SIGBUS", "the server crashed"),
    139: (CRASHED, "SIGSEGV", "the server crashed"),
}
_STOPPED = {143: "SIGTERM", 130: "SIGINT"}
_ENDED = ("exited", "dead", "terminated")
#: The server refuses its arguments: EX_USAGE, and 3 on Windows (exitcodes.hpp).
_USAGE = (64, 3)
_BY_THE_ENGINE = {
    125: "the engine itself failed",
    126: "the program cannot be executed",
    127: "the program does not exist",
}
_KILLED = 137
#: The checks whose findings are reasons for the end of start-up.
_OF_THE_START = tuple(
    "configuration layout permissions reading operations extension versions parameters cache storage".split()
)


CODES = (
    OOM_KILLED,
    KILLED_FROM_OUTSIDE,
    ENDED_OVER_ARGUMENTS,
    ENDED_AT_START,
    ENDED_WITH_ITS_HELP,
    ILLEGAL_INSTRUCTION,
    ABORTED,
    CRASHED,
    STOPPED,
    RESTARTS_AGAIN_AND_AGAIN,
    EVICTED,
    NEVER_STARTED,
)


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on the end of the container, and on its restarts; none if its state is not known."""
    container = context.deployment.container
    if container is None or container.state is None:
        return
    ending = _Ending(context, container, container.state)
    found = list(ending.findings())
    yield from found
    if ending.loops and not any(item.code == EVICTED.code for item in found):
        yield ending.looping(tuple(item.code for item in found if item.severity == "error"))


class _Ending:
    """The end of one container; the last end if it is restarted."""

    def __init__(self, context: Context, container: Container, state: ContainerState) -> None:
        self.context, self.container, self.state = context, container, state
        self.name = container.name or container.source_name
        self.waits = state.status == "waiting" or state.status == "restarting"
        # A restarted container runs for a moment between two ends. If the plan predicts its end, it is in such a
        # moment.
        restarts_again = state.status == "running" and state.restarts > 0 and context.plan.outcome == "exits"
        self.loops = restarts_again or state.status == "restarting" or state.reason == "CrashLoopBackOff"
        was_restarted = self.waits or (state.status == "running" and bool(state.last_reason))
        self.was_restarted = was_restarted and state.last_exit_code is not None
        self.code = state.last_exit_code if self.was_restarted else state.exit_code
        self.ended = state.status in _ENDED or self.waits

    def findings(self) -> Iterator[Finding]:
        state = self.state
        if "Evicted" in (state.reason, state.last_reason):
            yield self._finding(EVICTED, f"Kubernetes evicted {self.name}", evidence=self._state_evidence())
            return
        if self._out_of_memory():
            yield self._oom()
            if not self.ended or self.code in (_KILLED, None):
                return
        if (
            state.status == "created"
            or (state.status == "waiting" and not self.loops)
            or self.code in _BY_THE_ENGINE
        ):
            yield from self._never_started()
            return
        if self.ended and self.code is not None:
            yield from self._by_code(self.code)

    # -- memory ----------------------------------------------------------------------------

    def _out_of_memory(self) -> bool:
        state = self.state
        reasons = (state.reason, state.last_reason)
        return bool(state.oom_killed) or "OOMKilled" in reasons or bool(self.container.oom_kills)

    def _oom(self) -> Finding:
        container, state = self.container, self.state
        host = any(kill.constraint == "host" for kill in container.oom_kills)
        is_final = self.ended and self.code in (_KILLED, None)
        reason = "the host had no memory left" if host else "the container reached its memory limit"
        if container.limits.memory is not None and not host:
            reason += f" of {size_text(container.limits.memory)}"
        if is_final:
            message = f"The kernel killed {self.name}: {reason}"
        elif state.status == "running" and "OOMKilled" in (state.last_reason,):
            message = f"The kernel killed {self.name} earlier, and it was restarted: {reason}"
        elif self.ended:
            message = (
                f"The kernel killed a process in {self.name}, which ended for another reason later: {reason}"
            )
        else:
            message = f"The kernel killed a process in {self.name}, and the container continued: {reason}"
        evidence = [*self._state_evidence()]
        for kill in container.oom_kills[-2:]:
            size = "" if kill.rss is None else f", {size_text(kill.rss)} resident"
            at = f" at {kill.at}" if kill.at else ""
            how = f"the kernel's log, matched by {kill.matched}" if kill.matched else "the kernel's log"
            evidence.append(Evidence(f"killed process {kill.pid} ({kill.process}){size}{at}", how))
        certain = bool(state.oom_killed) or "OOMKilled" in (state.reason, state.last_reason)
        matched = any(kill.matched == "cgroup" for kill in container.oom_kills)
        return self._finding(
            OOM_KILLED,
            message,
            severity="error" if is_final or state.last_reason == "OOMKilled" else "warning",
            confidence="high" if certain or matched else "medium",
            detail="An OOM kill leaves no line in the server's log: the log ends without a message.",
            evidence=tuple(evidence),
            steps=memory_steps(self.context, container),
        )

    # -- exit codes ----------------------------------------------------------------------------

    def _by_code(self, code: int) -> Iterator[Finding]:
        common: dict[str, Any] = {"evidence": (*self._state_evidence(), *self._last_lines())}
        if code == _KILLED:
            yield self._finding(
                KILLED_FROM_OUTSIDE,
                f"{self.name} was killed with SIGKILL, and the engine reports no OOM kill",
                detail="Possible reasons are docker kill, docker stop after its grace period, or a liveness probe.",
                steps=(log_step(self.container, "events"),),
                **common,
            )
        elif code in _USAGE:
            yield self._finding(
                ENDED_OVER_ARGUMENTS,
                f"{self.name} ended with exit code {code}: the server refused its arguments",
                causes=tuple(CausedBy(code) for code in ("OVD406", "OVD407", "OVD408", "OVD444")),
                steps=(log_step(self.container),),
                **common,
            )
        elif code == 1:
            yield self._finding(
                ENDED_AT_START,
                f"{self.name} ended with exit code 1: the server could not start",
                detail=self._compare_with_plan(1),
                causes=self._predicted_causes(),
                steps=(log_step(self.container),),
                **common,
            )
        elif code in _SIGNALS:
            finding_code, signal, reason = _SIGNALS[code]
            yield self._finding(
                finding_code,
                f"{self.name} ended with exit code {code} ({signal}): {reason}",
                confidence="medium",
                detail=usual_causes(code),
                steps=(*crash_steps(self.context, self.container, code), log_step(self.container)),
                **common,
            )
        elif code in _STOPPED or (code == 0 and not self._prints_help()):
            if not self.loops and not (code == 0 and self._has_finished()):
                yield self._finding(
                    STOPPED, f"{self.name} was stopped ({_STOPPED.get(code, 'exit code 0')})", **common
                )
        elif code == 0:
            yield self._finding(
                ENDED_WITH_ITS_HELP,
                f"{self.name} has nothing to serve: it printed its help and ended with exit code 0",
                steps=(
                    Step("Add --config_path, or --model_name and --model_path, and --port or --rest_port."),
                ),
                **common,
            )
        else:
            yield self._finding(
                ENDED_AT_START,
                f"{self.name} ended with exit code {code}, which the server itself never returns",
                confidence="low",
                steps=(log_step(self.container),),
                **common,
            )

    def _prints_help(self) -> bool:
        arguments = self.container.arguments
        return arguments is not None and (
            not arguments or bool({"--help", "-h", "--version"} & set(arguments))
        )

    def _has_finished(self) -> bool:
        """Whether the container has finished a task other than serving, such as pulling a model."""
        arguments = self.context.deployment.arguments
        return arguments is not None and not arguments.serves

    def _predicted_causes(self) -> tuple[CausedBy, ...]:
        """Returns the causes of the end, if the plan predicts it."""
        plan = self.context.plan
        if plan.outcome != "exits" or (self.ended and plan.exit_code != self.code):
            return ()
        # The findings of a model end the server only in single-model mode.
        return tuple(CausedBy(check=name, any_model=plan.mode == "single") for name in _OF_THE_START)

    def _compare_with_plan(self, code: int) -> str:
        plan = self.context.plan
        if plan.outcome == "exits" and plan.exit_code == code:
            return "The prediction for its deployment is the same: the other findings give the reason."
        if plan.outcome == "serves":
            return (
                "The prediction for its present deployment is that it starts: something has changed "
                "since, or the prediction does not cover the reason, such as a port in use. Read the last "
                "lines of its log."
            )
        return "The last lines of its log contain the reason."

    # -- containers that never started ----------------------------------------------------------------------------

    def _never_started(self) -> Iterator[Finding]:
        state = self.state
        if state.status == "created" and not state.message and state.exit_code in (0, None):
            return
        if state.status == "waiting" and state.reason in ("ContainerCreating", "PodInitializing", ""):
            return
        reason = _BY_THE_ENGINE.get(self.code or 0, state.reason or "the engine could not start it")
        yield self._finding(
            NEVER_STARTED,
            f"{self.name} never started: {reason}",
            evidence=(*self._state_evidence(), *self._last_lines()),
        )

    def looping(self, causes: tuple[str, ...]) -> Finding:
        """Returns the finding on a container that is restarted again and again; ``causes``: the codes of its errors."""
        times = f" ({self.state.restarts} times so far)" if self.state.restarts else ""
        code = "" if self.code is None or not self.ended else f" with exit code {self.code}"
        policy = f", policy {self.container.restart}" if self.container.restart else ""
        return self._finding(
            RESTARTS_AGAIN_AND_AGAIN,
            f"{self.name} ends{code} and is restarted{times}",
            evidence=(Evidence(f"{self.state.status or self.state.reason}{policy}", self._source()),),
            causes=(*(CausedBy(code) for code in causes), *self._predicted_causes()),
        )

    # -- evidence ----------------------------------------------------------------------------

    def _state_evidence(self) -> tuple[Evidence, ...]:
        """Returns the evidence on the state that the engine reports."""
        state = self.state
        parts = [state.status]
        if self.code is not None:
            parts.append(f"exit code {self.code}")
        if state.oom_killed is not None:
            parts.append(f"OOMKilled {str(state.oom_killed).lower()}")
        parts += [text for text in (state.reason, state.last_reason, state.message) if text]
        if state.finished_at or state.last_finished_at:
            parts.append(f"at {state.finished_at or state.last_finished_at}")
        return (Evidence(", ".join(dict.fromkeys(parts)), self._source()),)

    def _last_lines(self) -> tuple[Evidence, ...]:
        lines = [line for line in self.container.log if line.strip()][-3:]
        return tuple(Evidence(line[:300], "the end of its log") for line in lines)

    def _source(self) -> str:
        return state_source(self.container)

    def _finding(self, code: Code, message: str, severity: Severity | None = None, **more: Any) -> Finding:
        more.setdefault("confidence", "high")
        return self.context.finding(code, message, severity=severity, recovers="restart", **more)
