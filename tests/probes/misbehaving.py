"""Replaces every worker by ``misbehaving_worker.py``, which misbehaves on demand."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ovms_doctor.probes.processes import start
from tests.worker_copies import use_started_workers

PROJECT = Path(__file__).parents[2]
WORKER = Path(__file__).parent / "misbehaving_worker.py"


def use_misbehaving_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    def command(entry: str, arguments: Sequence[str], paths: Sequence[str], **limits: object) -> list[str]:
        return [sys.executable, str(WORKER), *arguments, str(os.getpid())]

    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.setattr(start, "command", command)
    use_started_workers(monkeypatch)
