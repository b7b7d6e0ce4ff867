"""The directory of the project, the files of a checkout, and the available Python interpreters."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: The files of a checkout that a release, an action or a hook uses.
FILES = (
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    ".gitignore",
    ".pre-commit-hooks.yaml",
    "action.yml",
    "ovms_doctor",
    "scripts",
)
#: The releases of Python that are supported.
VERSIONS = ("3.10", "3.11", "3.12", "3.13")
MODELS = ROOT / "fixtures" / "models"


def interpreter(version: str) -> str | None:
    """Returns the path of CPython ``version`` (3.12), as ``./scripts/test --python`` finds it; None if there
    is none."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    completed = subprocess.run(
        ["sh", "-c", '. "$0" && python_release "$1"', ROOT / "scripts" / "lib.sh", version],
        capture_output=True,
        text=True,
        check=False,
    )
    return completed.stdout.strip() or None
