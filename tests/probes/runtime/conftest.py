"""Fixtures of the runtime tests. Every load happens in a child process, as it does in the tool."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.probes.runtime.driver import package_directory

#: Not needed for reading or compiling on CPU, and most of the package's bytes.
LEFT_OUT = {"include", "cmake", "__pycache__", "cache.json"}
LEFT_OUT_PLUGINS = ("libopenvino_intel_gpu", "libopenvino_intel_npu")

MakePackage = Callable[..., Path]


def _copy_file(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or a file of another user
        shutil.copyfile(source, target)


@pytest.fixture
def make_package(tmp_path: Path) -> Iterator[MakePackage]:
    """Make a copy of the installed package openvino in ``home/site`` below a directory for one user only.

    Called with ``c_library=False`` it lacks the C library. Returns ``home``; ``home/site`` is to be
    put on the module search path.
    """
    home = tmp_path / "home"

    def make(*, c_library: bool = True) -> Path:
        def left_out(_: str, names: list[str]) -> list[str]:
            return [
                name
                for name in names
                if name in LEFT_OUT
                or name.startswith(LEFT_OUT_PLUGINS)
                or (not c_library and name.startswith("libopenvino_c.so"))
            ]

        shutil.copytree(
            package_directory(),
            home / "site" / "openvino",
            ignore=left_out,
            copy_function=_copy_file,
        )
        home.chmod(0o700)
        return home

    yield make
    if home.exists():
        home.chmod(0o700)
        libraries = home / "site" / "openvino" / "libs"
        if libraries.exists():
            libraries.chmod(0o755)


@pytest.fixture(params=["c", "package"])
def package_path(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Module search path on which OpenVINO is found with, and without, its C library."""
    if request.param == "c":
        yield []
    else:
        make = request.getfixturevalue("make_package")
        yield [str(make(c_library=False) / "site")]
