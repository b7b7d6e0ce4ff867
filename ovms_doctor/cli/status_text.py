"""The report of ``status`` for people, of one query or of each query of ``--watch``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ovms_doctor.model.live import LiveStatus
    from ovms_doctor.model.output_options import OutputOptions
    from ovms_doctor.model.styled import Output
    from ovms_doctor.report.model import Report


def write_status(report: Report, status: LiveStatus, output_options: OutputOptions, output: Output) -> None:
    """Writes the report for people."""
    from ovms_doctor.checks.live import live_gap
    from ovms_doctor.report.live_text import write_live_report, write_live_verdict
    from ovms_doctor.report.text_writer import writer_for

    writer = writer_for(output, verbose=output_options.verbose, quiet=output_options.quiet)
    if not output_options.quiet:
        write_live_report(writer, status, report.findings)
    write_live_verdict(writer, status, report.findings, live_gap(status))
    writer.print(output)
