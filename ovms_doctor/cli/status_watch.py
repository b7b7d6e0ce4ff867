"""``status --watch``: queries the server until an interruption. A terminal shows the whole report each time;
otherwise each change is a line."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from ovms_doctor.cli import interrupted
from ovms_doctor.cli.exit_codes import EXIT_INTERRUPTED
from ovms_doctor.cli.output import standard_output
from ovms_doctor.model.display_text import visible

if TYPE_CHECKING:
    from ovms_doctor.diagnosis.live import LiveOptions
    from ovms_doctor.diagnosis.run_start import RunStart
    from ovms_doctor.model.live import Address, LiveStatus
    from ovms_doctor.model.output_options import OutputOptions
    from ovms_doctor.report.model import Report

_HOME, _REST_OF_SCREEN = "\x1b[H", "\x1b[J"


def watch(address: Address, options: LiveOptions, output_options: OutputOptions, run_start: RunStart) -> int:
    """Queries the server until Ctrl-C, then writes the last state if it is not on the screen. Returns 130."""
    from ovms_doctor.diagnosis.live import live_report, query_once

    is_terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    before: dict[str, str] | None = None
    last: tuple[Report, LiveStatus] | None = None
    try:
        while True:
            status = query_once(address, options, dict(os.environ))
            report = live_report(status, output_options, run_start)
            last = report, status
            if is_terminal:
                _draw(report, status, output_options, options.settings.interval)
            else:
                now = watched_state(status, report)
                _write_changes(before, now)
                before = now
            if not options.settings.with_rates:
                time.sleep(options.settings.interval)
    except KeyboardInterrupt:
        if last is not None and not is_terminal:
            from ovms_doctor.cli.status_text import write_status

            print(flush=True)
            write_status(*last, output_options, standard_output(no_color=output_options.no_color))
        sys.stdout.flush()
        interrupted.report()
    return EXIT_INTERRUPTED


def watched_state(status: LiveStatus, report: Report) -> dict[str, str]:
    """Returns the compared states: of the server and of each version, by name."""
    from ovms_doctor.checks.live import live_gap
    from ovms_doctor.report.live_text import live_verdict

    mark, sentence = live_verdict(status, report.findings, live_gap(status))
    found = {status.address.netloc: f"{mark} {sentence}"}
    for item in status.servables or ():
        for version in item.versions:
            code = "" if version.error_code == "OK" else f"/{version.error_code}"
            found[f"{item.name}, version {version.version}"] = f"{version.state}{code}"
        if not item.versions:
            found[item.name] = "no version"
    return found


def changes(before: dict[str, str] | None, now: dict[str, str]) -> Iterator[str]:
    """Yields a sentence for each difference; for everything at the first query."""
    for name, state in now.items():
        earlier = None if before is None else before.get(name)
        if before is None or (earlier is None):
            yield f"{name}: {state}"
        elif earlier != state:
            yield f"{name}: {state} (before: {earlier})"
    for name in before or ():
        if name not in now:
            yield f"{name}: no longer listed"


def _write_changes(before: dict[str, str] | None, now: dict[str, str]) -> None:
    at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    for text in changes(before, now):
        line = f"{at} {visible(text)}\n"
        sys.stdout.buffer.write(line.encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()


def _draw(report: Report, status: LiveStatus, output_options: OutputOptions, interval: float) -> None:
    """Draws the report from the upper left corner, over the previous one."""
    from ovms_doctor.cli.status_text import write_status

    sys.stdout.write(_HOME + _REST_OF_SCREEN)
    sys.stdout.flush()
    write_status(report, status, output_options, standard_output(no_color=output_options.no_color))
    at = datetime.now().astimezone().strftime("%H:%M:%S")
    print(f"\n {at}, queried every {interval:g} s; Ctrl-C ends", flush=True)
