"""``logs`` on large DEBUG logs, compared with a loop that only matches the prefix of each line.

    python benchmarks/logs.py --mebibytes 10 100 1024

The log is made from a recorded one: its traffic is repeated with other times and threads. Prints wall time
and peak memory for each size; the exit code is 1 if ``logs`` takes more than twice the loop's time, or more
than 200 MiB.
"""

from __future__ import annotations

import argparse
import datetime
import lzma
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

PROJECT = Path(__file__).resolve().parent.parent
SOURCE = PROJECT / "tests/data/logs/traffic-2026.3-DEBUG.log.xz"
#: The plain loop, in one process.
LOOP = r"""
import re, sys
prefix = re.compile(rb"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3})\]\[(\d+)\]\[([\w-]+)\]\[(\w+)\]\[([^\]]+):(\d+)\] ")
count = 0
with open(sys.argv[1], "rb") as file:
    for line in file:
        if prefix.match(line):
            count += 1
"""
_LINE = re.compile(rb"\[2026-11-28 13:36:(\d\d)(\.\d{3}\]\[)(\d+)(\].*)", re.DOTALL)
MOST_TIMES, MOST_MEMORY = 2.0, 200 << 20


def write_log(file: BinaryIO, size: int) -> None:
    """Writes a start, then traffic up to this number of bytes, then the shutdown."""
    lines = lzma.decompress(SOURCE.read_bytes()).split(b"\n")
    first = next(number for number, line in enumerate(lines) if b"REST request /v2/models/" in line)
    last = next(number for number, line in enumerate(lines) if b"GRPCServerModule shutting down" in line)
    file.write(b"\n".join(lines[:first]) + b"\n")
    parts = [(_LINE.fullmatch(line), line) for line in lines[first:last]]
    base = datetime.datetime(2026, 11, 28, 13, 36, tzinfo=datetime.timezone.utc)
    number = 0
    while file.tell() < size:
        stamps = {
            second: (base + datetime.timedelta(seconds=second + number))
            .strftime("%Y-%m-%d %H:%M:%S")
            .encode()
            for second in range(60)
        }
        for match, line in parts:
            if match is None:
                file.write(line + b"\n")
            else:
                thread = int(match[3]) + 7 * number % 3000
                file.write(b"[%b%b%d%b\n" % (stamps[int(match[1])], match[2], thread, match[4]))
        number += 1
    file.write(b"\n".join(lines[last:]))


def measure(command: list[str]) -> tuple[float, float, int]:
    """Returns seconds, processor seconds, and peak memory in bytes."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=PROJECT)
    _, _, usage = os.wait4(process.pid, 0)
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mebibytes", type=int, nargs="+", default=[10, 100])
    arguments = parser.parse_args()
    doctor = [sys.executable, "-m", "ovms_doctor"]
    wall, cpu, _ = measure([*doctor, "explain", "OVD101"])
    sys.stdout.write(f"explain OVD101: {wall:.2f} s, {cpu:.2f} s cpu\n")
    failed = False
    for size in arguments.mebibytes:
        with tempfile.NamedTemporaryFile(suffix=".log") as file:
            write_log(file, size << 20)
            file.flush()
            loop, loop_cpu, _ = measure([sys.executable, "-c", LOOP, file.name])
            wall, cpu, memory = measure([*doctor, "logs", "--format", "json", file.name])
        # Other load on the machine slows both, but not equally.
        times = min(wall / loop, cpu / loop_cpu)
        sys.stdout.write(
            f"{size:5} MiB: loop {loop:.2f} s, {loop_cpu:.2f} s cpu; logs {wall:.2f} s, {cpu:.2f} s cpu; "
            f"{times:.2f} times, {memory >> 20} MiB\n"
        )
        failed = failed or memory > MOST_MEMORY or (size >= 100 and times > MOST_TIMES)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
