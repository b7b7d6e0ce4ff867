"""A repository of good models and some that crash, hang or fill the memory of the process that loads them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tests.probes.inspect.catalogue import ir, relu_as, without_edges
from tests.probes.inspect.models import XML, loop_xml
from tests.probes.runtime import models as chain

good: Callable[[Path], str] = ir(XML)


def _explosion(rows: int) -> Callable[[Path], str]:
    """Tensors with this number of rows of 16 bytes: reading them needs no memory, compiling needs all of it."""
    layers = (chain.parameter(shape=f"{rows},4", names="x"), chain.operation("ReLU"), chain.result())
    return ir(chain.ir(*layers))


def _special(name: str, make: Callable[[Path], None]) -> Callable[[Path], str]:
    def build(version: Path) -> str:
        good(version)
        (version / name).unlink()
        make(version / name)
        return str(version / "m.xml")

    return build


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _zero(path: Path) -> None:
    path.symlink_to("/dev/zero")


#: How to create each, and OpenVINO's result: None if no file may be opened.
HOSTILE: dict[str, tuple[Callable[[Path], str], str | None]] = {
    "fifo": (_special("m.xml", _fifo), None),
    "fifo-weights": (_special("m.bin", _fifo), None),
    "zero": (_special("m.xml", _zero), None),
    "zero-weights": (_special("m.bin", _zero), None),
    "explodes": (_explosion(1_000_000_000), "out_of_memory"),
    "explodes-more": (_explosion(2_000_000_000), "out_of_memory"),
    "read-value": (relu_as("ReadValue", "opset6"), "crashed"),
    "broadcast": (relu_as("Broadcast", "opset1"), "crashed"),
    "maxpool": (without_edges("MaxPool", "opset1"), "crashed"),
    "iterators": (ir(loop_xml(32, nested=3000)), "crashed"),
}


def repository(top: Path, count: int) -> dict[str, str | None]:
    """Creates ``count`` models, the hostile ones spread among them; returns the result of each load."""
    expected: dict[str, str | None] = {}
    every = count // len(HOSTILE)
    bad = iter(HOSTILE.items())
    for number in range(count):
        kind, build = "good", good
        outcome: str | None = "ok"
        if number % every == every // 2:
            kind, (build, outcome) = next(bad)
        name = f"m{number:03}-{kind}"
        version = top / name / "1"
        version.mkdir(parents=True)
        build(version)
        expected[name] = outcome
    return expected
