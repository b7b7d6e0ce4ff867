"""Installs the distribution in ``acme``, or another, into a directory of a test; without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from unittest import mock

from tests.cli.run import Result, ovms_doctor

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DIST = Path(__file__).parent / "acme"
GROUP = "ovms_doctor.checks"


def entry_points(source: Path) -> dict[str, str]:
    """The entry points that the distribution's pyproject.toml declares."""
    project = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))["project"]
    points: dict[str, str] = project["entry-points"][GROUP]
    return points


def install(source: Path, site: Path, names: Iterable[str] | None = None) -> Path:
    """Copies the modules and writes the metadata, as installers do; only the entry points ``names``."""
    project = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))["project"]
    for item in source.iterdir():
        if item.is_dir():
            shutil.copytree(item, site / item.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif item.suffix == ".py":
            site.mkdir(exist_ok=True)
            shutil.copy(item, site)
    points = entry_points(source)
    selected = {name: points[name] for name in (points if names is None else names)}
    return declare(site, project["name"], selected, project["version"])


def declare(site: Path, distribution: str, points: Mapping[str, str], version: str = "1.0") -> Path:
    """Writes the metadata of an installed distribution; its entry points name existing modules."""
    info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    lines = [f"{name} = {target}" for name, target in points.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))
    return site


def build(source: Path, directory: Path) -> Path:
    """Builds a wheel of ``source`` with the build backend of its pyproject.toml."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = directory.glob("*.whl")
    return wheel


def with_plugins(site: Path, *arguments: str | Path, **more: str) -> Result:
    """Runs the command line with ``site`` on the module search path."""
    with mock.patch.object(sys, "path", [str(site), *sys.path]):
        return ovms_doctor(*arguments, environment={**os.environ, **more})
