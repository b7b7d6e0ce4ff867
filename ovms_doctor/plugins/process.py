"""The parent's side of the child process of one third-party check: starts it, reads with a deadline, kills it.

Modules are imported from the parent's directories, without the working directory. Standard output and standard error
of the check form one bounded text.
"""

from __future__ import annotations

from typing import Final

from ovms_doctor.model.json_text import JsonFormatError
from ovms_doctor.plugins.discovery import safe_path
from ovms_doctor.plugins.messages import PluginMessage, decode_message
from ovms_doctor.probes.processes.child import Child, ChildExit
from ovms_doctor.probes.processes.start import start

#: Maximum bytes of a check's answer.
LARGEST_ANSWER: Final = 32 << 20
#: Maximum bytes of memory that a check may allocate: far more than facts need, less than a host has.
_MEMORY: Final = 4 << 30
_ENTRY: Final = "ovms_doctor.plugins.child:main"


class PluginProcess:
    """One check's process. The kernel kills it when the thread that made it ends (prctl(2))."""

    def __init__(self, target: str, facts: int) -> None:
        """Starts the process. ``target``: the object that the entry point names; ``facts``: the descriptor of a file
        that is read from its beginning. Raises OSError or ValueError if no process can be started."""
        process = start(
            _ENTRY,
            [target],
            paths=safe_path(),
            file=facts,
            keeps_output=True,
            memory=_MEMORY,
            is_third_party=True,
        )
        self._child = Child(process, LARGEST_ANSWER)

    def run(self) -> None:
        """Starts the run of the check."""
        self._child.send(b"\n")

    def receive(self, deadline: float) -> PluginMessage | ChildExit:
        """Returns the next message; if none arrives within ``deadline`` seconds, the child process is ended. Raises
        InterruptedRunError."""
        line = self._child.receive(deadline)
        if isinstance(line, ChildExit):
            return line
        try:
            message = decode_message(line)
        except JsonFormatError:
            return self._child.end_invalid()
        self._child.ready = True
        return message

    def __enter__(self) -> PluginProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.end()
