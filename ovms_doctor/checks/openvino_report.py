"""Evidence from what OpenVINO reports when it reads or compiles a model."""

from __future__ import annotations

from ovms_doctor.model.facts import LoadReport
from ovms_doctor.model.findings import Evidence
from ovms_doctor.model.releases import Release
from ovms_doctor.model.releases.openvino_messages import text_of_release


def quote_openvino(report: LoadReport | None) -> tuple[Evidence, ...]:
    """Returns OpenVINO's own last line, with the version that wrote it."""
    if report is None or not report.message.strip():
        return ()
    verb = "compile_model" if report.stage == "compile" else "read_model"
    return (Evidence(last_line(report.message), f"{verb} of OpenVINO {report.runtime} in a child process"),)


def quote_release(report: LoadReport | None, release: Release, path: str) -> tuple[Evidence, ...]:
    """Returns the message of the release's OpenVINO on the same file, if it differs."""
    if report is None or not report.message.strip():
        return ()
    local_line = last_line(report.message)
    expected = text_of_release(release, local_line, path)
    if expected is None or _without_frontends(expected[1]) == _without_frontends(local_line):
        return ()
    return (Evidence(expected[1], f"what read_model of OpenVINO {expected[0]} reports of such a file"),)


def _without_frontends(line: str) -> str:
    """Returns the line without the list of frontends, whose order changes at every start."""
    return line.partition("Available frontends:")[0].strip()


def last_line(message: str) -> str:
    """Returns the last line that is not empty: the first lines only name source files."""
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    return lines[-1] if lines else ""
