"""Starts a child that loads models with ovms_doctor.probes.runtime.read, and reads its results."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.environments import without_coverage

DIRECTORY = Path(__file__).parent
DATA = DIRECTORY / "data"
CHECKOUT = DIRECTORY.parents[2]


def package_directory() -> Path:
    """The directory of the installed package openvino, without importing it."""
    spec = importlib.util.find_spec("openvino")
    assert spec is not None, "the tests of the runtime need the package openvino"
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations)))


@dataclass
class Outcome:
    """The child's result: ``code`` as in subprocess, ``lines``: the JSON lines that it printed."""

    code: int
    errors: str
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def loads(self) -> list[dict[str, Any]]:
        """The reports of the completed loads."""
        assert self.code == 0, self.errors
        return [line for line in self.lines if "level" in line]

    def only(self, kind: str) -> Any:
        """The value of the only line of this kind."""
        (value,) = [line[kind] for line in self.lines if kind in line]
        return value


def run(
    loads: list[tuple[str | Path, str]],
    *,
    path: list[str] | None = None,
    python: tuple[str, ...] = (),
    environment: dict[str, str] | None = None,
    **job: Any,
) -> Outcome:
    """Starts a child that prepares the runtime and then loads each ``(path, level)``.

    ``path`` comes first on its module search path. ``job`` is passed to child.py, which documents its keys.
    """
    job["loads"] = [[str(model), level] for model, level in loads]
    variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})}
    if "lose" in job or "forbid" in job:
        # With coverage the child would write a file when it ends, which is no longer allowed then.
        variables = without_coverage(variables)
    completed = subprocess.run(
        [sys.executable, *python, str(DIRECTORY / "child.py"), *(path or ()), str(CHECKOUT)],
        input=json.dumps(job).encode(),
        capture_output=True,
        timeout=120,
        env=variables,
        check=False,
    )
    errors = completed.stderr.decode(errors="replace")
    assert "Traceback" not in errors, errors
    return Outcome(completed.returncode, errors, [json.loads(line) for line in completed.stdout.splitlines()])
