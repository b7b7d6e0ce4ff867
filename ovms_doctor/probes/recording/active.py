"""Whether this process records what it does, and the records of what Python does not see.

Without ``--receipt`` nothing is recorded, and nothing but this module is imported for it.
"""

from __future__ import annotations

# For type checkers alone: child processes are started before the rest of the program is imported.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ovms_doctor.probes.recording.recorder import Recorder
    from ovms_doctor.probes.recording.tally import Tally

#: What records; None where nothing is recorded.
recorder: Recorder | None = None
#: In the process of the command: where the records of all processes are added up.
tally: Tally | None = None


def record_model(path: str) -> None:
    """To be called before OpenVINO reads a model: its C++ code opens the files."""
    if recorder is not None:
        recorder.model(path)


def record_library(path: str) -> None:
    """To be called before a library in C++ loads another one."""
    if recorder is not None:
        recorder.library(path)


def record_directory(path: str) -> None:
    """To be called before a library in C++ opens files of its own choice in and below a directory."""
    if recorder is not None:
        recorder.library_reads_below(path)


def record_channel(host: str, port: int) -> None:
    """To be called before a library in C++ connects to a host, as often as it likes."""
    if recorder is not None:
        recorder.channel(host, port)
