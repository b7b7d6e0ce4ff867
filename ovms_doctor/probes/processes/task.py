"""One question to a child of its own, for what may hang: an engine's socket, a server, a log of the kernel's."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Literal, TypeAlias

from ovms_doctor.probes.processes.child import Child, ChildExit, not_started
from ovms_doctor.probes.processes.start import INCOMING, OUTGOING, own_paths, start

Task: TypeAlias = Literal["container", "kernel_log", "live", "metadata"]

#: The module whose ``answer`` answers the question.
_MODULES: Mapping[str, str] = {
    "container": "ovms_doctor.probes.containers.engine",
    "kernel_log": "ovms_doctor.probes.kernel_log",
    "live": "ovms_doctor.probes.live.probe",
    "metadata": "ovms_doctor.probes.metadata",
}
_ENTRY = "ovms_doctor.probes.processes.task:main"
#: Bytes; more than any engine has to report of one container.
_LARGEST = 64 << 20


def run_in_child(
    task: Task, question: Mapping[str, Any], deadline: float, environment: Mapping[str, str] | None = None
) -> dict[str, Any] | ChildExit:
    """Returns the answer of ``task`` within ``deadline`` seconds, or how its process ended. Raises
    InterruptedRunError.

    ``question`` and answer are JSON objects. ``environment``: the child's, this process's where it is None.
    """
    try:
        process = start(_ENTRY, [task], paths=own_paths(), environment=environment)
    except (OSError, ValueError) as error:
        return not_started(error)
    with Child(process, _LARGEST) as child:
        child.send(json.dumps(dict(question)).encode("ascii") + b"\n")
        line = child.receive(deadline)
        if isinstance(line, ChildExit):
            return line
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            answer = None
        return answer if isinstance(answer, dict) else child.spoiled()


def main(task: str) -> None:
    """The child's main program."""
    module = import_module(_MODULES[task])
    with open(INCOMING, "rb") as incoming, open(OUTGOING, "wb") as outgoing:
        answer = module.answer(json.loads(incoming.readline()))
        # Surrogates of names that are not UTF-8 go as escapes.
        outgoing.write(json.dumps(answer).encode("ascii") + b"\n")
    # Libraries with threads of their own may hang when they end.
    os._exit(0)
