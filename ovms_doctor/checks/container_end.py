"""How a container ended, or why it does not stay up: what its exit code means for OVMS, and whom the kernel killed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.ending_steps import log_step, memory_steps
from ovms_doctor.model.container import Container, ContainerState
from ovms_doctor.model.findings import CausedBy, Evidence, Finding, Severity, Step
from ovms_doctor.model.text import size_in_words

#: Exit codes that tell of a signal, and what it is; main.cpp and server.cpp of v2022.1 to v2026.3 give none of them.
_SIGNALS = {
    132: ("OVD706", "SIGILL"),
    134: ("OVD707", "SIGABRT"),
    135: ("OVD708", "SIGBUS"),
    139: ("OVD708", "SIGSEGV"),
}
_STOPPED = {143: "SIGTERM", 130: "SIGINT"}
_ENDED = ("exited", "dead", "terminated")
#: Where the server's argument line is refused: EX_USAGE, and 3 on Windows (exitcodes.hpp).
_USAGE = (64, 3)
_BY_THE_ENGINE = {
    125: "the engine itself failed",
    126: "the program may not be run",
    127: "the program is not there",
}
_KILLED = 137
#: The checks that tell why a start-up ends.
_OF_THE_START = tuple(
    "configuration layout permissions reading operations extension versions parameters cache storage".split()
)


def check(context: Context) -> Iterator[Finding]:
    container = context.deployment.container
    if container is None or container.state is None:
        return
    ending = _Ending(context, container, container.state)
    found = list(ending.findings())
    yield from found
    if ending.loops and not any(item.code == "OVD711" for item in found):
        yield ending.looping(tuple(item.code for item in found if item.severity == "error"))


class _Ending:
    """One container's end; the last one where it is being started again."""

    def __init__(self, context: Context, container: Container, state: ContainerState) -> None:
        self.context, self.container, self.state = context, container, state
        self.name = container.name or container.source_name
        self.waits = state.status == "waiting" or state.status == "restarting"
        # Between two ends it runs for a moment: one that is to end is no other.
        again = state.status == "running" and state.restarts > 0 and context.plan.outcome == "exits"
        self.loops = again or state.status == "restarting" or state.reason == "CrashLoopBackOff"
        past = self.waits or (state.status == "running" and bool(state.last_reason))
        self.past = past and state.last_exit_code is not None
        self.code = state.last_exit_code if self.past else state.exit_code
        self.ended = state.status in _ENDED or self.waits

    def findings(self) -> Iterator[Finding]:
        state = self.state
        if "Evicted" in (state.reason, state.last_reason):
            yield self._finding("OVD711", f"Kubernetes evicted {self.name}", evidence=self._said())
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

    # -- memory --------------------------------------------------------------------------------------

    def _out_of_memory(self) -> bool:
        state = self.state
        reasons = (state.reason, state.last_reason)
        return bool(state.oom_killed) or "OOMKilled" in reasons or bool(self.container.oom_kills)

    def _oom(self) -> Finding:
        container, state = self.container, self.state
        host = any(kill.constraint == "host" for kill in container.oom_kills)
        over = self.ended and self.code in (_KILLED, None)
        where = "the host had no memory left" if host else "it met its memory limit"
        if container.limits.memory is not None and not host:
            where += f" of {size_in_words(container.limits.memory)}"
        if over:
            message = f"The kernel killed {self.name}: {where}"
        elif state.status == "running" and "OOMKilled" in (state.last_reason,):
            message = f"The kernel killed {self.name} before, and it was started again: {where}"
        elif self.ended:
            message = f"The kernel killed a process in {self.name}, which ended otherwise later: {where}"
        else:
            message = f"The kernel killed a process in {self.name}, and the container went on: {where}"
        evidence = [*self._said()]
        for kill in container.oom_kills[-2:]:
            kept = "" if kill.rss is None else f", {size_in_words(kill.rss)} of its own"
            at = f" at {kill.at}" if kill.at else ""
            how = f"the kernel's log, matched by {kill.matched}" if kill.matched else "the kernel's log"
            evidence.append(Evidence(f"killed process {kill.pid} ({kill.process}){kept}{at}", how))
        sure = bool(state.oom_killed) or "OOMKilled" in (state.reason, state.last_reason)
        matched = any(kill.matched == "cgroup" for kill in container.oom_kills)
        return self._finding(
            "OVD701",
            message,
            severity="error" if over or state.last_reason == "OOMKilled" else "warning",
            confidence="high" if sure or matched else "medium",
            detail="An OOM kill leaves no line in the server's own log: the log just ends.",
            evidence=tuple(evidence),
            steps=memory_steps(self.context, container),
        )

    # -- exit codes ------------------------------------------------------------------------------------

    def _by_code(self, code: int) -> Iterator[Finding]:
        told: dict[str, Any] = {"evidence": (*self._said(), *self._last_lines())}
        if code == _KILLED:
            yield self._finding(
                "OVD702",
                f"{self.name} was killed with SIGKILL, and the engine does not name memory as the reason",
                detail="That may have been docker kill, docker stop after its time of grace, or a liveness probe.",
                steps=(log_step(self.container, "events"),),
                **told,
            )
        elif code in _USAGE:
            yield self._finding(
                "OVD703",
                f"{self.name} ended with exit code {code}: the server refused its arguments",
                causes=tuple(CausedBy(code) for code in ("OVD406", "OVD407", "OVD408", "OVD444")),
                steps=(log_step(self.container),),
                **told,
            )
        elif code == 1:
            yield self._finding(
                "OVD704",
                f"{self.name} ended with exit code 1: the server could not start",
                detail=self._against_the_plan(1),
                causes=self._predicted_causes(),
                steps=(log_step(self.container),),
                **told,
            )
        elif code in _SIGNALS:
            number, signal = _SIGNALS[code]
            words = {
                "OVD706": "the processor lacks an instruction",
                "OVD707": "it aborted",
                "OVD708": "it crashed",
            }
            yield self._finding(
                number,
                f"{self.name} ended with exit code {code} ({signal}): {words[number]}",
                confidence="medium",
                steps=(log_step(self.container),),
                **told,
            )
        elif code in _STOPPED or (code == 0 and not self._prints_help()):
            if not self.loops and not (code == 0 and self._has_finished()):
                yield self._finding(
                    "OVD709", f"{self.name} was stopped ({_STOPPED.get(code, 'exit code 0')})", **told
                )
        elif code == 0:
            yield self._finding(
                "OVD705",
                f"{self.name} was given nothing to serve: it printed its help and ended with exit code 0",
                steps=(
                    Step("Add --config_path, or --model_name and --model_path, and --port or --rest_port."),
                ),
                **told,
            )
        else:
            yield self._finding(
                "OVD704",
                f"{self.name} ended with exit code {code}, which the server itself does not give",
                confidence="low",
                steps=(log_step(self.container),),
                **told,
            )

    def _prints_help(self) -> bool:
        words = self.container.arguments
        return words is not None and (not words or bool({"--help", "-h", "--version"} & set(words)))

    def _has_finished(self) -> bool:
        """It was told to do something else than serve, such as to pull a model, and has done so."""
        arguments = self.context.deployment.arguments
        return arguments is not None and arguments.directive not in (None, "task")

    def _predicted_causes(self) -> tuple[CausedBy, ...]:
        """What may explain why the server ends as it did, where the plan predicts that end."""
        plan = self.context.plan
        if plan.outcome != "exits" or (self.ended and plan.exit_code != self.code):
            return ()
        # A model's mistake ends the server in single-model mode only; of a config file it is no model's.
        return tuple(CausedBy(check=name, any_model=plan.mode == "single") for name in _OF_THE_START)

    def _against_the_plan(self, code: int) -> str:
        plan = self.context.plan
        if plan.outcome == "exits" and plan.exit_code == code:
            return "The rules foretell the same for what it was given: the other findings say why."
        if plan.outcome == "serves":
            return (
                "With what it is given now, the rules foretell that it starts: something was changed since, or the "
                "reason lies where nothing was looked at, such as a port that is taken. The last lines of its log tell."
            )
        return "The last lines of its log tell the reason."

    # -- not at all ------------------------------------------------------------------------------------

    def _never_started(self) -> Iterator[Finding]:
        state = self.state
        if state.status == "created" and not state.message and state.exit_code in (0, None):
            return
        if state.status == "waiting" and state.reason in ("ContainerCreating", "PodInitializing", ""):
            return
        why = _BY_THE_ENGINE.get(self.code or 0, state.reason or "the engine could not start it")
        yield self._finding(
            "OVD713", f"{self.name} never started: {why}", evidence=(*self._said(), *self._last_lines())
        )

    def looping(self, causes: tuple[str, ...]) -> Finding:
        times = f" ({self.state.restarts} times so far)" if self.state.restarts else ""
        code = "" if self.code is None or not self.ended else f" with exit code {self.code}"
        policy = f", policy {self.container.restart}" if self.container.restart else ""
        return self._finding(
            "OVD710",
            f"{self.name} ends{code} and is started again{times}",
            evidence=(Evidence(f"{self.state.status or self.state.reason}{policy}", self._how()),),
            causes=(*(CausedBy(code) for code in causes), *self._predicted_causes()),
        )

    # -- words -----------------------------------------------------------------------------------------

    def _said(self) -> tuple[Evidence, ...]:
        """What the engine tells of the end."""
        state = self.state
        parts = [state.status]
        if self.code is not None:
            parts.append(f"exit code {self.code}")
        if state.oom_killed is not None:
            parts.append(f"OOMKilled {str(state.oom_killed).lower()}")
        parts += [word for word in (state.reason, state.last_reason, state.message) if word]
        if state.finished_at or state.last_finished_at:
            parts.append(f"at {state.finished_at or state.last_finished_at}")
        return (Evidence(", ".join(dict.fromkeys(parts)), self._how()),)

    def _last_lines(self) -> tuple[Evidence, ...]:
        lines = [line for line in self.container.log if line.strip()][-3:]
        return tuple(Evidence(line[:300], "the end of its log") for line in lines)

    def _how(self) -> str:
        return {"kubernetes": "the pod's status"}.get(self.container.source, "docker inspect")

    def _finding(self, code: str, message: str, severity: Severity | None = None, **more: Any) -> Finding:
        more.setdefault("confidence", "high")
        return self.context.finding(code, message, severity=severity, recovers="restart", **more)
