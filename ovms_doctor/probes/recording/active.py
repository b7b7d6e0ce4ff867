"""Whether this process records its actions, and the records of actions that Python does not report.

Without ``--receipt`` nothing is recorded, and only this module is imported for it.
"""

from __future__ import annotations

# For type checkers only: child processes are started before the rest of the program is imported.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ovms_doctor.probes.recording.recorder import Recorder
    from ovms_doctor.probes.recording.tally import Tally

#: The recorder; None if nothing is recorded.
recorder: Recorder | None = None
#: In the process of the command: the sum of the records of all processes.
tally: Tally | None = None


def record_model(path: str) -> None:
    """Must be called before OpenVINO reads a model: its C++ code opens the files."""
    if recorder is not None:
        recorder.model(path)


def record_library(path: str) -> None:
    """Must be called before a library in C++ loads another one."""
    if recorder is not None:
        recorder.library(path)


def record_directory(path: str) -> None:
    """Must be called before a library in C++ opens files of its own choice in and below a directory."""
    if recorder is not None:
        recorder.library_reads_below(path)


def record_channel(host: str, port: int) -> None:
    """Must be called before a library in C++ connects to a host, any number of times."""
    if recorder is not None:
        recorder.channel(host, port)
