"""One question to a child of its own, for an action that may hang: an engine's socket, a server, a log of the
kernel."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Literal, NamedTuple, TypeAlias, TypeVar

from msgspec import Struct

from ovms_doctor.model.json_text import JsonFormatError, decode_json, encode_json
from ovms_doctor.probes.processes.child import Child, ChildExit, not_started
from ovms_doctor.probes.processes.start import INCOMING, OUTGOING, own_paths, start

Task: TypeAlias = Literal["container", "container_names", "kernel_log", "live", "metadata"]
Answer = TypeVar("Answer", bound=Struct)


class _Child(NamedTuple):
    """The function that the child of a task calls.

    ``module``, ``function``: the function that answers the question.
    ``question``: the name of the question's type, in the module.
    """

    module: str
    function: str
    question: str


_TASKS: Mapping[str, _Child] = {
    "container": _Child("ovms_doctor.probes.containers.engine", "container_lookup", "ContainerQuestion"),
    "container_names": _Child("ovms_doctor.probes.containers.engine", "names_of", "NamesQuestion"),
    "kernel_log": _Child("ovms_doctor.probes.kernel_log", "answer", "KernelLogQuestion"),
    "live": _Child("ovms_doctor.probes.live.probe", "observe", "LiveQuestion"),
    "metadata": _Child("ovms_doctor.probes.metadata", "answer", "MetadataQuestion"),
}
_ENTRY = "ovms_doctor.probes.processes.task:main"
#: In bytes; more than any engine reports on one container.
_LARGEST = 64 << 20


def run_in_child(
    task: Task,
    question: Struct,
    kind: type[Answer],
    deadline: float,
    environment: Mapping[str, str] | None = None,
) -> Answer | ChildExit:
    """Returns the answer of ``task``, a ``kind``, within ``deadline`` seconds, or how its process ended. Raises
    InterruptedRunError.

    ``environment``: the child's variables, this process's own if None.
    """
    try:
        process = start(_ENTRY, [task], paths=own_paths(), environment=environment)
    except (OSError, ValueError) as error:
        return not_started(error)
    with Child(process, _LARGEST) as child:
        child.send(encode_json(question) + b"\n")
        line = child.receive(deadline)
        if isinstance(line, ChildExit):
            return line
        try:
            answer: Answer = decode_json(line, kind)
        except JsonFormatError:
            return child.end_invalid()
        return answer


def main(task: str) -> None:
    """Runs the child's main program."""
    module_name, function, question = _TASKS[task]
    module = import_module(module_name)
    with open(INCOMING, "rb") as incoming, open(OUTGOING, "wb") as outgoing:
        answer = getattr(module, function)(decode_json(incoming.readline(), getattr(module, question)))
        outgoing.write(encode_json(answer) + b"\n")
    # Libraries with threads of their own may hang at the end.
    os._exit(0)
