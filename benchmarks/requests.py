"""``request`` on large JSON bodies, compared with ``json.loads`` of the same body in a process of its own.

    python benchmarks/requests.py --mebibytes 1 16 64

The body is an input of the example model ``dense-onnx`` with far too many values. Prints processor time and
peak memory for each size; the exit code is 1 if ``request`` uses more than 200 MiB.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

PROJECT = Path(__file__).resolve().parent.parent
MODEL = PROJECT / "fixtures" / "models" / "dense-onnx"
LOOP = "import json, sys\nwith open(sys.argv[1], 'rb') as file:\n    json.loads(file.read())\n"
MOST_MEMORY = 200 << 20
_NUMBERS = b"0.125, 1.5, -3, 4096, " * 4096


def write_body(file: BinaryIO, size: int) -> None:
    """Writes a KServe body whose data has about this number of bytes."""
    file.write(b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [')
    while file.tell() < size:
        file.write(_NUMBERS)
    file.write(b"0]}]}")


def cost(command: list[str]) -> tuple[float, int]:
    """Returns the processor seconds and the peak memory in bytes of one run, including children."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=PROJECT) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise SystemExit(f"{command} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10


def main() -> int:
    """Runs the comparison; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mebibytes", type=int, nargs="+", default=[1, 16, 64])
    sizes = parser.parse_args().mebibytes
    missed = False
    with tempfile.TemporaryDirectory() as directory:
        body = Path(directory) / "body.json"
        for size in sizes:
            with body.open("wb") as file:
                write_body(file, size << 20)
            request_seconds, memory = cost(
                [sys.executable, "-m", "ovms_doctor", "request", str(body), "--model", str(MODEL)]
            )
            plain, plain_memory = cost([sys.executable, "-c", LOOP, str(body)])
            missed = missed or memory > MOST_MEMORY
            sys.stdout.write(
                f"{size:5} MiB: request {request_seconds:7.2f} s {memory >> 20:5} MiB, json.loads {plain:7.2f} s "
                f"{plain_memory >> 20:5} MiB, time {request_seconds / plain:5.1f} x, "
                f"memory {memory / plain_memory:5.2f} x\n"
            )
            sys.stdout.flush()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
