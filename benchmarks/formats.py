"""Each format of the report with 5,000 findings, compared with the text format.

    python benchmarks/formats.py [--findings 5000]

Renders one report in every format, each in a process of its own, from the finished report to the last byte.
Prints processor seconds, how many more than for the text, the size, and the peak memory; the exit code is 1
if a format takes more than 2 s longer than the text, or more than 200 MiB.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from tempfile import NamedTemporaryFile

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

MOST_SECONDS, MOST_MEMORY = 2.0, 200 << 20


def render_alone(form: str, findings: int, *, same: bool) -> tuple[float, int, int]:
    """Returns the seconds, the bytes written and the peak memory in bytes of a child of this process."""
    with NamedTemporaryFile("r+") as answer:
        child = os.fork()
        if child == 0:
            _child(form, findings, answer.name, same=same)
            os._exit(0)
        _, status, usage = os.wait4(child, 0)
        if status:
            raise SystemExit(f"{form} failed")
        seconds, size = Path(answer.name).read_text().split()
    return float(seconds), int(size), usage.ru_maxrss << 10


def _child(form: str, findings: int, answer: str, *, same: bool) -> None:
    from ovms_doctor.cli.output import write_parts
    from ovms_doctor.model.styled import PlainOutput
    from ovms_doctor.report.formats import render
    from ovms_doctor.report.json_report import dumps, to_document
    from ovms_doctor.report.text_report import render as render_text
    from tests.report.format_documents import context, denied, different

    report = denied(findings) if same else different(findings)
    with NamedTemporaryFile("w") as file:
        began = time.process_time()
        if form == "text":
            render_text(report, PlainOutput(file.file), quiet=False, verbose=False)
        else:
            document = to_document(report)
            parts = [dumps(document)] if form == "json" else render(form, document, context(document))
            write_parts(parts, file.name)
        seconds = time.process_time() - began
        Path(answer).write_text(f"{seconds} {os.path.getsize(file.name)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--findings", type=int, default=5000)
    arguments = parser.parse_args()
    from ovms_doctor.model.output_options import FORMATS

    failed = False
    for same in (False, True):
        kind = "one cause" if same else "different causes"
        sys.stdout.write(f"{arguments.findings:,} findings, {kind}\n")
        text = 0.0
        for form in FORMATS:
            seconds, size, memory = render_alone(form, arguments.findings, same=same)
            text = seconds if form == "text" else text
            more = seconds - text
            sys.stdout.write(
                f"  {form:9} {seconds:5.2f} s cpu, {more:+5.2f} s, {size / (1 << 20):5.1f} MiB written, "
                f"{memory >> 20:3} MiB of memory\n"
            )
            sys.stdout.flush()
            failed = failed or more > MOST_SECONDS or memory > MOST_MEMORY
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
