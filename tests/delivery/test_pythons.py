"""The quick start and some tests with each supported Python that this host has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import public_directory
from tests.delivery.paths import ROOT, VERSIONS, interpreter

pytestmark = pytest.mark.slow

#: The modules that depend most on the Python release: command line, parsing, plug-ins, child processes, files. One test
#: of each function runs: ``./scripts/test --python X.Y`` runs all.
SELECTION = ("tests/cli", "tests/inputs", "tests/plugins", "tests/probes")
#: Modules of the selection that take long and depend on ovms-doctor's own code only.
LEFT_OUT = (
    "tests/cli/test_canaries.py",
    "tests/cli/test_request.py",
    "tests/inputs/test_sealed.py",
    "tests/probes/inspect/test_catalogue.py",
    "tests/probes/test_denials.py",
)
#: Between the oldest and the newest release, only the quick start runs: what one of them changes, the newest has too.
TESTED = (VERSIONS[0], VERSIONS[-1])
#: Packages that these tests import beside the package and its dependencies.
PACKAGES = ("hypothesis", "jsonschema", "pytest>=9,<9.2", "pytest-xdist>=3.8", "syrupy>=5", "xmlschema>=4")
#: The files of a clone that the quick start uses.
SHIPPED = ("LICENSE", "README.md", "fixtures", "ovms_doctor", "pyproject.toml", "scripts")


def environment(home: Path, python: str) -> dict[str, str]:
    """The environment of a shell with an empty home directory and the locale C. pip's cache is used again."""
    completed = subprocess.run(
        [sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=True
    )
    pip_variables = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return {
        **pip_variables,
        # Bytecode is compiled only for imported modules, not for everything that is installed.
        "PIP_NO_COMPILE": "1",
        "PIP_CACHE_DIR": completed.stdout.strip(),
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(home),
        "LC_ALL": "C",
        "PYTHON": python,
    }


@pytest.mark.parametrize(
    "version", [name for name in VERSIONS if name != f"{sys.version_info.major}.{sys.version_info.minor}"]
)
def test_quick_start_and_selected_tests(version: str) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"this host has no CPython {version}")
    with public_directory() as scratch:
        clone, home = scratch / "the clone", scratch / "home"
        home.mkdir()
        for name in SHIPPED:
            clone.mkdir(exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(ROOT / name, clone / name)
        settings = environment(home, python)
        start = subprocess.run(
            ["./scripts/quickstart"], cwd=clone, env=settings, capture_output=True, text=True, check=False
        )
        assert start.returncode == 0, start.stderr
        assert "OVD101 no-version-directory" in start.stdout
        venv = clone / ".venv" / "bin" / "python"
        found = subprocess.run([venv, "--version"], capture_output=True, text=True, check=True)
        assert found.stdout.startswith(f"Python {version}.")
        if version not in TESTED:
            return
        subprocess.run([venv, "-m", "pip", "install", "--quiet", *PACKAGES], env=settings, check=True)
        tests = subprocess.run(
            [
                *(venv, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--one-of-each"),
                *("-n", "1", "--dist", "loadgroup", "-m", "not (engine or server or slow)"),
                *(f"--ignore={path}" for path in LEFT_OUT),
                *SELECTION,
            ],
            cwd=ROOT,
            env=settings,
            capture_output=True,
            text=True,
            check=False,
        )
        print(*tests.stdout.splitlines()[-1:])
        assert tests.returncode == 0, tests.stdout[-5000:] + tests.stderr
