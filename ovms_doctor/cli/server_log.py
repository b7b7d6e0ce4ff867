"""The server's log of a deployment: ``--log``, or the output of a container that the engine keeps."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from ovms_doctor.cli.output import Progress
from ovms_doctor.diagnosis.log_report import read_log
from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.log import LogSummary
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.releases import ReleaseError, parse_release
from ovms_doctor.probes.containers.engine import FIRST_LINES, LAST_LINES
from ovms_doctor.probes.containers.log_stream import container_pieces
from ovms_doctor.probes.log_files import LogReadError, grouped, pieces

#: The number of lines from which on the recorded output counts as shortened to its first and last lines.
_ENDS = FIRST_LINES + LAST_LINES
#: The number of lines that are read from the end of a container's output.
_TAIL = 20_000


def read_server_log(options: CheckOptions, lines: Sequence[str]) -> CheckOptions:
    """Returns the options with the content of the log. ``lines``: the container's output, used if no file is named.

    Raises UsageError for an unreadable file.
    """
    if options.log_files:
        with Progress() as progress:
            try:
                log = read_log(
                    (label, pieces(path, progress.reading))
                    for label, paths in grouped(options.log_files)
                    for path in paths
                )
            except LogReadError as error:
                raise UsageError(f"--log: {error}") from None
    else:
        log = _of_container(options, lines)
    if not log.records and not log.problems:
        return options
    return replace(_with_release(options, log), server_log=log)


def _of_container(options: CheckOptions, lines: Sequence[str]) -> LogSummary:
    """Returns the summary of the container's output. If ``lines`` hold only the first and last lines of a long output,
    its last lines are read from the engine."""
    if options.container_name is not None and len(lines) >= _ENDS:
        output = container_pieces(options.container_name, tail=_TAIL, silence=options.timeout)
        try:
            return read_log([("", output)])
        except LogReadError:
            # The first and last lines are still known.
            pass
    return read_log([("", ["\n".join(lines).encode("utf-8", "replace")])])


def _with_release(options: CheckOptions, log: LogSummary) -> CheckOptions:
    """Returns the options with the release that the log reports, if no other source names one."""
    if options.release is not None or options.container is not None or log.release is None:
        return options
    try:
        release = parse_release(".".join(log.release.split(".")[:2]))
    except ReleaseError:
        return options
    return replace(options, release=str(release), release_from="log")
