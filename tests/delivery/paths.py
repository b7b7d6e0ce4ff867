"""Where the project lies, what a checkout of it has, and the interpreters that can be had."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: What a release, an action or a hook uses of the checkout.
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
MODELS = ROOT / "fixtures" / "models"


def interpreter(version: str) -> str | None:
    """The path of CPython ``version`` (3.12) on this host: on PATH, or installed by pyenv; None if it has none."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = sorted(pyenv.glob(f"{version}.*/bin/python")) if pyenv.is_dir() else []
    for candidate in (*map(str, found), shutil.which(f"python{version}")):
        if candidate is None:
            continue
        done = subprocess.run(
            [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.stdout.strip() == version:
            return candidate
    return None
