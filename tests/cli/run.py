"""Runs the command line as a user does: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Result:
    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document


def ovms_doctor(
    *words: str | bytes | Path,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float = 120,
) -> Result:
    """The command with these words; ``environment`` replaces the whole of it."""
    command: list[Any] = [sys.executable, "-m", "ovms_doctor", *words]
    done = subprocess.run(
        command,
        cwd=cwd,
        env=dict(os.environ if environment is None else environment),
        input=stdin,
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    assert b"Traceback" not in done.stdout
    return Result(done.returncode, done.stdout, done.stderr)
