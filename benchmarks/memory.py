"""Predicted memory and the memory of a child that compiles the model: ``python benchmarks/memory.py
[--large]``.

Each model is created here (OpenVINO writes it), read by the program's own static reading, and compiled by
OpenVINO in a child that reports its resident memory. The goal is a ratio of predicted to measured within 0.8
and 1.3.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from types import SimpleNamespace

from ovms_doctor.inputs.host import limits_on
from ovms_doctor.model.releases import NEWEST
from ovms_doctor.prediction.memory import BASE, estimate
from ovms_doctor.probes.host import read_host
from ovms_doctor.probes.inspect import inspect_model

MIB = 1 << 20
#: The resident memory of a process with OpenVINO and no model, including the libraries' pages.
BASE_RESIDENT = 85 * MIB
MAKE = """
import sys
sys.modules["openvino_telemetry"] = None
import numpy as np, openvino as ov
from openvino import opset13 as op
kind, size, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
bytes_each = {"FP32": 4, "FP16": 2, "INT8": 1, "FP16 plain": 2}[kind]
side = 1024
layers = max(1, size // (side * side * bytes_each))
rng = np.random.default_rng(1)
node = data = op.parameter([1, side], np.float32, name="data")
for number in range(layers):
    if kind == "FP32" or kind == "FP16":
        weights = op.constant(rng.standard_normal((side, side), dtype=np.float32))
    elif kind == "FP16 plain":
        half = rng.standard_normal((side, side), dtype=np.float32).astype(np.float16)
        weights = op.convert(op.constant(half), "f32")
    else:
        whole = op.convert(op.constant(rng.integers(-99, 99, (side, side)).astype(np.int8)), "f32")
        weights = op.multiply(whole, op.constant(rng.random((side, 1), dtype=np.float32)))
    node = op.relu(op.matmul(node, weights, False, True))
model = ov.Model([op.result(node)], [data], "m")
ov.save_model(model, path, compress_to_fp16=kind == "FP16")
"""
COMPILE = """
import ctypes, sys
sys.modules["openvino_telemetry"] = None
import openvino as ov
core = ov.Core()
config = {"INFERENCE_PRECISION_HINT": sys.argv[2]} if sys.argv[2] else {}
compiled = core.compile_model(core.read_model(sys.argv[1]), "CPU", config)
lines = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
print(int(lines["RssAnon"].split()[0]) * 1024, int(lines["VmHWM"].split()[0]) * 1024)
"""


def predicted(path: str, precision: str) -> tuple[int, int]:
    """Returns the unreclaimable bytes and all resident bytes: the middle of the range."""
    inspection = inspect_model(path, "ir")
    config = (("INFERENCE_PRECISION_HINT", json.dumps(precision)),) if precision else ()
    model = SimpleNamespace(
        kind="classic",
        followed=None,
        entry=SimpleNamespace(name="m"),
        parameters=SimpleNamespace(
            device=SimpleNamespace(plugin="CPU", members=(), chosen_by_server=False),
            plugin_config=SimpleNamespace(values=config),
        ),
        versions=[
            SimpleNamespace(
                version=1,
                now=SimpleNamespace(available=True),
                attempt=SimpleNamespace(inspection=inspection, outcome="loaded", status="OK"),
            )
        ],
    )
    found = estimate([model], limits_on(read_host(), NEWEST))
    assert found is not None
    middle = (found.low + found.high) // 2
    # The second number includes pages of files that the kernel may drop.
    return middle, middle + BASE_RESIDENT - BASE + found.mapped


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="Models of 1 GB too; needs 8 GB of memory.")
    parser.add_argument("--sizes", type=int, nargs="*", help="MiB of weights.")
    parser.add_argument("--kinds", nargs="*", default=["FP32", "FP16", "INT8", "FP16 plain"])
    options = parser.parse_args()
    sizes = options.sizes or [1, 64, 256] + ([1024] if options.large else [])
    sys.stdout.write(
        f"{'weights':>12} {'MiB':>5} {'hint':>5} {'resident: predicted':>20} {'measured':>8} {'ratio':>6}"
    )
    sys.stdout.write(f" {'anonymous: predicted':>21} {'measured':>8} {'ratio':>6}\n")
    ratios = []
    with tempfile.TemporaryDirectory() as directory:
        for kind in options.kinds:
            for size in sizes:
                path = os.path.join(directory, "model.xml")
                subprocess.run([sys.executable, "-c", MAKE, kind, str(size * MIB), path], check=True)
                for hint in ("", "f32"):
                    anonymous, whole = predicted(path, hint)
                    command = [sys.executable, "-c", COMPILE, path, hint]
                    figures = subprocess.run(
                        command, capture_output=True, text=True, check=True
                    ).stdout.split()
                    measured_anonymous, measured_whole = int(figures[0]), int(figures[1])
                    ratios.append(whole / measured_whole)
                    sys.stdout.write(
                        f"{kind:>12} {size:5} {hint or 'none':>5} {whole // MIB:20} {measured_whole // MIB:8} "
                        f"{whole / measured_whole:6.2f} {anonymous // MIB:21} {measured_anonymous // MIB:8} "
                        f"{anonymous / measured_anonymous:6.2f}\n"
                    )
                    sys.stdout.flush()
    inside = sum(0.8 <= ratio <= 1.3 for ratio in ratios)
    sys.stdout.write(f"{inside} of {len(ratios)} within 0.8 and 1.3\n")


if __name__ == "__main__":
    main()
