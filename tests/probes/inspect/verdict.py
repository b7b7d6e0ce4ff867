"""OpenVINO's result for models, in a process of its own: OpenVINO must not be imported into the tests'
process.

Standard input: JSON, a list of paths. Standard output: for each a JSON line: outcome (loads, refused,
crashed), message, and for a model that loads its inputs and outputs as (names, type, shape).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

Tensors = list[tuple[list[str], str, str]]


@dataclass(frozen=True)
class OpenvinoAnswer:
    outcome: str
    message: str
    inputs: Tensors
    outputs: Tensors


def ask(paths: list[str]) -> dict[str, OpenvinoAnswer]:
    """``read_model`` of each path, each in a process of its own."""
    completed = subprocess.run(
        [sys.executable, __file__], input=json.dumps(paths), capture_output=True, text=True
    )
    assert completed.returncode == 0, completed.stderr
    lines = [json.loads(line) for line in completed.stdout.splitlines()]
    assert len(lines) == len(paths)
    return {path: OpenvinoAnswer(**line) for path, line in zip(paths, lines, strict=True)}


def _tensors(ports: Any) -> list[Any]:
    return [(sorted(p.get_names()), p.element_type.get_type_name(), str(p.partial_shape)) for p in ports]


def _answer(runtime: Any, path: str) -> dict[str, Any]:
    try:
        model = runtime.Core().read_model(path)
    except (RuntimeError, UnicodeDecodeError) as error:
        # The binding cannot convert a message with bytes that are not UTF-8 to a string.
        return {"outcome": "refused", "message": str(error), "inputs": [], "outputs": []}
    try:
        inputs, outputs = _tensors(model.inputs), _tensors(model.outputs)
    except UnicodeDecodeError:
        inputs, outputs = [], []
    return {"outcome": "loads", "message": "", "inputs": inputs, "outputs": outputs}


def _try(runtime: Any, path: str) -> str:
    """Runs OpenVINO in a fork after the import and before Core: this is safe, and forty times faster than a
    new interpreter."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.write(writer, json.dumps(_answer(runtime, path)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        answer = stream.read().decode()
    _, status = os.waitpid(child, 0)
    crash = {"outcome": "crashed", "message": f"status {status}", "inputs": [], "outputs": []}
    return answer or json.dumps(crash)


def main() -> None:
    # Importing openvino contacts a host and writes into the home directory unless this module is missing.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    for path in json.load(sys.stdin):
        print(_try(openvino, path), flush=True)


if __name__ == "__main__":
    main()
