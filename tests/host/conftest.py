"""A host with a model and a directory for the cache."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

MODEL = Path(__file__).parents[2] / "fixtures" / "models" / "dense-ir"


@pytest.fixture
def host(public_dir: Path) -> Path:
    """A model in a repository, and a cache directory that every user can write to."""
    shutil.copytree(MODEL, public_dir / "models" / "dense")
    for path in (public_dir / "models").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (public_dir / "cache").mkdir()
    (public_dir / "cache").chmod(0o777)
    return public_dir
