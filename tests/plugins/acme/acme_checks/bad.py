"""Checks that do what no check should."""

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


def _raises(context: Context) -> Iterator[Finding]:
    yield context.finding("ACME901", "the first one")
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
    # Reserved, not touched: the limit counts both.
    return iter([bytes(1 << 42)])  # type: ignore[list-item]


def _garbage(context: Context) -> Any:
    good = context.finding("ACME908", "a good one")
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
    good = context.finding("ACME909", "a good one")
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


raises = Check("raises", (code(901, "acme-raises-seen"),), _raises)
exits = Check("exits", (code(902, "acme-exits-seen"),), _exits)
leaves = Check("leaves", (code(903, "acme-leaves-seen"),), _leaves)
hangs = Check("hangs", (code(904, "acme-hangs-seen"),), _hangs)
aborts = Check("aborts", (code(905, "acme-aborts-seen"),), _aborts)
segfaults = Check("segfaults", (code(906, "acme-segfaults-seen"),), _segfaults)
eats_memory = Check("eats memory", (code(907, "acme-memory-seen"),), _eats_memory)
garbage = Check("garbage", (code(908, "acme-garbage-seen"),), _garbage)
foreign_code = Check("a code of others", (code(909, "acme-foreign-seen"),), _foreign_code)
writes_into_pipes = Check("pipes", (code(910, "acme-pipes-seen"),), _writes_into_pipes)
starts_others = Check("children", (code(911, "acme-children-seen"),), _starts_others)
claims = Check("claims", (replace(code(912, "acme-claims-seen"), code="OVD101"),), _raises)
NO_CHECK = {"summary": "a dictionary"}
