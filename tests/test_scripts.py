"""The scripts: the README's quick start on a fresh copy, and the creation of virtual environments."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import public_directory

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
#: The files of a fresh clone that the quick start may use.
SHIPPED = ("LICENSE", "README.md", "fixtures", "ovms_doctor", "pyproject.toml", "scripts")


@pytest.fixture
def clone(public_dir: Path) -> Path:
    """A fresh clone of the project: no virtual environment, no caches; a space in its path."""
    return _clone(public_dir / "the clone")


@pytest.fixture(scope="module")
def set_up() -> Iterator[Path]:
    """A clone with a virtual environment ``venv``, which takes seconds to create. Each test leaves it working."""
    with public_directory() as directory:
        clone = _clone(directory / "set up")
        assert _make_venv(clone).returncode == 0
        yield clone


def _clone(top: Path) -> Path:
    top.mkdir()
    for name in SHIPPED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, top / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, top / name)
    return top


def _environment() -> dict[str, str]:
    """The environment of a shell, with the Python that runs the tests and some user settings that are known
    to cause problems."""
    pip_variables = {
        name: value for name, value in os.environ.items() if name.startswith("PIP_") or name == "HOME"
    }
    return {
        **pip_variables,
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHON": sys.executable,
        "PYTHONPATH": "/nonexistent",
        "PIP_USER": "1",
        "LC_ALL": "C",
    }


def _shell(command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", command], cwd=directory, env=_environment(), capture_output=True, text=True, check=False
    )


def _make_venv(clone: Path, name: str = "venv") -> subprocess.CompletedProcess[str]:
    """Calls ``make_venv`` as the scripts do."""
    script = clone / "scripts" / "try"
    script.write_text(f'set -eu\n. "$(dirname -- "$0")/lib.sh"\nmake_venv "$root/{name}"\n')
    return _shell("sh scripts/try", clone)


def _runs(venv: Path) -> bool:
    pip = subprocess.run([venv / "bin/pip", "--version"], capture_output=True, check=False)
    return pip.returncode == 0


def test_quick_start_of_the_readme(clone: Path) -> None:
    """One command prints the examples' findings; the second run installs nothing."""
    readme = (clone / "README.md").read_text("utf-8")
    section = readme.partition("\n## Quick start\n")[2]
    block = re.search(r"^```\w*\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert block
    first = _shell(block[1], clone)
    assert first.returncode == 0, first.stderr
    assert "Installing" in first.stderr
    assert "OVD101 no-version-directory" in first.stdout
    assert "OVD111 no-model-files" in first.stdout

    second = _shell(f"{clone.name!r}/{block[1].strip()}", clone.parent)
    assert second.returncode == 0, second.stderr
    assert "Installing" not in second.stderr
    assert "OVD101 no-version-directory" in second.stdout


def test_venv_that_works_is_kept(set_up: Path) -> None:
    (set_up / "venv" / "mine").touch()
    again = _make_venv(set_up)
    assert (again.returncode, again.stderr) == (0, "")
    assert (set_up / "venv" / "mine").exists()
    assert _runs(set_up / "venv")


def test_venv_that_is_not_usable_is_made_anew(set_up: Path) -> None:
    """One that was copied or moved, one of another Python, one whose Python was removed."""
    shutil.copytree(set_up / "venv", set_up / "copy", symlinks=True)
    copied = _make_venv(set_up, "copy")
    assert copied.returncode == 0
    assert "does not work: making it anew" in copied.stderr
    assert _runs(set_up / "copy")

    other = set_up / "other"
    other.write_text(
        f'#!/bin/sh\ncase $2 in *base_executable*) echo "$0";; *) exec {sys.executable} "$@";; esac\n'
    )
    other.chmod(0o755)
    of_another = _shell(f"PYTHON={str(other)!r} sh scripts/try", set_up)
    assert "is another Python's: making it anew" in of_another.stderr
    assert _runs(set_up / "copy")

    (set_up / "copy/bin/python").unlink()
    (set_up / "copy/bin/python").symlink_to("/nonexistent/python3")
    broken = _make_venv(set_up, "copy")
    assert broken.returncode == 0
    assert "does not work: making it anew" in broken.stderr
    assert _runs(set_up / "copy")


def test_directory_that_is_not_a_venv_is_not_changed(clone: Path) -> None:
    (clone / "venv").mkdir()
    (clone / "venv/thesis.txt").touch()
    result = _make_venv(clone)
    assert result.returncode == 1
    assert "is not a virtual environment" in result.stderr
    assert (clone / "venv/thesis.txt").exists()


def test_python_that_is_too_old_is_named(clone: Path) -> None:
    (clone / "old").write_text("#!/bin/sh\nexit 1\n")
    (clone / "old").chmod(0o755)
    command = 'PYTHON="$PWD/old" ./scripts/quickstart'
    result = _shell(command, clone)
    assert result.returncode == 1
    assert "is not Python 3.10 or newer" in result.stderr
    assert not (clone / ".venv").exists()


def test_named_python_is_not_ignored_if_an_environment_exists(set_up: Path) -> None:
    (set_up / "venv" / "mine").touch()
    assert _make_venv(set_up).returncode == 0
    for bad in ("/nope", "/bin/false"):
        result = _shell(f"PYTHON={bad} sh scripts/try", set_up)
        assert result.returncode == 1
        assert f"PYTHON={bad} is not Python 3.10 or newer" in result.stderr
    # It is kept without PYTHON, and with the PYTHON that created it.
    assert _shell("unset PYTHON; sh scripts/try", set_up).returncode == 0
    assert _make_venv(set_up).returncode == 0
    assert (set_up / "venv" / "mine").exists()


def test_a_python_for_the_tests_is_found_or_named(set_up: Path) -> None:
    """The result for a Python release that is not installed or does not exist; nothing is installed."""
    for arguments, text in (
        ("--python 3.99", "no Python 3.99 was found: neither python3.99 on PATH nor one of pyenv or uv"),
        ("--python", "--python needs a release of Python like 3.12"),
        ("--python '3.12; touch made'", "--python needs a release of Python like 3.12"),
        ("--python 3.9", "3.9"),
    ):
        result = _shell(f"./scripts/test {arguments} --fast", set_up)
        assert (result.returncode, text in result.stderr) == (1, True), result.stderr
    assert not list(set_up.glob(".venv-test*"))
    assert not (set_up / "made").exists()


def test_a_python_of_uv_is_found(set_up: Path) -> None:
    """If it is neither on PATH nor from pyenv. An installation that does not run is skipped."""
    release = f"{sys.version_info.major}.{sys.version_info.minor}"
    broken = set_up / "uv" / f"cpython-{release}.0-linux" / "bin"
    good = set_up / "uv" / f"cpython-{release}.9-linux" / "bin"
    for directory in (broken, good):
        directory.mkdir(parents=True)
    (broken / "python").write_text("#!/bin/sh\nexit 127\n")
    (broken / "python").chmod(0o755)
    (good / "python").symlink_to(sys.executable)
    # A PATH without this Python.
    (set_up / "tools").mkdir()
    for name in ("sh", "dirname"):
        (set_up / "tools" / name).symlink_to(shutil.which(name) or "")
    (set_up / "scripts" / "try").write_text('. "$(dirname -- "$0")/lib.sh"\npython_release "$1"\n')
    variables = "PATH=$PWD/tools PYENV_ROOT=/nonexistent UV_PYTHON_INSTALL_DIR=$PWD/uv"
    found = _shell(f"{variables} sh scripts/try {release}", set_up)
    assert found.returncode == 0
    assert Path(found.stdout.strip()).resolve() == Path(sys.executable).resolve()


@pytest.mark.needs_module("xdist")
def test_the_tests_of_a_group_run_on_one_worker(tmp_path: Path) -> None:
    """A pytest that xdist does not fit leaves the groups without effect, and says nothing."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = xdist_group\n")
    (tmp_path / "test_group.py").write_text(
        "import pytest\n\n"
        "@pytest.mark.xdist_group('one')\n"
        "@pytest.mark.parametrize('number', range(6))\n"
        "def test_it(number): pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-v", "-n", "2", "--dist", "loadgroup"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    completed = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert completed.returncode == 0, completed.stdout
    assert re.findall(r"^\[(gw\d)\].*PASSED", completed.stdout, re.MULTILINE) in (["gw0"] * 6, ["gw1"] * 6)
