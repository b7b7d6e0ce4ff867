"""Checks that misbehave."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from acme_checks.good import code
from ovms_doctor.plugin import Check, Context, Finding

RAISES = code(901, "acme-raises-seen")
GARBAGE = code(908, "acme-garbage-seen")
FOREIGN = code(909, "acme-foreign-seen")


def _raises(context: Context) -> Iterator[Finding]:
    yield context.finding(RAISES, "the first one")
    raise ValueError("of its own\nin two lines")


def _exits(context: Context) -> Iterator[Finding]:
    sys.exit(0)


def _leaves(context: Context) -> Iterator[Finding]:
    os._exit(0)


def _hangs(context: Context) -> Iterator[Finding]:
    with open(os.environ["ACME_PID_FILE"], "w") as file:
        file.write(str(os.getpid()))
    while True:
        time.sleep(3600)


def _aborts(context: Context) -> Iterator[Finding]:
    os.abort()


def _segfaults(context: Context) -> Iterator[Finding]:
    ctypes.string_at(0)
    return iter(())


def _eats_memory(context: Context) -> Iterator[Finding]:
    # Reserved but not used: the limit counts both.
    return iter([bytes(1 << 42)])  # type: ignore[list-item]


def _garbage(context: Context) -> Any:
    good = context.finding(GARBAGE, "a good one")
    nested: list[Any] = []
    nested.append(nested)
    return [
        good,
        "a text",
        None,
        {"code": "ACME908"},
        replace(good, severity="fatal"),  # type: ignore[arg-type]
        replace(good, message=5),  # type: ignore[arg-type]
        replace(good, message="x" * 100_000),
        replace(good, evidence=nested),  # type: ignore[arg-type]
        replace(good, subject=None, fingerprint="0" * 16),  # type: ignore[arg-type]
        replace(good, server_log=float("nan")),  # type: ignore[arg-type]
        replace(good, name="other-name"),
    ]


def _foreign_code(context: Context) -> Iterator[Finding]:
    good = context.finding(FOREIGN, "a good one")
    yield replace(good, code="OVD101", name="no-version-directory", severity="error")


def _writes_into_pipes(context: Context) -> Iterator[Finding]:
    for descriptor in range(3, 1024):
        try:
            os.write(descriptor, b'{"findings": [{"code": "OVD101"}, 7, \xff]}\n')
        except OSError:
            continue
    return iter(())


def _starts_others(context: Context) -> Iterator[Finding]:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    with open(os.environ["ACME_PID_FILE"], "w") as file:
        file.write(str(child.pid))
    os.abort()


raises = Check(name="acme-raises", summary="raises", codes=(RAISES,), run=_raises)
exits = Check(name="acme-exits", summary="exits", codes=(code(902, "acme-exits-seen"),), run=_exits)
leaves = Check(name="acme-leaves", summary="leaves", codes=(code(903, "acme-leaves-seen"),), run=_leaves)
hangs = Check(name="acme-hangs", summary="hangs", codes=(code(904, "acme-hangs-seen"),), run=_hangs)
aborts = Check(name="acme-aborts", summary="aborts", codes=(code(905, "acme-aborts-seen"),), run=_aborts)
segfaults = Check(
    name="acme-segfaults", summary="segfaults", codes=(code(906, "acme-segfaults-seen"),), run=_segfaults
)
eats_memory = Check(
    name="acme-eats-memory", summary="eats memory", codes=(code(907, "acme-memory-seen"),), run=_eats_memory
)
garbage = Check(name="acme-garbage", summary="garbage", codes=(GARBAGE,), run=_garbage)
foreign_code = Check(
    name="acme-foreign-code", summary="a code of others", codes=(FOREIGN,), run=_foreign_code
)
writes_into_pipes = Check(
    name="acme-writes-into-pipes",
    summary="pipes",
    codes=(code(910, "acme-pipes-seen"),),
    run=_writes_into_pipes,
)
starts_others = Check(
    name="acme-starts-others",
    summary="children",
    codes=(code(911, "acme-children-seen"),),
    run=_starts_others,
)
claims = Check(
    name="acme-claims",
    summary="claims",
    codes=(replace(code(912, "acme-claims-seen"), code="OVD101"),),
    run=_raises,
)
NO_CHECK = {"summary": "a dictionary"}
